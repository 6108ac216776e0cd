"""The skills: how recurring work is done with these tools, for hosts that load them (SEP-2640, both protocol eras).

Four come with the program; the operator's own stand in the folder `skills` beside config.toml, or in PO_MCP_SKILLS, and
one of the same name takes the place of ours. A skill is text: it reads nothing, writes nothing and approves nothing.
Files are read at each request, and none at the start.
Source: modelcontextprotocol/ext-skills, specification/stable/skills.mdx.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio.to_thread
from mcp.server.context import ServerRequestContext
from mcp.server.extension import Extension, MethodBinding
from mcp.server.lowlevel.helper_types import ReadResourceContents
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS, PaginatedRequestParams, ReadResourceRequestParams

from po_mcp.config import Settings
from po_mcp.erp import ERP

if TYPE_CHECKING:
    from po_mcp.server.skill_files import SkillFolder

SCHEME = "skill://"
_OURS = Path(__file__).parent.parent / "skills"
_READING = frozenset({"list", "get", "catalog"})
_CACHE = {"resultType": "complete", "ttlMs": 60_000, "cacheScope": "private"}
"""The operator may edit a skill while the server runs; digests are those of the files at each call."""
_log = logging.getLogger(__name__)


class Skills(Extension):
    """Serves the skills that this ERP and these settings leave their tools, with the digests of their files."""

    identifier = "io.modelcontextprotocol/skills"

    def __init__(self, erp: ERP, settings: Settings) -> None:
        self._folders = [_OURS, *([] if settings.skills is None else [Path(settings.skills)])]
        self._capabilities = erp.capabilities
        self._read_only = settings.read_only

    def methods(self) -> Sequence[MethodBinding]:
        """Return the two methods of the extension."""
        return [
            MethodBinding("skills/list", PaginatedRequestParams, self._list),
            MethodBinding("skills/get", ReadResourceRequestParams, self._get),
        ]

    async def read(self, uri: str) -> list[ReadResourceContents]:
        """Read a file of a skill.

        Raises:
            ResourceNotFoundError: no skill that is offered has it.
            ResourceError: it cannot be read now.
        """
        return [await anyio.to_thread.run_sync(self._read, uri)]

    async def _list(self, context: ServerRequestContext[Any, Any], params: PaginatedRequestParams) -> dict[str, Any]:
        return {"skills": list((await anyio.to_thread.run_sync(self._entries)).values()), **_CACHE}

    async def _get(self, context: ServerRequestContext[Any, Any], params: ReadResourceRequestParams) -> dict[str, Any]:
        entry = (await anyio.to_thread.run_sync(self._entries)).get(str(params.uri))
        if entry is None:
            raise MCPError(INVALID_PARAMS, "No such skill. See skills/list.")
        return {"skill": entry, **_CACHE}

    def _entries(self) -> dict[str, dict[str, Any]]:
        """Return the entry of each skill, by the address of its SKILL.md."""
        from po_mcp.server.skill_files import SkillNotRead  # late, for a quick start

        entries = {}
        for skill in self._find_offered():
            try:
                entries[skill.uri] = skill.entry()
            except SkillNotRead as exc:
                _log.warning("skill %s is not served: %s", skill.path, exc)
        return entries

    def _find_offered(self) -> list[SkillFolder]:
        from po_mcp.server.skill_files import SkillFolder, find_skills  # late, for a quick start

        found: dict[str, SkillFolder] = {}
        for skill in (skill for folder in self._folders for skill in find_skills(folder)):
            if isinstance(skill, SkillFolder):
                # The operator's folder is the last: a skill of theirs takes the place of ours.
                found[skill.name] = skill
            else:
                _log.warning("skill %s is not served: %s", *skill)
        return [skill for skill in found.values() if self._has_tools(skill)]

    def _has_tools(self, skill: SkillFolder) -> bool:
        return skill.needs <= self._capabilities and (skill.needs <= _READING or not self._read_only)

    def _read(self, uri: str) -> ReadResourceContents:
        """Return a file: as text where its bytes are UTF-8, so that the text's bytes are the file's."""
        from mimetypes import guess_type  # late, for a quick start

        path = self._find(uri)
        try:
            data = path.read_bytes()
        except OSError as exc:
            raise ResourceError("This file of a skill cannot be read now. Your administrator must look at it.") from exc
        mime_type = "text/markdown" if path.suffix == ".md" else guess_type(path.name)[0]
        try:
            return ReadResourceContents(data.decode("utf-8"), mime_type or "text/plain")
        except UnicodeDecodeError:
            return ReadResourceContents(data, mime_type or "application/octet-stream")

    def _find(self, uri: str) -> Path:
        for skill in self._find_offered():
            # Compared with what is listed, and never joined to a folder: no address leads out of it.
            if uri.startswith(f"{SCHEME}{skill.name}/"):
                for file in skill.files():
                    if file.uri == uri:
                        return file.path
        raise ResourceNotFoundError("No such file of a skill. See skills/list.")

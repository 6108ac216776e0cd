"""The skills: how recurring work is done with these tools, for hosts that load them (SEP-2640, both protocol eras).

Four come with the program; the operator's own stand in the folder `skills` beside config.toml, or in PO_MCP_SKILLS, and
one of the same name takes the place of ours. A skill is text: it reads nothing, writes nothing and approves nothing.
Source: modelcontextprotocol/ext-skills, specification/stable/skills.mdx.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from functools import partial
from mimetypes import guess_type
from pathlib import Path
from typing import Any

import anyio.to_thread
from mcp.server.context import ServerRequestContext
from mcp.server.extension import Extension, MethodBinding, ResourceBinding
from mcp.server.mcpserver.exceptions import ResourceError
from mcp.server.mcpserver.resources import FunctionResource
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS, PaginatedRequestParams, RequestParams

from po_mcp.config import Settings
from po_mcp.erp import ERP
from po_mcp.server.skill_files import SkillFile, SkillFolder, SkillNotRead, find_skills

_OURS = Path(__file__).parent.parent / "skills"
_READING = frozenset({"list", "get", "catalog"})
_CACHE = {"ttlMs": 60_000, "cacheScope": "private"}
"""The operator may edit a skill while the server runs; digests are those of the files at each call."""
_log = logging.getLogger(__name__)


class GetSkillParams(RequestParams):
    """The parameters of `skills/get`."""

    uri: str


class Skills(Extension):
    """Serves skills, with the digests of their files.

    Args:
        skills: the skills, each of another name.
    """

    identifier = "io.modelcontextprotocol/skills"

    def __init__(self, skills: Iterable[SkillFolder]) -> None:
        self._skills = {skill.uri: skill for skill in skills}

    def resources(self) -> Sequence[ResourceBinding]:
        """Return the files of all skills, read when they are asked for."""
        return [ResourceBinding(_resource(skill, file)) for skill in self._skills.values() for file in skill.files()]

    def methods(self) -> Sequence[MethodBinding]:
        """Return the two methods of the extension."""
        return [
            MethodBinding("skills/list", PaginatedRequestParams, self._list),
            MethodBinding("skills/get", GetSkillParams, self._get),
        ]

    async def _list(self, context: ServerRequestContext[Any, Any], params: PaginatedRequestParams) -> dict[str, Any]:
        entries = await anyio.to_thread.run_sync(self._entries)
        return {"resultType": "complete", "skills": entries, **_CACHE}

    def _entries(self) -> list[dict[str, Any]]:
        entries = []
        for skill in self._skills.values():
            try:
                entries.append(skill.entry())
            except SkillNotRead as exc:
                _log.warning("skill %s is not served: %s", skill.path, exc)
        return entries

    async def _get(self, context: ServerRequestContext[Any, Any], params: GetSkillParams) -> dict[str, Any]:
        skill = self._skills.get(params.uri)
        if skill is None:
            raise MCPError(INVALID_PARAMS, "There is no such skill here. Look at skills/list.")
        try:
            entry = await anyio.to_thread.run_sync(skill.entry)
        except SkillNotRead as exc:
            _log.warning("skill %s is not served: %s", skill.path, exc)
            raise MCPError(
                INVALID_PARAMS, "This skill cannot be read now. The operator must look at its files."
            ) from exc
        return {"resultType": "complete", "skill": entry, **_CACHE}


def find_offered(erp: ERP, settings: Settings) -> Skills:
    """Return the skills that this ERP and these settings can serve, the operator's before ours."""
    offered: dict[str, SkillFolder] = {}
    for folder in (_OURS, *([] if settings.skills is None else [Path(settings.skills)])):
        for found in find_skills(folder):
            if isinstance(found, SkillFolder):
                offered[found.name] = found
            else:
                _log.warning("skill %s is not served: %s", *found)
    return Skills(skill for skill in offered.values() if _is_offered(skill, erp, settings))


def _is_offered(skill: SkillFolder, erp: ERP, settings: Settings) -> bool:
    return skill.needs <= erp.capabilities and (skill.needs <= _READING or not settings.read_only)


def _resource(skill: SkillFolder, file: SkillFile) -> FunctionResource:
    is_main = file.uri == skill.uri
    name = skill.name if is_main else file.uri.removeprefix("skill://")
    mime_type = "text/markdown" if file.path.suffix == ".md" else guess_type(file.path.name)[0]
    return FunctionResource(
        uri=file.uri,
        name=name,
        description=skill.frontmatter["description"] if is_main else None,
        mime_type=mime_type or "application/octet-stream",
        fn=partial(_content, file.path),
    )


def _content(path: Path) -> str | bytes:
    """Return a file: as text where its bytes are UTF-8, so that the text's bytes are the file's."""
    try:
        data = path.read_bytes()
    except OSError as exc:
        raise ResourceError(f"{path.name} cannot be read now. Look at skills/list again.") from exc
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data

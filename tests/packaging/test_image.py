"""The image is built from its Dockerfile, without a container engine, and runs as a user without rights.

No registry of images is needed: Debian with its own Python stands in for the base image.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from po_mcp import __version__
from tests.packaging.make import ROOT

pytestmark = pytest.mark.packaging
DOCKERFILE = ROOT / "packaging" / "Dockerfile"
NETWORK_FILES = ("etc/resolv.conf", "etc/hosts", "etc/pip.conf", "etc/ssl/certs/ca-certificates.crt")
"""Files that lead this machine to its network, such as a proxy's certificate: in the base, never in the image."""
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "po_mcp", "packaging")
"""What the Dockerfile copies, of which a copy is the context of the build."""


def run(*command: str | Path) -> str:
    """Run a command, which must succeed; return its output."""
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout.strip()


class Buildah:
    """Buildah with a store of its own, and the containers' processes in a chroot."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, *arguments: str | Path) -> str:
        store = ("--storage-driver", "vfs", "--root", self._folder / "root", "--runroot", self._folder / "run")
        return run("buildah", *store, *arguments)

    def make_base(self, name: str) -> None:
        """Make a Debian with Python under the name of an image."""
        place = self._folder / "base"
        packages = "--include=python3,python3-venv,ca-certificates"
        run("debootstrap", "--variant=minbase", packages, "bookworm", place, "http://deb.debian.org/debian")
        (place / "usr" / "bin" / "python").symlink_to("python3")
        for file in NETWORK_FILES:
            if (Path("/") / file).exists():
                shutil.copy(Path("/") / file, place / file)
        container = self("from", "scratch")
        self("add", "-q", container, place, "/")
        self("commit", "-q", container, name)
        self("rm", container)


@pytest.fixture(scope="module")
def container(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Buildah, str]]:
    """Buildah, and the name of a container of the image that it has built."""
    assert shutil.which("buildah"), "buildah is not installed"
    assert shutil.which("debootstrap"), "debootstrap is not installed"
    assert os.geteuid() == 0, "debootstrap and buildah's chroot are root's"
    folder = tmp_path_factory.mktemp("image")
    buildah = Buildah(folder)
    for name in set(re.findall(r"^FROM (\S+)", DOCKERFILE.read_text(encoding="utf-8"), re.MULTILINE)):
        buildah.make_base(f"docker.io/library/{name}")
    sources = folder / "sources"
    sources.mkdir()
    for name in SOURCES:
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, sources / name)
    how = ("--isolation", "chroot", "--pull-never", "--network", "host", "--build-arg", "EXTRAS=serve,postgres,otel")
    buildah("bud", *how, "-f", sources / "packaging" / "Dockerfile", "-t", "po-mcp", sources)
    made = buildah("from", "--pull-never", "localhost/po-mcp")
    yield buildah, made
    shutil.rmtree(folder, ignore_errors=True)


def test_the_image_is_built_and_runs_as_a_user_without_rights(container: tuple[Buildah, str]) -> None:
    buildah, made = container

    def inside(*command: str) -> str:
        return buildah("run", "--isolation", "chroot", made, "--", *command)

    assert inside("/opt/po-mcp/bin/po-mcp", "--version") == f"po-mcp, version {__version__}"
    assert inside("id", "-u") == inside("stat", "-c", "%u", "/data") == "10001"
    assert inside("sh", "-c", "touch /opt/po-mcp/x 2>/dev/null || echo refused") == "refused"
    assert "7 calls" in inside("/opt/po-mcp/bin/po-mcp", "demo")
    assert inside("/opt/po-mcp/bin/python", "-c", "import uvloop, httptools, psycopg, psycopg_pool; print(1)") == "1"

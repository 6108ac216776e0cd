"""What people and CI run is one and the same, and CI runs what the project says that it supports."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from .package_copy import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
CI = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
RELEASE = (ROOT / ".github" / "workflows" / "release.yml").read_text(encoding="utf-8")
CHECK = (ROOT / "scripts" / "check").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_ci_tests_each_python_that_the_project_names() -> None:
    [matrix] = re.findall(r"python: \[(.+)\]", CI)
    named = [name.rpartition(" ")[2] for name in PROJECT["classifiers"] if re.search(r"Python :: 3\.\d+$", name)]

    assert re.findall(r'"([\d.]+)"', matrix) == named
    assert PROJECT["requires-python"] == f">={named[0]}"


def test_ci_installs_the_wheel_and_the_bundle_as_people_do() -> None:
    """The tier `packaging` needs npm and the network, so that no other command runs it."""
    assert "python -m pytest -m packaging -n 0 tests/packaging" in CI


def test_lint_is_one_command_for_people_ci_and_commits() -> None:
    for path in (".ci/run", ".github/workflows/ci.yml", ".pre-commit-config.yaml", "CONTRIBUTING.md"):
        assert "scripts/check lint" in (ROOT / path).read_text(encoding="utf-8"), path


def test_every_command_that_is_run_or_written_is_one_of_the_checks() -> None:
    offered = set(re.findall(r"^(\w+)\(\) \{$", CHECK, re.MULTILINE))
    paths = [*WORKFLOWS, ROOT / ".ci/run", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
    named = {name for path in paths for name in re.findall(r"scripts/check (\w+)", path.read_text(encoding="utf-8"))}

    assert offered == {"lint", "tests", "coverage", "audit"}
    assert named == offered


def test_an_unknown_check_ends_with_2_and_names_the_known_ones() -> None:
    run = subprocess.run([ROOT / "scripts" / "check", "nothing"], capture_output=True, text=True, timeout=60)

    assert run.returncode == 2
    assert all(f"scripts/check {name}" in run.stdout for name in ("lint", "tests", "coverage", "audit"))
    assert os.access(ROOT / "scripts" / "check", os.X_OK)


@pytest.mark.parametrize(
    ("said", "ends", "status", "reported"),
    [
        ("No known vulnerabilities found", 0, 0, ""),
        ("Found 1 known vulnerability in 1 package", 1, 1, ""),
        ("ERROR:pip_audit._cli:Could not connect to PyPI", 1, 3, "known weaknesses were NOT looked for"),
        (None, 0, 2, "pip install -e '.[dev,check]'"),
    ],
)
def test_an_audit_that_could_not_look_says_so(
    tmp_path: Path, said: str | None, ends: int, status: int, reported: str
) -> None:
    (tmp_path / "scripts").mkdir()
    (tmp_path / "bin").mkdir()
    shutil.copy(ROOT / "scripts" / "check", tmp_path / "scripts")
    programs = {"pip-licenses": "exit 0", "pip-audit": f"echo '{said}' >&2; exit {ends}", "python": "exit 0"}
    for name, line in programs.items():
        if said is not None or name == "python":
            (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{line}\n")
            (tmp_path / "bin" / name).chmod(0o755)
    run = subprocess.run(
        [tmp_path / "scripts" / "check", "audit"],
        env={"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert run.returncode == status
    assert reported in run.stderr
    assert (said or "") in run.stdout


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_an_action_is_pinned_and_a_workflow_may_only_read(path: os.PathLike[str]) -> None:
    with open(path, encoding="utf-8") as file:
        text = file.read()

    actions = re.findall(r"uses: (\S+)( # v[\d.]+)?", text)
    assert actions
    assert [action for action, version in actions if not (re.search(r"@[0-9a-f]{40}$", action) and version)] == []
    assert "\npermissions:\n  contents: read\n" in text


def test_a_release_is_published_by_its_own_job_after_a_person_and_without_a_secret() -> None:
    build, _, publish = RELEASE.partition("\n  publish:")

    assert "gh-action-pypi-publish" not in build
    assert "\n    environment: pypi\n" in publish
    assert "needs: build" in publish
    assert "secrets." not in RELEASE


def test_a_release_builds_and_attests_package_bundle_and_list_of_packages() -> None:
    for step in ("packaging/make.py stamp", "python -m build", "cyclonedx-py", "mcpb@", "attest-build-provenance"):
        assert step in RELEASE

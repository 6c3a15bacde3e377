"""`make release`: what may be released, and what is written about what was built."""

import hashlib
import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

import frontdesk
from scripts.release import Refused, check, checksums, notes, statement

_NOTES = "# Changelog\n\n## 1.2.3 - 2026-11-23\n\n- Something.\n\n### Upgrading\n\nNothing.\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    _git(tmp_path, "init", "--quiet")
    (tmp_path / "CHANGELOG.md").write_text(_NOTES, encoding="utf-8")
    _commit(tmp_path)
    return tmp_path


def test_clean_tree_with_notes_may_be_released(tree: Path) -> None:
    check(tree, "1.2.3")


def test_change_that_is_in_no_commit_is_refused(tree: Path) -> None:
    (tree / "new.py").write_text("", encoding="utf-8")
    with pytest.raises(Refused, match=r"in no commit:\n\?\? new.py"):
        check(tree, "1.2.3")


def test_version_that_is_tagged_is_refused(tree: Path) -> None:
    _git(tree, "tag", "v1.2.3")
    with pytest.raises(Refused, match="tagged already"):
        check(tree, "1.2.3")
    (tree / "CHANGELOG.md").write_text(_NOTES.replace("1.2.3", "1.2.4"), encoding="utf-8")
    _commit(tree)
    check(tree, "1.2.4")


@pytest.mark.parametrize(
    "heading", ["## Unreleased", "## 1.2.30 - 2026-11-23", "## 1.2.3", "## 1.2.3 - soon"]
)
def test_version_without_notes_is_refused(tree: Path, heading: str) -> None:
    (tree / "CHANGELOG.md").write_text(f"# Changelog\n\n{heading}\n", encoding="utf-8")
    _commit(tree)
    with pytest.raises(Refused, match=r"rename `## Unreleased` to `## 1.2.3 - "):
        check(tree, "1.2.3")


@pytest.mark.parametrize(
    "upgrading", ["", "### Upgrading\n", "## 1.2.2 - 2026-01-01\n\n### Upgrading\n\nNothing.\n"]
)
def test_version_that_does_not_say_how_to_upgrade_is_refused(tree: Path, upgrading: str) -> None:
    text = f"# Changelog\n\n## 1.2.3 - 2026-11-23\n\n- Something.\n\n{upgrading}"
    (tree / "CHANGELOG.md").write_text(text, encoding="utf-8")
    _commit(tree)
    with pytest.raises(Refused, match="what that asks for"):
        check(tree, "1.2.3")


def test_notes_are_the_versions_own(tree: Path) -> None:
    (tree / "CHANGELOG.md").write_text(_NOTES + "\n## 1.2.2 - 2026-01-01\n\n- Another.\n", encoding="utf-8")
    assert notes(tree, "1.2.3") == _NOTES.removeprefix("# Changelog\n\n") + "\n"


@pytest.mark.parametrize("version", ["1.2", "1.2.3.dev4", "dev", "1.2.3+local", ""])
def test_version_that_is_no_releases_is_refused(tree: Path, version: str) -> None:
    with pytest.raises(Refused, match="is no release's"):
        check(tree, version)


def test_version_of_the_program_can_be_a_releases(tree: Path) -> None:
    (tree / "CHANGELOG.md").write_text(_NOTES.replace("1.2.3", frontdesk.__version__), encoding="utf-8")
    _commit(tree)
    check(tree, frontdesk.__version__)


def test_checksums_are_what_sha256sum_reads(tmp_path: Path) -> None:
    (tmp_path / "a.whl").write_bytes(b"wheel")
    (tmp_path / "b.json").write_bytes(b"{}")
    (tmp_path / "SHA256SUMS").write_text(checksums(tmp_path), encoding="ascii")
    assert "SHA256SUMS" not in checksums(tmp_path)
    subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=tmp_path, check=True, capture_output=True
    )
    (tmp_path / "a.whl").write_bytes(b"another")
    assert (
        subprocess.run(["sha256sum", "--check", "SHA256SUMS"], cwd=tmp_path, capture_output=True).returncode
        == 1
    )


def test_provenance_names_commit_inputs_and_products_by_digest() -> None:
    digest = hashlib.sha256(b"x").hexdigest()
    began = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    made = statement(
        version="1.2.3",
        commit="c0ffee",
        inputs={"requirements.txt": digest},
        bases={"python:3.13-slim": digest},
        products={"frontdesk-1.2.3-py3-none-any.whl": digest, "frontdesk:1.2.3": digest},
        began=began,
        ended=began,
        builder="https://ci.example.org/job/1",
    )
    told = json.loads(json.dumps(made))
    assert told["_type"] == "https://in-toto.io/Statement/v1"
    assert told["predicateType"] == "https://slsa.dev/provenance/v1"
    assert {one["name"]: one["digest"]["sha256"] for one in told["subject"]} == {
        "frontdesk-1.2.3-py3-none-any.whl": digest,
        "frontdesk:1.2.3": digest,
    }
    definition = told["predicate"]["buildDefinition"]
    assert definition["externalParameters"] == {"version": "1.2.3", "commit": "c0ffee"}
    assert {one["uri"] for one in definition["resolvedDependencies"]} == {
        "git+frontdesk",
        "requirements.txt",
        "docker-image:python:3.13-slim",
    }
    details = told["predicate"]["runDetails"]
    assert details["builder"]["id"] == "https://ci.example.org/job/1"
    assert details["metadata"] == {"startedOn": "2026-11-23T12:00:00Z", "finishedOn": "2026-11-23T12:00:00Z"}


def _commit(tree: Path) -> None:
    _git(tree, "add", "--all")
    _git(tree, "commit", "--quiet", "--message", "Change")


def _git(tree: Path, *words: str) -> None:
    who = ["-c", "user.name=Alice", "-c", "user.email=alice@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *words], cwd=tree, check=True, capture_output=True)

"""`make release`: wheel, images, bill of materials, notes, checksums and provenance of this version, in dist/.

Refused, before anything is built: a tree with changes, a version that is tagged already, or one that CHANGELOG.md
doesn't know. docs/releasing.md says what comes before and after. Exit codes: 0 built; 2 refused; 1 a build failed.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from frontdesk import __version__

_IMAGES = ("frontdesk", "frontdesk-edge", "frontdesk-db", "frontdesk-goss")
_BASES = re.compile(r"^ARG \w+_IMAGE=(\S+)$", re.MULTILINE)
_INPUTS = ("Dockerfile", "requirements.txt", "requirements-build.txt", "pyproject.toml")


class Refused(Exception):
    """Why this can't be released."""


def check(root: Path, version: str) -> None:
    """Raise Refused unless the tree at `root` may be released as `version`."""
    if not re.fullmatch(r"\d+\.\d+\.\d+(?:[-.]?(?:a|b|rc)\.?\d+)?", version):
        raise Refused(f"frontdesk/__init__.py says version {version}, which is no release's")
    changed = _git(root, "status", "--porcelain")
    if changed:
        raise Refused(f"the tree has changes that are in no commit:\n{changed}")
    if _git(root, "tag", "--list", f"v{version}"):
        raise Refused(f"v{version} is tagged already: say a new version in frontdesk/__init__.py")
    notes(root, version)


def notes(root: Path, version: str) -> str:
    """The changelog's entry of `version`; Refused if it has none, or doesn't say what upgrading asks for."""
    text = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    heading = rf"^## {re.escape(version)} [–-] \d{{4}}-\d{{2}}-\d{{2}}$"
    found = re.search(rf"{heading}.*?(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    if not found:
        today = f"{datetime.now(UTC):%Y-%m-%d}"
        raise Refused(f"CHANGELOG.md has no entry for it: rename `## Unreleased` to `## {version} - {today}`")
    if not re.search(r"^### Upgrading\n+\S", found[0], re.MULTILINE):
        raise Refused(f"CHANGELOG.md doesn't say under {version}, `### Upgrading`, what that asks for")
    return found[0]


def statement(
    *,
    version: str,
    commit: str,
    inputs: dict[str, str],
    bases: dict[str, str],
    products: dict[str, str],
    began: datetime,
    ended: datetime,
    builder: str,
) -> dict[str, object]:
    """An in-toto statement (v1) with SLSA provenance (v1): which inputs, by digest, made which products.

    All digests are SHA-256 in hex but the commit's, which is git's. It isn't signed: whoever publishes it signs it.
    """
    dependencies = [{"uri": "git+frontdesk", "digest": {"gitCommit": commit}}]
    dependencies += [{"uri": name, "digest": {"sha256": digest}} for name, digest in sorted(inputs.items())]
    dependencies += [
        {"uri": f"docker-image:{name}", "digest": {"sha256": digest}}
        for name, digest in sorted(bases.items())
    ]
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [
            {"name": name, "digest": {"sha256": digest}} for name, digest in sorted(products.items())
        ],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "make-release/1",
                "externalParameters": {"version": version, "commit": commit},
                "resolvedDependencies": dependencies,
            },
            "runDetails": {
                "builder": {"id": builder},
                "metadata": {"startedOn": _time(began), "finishedOn": _time(ended)},
            },
        },
    }


def checksums(folder: Path) -> str:
    """What `sha256sum --check` reads, of every file in `folder`."""
    files = sorted(file for file in folder.iterdir() if file.is_file() and file.name != "SHA256SUMS")
    return "".join(f"{_sha256(file)}  {file.name}\n" for file in files)


def main() -> int:
    root = Path(__file__).parent.parent
    try:
        check(root, __version__)
        build(root, __version__)
    except Refused as refused:
        print(f"Not released: {refused}", file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as error:
        print(
            f"Not released: {' '.join(map(str, error.cmd[:4]))} failed: {(error.stderr or '').strip()[-800:]}",
            file=sys.stderr,
        )
        return 1
    return 0


def build(root: Path, version: str) -> None:
    """Build everything into dist/, which is emptied first, and say what was built."""
    dist = root / "dist"
    dist.mkdir(exist_ok=True)
    for old in dist.iterdir():
        if old.is_file():
            old.unlink()
    began = datetime.now(UTC)
    # `make release VERSION=x` must not name the images otherwise than the wheel.
    environment = {
        name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKEOVERRIDES")
    }
    for target in ("image", "sbom", "wheel"):
        print(f"make {target}", flush=True)
        command = ["make", "--no-print-directory", target, f"VERSION={version}"]
        subprocess.run(command, cwd=root, env=environment, check=True, stderr=subprocess.PIPE, text=True)
    (dist / f"frontdesk-{version}.notes.md").write_text(notes(root, version), encoding="utf-8")
    products = {file.name: _sha256(file) for file in sorted(dist.iterdir()) if file.is_file()}
    products |= {f"{name}:{version}": _image_id(f"{name}:{version}") for name in _IMAGES}
    bases = {
        name: _image_id(name) for name in _BASES.findall((root / "Dockerfile").read_text(encoding="utf-8"))
    }
    commit = _git(root, "rev-parse", "HEAD")
    made = statement(
        version=version,
        commit=commit,
        inputs={name: _sha256(root / name) for name in _INPUTS},
        bases=bases,
        products=products,
        began=began,
        ended=datetime.now(UTC),
        builder=os.environ.get("BUILD_URL") or "make release by hand",
    )
    (dist / f"frontdesk-{version}.provenance.json").write_text(
        json.dumps(made, indent=1) + "\n", encoding="utf-8"
    )
    (dist / "SHA256SUMS").write_text(checksums(dist), encoding="ascii")
    print(f"\nFrontdesk {version}, from {commit}:")
    for name, digest in products.items():
        print(f"  {digest[:16]}  {name}")
    print(
        f"dist/ has the files, SHA256SUMS and the provenance. Next: git tag v{version}; make push VERSION={version}"
    )


def _git(root: Path, *words: str) -> str:
    return subprocess.run(
        ["git", *words], cwd=root, check=True, capture_output=True, text=True
    ).stdout.strip()


def _image_id(name: str) -> str:
    words = ["docker", "image", "inspect", "--format", "{{.Id}}", name]
    return (
        subprocess.run(words, check=True, capture_output=True, text=True)
        .stdout.strip()
        .removeprefix("sha256:")
    )


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _time(when: datetime) -> str:
    return f"{when:%Y-%m-%dT%H:%M:%SZ}"


if __name__ == "__main__":
    sys.exit(main())

"""`make audit`: what PyPI's advisories say of the pinned packages in the image (requirements.txt), by pip-audit.

Exit codes: 0 every package was audited, and nothing is known against them; 1 otherwise. Where no advisories can be
reached, such as behind a mirror of PyPI, UNAUDITED=accepted makes that a 0: somebody's decision, and still said.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

_COMMAND = [
    "--progress-spinner",
    "off",
    "--disable-pip",
    "--require-hashes",
    "--format",
    "json",
    "-r",
    "requirements.txt",
]


def main() -> int:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("pip-audit")), *_COMMAND],
        cwd=Path(__file__).parent.parent, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if reports := os.environ.get("REPORTS"):
        Path(reports).mkdir(parents=True, exist_ok=True)
        (Path(reports) / "audit.json").write_text(done.stdout, encoding="utf-8")
    return judge(done.stdout, done.stderr, accepted=os.environ.get("UNAUDITED") == "accepted")


def judge(report: str, complaint: str, *, accepted: bool) -> int:
    """Say what pip-audit's JSON `report`, or its `complaint` instead of one, means; the exit code."""
    try:
        packages = json.loads(report)["dependencies"]
    except (ValueError, KeyError):
        packages = []
    known = [(one, advisory) for one in packages for advisory in one.get("vulns", [])]
    for one, advisory in known:
        fixed = ", ".join(advisory["fix_versions"]) or "none yet"
        print(f"{one['name']} {one['version']}: {advisory['id']}, fixed in {fixed}")
    skipped = [one["skip_reason"] for one in packages if "skip_reason" in one]
    print(f"{len(packages) - len(skipped)} of {len(packages)} packages audited, {len(known)} advisories.")
    if packages and not skipped:
        return 1 if known else 0
    why = skipped[0] if skipped else (complaint.strip().splitlines() or ["pip-audit says nothing"])[-1]
    print(f"NOT AUDITED, the first because of: {why[:300]}")
    if accepted:
        print("UNAUDITED=accepted, so this is no failure.")
    return 1 if known or not accepted else 0


if __name__ == "__main__":
    sys.exit(main())

"""sbom.py PYTHON FILE: write the CycloneDX bill of materials of that environment, and of Debian's packages below it."""

import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

_FIELDS = "${binary:Package}\t${Version}\t${Architecture}\t${db:Status-Status}\n"


def main(python: str, target: Path) -> None:
    tool = Path(sys.executable).with_name("cyclonedx-py")
    made = subprocess.run(
        [tool, "environment", "--output-reproducible", "--of", "JSON", python],
        check=True,
        stdout=subprocess.PIPE,
    )
    bill = json.loads(made.stdout)
    known = {component["name"]: component for component in bill["components"]}
    # What the bill is of: the service is no part of itself.
    bill["metadata"]["component"] = known["frontdesk"] | {"type": "application"}
    bill["components"] = [part for part in bill["components"] if part["name"] != "frontdesk"]
    bill["components"] += sorted(_debian(), key=lambda part: part["bom-ref"])
    target.write_text(json.dumps(bill, indent=1, sort_keys=True) + "\n")


def _debian() -> list[dict[str, str]]:
    listed = subprocess.run(
        ["dpkg-query", "--admindir", "/rootfs-dpkg", "-W", "-f", _FIELDS],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    parts = []
    for line in listed.stdout.splitlines():
        name, version, architecture, status = line.split("\t")
        if status == "installed":
            name = name.partition(":")[0]
            address = f"pkg:deb/debian/{name}@{quote(version)}?arch={architecture}"
            parts.append(
                {"type": "library", "name": name, "version": version, "purl": address, "bom-ref": address}
            )
    return parts


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))

"""`pretend_kubectl.py KUBECTL FOLDER …`: a kubectl with a cluster in a folder, in which all that is told is so at once.

FOLDER/jobs has a file a Job, with the condition that it has; FOLDER/fails is the name of one that fails. FOLDER/before
says that there's a version before. FOLDER/silent has a line `COMMAND WORD TIMES` for what isn't answered that often.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

import yaml

Object = dict[str, Any]


def main(real: str, folder: Path, words: list[str]) -> int:
    if words[0] == "kustomize":
        os.execv(real, ["kubectl", *words])
    if _is_silent(folder, words):
        # The first lines differ each time.
        print(
            f"E1128 12:00:00.{os.getpid()} {os.getpid()} memcache.go:265] couldn't get the list",
            file=sys.stderr,
        )
        print("Unable to connect to the server: net/http: TLS handshake timeout", file=sys.stderr)
        return 1
    told = [one for one in yaml.safe_load_all(sys.stdin) if one]
    jobs = folder / "jobs"
    jobs.mkdir(exist_ok=True)
    match words[:2]:
        case ["apply", _]:
            fails = (folder / "fails").read_text() if (folder / "fails").exists() else ""
            for name in (one["metadata"]["name"] for one in told if one["kind"] == "Job"):
                # One that is there stays as it is.
                if not (jobs / name).exists():
                    (jobs / name).write_text("Failed" if name == fails else "Complete")
        case ["delete", "job"]:
            (jobs / words[2]).unlink(missing_ok=True)
        case ["get", "--filename"]:
            for one in told:
                one["spec"] = {"replicas": 2, **one.get("spec", {})}
            print(json.dumps({"items": told if (folder / "before").exists() else []}))
        case ["get", "job"] if (jobs / words[2]).exists():
            condition = {"type": (jobs / words[2]).read_text(), "status": "True", "message": "so"}
            print(json.dumps({"status": {"conditions": [condition]}}))
        case ["get", "deployment"]:
            print(json.dumps(_deployment()))
        case ["get", "pods"]:
            print(json.dumps({"items": []}))
        case _:
            pass
    return 0


def _is_silent(folder: Path, words: list[str]) -> bool:
    file = folder / "silent"
    left = [line.split() for line in file.read_text().splitlines()] if file.exists() else []
    for line in left:
        if line[:2] == words[:2] and int(line[2]) > 0:
            line[2] = str(int(line[2]) - 1)
            file.write_text("".join(f"{' '.join(one)}\n" for one in left))
            return True
    return False


def _deployment() -> Object:
    status = {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2}
    return {"metadata": {"generation": 1}, "spec": {"replicas": 2}, "status": status}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:]))

"""The controller's process, as the image runs it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("kubeconfig", "said"),
    [
        (None, "there's no cluster: set KUBECONFIG, or run this in a pod with a service account"),
        ("", "KUBECONFIG can't be read: Current context is not set"),
        ("a: [", "KUBECONFIG can't be read"),
    ],
)
def test_without_a_cluster_it_ends_in_a_line(tmp_path: Path, kubeconfig: str | None, said: str) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    if kubeconfig is not None:
        (tmp_path / "config").write_text(kubeconfig)
        environment["KUBECONFIG"] = str(tmp_path / "config")
    done = subprocess.run(
        [Path(sys.executable).parent / "frontdesk-operator", "run", "--port", "18099"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr

"""One stack for all tests that put up with each other."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.report import Report
from tests.e2e.stack import Stack, fresh_clone, new_stack


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # Not skipped: whoever asks for these tests and has no Docker must not be told that all is well.
    assert shutil.which("docker"), "these tests need a Docker Engine, and docker compose"
    return fresh_clone(tmp_path_factory.mktemp("clone"))


@pytest.fixture(scope="session")
def fresh_stack(clone: Path) -> Iterator[Stack]:
    """As it is after `docker compose up --build --wait` on a clone, with nothing else done."""
    with new_stack(clone, "") as stack:
        stack.up("--build")
        yield stack


@pytest.fixture(scope="session")
def stack(fresh_stack: Stack) -> Stack:
    """The same, ready for a load from one address."""
    fresh_stack.files = ("tests/e2e/compose.yaml",)
    fresh_stack.up()
    return fresh_stack


@pytest.fixture
def whole(stack: Stack) -> Stack:
    """The same, with every container running, whatever the test before did."""
    stack.up()
    return stack


def show(title: str, report: Report) -> None:
    """Write what a load found where people see it, also if the test passes: docs/reliability.md is made of it."""
    print(f"\n--- {title}\n{report.table()}", file=sys.__stderr__)
    if folder := os.environ.get("E2E_REPORTS"):
        Path(folder, f"{title.replace(' ', '-')}.json").write_text(report.as_json() + "\n", encoding="utf-8")

"""What is compiled for the image is what these tests run."""

import importlib
from importlib.machinery import EXTENSION_SUFFIXES

import pytest

from tests.compiled import compiled
from tests.stack import ROOT

pytestmark = pytest.mark.compiled


@pytest.mark.parametrize("name", compiled())
def test_it_is_machine_code(name: str) -> None:
    file = importlib.import_module(name).__file__
    assert file is not None
    assert file.startswith(str(ROOT / "build/compiled/"))
    assert file.endswith(tuple(EXTENSION_SUFFIXES))

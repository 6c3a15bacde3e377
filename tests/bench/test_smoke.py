"""The comparison of `make bench-smoke` with earlier runs; what it measures, `make bench` measures too."""

import json
from pathlib import Path

import pytest

from bench.smoke import judge, machine, read, table

_NOW = {"checks": (1000.0, "/s", True), "start": (1.0, "s", False)}


def _failed(earlier: list[dict[str, float]], now: dict[str, tuple[float, str, bool]] = _NOW) -> set[str]:
    return {one.name for one in judge(now, earlier, 1.5) if one.failed}


def test_first_run_holds() -> None:
    assert _failed([]) == set()


def test_fewer_answers_or_more_seconds_beyond_the_factor_are_a_regression() -> None:
    assert _failed([{"checks": 1490, "start": 0.7}]) == set()
    assert _failed([{"checks": 1510, "start": 0.7}]) == {"checks"}
    assert _failed([{"checks": 1490, "start": 0.6}]) == {"start"}


def test_better_is_never_a_regression() -> None:
    assert _failed([{"checks": 10, "start": 100}]) == set()


def test_one_lucky_run_before_isnt_what_all_are_held_against() -> None:
    assert _failed([{"checks": 1000}, {"checks": 9000}, {"checks": 1000}]) == set()


def test_nothing_answered_is_a_regression_even_the_first_time() -> None:
    assert _failed([], {"checks": (0.0, "/s", True)}) == {"checks"}


def test_table_says_what_failed() -> None:
    text = table(judge(_NOW, [{"checks": 3000, "start": 1}], 1.5), 1.5)
    assert "| checks | 1,000 /s | 3,000 /s | 3.00 | regression (> 1.5) |" in text
    assert "| start | 1.00 s | 1.00 s | 1.00 | holds |" in text


def test_figures_of_another_machine_are_left_alone(tmp_path: Path) -> None:
    history = tmp_path / "bench-smoke.json"
    assert read(history) == []
    history.write_text(json.dumps({"machine": "another", "runs": [{"checks": 1}]}), encoding="utf-8")
    assert read(history) == []
    history.write_text(json.dumps({"machine": machine(), "runs": [{"checks": 1}]}), encoding="utf-8")
    assert read(history) == [{"checks": 1}]


@pytest.mark.parametrize("text", ["", "[]", '{"runs": 3}', "{"])
def test_file_that_holds_something_else_is_said(tmp_path: Path, text: str) -> None:
    history = tmp_path / "bench-smoke.json"
    history.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"Expecting|not a list"):
        read(history)

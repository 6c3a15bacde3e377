"""How often somebody may search."""

import pytest

from frontdesk.accounts.meter import Meter
from frontdesk.errors import Throttled


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


def test_lets_a_minutes_worth_through_at_once_and_then_waits() -> None:
    clock = Clock()
    meter = Meter(60, now=clock)
    for _ in range(60):
        meter.charge("alice")
    with pytest.raises(Throttled) as refused:
        meter.charge("alice")
    assert refused.value.retry_after == 1
    clock.time += refused.value.retry_after
    meter.charge("alice")
    with pytest.raises(Throttled):
        meter.charge("alice")


def test_a_refused_question_costs_nothing() -> None:
    clock = Clock()
    meter = Meter(60, now=clock)
    for _ in range(60):
        meter.charge("alice")
    for _ in range(100):
        with pytest.raises(Throttled):
            meter.charge("alice")
    clock.time += 1
    meter.charge("alice")


def test_fills_up_again_to_a_minutes_worth_and_not_beyond() -> None:
    clock = Clock()
    meter = Meter(60, now=clock)
    clock.time += 3600
    for _ in range(60):
        meter.charge("alice")
    with pytest.raises(Throttled):
        meter.charge("alice")


def test_counts_each_subject_by_itself_and_some_for_more() -> None:
    meter = Meter(10, now=Clock())
    for _ in range(10):
        meter.charge("alice")
    meter.charge("bob")
    for _ in range(100):
        meter.charge("office", times=10)
    with pytest.raises(Throttled):
        meter.charge("office", times=10)


def test_knows_only_so_many_subjects() -> None:
    meter = Meter(1, now=Clock())
    for number in range(10_001):
        meter.charge(str(number))
    meter.charge("0")
    with pytest.raises(Throttled):
        meter.charge("10000")

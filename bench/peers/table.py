"""Peers side by side, and how far ahead of each Frontdesk is."""

import math
from collections.abc import Callable
from typing import NamedTuple

from bench.peers.measure import GIVEN_UP
from bench.report import Figure, number

Figures = dict[str, Figure]


class Row(NamedTuple):
    """`ahead`: of (ours, theirs), how many times better ours is."""

    key: str
    name: str
    unit: str
    ahead: Callable[[float, float], float] | None = None


def _more(ours: float, theirs: float) -> float:
    return ours / theirs if theirs else math.inf


def _less(ours: float, theirs: float) -> float:
    return theirs / ours if ours else math.inf


ROWS = [
    Row("hashes", "its own hash alone, in a loop", "/s"),
    Row("logins", "logins, 8 clients", "/s", _more),
    Row("logins ÷ hashes", "logins ÷ its own hash's limit", "", _more),
    Row("checks", "session checks, 64 connections", "/s", _more),
    Row("quiet", "session check p99, quiet", "ms", _less),
    Row("storm", "session check p99, 256 clients logging in", "ms", _less),
    Row("storm ÷ quiet", "session check p99 in the storm ÷ quiet", "×", _less),
    Row("storm errors", f"session checks lost in the storm, or later than {GIVEN_UP:.0f} s", "%"),
    Row("other errors", "errors without a storm", ""),
]


def comparison(peers: dict[str, Figures]) -> str:
    """Markdown: a column for each of `peers`, of which the first is ours."""
    lines = ["| | " + " | ".join(peers) + " |", "| --- |" + " ---: |" * len(peers)]
    ours, *others = peers.values()
    for row in ROWS:
        cells = [_cell(row, figures[row.key]) for figures in peers.values()]
        name = f"{row.name}, {row.unit}" if row.unit else row.name
        lines.append(f"| {name} | {' | '.join(cells)} |")
        if row.ahead is not None and others:
            verdicts = [_verdict(row, ours, theirs) for theirs in others]
            lines.append(f"| … Frontdesk beside it | | {' | '.join(verdicts)} |")
    return "\n".join(lines)


def _cell(row: Row, figure: Figure) -> str:
    given_up = row.key == "storm" and _given_up(figure)
    value = (
        f"≥ {number(GIVEN_UP * 1000)}"
        if given_up
        else f"{'~' if figure.moved else ''}{number(figure.median)}"
    )
    low, high = number(min(figure.values)), number(max(figure.values))
    return value if given_up or low == high else f"{value} ({low} to {high})"


def _verdict(row: Row, ours: Figures, theirs: Figures) -> str:
    assert row.ahead is not None
    times = row.ahead(ours[row.key].median, theirs[row.key].median)
    if round(times, 2) == 1:
        return "the same"
    # What was given up would have taken longer.
    least = "at least " if row.key.startswith("storm") and _given_up(theirs["storm"]) else ""
    return f"{least}**{number(times)} ×** ahead" if times > 1 else f"{number(1 / times)} × behind"


def _given_up(figure: Figure) -> bool:
    return figure.median >= GIVEN_UP * 1000

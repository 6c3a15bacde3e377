"""The table that a bench prints, and its place in docs/performance.md."""

import re
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "performance.md"


@dataclass
class Figure:
    """One row: its values of all runs, and what it should be."""

    name: str
    unit: str
    values: list[float]
    target: str = ""
    reached: Callable[[float], bool] | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def moved(self) -> bool:
        """Whether the runs are more than 20 % apart."""
        return max(self.values) - min(self.values) > 0.2 * abs(self.median)


def table(figures: list[Figure]) -> str:
    """Markdown; ~ marks figures whose runs were more than 20 % apart."""
    lines = ["| figure | median | runs | to reach | |", "| --- | ---: | ---: | --- | --- |"]
    for figure in figures:
        verdict = (
            "" if figure.reached is None else "reached" if figure.reached(figure.median) else "**missed**"
        )
        value = f"{'~' if figure.moved else ''}{number(figure.median)} {figure.unit}".strip()
        span = f"{number(min(figure.values))} to {number(max(figure.values))}"
        lines.append(f"| {figure.name} | {value} | {span} | {figure.target} | {verdict} |")
    return "\n".join(lines)


def write_section(title: str, text: str) -> None:
    """Replace the section `title` of docs/performance.md, or add it."""
    page = PAGE.read_text(encoding="utf-8") if PAGE.exists() else "# Performance\n"
    section = f"## {title}\n\n{text.strip()}\n"
    pattern = re.compile(rf"^## {re.escape(title)}\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
    page, found = pattern.subn(lambda _: section + "\n", page)
    if not found:
        page = page.rstrip() + "\n\n" + section
    PAGE.write_text(page.rstrip() + "\n", encoding="utf-8")


def number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def percentile(values: list[float], percent: int) -> float:
    """What `percent` in a hundred of `values` are below."""
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)]

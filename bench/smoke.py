"""`make bench-smoke`: five figures in half a minute, compared with what this machine reached before.

python -m bench.smoke [--factor F] [--seconds S] [--rounds N] [--history FILE]

The figures of the last runs that passed are kept in a file of the machine (~/.cache/frontdesk/bench-smoke.json), as two
machines can't be compared. Each new figure is held against the median of them: it fails if it is worse by more than the
factor. A run that fails isn't kept, so that the next one is held against the same.
Exit codes: 0 no regression, or the first run here; 1 a regression; 2 the file of earlier figures can't be read.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import uvloop

from bench import stack
from bench.__main__ import _askers, _logins
from bench.load import load

_KEPT = 5
_PEOPLE = 1000
_START = "start to ready"
# Between two runs of the same code on a machine with twenty other processes at work, figures differed by up to 1.6.
FACTOR = 1.75


@dataclass(frozen=True)
class Judged:
    """A figure beside the median of the earlier ones; `worse` is by which factor."""

    name: str
    unit: str
    now: float
    before: float | None
    worse: float
    failed: bool


def measure(seconds: float, rounds: int) -> dict[str, tuple[float, str, bool]]:
    """Name → figure, unit, whether more is better: the best of the rounds, as whatever else runs makes all worse."""
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="frontdesk-bench-") as folder:
        Path(folder).chmod(0o755)
        with stack.database(Path(folder) / "data") as url:
            tokens = uvloop.run(stack.fill(url, people=_PEOPLE))
            for _ in range(rounds):
                for name, figure in _round(url, tokens, seconds).items():
                    found.setdefault(name, []).append(figure)
    figures = {name: (max(values), "/s", True) for name, values in found.items() if name != _START}
    return {**figures, _START: (min(found[_START]), "s", False)}


def _round(url: str, tokens: list[str], seconds: float) -> dict[str, float]:
    with stack.frontdesk(url, FRONTDESK_HASH_THREADS="1") as server:
        return {
            name: uvloop.run(load(server.port, asked, seconds=seconds)).rate(status)
            for name, asked, status in (
                ("session checks", _askers("/api/v1/account", tokens), 200),
                ("searches", _askers("/api/v1/people?q=user+17", tokens), 200),
                ("login page", _askers("/login", tokens), 200),
                ("logins", _logins(8), 201),
            )
        } | {_START: server.seconds_to_ready}


def judge(
    figures: dict[str, tuple[float, str, bool]], earlier: list[dict[str, float]], factor: float
) -> list[Judged]:
    """Each figure against the median of `earlier`; what has no earlier figure can't fail, a zero always does."""
    judged = []
    for name, (now, unit, more_is_better) in figures.items():
        known = [run[name] for run in earlier if name in run]
        before = statistics.median(known) if known else None
        if now <= 0:
            worse = float("inf")
        elif before is None:
            worse = 1.0
        else:
            worse = before / now if more_is_better else now / before
        judged.append(Judged(name, unit, now, before, worse, worse > factor))
    return judged


def table(judged: list[Judged], factor: float) -> str:
    """A Markdown table."""
    lines = ["| figure | now | median before | worse by | |", "| --- | ---: | ---: | ---: | --- |"]
    for one in judged:
        before = "none" if one.before is None else _figure(one.before, one.unit)
        verdict = f"regression (> {factor:g})" if one.failed else "holds"
        lines.append(
            f"| {one.name} | {_figure(one.now, one.unit)} | {before} | {one.worse:.2f} | {verdict} |"
        )
    return "\n".join(lines)


def _figure(value: float, unit: str) -> str:
    return f"{value:,.0f} {unit}" if value >= 100 else f"{value:.2f} {unit}"


def read(history: Path) -> list[dict[str, float]]:
    """The runs that were kept, oldest first, of a machine like this; ValueError if the file holds something else."""
    if not history.exists():
        return []
    kept = json.loads(history.read_text(encoding="utf-8"))
    if not isinstance(kept, dict) or not isinstance(kept.get("runs"), list):
        raise ValueError("not a list of runs")
    return kept["runs"] if kept.get("machine") == machine() else []


def machine() -> str:
    """What makes two machines comparable."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")),
        platform.machine(),
    )
    return f"{platform.node()}: {len(stack.CORES)} × {model}"


def main() -> int:
    default = (
        Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "frontdesk" / "bench-smoke.json"
    )
    options = argparse.ArgumentParser(prog="make bench-smoke")
    options.add_argument(
        "--factor", type=float, default=FACTOR, help=f"how much worse is a regression ({FACTOR})"
    )
    options.add_argument("--seconds", type=float, default=1.5, help="seconds of each load")
    options.add_argument("--rounds", type=int, default=3, help="rounds of which the best counts")
    options.add_argument("--history", type=Path, default=default, help=f"figures of earlier runs ({default})")
    chosen = options.parse_args()
    try:
        earlier = read(chosen.history)
    except ValueError as error:
        print(
            f"{chosen.history} holds no figures of earlier runs ({error}): remove it to begin anew.",
            file=sys.stderr,
        )
        return 2
    figures = measure(chosen.seconds, chosen.rounds)
    judged = judge(figures, earlier, chosen.factor)
    failed = any(one.failed for one in judged)
    text = f"{machine()}, {len(earlier)} earlier runs\n\n{table(judged, chosen.factor)}\n"
    print(text)
    reports = os.environ.get("REPORTS")
    if reports:
        Path(reports).mkdir(parents=True, exist_ok=True)
        (Path(reports) / "bench-smoke.md").write_text(text, encoding="utf-8")
    if failed:
        return 1
    runs = [*earlier, {name: figure for name, (figure, _, _) in figures.items()}][-_KEPT:]
    chosen.history.parent.mkdir(parents=True, exist_ok=True)
    # Renamed into place: what is read next is all of one run or all of the other.
    part = chosen.history.with_suffix(".part")
    part.write_text(json.dumps({"machine": machine(), "runs": runs}, indent=1), encoding="utf-8")
    part.replace(chosen.history)
    return 0


if __name__ == "__main__":
    sys.exit(main())

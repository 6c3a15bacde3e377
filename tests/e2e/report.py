"""What a steady load found: every failure, and how long each fault was felt."""

import json
import math
from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Failure:
    """One request that didn't get what it should have got.

    at: seconds from the start. what: the status and code that came instead, or how the connection ended.
    safe: whether the client may repeat it by itself (GET and HEAD, or nothing was sent).
    """

    at: float
    kind: str
    what: str
    safe: bool
    took: float
    request_id: str = ""

    @property
    def busy(self) -> bool:
        """A login or registration that was told to come back: what two cores that also run the load can't hash
        within the deadline, whether or not anything is killed."""
        return self.what == "503 busy"


@dataclass
class Report:
    """Everything that a run counted. `lost` names each acknowledged write that isn't there afterwards."""

    seconds: float = 0.0
    answers: Counter[str] = field(default_factory=Counter)
    times: list[tuple[float, float]] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    marks: list[tuple[float, str]] = field(default_factory=list)
    written: str = ""
    lost: list[str] = field(default_factory=list)

    @property
    def requests(self) -> int:
        return len(self.times) + len(self.failures)

    def failed(self, *, safe: bool | None = None, after: str = "") -> list[Failure]:
        """The failures, or those that were (or weren't) safe to repeat, or those between a mark and the next."""
        begin, end = self.span(after) if after else (0.0, math.inf)
        return [f for f in self.failures if safe in (None, f.safe) and begin <= f.at < end]

    def span(self, mark: str) -> tuple[float, float]:
        """When a mark was set, and the next."""
        times = [at for at, _ in self.marks]
        index = [name for _, name in self.marks].index(mark)
        return times[index], times[index + 1] if index + 1 < len(times) else math.inf

    def felt(self, mark: str) -> float:
        """Seconds from the first to the last failure after a mark and before the next."""
        found = [f.at for f in self.failed(after=mark) if not f.busy]
        return max(found) - min(found) if found else 0.0

    def recovered(self, mark: str) -> float:
        """Seconds from a mark until the last failure before the next."""
        begin, _ = self.span(mark)
        return max((f.at - begin for f in self.failed(after=mark) if not f.busy), default=0.0)

    def percentile(self, percent: float, mark: str = "") -> float:
        """Seconds within which `percent` of the good answers came."""
        begin, end = self.span(mark) if mark else (0.0, math.inf)
        times = sorted(took for at, took in self.times if begin <= at < end)
        return times[min(len(times) - 1, math.ceil(len(times) * percent / 100) - 1)] if times else math.nan

    def table(self) -> str:
        """One line a mark, for people."""
        lines = [
            f"{'after':34} {'good':>6} {'p50 ms':>7} {'p99 ms':>7} {'failed':>6} {'safe':>5} {'felt s':>6}"
        ]
        for at, mark in self.marks:
            _, end = self.span(mark)
            good = sum(at <= when < end for when, _ in self.times)
            failures = self.failed(after=mark)
            safe = sum(f.safe for f in failures)
            middle, slow = (1000 * self.percentile(percent, mark) for percent in (50, 99))
            lines.append(
                f"{mark:34} {good:6} {middle:7.0f} {slow:7.0f} {len(failures):6} {safe:5} {self.felt(mark):6.2f}"
            )
            lines += [f"    {count} × {what}" for what, count in _grouped(failures)]
        lines.append(f"{self.requests} requests in {self.seconds:.0f} s, {len(self.failures)} failed")
        lines.append(f"acknowledged: {self.written}; lost: {', '.join(self.lost) or 'nothing'}")
        return "\n".join(lines)

    def as_json(self) -> str:
        """For programs: one line."""
        return json.dumps(
            {
                "seconds": round(self.seconds, 2),
                "requests": self.requests,
                "answers": dict(self.answers),
                "p50": round(self.percentile(50), 4),
                "p99": round(self.percentile(99), 4),
                "failures": [vars(f) for f in self.failures],
                "marks": self.marks,
                "written": self.written,
                "lost": self.lost,
            },
            ensure_ascii=False,
        )


def _grouped(failures: list[Failure]) -> list[tuple[str, int]]:
    names = (f"{f.kind}: {f.what}{'' if f.safe else ' (not safe to repeat)'}" for f in failures)
    return Counter(names).most_common()

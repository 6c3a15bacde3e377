"""What Prometheus is told. Names and units after its naming guide: seconds, bytes, _total."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path

import msgspec
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from frontdesk.accounts.service import Service

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


class Metrics:
    """The metrics of one process, in a registry of their own.

    Of several processes on one socket, any may be the one that is scraped. So they put what they count into
    `folder`, each under its `number`, and each tells of all, with a label `process`.
    """

    def __init__(self, folder: Path | None = None, number: int = 0) -> None:
        self._folder = folder
        self._number = number
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.requests = Histogram(
            "frontdesk_request_seconds",
            "Seconds from a request's head to the end of its answer.",
            ("method", "route", "status"),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        # Asked once a request, of a few dozen.
        self.requests_of = cache(self.requests.labels)
        self.hash_wait = Histogram(
            "frontdesk_hash_wait_seconds",
            "Seconds that a password waited for a hash thread.",
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.hash_time = Histogram(
            "frontdesk_hash_seconds",
            "Seconds that hashing a password took.",
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self.sessions = Gauge(
            "frontdesk_sessions",
            "Sessions, about: PostgreSQL's own estimate, read once a minute.",
            registry=self.registry,
        )
        self.mails_waiting = Gauge(
            "frontdesk_mails_waiting",
            "Mails that wait to be sent, counted every 15 seconds.",
            registry=self.registry,
        )
        self.mails_sent = Counter(
            "frontdesk_mails_sent", "Mails that the SMTP server has taken.", registry=self.registry
        )
        self.mails_failed = Counter(
            "frontdesk_mails_failed",
            "Tries to send a mail that failed; it's tried again.",
            registry=self.registry,
        )
        self.mails_given_up = Counter(
            "frontdesk_mails_given_up",
            "Mails that couldn't be sent for a day.",
            registry=self.registry,
        )

    def observe_hash(self, waited: float, took: float) -> None:
        """Called by the hasher for each hash; both in seconds."""
        self.hash_wait.observe(waited)
        self.hash_time.observe(took)

    def watch(self, service: Service) -> None:
        """Read queue and pool when Prometheus asks, rather than keep count of them."""
        self.registry.register(_Gauges(service))

    def expose(self) -> bytes:
        """Prometheus's text format."""
        if self._folder is None:
            return generate_latest(self.registry)
        self.share()
        return generate_latest(_Everybody(self._folder))

    def share(self) -> None:
        """Write down what this process counts, for the others to tell."""
        assert self._folder is not None
        file = self._folder / f"metrics-{self._number}"
        file.with_suffix(".new").write_bytes(
            msgspec.json.encode(
                [
                    (m.name, m.documentation, m.type, [(s.name, s.labels, s.value) for s in m.samples])
                    for m in self.registry.collect()
                ]
            )
        )
        file.with_suffix(".new").replace(file)


class _Everybody(CollectorRegistry):
    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def collect(self) -> Iterable[Metric]:
        found: dict[str, Metric] = {}
        for file in sorted(self._folder.glob("metrics-*[0-9]")):
            process = {"process": file.name.removeprefix("metrics-")}
            for name, documentation, kind, samples in msgspec.json.decode(file.read_bytes()):
                metric = found.setdefault(name, Metric(name, documentation, kind))
                for sample, labels, value in samples:
                    metric.add_sample(sample, {**labels, **process}, value)
        return found.values()


class _Gauges(Collector):
    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterable[Metric]:
        hasher, db = self._service.hasher, self._service.db
        yield GaugeMetricFamily(
            "frontdesk_hash_queued", "Passwords that wait for a hash thread.", hasher.queued
        )
        yield GaugeMetricFamily("frontdesk_hash_running", "Passwords being hashed.", hasher.running)
        yield CounterMetricFamily(
            "frontdesk_hash_refused",
            "Logins and registrations refused for lack of time.",
            hasher.refused_total,
        )
        yield GaugeMetricFamily(
            "frontdesk_pool_connections", "Connections to PostgreSQL.", db.open_connections
        )
        yield GaugeMetricFamily(
            "frontdesk_pool_idle", "Connections to PostgreSQL that nobody uses.", db.idle_connections
        )

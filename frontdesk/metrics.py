"""What Prometheus is told. Names and units after its naming guide: seconds, bytes, _total."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Gauge, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from frontdesk.accounts.service import Service

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


class Metrics:
    """The metrics of one process, in a registry of their own."""

    def __init__(self) -> None:
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

    def observe_hash(self, waited: float, took: float) -> None:
        """Called by the hasher for each hash; both in seconds."""
        self.hash_wait.observe(waited)
        self.hash_time.observe(took)

    def watch(self, service: Service) -> None:
        """Read queue and pool when Prometheus asks, rather than keep count of them."""
        self.registry.register(_Gauges(service))


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

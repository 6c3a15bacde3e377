"""/livez, /readyz and /metrics of the controller."""

import contextlib
import time
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from frontdesk_operator.errors import OperatorError
from frontdesk_operator.queue import Queue

# Seconds without the end of a look after which something hangs: a look takes 30 s at the most for each question.
_STUCK = 300.0


@dataclass
class State:
    """What of the process isn't in the queue."""

    leads: bool = False


@contextlib.asynccontextmanager
async def serve(port: int, queue: Queue) -> AsyncIterator[State]:
    """Answer on `port`. The state is the caller's to change."""
    state = State()
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(_Counts(state, queue))

    async def live(_: web.Request) -> web.Response:
        stuck = state.leads and len(queue) > 0 and time.monotonic() - queue.last > _STUCK
        return web.Response(text="stuck\n" if stuck else "live\n", status=503 if stuck else 200)

    async def ready(_: web.Request) -> web.Response:
        # A follower is ready: it takes over within seconds.
        return web.Response(text="leads\n" if state.leads else "follows\n")

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.add_routes([web.get("/livez", live), web.get("/readyz", ready), web.get("/metrics", metrics)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, port=port).start()
        except OSError as error:
            raise OperatorError(f"port {port} can't be had: {error.strerror}") from error
        yield state
    finally:
        await runner.cleanup()


class _Counts(Collector):
    def __init__(self, state: State, queue: Queue) -> None:
        self._state, self._queue = state, queue

    def collect(self) -> Iterable[Metric]:
        queue = self._queue
        yield GaugeMetricFamily(
            "frontdesk_operator_leads", "Whether this controller works.", int(self._state.leads)
        )
        yield GaugeMetricFamily("frontdesk_operator_frontdesks", "Frontdesks looked after.", len(queue))
        yield CounterMetricFamily("frontdesk_operator_looks", "Looks at a Frontdesk.", queue.looks)
        yield CounterMetricFamily("frontdesk_operator_failures", "Looks that failed.", queue.failures)
        yield CounterMetricFamily(
            "frontdesk_operator_look_seconds", "Seconds that looks took.", queue.seconds
        )

"""The controller's process: probes, leader election, then kopf's watching, and the looks that follow from it."""

import asyncio
import contextlib
import logging
import signal
import socket
import sys
import time
import uuid
from collections.abc import Sequence

import kopf

from frontdesk_operator import handlers, probes
from frontdesk_operator.client import Client
from frontdesk_operator.errors import OperatorError
from frontdesk_operator.leader import Leader, Lost
from frontdesk_operator.queue import Queue
from frontdesk_operator.reconcile import reconcile

LEASE = "frontdesk-operator"
_log = logging.getLogger("frontdesk_operator")


async def run(namespaces: Sequence[str], lease_namespace: str, port: int) -> int:
    """Look after the Frontdesks of these namespaces, or of all if none is given, until SIGTERM; an exit code."""
    kopf.configure(log_format=kopf.LogFormat.JSON)
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        async with Client() as client:
            return await _lead(client, namespaces, lease_namespace, port, stop)
    except OperatorError as error:
        print(f"frontdesk-operator: {error}", file=sys.stderr)
        return 1


async def _lead(
    client: Client, namespaces: Sequence[str], lease_namespace: str, port: int, stop: asyncio.Event
) -> int:
    queue = Queue(lambda namespace, name: reconcile(client, namespace, name))
    identity = f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}"
    leader = Leader(client, lease_namespace, LEASE, identity, time.monotonic)
    async with probes.serve(port, queue) as state:
        return await _run(client, leader, queue, state, namespaces, stop)


async def _run(
    client: Client,
    leader: Leader,
    queue: Queue,
    state: probes.State,
    namespaces: Sequence[str],
    stop: asyncio.Event,
) -> int:
    stopping = asyncio.create_task(stop.wait())
    acquiring = asyncio.create_task(_persistently(leader))
    await asyncio.wait({stopping, acquiring}, return_when=asyncio.FIRST_COMPLETED)
    if not acquiring.done():
        acquiring.cancel()
        return 0
    acquiring.result()
    state.leads = True
    _log.info("this controller leads")
    kopf_stop = asyncio.Event()
    tasks = {
        "lease": asyncio.create_task(leader.hold()),
        "looks": asyncio.create_task(queue.run()),
        "kopf": asyncio.create_task(
            kopf.operator(
                registry=handlers.registry(client, queue),
                settings=handlers.settings(),
                standalone=True,
                # Otherwise kopf looks for the user's name, and who is a number only has none.
                identity=leader.identity,  # type: ignore[arg-type]
                clusterwide=not namespaces,
                namespaces=list(namespaces),
                stop_flag=kopf_stop,
            )
        ),
    }
    await asyncio.wait({stopping, *tasks.values()}, return_when=asyncio.FIRST_COMPLETED)
    kopf_stop.set()
    failed = next((task.exception() for task in tasks.values() if task.done() and not task.cancelled()), None)
    for task in tasks.values():
        task.cancel()
    await asyncio.gather(*tasks.values(), return_exceptions=True)
    # kopf sets handlers for signals of its own, so it may be the first to end.
    if failed is None or (stopping.done() and not isinstance(failed, Lost)):
        with contextlib.suppress(OperatorError):
            await leader.release()
        return 0
    raise failed if isinstance(failed, OperatorError) else OperatorError(f"watching ended: {failed!r}")


async def _persistently(leader: Leader) -> None:
    while True:
        try:
            return await leader.acquire()
        except OperatorError as error:
            _log.warning("the Lease can't be had: %s", error)
            await asyncio.sleep(2)

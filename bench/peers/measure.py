"""One run of one peer: what its hash can do, what it makes of it, and what a storm of logins does to it."""

import contextlib
import functools
import itertools
import time
from collections.abc import Callable

import uvloop

from bench.load import Result, load
from bench.peers.peer import USERS, Peer
from bench.peers.processes import Client
from bench.storm import Storm

CONNECTIONS = 64
LOGIN_CLIENTS = 8
PROBES = 4
STORM_CLIENTS = 256
# Who waits for a page has left by then.
GIVEN_UP = 10.0

Requests = list[Callable[[], bytes]]


def one_run(peer: Peer, seconds: float) -> dict[str, float]:
    """The figures of table.ROWS by key."""
    with peer.serve() as port:
        checks = _session_checks(peer, port)
        _load(port, checks, peer.warm_up)
        _load(port, _logins(peer), peer.warm_up)
        # On both sides of the logins, so that a core whose speed drifts doesn't make one of them look good.
        before = peer.bare_hashes(seconds / 2)
        logins = _load(port, _logins(peer), seconds)
        hashes = (before + peer.bare_hashes(seconds / 2)) / 2
        answered = _load(port, checks, seconds)
        quiet = _probe(port, checks, seconds)
        with Storm(port, STORM_CLIENTS, pause=0.0, login=peer.login):
            time.sleep(1.0)
            stormy = _probe(port, checks, seconds)
    return {
        "hashes": hashes,
        "logins": logins.rate(peer.logged_in),
        "logins ÷ hashes": logins.rate(peer.logged_in) / hashes,
        "checks": answered.rate(200),
        "quiet": quiet.percentile(99) * 1000,
        "storm": stormy.percentile(99) * 1000,
        "storm ÷ quiet": stormy.percentile(99) / quiet.percentile(99),
        "storm errors": 100 * _errors(stormy, 200) / (stormy.count() + stormy.failures),
        "other errors": _errors(logins, peer.logged_in) + _errors(answered, 200) + _errors(quiet, 200),
    }


def _session_checks(peer: Peer, port: int) -> Requests:
    """A client for each connection, with a session of its own."""
    login = peer.login
    with contextlib.closing(Client(port)) as client:
        bodies = [login.body.replace("{n}", str(number)) for number in range(CONNECTIONS)]
        sessions = [client.post(login.path, body, content_type=login.content_type) for body in bodies]
    return [functools.partial(peer.session_check, session) for session in sessions]


def _logins(peer: Peer) -> Requests:
    def client(number: int) -> Callable[[], bytes]:
        users = itertools.cycle(range(number, USERS, LOGIN_CLIENTS))
        return lambda: peer.login.request(next(users))

    return [client(number) for number in range(LOGIN_CLIENTS)]


def _load(port: int, requests: Requests, seconds: float) -> Result:
    return uvloop.run(load(port, requests, seconds=seconds, timeout=GIVEN_UP))


def _probe(port: int, checks: Requests, seconds: float) -> Result:
    """So few that they are no load: each client asks 20 times a second."""
    longer = max(seconds, 5.0)
    return uvloop.run(load(port, checks[:PROBES], seconds=longer, pause=0.05, timeout=GIVEN_UP))


def _errors(result: Result, expected: int) -> int:
    return result.failures + result.count() - result.count(expected)

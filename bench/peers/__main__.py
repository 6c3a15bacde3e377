"""`make bench-peers`: logins, session checks and a storm, beside other accounts services on the same machine.

python -m bench.peers [--runs N] [--seconds S] [--only NAME] [--write]
"""

import argparse
import os
import platform
import signal
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from rich.progress import Progress

from bench import stack
from bench.peers.fastapi_users.peer import FastapiUsers
from bench.peers.keycloak.peer import Keycloak
from bench.peers.measure import one_run
from bench.peers.ours import Frontdesk
from bench.peers.peer import Peer, Place, SkippedError
from bench.peers.pocketbase.peer import PocketBase
from bench.peers.table import ROWS, Figures, comparison
from bench.report import Figure, number, write_section
from frontdesk import local

_PEERS: list[type[Peer]] = [FastapiUsers, PocketBase, Keycloak]


def main() -> None:
    options = argparse.ArgumentParser(prog="make bench-peers")
    options.add_argument("--runs", type=int, default=3, help="runs of which the median counts")
    options.add_argument("--seconds", type=float, default=4.0, help="seconds of each load")
    names = [peer.name.lower() for peer in _PEERS]
    options.add_argument(
        "--only", action="append", choices=names, metavar="NAME", help=f"of {', '.join(names)}"
    )
    options.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    chosen = options.parse_args()
    # So that every block is left, and every server with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        peers, missing = installed([peer() for peer in _PEERS if peer.name.lower() in (chosen.only or names)])
        text = comparison(measure([Frontdesk(), *peers], chosen.runs, chosen.seconds))
    except KeyboardInterrupt:
        sys.exit("Stopped.")
    print(text)
    if chosen.write:
        write_section("Beside its peers", _page(text, missing, chosen.runs, chosen.seconds))


def installed(peers: list[Peer]) -> tuple[list[Peer], list[str]]:
    """Those of `peers` that this machine can have, and the names of the others."""
    here: list[Peer] = []
    missing: list[str] = []
    for peer in peers:
        print(f"Getting {peer.name} {peer.version} (minutes, the first time) ...", flush=True)
        try:
            peer.install()
            here.append(peer)
        except SkippedError as error:
            print(f"{peer.name} is skipped: {error}.")
            missing.append(peer.name)
    return here, missing


def measure(peers: list[Peer], runs: int, seconds: float) -> dict[str, Figures]:
    """Every figure of every peer, in turn, so that a machine whose speed drifts drifts for all of them."""
    found: dict[str, Figures] = {
        f"{peer.name} {peer.version}": {row.key: Figure(row.name, row.unit, []) for row in ROWS}
        for peer in peers
    }
    # All that isn't measured is on the clients' core: PostgreSQL, and this.
    os.sched_setaffinity(0, {stack.CLIENT_CORE})
    with tempfile.TemporaryDirectory(prefix="frontdesk-peers-") as name, Progress() as progress:
        folder = Path(name)
        folder.chmod(0o755)
        port = stack.free_port()
        settings = {"listen_addresses": "127.0.0.1", "port": str(port), "max_connections": "200"}
        with local.postgres(folder / "postgres", **settings) as url:
            task = progress.add_task("", total=(runs + 1) * len(peers))
            for peer in peers:
                progress.update(task, description=f"{peer.name}: making users")
                peer.prepare(Place(folder, url, port))
                progress.advance(task)
            for run in range(runs):
                for peer, figures in zip(peers, found.values(), strict=True):
                    progress.update(task, description=f"{peer.name}: run {run + 1} of {runs}")
                    result = one_run(peer, seconds)
                    for key, value in result.items():
                        figures[key].values.append(value)
                    said = ", ".join(f"{key} {number(value)}" for key, value in result.items())
                    progress.console.print(f"{peer.name}: {said}", soft_wrap=True)
                    progress.advance(task)
    return found


def _page(text: str, missing: list[str], runs: int, seconds: float) -> str:
    machine = f"{len(stack.CORES)} cores, Python {platform.python_version()}, {datetime.now(UTC):%Y-%m-%d}"
    lines = [
        f"{machine}; medians of {runs} runs of {seconds:g} s (smallest to largest), ~ where they are more than "
        "20 % apart. Server on one core, clients and PostgreSQL on the other. "
        "What each login and session check is, and how each was set up: [bench/peers](../bench/peers/README.md).",
        *([f"Not to be had here, so not measured: {', '.join(missing)}."] if missing else []),
        text,
    ]
    return "\n\n".join(lines)


if __name__ == "__main__":
    main()

"""A storm of logins: each as soon as the one before is answered, or refused."""

import asyncio
import json
import threading

from tests.e2e.connection import Broken, Connection, Target, Unreachable, trusting


def storm(url: str, clients: int, stop: threading.Event) -> None:
    """Log in with a name that nobody has, `clients` at once, until `stop`. It costs the service a hash each time."""
    asyncio.run(_storm(url, clients, stop))


async def _storm(url: str, clients: int, stop: threading.Event) -> None:
    target = Target.of(url)
    async with asyncio.TaskGroup() as group:
        for number in range(clients):
            group.create_task(_client(target, number, stop))


async def _client(target: Target, number: int, stop: threading.Event) -> None:
    connection, count = Connection([target], trusting()), 0
    while not stop.is_set():
        count += 1
        body = json.dumps({"login": f"storm{number}x{count}", "password": "no password of anybody"}).encode()
        head = f"POST /api/v1/sessions HTTP/1.1\r\nHost: {target.authority}\r\nContent-Type: application/json\r\n"
        try:
            await connection.ask(head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        except (Broken, Unreachable, TimeoutError):
            await asyncio.sleep(0.1)
    connection.close()

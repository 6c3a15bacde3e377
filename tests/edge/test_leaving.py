"""A replica whose address goes away while the edge waits for it."""

import contextlib
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.edge.conftest import behind_edge, client
from tests.stack import Stack, docker, until

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

# Its queue is full, so the kernel doesn't answer who wants to connect: as from an address where nobody is any more.
_SILENT = """
import socket, time
listening = socket.create_server(('', 9000), backlog=0)
taken = socket.create_connection(('127.0.0.1', 9000))
time.sleep(600)
"""


@pytest.mark.parametrize("left", [1, 2])
def test_whoever_waited_for_it_is_answered_by_another(stack: Stack, left: int) -> None:
    with contextlib.ExitStack() as open_until_the_end:
        for _ in range(left):
            open_until_the_end.enter_context(behind_edge("replicas"))
        silent = open_until_the_end.enter_context(behind_edge("replicas", _SILENT))
        edge = open_until_the_end.enter_context(stack.another_edge(EDGE_API="replicas:9000"))
        http = open_until_the_end.enter_context(client(edge))
        asking = open_until_the_end.enter_context(ThreadPoolExecutor(64))
        until(lambda: http.get("/api/v1/").status_code == 200)
        # A failed one isn't asked for a second: let it be asked again.
        time.sleep(2.5)

        # Some of these wait for it in the moment in which the edge learns that it has gone, whichever that is.
        answers = []
        for number in range(60):
            method = "POST" if number % 2 else "GET"
            answers.append(asking.submit(http.request, method, "/api/v1/", content=b"x"))
            if number == 4:
                gone = asking.submit(docker, "rm", "--force", silent)
            time.sleep(0.02)
        gone.result()
        statuses = [answer.result().status_code for answer in answers]
        asked = {answer.result().json().get("path") for answer in answers}
        waited = [line for line in edge.log() if float(str(line["seconds"])) > 0.9]

    assert waited, "none was sent to the silent one"
    assert statuses == [200] * len(statuses)
    assert asked == {"/api/v1/"}

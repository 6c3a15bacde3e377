"""A replica whose address goes away while the edge waits for it."""

import contextlib
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.edge.conftest import behind_edge, client
from tests.stack import ROOT, Stack, docker

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

# Its queue is full, so the kernel doesn't answer who wants to connect: as from an address where nobody is any more.
_SILENT = """
import socket, time
listening = socket.create_server(('', 9000), backlog=0)
taken = socket.create_connection(('127.0.0.1', 9000))
time.sleep(600)
"""


@pytest.mark.parametrize("left", [1, 2])
def test_whoever_waited_for_it_is_answered_by_another(stack: Stack, tmp_path: Path, left: int) -> None:
    # Longer than until the edge asks for the name again, so that all who wait do so in that moment.
    templates = tmp_path / "templates"
    shutil.copytree(ROOT / "deploy/nginx/templates", templates)
    whole = templates / "nginx.conf.template"
    short = whole.read_text()
    whole.write_text(short.replace("proxy_connect_timeout 1s;", "proxy_connect_timeout 4s;"))
    assert whole.read_text() != short
    mounted = f"--volume={templates}:/etc/nginx/templates:ro"
    with contextlib.ExitStack() as open_until_the_end:
        for _ in range(left):
            open_until_the_end.enter_context(behind_edge("replicas"))
        silent = open_until_the_end.enter_context(behind_edge("replicas", _SILENT))
        edge = open_until_the_end.enter_context(stack.another_edge(mounted, EDGE_API="replicas:9000"))
        http = open_until_the_end.enter_context(client(edge))
        asking = open_until_the_end.enter_context(ThreadPoolExecutor(64))
        # Until the edge knows all of them. Not by asking: of one that has failed it asks once a second.
        time.sleep(2.5)

        # Whoever is answered late keeps the others as busy as it is.
        path = "/api/v1/?wait=0.3"
        answers = []
        for number in range(60):
            method = "POST" if number % 2 else "GET"
            answers.append(asking.submit(http.request, method, path, content=b"x"))
            if number == 4:
                gone = asking.submit(docker, "rm", "--force", silent)
            time.sleep(0.02)
        gone.result()
        statuses = [answer.result().status_code for answer in answers]
        asked = {answer.result().json().get("path") for answer in answers}
        tried = [str(line["upstream_status"]) for line in edge.log()]

    assert statuses == [200] * len(statuses)
    assert asked == {path}
    # nginx itself tried no other any more.
    assert any(" : 200" in each for each in tried), tried

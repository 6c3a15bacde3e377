"""The checks of deploy/goss: that they pass on the stack, and that each catches what it is there for."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.stack import (
    DB,
    EDGE,
    GOSS,
    PROJECT,
    ROOT,
    SERVICE,
    VERSION,
    Edge,
    Stack,
    docker,
    goss_failures,
    run,
)

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

_CONFINED = (
    "--read-only",
    "--tmpfs=/tmp",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--network=none",
)
_USERS = {SERVICE: ("service", 10001), EDGE: ("edge", 101), DB: ("db", 999)}


@pytest.fixture(scope="module")
def goss(images: None, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Goss and its files, to be mounted into containers of other images."""
    folder = tmp_path_factory.mktemp("goss") / "goss"
    id = docker("create", GOSS)
    docker("cp", f"{id}:/goss", str(folder))
    docker("cp", f"{id}:/usr/bin/goss", str(folder / "goss"))
    docker("rm", id)
    return f"--volume={folder}:/goss:ro"


def _of_image(goss: str, image: str, *arguments: str, like: str = SERVICE) -> set[str]:
    kind, user = _USERS[like]
    variables: dict[str, object] = {"image": kind, "user": user, "version": VERSION}
    entry = (goss, "--entrypoint=/goss/goss", *arguments, image, "--gossfile")
    return goss_failures("image.yaml", variables, *entry)


def _of_edge(edge: Edge, **changes: object) -> set[str]:
    variables: dict[str, object] = {
        "url": edge.url,
        "http_url": f"http://localhost:{edge.http}",
        "hsts": "max-age=63072000",
        "published": ["edge:8080", "edge:8443"],
        "tls": True,
    }
    return goss_failures("edge.yaml", variables | changes, "--network=host", GOSS)


def _of_stack(stack: Stack, *, network: str = "", **changes: object) -> set[str]:
    variables: dict[str, object] = {
        "url": "https://localhost:8443",
        "unreachable": ["db:5432"],
        "replicas": {"web:8000": 2, "api:8000": 2},
        "certificate_days": 14,
    }
    return goss_failures(
        "stack.yaml", variables | changes, network or f"--network=container:{stack.edge.id}", GOSS
    )


@contextmanager
def _derived(instructions: str, tmp_path: Path) -> Iterator[str]:
    """An image with something that an image mustn't have."""
    (tmp_path / "Dockerfile").write_text(instructions)
    (tmp_path / "file").write_text("-----BEGIN PRIVATE KEY-----\n")
    docker("build", "--quiet", "--tag=frontdesk-broken", str(tmp_path))
    try:
        yield "frontdesk-broken"
    finally:
        docker("rmi", "--force", "frontdesk-broken")


@contextmanager
def _broken_edge(stack: Stack, tmp_path: Path, file: str, old: str, new: str) -> Iterator[Edge]:
    """An edge with one thing changed in a template."""
    templates = tmp_path / "templates"
    shutil.copytree(ROOT / "deploy/nginx/templates", templates)
    text = (templates / file).read_text()
    assert old in text
    (templates / file).write_text(text.replace(old, new))
    with stack.another_edge(f"--volume={templates}:/etc/nginx/templates:ro") as edge:
        yield edge


def test_make_goss_finds_nothing_and_leaves_reports(stack: Stack) -> None:
    reports = ROOT / "test-results"
    shutil.rmtree(reports, ignore_errors=True)
    made = run("make", "--silent", "goss", **stack.ports)
    lines = made.stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "image-web",
        "image-api",
        "image-edge",
        "image-db",
        "edge",
        "stack",
    ]
    assert all(line.endswith(", 0 failed") for line in lines)
    assert {path.name for path in reports.glob("goss-*.xml")} == {
        f"goss-{line.split(':')[0]}.xml" for line in lines
    }


def test_make_goss_fails_with_a_failed_check(stack: Stack) -> None:
    made = run(
        "make", "--silent", "goss", "ARGS=edge stack", check=False, EDGE_HSTS="max-age=1", **stack.ports
    )
    assert made.returncode != 0
    assert "edge: 40 checks, 2 failed" in made.stdout
    assert "Strict-Transport-Security" in made.stdout
    assert made.stdout.splitlines()[-1].endswith(", 0 failed"), "the others are checked all the same"


def test_make_goss_says_when_there_is_no_stack(images: None) -> None:
    made = run("make", "--silent", "goss", check=False, COMPOSE_PROJECT_NAME="frontdesk-nobodys")
    assert made.returncode != 0
    assert "The stack doesn't run here" in made.stderr


@pytest.mark.parametrize("image", [SERVICE, EDGE, DB])
def test_every_image_passes_as_it_is(goss: str, image: str) -> None:
    assert _of_image(goss, image, *_CONFINED, like=image) == set()


@pytest.mark.parametrize(
    ("instructions", "caught"),
    [
        ("USER 0", "user"),
        ("COPY --chmod=4755 file /usr/local/bin/become", "setuid"),
        ("COPY --chmod=755 file /usr/local/bin/curl", "tools"),
        ("COPY file /opt/tls.key", "secrets-in-files"),
        ("COPY file /etc/.env.pem", "secrets-in-files"),
        ("ENV FRONTDESK_DATABASE_URL=postgresql://a:b@c/d", "secrets-in-environment"),
        ("COPY file /opt/frontdesk/bin/frontdesk", "version"),
    ],
)
def test_goss_catches_an_image_with(goss: str, tmp_path: Path, instructions: str, caught: str) -> None:
    with _derived(f"FROM {SERVICE}\n{instructions}\n", tmp_path) as image:
        assert caught in _of_image(goss, image, *_CONFINED)


@pytest.mark.parametrize(
    ("left_out", "caught"),
    [
        ("--read-only", "read-only"),
        ("--cap-drop=ALL", "capabilities"),
        ("--security-opt=no-new-privileges", "capabilities"),
    ],
)
def test_goss_catches_a_container_without(goss: str, left_out: str, caught: str) -> None:
    kept = [argument for argument in _CONFINED if argument != left_out]
    assert caught in _of_image(goss, SERVICE, *kept)


@pytest.mark.parametrize(
    ("file", "old", "new", "caught"),
    [
        (
            "site.conf.template",
            "add_header Strict-Transport-Security $edge_hsts always;",
            "",
            {"page", "api"},
        ),
        ("site.conf.template", "location ^~ /metrics {\n    return 404;\n}", "", {"closed-/metrics"}),
        ("site.conf.template", "location = /readyz {\n    return 404;\n}", "", {"closed-/readyz"}),
        ("site.conf.template", "    internal;\n    root", "    root", {"closed-/edge/throttled.en.html"}),
        (
            "listen_on.conf.template",
            "ssl_protocols TLSv1.2 TLSv1.3;",
            "ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3; ssl_conf_command CipherString ALL:@SECLEVEL=0;",
            {"tls-offered", "weak-ciphers"},
        ),
        ("listen_on.conf.template", "ssl_ciphers ", "ssl_ciphers ECDHE-ECDSA-AES128-SHA:", {"weak-ciphers"}),
        ("listen_on.conf.template", "return 308 https", "return 302 https", {"redirect"}),
        ("listen_on.conf.template", "http2 on;", "", {"http2"}),
    ],
)
def test_goss_catches_an_edge_that_lost(
    stack: Stack, tmp_path: Path, file: str, old: str, new: str, caught: set[str]
) -> None:
    with _broken_edge(stack, tmp_path, file, old, new) as edge:
        assert _of_edge(edge) == caught


def test_goss_catches_a_header_that_the_service_does_not_send(stack: Stack, tmp_path: Path) -> None:
    hidden = "proxy_hide_header Content-Security-Policy;\n    proxy_pass http://web;"
    with _broken_edge(stack, tmp_path, "site.conf.template", "proxy_pass http://web;", hidden) as edge:
        assert _of_edge(edge) == {"page"}


def test_goss_catches_a_published_port(stack: Stack, tmp_path: Path) -> None:
    """The database's, by a line more in compose.yaml."""
    override = tmp_path / "more.yaml"
    override.write_text('services: {db: {networks: [data, public], ports: ["127.0.0.1::5432"]}}\n')
    files = ("--file", "compose.yaml", "--file", str(override))
    try:
        stack.compose(*files, "up", "--detach", "--no-deps", "--wait", "--no-build", "db")
        made = run("make", "--silent", "goss", "ARGS=edge", check=False, **stack.ports)
        assert made.returncode != 0
        assert "published-ports" in made.stdout
    finally:
        stack.compose("up", "--detach", "--wait", "--no-build")
    assert run("make", "--silent", "goss", "ARGS=edge stack", **stack.ports).returncode == 0


def test_goss_catches_a_port_of_the_edge_that_is_its_own(stack: Stack) -> None:
    with stack.another_edge("--publish=127.0.0.1:8081:8081") as edge:
        assert _of_edge(edge) == {"inner-port-8081"}


def test_goss_catches_a_database_that_the_edge_can_reach(stack: Stack) -> None:
    for network in ("data", "service"):
        assert ("tcp://db:5432" in _of_stack(stack, network=f"--network={PROJECT}_{network}")) == (
            network == "data"
        )


def test_goss_catches_a_replica_that_is_missing(stack: Stack) -> None:
    assert _of_stack(stack, replicas={"web:8000": 2, "api:8000": 3}) == {"ready-api:8000"}


def test_goss_catches_a_certificate_that_ends_soon(stack: Stack) -> None:
    assert _of_stack(stack, certificate_days=200) == {"certificate-days-left"}


def test_goss_catches_a_stack_where_nobody_can_log_in(stack: Stack) -> None:
    stack.compose("pause", "db")
    try:
        assert "journey" in _of_stack(stack)
    finally:
        stack.compose("unpause", "db")
    assert _of_stack(stack) == set()

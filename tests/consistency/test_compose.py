"""compose.yaml, the Dockerfile, nginx's configuration and the service's settings say the same."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from frontdesk import probes
from frontdesk.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
NGINX = (ROOT / "deploy/nginx/templates/nginx.conf.template").read_text("utf-8")
SITE = (ROOT / "deploy/nginx/templates/site.conf.template").read_text("utf-8")
EDGE = (ROOT / "deploy/nginx/entrypoint/10-edge.envsh").read_text("utf-8")
POSTGRES = (ROOT / "deploy/postgres/start.sh").read_text("utf-8")
OPERATIONS = (ROOT / "docs/operations.md").read_text("utf-8")
DEFAULTS = Settings()

REPLICAS = ("web", "api")
# Who listens for ended sessions does so on a connection of its own (store/notifications.py).
_LISTENERS = 1
_MIGRATE = 2
# PostgreSQL keeps these for its superuser (superuser_reserved_connections); people and the health check need some.
_RESERVED = 3
_PEOPLE = 5


def default(value: str) -> str:
    """`${NAME:-this}`, as Compose reads it where NAME isn't set."""
    return re.sub(r"\$\{[A-Z_]+:-([^}]*)\}", r"\1", value)


def seconds(value: str) -> float:
    return float(value.removesuffix("s"))


def directive(name: str, *, text: str = NGINX) -> str:
    (found,) = re.findall(rf"^\s*{name} ([^;]+);", text, re.M)
    return str(found)


def stage(name: str) -> str:
    """What the Dockerfile says of one image."""
    (found,) = re.findall(rf"^FROM \S+ AS {name}\n(.*?)(?=^FROM |\Z)", DOCKERFILE, re.M | re.S)
    return str(found)


def limit(service: str, what: str) -> float:
    found = str(SERVICES[service]["deploy"]["resources"]["limits"][what])
    return float(found.removesuffix("M").replace("1G", "1024"))


def connections(replicas: int) -> int:
    """What so many replicas take, and what is left for others."""
    return replicas * (DEFAULTS.database_pool + _LISTENERS) + _MIGRATE + _RESERVED + _PEOPLE


def max_connections() -> int:
    said = int(default(SERVICES["db"]["environment"]["POSTGRES_MAX_CONNECTIONS"]))
    assert f'"${{POSTGRES_MAX_CONNECTIONS:={said}}}"' in POSTGRES, "where Compose doesn't say it"
    return said


def test_the_connections_of_all_replicas_fit_into_the_database() -> None:
    replicas = sum(SERVICES[name]["deploy"]["replicas"] for name in REPLICAS)
    assert connections(replicas) <= max_connections()


def test_the_documented_number_of_replicas_is_the_most_that_fits() -> None:
    (said,) = re.findall(r"so (\d+) replicas fit", OPERATIONS)
    assert connections(int(said)) <= max_connections() < connections(int(said) + 1)


def test_every_replica_has_time_to_finish_before_it_is_killed() -> None:
    # Mails under way have five seconds more (frontdesk/postman.py).
    needed = DEFAULTS.drain_delay + DEFAULTS.drain_timeout + 5 + 5
    for name in REPLICAS:
        assert seconds(SERVICES[name]["stop_grace_period"]) > needed, name
    assert seconds(SERVICES["edge"]["stop_grace_period"]) > seconds(directive("worker_shutdown_timeout"))


def test_every_replica_has_the_memory_that_the_formula_asks_for() -> None:
    base, a_hash, storm = map(
        int, re.findall(r"^(\d+) \+ (\d+) × hash threads \+ (\d+)$", OPERATIONS, re.M)[0]
    )
    for name in REPLICAS:
        threads = DEFAULTS.hash_threads or max(1, int(limit(name, "cpus")))
        assert limit(name, "memory") >= base + a_hash * threads + storm, name


def test_the_edge_and_the_service_bound_a_request_alike() -> None:
    assert directive("client_max_body_size") == f"{DEFAULTS.max_body // 1024}k"
    assert seconds(directive("client_header_timeout")) == DEFAULTS.body_timeout
    assert seconds(directive("client_body_timeout")) == DEFAULTS.body_timeout
    # Longer than anything that the service itself takes: it gives up first, and says why.
    longest = DEFAULTS.database_timeout * 2 + DEFAULTS.hash_deadline
    assert seconds(directive("proxy_read_timeout")) > longest


def test_the_edge_hangs_up_before_a_replica_does() -> None:
    (theirs,) = re.findall(r"timeout_keep_alive=(\d+)", (ROOT / "frontdesk/server.py").read_text("utf-8"))
    for upstream in re.findall(r"upstream \w+ \{(.*?)\n    \}", NGINX, re.S):
        assert seconds(directive("keepalive_timeout", text=upstream)) < float(theirs)


@pytest.mark.parametrize("file", ["compose.yaml", "deploy/swarm/stack.yaml"])
def test_who_tells_the_edge_an_empty_header_gets_none(file: str) -> None:
    services = yaml.safe_load((ROOT / file).read_text("utf-8"))["services"]
    # With a colon, empty would be as good as unset.
    assert services["edge"]["environment"]["EDGE_HSTS"].startswith("${EDGE_HSTS-max-age=")


@pytest.mark.parametrize(
    ("file", "environ", "version"),
    [
        ("", {}, "dev"),
        ("HTTP_PORT=1\nVERSION=1.2.3\n", {}, "1.2.3"),
        ('VERSION="1.2.3"\n', {}, "1.2.3"),
        ("VERSION=1.2.3\n", {"VERSION": "2.0.0"}, "2.0.0"),
    ],
)
def test_make_takes_the_version_from_where_compose_does(
    tmp_path: Path, file: str, environ: dict[str, str], version: str
) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / ".env").write_text(file)
    done = subprocess.run(
        ["make", "--silent", "--eval", "version: ; @echo $(VERSION)", "version"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], **environ},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"{version}\n"


def test_ports_are_the_same_everywhere() -> None:
    service, edge = stage("service"), stage("edge")
    assert f"EXPOSE {DEFAULTS.port}\n" in service
    for name in REPLICAS:
        assert f"EDGE_{name.upper()}:={name}:{DEFAULTS.port}" in EDGE
        assert SERVICES[name]["command"] == ["serve", "--role", name]
    exposed = set(re.findall(r"^EXPOSE (.+)$", edge, re.M)[0].split())
    published = {default(port).rpartition(":")[2].removesuffix("/udp") for port in SERVICES["edge"]["ports"]}
    assert published == exposed
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["edge"]


def test_users_are_numbers_and_the_same_everywhere() -> None:
    assert "USER 10001:10001\n" in stage("service")
    assert "USER 101:101\n" in stage("edge")
    # Nothing but the maker of secrets runs as another user than its image's.
    assert {name for name, service in SERVICES.items() if "user" in service} == {"secrets"}
    assert SERVICES["secrets"]["network_mode"] == "none"


def test_probes_are_those_that_answer_and_none_is_outside() -> None:
    assert '["python", "-m", "frontdesk.probe"]' in stage("service")
    (port, path) = re.findall(r"http://127.0.0.1:(\d+)(/\w+)", stage("edge"))[0]
    (inside,) = re.findall(rf"server \{{\n\s+listen {port};(.*?)\n    \}}", NGINX, re.S)
    assert f"location = {path} {{" in inside
    for route in probes.routes():
        assert re.search(rf"^location (=|\^~) {route.path} \{{\n    return 404;", SITE, re.M), route  # type: ignore[attr-defined]


def test_who_is_outside_cannot_reach_the_database() -> None:
    networks = {name: set(service.get("networks", ())) for name, service in SERVICES.items()}
    assert networks["db"] == {"data"}
    assert COMPOSE["networks"]["data"]["internal"]
    for name in networks:
        assert not {"public", "data"} <= networks[name], name
        assert not ("ports" in SERVICES[name] and "data" in networks[name]), name


@pytest.mark.parametrize("name", list(SERVICES))
def test_every_container_is_shut_and_limited(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["logging"]["options"]["max-size"]
    assert limit(name, "memory") > 0
    assert limit(name, "cpus") > 0

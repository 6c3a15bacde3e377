"""Keycloak: its distribution from Maven Central, built for PostgreSQL and started with --optimized."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

from bench import stack
from bench.load import request
from bench.peers.peer import USERS, Peer, Place
from bench.peers.processes import install, kept, need, output_of, started
from bench.storm import Login

_HERE = Path(__file__).parent
_VERSION = "26.7.3"
_UNPACK = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:unpack"
_REALM = "bench"
_PATH = f"/realms/{_REALM}/protocol/openid-connect"
_BUILD = ["build", "--db=postgres", "--health-enabled=true"]
# Its sizing page: 1250 MB for a replica, of which 300 MB aren't heap.
_HEAP = "-Xms950m -Xmx950m"


class Keycloak(Peer):
    name = "Keycloak"
    version = _VERSION
    login = Login(
        f"{_PATH}/token",
        "grant_type=password&client_id=bench&scope=openid&username=u{n}&password="
        + quote_plus(stack.PASSWORD),
        "application/x-www-form-urlencoded",
    )
    # A virtual machine compiles what is hot while it runs.
    warm_up = 15.0

    def install(self) -> None:
        def make(folder: Path) -> None:
            need("mvn", "Maven")
            artifact = f"-Dartifact=org.keycloak:keycloak-quarkus-dist:{_VERSION}:zip"
            command = ["mvn", "-B", "-q", _UNPACK, artifact, f"-DoutputDirectory={folder}"]
            install(command, folder)
            home = folder / f"keycloak-{_VERSION}"
            install([str(home / "bin" / "kc.sh"), *_BUILD], home)

        need("java", "Java")
        self._home = kept("keycloak", _VERSION, *_BUILD, make=make) / f"keycloak-{_VERSION}"

    def prepare(self, place: Place) -> None:
        place.create_database("keycloak")
        self._folder = place.folder
        self._database = [
            f"--db-url=jdbc:postgresql://127.0.0.1:{place.postgres_port}/keycloak",
            "--db-username=postgres",
            "--db-password=unused",
            *(f"--db-pool-{size}-size=30" for size in ("initial", "min", "max")),
        ]
        realm = place.folder / "realm.json"
        realm.write_text(json.dumps(_realm()), encoding="utf-8")
        program = str(self._home / "bin" / "kc.sh")
        command = [program, "import", "--optimized", f"--file={realm}", *self._database]
        output_of(command, self._folder, JAVA_OPTS_KC_HEAP=_HEAP)

    @contextlib.contextmanager
    def serve(self) -> Iterator[int]:
        port, management = stack.free_port(), stack.free_port()
        with started(
            [
                str(self._home / "bin" / "kc.sh"),
                "start",
                "--optimized",
                # One replica, so no cluster.
                "--cache=local",
                "--hostname-strict=false",
                "--http-enabled=true",
                "--http-host=127.0.0.1",
                f"--http-port={port}",
                f"--http-management-port={management}",
                "--http-max-queued-requests=1000",
                "--proxy-headers=xforwarded",
                "--proxy-trusted-addresses=127.0.0.1",
                *self._database,
            ],
            log=self._folder / "keycloak.log",
            ready=(management, "/health/ready"),
            cwd=self._folder,
            JAVA_OPTS_KC_HEAP=_HEAP,
        ):
            yield port

    def bare_hashes(self, seconds: float) -> float:
        (library,) = (self._home / "lib" / "lib" / "main").glob("org.bouncycastle.bcprov-*.jar")
        source = str(_HERE / "Hashes.java")
        command = ["java", *_HEAP.split(), "-XX:+UseG1GC", "-cp", str(library), source]
        return float(output_of([*command, stack.PASSWORD, str(seconds)], self._folder).split()[-1])

    def session_check(self, session: dict[str, Any]) -> bytes:
        return request("GET", f"{_PATH}/userinfo", token=session["access_token"])


def _realm() -> dict[str, Any]:
    client = {"clientId": "bench", "publicClient": True, "directAccessGrantsEnabled": True}
    users = [
        {
            "username": f"u{number}",
            "email": f"u{number}@example.org",
            "emailVerified": True,
            "firstName": "User",
            "lastName": str(number),
            "enabled": True,
            "credentials": [{"type": "password", "value": stack.PASSWORD, "temporary": False}],
        }
        for number in range(USERS)
    ]
    return {"realm": _REALM, "enabled": True, "clients": [client], "users": users}

"""New passwords: rotate.sh as the Jobs run it, in a PostgreSQL that asks for them, by what the controller decides."""

import os
import re
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from frontdesk import local
from frontdesk_operator import manifests, passwords, rotation
from frontdesk_operator.client import Client
from frontdesk_operator.errors import OperatorError
from tests.databases import programs
from tests.operator.apiserver import ApiServer, Object, running

_DEPLOY = Path(__file__).parents[2] / "deploy"
_HBA = """\
local postgres postgres trust
local all all scram-sha-256
"""


@pytest.fixture(scope="module")
def sockets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The folder of a PostgreSQL's socket. It asks for passwords, but for the one who makes the database."""
    folder = tmp_path_factory.mktemp("postgres")
    (folder / "hba").write_text(_HBA)
    with local.postgres(folder / "data", fsync="off", hba_file=str(folder / "hba")) as url:
        yield parse_qs(urlsplit(url).query)["host"][0]


class Cluster:
    """What a rotation is about: the API server, the database, and a Frontdesk of which `status` is what was written."""

    def __init__(self, api: ApiServer, client: Client, sockets: str, folder: Path) -> None:
        self.api, self._client, self._sockets, self._folder = api, client, sockets, folder
        self.frontdesk: Object = {
            "apiVersion": "frontdesk.dev/v1alpha1",
            "kind": "Frontdesk",
            "metadata": {"name": "one", "namespace": "x", "uid": "a"},
            "spec": {"database": {"own": {}}},
        }
        self.status: dict[str, Any] = {}
        # With this, the controller is killed whenever it has decided something and hasn't written it yet.
        self.is_killed = False
        self._unwritten: dict[str, Any] = {}

    async def make(self) -> None:
        """The Secret, if it isn't there, and what 10-roles.sh makes of it in an empty PostgreSQL."""
        await passwords.ensure(self._client, "x", "one")
        await self._as_superuser("DROP DATABASE IF EXISTS frontdesk")
        for role in await self._roles():
            await self._as_superuser(f"DROP ROLE {role}")
        secrets = self._mounted("database", "current")
        superuser = (secrets / "postgres_password").read_text()
        await self._as_superuser(f"ALTER ROLE postgres PASSWORD '{superuser}'")
        files = {
            f"{what}_FILE": str(secrets / what.lower())
            for what in ("MIGRATE_PASSWORD", "SERVICE_PASSWORD", "SERVICE_ROLE")
        }
        self._run(["bash", str(_DEPLOY / "postgres/10-roles.sh")], PGPASSWORD=superuser, **files)

    async def forget_roles(self) -> None:
        """As in a volume of an earlier day: no role but the first, and other passwords."""
        for role in await self._roles():
            kept = role in ("frontdesk", "frontdesk_migrate")
            await self._as_superuser(f"ALTER ROLE {role} PASSWORD 'old'" if kept else f"DROP ROLE {role}")
        await self._as_superuser("ALTER ROLE postgres PASSWORD 'old'")

    def type(self, sql: str) -> None:
        """Into psql, in the database's pod."""
        sql = sql.replace("/run/secrets", str(self._mounted("database", "current")))
        self._run(["psql", "-U", "postgres", "frontdesk"], stdin=sql, PGPASSWORD="old")

    async def rotate(self, value: str) -> None:
        """Ask for it, and look until it's done."""
        self.frontdesk["spec"]["database"]["own"] = {"rotate": value}
        for _ in range(50):
            await self.look()
            await self.work()
            if self.status.get("secrets") == {"rotated": value}:
                return
        raise AssertionError(f"it doesn't end: {self.status}")

    async def look(self) -> None:
        """One look; one that fails writes nothing."""
        state = dict(self.status)
        try:
            await rotation.step(self._client, self.frontdesk, state, settled=True)
        except OperatorError:
            return
        if not self.is_killed or state == self._unwritten:
            self.status = state
        self._unwritten = state

    async def work(self) -> None:
        """What the cluster does: the Jobs run."""
        for name, job in self.api.jobs().items():
            if "status" not in job:
                arguments = job["spec"]["template"]["spec"]["containers"][0]["args"]
                for suffix, folder in (("database", "current"), ("database-next", "next")):
                    self._mounted(suffix, folder)
                script = (_DEPLOY / "kubernetes/components/rotation/rotate.sh").read_text()
                script = script.replace("/tmp/", f"{self._folder}/").replace(
                    "/run/secrets", str(self._folder)
                )
                self._run(["sh", "-c", script, "rotate.sh", *arguments])
                self.api.end(name, "Complete")

    async def lets_in(self, url: str) -> bool:
        """Whether PostgreSQL lets in who comes with that URL."""
        parts = urlsplit(url)
        try:
            db = await asyncpg.connect(
                host=self._sockets,
                user=parts.username,
                password=parts.password,
                database="frontdesk",
                ssl=False,
            )
        except (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError):
            return False
        await db.close()
        return True

    async def _as_superuser(self, statement: str) -> None:
        db = await asyncpg.connect(host=self._sockets, user="postgres", database="postgres", ssl=False)
        await db.execute(statement)
        await db.close()

    async def _roles(self) -> list[str]:
        db = await asyncpg.connect(host=self._sockets, user="postgres", database="postgres", ssl=False)
        rows = await db.fetch("SELECT rolname FROM pg_roles WHERE rolname ~ '^frontdesk' ORDER BY 1 DESC")
        await db.close()
        return [row[0] for row in rows]

    def _mounted(self, suffix: str, folder: str) -> Path:
        (self._folder / folder).mkdir(exist_ok=True)
        (database,) = (one for one in manifests.load("database") if one["kind"] == "StatefulSet")
        (volume,) = (
            one for one in database["spec"]["template"]["spec"]["volumes"] if one["name"] == "secrets"
        )
        keys = [item["key"] for item in volume["secret"].get("items", [])]
        for name, value in self.api.secret(f"one-{suffix}").items():
            if keys and name not in keys:
                continue
            (self._folder / folder / name).write_text(value)
        return self._folder / folder

    def _run(self, command: list[str], *, stdin: str = "", **variables: str) -> None:
        environ = {"PATH": f"{programs()}:{os.environ['PATH']}", "PGHOST": self._sockets, **variables}
        ran = subprocess.run(command, input=stdin, env=environ, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr


@pytest.fixture
async def cluster(tmp_path: Path, sockets: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cluster]:
    async with running(tmp_path, monkeypatch) as (api, client):
        found = Cluster(api, client, sockets, tmp_path)
        await found.make()
        yield found


async def test_passwords_may_be_changed_to_what_they_were_changed_to_before(cluster: Cluster) -> None:
    # The first are new as it is.
    await cluster.rotate("a")
    for value in ("b", "a", "b", "", "a"):
        before = cluster.api.secret("one-database")
        assert await cluster.lets_in(before["database_url"])
        await cluster.rotate(value)
        after = cluster.api.secret("one-database")
        assert not await cluster.lets_in(before["database_url"])
        assert not await cluster.lets_in(before["migrate_database_url"])
        assert await cluster.lets_in(after["database_url"])
        assert await cluster.lets_in(after["migrate_database_url"])
        assert cluster.api.get("v1", "Secret", "one-database-next") is None


async def test_controller_that_is_killed_after_whatever_it_did_changes_them_all_the_same(
    cluster: Cluster,
) -> None:
    await cluster.rotate("a")
    cluster.api.loses_answers = cluster.is_killed = True
    for value in ("b", "a"):
        before = cluster.api.secret("one-database")
        await cluster.rotate(value)
        after = cluster.api.secret("one-database")
        assert not await cluster.lets_in(before["database_url"])
        assert await cluster.lets_in(after["database_url"])
        assert await cluster.lets_in(after["migrate_database_url"])


@pytest.mark.parametrize("looks", [1, 2, 3])
async def test_change_that_a_deleted_frontdesk_had_begun_is_ended_before_the_next(
    cluster: Cluster, looks: int
) -> None:
    await cluster.rotate("a")
    before = cluster.api.secret("one-database")
    cluster.frontdesk["spec"]["database"]["own"] = {"rotate": "b"}
    for _ in range(looks):
        await cluster.look()
        await cluster.work()
    assert cluster.api.get("v1", "Secret", "one-database-next")
    # Made again: the Secrets have stayed.
    cluster.frontdesk["metadata"]["uid"], cluster.status = "another", {}
    await cluster.rotate("a")
    await cluster.rotate("b")
    after = cluster.api.secret("one-database")
    assert not await cluster.lets_in(before["database_url"])
    assert await cluster.lets_in(after["database_url"])
    assert await cluster.lets_in(after["migrate_database_url"])
    assert cluster.api.get("v1", "Secret", "one-database-next") is None


async def test_job_that_failed_is_run_again(cluster: Cluster) -> None:
    await cluster.rotate("a")
    cluster.frontdesk["spec"]["database"]["own"] = {"rotate": "b"}
    await cluster.look()
    (job,) = cluster.api.jobs()
    cluster.api.end(job, "Failed")
    await cluster.rotate("b")
    assert cluster.api.told == ["RotationFailed", "PasswordsChanged"]
    assert await cluster.lets_in(cluster.api.secret("one-database")["database_url"])


async def test_database_made_anew_lets_in_by_the_passwords_as_they_are_by_now(cluster: Cluster) -> None:
    await cluster.rotate("a")
    await cluster.rotate("b")
    now = cluster.api.secret("one-database")
    await cluster.make()
    assert cluster.api.secret("one-database") == now
    assert await cluster.lets_in(now["database_url"])
    assert await cluster.lets_in(now["migrate_database_url"])
    await cluster.rotate("a")
    assert not await cluster.lets_in(now["database_url"])
    assert await cluster.lets_in(cluster.api.secret("one-database")["database_url"])


@pytest.mark.parametrize("changes", [["a"], ["a", "b"]])
async def test_older_volume_lets_in_after_what_the_page_says_to_type(
    cluster: Cluster, changes: list[str]
) -> None:
    for value in changes:
        await cluster.rotate(value)
    now = cluster.api.secret("one-database")
    await cluster.forget_roles()
    assert not await cluster.lets_in(now["database_url"])
    page = (_DEPLOY.parent / "docs/kubernetes.md").read_text()
    typed = re.findall(r"psql -U postgres frontdesk <<'SQL'\n(.+?)^SQL$", page, re.DOTALL | re.MULTILINE)
    assert len(typed) == 1
    cluster.type(typed[0])
    assert await cluster.lets_in(now["database_url"])
    assert await cluster.lets_in(now["migrate_database_url"])
    await cluster.rotate("c")
    assert not await cluster.lets_in(now["database_url"])
    assert await cluster.lets_in(cluster.api.secret("one-database")["database_url"])

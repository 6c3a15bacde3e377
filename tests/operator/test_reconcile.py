"""Looks at a Frontdesk that isn't installed yet: what its migration waits for, and when it's tried again."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from frontdesk_operator.client import Client
from frontdesk_operator.reconcile import reconcile
from tests.operator.apiserver import ApiServer, Object, running

ROLE = {"min": 2, "max": 2, "cores": 2, "cpuRequest": "250m"}


class Cluster:
    """An API server with a Frontdesk whose database is elsewhere, and no Secret that says where."""

    def __init__(self, api: ApiServer, client: Client) -> None:
        self.api, self._client = api, client
        self.make()

    def make(self) -> None:
        self.api.put(
            {
                "apiVersion": "frontdesk.dev/v1alpha1",
                "kind": "Frontdesk",
                "metadata": {"name": "one"},
                "spec": {
                    "version": "1",
                    "repository": "frontdesk",
                    "publicURL": "https://a.example.org",
                    "web": ROLE,
                    "api": ROLE,
                    "edge": {"replicas": 2, "service": {"type": "ClusterIP"}},
                    "database": {"secretRef": {"name": "urls", "port": 5432}},
                },
            }
        )

    async def look(self) -> None:
        # One to decide, one to do, one to see what came of it.
        for _ in range(3):
            await reconcile(self._client, "x", "one")

    def serve(self, image: str) -> None:
        """As if this had been installed."""
        frontdesk = self.api.get("frontdesk.dev/v1alpha1", "Frontdesk", "one")
        assert frontdesk is not None
        self.api.put({**frontdesk, "status": {"image": image}})

    def condition(self, kind: str) -> Object:
        frontdesk = self.api.get("frontdesk.dev/v1alpha1", "Frontdesk", "one")
        assert frontdesk is not None
        found: Object = next(one for one in frontdesk["status"]["conditions"] if one["type"] == kind)
        return found

    def tell_urls(self, password: str) -> None:
        url = f"postgresql://frontdesk_migrate:{password}@db.example.org/frontdesk"
        urls = {
            "database_url": "postgresql://frontdesk:b@db.example.org/frontdesk",
            "migrate_database_url": url,
        }
        self.api.put({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "urls"}, "stringData": urls})


@pytest.fixture
async def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Cluster]:
    async with running(tmp_path, monkeypatch) as (api, client):
        yield Cluster(api, client)


async def test_without_its_secret_it_waits_and_says_for_which(cluster: Cluster) -> None:
    await cluster.look()
    assert not cluster.api.jobs()
    assert cluster.condition("Degraded")["status"] == "False"
    assert cluster.condition("Progressing")["message"].endswith("step migrate: there's no Secret urls")
    cluster.tell_urls("right")
    await cluster.look()
    assert len(cluster.api.jobs()) == 1


async def test_secret_that_lacks_a_url_is_said(cluster: Cluster) -> None:
    cluster.api.put(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "urls"},
            "stringData": {"database_url": "a"},
        }
    )
    await cluster.look()
    assert cluster.condition("Progressing")["message"].endswith("the Secret urls has no migrate_database_url")


async def test_migration_that_failed_is_tried_with_the_secret_as_it_is_corrected(cluster: Cluster) -> None:
    cluster.tell_urls("wrong")
    await cluster.look()
    (first,) = cluster.api.jobs()
    cluster.api.end(first, "Failed")
    await cluster.look()
    assert cluster.condition("Degraded")["reason"] == "MigrationFailed"
    assert list(cluster.api.jobs()) == [first]
    cluster.tell_urls("right")
    await cluster.look()
    (second,) = cluster.api.jobs().keys() - {first}
    cluster.api.end(second, "Complete")
    await cluster.look()
    assert cluster.condition("Progressing")["message"].startswith("nothing → frontdesk:1, step api")
    assert cluster.condition("Degraded")["status"] == "False"


async def test_first_migration_that_failed_is_tried_again_when_its_job_is_gone_and_told_once(
    cluster: Cluster,
) -> None:
    cluster.tell_urls("right")
    await cluster.look()
    for _ in range(3):
        ((name, job),) = cluster.api.jobs().items()
        # Kubernetes deletes it, and there's nothing that the service was before and could go on as.
        assert job["spec"]["ttlSecondsAfterFinished"] == 60
        cluster.api.end(name, "Failed")
        await cluster.look()
        cluster.api.delete("batch/v1", "Job", name)
        await cluster.look()
        assert cluster.condition("Degraded")["reason"] == "MigrationFailed"
    assert cluster.api.told == ["UpgradeStarted", "MigrationFailed"]
    cluster.api.end(name, "Complete")
    await cluster.look()
    assert cluster.condition("Degraded")["status"] == "False"


async def test_job_of_a_deleted_frontdesk_of_the_same_name_is_not_taken_for_its_own(cluster: Cluster) -> None:
    cluster.tell_urls("right")
    await cluster.look()
    (theirs,) = cluster.api.jobs()
    cluster.api.end(theirs, "Complete")
    # Kubernetes deletes what it owned, in a moment.
    cluster.api.delete("frontdesk.dev/v1alpha1", "Frontdesk", "one")
    cluster.make()
    await cluster.look()
    assert cluster.condition("Progressing")["message"] == "nothing → frontdesk:1, step migrate"
    assert len(cluster.api.jobs()) == 2


async def test_job_of_an_upgrade_keeps_its_log_for_a_day(cluster: Cluster) -> None:
    cluster.tell_urls("right")
    cluster.serve("frontdesk:0")
    await cluster.look()
    (job,) = cluster.api.jobs().values()
    assert job["spec"]["ttlSecondsAfterFinished"] == 86400

"""Upgrades under a steady load, in a cluster: nobody notices, not even of those that fail."""

import pytest

from frontdesk_operator.upgrade import STEPS
from tests.e2e.report import Report
from tests.e2e.traffic import running
from tests.kubernetes.cluster import BASE, Frontdesk, get, kubectl, until
from tests.kubernetes.conftest import Version

pytestmark = pytest.mark.timeout(900)


def unharmed(report: Report, *, requests: int) -> bool:
    """Nothing failed, nothing acknowledged is lost, and enough was asked to say so."""
    print(report.table())
    harm = [failure for failure in report.failures if not failure.busy]
    return not harm and not report.lost and report.requests >= requests


@pytest.mark.kubernetes
def test_new_version_takes_over_and_the_old_one_again_without_a_controller_that_lives(
    frontdesk: Frontdesk, url: str, version: Version
) -> None:
    other = version("same")
    attempts = set()
    with running(url, rate=60) as traffic:
        traffic.mark(f"to {other}")
        frontdesk.change(version=other)
        frontdesk.serves(other)
        _runs(frontdesk, other)
        traffic.mark(f"to {BASE}")
        frontdesk.change(version=BASE)
        for step in STEPS:
            until(f"step {step}", lambda step=step: frontdesk.status.get("upgrade", {}).get("step") == step)
            kubectl("delete", "pods", "-n", "frontdesk-system", "--all", "--grace-period=0", "--force")
            traffic.mark(f"all controllers killed at {step}")
            attempts.add(frontdesk.status["upgrade"]["id"])
        frontdesk.serves(BASE)
        _runs(frontdesk, BASE)
    assert unharmed(traffic.report, requests=3000)
    assert len(attempts) == 1, "it began anew"
    frontdesk.told("UpgradeStarted", "Upgraded", "UpgradeStarted", "Upgraded")


def _runs(frontdesk: Frontdesk, version: str) -> None:
    images = {c["image"] for pod in frontdesk.pods("api") for c in pod["spec"]["containers"]}
    assert images == {f"frontdesk:{version}"}


@pytest.mark.kubernetes
def test_version_that_does_not_start_is_rolled_back(frontdesk: Frontdesk, url: str, version: Version) -> None:
    broken = version("broken")
    with running(url, rate=30) as traffic:
        frontdesk.change(version=broken)
        # The migration is the first to run the new version.
        refused = frontdesk.refuses(broken)
    assert unharmed(traffic.report, requests=100)
    assert refused["reason"] == "MigrationFailed"
    assert "FRONTDESK_NO_SUCH_SETTING is no setting" in refused["message"]
    assert frontdesk.condition("Degraded")["reason"] == "RolledBack"
    assert frontdesk.condition("Ready")["status"] == "True"
    assert frontdesk.status["version"] == BASE
    frontdesk.told("UpgradeStarted", "MigrationFailed", "RolledBack")


@pytest.mark.kubernetes_long
def test_version_that_the_checks_find_wrong_is_rolled_back(
    frontdesk: Frontdesk, url: str, version: Version
) -> None:
    wrong = version("same", checks="refuse")
    with running(url, rate=30) as traffic:
        frontdesk.change(version=wrong)
        refused = frontdesk.refuses(wrong)
    assert unharmed(traffic.report, requests=100)
    assert refused["reason"] == "VerificationFailed"
    assert "Failed: 1" in refused["message"] or "404" in refused["message"]
    assert frontdesk.status["version"] == BASE
    assert {c["image"] for pod in frontdesk.pods("edge") for c in pod["spec"]["containers"]} == {
        f"frontdesk-edge:{BASE}"
    }


@pytest.mark.kubernetes_long
def test_version_whose_migration_fails_changes_nothing(frontdesk: Frontdesk, version: Version) -> None:
    before = frontdesk.status["version"]
    unmigrated = version("unmigrated")
    frontdesk.change(version=unmigrated)
    refused = frontdesk.refuses(unmigrated)
    assert refused["reason"] == "MigrationFailed"
    assert "the migration failed and changed nothing: division by zero" in refused["message"]
    assert frontdesk.status["version"] == before
    for role in ("web", "api", "edge"):
        deployment = get("deployment", f"one-{role}", namespace=frontdesk.namespace)
        assert deployment["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/version"] == before


@pytest.mark.kubernetes_long
def test_going_back_past_a_migration_is_refused(frontdesk: Frontdesk, version: Version) -> None:
    newer = version("newer")
    frontdesk.change(version=newer)
    frontdesk.serves(newer)
    frontdesk.change(version=BASE)
    refused = frontdesk.refuses(BASE)
    assert refused["reason"] == "MigrationFailed"
    assert "going back past a migration is refused" in refused["message"]
    assert frontdesk.status["version"] == newer
    frontdesk.change(version=newer)
    frontdesk.serves(newer)
    assert frontdesk.condition("Degraded")["status"] == "False"

"""What kubectl makes of the manifests: valid, locked up, and agreeing with one another and with the controller's."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.kubernetes import deploy
from frontdesk import settings
from frontdesk_operator import render as operator_render
from tests.kubernetes.cluster import DEPLOY, ROOT, kubectl

pytestmark = pytest.mark.kustomize

RENDERED = ("overlays/local", "overlays/production", "operator")
TOOLS = ROOT / ".venv-kubernetes" / "bin"
# Kinds of others, whose schemas kubernetes-validate lacks.
FOREIGN = {"HTTPRoute", "ServiceMonitor", "PrometheusRule", "Certificate"}

Object = dict[str, Any]


def render(folder: str) -> str:
    return kubectl("kustomize", str(DEPLOY / folder))


def objects(rendered: str) -> list[Object]:
    return [thing for thing in yaml.safe_load_all(rendered) if thing]


def templates(things: list[Object]) -> Iterator[tuple[str, Object]]:
    """Every pod template, by its component."""
    for thing in things:
        spec = thing.get("spec", {})
        template = spec.get("jobTemplate", {}).get("spec", spec).get("template")
        if thing["kind"] in ("Deployment", "StatefulSet", "Job", "CronJob"):
            yield template["metadata"]["labels"]["app.kubernetes.io/component"], template["spec"]


@pytest.fixture(params=[*RENDERED, "everything"])
def rendered(request: pytest.FixtureRequest, everything: str) -> str:
    return everything if request.param == "everything" else render(request.param)


def test_valid_by_kubernetes_own_schemas(rendered: str, tmp_path: Path) -> None:
    file = tmp_path / "all.yaml"
    file.write_text(rendered)
    done = subprocess.run(
        [TOOLS / "kubernetes-validate", "--strict", "-k", "1.36", "-k", "1.37", file],
        capture_output=True,
        text=True,
        check=False,
    )
    said = (done.stdout + done.stderr).splitlines()
    unknown = {m[1] for line in said if (m := re.search(r"Couldn't find schema for kind (\w+)", line))}
    assert unknown <= FOREIGN
    assert [line for line in said if "WARN" not in line and "INFO" not in line] == []
    assert sum("passed" in line for line in said) >= 2 * sum(
        thing["kind"] not in FOREIGN for thing in objects(rendered)
    )


def test_checkov_finds_nothing(rendered: str, tmp_path: Path) -> None:
    file = tmp_path / "all.yaml"
    file.write_text(rendered)
    done = subprocess.run(
        [TOOLS / "checkov", "--config-file", DEPLOY / "checkov.yaml", "--file", file],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    passed = re.search(r"Passed checks: (\d+), Failed checks: 0, Skipped checks: 0", done.stdout)
    assert passed
    assert int(passed[1]) > 100


def test_memory_follows_from_the_formula(everything: str) -> None:
    """docs/operations.md: 75 + 19 × hash threads + 32 MiB, a thread for each core."""
    seen = 0
    for component, pod in templates(objects(everything)):
        if component in ("web", "api"):
            limits = pod["containers"][0]["resources"]["limits"]
            assert limits["memory"] == f"{75 + 19 * int(limits['cpu']) + 32}Mi"
            seen += 1
    assert seen == 2


def test_grace_periods_add_up(everything: str) -> None:
    things = objects(everything)
    (config,) = (
        t["data"] for t in things if t["kind"] == "ConfigMap" and "settings" in t["metadata"]["name"]
    )
    drain = float(config["FRONTDESK_DRAIN_DELAY"]) + float(config["FRONTDESK_DRAIN_TIMEOUT"])
    nginx = (DEPLOY.parent / "nginx/templates/nginx.conf.template").read_text()
    shutdown = re.search(r"worker_shutdown_timeout (\d+)s;", nginx)
    assert shutdown
    for component, pod in templates(things):
        if component in ("web", "api"):
            assert pod["terminationGracePeriodSeconds"] >= drain + 5
            startup = pod["containers"][0]["startupProbe"]
            assert startup["periodSeconds"] * startup["failureThreshold"] > float(
                config["FRONTDESK_DATABASE_WAIT"]
            )
        if component == "edge":
            wait = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
            assert pod["terminationGracePeriodSeconds"] >= wait + int(shutdown[1]) + 5


def test_database_has_a_connection_for_every_replica(everything: str) -> None:
    things = objects(everything)
    most = [t["spec"]["maxReplicas"] + 1 for t in things if t["kind"] == "HorizontalPodAutoscaler"]
    assert len(most) == 2
    (pod,) = (pod for component, pod in templates(things) if component == "db")
    (connections,) = (
        e["value"] for e in pod["containers"][0]["env"] if e["name"] == "POSTGRES_MAX_CONNECTIONS"
    )
    assert int(connections) >= sum(most) * (settings.Settings().database_pool + 1) + 20


def test_settings_are_ones_that_the_service_has(everything: str) -> None:
    (config,) = (
        t["data"]
        for t in objects(everything)
        if t["kind"] == "ConfigMap" and "settings" in t["metadata"]["name"]
    )
    loaded = settings.load({**config, "FRONTDESK_PUBLIC_URL": "https://accounts.example.org"})
    assert loaded.host == "0.0.0.0"


def test_service_account_token_is_only_where_kubernetes_is_asked(everything: str) -> None:
    with_token = {
        component
        for component, pod in templates([*objects(everything), *objects(render("operator"))])
        if any("projected" in volume for volume in pod["volumes"])
    }
    assert with_token == {"passwords", "operator"}


@pytest.mark.parametrize("folder", ["local", "production"])
@pytest.mark.parametrize("registry", ["", "registry.example.org/team", "registry.example.org:5000"])
def test_each_version_has_a_migration_of_its_own(folder: str, registry: str) -> None:
    things = deploy.render(DEPLOY / "overlays" / folder, "1.2.3", registry)
    for thing in things:
        if thing["kind"] in ("Job", "Deployment"):
            labels = thing["spec"]["template"]["metadata"]["labels"]
            assert thing["metadata"]["labels"]["app.kubernetes.io/version"] == "1.2.3"
            assert labels["app.kubernetes.io/version"] == "1.2.3"
    jobs = {t["metadata"]["name"] for t in things if t["kind"] == "Job"}
    assert jobs >= {"frontdesk-migrate-1.2.3", "frontdesk-verify-1.2.3"}
    for component, pod in templates(things):
        name, _, version = pod["containers"][0]["image"].rpartition(":")
        if component != "db":
            assert version == "1.2.3"
        if registry and component != "db":
            assert name.startswith(f"{registry}/frontdesk")


def test_changed_setting_and_changed_file_roll_the_pods(tmp_path: Path) -> None:
    before, after = (render("overlays/local"), render("overlays/production"))
    names = [
        {
            t["metadata"]["name"]
            for t in objects(text)
            if t["kind"] == "ConfigMap" and "settings" in t["metadata"]["name"]
        }
        for text in (before, after)
    ]
    assert names[0].isdisjoint(names[1])
    for text, (name,) in ((before, names[0]), (after, names[1])):
        for component, pod in templates(objects(text)):
            if component in ("web", "api"):
                assert pod["containers"][0]["envFrom"] == [{"configMapRef": {"name": name}}]


def test_controller_makes_what_the_overlay_has() -> None:
    """The same spec by both: what differs is who it belongs to, and what a Job of the controller's does."""
    by_overlay = {_what(thing): _bare(thing) for thing in objects(render("overlays/local"))}
    spec = {
        **{"version": "dev", "repository": "frontdesk", "publicURL": "http://localhost:8080"},
        **{role: {"min": 2, "max": 6, "cores": 2, "cpuRequest": "250m"} for role in ("web", "api")},
        "edge": {"replicas": 2, "service": {"type": "ClusterIP"}},
        "database": {"own": {"storage": "10Gi", "cores": 2, "memory": "1Gi"}},
    }
    frontdesk = {"metadata": {"name": "frontdesk", "namespace": "frontdesk", "uid": "1"}, "spec": spec}
    made = operator_render.render(frontdesk, operator_render.Images.all("frontdesk:dev"), stamps={})
    by_controller = {_what(thing): _bare(thing) for thing in made}

    # The controller makes passwords itself, its Jobs when it's time for them, and its namespace is its user's.
    for kind, name in list(by_overlay):
        if (
            kind in ("Namespace", "Job", "Role", "RoleBinding")
            or "passwords" in name
            or name == "default-deny"
        ):
            del by_overlay[(kind, name)]
    for extra in (("ConfigMap", "frontdesk-rotation"), ("NetworkPolicy", "frontdesk-verify")):
        del by_controller[extra]
    assert by_controller.keys() == by_overlay.keys()
    for what, thing in by_overlay.items():
        assert by_controller[what] == thing, what


def _what(thing: Object) -> tuple[str, str]:
    return thing["kind"], re.sub(r"-[a-z0-9]{10}$", "", thing["metadata"]["name"])


def _bare(thing: Object) -> Any:
    """Without whose it is, and without the hashes of ConfigMaps' names, which each makes in its own way."""
    if isinstance(thing, dict):
        dropped = ("ownerReferences", "app.kubernetes.io/managed-by", "immutable")
        return {key: _bare(value) for key, value in thing.items() if key not in dropped}
    if isinstance(thing, list):
        return [_bare(value) for value in thing]
    if isinstance(thing, str):
        return re.sub(r"^(frontdesk-(?:settings|edge|postgres))-[a-z0-9]{10}$", r"\1", thing)
    return thing

"""Small parts of the controller: whose fields are whose, conditions, names, and the connection for pg_dump."""

import pytest
from click.testing import CliRunner

from frontdesk_operator import conditions, drift, labels, manifests, passwords, render
from frontdesk_operator.client import MANAGER
from frontdesk_operator.errors import OperatorError
from frontdesk_operator.main import connection_service, main


def entry(
    manager: str, fields: dict[str, object], operation: str = "Update", subresource: str = ""
) -> dict[str, object]:
    found: dict[str, object] = {"manager": manager, "operation": operation, "fieldsV1": fields}
    return {**found, "subresource": subresource} if subresource else found


OURS = entry(MANAGER, {"f:spec": {"f:template": {}}}, "Apply")


def test_what_somebody_added_to_a_spec_becomes_ours_so_that_applying_removes_it() -> None:
    theirs = entry("kubectl-edit", {"f:metadata": {"f:labels": {}}, "f:spec": {"f:paused": {}}})
    taken = drift.ours([OURS, theirs])
    assert taken is not None
    assert taken[0]["fieldsV1"] == {"f:spec": {"f:template": {}, "f:paused": {}}}
    assert taken[1]["fieldsV1"] == {"f:metadata": {"f:labels": {}}}


@pytest.mark.parametrize(
    "theirs",
    [
        entry("kube-controller-manager", {"f:spec": {"f:replicas": {}}}, subresource="scale"),
        entry("kube-controller-manager", {"f:status": {}}, subresource="status"),
        entry("cloud-controller-manager", {"f:spec": {"f:x": {}}}),
        entry("kubectl", {"f:spec": {"f:replicas": {}}}),
        entry(
            "kubectl-rollout",
            {
                "f:spec": {
                    "f:template": {"f:annotations": {".": {}, "f:kubectl.kubernetes.io/restartedAt": {}}}
                }
            },
        ),
        entry("kubectl-label", {"f:metadata": {"f:labels": {"f:team": {}}}}),
    ],
    ids=["autoscaler", "status", "cloud", "scaled by hand", "restarted", "labelled"],
)
def test_what_others_may_decide_stays_theirs(theirs: dict[str, object]) -> None:
    assert drift.ours([OURS, theirs]) is None


def test_condition_keeps_the_time_at_which_it_became_so() -> None:
    before = conditions.of(
        [], 1, "2026-01-01T00:00:00Z", Ready=(True, "Serving", "a"), Degraded=(False, "AsAsked", "")
    )
    after = conditions.of(
        before, 2, "2026-02-02T00:00:00Z", Ready=(True, "Serving", "b"), Degraded=(True, "RolledBack", "c")
    )
    times = {condition["type"]: condition["lastTransitionTime"] for condition in after}
    assert times == {"Ready": "2026-01-01T00:00:00Z", "Degraded": "2026-02-02T00:00:00Z"}
    assert {condition["observedGeneration"] for condition in after} == {2}


def spec(**more: object) -> dict[str, object]:
    role = {"min": 2, "max": 6, "cores": 2, "cpuRequest": "250m"}
    return {
        "version": "1",
        "repository": "frontdesk",
        "publicURL": "https://a.example.org",
        "web": role,
        "api": role,
        "edge": {"replicas": 2, "service": {"type": "ClusterIP"}},
        "database": {"own": {"storage": "1Gi", "cores": 2, "memory": "1Gi"}},
        **more,
    }


def frontdesk(name: str = "one", **more: object) -> dict[str, object]:
    return {"metadata": {"name": name, "namespace": "x", "uid": "u"}, "spec": spec(**more)}


def test_two_instances_share_no_name_and_select_nothing_of_each_other() -> None:
    names = []
    for name in ("one", "two"):
        made = render.render(frontdesk(name), render.Images.all("frontdesk:1"), stamps={})
        names.append({(m["kind"], m["metadata"]["name"]) for m in made})
        selected = [m["metadata"]["labels"]["app.kubernetes.io/instance"] for m in made]
        assert set(selected) == {name}
        text = str([m["spec"] for m in made if "spec" in m])
        assert f"'app.kubernetes.io/instance': '{name}'" in text
        assert "'app.kubernetes.io/instance': 'frontdesk'" not in text
    assert not names[0] & names[1]


def test_manifest_that_kustomize_would_patch_is_refused_rather_than_misread() -> None:
    with pytest.raises(AssertionError, match=r"edge-tls: \{.patches.\} is not understood here"):
        manifests.load("edge-tls")


def test_changed_secret_rolls_the_part_that_uses_it_and_no_other() -> None:
    pods = []
    for stamp in ("a", "b"):
        made = render.render(frontdesk(), render.Images.all("frontdesk:1"), stamps={"edge": stamp})
        pods.append({m["metadata"]["name"]: m["spec"]["template"] for m in made if m["kind"] == "Deployment"})
    changed = {name for name in pods[0] if pods[0][name] != pods[1][name]}
    assert changed == {"one-edge"}


def test_database_has_connections_for_every_replica_and_what_each_listens_on() -> None:
    role = {"min": 2, "max": 10, "cores": 2, "cpuRequest": "250m"}
    resource = frontdesk(web=role, api=role, settings={"FRONTDESK_DATABASE_POOL": "5"})
    made = render.render(resource, render.Images.all("frontdesk:1"), stamps={})
    (database,) = (m for m in made if m["kind"] == "StatefulSet")
    variables = database["spec"]["template"]["spec"]["containers"][0]["env"]
    (connections,) = (v["value"] for v in variables if v["name"] == "POSTGRES_MAX_CONNECTIONS")
    assert int(connections) == 2 * (10 + 1) * (5 + 1) + 20


def test_external_database_is_the_only_place_that_is_open() -> None:
    reference = {"secretRef": {"name": "urls", "port": 6432, "networks": ["192.0.2.0/24"]}}
    made = render.render(frontdesk(database=reference), render.Images.all("frontdesk:1"), stamps={})
    (policy,) = (m for m in made if m["metadata"]["name"] == "one-external-database")
    assert policy["spec"]["egress"] == [
        {"to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}], "ports": [{"protocol": "TCP", "port": 6432}]}
    ]
    assert not [m for m in made if m["kind"] == "StatefulSet"]
    for deployment in (
        m for m in made if m["metadata"]["name"] in ("one-web", "one-api") and m["kind"] == "Deployment"
    ):
        names = [
            v["secret"]["secretName"]
            for v in deployment["spec"]["template"]["spec"]["volumes"]
            if "secret" in v
        ]
        assert names == ["urls"]


def test_mail_is_a_file_a_sender_and_one_way_out() -> None:
    mail = {"secretName": "smtp", "from": "a@example.org", "port": 465}
    made = render.render(frontdesk(mail=mail), render.Images.all("frontdesk:1"), stamps={})
    (policy,) = (m for m in made if m["metadata"]["name"] == "one-mail")
    assert policy["spec"]["egress"][0]["ports"] == [{"protocol": "TCP", "port": 465}]
    (settings,) = (m["data"] for m in made if m["metadata"]["name"].startswith("one-settings-"))
    assert settings["FRONTDESK_MAIL_FROM"] == "a@example.org"
    for name in ("one-web", "one-api"):
        (deployment,) = (m for m in made if (m["kind"], m["metadata"]["name"]) == ("Deployment", name))
        pod = deployment["spec"]["template"]["spec"]
        assert [v["secret"]["secretName"] for v in pod["volumes"] if v["name"] == "mail"] == ["smtp"]
        assert {"name": "FRONTDESK_SMTP_URL_FILE", "value": "/run/mail/smtp_url"} in pod["containers"][0][
            "env"
        ]


def test_jobs_that_kubernetes_makes_by_the_schedule_are_found() -> None:
    backup = {"schedule": "@daily", "keep": 3, "storage": "1Gi"}
    made = render.render(frontdesk(backup=backup), render.Images.all("frontdesk:1"), stamps={})
    (schedule,) = (m for m in made if m["kind"] == "CronJob")
    found = schedule["spec"]["jobTemplate"]["metadata"]["labels"]
    assert labels.of("one").items() <= found.items()
    assert found[labels.COMPONENT] == "backup"


def test_job_has_the_resource_s_own_names_and_an_attempt_of_its_own() -> None:
    job = render.migration(frontdesk(), "frontdesk:2", "abc")
    assert job["metadata"]["name"] == "one-migrate-abc"
    assert job["spec"]["template"]["spec"]["containers"][0]["image"] == "frontdesk:2"
    assert job["spec"]["template"]["spec"]["serviceAccountName"] == "one"
    check = render.verification(frontdesk(), "registry:5000/frontdesk:2", "abc")
    container = check["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "registry:5000/frontdesk-goss:2"
    assert {"name": "URL", "value": "http://one-edge.$(NAMESPACE).svc"} in container["env"]


def test_job_that_changes_passwords_has_the_old_and_the_next_and_its_script() -> None:
    job = render.rotation(frontdesk(), "change", "abc", "frontdesk_abc")
    assert job["metadata"]["name"] == "one-change-abc"
    pod = job["spec"]["template"]["spec"]
    assert pod["containers"][0]["args"] == ["change", "frontdesk_abc"]
    assert {"name": "PGHOST", "value": "one-db"} in pod["containers"][0]["env"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert volumes["current"]["secret"]["secretName"] == "one-database"
    assert volumes["next"]["secret"]["secretName"] == "one-database-next"
    made = render.render(frontdesk(), render.Images.all("frontdesk:1"), stamps={})
    script = volumes["files"]["configMap"]["name"]
    assert ("ConfigMap", script) in {(m["kind"], m["metadata"]["name"]) for m in made}


def test_passwords_are_random_and_their_urls_hold_them() -> None:
    made, other = (passwords.manifest("x", "one")["stringData"] for _ in range(2))
    assert made["database_url"] == f"postgresql://frontdesk:{made['service_password']}@one-db:5432/frontdesk"
    for name in ("postgres_password", "migrate_password", "service_password"):
        assert len(made[name]) == 64
        assert made[name] != other[name]


def test_connection_for_pg_dump_has_every_part_of_the_url() -> None:
    url = "postgresql://me%40home:p%2Fw%40%3D@db.example.org:6432/front%20desk?sslmode=verify-full"
    assert connection_service(url).splitlines() == [
        "[database]",
        "host=db.example.org",
        "port=6432",
        "dbname=front desk",
        "user=me@home",
        "password=p/w@=",
        "sslmode=verify-full",
    ]


@pytest.mark.parametrize(
    "url", ["", "mysql://a:secret@b/c", "postgresql://a:secret@b:port/c", "postgresql://a:x%0Asecret@b/c"]
)
def test_bad_url_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(OperatorError) as refused:
        connection_service(url)
    assert "secret" not in str(refused.value)


def test_file_that_is_not_there_is_said_in_a_line() -> None:
    done = CliRunner().invoke(main, ["service-file", "/no/such/file", "/no/such/target"])
    assert done.exit_code == 1
    assert done.stderr == (
        "frontdesk-operator: /no/such/file → /no/such/target: [Errno 2] No such file or directory: '/no/such/file'\n"
    )

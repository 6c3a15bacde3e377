"""deploy/jenkins: what it sets up is what the Jenkinsfile asks for, and nothing in it is secret."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.jenkins.harness import ROOT

_HERE = ROOT / "deploy" / "jenkins"
_JENKINSFILE = (ROOT / "Jenkinsfile").read_text(encoding="utf-8")
# Which plugin a step or an option comes from. A step that isn't here, and doesn't come with workflow-aggregator or
# Jenkins itself, is unknown to Build.groovy too.
_PLUGINS = {
    r"junit": "junit",
    r"recordCoverage": "coverage",
    r"withCredentials": "credentials-binding",
    r"timestamps": "timestamper",
    r"pipeline": "workflow-aggregator",
    r"input": "workflow-aggregator",
}


def _controller() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(
        (_HERE / "controller" / "jenkins.yaml").read_text(encoding="utf-8")
    )
    return loaded


def _compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((_HERE / "compose.yaml").read_text(encoding="utf-8"))
    return loaded


def _plugins() -> dict[str, str]:
    lines = (_HERE / "controller" / "plugins.txt").read_text(encoding="ascii").splitlines()
    assert lines == sorted(lines)
    return dict(line.split(":") for line in lines)


def _values(node: object, path: str = "") -> list[tuple[str, str]]:
    if isinstance(node, dict):
        return [found for key, value in node.items() for found in _values(value, f"{path}.{key}")]
    if isinstance(node, list):
        return [found for value in node for found in _values(value, path)]
    return [(path, str(node))]


def test_every_plugin_is_pinned() -> None:
    for name, version in _plugins().items():
        assert re.fullmatch(r"[a-z0-9-]+", name)
        assert re.fullmatch(r"\d[\w.-]*", version), f"{name}: {version}"


def test_every_step_of_the_jenkinsfile_has_its_plugin() -> None:
    used = {plugin for step, plugin in _PLUGINS.items() if re.search(rf"\b{step}\b", _JENKINSFILE)}
    assert used == set(_PLUGINS.values()), "a plugin for nothing"
    assert used <= set(_plugins())


def test_every_part_of_the_settings_has_its_plugin() -> None:
    known = {
        "jenkins": "configuration-as-code",
        "credentials": "plain-credentials",
        "unclassified": "configuration-as-code",
        "security": "git",
        "jobs": "job-dsl",
    }
    assert set(_controller()) == set(known)
    assert set(known.values()) | {"ssh-slaves"} <= set(_plugins())


def test_nothing_is_built_on_the_controller() -> None:
    jenkins = _controller()["jenkins"]
    assert jenkins["numExecutors"] == 0
    assert jenkins["securityRealm"]["local"]["allowsSignup"] is False
    assert jenkins["authorizationStrategy"] == {"loggedInUsersCanDoAnything": {"allowAnonymousRead": False}}


def test_agent_has_the_label_that_the_jenkinsfile_asks_for() -> None:
    labels = set(re.findall(r"label '([\w-]+)'", _JENKINSFILE))
    agents = [node["permanent"] for node in _controller()["jenkins"]["nodes"]]
    assert labels == {agent["labelString"] for agent in agents}
    [agent] = agents
    assert agent["launcher"]["ssh"]["host"] in _compose()["services"]
    assert agent["numExecutors"] == 1


def test_every_credential_that_the_jenkinsfile_asks_for_is_there() -> None:
    asked = set(re.findall(r"credentialsId: ['\"]([\w${}.-]+)['\"]", _JENKINSFILE))
    engines = re.findall(r"'(\w+)'", re.search(r"name: 'ENGINE', choices: \[(.*?)\]", _JENKINSFILE)[1])  # type: ignore[index]
    targets = re.findall(r"TARGET = '(\w+)'", _JENKINSFILE)
    asked = {
        one.replace("${params.ENGINE}", engine).replace("${env.TARGET}", target)
        for one in asked
        for engine in engines
        for target in targets
    }
    [domain] = _controller()["credentials"]["system"]["domainCredentials"]
    there = {
        (kept := next(iter(one.values())))["id"]: (next(iter(one)), kept["scope"])
        for one in domain["credentials"]
    }
    assert asked == {name for name, (_, scope) in there.items() if scope == "GLOBAL"}
    # No build can ask for the key of the agent that it runs on.
    assert there["agent"] == ("basicSSHUserPrivateKey", "SYSTEM")
    for name in asked - {"registry"}:
        assert there[name][0] == "file"


def test_every_variable_that_the_jenkinsfile_reads_is_given() -> None:
    [properties] = _controller()["jenkins"]["globalNodeProperties"]
    given = {one["key"] for one in properties["envVars"]["env"]}
    own = set(re.findall(r"^ +(\w+) = ", _JENKINSFILE, re.MULTILINE))
    assert set(re.findall(r"\benv\.(\w+)", _JENKINSFILE)) - own | {"REGISTRY", "UNAUDITED"} == given
    settings = (_HERE / "controller" / "jenkins.yaml").read_text(encoding="utf-8")
    asked = set(re.findall(r"\$\{([A-Z_]+)(?::-[^}]*)?\}", settings.partition("\njenkins:")[2]))
    assert asked == set(_compose()["services"]["controller"]["environment"])


def test_nothing_secret_is_written_down() -> None:
    for path, value in _values(_controller()):
        if re.search(r"\.(password|privateKey|secretBytes|key)$", path) and not path.endswith("env.key"):
            assert re.fullmatch(r"\$\{readFile(Base64)?:/run/secrets/[\w.-]+\}", value), path


def test_every_secret_that_is_read_is_mounted_and_made(tmp_path: Path) -> None:
    settings = (_HERE / "controller" / "jenkins.yaml").read_text(encoding="utf-8")
    compose = _compose()
    assert set(re.findall(r"/run/secrets/([\w.-]+)", settings)) == set(
        compose["services"]["controller"]["secrets"]
    )
    # What lets somebody into the agent isn't in it.
    assert compose["services"]["agent"]["secrets"] == ["agent_host_key", "agent_key.pub"]
    script = tmp_path / "secrets.sh"
    script.write_text((_HERE / "secrets.sh").read_text(encoding="utf-8"), encoding="utf-8")
    for _ in range(2):
        subprocess.run(["sh", str(script)], check=True, capture_output=True)
        made = {file.name: file.read_text(encoding="ascii") for file in (tmp_path / "secrets").iterdir()}
        assert set(made) == set(compose["secrets"])
    again = {file.name: file.read_text(encoding="ascii") for file in (tmp_path / "secrets").iterdir()}
    assert again == made
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    assert len(made["admin_password"]) == 40


def test_only_this_machine_reaches_the_controller_and_nobody_its_docker() -> None:
    services = _compose()["services"]
    assert services["controller"]["ports"] == ["${PUBLISH:-127.0.0.1}:${JENKINS_PORT:-8090}:8080"]
    assert "ports" not in services["docker"]
    assert not [word for word in services["docker"]["command"] if "tcp://" in word]
    for service in services.values():
        assert not [volume for volume in service["volumes"] if str(volume).startswith("/")], (
            "no folder of this machine"
        )


@pytest.mark.parametrize("name", ["image", "build", "restart", "logging"])
def test_every_service_says(name: str) -> None:
    for service, given in _compose()["services"].items():
        assert name in given or (service == "docker" and name == "build")

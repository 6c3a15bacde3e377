"""What a deployment is told, by the environment; what it isn't told stays as it runs."""

import os
import re

from deploy.swarm.swarm import Json, docker, image

# Secrets by the variable of the stack file that says which version of them is meant.
SECRETS = {
    "TLS_VERSION": ("tls_certificate", "tls_key"),
    "DATABASE_URL_VERSION": ("database_url", "migrate_database_url"),
}
DATABASE_SECRETS = ("postgres_password", "migrate_password", "service_password")


def variables(version: str, running: dict[str, Json]) -> dict[str, str]:
    """The environment for the stack file: what is set, else what runs, else nothing (the file has the defaults)."""
    kept = {**_running(running), "DB_VERSION": version}
    if "db" in running:
        kept["DB_VERSION"] = image(running["db"]).rpartition(":")[2]
    # Empty is as good as unset, but that the header is to have nothing in it.
    told = {name: value for name, value in os.environ.items() if value or name == "EDGE_HSTS"}
    given = {**kept, **told, "VERSION": version}
    registry = given.get("REGISTRY", "")
    given["REGISTRY"] = registry.rstrip("/") + "/" if registry else ""
    return given


def newest(stack: str, kept: list[str]) -> dict[str, str]:
    """The newest version that all secrets of a variable have, by variable; none without."""
    found = {}
    for variable, names in SECRETS.items():
        versions = [_versions(stack, name, kept) for name in names]
        common = set.intersection(*versions)
        if common:
            found[variable] = str(max(common))
    return found


def secret_names() -> list[str]:
    """The names of the swarm's secrets."""
    return docker("secret", "ls", "--format", "{{.Name}}").split()


def _versions(stack: str, name: str, kept: list[str]) -> set[int]:
    matches = (re.fullmatch(rf"{re.escape(stack)}_{name}_(\d+)", one) for one in kept)
    return {int(match[1]) for match in matches if match}


def _running(running: dict[str, Json]) -> dict[str, str]:
    kept = {}
    for name in ("web", "api"):
        mode = running.get(name, {}).get("Spec", {}).get("Mode", {})
        if "Replicated" in mode:
            # Somebody may have scaled by hand; a deployment is no reason to lose the replicas that are needed.
            kept[f"{name.upper()}_REPLICAS"] = str(mode["Replicated"]["Replicas"])
    kept |= _environment(running.get("web"), {"FRONTDESK_PUBLIC_URL": "PUBLIC_URL"})
    kept |= _environment(running.get("edge"), {name: name for name in ("EDGE_TRUSTED_PROXIES", "EDGE_HSTS")})
    kept |= _environment(running.get("db"), {"POSTGRES_MAX_CONNECTIONS": "POSTGRES_MAX_CONNECTIONS"})
    if "edge" in running:
        kept["REGISTRY"] = image(running["edge"]).rpartition("frontdesk-edge:")[0]
        for port in running["edge"]["Spec"].get("EndpointSpec", {}).get("Ports", []):
            kept["HTTP_PORT" if port["TargetPort"] == 8080 else "HTTPS_PORT"] = str(port["PublishedPort"])
    return kept


def _environment(service: Json | None, wanted: dict[str, str]) -> dict[str, str]:
    if service is None:
        return {}
    pairs = (one.partition("=") for one in service["Spec"]["TaskTemplate"]["ContainerSpec"].get("Env", []))
    return {wanted[name]: value for name, _, value in pairs if name in wanted}

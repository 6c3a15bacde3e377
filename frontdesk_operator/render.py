"""What a Frontdesk's spec asks for, as objects: the manifests of deploy/kubernetes, patched."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from frontdesk_operator import labels, manifests
from frontdesk_operator.kinds import API
from frontdesk_operator.manifests import Manifest

ROLES = ("web", "api")
# docs/operations.md: MiB of a process, of a hash, of a storm's requests.
_MEMORY = (75, 19, 32)
_POOL = 10
# What pods need to start, and what shuts them off.
_FIRST = ("ServiceAccount", "ConfigMap", "NetworkPolicy", "PersistentVolumeClaim")
# Connections for people, backups and migrations.
_SPARE = 20


@dataclass(frozen=True)
class Images:
    """The image of the service that each part has or is to have; the edge's and the checks' follow from it."""

    web: str
    api: str
    edge: str
    migrate: str

    @staticmethod
    def all(image: str) -> "Images":
        """One for everything."""
        return Images(image, image, image, image)


def image(spec: Mapping[str, Any]) -> str:
    """The service's image that a spec asks for."""
    return f"{spec['repository']}:{spec['version']}"


def tag(name: str) -> str:
    """An image's tag."""
    return name.rpartition(":")[2]


def part(name: str, suffix: str) -> str:
    """The image that belongs to the service's: frontdesk:1 and edge → frontdesk-edge:1."""
    repository, _, version = name.rpartition(":")
    return f"{repository}-{suffix}:{version}"


def attempt(name: str, generation: int) -> str:
    """What tells one attempt to reach an image from another; short, as names of Jobs have it."""
    return hashlib.sha256(f"{name} {generation}".encode()).hexdigest()[:8]


def database_secret(name: str, spec: Mapping[str, Any]) -> str:
    """The Secret that has the database's URLs."""
    reference = spec["database"].get("secretRef")
    return str(reference["name"]) if reference else f"{name}-database"


def render(frontdesk: Mapping[str, Any], images: Images, *, stamps: Mapping[str, str]) -> list[Manifest]:
    """All objects but Jobs and Secrets. `stamps`: what of Secrets a part's pods were started with; another rolls them.

    The spec has passed the API server's validation and defaults.
    """
    name, spec = frontdesk["metadata"]["name"], frontdesk["spec"]
    own = spec["database"].get("own") is not None
    parts = ["database", "rotation"] if own else ["external-database"]
    parts.append("verify")
    parts += [part for part in ("backup", "gateway", "ingress") if part in spec]
    parts += ["mail-network"] if "mail" in spec else []
    parts += ["prometheus"] if spec.get("prometheus") else []
    made = [m for m in manifests.load(*parts) if m["kind"] != "Job"]
    made = manifests.renamed(made, name)
    found = {(m["kind"], m["metadata"]["name"]): m for m in made}

    _settings(found[("ConfigMap", f"{name}-settings")], spec)
    _edge_settings(found[("ConfigMap", f"{name}-edge")], spec)
    for role in ROLES:
        _role(found, name, role, spec, getattr(images, role))
    _edge(found, name, spec, images.edge)
    if own:
        _own_database(found[("StatefulSet", f"{name}-db")], spec)
    else:
        _way_out(found[("NetworkPolicy", f"{name}-external-database")], spec["database"]["secretRef"])
    if "mail" in spec:
        _mail(found, name, spec)
    if "backup" in spec:
        _backup(found, name, spec, images.migrate)
    for kind, patch in _WAYS_IN.items():
        if (kind, name) in found:
            patch(found[(kind, name)], spec)
    for manifest in made:
        _secret(manifest, f"{name}-database", database_secret(name, spec))
        _stamp(manifest, stamps)
    made.sort(key=lambda manifest: manifest["kind"] not in _FIRST)
    return _owned(manifests.hashed(made), frontdesk)


def migration(frontdesk: Mapping[str, Any], image: str, attempt: str) -> Manifest:
    """The Job that brings the schema to an image's version, and says so if it is past it already."""
    job = _job(frontdesk, "kubernetes/base", "migrate", image, attempt)
    container = job["spec"]["template"]["spec"]["containers"][0]
    container["image"] = image
    container["args"] = ["migrate", "--refuse-newer"]
    return job


def verification(frontdesk: Mapping[str, Any], image: str, attempt: str) -> Manifest:
    """The Job that looks, with Goss, whether what is served through the edge is right."""
    name, spec = frontdesk["metadata"]["name"], frontdesk["spec"]
    job = _job(frontdesk, "kubernetes/components/verify", "verify", image, attempt)
    container = job["spec"]["template"]["spec"]["containers"][0]
    container["image"] = part(image, "goss")
    scheme = "https" if "tls" in spec["edge"] else "http"
    (url,) = (variable for variable in container["env"] if variable["name"] == "URL")
    url["value"] = f"{scheme}://{name}-edge.$(NAMESPACE).svc"
    return job


def rotation(frontdesk: Mapping[str, Any], what: str, mark: str, role: str) -> Manifest:
    """The Job that does `what` (change or revoke) in the database for `role`; `mark` is the rotation's."""
    name = frontdesk["metadata"]["name"]
    made = manifests.hashed(manifests.renamed(manifests.load("rotation"), name))
    (job,) = (
        m for m in made if m["kind"] == "Job" and m["metadata"]["labels"][labels.COMPONENT] == "passwords"
    )
    job["metadata"]["name"] = f"{name}-{what}-{mark}"
    job["spec"]["template"]["spec"]["containers"][0]["args"] = [what, role]
    return _owned([job], frontdesk)[0]


def _job(frontdesk: Mapping[str, Any], folder: str, component: str, image: str, attempt: str) -> Manifest:
    name, spec = frontdesk["metadata"]["name"], frontdesk["spec"]
    found = manifests.load(*([] if folder.endswith("base") else [folder.rpartition("/")[2]]))
    (job,) = (
        m for m in found if m["kind"] == "Job" and m["metadata"]["labels"][labels.COMPONENT] == component
    )
    (job,) = manifests.renamed([job], name)
    job["metadata"]["name"] = f"{name}-{component}-{attempt}"
    _version(job, image)
    _pull(job, spec)
    _secret(job, f"{name}-database", database_secret(name, spec))
    return _owned([job], frontdesk)[0]


def _settings(manifest: Manifest, spec: Mapping[str, Any]) -> None:
    manifest["data"] |= {"FRONTDESK_PUBLIC_URL": spec["publicURL"].rstrip("/"), **spec.get("settings", {})}


def _edge_settings(manifest: Manifest, spec: Mapping[str, Any]) -> None:
    edge = spec["edge"]
    data = manifest["data"]
    if "tls" in edge:
        data["EDGE_TLS"] = "on"
        data["EDGE_PUBLIC_PORT"] = str(urlsplit(spec["publicURL"]).port or 443)
    if edge.get("trustedProxies"):
        data["EDGE_TRUSTED_PROXIES"] = ",".join(edge["trustedProxies"])
    for limit, rate in edge.get("limits", {}).items():
        data[f"EDGE_LIMIT_{limit.upper()}"] = rate


def _role(
    found: Mapping[tuple[str, str], Manifest], name: str, role: str, spec: Mapping[str, Any], image: str
) -> None:
    wanted = spec[role]
    deployment = found[("Deployment", f"{name}-{role}")]
    _version(deployment, image)
    _pull(deployment, spec)
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    container["image"] = image
    cores = wanted["cores"]
    memory = _MEMORY[0] + _MEMORY[1] * cores + _MEMORY[2]
    container["resources"] = {
        "requests": {"cpu": wanted["cpuRequest"], "memory": "96Mi"},
        "limits": {"cpu": str(cores), "memory": f"{memory}Mi"},
    }
    scaler = found[("HorizontalPodAutoscaler", f"{name}-{role}")]["spec"]
    scaler["minReplicas"], scaler["maxReplicas"] = wanted["min"], wanted["max"]


def _edge(found: Mapping[tuple[str, str], Manifest], name: str, spec: Mapping[str, Any], image: str) -> None:
    edge = spec["edge"]
    deployment = found[("Deployment", f"{name}-edge")]
    _version(deployment, image)
    _pull(deployment, spec)
    deployment["spec"]["replicas"] = edge["replicas"]
    pod = deployment["spec"]["template"]["spec"]
    pod["containers"][0]["image"] = part(image, "edge")
    if "tls" in edge:
        (mount, volume) = _tls(edge["tls"]["secretName"])
        pod["containers"][0]["volumeMounts"].append(mount)
        pod["volumes"].append(volume)
    service = found[("Service", f"{name}-edge")]
    kind = edge["service"]["type"]
    service["spec"]["type"] = kind
    if kind != "ClusterIP":
        # The client's own address arrives, which the limits count by.
        service["spec"]["externalTrafficPolicy"] = "Local" if kind == "LoadBalancer" else "Cluster"
    if edge["service"].get("annotations"):
        service["metadata"]["annotations"] = dict(edge["service"]["annotations"])
    if "nodePort" in edge["service"]:
        port = service["spec"]["ports"][1 if "tls" in edge else 0]
        port["nodePort"] = edge["service"]["nodePort"]


def _tls(secret: str) -> tuple[Manifest, Manifest]:
    return (
        {"name": "tls", "mountPath": "/run/secrets", "readOnly": True},
        {
            "name": "tls",
            "secret": {
                "secretName": secret,
                "defaultMode": 0o440,
                "items": [
                    {"key": "tls.crt", "path": "tls_certificate"},
                    {"key": "tls.key", "path": "tls_key"},
                ],
            },
        },
    )


def _own_database(manifest: Manifest, spec: Mapping[str, Any]) -> None:
    own = spec["database"]["own"]
    container = manifest["spec"]["template"]["spec"]["containers"][0]
    container["resources"]["limits"] = {"cpu": str(own["cores"]), "memory": own["memory"]}
    container["resources"]["requests"]["memory"] = own["memory"]
    pool = int(spec.get("settings", {}).get("FRONTDESK_DATABASE_POOL", _POOL))
    # One more for each replica, on which it hears of sessions that ended.
    connections = sum(spec[role]["max"] + 1 for role in ROLES) * (pool + 1) + _SPARE
    for variable in container["env"]:
        if variable["name"] == "POSTGRES_MAX_CONNECTIONS":
            variable["value"] = str(connections)
    _claim(manifest["spec"]["volumeClaimTemplates"][0], own)


def _way_out(manifest: Manifest, there: Mapping[str, Any]) -> None:
    """Open the way to a server outside: its port, and its networks if they're known."""
    (rule,) = manifest["spec"]["egress"]
    rule["ports"] = [{"protocol": "TCP", "port": there["port"]}]
    if there.get("networks"):
        rule["to"] = [{"ipBlock": {"cidr": network}} for network in there["networks"]]


def _mail(found: Mapping[tuple[str, str], Manifest], name: str, spec: Mapping[str, Any]) -> None:
    mail = spec["mail"]
    _way_out(found[("NetworkPolicy", f"{name}-mail")], mail)
    found[("ConfigMap", f"{name}-settings")]["data"]["FRONTDESK_MAIL_FROM"] = mail["from"]
    items = [{"key": "smtp_url", "path": "smtp_url"}]
    for role in ROLES:
        pod = found[("Deployment", f"{name}-{role}")]["spec"]["template"]["spec"]
        container = pod["containers"][0]
        container["env"].append({"name": "FRONTDESK_SMTP_URL_FILE", "value": "/run/mail/smtp_url"})
        container["volumeMounts"].append({"name": "mail", "mountPath": "/run/mail", "readOnly": True})
        secret = {"secretName": mail["secretName"], "defaultMode": 0o440, "items": items}
        pod["volumes"].append({"name": "mail", "secret": secret})


def _backup(
    found: Mapping[tuple[str, str], Manifest], name: str, spec: Mapping[str, Any], image: str
) -> None:
    backup = spec["backup"]
    schedule = found[("CronJob", f"{name}-backup")]["spec"]
    schedule["schedule"] = backup["schedule"]
    job = schedule["jobTemplate"]["metadata"]
    # Kubernetes makes the Jobs; by this they're watched and found.
    job["labels"] = {**job["labels"], labels.MANAGED_BY: labels.CONTROLLER}
    pod = schedule["jobTemplate"]["spec"]["template"]["spec"]
    pod["initContainers"][0]["image"] = image
    for variable in pod["containers"][0]["env"]:
        if variable["name"] == "KEEP":
            variable["value"] = str(backup["keep"])
    if spec.get("pullSecrets"):
        pod["imagePullSecrets"] = [{"name": secret} for secret in spec["pullSecrets"]]
    _claim(found[("PersistentVolumeClaim", f"{name}-backups")], backup)


def _claim(manifest: Manifest, wanted: Mapping[str, Any]) -> None:
    manifest["spec"]["resources"]["requests"]["storage"] = wanted["storage"]
    if "storageClassName" in wanted:
        manifest["spec"]["storageClassName"] = wanted["storageClassName"]


def _gateway(manifest: Manifest, spec: Mapping[str, Any]) -> None:
    manifest["spec"]["parentRefs"] = [dict(reference) for reference in spec["gateway"]["parentRefs"]]
    manifest["spec"]["hostnames"] = [urlsplit(spec["publicURL"]).hostname]


def _ingress(manifest: Manifest, spec: Mapping[str, Any]) -> None:
    ingress, host = spec["ingress"], urlsplit(spec["publicURL"]).hostname
    manifest["spec"]["rules"][0]["host"] = host
    if "tlsSecretName" in ingress:
        manifest["spec"]["tls"] = [{"hosts": [host], "secretName": ingress["tlsSecretName"]}]
    else:
        del manifest["spec"]["tls"]
    if "className" in ingress:
        manifest["spec"]["ingressClassName"] = ingress["className"]
    if ingress.get("annotations"):
        manifest["metadata"]["annotations"] = dict(ingress["annotations"])


_WAYS_IN: dict[str, Callable[[Manifest, Mapping[str, Any]], None]] = {
    "HTTPRoute": _gateway,
    "Ingress": _ingress,
}


def _version(manifest: Manifest, image: str) -> None:
    for labelled in (manifest["metadata"], manifest["spec"]["template"]["metadata"]):
        # A copy: in the files the two are one (YAML anchors).
        labelled["labels"] = {**labelled["labels"], labels.VERSION: tag(image)}


def _pull(manifest: Manifest, spec: Mapping[str, Any]) -> None:
    if spec.get("pullSecrets"):
        pod = manifest["spec"]["template"]["spec"]
        pod["imagePullSecrets"] = [{"name": secret} for secret in spec["pullSecrets"]]


def _secret(manifest: Manifest, before: str, after: str) -> None:
    for volume in _volumes(manifest):
        secret = volume.get("secret")
        if secret and secret["secretName"] == before:
            secret["secretName"] = after


def _volumes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield from value.get("volumes", []) if isinstance(value.get("volumes"), list) else []
        for inner in value.values():
            yield from _volumes(inner)


def _stamp(manifest: Manifest, stamps: Mapping[str, str]) -> None:
    stamp = stamps.get(manifest["metadata"].get("labels", {}).get(labels.COMPONENT, ""))
    if stamp and manifest["kind"] == "Deployment":
        annotations = manifest["spec"]["template"]["metadata"].setdefault("annotations", {})
        annotations["frontdesk.dev/secret"] = stamp


def _owned(made: list[Manifest], frontdesk: Mapping[str, Any]) -> list[Manifest]:
    metadata = frontdesk["metadata"]
    for manifest in made:
        manifest["metadata"]["namespace"] = metadata["namespace"]
        manifest["metadata"]["labels"] = {
            **manifest["metadata"].get("labels", {}),
            labels.MANAGED_BY: labels.CONTROLLER,
        }
        # What holds data outlives its Frontdesk, unless deletionPolicy says otherwise.
        if manifest["kind"] != "PersistentVolumeClaim":
            manifest["metadata"]["ownerReferences"] = [
                {
                    "apiVersion": API,
                    "kind": "Frontdesk",
                    "name": metadata["name"],
                    "uid": metadata["uid"],
                    "controller": True,
                    "blockOwnerDeletion": False,
                }
            ]
    return made

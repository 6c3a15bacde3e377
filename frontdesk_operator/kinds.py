"""The kinds of objects that the controller makes or reads, and where the API server has them."""

GROUP = "frontdesk.dev"
VERSION = "v1alpha1"
PLURAL = "frontdesks"
API = f"{GROUP}/{VERSION}"

_PLURALS = {
    "ConfigMap": "configmaps",
    "CronJob": "cronjobs",
    "Deployment": "deployments",
    "Event": "events",
    "Frontdesk": PLURAL,
    "HTTPRoute": "httproutes",
    "HorizontalPodAutoscaler": "horizontalpodautoscalers",
    "Ingress": "ingresses",
    "Job": "jobs",
    "Lease": "leases",
    "NetworkPolicy": "networkpolicies",
    "PersistentVolumeClaim": "persistentvolumeclaims",
    "Pod": "pods",
    "PodDisruptionBudget": "poddisruptionbudgets",
    "PrometheusRule": "prometheusrules",
    "Secret": "secrets",
    "Service": "services",
    "ServiceAccount": "serviceaccounts",
    "ServiceMonitor": "servicemonitors",
    "StatefulSet": "statefulsets",
}

# What is made, and deleted when it's no longer asked for. Jobs come and go by themselves; Secrets and
# PersistentVolumeClaims are data, and only deletionPolicy may touch them.
KEPT = (
    ("v1", "ServiceAccount"),
    ("v1", "ConfigMap"),
    ("v1", "Service"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("batch/v1", "CronJob"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("policy/v1", "PodDisruptionBudget"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("networking.k8s.io/v1", "Ingress"),
)
# Kinds that a cluster may lack.
OPTIONAL = (
    ("gateway.networking.k8s.io/v1", "HTTPRoute"),
    ("monitoring.coreos.com/v1", "ServiceMonitor"),
    ("monitoring.coreos.com/v1", "PrometheusRule"),
)
DATA = (("v1", "Secret"), ("v1", "PersistentVolumeClaim"))


def path(api: str, kind: str, namespace: str = "", name: str = "") -> str:
    """Where the API server has an object, or a kind's objects if no name is given."""
    root = f"/apis/{api}" if "/" in api else f"/api/{api}"
    within = f"/namespaces/{namespace}" if namespace else ""
    return f"{root}{within}/{_PLURALS[kind]}" + (f"/{name}" if name else "")


def plural(kind: str) -> str:
    """A kind's name in paths and in RBAC."""
    return _PLURALS[kind]

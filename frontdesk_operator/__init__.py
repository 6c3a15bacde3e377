"""The Kubernetes controller: makes a whole Frontdesk of one resource, and keeps it so.

    handlers.py      kopf: what happened in the cluster → which Frontdesk to look at
    reconcile.py     one look: render, apply, observe, take the next step, write the status
    upgrade.py       the steps of an upgrade and when to take the next: pure, from what is seen
    render.py        spec → objects: the manifests of deploy/kubernetes, patched
    manifests.py     those files
    client.py        the Kubernetes API

Nothing is remembered between two looks but what is in the resource's status, so the controller may be killed at any
moment. It imports nothing from frontdesk: it runs versions of the service other than its own.
"""

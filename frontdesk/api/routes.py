"""The whole API on one screen. Its contract is openapi.yaml; a test compares the two."""

from starlette.routing import BaseRoute

from frontdesk.api import account, accounts, contract, links, people, sessions, verify
from frontdesk.routing import resource

_SESSIONS, _ACCOUNTS = "/api/v1/sessions", "/api/v1/accounts"
# A POST there has a password hashed.
HASHING = (_SESSIONS, _ACCOUNTS)


def routes() -> list[BaseRoute]:
    """Every route of the API, the most asked for first."""
    return [
        resource("/api/v1/verify", GET=verify.verify),
        resource("/api/v1/account", GET=account.show, PATCH=account.update, DELETE=account.delete),
        resource("/api/v1/account/password", PUT=account.change_password),
        resource("/api/v1/account/email", POST=account.change_email),
        resource("/api/v1/account/events", GET=account.list_events),
        resource("/api/v1/account/export", GET=account.export),
        resource("/api/v1/people", GET=people.find),
        resource("/api/v1/people/{username}", GET=people.show),
        resource(_SESSIONS, POST=sessions.create, GET=sessions.list_mine),
        resource("/api/v1/sessions/current", DELETE=sessions.end_current),
        resource("/api/v1/sessions/{id}", DELETE=sessions.end),
        resource(_ACCOUNTS, POST=accounts.create),
        resource("/api/v1/password-resets", POST=links.ask_reset),
        resource("/api/v1/password-resets/{token}", PUT=links.reset_password),
        resource("/api/v1/email-confirmations/{token}", POST=links.confirm),
        resource("/api/v1/openapi.json", GET=contract.openapi),
        resource("/api/docs", GET=contract.docs),
        resource("/api/docs/{name}", GET=contract.docs_file),
    ]

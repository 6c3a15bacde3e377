"""openapi.yaml is the contract: every route is in it, every call of it has a route, and it lists every answer."""

import ast
import inspect
import re
from importlib.resources import files
from typing import Any

import jsonschema_rs
import msgspec
import pytest
import yaml
from starlette.routing import Route

from frontdesk import errors, model
from frontdesk.api import account, accounts, links, problems, routes, sessions

CONTRACT: dict[str, Any] = yaml.safe_load((files("frontdesk.api") / "openapi.yaml").read_text("utf-8"))
METHODS = ("get", "post", "put", "patch", "delete")
# Bodies are read by these calls, which may end so.
READS = {"400", "408", "413", "415", "422"}

# What a handler of each method and path may raise, by name, beyond what every call that needs a session or the
# database may: the docstrings of the verbs say it.
RAISED = {
    "post /api/v1/accounts": {"EmailTaken", "UsernameTaken", "Throttled", "Busy"},
    "post /api/v1/sessions": {"WrongCredentials", "EmailUnverified", "Throttled", "Busy"},
    "delete /api/v1/sessions/{id}": {"NotFound"},
    "patch /api/v1/account": {"UsernameTaken", "Throttled", "RecentLoginRequired"},
    "delete /api/v1/account": {"RecentLoginRequired"},
    "put /api/v1/account/password": {"Throttled", "Busy"},
    "post /api/v1/account/email": {"NotFound", "Throttled", "Busy"},
    "get /api/v1/account/events": {"InvalidCursor"},
    "get /api/v1/account/export": {"Throttled"},
    "post /api/v1/password-resets": {"NotFound", "Throttled"},
    "put /api/v1/password-resets/{token}": {"LinkExpired", "Busy"},
    "post /api/v1/email-confirmations/{token}": {"LinkExpired", "EmailTaken"},
    "get /api/v1/people": {"InvalidCursor", "Throttled"},
    "get /api/v1/people/{username}": {"NotFound", "Throttled"},
}


def operations() -> dict[str, dict[str, Any]]:
    return {
        f"{method} {path}": operation
        for path, item in CONTRACT["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }


def served() -> set[str]:
    found = set()
    for route in routes.routes():
        assert isinstance(route, Route)
        if route.path.startswith("/api/v1/"):
            found |= {f"{method.lower()} {route.path}" for method in (route.methods or ()) - {"HEAD"}}
    return found


def test_every_route_is_in_the_contract_and_the_reverse() -> None:
    assert served() == set(operations())


def test_nothing_but_the_pages_about_the_contract_is_outside_of_it() -> None:
    others = {r.path for r in routes.routes() if isinstance(r, Route) and not r.path.startswith("/api/v1/")}
    assert others == {"/api/docs", "/api/docs/{name}"}


@pytest.mark.parametrize("name", sorted(operations()))
def test_every_answer_that_a_call_may_give_is_listed_and_no_other(name: str) -> None:
    operation = operations()[name]
    expected = {str(problems.PROBLEMS[getattr(errors, kind)][0]) for kind in RAISED.get(name, set())}
    if "requestBody" in operation:
        expected |= READS
    if "parameters" in operation and any(p["in"] == "query" for p in operation["parameters"]):
        expected |= {"422"}
    if operation.get("security") != []:
        expected |= {"401"}
    if name != "get /api/v1/openapi.json":
        # All others ask the database.
        expected |= {"503"}
    answers = set(operation["responses"])
    assert {status for status in answers if status >= "400"} == expected
    assert len({status for status in answers if status < "400"}) == 1


def test_the_verbs_still_raise_what_is_said_here() -> None:
    """Docstrings tell what a verb raises; an error that is new there has to be listed above."""
    from frontdesk.accounts import address, events, leaving, login, own_data, profile, register, reset
    from frontdesk.accounts import sessions as session_verbs

    verbs = {
        "post /api/v1/accounts": register.register,
        "post /api/v1/sessions": login.log_in,
        "delete /api/v1/sessions/{id}": session_verbs.end,
        "patch /api/v1/account": profile.update,
        "delete /api/v1/account": leaving.delete,
        "put /api/v1/account/password": profile.change_password,
        "post /api/v1/account/email": address.change_email,
        "get /api/v1/account/events": events.list_events,
        "get /api/v1/account/export": own_data.export,
        "post /api/v1/password-resets": reset.ask_reset,
        "put /api/v1/password-resets/{token}": reset.reset_password,
        "post /api/v1/email-confirmations/{token}": address.confirm,
        "get /api/v1/people": profile.find_people,
        "get /api/v1/people/{username}": profile.find_person,
    }
    everywhere = {"Unavailable", "InvalidFields", "Unauthenticated"}
    for name, verb in verbs.items():
        text = inspect.getdoc(verb) or ""
        said = set(re.findall(r"\b[A-Z][a-z]+(?:[A-Z][a-z]+)*\b", text)) & set(vars(errors))
        assert said - everywhere == RAISED[name], name


@pytest.mark.parametrize(
    ("body", "schema"),
    [
        (accounts.Registration, "Registration"),
        (sessions.Credentials, "Credentials"),
        (account.Changes, "Changes"),
        (account.PasswordChange, "PasswordChange"),
        (account.EmailChange, "EmailChange"),
        (links.ResetRequest, "ResetRequest"),
        (links.NewPassword, "NewPassword"),
        (model.Event, "Event"),
        (model.Events, "Events"),
        (model.Account, "Account"),
        (model.Login, "Login"),
        (model.Session, "Session"),
        (model.Person, "Person"),
        (model.People, "People"),
    ],
)
def test_bodies_and_answers_have_the_fields_of_the_contract(body: type, schema: str) -> None:
    described = CONTRACT["components"]["schemas"][schema]
    fields = msgspec.structs.fields(body)
    assert {field.encode_name for field in fields} == set(described["properties"])
    assert {field.encode_name for field in fields if field.required} == set(described.get("required", ()))
    assert described["additionalProperties"] is False


def test_the_codes_of_the_table_are_told_to_programs_somewhere() -> None:
    text = (files("frontdesk.api") / "openapi.yaml").read_text("utf-8")
    for code in (
        "email_taken",
        "username_taken",
        "wrong_credentials",
        "recent_login_required",
        "email_unverified",
        "link_expired",
        "throttled",
        "busy",
    ):
        assert f"`{code}`" in text


def test_examples_are_what_their_schemas_say() -> None:
    examples = 0
    for operation in operations().values():
        body = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if body:
            schema = {**body["schema"], "components": CONTRACT["components"]}
            jsonschema_rs.validator_for(schema).validate(body["example"])
            examples += 1
    assert examples == 7


def test_references_lead_somewhere_and_nothing_is_there_in_vain() -> None:
    text = (files("frontdesk.api") / "openapi.yaml").read_text("utf-8")
    used = set(re.findall(r'"#/components/(\w+/\w+)"', text))
    there = {f"{kind}/{name}" for kind in ("schemas", "responses") for name in CONTRACT["components"][kind]}
    assert used == there


def test_handlers_have_the_names_of_their_module_and_are_named_once() -> None:
    names = [operation["operationId"] for operation in operations().values()]
    assert len(names) == len(set(names))
    assert all(ast.parse(name) for name in names)
    tags = {tag["name"] for tag in CONTRACT["tags"]}
    assert {tag for operation in operations().values() for tag in operation["tags"]} == tags

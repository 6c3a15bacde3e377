"""Errors: one tree, one table of statuses, one form."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import frontdesk
from frontdesk import errors
from frontdesk.api.problems import FIELD_DETAILS, PROBLEMS

SOURCE = Path(frontdesk.__file__).parent

# What never reaches HTTP: a person at the command line mends it, or it becomes another error on its way.
NOT_FOR_HTTP = {errors.FrontdeskError, errors.OperatorError, errors.InvalidSettings, errors.HashRefused}


def tree(root: type[Exception]) -> Iterator[type[Exception]]:
    yield root
    for child in root.__subclasses__():
        yield from tree(child)


def ours() -> set[type[Exception]]:
    return {kind for kind in tree(errors.FrontdeskError) if kind.__module__ == errors.__name__}


def test_every_error_has_one_status_or_inherits_it() -> None:
    mapped = {kind for kind in ours() if any(parent in PROBLEMS for parent in kind.__mro__)}
    assert ours() - mapped == NOT_FOR_HTTP
    assert not NOT_FOR_HTTP & set(PROBLEMS)
    assert set(PROBLEMS) <= ours()


def test_every_error_of_another_module_inherits_one_of_the_table() -> None:
    others = set(tree(errors.FrontdeskError)) - ours()
    for kind in others:
        assert set(kind.__mro__) & (set(PROBLEMS) | NOT_FOR_HTTP) - {errors.FrontdeskError}, kind


def test_the_table_is_one_of_errors_and_codes_are_words() -> None:
    for status, code, title in PROBLEMS.values():
        assert 400 <= status < 600
        assert re.fullmatch("[a-z_]+", code)
        assert title[0].isupper()
        assert not title.endswith(".")


def test_the_same_code_always_has_the_same_status() -> None:
    statuses = {(code, status) for status, code, _ in PROBLEMS.values()}
    assert len(statuses) == len({code for code, _ in statuses})


def test_the_tree_is_drawn_in_full_in_its_docstring() -> None:
    drawn = set(re.findall(r"[├└]── (\w+)", errors.__doc__ or "")) | {"FrontdeskError"}
    hidden = {kind.__name__ for kind in ours()} - drawn
    assert not hidden, f"{hidden} missing in the docstring of errors.py"
    assert not drawn - {kind.__name__ for kind in ours()}


def test_every_code_of_a_field_is_said_and_none_is_said_in_vain() -> None:
    """Codes are literals, so that this finds them."""
    given: set[str] = set()
    # Pages have codes of their own, in their catalogues.
    for file in (file for file in SOURCE.rglob("*.py") if "web" not in file.parts):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            position = {"FieldError": 1, "FieldRefused": 1, "PasswordRefused": 0}.get(name)
            if position is not None and len(node.args) > position:
                given |= set(literals(node.args[position], node, file))
    given -= {"code"}
    assert given == set(FIELD_DETAILS)


def literals(argument: ast.expr, call: ast.Call, file: Path) -> Iterator[str]:
    match argument:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp(body=body, orelse=orelse):
            yield from literals(body, call, file)
            yield from literals(orelse, call, file)
        case ast.Name(id=name):
            # A variable: whatever literal was given to it in the same file.
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                given = isinstance(node, ast.Assign) and name in {getattr(t, "id", "") for t in node.targets}
                if given and not isinstance(node.value, ast.Name):
                    yield from literals(node.value, call, file)


def test_a_detail_that_needs_a_number_gets_one() -> None:
    for code, detail in FIELD_DETAILS.items():
        assert ("{limit}" in detail) == code.endswith(("_too_short", "_too_long")) or code == "too_long", code


def test_nothing_else_writes_a_status() -> None:
    """No 4xx or 5xx outside the two tables, the probes, and the protocol, which has no request to answer yet."""
    allowed = {"api/problems.py", "web/errors.py", "probes.py", "protocol.py", "border.py"}
    found = []
    for file in SOURCE.rglob("*.py"):
        where = file.relative_to(SOURCE).as_posix()
        if where in allowed or not where.startswith(
            ("api/", "web/", "accounts/", "store/", "requests", "routing")
        ):
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                values = [*node.args, *(keyword.value for keyword in node.keywords)]
                if name == "HTTPException" or (
                    name.lower().endswith(("response", "answer", "render", "redirect"))
                    and any(
                        isinstance(v, ast.Constant) and type(v.value) is int and 400 <= v.value < 600
                        for v in values
                    )
                ):
                    found.append(f"{where}:{node.lineno}")
    assert found == []

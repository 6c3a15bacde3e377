"""Documents that fail the build when they lie."""

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

import click
import pytest

from frontdesk import cli, errors, settings
from tests.serving import running

ROOT = Path(__file__).parent.parent
# A link to another page, or to a file, of this repository.
_LINK = re.compile(r"\]\((?!https?://|mailto:|#)([^)#\s]+)")


def _pages() -> list[Path]:
    tracked = subprocess.run(
        ["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    return [ROOT / name for name in tracked] or [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]


def _page_by(script_name: str) -> str:
    spec = importlib.util.spec_from_file_location(script_name, ROOT / "scripts" / f"{script_name}.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return str(script.page())


def test_settings_page_is_what_the_settings_say() -> None:
    assert (ROOT / "docs" / "settings.md").read_text(encoding="utf-8") == _page_by("settings_page"), (
        "run `make docs`"
    )


def test_resource_page_is_what_the_schema_says() -> None:
    page = (ROOT / "docs" / "kubernetes-resource.md").read_text(encoding="utf-8")
    assert page == _page_by("resource_page"), "run `make docs`"


def test_every_setting_that_a_page_names_is_one() -> None:
    known = {setting.variable for setting in settings.describe()}
    known |= {setting.variable + "_FILE" for setting in settings.describe() if setting.secret}
    for page in _pages():
        named = set(re.findall(r"\bFRONTDESK_[A-Z_]*[A-Z]\b(?!\*)", page.read_text(encoding="utf-8")))
        assert named <= known, page


def test_every_setting_that_a_docstring_or_message_names_is_one() -> None:
    known = {setting.variable for setting in settings.describe()} | {"FRONTDESK_SERVICE_HOST"}
    known |= {setting.variable + "_FILE" for setting in settings.describe() if setting.secret}
    for source in (ROOT / "frontdesk").rglob("*.py"):
        named = set(re.findall(r"\bFRONTDESK_[A-Z_]*[A-Z]\b(?!\*)", source.read_text(encoding="utf-8")))
        assert named <= known, source


def test_settings_of_every_example_are_taken() -> None:
    examples = 0
    for page in _pages():
        for block in re.findall(
            r"^```(?:yaml|sh)?\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S
        ):
            # One service a line, as the pages write it: each is started with what stands there.
            for line in block.splitlines():
                found = re.findall(r"(FRONTDESK_[A-Z_]+)(?:: ?|=)\"?([^\s\",}]+)", line)
                environ = {name: value for name, value in found if not name.endswith("_FILE")}
                if environ:
                    settings.load(environ)
                    examples += 1
    assert examples >= 5


def test_every_link_between_our_pages_leads_somewhere() -> None:
    for page in _pages():
        for target in _LINK.findall(page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}"


def test_every_make_target_that_a_page_names_exists() -> None:
    targets = set(
        re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    )
    for page in _pages():
        named = set(re.findall(r"`(?:\$ )?make ([a-z0-9-]+)`", page.read_text(encoding="utf-8")))
        assert named <= targets, f"{page.relative_to(ROOT)}: {named - targets}"


def test_every_command_that_a_page_names_exists() -> None:
    for page in _pages():
        for words in re.findall(r"`frontdesk ([a-z]+(?: [a-z]+)?)", page.read_text(encoding="utf-8")):
            assert _is_command(words.split()), f"{page.relative_to(ROOT)}: frontdesk {words}"


@pytest.mark.skipif(shutil.which("curl") is None, reason="the README uses curl")
def test_readme_registers_logs_in_and_finds_somebody(served_url: str, tmp_path: Path) -> None:
    found = re.search(r"^```sh\n(api=.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.S)
    assert found is not None
    with running(tmp_path, "serve", FRONTDESK_DATABASE_URL=served_url) as server:
        script = found[1].replace("http://127.0.0.1:8000", server.url)
        done = subprocess.run(["sh", "-eu", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.endswith('{"people":[{"username":"wei","name":"Wei Wang"}],"next":null}')


def _is_command(words: list[str]) -> bool:
    found = cli.main.commands.get(words[0])
    if isinstance(found, click.Group) and len(words) > 1:
        return words[1] in found.commands
    return found is not None


def test_drawing_of_the_errors_shows_every_error_where_it_is() -> None:
    drawn: list[tuple[int, str]] = [(0, "FrontdeskError")]
    parents: dict[str, str] = {}
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"([│├└─ ]+)([A-Z]\w+)", line)
        if not found:
            continue
        depth, name = len(found[1]) // 4, found[2]
        while drawn[-1][0] >= depth:
            drawn.pop()
        parents[name] = drawn[-1][1]
        drawn.append((depth, name))
    real = {
        kind.__name__: kind.__mro__[1].__name__
        for kind in vars(errors).values()
        if isinstance(kind, type)
        and issubclass(kind, errors.FrontdeskError)
        and kind is not errors.FrontdeskError
    }
    assert parents == real

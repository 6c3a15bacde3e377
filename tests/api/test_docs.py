"""GET /api/docs, /api/docs/{name}"""

import re
from importlib.resources import files
from typing import Any

import httpx
import pytest
import yaml

from frontdesk.api.docs import page
from tests.answers import refused

URL = "/api/docs"
CHINESE: dict[str, str] = yaml.safe_load((files("frontdesk.api.docs") / "chinese.yaml").read_text("utf-8"))
TEMPLATE = (files("frontdesk.api.docs") / "page.html").read_text("utf-8")


def texts() -> set[str]:
    """Every text that the page shows, in English."""
    found = set(re.findall(r'"([^"]+)"\|t', TEMPLATE)) | {"Parameters", "Body", "required", "optional"}
    info = page.contract()["info"]
    found |= {info["summary"], info["description"]}
    for tag, calls in page.groups():
        found |= {tag["name"], tag["description"]}
        for call in calls:
            found |= {call.summary, call.meaning}
            found |= {field.meaning for field in call.parameters + call.body}
            found |= {answer.meaning for answer in call.answers}
            found |= {field.meaning for answer in call.answers for field in answer.fields}
    return found - {""}


async def test_the_page_shows_every_call_without_javascript(http: httpx.AsyncClient) -> None:
    answer = await http.get(URL)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    for path, item in page.contract()["paths"].items():
        for method, operation in item.items():
            assert f'id="{operation["operationId"]}"' in answer.text
            assert f"{method.upper()}</span> <code>{path}</code>" in answer.text
    for name in ("current_password", "people[].username", "account.email", "discoverable", "Retry-After"):
        assert f"<code>{name}</code>" in answer.text


async def test_the_page_may_run_only_our_own_files(http: httpx.AsyncClient) -> None:
    answer = await http.get(URL)
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<style|style=|\son\w+=|<script>|<script (?!src)|https?://", answer.text)
    assert answer.headers.get_list("x-content-type-options") == ["nosniff"]
    assert answer.headers["referrer-policy"] == "same-origin"


async def test_the_files_of_the_page_are_served_and_no_others(http: httpx.AsyncClient) -> None:
    text = (await http.get(URL)).text
    names = set(re.findall(r'(?:src|href)="/api/docs/([^"]+)"', text))
    assert names == {"docs.css", "unscripted.css", "docs.js", "logo.svg"}
    for name in names:
        answer = await http.get(f"{URL}/{name}")
        assert answer.status_code == 200
        again = await http.get(f"{URL}/{name}", headers={"If-None-Match": answer.headers["etag"]})
        assert again.status_code == 304
        assert again.content == b""
        other = await http.get(f"{URL}/{name}", headers={"If-None-Match": f"x{answer.headers['etag']}"})
        assert other.status_code == 200
    for name in (
        "page.html",
        "page.py",
        "chinese.yaml",
        "__init__.py",
        "..%2fopenapi.yaml",
        "docs.css%00",
        "%2e%2e",
    ):
        refused(await http.get(f"{URL}/{name}"), 404, "not_found")


@pytest.mark.parametrize(
    ("chosen", "cookie", "accepted", "language"),
    [
        ("", "", "", "en"),
        ("", "", "zh-CN,zh;q=0.9,en;q=0.8", "zh-Hans"),
        ("", "", "en-GB,en;q=0.9,zh;q=0.8", "en"),
        ("", "", "fr, zh;q=0.5, en;q=0.7", "en"),
        ("", "", "zh;q=0, en;q=0.1", "en"),
        ("", "", "fr, zh ; q=0.5", "zh-Hans"),
        ("", "", "zh;q=rubbish, ;;;, *", "en"),
        ("", "zh-Hans", "en", "zh-Hans"),
        ("", "en", "zh", "en"),
        ("zh-Hans", "en", "en", "zh-Hans"),
        ("en", "zh-Hans", "zh", "en"),
        ("tlh", "", "zh", "zh-Hans"),
        ("", "<script>", "zh", "zh-Hans"),
    ],
)
async def test_the_language_is_the_one_chosen_or_the_browsers(
    http: httpx.AsyncClient, chosen: str, cookie: str, accepted: str, language: str
) -> None:
    headers = {"Accept-Language": accepted, **({"Cookie": f"language={cookie}"} if cookie else {})}
    answer = await http.get(URL, params={"language": chosen} if chosen else {}, headers=headers)
    assert answer.status_code == 200
    assert answer.headers["content-language"] == language
    assert f'<html lang="{language}">' in answer.text
    assert ("试一试" in answer.text) == (language == "zh-Hans")
    assert (f"language={chosen}" in answer.headers.get("set-cookie", "")) == (chosen in page.LANGUAGES)


def test_every_text_is_there_in_chinese_and_none_in_vain() -> None:
    assert set(CHINESE) == texts()


def test_code_stays_code_in_chinese() -> None:
    for english, chinese in CHINESE.items():
        assert sorted(english.split("`")[1::2]) == sorted(chinese.split("`")[1::2]), english
        assert "`" in english or re.search("[\u4e00-\u9fff]|RFC|OpenAPI", chinese), english


def test_markup_in_a_text_is_only_text() -> None:
    marked: Any = page._marked_up("<b>&`<i>`")
    assert str(marked) == "&lt;b&gt;&amp;<code>&lt;i&gt;</code>"

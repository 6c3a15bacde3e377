"""edge.py NGINX ROOTFS: lay out the edge's files below ROOTFS: nginx's configuration, the static files under the
addresses that pages use, compressed once and for all, and what the edge itself says in each language.

All of it comes from the service's own source, so that the two can't disagree.
"""

import gzip
import os
import shutil
import sys
from pathlib import Path

import msgspec

from frontdesk.accounts.identity import LANGUAGES
from frontdesk.api.problems import PROBLEMS
from frontdesk.headers import page_headers
from frontdesk.web import messages, static
from frontdesk.web.pages import environment, translate

# What the edge answers by itself: code -> status. The codes are the API's, the texts those of its pages.
ANSWERS = {
    "bad_request": 400,
    "not_found": 404,
    "body_too_slow": 408,
    "body_too_large": 413,
    "throttled": 429,
    "unavailable": 503,
}
# 1 January 2020, as in the other images.
_TIME = 1577836800


def main(nginx: Path, rootfs: Path) -> None:
    share = rootfs / "usr/share/frontdesk"
    for address, content in static.contents().items():
        _write(share / address.removeprefix("/"), content)
    for code in ANSWERS:
        for language in LANGUAGES:
            _write(share / f"edge/{code}.{language}.html", page(code, language))
    shutil.copytree(nginx / "templates", rootfs / "etc/nginx/templates")
    shutil.copytree(nginx / "entrypoint", rootfs / "docker-entrypoint.d")
    _write(rootfs / "etc/nginx/frontdesk/page_headers.conf", _add_headers(page_headers(forms=True)))
    problems = "".join(_problem_location(code, status) for code, status in ANSWERS.items())
    _write(rootfs / "etc/nginx/frontdesk/problems.conf", problems.encode())
    for path in (rootfs, *rootfs.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.suffix in (".sh", ".envsh") else 0o644)
        os.utime(path, (_TIME, _TIME))


def problem(code: str, status: int) -> str:
    """RFC 9457 problem details, as api/problems.py writes them; nginx fills in the request's id."""
    title = next(title for _, known, title in PROBLEMS.values() if known == code)
    body = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "code": code,
        "request_id": "$edge_request_id",
    }
    return msgspec.json.encode(body).decode()


def page(code: str, language: str) -> bytes:
    """The service's own page for that, as a visitor sees it who may or may not be logged in."""
    title, text = (translate(language, said) for said in messages.PROBLEMS[code])
    template = environment(language).get_template("error.html")
    return template.render(
        visit=None,
        visit_known=False,
        language=language,
        languages=LANGUAGES,
        here="/",
        notice=None,
        code=code,
        title=title,
        text=text,
        request_id="",
    ).encode()


def _problem_location(code: str, status: int) -> str:
    quoted = problem(code, status).replace("'", "\\'")
    return f"""location = /edge/{code}.json {{
    internal;
    # Its own type, not that of its name.
    types {{ }}
    default_type application/problem+json;
    add_header X-Content-Type-Options nosniff always;
    add_header X-Request-ID $edge_request_id always;
    add_header Cache-Control no-store always;
    add_header Retry-After $edge_retry_after always;
    return {status} '{quoted}';
}}
"""


def _add_headers(headers: dict[str, str]) -> bytes:
    return "".join(f'add_header {name} "{value}" always;\n' for name, value in headers.items()).encode()


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    if path.suffix in (".css", ".js", ".svg", ".html", ".txt"):
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(content, 9, mtime=0))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

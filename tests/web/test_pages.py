"""The console's files over HTTP."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from smppbridge.web.door import CSP
from smppbridge.web.pages import FOLDER, TYPES, ConsolePages, console_files
from smppbridge.web.request import Request
from smppbridge.web.site import Pages, web_pages

FILES = console_files()
ASSET = next(path for path in FILES if path.endswith(b"/app.js"))


class Line:
    """The connection of one request."""

    host = "127.0.0.1"

    def __init__(self) -> None:
        self.octets = b""

    def answered(self, request: Request, octets: bytes) -> None:
        self.octets += octets


def asked(target: bytes, method: bytes = b"GET", **headers: bytes) -> tuple[int, Mapping, bytes]:
    """Ask for a target; return the answer's status, headers and body."""
    line = Line()
    request = Request(line, method, target)
    request.headers = {name.replace("_", "-").encode(): value for name, value in headers.items()}
    pages = ConsolePages(FILES, web_pages(dict, lambda: b"metrics"))
    admission = pages.judge(request)
    assert admission is None or admission.most == 0
    request.admission = admission
    pages.render(request)
    head, _, body = line.octets.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    found = [each.split(": ", 1) for each in lines]
    assert len({name for name, _ in found}) == len(found)
    return int(status.split()[1]), {name.lower(): value for name, value in found}, body


def test_the_page_is_kept_by_nobody_and_its_parts_for_good() -> None:
    status, page, body = asked(b"/")
    assert (status, page["content-type"]) == (200, "text/html; charset=utf-8")
    assert page["cache-control"] == "no-store"
    parts = [part.encode() for part in re.findall(r'(?:src|href)="([^"]+)"', body.decode())]
    assert len(parts) >= 4
    for part in parts:
        status, headers, _ = asked(part)
        assert (status, headers["cache-control"]) == (200, "public, max-age=31536000, immutable")


@pytest.mark.parametrize("target", [b"/", ASSET, b"/?x=1", ASSET + b"?x"])
def test_every_answer_has_the_headers_of_the_door(target: bytes) -> None:
    _, headers, body = asked(target)
    assert headers["content-security-policy"] == CSP
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["content-length"] == str(len(body))


@pytest.mark.parametrize("target", [b"/", ASSET])
def test_head_says_what_get_says_without_a_body(target: bytes) -> None:
    status, headers, body = asked(target)
    assert asked(target, b"HEAD") == (status, headers, b"")
    assert body


@pytest.mark.parametrize("target", [b"/", ASSET])
def test_who_has_a_file_gets_it_not_again(target: bytes) -> None:
    etag = asked(target)[1]["etag"]
    for given in (etag, f"W/{etag}", f'"other", {etag}'):
        status, headers, body = asked(target, if_none_match=given.encode())
        assert (status, headers["etag"], body) == (304, etag, b"")
    assert asked(target, if_none_match=b'"other"')[0] == 200


@pytest.mark.parametrize("method", [b"POST", b"PUT", b"DELETE", b"OPTIONS"])
def test_files_are_only_read(method: bytes) -> None:
    for target in (b"/", ASSET):
        status, headers, _ = asked(target, method)
        assert (status, headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    "target",
    [
        b"/index.html",
        b"/assets/",
        b"/assets/../pages.py",
        ASSET + b"/../../../pages.py",
        ASSET + b"/..%2f..%2fpages.py",
        ASSET[: -len(b"app.js")] + b"%61pp.js",
        ASSET[: -len(b"app.js")],
        ASSET + b"\x00",
        ASSET.replace(b"/assets/", b"//assets/"),
        ASSET[: -len(b"app.js")] + b"vendor/SHA256SUMS",
        ASSET[: -len(b"app.js")] + b"vendor/preact/LICENSE.htm",
        b"/assets/0000000000000000/app.js",
        b"/etc/passwd",
        b"",
        b"*",
    ],
)
def test_there_is_no_other_file(target: bytes) -> None:
    assert asked(target)[0] == 404


def test_other_paths_are_for_others() -> None:
    assert asked(b"/healthz")[2] == b"ok\n"
    assert asked(b"/metrics")[2] == b"metrics"
    assert isinstance(web_pages(dict, bytes), Pages)


def test_a_new_version_has_new_names(tmp_path: Path) -> None:
    for name in ("index.html", "a.js", "b.css", "LICENSE"):
        (tmp_path / name).write_text(f'{name} "assets/a.js"')
    before = console_files(tmp_path)
    assert len(before) == 3
    (tmp_path / "b.css").write_text("other")
    after = console_files(tmp_path)
    assert before.keys() & after.keys() == {b"/"}
    assert before[b"/"].etag != after[b"/"].etag
    (script,) = (path for path in after if path.endswith(b"/a.js"))
    assert script in after[b"/"].body


def test_every_file_has_a_type_and_every_script_is_whole() -> None:
    served = {path.suffix for path in FOLDER.rglob("*") if path.is_file()} - {".htm", ".preact", ""}
    assert served <= TYPES.keys()
    modules = {path.name for path in FOLDER.rglob("*.js")}
    for path in FOLDER.rglob("*.js"):
        if "vendor" in path.parts:
            continue
        for name in re.findall(r'from "([^"]+)"', path.read_text()):
            assert name.startswith("."), (path, name)
            assert (path.parent / name).resolve().is_file(), (path, name)
    assert {"app.js", "lib.js"} <= modules

"""The console's files: those of others are as they were published; no file needs another host."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path

import pytest

from smppbridge.web.pages import FOLDER

VENDOR = FOLDER / "vendor"
LIST = VENDOR / "SHA256SUMS"
LICENCES = {"preact": ("LICENSE.htm", "LICENSE.preact"), "uplot": ("LICENSE",)}
OURS = [path for path in FOLDER.rglob("*") if path.is_file() and VENDOR not in path.parents]
NAMESPACES = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xhtml"}
"""Names that nothing is fetched from."""
NO_COMMENT = re.compile(r"/\*.*?\*/|^\s*//[^\n]*|\s//\s[^\n]*", re.DOTALL | re.MULTILINE)


def named() -> dict[str, str]:
    """The files that the list names, each with its SHA-256."""
    lines = [line.split() for line in LIST.read_text().splitlines() if not line.startswith("#")]
    return {name: digest for digest, name in lines}


def test_files_of_others_are_as_they_were_published() -> None:
    found = {
        path.relative_to(VENDOR).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.rglob("*")
        if path.is_file() and path != LIST
    }
    assert found == named()


def test_each_has_its_licence() -> None:
    assert {path.name for path in VENDOR.iterdir() if path.is_dir()} == LICENCES.keys()
    for folder, names in LICENCES.items():
        for name in names:
            text = (VENDOR / folder / name).read_text()
            assert "MIT License" in text or "Apache License" in text


@pytest.mark.parametrize(
    "path", [*OURS, *(VENDOR / name for name in named())], ids=lambda p: p.name
)
def test_no_file_needs_another_host(path: Path) -> None:
    if path.name.startswith("LICENSE"):
        return
    code = NO_COMMENT.sub("", path.read_text()) if VENDOR in path.parents else path.read_text()
    addresses = set(re.findall(r"\b(?:https?|wss?):[^\s\"'`)]*", code))
    assert addresses <= NAMESPACES
    assert not re.search(r"""(?:src|href)=["']?//|url\(\s*["']?//|@import""", code)


@pytest.mark.parametrize("path", OURS, ids=lambda p: p.name)
def test_nothing_is_put_in_as_markup_and_nothing_is_run_as_code(path: Path) -> None:
    text = path.read_text()
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert word not in text
    assert not re.search(r"dangerouslySet|new Function|\bstyle=\"|javascript:|\bon[a-z]+=\"", text)


def test_the_page_has_no_script_and_no_style_of_its_own() -> None:
    page = (FOLDER / "index.html").read_text()
    assert "<style" not in page
    for script in re.findall(r"<script[^>]*>([^<]*)</script>", page):
        assert script == ""

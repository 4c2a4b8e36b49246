"""pages: the console's files, served from memory beside the other paths of the web listener.

Every file is for strangers to see: whoever looks at figures asks the API for them, and logs in.
The page itself is never kept by a browser.  The page's parts are kept for good: they lie below a
folder that is named after the parts' content, so that a new version has new names for all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path

from smppbridge.web.door import HEADERS
from smppbridge.web.request import Admission, Request, SiteResource, not_allowed

FOLDER = Path(__file__).with_name("console")
ASSETS = b"/assets/"
"""The path below which the parts of the page lie."""
KEPT = b"public, max-age=31536000, immutable"
TYPES: Mapping[str, bytes] = {
    ".css": b"text/css; charset=utf-8",
    ".html": b"text/html; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".mjs": b"text/javascript; charset=utf-8",
    ".svg": b"image/svg+xml",
}
"""Media types by suffix; a file with another suffix (a licence, a list) is not served."""

_PAGE = "index.html"
_PLACE = b"assets/"  # in the page, before the name of each part
_NO_BODY = Admission()


@dataclass(frozen=True, slots=True)
class ConsoleFile:
    """A file of the console as a browser gets it."""

    media_type: bytes
    body: bytes
    cache: bytes
    etag: bytes


def console_files(folder: Path = FOLDER) -> dict[bytes, ConsoleFile]:
    """Return the files of the console by path; raises OSError."""
    found = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.suffix in TYPES
    }
    digest = sha256(b"".join(name.encode() + b"\0" + octets for name, octets in found.items()))
    prefix = ASSETS + digest.hexdigest()[:16].encode() + b"/"
    page = found.pop(_PAGE).replace(b'"' + _PLACE, b'"' + prefix)
    files = {prefix + name.encode(): _file(name, body, KEPT) for name, body in found.items()}
    return files | {b"/": _file(_PAGE, page, b"no-store")}


def _file(name: str, body: bytes, cache: bytes) -> ConsoleFile:
    etag = b'"%s"' % sha256(body).hexdigest()[:32].encode()
    return ConsoleFile(TYPES[Path(name).suffix], body, cache, etag)


class ConsolePages:
    """The console's files; any other path is for *others* to answer."""

    def __init__(self, files: Mapping[bytes, ConsoleFile], others: SiteResource) -> None:
        self._files, self._others = files, others

    def judge(self, request: Request) -> Admission | None:
        """Let requests without a body in, where there is a file."""
        return _NO_BODY if request.path in self._files else self._others.judge(request)

    def render(self, request: Request) -> None:
        """Answer GET and HEAD, with nothing but the headers to a browser that has the file."""
        file = self._files.get(request.path)
        if file is None:
            self._others.render(request)
        elif request.method not in (b"GET", b"HEAD"):
            not_allowed(request, b"GET, HEAD")
        else:
            headers = HEADERS + b"ETag: %s\r\n" % file.etag
            known = file.etag in request.header(b"if-none-match")
            status, body = (HTTPStatus.NOT_MODIFIED, b"") if known else (HTTPStatus.OK, file.body)
            request.answer(status, body, file.media_type, headers, cache=file.cache)

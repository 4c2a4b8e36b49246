"""masked_http: requests and answers as HTTP/1.1, with secrets, texts and numbers masked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode, urlsplit

from smppbridge.providers.exchange import HttpRequest, HttpResponse
from smppbridge.tracing.hidden_words import MASK, HiddenWords, hide_texts, masked_numbers
from smppbridge.tracing.masked_body import masked_body, masked_form, words_of
from smppbridge.tracing.recording import PacketEnd

USSD: Final = "ussd"
SHORTEST_TEXT: Final = 4
"""Characters of a text that is masked wherever it stands; the field of a text is, at any length."""
_PORTS: Final = {"http": 80, "https": 443}
_KEPT_HEADERS: Final = words_of(
    "accept accept-charset accept-encoding accept-language age allow cache-control connection "
    "content-encoding content-language content-length content-type date expect expires host "
    "keep-alive last-modified pragma retry-after server transfer-encoding user-agent vary via "
    "ratelimit-limit ratelimit-remaining ratelimit-reset x-ratelimit-limit x-ratelimit- "
    "remaining x-ratelimit-reset x-request-id"
)
_VERBATIM: Final = frozenset(("content-length", "content-type"))
_FRAMING: Final = frozenset(("content-length", "transfer-encoding", "content-encoding"))
_SCREENS: Final = (b"CON ", b"END ")
_PATHS_WITH_KEYS: Final = (b"/callbacks/", b"/ussd/")


@dataclass(frozen=True, slots=True)
class Masks:
    """The words that an HTTP message hides: secrets, and *texts* unless they may be *shown*."""

    words: HiddenWords
    texts: Sequence[str] = ()
    shown: bool = False


def place_of(url: str) -> PacketEnd:
    """Return the host and port that a URL is for, without the user in the URL."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = None
    return PacketEnd(parts.hostname or "", port or _PORTS.get(parts.scheme, 0))


def masked_request(request: HttpRequest, masks: Masks) -> bytes:
    """Return a request to a provider as HTTP/1.1 writes it."""
    parts = urlsplit(request.url)
    query = "&".join(part for part in (parts.query, urlencode(request.query)) if part)
    target = (parts.path or "/") + (f"?{query}" if query else "")
    headers = [("Host", parts.netloc.rpartition("@")[2]), *request.headers]
    if request.body or request.method in ("POST", "PUT", "PATCH"):
        headers.append(("Content-Length", str(len(request.body))))
    names = {name.lower(): value for name, value in request.headers}
    return written_request(
        request.method.encode(),
        target.encode("utf-8", "surrogatepass"),
        [(name.encode("latin-1", "replace"), value.encode()) for name, value in headers],
        request.body,
        names.get("content-type", ""),
        masks,
    )


def written_request(
    method: bytes,
    target: bytes,
    headers: Iterable[tuple[bytes, bytes]],
    body: bytes,
    content_type: str,
    masks: Masks,
) -> bytes:
    """Return a request of these parts, masked; nothing but its values is changed."""
    lines = [b"%s %s HTTP/1.1" % (method, masked_target(target, masks))]
    lines += [b"%s: %s" % (name, _masked_header(name, value, masks)) for name, value in headers]
    return b"\r\n".join((*lines, b"", _masked_content(body, content_type, masks)))


def masked_response(response: HttpResponse, masks: Masks) -> bytes:
    """Return an answer of a provider: its body as it was after decoding, with that length."""
    content_type = response.headers.get("content-type", "")
    lines = [b"HTTP/1.1 %d %s" % (response.status, _phrase(response.status))]
    for name, value in response.headers.items():
        if name.lower() not in _FRAMING:
            octets = name.encode("latin-1", "replace")
            lines.append(b"%s: %s" % (octets, _masked_header(octets, value.encode(), masks)))
    lines.append(b"content-length: %d" % len(response.body))
    body = _masked_content(
        response.body, content_type, masks, refused=response.status >= HTTPStatus.BAD_REQUEST
    )
    return b"\r\n".join((*lines, b"", body))


def masked_answer(octets: bytes, masks: Masks) -> bytes:
    """Return an answer of ours, as it was written to a provider that called."""
    head, blank, body = octets.partition(b"\r\n\r\n")
    return head + blank + masked_numbers(masks.words.hide(body))


def masked_screen(octets: bytes, masks: Masks) -> bytes:
    """Return an answer of ours to a phone that dials; of its screen stays whether it ends."""
    head, blank, body = octets.partition(b"\r\n\r\n")
    if masks.shown or not body.startswith(_SCREENS):
        return masked_answer(octets, masks)
    return head + blank + body[:4] + MASK * len(body[4:])


def masked_target(target: bytes, masks: Masks) -> bytes:
    """Return a path and query of the same length; the key in the path of a callback is masked."""
    path, mark, query = target.partition(b"?")
    path = masks.words.hide(path)
    if not masks.shown:
        path = hide_texts(path, masks.texts)
        path = b"/".join([_masked_step(step) for step in path.split(b"/")])
    if path.startswith(_PATHS_WITH_KEYS):
        kept = 3 if path.startswith(_PATHS_WITH_KEYS[0]) else 2
        parts = path.split(b"/", kept)
        parts[kept:] = [MASK * len(part) for part in parts[kept:]]
        path = b"/".join(parts)
    if masks.shown:
        return path + mark + _hidden(query, masks)
    return path + mark + masked_form(_hidden(query, masks))


def _masked_step(step: bytes) -> bytes:
    """Mask a step of a path: one with characters that a URL has no room for may be a text."""
    return MASK * len(step) if b"%" in step else masked_numbers(step)


def _masked_header(name: bytes, value: bytes, masks: Masks) -> bytes:
    plain = name.decode("latin-1").lower()
    if plain in _VERBATIM:
        return value
    if plain in _KEPT_HEADERS:
        return _hidden(value, masks)
    return MASK * len(value)


def _masked_content(
    body: bytes, content_type: str, masks: Masks, *, refused: bool = False
) -> bytes:
    hidden = _hidden(body, masks)
    return hidden if masks.shown else masked_body(hidden, content_type, refused=refused)


def _hidden(octets: bytes, masks: Masks) -> bytes:
    hidden = masks.words.hide(octets)
    if masks.shown:
        return hidden
    return hide_texts(hidden, [text for text in masks.texts if len(text) >= SHORTEST_TEXT])


def _phrase(status: int) -> bytes:
    try:
        return HTTPStatus(status).phrase.encode()
    except ValueError:
        return b""


def path_name(path: bytes) -> str:
    """Return the provider in the path of a callback, USSD for a phone; empty in another path."""
    parts = path.split(b"/", 3)
    if parts[1:2] == [b"ussd"]:
        return USSD
    named = len(parts) == 4 and parts[1] == b"callbacks"
    return parts[2].decode("latin-1") if named else ""

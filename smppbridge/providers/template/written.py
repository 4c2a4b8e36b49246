"""Requests as a template writes them: compiled once, filled in per message."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

from smppbridge.providers.exchange import HttpRequest
from smppbridge.providers.oauth import Headers
from smppbridge.providers.template.placeholders import (
    MEANINGS,
    Escape,
    Part,
    Pattern,
    Scope,
    Slot,
    as_is,
    in_form,
    in_header,
    in_json,
    in_url,
    in_xml,
)
from smppbridge.providers.template.sections import RequestSection, spelled

_TYPES = {
    "json": "application/json",
    "form": "application/x-www-form-urlencoded",
    "xml": "application/xml",
    "text": "text/plain; charset=utf-8",
}
_ACCEPTED = {"json": "application/json", "xml": "application/xml"}
_ESCAPES: Mapping[str, Escape] = {
    "json": in_json,
    "form": in_form,
    "xml": in_xml,
    "text": as_is,
}
HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")  # RFC 9110, 5.6.2
_OURS = frozenset(("content-length", "host", "transfer-encoding", "connection", "expect"))
_HOST = re.compile(r"https?://[^/?#]*")
_ENCODING = re.compile(r"""<\?xml[^>]*encoding\s*=\s*["']([^"']*)["']""")
_SAMPLE = "<a&\"']]>\t\r\n b--?>"
_quote = json.JSONEncoder().encode


class Written:
    """A request with open placeholders: *names*."""

    def __init__(
        self, operation: str, scope: Scope, request: RequestSection, writing: Writing
    ) -> None:
        self.method = request.method or ("GET" if request.body is None else "POST")
        self._operation = operation
        self._url = Pattern(_url_parts(request, scope, writing))
        self._body = Pattern(writing.body(request.body, f"{writing.key}.body", scope))
        own = header_patterns(request.headers, f"{writing.key}.headers", scope)
        headers = (*_default_headers(request), *writing.common, *own.items())
        # the last of a name counts
        self._headers = tuple({name.lower(): (name, it) for name, it in headers}.values())
        constant = not any(pattern.names for _, pattern in self._headers)
        self._constant = self._filled({}) if constant else None
        patterns = (self._url, self._body, *(pattern for _, pattern in self._headers))
        self.names = frozenset[str]().union(*(pattern.names for pattern in patterns))

    @property
    def origin(self) -> str:
        """The scheme and host of the request's URL."""
        return origin_of(self._url.fill(dict.fromkeys(self._url.names, "0")))

    def request(self, values: Mapping[str, Any]) -> HttpRequest:
        """Return the request with *values*, which have all its names."""
        # One tuple for all requests of a kind: the client need not set it anew.
        headers = self._filled(values) if self._constant is None else self._constant
        body = self._body.fill(values).encode("utf-8", "replace")
        return HttpRequest(
            self.method, self._url.fill(values), headers, body, operation=self._operation
        )

    def _filled(self, values: Mapping[str, Any]) -> Headers:
        return tuple((name, pattern.fill(values)) for name, pattern in self._headers)


class Writing:
    """The form of one kind of body at *key*, with the headers *common* to all requests.

    *join* stands between numbers; without *join*, numbers in JSON are a list.
    """

    def __init__(
        self,
        key: str,
        send: str,
        *,
        base_url: str = "",
        common: Iterable[tuple[str, Pattern]] = (),
        join: str | None = None,
    ) -> None:
        self.key = key
        self.base_url = base_url
        self.common = tuple(common)
        self.join = join
        self._send = send
        self._escape = _ESCAPES[send]

    def body(self, body: Any, key: str, scope: Scope) -> tuple[Part, ...]:
        """Return the parts of *body*, which stands at *key*."""
        if body is None:
            return ()
        if self._send == "json":
            return tuple(self._json(body, key, scope))
        if self._send == "form":
            return tuple(fields(body, key, scope, in_form))
        if not isinstance(body, str):
            scope.wrong(key, f"must be the text of the {self._send}, as in `body: |`")
            return ()
        parts = self._text(body, key, scope)
        if self._send == "xml":
            whole = ("<each>", *parts, "</each>") if key.endswith(".each") else parts
            _check_xml(whole, key, scope)
        return parts

    def _text(self, text: str, key: str, scope: Scope) -> tuple[Part, ...]:
        parts = scope.parts(text, key, self._escape, lists=True)
        return tuple(map(_as_they_are, parts))

    def _json(self, value: Any, key: str, scope: Scope) -> Iterator[Part]:
        if isinstance(value, str):
            yield from self._json_text(value, key, scope)
        elif isinstance(value, list | tuple):
            items = [
                self._json(item, f"{key}[{n}]", scope)
                for n, item in enumerate(value)
                if not scope.lacks_callback_url(item, f"{key}[{n}]")
            ]
            yield from _between("[", items, "]")
        elif isinstance(value, Mapping):
            _check_quoted(value, key, scope)
            yield from _between(
                "{",
                [
                    [f"{_quote(name)}:", *self._json(inner, f"{key}.{name}", scope)]
                    for name, inner in value.items()
                    if not scope.lacks_callback_url(inner, f"{key}.{name}")
                ],
                "}",
            )
        else:
            yield _quote(value)

    def _json_text(self, text: str, key: str, scope: Scope) -> Iterator[Part]:
        parts = scope.parts(text, key, in_json, in_json, lists=text == "{messages}")
        listed = [part.name for part in parts if isinstance(part, Slot)] if len(parts) == 1 else []
        if listed == ["messages"]:
            yield Slot("messages", _list_of_messages)
        elif listed == ["flash"]:
            yield Slot("flash", _true_or_false)
        elif listed == ["numbers"] and self.join is None:
            yield Slot("numbers", _list_of_numbers)
        else:
            yield from ('"', *parts, '"')


def fields(body: Any, key: str, scope: Scope, escape: Escape) -> Iterator[Part]:
    """Yield the parts of a form, or of a query string."""
    if not isinstance(body, Mapping):
        scope.wrong(key, "must be names and values")
        return
    _check_quoted(body, key, scope)
    joint = ""
    for name, value in body.items():
        for each in value if isinstance(value, list | tuple) else [value]:
            if each is None or isinstance(each, Mapping | list | tuple):
                scope.wrong(f"{key}.{name}", "must be text: put it in quotes")
            elif not scope.lacks_callback_url(each, f"{key}.{name}"):
                yield f"{joint}{in_form(name)}="
                yield from scope.parts(spelled(each), f"{key}.{name}", escape, in_form)
                joint = "&"


def header_patterns(headers: Mapping[str, Any], key: str, scope: Scope) -> dict[str, Pattern]:
    """Return the patterns of *headers*, which stand at *key*."""
    patterns = {}
    for name, value in headers.items():
        if not HEADER.fullmatch(name):
            scope.wrong(f"{key}.{name}", "is not the name of a header")
        elif name.lower() in _OURS:
            scope.wrong(f"{key}.{name}", "is set by the bridge")
        elif "{text}" in spelled(value):
            scope.wrong(f"{key}.{name}", "cannot hold {text}: headers have no way to write it")
        elif in_header(spelled(value)) != spelled(value):
            scope.wrong(f"{key}.{name}", "must be printable ASCII")
        else:
            parts = scope.parts(spelled(value), f"{key}.{name}", in_header)
            patterns[name] = Pattern(parts)
    return patterns


def url_fault(url: str) -> str:
    """Return the fault of a provider's URL; "" if the URL has none."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is not a URL"
    if parts.scheme not in ("http", "https") or not host:
        return "must begin with https:// or http:// (or base_url must)"
    if not (url.isascii() and url.isprintable()) or " " in url:
        return "has characters that a URL cannot hold: write them as %20"
    if parts.username or parts.password:
        return "has credentials in it: they belong under auth.basic"
    return "has a fragment (#...), which is never sent" if parts.fragment else ""


def origin_of(url: str) -> str:
    """Return the scheme and host of *url*."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def joined_url(base: str, url: str) -> str:
    """Return *url* seen from *base*; absolute ones stay."""
    if "://" in url.partition("?")[0] or not base:
        return url
    return f"{base.rstrip('/')}/{url.lstrip('/')}" if url else base


def _url_parts(request: RequestSection, scope: Scope, writing: Writing) -> tuple[Part, ...]:
    key = f"{writing.key}.url"
    url = joined_url(writing.base_url.replace("{", "{{").replace("}", "}}"), request.url)
    parts = scope.parts(url, key, in_url)
    fault = url_fault("".join("0" if isinstance(part, Slot) else part for part in parts))
    literal = "".join(part if isinstance(part, str) else "\0" for part in parts)
    host = _HOST.match(literal)
    if fault:
        scope.wrong(key, fault)
    elif host and "\0" in host[0]:
        scope.wrong(key, "has a placeholder in its host")
    more = tuple(fields(request.parameters, f"{writing.key}.parameters", scope, in_form))
    return (*parts, "&" if "?" in url else "?", *more) if more else parts


def _default_headers(request: RequestSection) -> Iterator[tuple[str, Pattern]]:
    if request.body is not None:
        yield "Content-Type", Pattern([_TYPES[request.send]])
    if request.read in _ACCEPTED:
        yield "Accept", Pattern([_ACCEPTED[request.read]])


def _as_they_are(part: Part) -> Part:
    """Leave the messages of a batch unescaped: each is escaped already."""
    is_list = isinstance(part, Slot) and part.name == "messages"
    return Slot("messages", "".join) if is_list else part


def _true_or_false(word: str) -> str:
    return word if word in ("true", "false") else _quote(word)


def _list_of_numbers(numbers: Sequence[str]) -> str:
    return _quote(list(numbers))


def _list_of_messages(messages: Sequence[str]) -> str:
    return f"[{','.join(messages)}]"


def _between(start: str, items: Iterable[Iterable[Part]], end: str) -> Iterator[Part]:
    yield start
    for count, item in enumerate(items):
        if count:
            yield ","
        yield from item
    yield end


def _check_quoted(value: Mapping[Any, Any], key: str, scope: Scope) -> None:
    """Record a fault for ``to: {number}`` without quotes, which is a mapping to YAML."""
    if len(value) == 1 and next(iter(value.values())) is None:
        (name,) = value
        if name in MEANINGS:
            scope.wrong(key, f'is a mapping to YAML: write "{{{name}}}" in quotes')


def _check_xml(parts: Sequence[Part], key: str, scope: Scope) -> None:
    """Record a fault unless filled-in values can be read back from their places in the XML."""
    names = [part.name for part in parts if isinstance(part, Slot)]
    values: dict[str, Any] = dict.fromkeys(names, _SAMPLE) | {"messages": ()}
    text = Pattern(parts).fill(values)
    encoding = _ENCODING.match(text)
    if "<!DOCTYPE" in text.upper():
        scope.wrong(key, "has a DOCTYPE")
        return
    if encoding and encoding[1].lower() != "utf-8":
        scope.wrong(key, "declares another encoding than UTF-8, in which it is sent")
        return
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        scope.wrong(key, f"is not XML: {error}")
        return
    read_back = "\0".join(
        t for e in root.iter() for t in (e.text or "", e.tail or "", *e.attrib.values())
    )
    wanted = sum(name != "messages" for name in names)
    if read_back.count(_SAMPLE) != wanted:
        scope.wrong(key, "has a placeholder where XML holds no text (a comment, CDATA)")

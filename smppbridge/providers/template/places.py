"""Places in an answer: JSON pointer, path in XML, name in a form, expression in text.

A document is read once; a place that is empty or absent is found as None.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from urllib.parse import parse_qsl
from xml.etree import ElementTree

from smppbridge.providers.answers import MAX_ANSWER
from smppbridge.providers.exchange import BadReply
from smppbridge.providers.template.expressions import expression, first

Find = Callable[[Any], Any]

MAX_LIST = 1_048_576
_MAX_PLACE = 200
_MAX_FIELDS = 100
_MAX_LEVELS = 32
_MAX_WORD = 200
_SEEN = 500  # characters that an expression is searched for in
_POINTER = re.compile(r"(?:/(?:[^~/]|~[01])*)*")
_TAG = r"(?:\{[^{}]*\})?(?:[\w.-]+|\*)"
_STEP = rf"{_TAG}(?:\[(?:[1-9]\d*|last\(\)|(?:@?{_TAG}|\.)(?:='[^']*'|=\"[^\"]*\")?)\])*"
# What ElementTree knows, written out: it is careless with what it does not.
_XML_PATH = re.compile(rf"\.|(?:\.?//)?{_STEP}(?://?{_STEP})*")
_XML_ATTRIBUTE = re.compile(rf"(|.*/)@({_TAG})", re.DOTALL)
_INDEX = re.compile(r"0|[1-9][0-9]{0,5}")
_decode = json.JSONDecoder().decode


def read_json(body: bytes, limit: int = MAX_ANSWER) -> Any:
    """Return the value of the JSON in *body*; raises BadReply."""
    try:
        return _decode(_text(body, limit).lstrip("\ufeff"))
    except (ValueError, RecursionError):
        raise BadReply("not JSON") from None


def read_xml(body: bytes, limit: int = MAX_ANSWER) -> Any:
    """Return the root element of *body*, which must have no DOCTYPE; raises BadReply."""
    text = _text(body, limit).lstrip("\ufeff \t\r\n")
    if "<!DOCTYPE" in text.upper():
        raise BadReply("XML with a DOCTYPE")
    try:
        root = ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError, LookupError):
        raise BadReply("not XML") from None
    if _is_deep(root):
        raise BadReply("XML of too many levels")
    return root


def read_form(body: bytes, limit: int = MAX_ANSWER) -> dict[str, str]:
    """Return the first value of each field of *body*; raises BadReply."""
    try:
        pairs = parse_qsl(
            _text(body, limit).strip(), keep_blank_values=True, max_num_fields=_MAX_FIELDS
        )
    except ValueError:
        raise BadReply("a form of too many fields") from None
    return dict(reversed(pairs))


def read_text(body: bytes, limit: int = MAX_ANSWER) -> str:
    """Return *body* as text; raises BadReply."""
    return _text(body, limit)


READERS: Mapping[str, Callable[[bytes, int], Any]] = {
    "json": read_json,
    "xml": read_xml,
    "form": read_form,
    "text": read_text,
}


def find(place: str, kind: str) -> Find:
    """Return a function that finds *place* in a document of *kind*; raises ValueError."""
    if len(place) > _MAX_PLACE:
        raise ValueError(f"is longer than {_MAX_PLACE} characters")
    return _FINDERS[kind](place)


def find_all(place: str, kind: str) -> Callable[[Any], list[Any] | None]:
    """Return a function that finds the list at *place*, None without a list; raises ValueError."""
    if kind == "xml":
        _, attribute = _path(place)
        if attribute:
            raise ValueError("is an attribute, which cannot be a list")
        return partial(_elements, place)
    if kind != "json":
        raise ValueError(f"there are no lists in a {kind}: read json or xml")
    return partial(_list, find(place, kind))


def word_of(found: object) -> str:
    """Return a scalar as a short text; "" for any other value."""
    if isinstance(found, bool):
        return "true" if found else "false"
    if isinstance(found, int | float):
        return str(found)[:_MAX_WORD]
    return found[:_MAX_WORD].strip() if isinstance(found, str) else ""


def _text(body: bytes, limit: int) -> str:
    if len(body) > limit:
        raise BadReply(f"an answer of {len(body)} octets")
    return body.decode("utf-8", "replace")


def _find_json(place: str) -> Find:
    if not _POINTER.fullmatch(place):
        raise ValueError("is not a JSON pointer (RFC 6901), as /data/0/id")
    tokens = [token.replace("~1", "/").replace("~0", "~") for token in place.split("/")[1:]]
    return partial(_pointed, tuple(tokens))


def _pointed(tokens: tuple[str, ...], document: Any) -> Any:
    for token in tokens:
        if isinstance(document, dict):
            document = _named(token, document)
        elif isinstance(document, list) and _INDEX.fullmatch(token):
            index = int(token)
            document = document[index] if index < len(document) else None
        else:
            return None
    return document


def _named(name: str, fields: Mapping[str, Any]) -> Any:
    """Return the field called *name*: vendors do not keep to one case (messageID, messageid)."""
    if name in fields:
        return fields[name]
    lowered = name.lower()
    return next((value for other, value in fields.items() if other.lower() == lowered), None)


def _is_deep(root: ElementTree.Element) -> bool:
    """Return whether elements are nested so deep that a path with // would never end."""
    level = [root]
    for _ in range(_MAX_LEVELS):
        level = [inner for each in level for inner in each]
        if not level:
            return False
    return True


def _find_xml(place: str) -> Find:
    path, attribute = _path(place)
    return partial(_element, path, attribute)


def _path(place: str) -> tuple[str, str]:
    """Split ``message/@id`` into a path and the name of an attribute; raises ValueError."""
    path, attribute = place, ""
    if found := _XML_ATTRIBUTE.fullmatch(place):
        path, attribute = found[1], found[2]
    path = path.removesuffix("/") or "."
    try:
        if not _XML_PATH.fullmatch(path):
            raise SyntaxError
        ElementTree.Element("any").findall(path)
    except (SyntaxError, KeyError, ValueError, TypeError):
        raise ValueError("is not a path in XML, as message/id or message/@id") from None
    return path, attribute


def _element(path: str, attribute: str, root: ElementTree.Element) -> str | None:
    element = root.find(path)
    if element is None:
        return None
    return element.get(attribute) if attribute else element.text or ""


def _elements(path: str, root: ElementTree.Element) -> list[Any] | None:
    return root.findall(path) or None


def _list(found: Find, document: Any) -> list[Any] | None:
    items = found(document)
    return items if isinstance(items, list) else None


def _find_form(place: str) -> Find:
    if not place:
        raise ValueError("is empty")
    return partial(_named, place)


def _find_text(place: str) -> Find:
    return partial(_matched, expression(place))


def _matched(compiled: Any, text: str) -> str | None:
    return first(compiled, text[:_SEEN])


_FINDERS: Mapping[str, Callable[[str], Find]] = {
    "json": _find_json,
    "xml": _find_xml,
    "form": _find_form,
    "text": _find_text,
}

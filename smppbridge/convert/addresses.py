"""The addresses and prefixes of other systems, as the bridge writes them."""

from __future__ import annotations

import re

_STARRED = re.compile(r"(?:\d{1,3}|\*)(?:\.(?:\d{1,3}|\*)){3}")
_DIGITS = re.compile(r"\d{1,15}")
_ANY = ("", ".*", ".+", "^.*", "^.+", "^.*$", "^.+$", r"^\d+", r"^\d+$", "^[0-9]+", "^[0-9]+$")
_HEAD = re.compile(r"^\^(?:\\\+|\+|\[\+\])?\??")
_TAIL = re.compile(r"(?:\\d|\.|\[0-9\])(?:[*+]|\{\d+(?:,\d*)?\})?|\$")
_ITEM = re.compile(r"\d|\[\d+\]|\[\d-\d\]")
_SENDER = re.compile(r"\^?((?:[A-Za-z0-9 _-]|\\\+|\\\.)+)(\.\*|\.\+)?(\$?)")
_MOST_PREFIXES = 1_000


def networks(patterns: list[str]) -> tuple[list[str] | None, list[str]]:
    """Return the networks of Kannel's patterns as 10.*.*.*, and the patterns that are none.

    None stands for any address.
    """
    found: list[str] = []
    odd: list[str] = []
    for pattern in patterns:
        network = _network(pattern)
        if network == "0.0.0.0/0":
            return None, odd
        if network is None:
            odd.append(pattern)
        elif network not in found:
            found.append(network)
    return found, odd


def _network(pattern: str) -> str | None:
    if pattern == "localhost":
        return "127.0.0.1/32"
    if not _STARRED.fullmatch(pattern):
        return None
    parts = pattern.split(".")
    fixed = [part for part in parts if part != "*"]
    if parts[: len(fixed)] != fixed or any(int(part) > 255 for part in fixed):
        return None
    octets = [str(int(part)) for part in fixed] + ["0"] * (4 - len(fixed))
    return f"{'.'.join(octets)}/{8 * len(fixed)}"


def prefix(text: str) -> str | None:
    """Return the first digits of international numbers that *text* means; None if it means none."""
    digits = text.removeprefix("+")
    if digits == text and text.startswith("00"):
        digits = text[2:]
    return digits if _DIGITS.fullmatch(digits) and not digits.startswith("0") else None


def prefixes(pattern: str) -> list[str] | None:
    """Return the prefixes that a regular expression for numbers means; None if it means others.

    ``^243``, ``^(243|254)``, ``^24[345].*`` and the like; the rest behind the prefix may be any
    digits, as ``\\d+``.
    """
    body = _HEAD.sub("", pattern, count=1) if pattern.startswith("^") else ""
    if pattern in _ANY:
        return [""]
    heads = [""]
    while body and not _TAIL.match(body):
        found, body = _step(body)
        if found is None or len(heads) * len(found) > _MOST_PREFIXES:
            return None
        heads = [head + each for head in heads for each in found]
    while body:
        tail = _TAIL.match(body)
        if tail is None:
            return None
        body = body[tail.end() :]
    good = [head for head in heads if len(head) <= 15]
    return good if good == heads and heads != [""] else None


def _step(body: str) -> tuple[list[str] | None, str]:
    """Return the alternatives that *body* begins with, and the rest."""
    if body.startswith("("):
        inner, closed, rest = body[1:].partition(")")
        parts = inner.removeprefix("?:").split("|")
        expanded = [_class(part) for part in parts]
        if not closed or any(each is None for each in expanded):
            return None, body
        return [one for each in expanded for one in each or ()], rest
    item = _ITEM.match(body)
    return (_class(item[0]), body[item.end() :]) if item else (None, body)


def _class(text: str) -> list[str] | None:
    """Return the digits that a text of digits and classes of digits stands for."""
    heads = [""]
    while text:
        item = _ITEM.match(text)
        if item is None or len(heads) > _MOST_PREFIXES:
            return None
        one = item[0]
        if one[0] == "[" and one[2] == "-":
            digits = [str(digit) for digit in range(int(one[1]), int(one[3]) + 1)]
        else:
            digits = list(one.strip("[]"))
        heads = [head + digit for head in heads for digit in digits]
        text = text[item.end() :]
    return heads


def sender(pattern: str) -> str | None:
    """Return a regular expression for a source address as the bridge's pattern, as BANK or 12*."""
    found = _SENDER.fullmatch(pattern) if pattern.startswith("^") else None
    if found is None:
        return None
    return found[1].replace("\\", "") + ("" if found[3] and not found[2] else "*")

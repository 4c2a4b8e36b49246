"""Endpoint strings, checked as far as possible without Twisted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_PORT = re.compile(r"[0-9]{1,5}")

_TCP = ("port", "interface", "backlog")
_KINDS: Mapping[str, tuple[str, ...]] = {
    "tcp": _TCP,
    "tcp6": _TCP,
    "ssl": (*_TCP, "privateKey", "certKey", "extraCertChain", "sslmethod", "dhParameters"),
    "systemd": ("domain", "index", "name"),
    "unix": ("address", "mode", "backlog", "lockfile"),
}
_FIRST = {"systemd": "domain", "unix": "address"}
_ANY = ("", "0.0.0.0", "::")


class BadEndpoint(ValueError):
    """The string names no endpoint that can be listened on."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A parsed endpoint string; *named* has the arguments by name."""

    kind: str
    named: Mapping[str, str]

    @property
    def files(self) -> tuple[str, ...]:
        """The files that the endpoint needs."""
        names = ("privateKey", "certKey", "extraCertChain", "dhParameters")
        return tuple(self.named[name] for name in names if name in self.named)

    def clashes(self, other: Endpoint) -> bool:
        """Return whether the two endpoints cannot be listened on at the same time."""
        if "port" not in self.named or "port" not in other.named:
            return self == other
        if (self.kind == "tcp6") != (other.kind == "tcp6") or int(self.named["port"]) == 0:
            return False
        here, there = self.named.get("interface", ""), other.named.get("interface", "")
        same_port = int(self.named["port"]) == int(other.named["port"])
        return same_port and (here == there or here in _ANY or there in _ANY)


def parse(text: str) -> Endpoint:
    """Read an endpoint string; raises BadEndpoint.

    The syntax is Twisted's: arguments between colons, and a backslash before a colon within one.
    """
    kind, *arguments = _split(text)
    if kind == "haproxy":
        raise BadEndpoint(
            "haproxy: is refused: it believes anybody's header; list the balancers in smpp.proxies"
        )
    if kind not in _KINDS:
        raise BadEndpoint(f"must begin with one of {', '.join(f'{kind}:' for kind in _KINDS)}")
    named: dict[str, str] = {}
    for place, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if not equals:
            name, value = _positional(kind, place), argument
        if name not in _KINDS[kind] or name in named:
            raise BadEndpoint(f"{kind}: takes {', '.join(_KINDS[kind])}, each once")
        named[name] = _ESCAPE.sub(r"\1", value)
    _demand(kind, named)
    return Endpoint(kind, named)


def _split(text: str) -> list[str]:
    fields, escaped = [""], False
    for character in text:
        if character == ":" and not escaped:
            fields.append("")
        else:
            fields[-1] += character
        escaped = character == "\\" and not escaped
    if escaped:
        raise BadEndpoint("ends with a backslash")
    return fields


def _positional(kind: str, place: int) -> str:
    order = (_FIRST.get(kind, "port"), "index" if kind == "systemd" else "")
    return order[place] if place < len(order) else ""


def _demand(kind: str, named: Mapping[str, str]) -> None:
    if kind == "unix" and not named.get("address"):
        raise BadEndpoint("unix: needs the path of the socket")
    if kind in ("unix", "systemd"):
        return
    if kind == "ssl" and not named.get("privateKey"):
        raise BadEndpoint("ssl: needs privateKey=FILE, and certKey=FILE unless that file has both")
    port = named.get("port", "")
    if not _PORT.fullmatch(port) or int(port) > 65_535:
        raise BadEndpoint(f"needs a port from 0 to 65535, as in {kind}:2775")

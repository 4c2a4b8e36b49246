"""Kannel's connections by HTTP, as pages for a template: the URL, and the meaning of its answer.

Kannel 1.4.5: gw/smsc/http/generic.c and gw/urltrans.c.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from smppbridge.convert.conversion import Conversion
from smppbridge.convert.groups import Group
from smppbridge.providers.template.expressions import expression

_CALLED = "{callback_url}"
_MEANINGS = {
    "p": "{number}",
    "q": "{number}",
    "P": "{sender}",
    "Q": "{sender}",
    "b": "{text}",
    "a": "{text}",
    "A": "{text}",
    "r": "{text}",
    "I": "{message_id}",
    "m": "{message_class}",
    "M": "{mwi}",
    "c": "{alphabet}",
    "C": "UTF-8",
    "%": "%",
    "R": _CALLED,
    "d": "31",
}
_ESCAPE = re.compile(r"%(.)|([{}])|(%)$")
_SECRET = re.compile(
    r"pass|pwd|secret|token|key|user|login|account|auth|^(?:u|p|pw|id|sid)$", re.IGNORECASE
)
_LITERAL = re.compile(r"\^?((?:[\w ,:;=<>/\"'!@&~-]|\\[.+*?()|\[\]^$\\])+)\$?")
_CODED = "%c is told by alphabets: 0 and 2, and a text is UTF-8 in both"
_STATES = {"1": "delivered", "2": "undeliverable", "4": "enroute", "16": "rejected"}
PARAMETERS = {
    "generic-param-from": "from",
    "generic-param-to": "to",
    "generic-param-text": "text",
    "generic-param-foreign-id": "foreign-id",
    "generic-param-dlr-mid": "dlr-mid",
    "generic-param-dlr-mask": "dlr-mask",
}


def template(group: Group, name: str, conversion: Conversion) -> dict[str, Any] | None:
    """Return the page of a template; None, with a note, for a connection that makes none."""
    kind = group.text("system-type").strip().lower()
    url = group.text("send-url").strip()
    if kind not in ("generic", "kannel"):
        conversion.note(group.at("system-type"), "system-type", f"no page can be made of {kind}")
        return None
    parts = _split(url)
    if parts is None:
        conversion.note(group.at("send-url"), "send-url", "is no plain URL of http:// or https://")
        return None
    page: dict[str, Any] = {"type": "template", "base_url": f"{parts.scheme}://{parts.netloc}"}
    asked = parse_qsl(parts.query, keep_blank_values=True)
    if kind == "kannel":
        asked = _sendsms(group)
    writing = _Writing(group, name, conversion)
    parameters = {writing.text(key): writing.value(key, value) for key, value in asked}
    submit = {"url": writing.path(parts.path), "method": "GET", "parameters": parameters}
    page |= {"secrets": writing.secrets} if writing.secrets else {}
    page["submit"] = {**submit, "read": "text", **_answer(group, kind, conversion)}
    if writing.coded:
        page["alphabets"] = {"gsm": "0", "unicode": "2"}
        conversion.note(group.at("send-url"), "send-url", _CODED)
    page |= _callbacks(group, writing, conversion)
    if "callback" not in page:
        page["submit"]["parameters"] = {k: v for k, v in parameters.items() if v != _CALLED}
    lacking = [each for each in ("{number}", "{text}") if each not in writing.used]
    if lacking:
        conversion.note(group.at("send-url"), "send-url", f"has no {lacking[0]}: left out")
        return None
    conversion.note(
        group.place, "smsc", f"check the page of {name}: texts go in UTF-8, and long ones whole"
    )
    return page


def _split(url: str) -> Any:
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        return None
    return parts if good and "@" not in parts.netloc and "%" not in parts.netloc else None


def _sendsms(group: Group) -> list[tuple[str, str]]:
    """Return the query of Kannel's own sendsms, which the other side has to be."""
    asked = [
        ("username", group.text("smsc-username").replace("%", "%%")),
        ("password", group.text("smsc-password").replace("%", "%%")),
        ("to", "%p"),
        ("text", "%b"),
        ("charset", "UTF-8"),
        ("coding", "%c"),
    ]
    return asked if group.flag("no-sender") else [*asked, ("from", "%P")]


class _Writing:
    """Writes Kannel's escape codes as placeholders; *secrets* gathers values that never show."""

    def __init__(self, group: Group, name: str, conversion: Conversion) -> None:
        self.secrets: dict[str, str] = {}
        self.used: set[str] = set()
        self.name = name
        self._group, self._conversion = group, conversion

    @property
    def coded(self) -> bool:
        """Whether the URL tells the coding of a text."""
        return "{alphabet}" in self.used

    def text(self, escaped: str) -> str:
        """Return a text with placeholders."""
        return _ESCAPE.sub(self._placeholder, escaped)

    def path(self, path: str) -> str:
        """Return the path of a URL, which may have octets as %2F beside escape codes."""
        return "/".join(self.text(part) for part in path.split("/")) or "/"

    def value(self, key: str, value: str) -> str:
        """Return a value of the query; one that stays the same and reads like a secret is one."""
        written = self.text(value)
        if not value or "{" in written or not _SECRET.search(key):
            return written
        inner = re.sub(r"\W", "_", key.lower(), flags=re.ASCII)[:40]
        inner = f"own_{inner}"
        self.secrets[inner] = self._conversion.secret(self.name, key, value.replace("%%", "%"))
        return f"{{{inner}}}"

    def _placeholder(self, found: re.Match[str]) -> str:
        if found[2]:
            return found[2] * 2
        letter = found[1]
        meant = _MEANINGS.get(letter or "%")
        if meant is None:
            place = self._group.at("send-url")
            self._conversion.note(place, "send-url", f"%{letter} has no counterpart: left empty")
            return ""
        self.used.add(meant)
        return meant


def _answer(group: Group, kind: str, conversion: Conversion) -> dict[str, Any]:
    """Return how an accepted message is known: by words that are literally in the answer."""
    if kind == "kannel":
        return {"status": "^([03]): ", "accepted": ["0", "3"], "refused": "*"}
    keys = ("status-success-regex", "status-permfail-regex", "status-tempfail-regex")
    words = [_words(group.text(key)) for key in keys]
    found: dict[str, Any] = {}
    if not words[0] or None in words:
        conversion.note(
            group.at(keys[0]),
            keys[0],
            "is not a list of words: every answer of 2xx counts as accepted until you write"
            " submit.status, accepted and refused",
        )
    else:
        patterns = [group.text(key) for key in keys]
        found["status"] = f"({'|'.join(_alternatives(patterns))})"
        found["accepted"] = words[0]
        if refused := [*(words[1] or ()), *(words[2] or ())]:
            found["refused"] = refused
    return found | _identifier(group, conversion)


def _identifier(group: Group, conversion: Conversion) -> dict[str, Any]:
    pattern = group.text("generic-foreign-id-regex")
    if not pattern:
        return {}
    try:
        expression(pattern)
    except ValueError as error:
        conversion.note(
            group.at("generic-foreign-id-regex"), "generic-foreign-id-regex", str(error)
        )
        return {}
    return {"id": pattern}


def _words(pattern: str) -> list[str] | None:
    """Return the words that a regular expression lists, as OK|Accepted; None if it does more."""
    if not pattern:
        return []
    found = [_LITERAL.fullmatch(each) for each in _alternatives([pattern])]
    if any(each is None for each in found):
        return None
    return [re.sub(r"\\(.)", r"\1", each[1]) for each in found if each]


def _alternatives(patterns: list[str]) -> list[str]:
    """Return the alternatives of regular expressions, the longest first."""
    found: list[str] = []
    for pattern in filter(None, patterns):
        whole = pattern.startswith("(") and pattern.endswith(")")
        found += (pattern[1:-1] if whole else pattern).split("|")
    return sorted(found, key=len, reverse=True)


def _callbacks(group: Group, writing: _Writing, conversion: Conversion) -> dict[str, Any]:
    """Return how its calls are read: reports, and messages from phones where they have an id."""
    named = {key: group.text(key) for key in PARAMETERS}
    reports = bool(named["generic-param-dlr-mid"]) or _CALLED in writing.used
    if not reports:
        return {}
    if not group.text("generic-foreign-id-regex"):
        conversion.note(
            group.place, "smsc", "reports need submit.id: write where the answer has it"
        )
        return {}
    names = {key: named[key] or default for key, default in PARAMETERS.items()}
    page: dict[str, Any] = {
        "callback_key": conversion.secret(writing.name, "callback_key", ""),
        "callback": {
            "id": names["generic-param-dlr-mid"],
            "status": names["generic-param-dlr-mask"],
        },
        "states": _STATES,
    }
    if named["generic-param-foreign-id"]:
        page["mo"] = {
            "id": names["generic-param-foreign-id"],
            "from": names["generic-param-from"],
            "to": names["generic-param-to"],
            "text": names["generic-param-text"],
        }
    listen = group.number("port")
    if conversion.callbacks is None:
        conversion.callbacks = {
            "listen": f"tcp:{listen}" if listen else "tcp:8776",
            "public_url": "https://sms.example.org",
        }
        conversion.note(
            group.at("port"), "port", "write callbacks.public_url, as seen from outside"
        )
    conversion.note(group.place, "smsc", "the provider has to call another URL: check prints it")
    return page

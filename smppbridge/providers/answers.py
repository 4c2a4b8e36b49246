"""What several providers need to read an answer: JSON, seconds, identifiers, words of refusal.

All of it comes from a peer: every length has a bound, and what is shown to an operator holds
neither credentials nor text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import takewhile
from types import MappingProxyType
from typing import Any, Literal
from urllib.parse import parse_qsl

from smppbridge.model.outcome import Outcome, Postponed, Refused, Uncertain
from smppbridge.providers.exchange import BadReply, HttpRequest, HttpResponse
from smppbridge.smpp.constants import CommandStatus, MessageState

MAX_ANSWER = 65_536
MAX_IDENTIFIER = 64
MAX_PAUSE = 3600
MAX_SHOWN = 120
_MAX_FIELDS = 100
_HEAD = 40  # characters of a text by which it is known again

StateName = Literal[
    "enroute", "delivered", "expired", "deleted", "undeliverable", "accepted", "unknown", "rejected"
]
Blame = Literal["provider", "destination", "source", "length", "message", "throttled"]
On5xx = Literal["uncertain", "retry", "fail"]

_REFUSALS: Mapping[str, tuple[CommandStatus, bool]] = MappingProxyType(
    {
        "provider": (CommandStatus.ESME_RSUBMITFAIL, True),
        "destination": (CommandStatus.ESME_RINVDSTADR, False),
        "source": (CommandStatus.ESME_RINVSRCADR, False),
        "length": (CommandStatus.ESME_RINVMSGLEN, False),
        "message": (CommandStatus.ESME_RSUBMITFAIL, False),
    }
)
_decode = json.JSONDecoder().decode


def said(description: str) -> Mapping[str, str]:
    """Return what a setting means, as the metadata of its field: for the example and README."""
    return {"description": description}


def json_object(body: bytes, limit: int = MAX_ANSWER) -> dict[str, Any]:
    """Return the JSON object that *body* is; raises BadReply if it is none, or over *limit* octets.

    Octets that are not UTF-8 are replaced: an odd description must not hide the status beside it.
    """
    if len(body) > limit:
        raise BadReply(f"an answer of {len(body)} octets")
    try:
        document = _decode(body.decode("utf-8", "replace").lstrip("\ufeff"))
    except (ValueError, RecursionError):
        raise BadReply("not JSON") from None
    if not isinstance(document, dict):
        raise BadReply("not a JSON object")
    return document


def lower_names(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return *fields* under names in lower case, for vendors that do not keep to one spelling."""
    return {name.lower(): value for name, value in fields.items()}


def callback_fields(request: HttpRequest, *needed: str) -> dict[str, Any]:
    """Return what a callback says, names in lower case; raises BadReply.

    The body, a form or a JSON object, is read only if the query string lacks one of *needed*.
    """
    fields = lower_names(request.query)
    if request.body and not all(name in fields for name in needed):
        fields |= lower_names(_body_fields(request.body))
    return fields


def _body_fields(body: bytes) -> dict[str, Any]:
    if len(body) > MAX_ANSWER or body.lstrip().startswith(b"{"):
        return json_object(body)
    try:
        return dict(parse_qsl(body.decode("utf-8", "replace"), max_num_fields=_MAX_FIELDS))
    except ValueError:
        raise BadReply("a form of too many fields") from None


def identifier_of(value: object) -> str | None:
    """Return the id that *value* (text or integer) is; None if it cannot be one."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return None
    identifier = value.strip()
    fits = 0 < len(identifier) <= MAX_IDENTIFIER and identifier.isprintable()
    return identifier if fits and "\ufffd" not in identifier else None


def shown(words: object, *secrets: str) -> str:
    """Return a provider's *words* as an operator may see them: short, printable, no *secrets*."""
    if not isinstance(words, str):
        return ""
    for secret in filter(None, secrets):
        words = words.replace(secret, "***")
    return "".join(c if c.isprintable() else "?" for c in words[:MAX_SHOWN])


def retry_after(response: HttpResponse) -> float | None:
    """Return the seconds of Retry-After, at most an hour; None without, or if it is a date."""
    value = response.headers.get("retry-after", "").strip()
    if not (value.isascii() and value.isdecimal()):
        return None
    return float(min(int(value[:9]), MAX_PAUSE))


def state_table(
    documented: Mapping[str, MessageState], more: Mapping[str, StateName]
) -> dict[str, MessageState]:
    """Return the states by status in upper case; raises ValueError for a state there is none of."""
    try:
        return {
            **documented,
            **{status.strip().upper(): MessageState[name.upper()] for status, name in more.items()},
        }
    except KeyError as error:
        raise ValueError(f"no such state: {str(error.args[0]).lower()}") from None


def blame_table(
    more: Mapping[str, Blame], documented: Mapping[str, Blame]
) -> tuple[tuple[str, Blame], ...]:
    """Return the fragments to look for, *more* first; raises ValueError for an unknown blame."""
    for blame in more.values():
        if blame != "throttled" and blame not in _REFUSALS:
            raise ValueError(f"no such blame: {blame}")
    return tuple((text.lower(), blame) for text, blame in (*more.items(), *documented.items()))


def blame_of(words: object, table: Iterable[tuple[str, Blame]]) -> Blame | None:
    """Return whose fault an error text says it is; None if the table does not know."""
    lowered = words[:MAX_ANSWER].lower() if isinstance(words, str) else ""
    return next((blame for fragment, blame in table if fragment in lowered), None)


def without(words: str, text: str) -> str:
    """Return *words* without our *text*, or what they repeat of it: that says nothing of its fate.

    A fragment of an error in the text of a message that was taken would have it sent elsewhere.
    """
    head, rest = text[:_HEAD], text[_HEAD:]
    if not head or head not in words:
        return words
    before, _, after = words.partition(head)
    same = takewhile(lambda pair: pair[0] == pair[1], zip(rest, after, strict=False))
    return f"{before} {after[sum(1 for _ in same) :]}"


def refusal(reason: str, blame: Blame) -> Refused | Postponed:
    """Return the outcome of a submission that the provider explicitly did not take."""
    if blame == "throttled":
        return Postponed(reason, whole_lane=True)
    command_status, provider_fault = _REFUSALS[blame]
    return Refused(reason, command_status, provider_fault)


def http_fault(response: HttpResponse, on_5xx: On5xx) -> Outcome:
    """Return what an HTTP status other than 2xx says of a submission, whatever the provider.

    ASP.NET answers an exception with a 302 to its error page, and a 303 follows what was done: only
    the redirects that ask for the same request again are sure not to have heeded it.
    """
    status, reason = response.status, f"HTTP {response.status}"
    if status in (429, 503):
        return Postponed(reason, retry_after(response), whole_lane=True)
    if status == 408:  # RFC 9110, 15.5.9: the request never arrived whole
        return Postponed(reason)
    if status >= 500:
        return _after_5xx(reason, on_5xx)
    if status >= 400:
        return refusal(reason, "provider" if status in (401, 403) else "message")
    if status in (301, 307, 308):
        return refusal(reason, "provider")
    return Uncertain(reason)


def _after_5xx(reason: str, on_5xx: On5xx) -> Outcome:
    if on_5xx == "retry":
        return Postponed(reason)
    if on_5xx == "fail":
        return Refused(reason, CommandStatus.ESME_RSYSERR)
    return Uncertain(reason)

"""The rules that several providers share to read answers: JSON, seconds, ids, words of refusal.

All input comes from a peer: every length has a bound, and no reason that an operator may read holds
credentials or text.
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
    """Return the description of a setting, as metadata of its field, for the example and `help`."""
    return {"description": description}


def json_object(body: bytes, limit: int = MAX_ANSWER) -> dict[str, Any]:
    """Return the JSON object in *body*; raises BadReply.

    BadReply stands for any other body, and for more than *limit* octets.  Octets that are not UTF-8
    are replaced: an odd description must not hide the status beside it.
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
    """Return the fields of a callback, names in lower case; raises BadReply.

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
    """Return the id in *value* (text or integer); None if *value* cannot be an id."""
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
    """Return the seconds of Retry-After, at most an hour; None without one, or for a date."""
    value = response.headers.get("retry-after", "").strip()
    if not (value.isascii() and value.isdecimal()):
        return None
    return float(min(int(value[:9]), MAX_PAUSE))


def state_table(
    documented: Mapping[str, MessageState], more: Mapping[str, StateName]
) -> dict[str, MessageState]:
    """Return states by status in upper case; raises ValueError for an unknown state."""
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
    """Return the fragments of error texts, *more* first; raises ValueError for an unknown blame."""
    for blame in more.values():
        if blame != "throttled" and blame not in _REFUSALS:
            raise ValueError(f"no such blame: {blame}")
    return tuple((text.lower(), blame) for text, blame in (*more.items(), *documented.items()))


def blame_of(words: object, table: Iterable[tuple[str, Blame]]) -> Blame | None:
    """Return the blame of an error text; None if no fragment of the table is in the text."""
    lowered = words[:MAX_ANSWER].lower() if isinstance(words, str) else ""
    return next((blame for fragment, blame in table if fragment in lowered), None)


def without(words: str, text: str) -> str:
    """Return *words* without the beginning of our *text* that they repeat.

    Our text may hold the fragment of an error: then a message that the provider accepted would be
    submitted elsewhere.
    """
    head, rest = text[:_HEAD], text[_HEAD:]
    if not head or head not in words:
        return words
    before, _, after = words.partition(head)
    same = takewhile(lambda pair: pair[0] == pair[1], zip(rest, after, strict=False))
    return f"{before} {after[sum(1 for _ in same) :]}"


def refusal(reason: str, blame: Blame) -> Refused | Postponed:
    """Return the outcome of a submission that the provider explicitly refused."""
    if blame == "throttled":
        return Postponed(reason, whole_lane=True)
    command_status, provider_fault = _REFUSALS[blame]
    return Refused(reason, command_status, provider_fault)


def http_fault(response: HttpResponse, on_5xx: On5xx) -> Outcome:
    """Return the outcome of a submission answered with a status other than 2xx, for any provider.

    ASP.NET answers an exception with a 302 to its error page, and a 303 follows a completed
    request: only the redirects that ask for the same request again prove that the server did not
    act.
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

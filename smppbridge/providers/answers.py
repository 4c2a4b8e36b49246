"""The rules that several providers share to read answers: JSON, seconds, ids, words of refusal.

All input comes from a peer: every length has a bound.  A reason is in our own words; the provider's
words stand apart from the reason, and hold neither credentials nor pieces of the text.
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
from smppbridge.providers.pieces import taken_out
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
On503 = Literal["uncertain", "retry"]

_REFUSALS: Mapping[str, tuple[CommandStatus, bool]] = MappingProxyType(
    {
        "provider": (CommandStatus.ESME_RSUBMITFAIL, True),
        "destination": (CommandStatus.ESME_RINVDSTADR, False),
        "source": (CommandStatus.ESME_RINVSRCADR, False),
        "length": (CommandStatus.ESME_RINVMSGLEN, False),
        "message": (CommandStatus.ESME_RSUBMITFAIL, False),
    }
)
_REASONS: Mapping[Blame, str] = MappingProxyType(
    {
        "provider": "account refused",
        "destination": "destination refused",
        "source": "source refused",
        "length": "text refused as too long",
        "message": "message refused",
        "throttled": "too many requests",
    }
)
_ACCOUNT_FAULTS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("no credit", ("credit", "balance", "fund", "charge", "top up", "top-up", "quota")),
    (
        "credentials refused",
        ("token", "auth", "credential", "passw", "api key", "apikey", "api_key"),
    ),
    ("credentials refused", ("login", "log in", "user", "client", "scope", "access")),
    ("account not active", ("expired", "inactive", "suspend", "disabled", "blocked")),
)
_BY_STATUS = {401: "credentials refused", 402: "no credit", 403: "access refused"}
# A proxy that gave up on its backend may answer 503 in the backend's name, and with a Retry-After
# of its own (Varnish's built-in page); Via is RFC 9110, 7.6.3.
_PROXIES = ("via", "x-varnish")
_PERHAPS_TAKEN = 408, 503
_decode = json.JSONDecoder().raw_decode
_AROUND = "\ufeff \t\r\n"  # may stand before and after a JSON document


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
    text = body.decode("utf-8", "replace").strip(_AROUND)
    try:
        document, end = _decode(text)
    except (ValueError, RecursionError):
        raise BadReply("not JSON") from None
    if end < len(text):
        raise BadReply("not JSON")
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


def shown(words: object, *texts: str, secrets: Iterable[str] = ()) -> str:
    """Return a provider's *words* as an operator may see them: short, printable, and decoded.

    Every piece of four or more characters of *texts* is taken out, in whatever encoding, and
    *secrets* where they stand whole.
    """
    if not isinstance(words, str):
        return ""
    words = taken_out(words, texts, tuple(secrets))
    return "".join(c if c.isprintable() else "?" for c in words[:MAX_SHOWN])


def retry_after(response: HttpResponse, header: str = "retry-after") -> float | None:
    """Return the seconds of Retry-After, at most an hour; None without one, or for a date."""
    value = response.headers.get(header, "").strip()
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


def account_fault(words: object) -> str:
    """Return the fault of our account in a provider's *words*, as a reason; "" for none."""
    lowered = words[:MAX_ANSWER].lower() if isinstance(words, str) else ""
    if not lowered:
        return ""
    return next((r for r, found in _ACCOUNT_FAULTS if any(each in lowered for each in found)), "")


def bad_reply(reason: str, words: object = "", *, secrets: Iterable[str] = ()) -> BadReply:
    """Return the error for an answer that is none, with the fault of our account if *words* say."""
    fault = account_fault(words)
    if fault and fault not in reason:
        reason = f"{reason}: {fault}"
    return BadReply(reason, shown(words, secrets=secrets))


def bad_status(response: HttpResponse) -> str:
    """Return the reason for an answer other than 2xx to a question that is no submission."""
    fault = _BY_STATUS.get(response.status)
    return f"HTTP {response.status}: {fault}" if fault else f"HTTP {response.status}"


def unknown_status(words: str) -> Uncertain:
    """Return the outcome of a submission answered with a status that no table of ours knows."""
    return Uncertain("unknown status" if words else "no status", words)


def refusal(reason: str, blame: Blame, words: str = "", *, raw: object = "") -> Refused | Postponed:
    """Return the outcome of a submission that the provider explicitly refused.

    The blame follows *reason*.  *words* are the provider's as they may be shown; a fault of our
    account is looked for in *raw*, or in *words*.
    """
    said = (account_fault(raw or words) if blame == "provider" else "") or _REASONS[blame]
    reason = f"{reason}: {said}" if reason else said
    if blame == "throttled":
        return Postponed(reason, whole_lane=True, words=words)
    command_status, provider_fault = _REFUSALS[blame]
    return Refused(reason, command_status, provider_fault, words)


def http_fault(
    response: HttpResponse,
    on_5xx: On5xx,
    on_503: On503 | None = None,
    pause: str = "retry-after",
) -> Outcome:
    """Return the outcome of a submission answered with a status other than 2xx, for any provider.

    A status proves that the message was not taken only where the provider itself must have given
    the status before it acted: 429 and other 4xx.  A 5xx may follow the act.  So may 503 and 408: a
    proxy gives them in the provider's name when the provider took the request and its answer was
    lost.  They are Postponed with a Retry-After (in the header *pause*) that no proxy can have
    written, or where *on_503* says that the provider means them; else *on_5xx* decides.

    No redirect proves anything: libcurl follows none, a 303 follows a completed request, ASP.NET
    answers an exception after the act with a 302, and a 301, 307 or 308 may come from a rule that
    looks at the answer.  To hold a message is less harm than to send it twice.
    """
    status, reason = response.status, f"HTTP {response.status}"
    after = retry_after(response, pause)
    if status == 429:
        return Postponed(reason, after, whole_lane=True)
    if status in _PERHAPS_TAKEN and _not_taken(response, on_503, pause):
        return Postponed(reason, after, whole_lane=status == 503)
    if status >= 500 or status == 408:
        return _after_5xx(reason, on_5xx, after)
    if status >= 400:
        blame: Blame = "provider" if status in _BY_STATUS else "message"
        return Refused(reason, *_REFUSALS[blame])
    return Uncertain(reason)


def _not_taken(response: HttpResponse, on_503: On503 | None, pause: str) -> bool:
    """Return whether a 503 or 408 is the provider's own word that it did not take the message."""
    if response.status == 503 and on_503 is not None:
        return on_503 == "retry"
    headers = response.headers
    return bool(headers.get(pause, "").strip()) and not any(name in headers for name in _PROXIES)


def _after_5xx(reason: str, on_5xx: On5xx, after: float | None) -> Outcome:
    if on_5xx == "retry":
        return Postponed(reason, after)
    if on_5xx == "fail":
        return Refused(reason, CommandStatus.ESME_RSYSERR)
    return Uncertain(reason)

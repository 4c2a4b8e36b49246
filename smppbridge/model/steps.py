"""steps: each step in the life of a message in a sentence, by its code and facts; pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from smppbridge.model.owed import count_of
from smppbridge.model.reasons import sentence
from smppbridge.smpp.constants import MessageState, status_name

Facts = Mapping[str, Any]

_OUTCOMES = {
    "accepted": "{} took it",
    "refused": "{} refused it",
    "postponed": "{} could not take it",
    "uncertain": "nobody knows whether {} took it",
    "out": "{} has not answered yet",
}
_SOURCES = {"push": "by a callback", "poll": "when they were asked", "own": "by the bridge itself"}
_AWAITED = {
    "segments": "It waits for its other segments",
    "provider": "It waits for its provider",
    "time": "It waits for its time",
    "answer": "It waits for the answer of its provider",
    "report": "It waits for a report of its provider",
    "decision": "It waits for a decision",
    "receiver": "Its receipt waits for a session that takes receipts",
    "acknowledgement": "Its receipt waits to be acknowledged",
}
_VERBS = {
    "resend": "A person had it sent once more.",
    "fail": "A person gave it up.",
    "move": "A person gave it to {to}.",
}


def told(code: str, facts: Facts) -> str:
    """Return a step in English; a code that is not known with its facts as they are.

    Times among the *facts* are written already.
    """
    tell = _STEPS.get(code)
    if tell is not None:
        return tell(facts)
    known = ", ".join(f"{name} {value}" for name, value in facts.items())
    return f"{code}: {known}." if known else f"{code}."


def _segment(facts: Facts) -> str:
    number = f"Segment {facts['number']}" if facts.get("number") else "A segment"
    return f"{number} came, and was answered ESME_ROK with the id {facts.get('message_id')}."


def _attempt(outcome: str) -> Callable[[Facts], str]:
    """Return a function that writes an attempt with its outcome."""

    def tell(facts: Facts) -> str:
        named = facts.get("provider_message_id")
        more = (f" as {named}" if named else "") + _after(facts)
        reason = f": {facts['reason']}" if facts.get("reason") else ""
        head = f"Attempt {facts.get('number')}"
        return f"{head}: {outcome.format(facts.get('provider'))}{more}{reason}."

    return tell


def _after(facts: Facts) -> str:
    seconds = facts.get("seconds")
    return "" if seconds is None else f" after {seconds:.3g} s"


def _part(facts: Facts) -> str:
    state = f", {_state(facts)}" if facts.get("state") else ""
    return f"Part {facts.get('number')} is {facts.get('provider_message_id')} there{state}."


def _report(facts: Facts) -> str:
    source = _SOURCES.get(facts.get("source", ""), f"by {facts.get('source')}")
    error = f", error {facts['error']}" if facts.get("error") else ""
    return f"Its state is {_state(facts)}{error}: reported {source}."


def _owed(facts: Facts) -> str:
    tries = facts.get("postponed", 0)
    put_off = f", sent in vain {count_of(tries, 'time')}" if tries else ""
    until = f"; kept until {facts['expires_at']}" if facts.get("expires_at") else ""
    return f"The receipt of {facts.get('message_id')} is owed{put_off}{until}."


def _delivery(facts: Facts) -> str:
    status = facts.get("command_status", 0)
    how = f"answered {status_name(status)}" if status else "acknowledged"
    return f"The receipt of {facts.get('message_id')} was {how}."


def _waiting(facts: Facts) -> str:
    says = _AWAITED.get(facts.get("awaited", ""), f"It waits for {facts.get('awaited')}")
    before = f", {count_of(facts['before'], 'message')} before it" if facts.get("before") else ""
    until = f", until {facts['until']}" if facts.get("until") else ""
    return f"{says}{before}{until}."


def _because(says: str) -> Callable[[Facts], str]:
    """Return a function that adds the reason to a sentence."""

    def tell(facts: Facts) -> str:
        why = sentence(facts["why"], facts) if facts.get("why") else ""
        detail = f" ({facts['detail']})" if facts.get("detail") else ""
        return f"{says.format_map(_Named(facts))}{detail}. {why}".rstrip()

    return tell


class _Named(dict[str, Any]):
    def __missing__(self, name: str) -> str:
        return f"the {name}"


def _state(facts: Facts) -> str:
    state = facts.get("state", 0)
    known: Mapping[int, MessageState] = MessageState._value2member_map_  # type: ignore[assignment]
    return known[state].name if state in known else str(state)


_STEPS: Mapping[str, Callable[[Facts], str]] = {
    "segment_received": _segment,
    "joined": lambda _: "All segments had come: the message was whole.",
    "received": lambda _: "It came, and was answered ESME_ROK.",
    "routed": lambda facts: f"Its route: {', then '.join(facts.get('via', ()))}.",
    "postponed": _because("It waits"),
    "provider_skipped": _because("{provider} was left out"),
    "diverted": _because("It went on from {provider} to {to}"),
    **{f"attempt_{outcome}": _attempt(says) for outcome, says in _OUTCOMES.items()},
    "part": _part,
    "report_heard": _report,
    "state_final": _report,
    "receipt_owed": _owed,
    "receipt_acknowledged": _delivery,
    "receipt_refused": _delivery,
    "receipt_lapsed": _because("The receipt of {message_id} is kept no longer"),
    "rejected": _because("The bridge refused it"),
    "expired": _because("It expired"),
    "cancelled": _because("It was cancelled"),
    "failed": _because("It was given up"),
    "decided_by_hand": lambda facts: _VERBS.get(
        facts.get("verb", ""), "A person decided."
    ).format_map(_Named(facts)),
    "now_waiting": _waiting,
}

"""The verdict on a message: its place, the reason and the advice, for a person in a hurry; pure.

The first rule that fits is the verdict.  A case has the facts of the store; those that only the
running bridge has (`BridgeFacts`) make a verdict more exact where it is there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from smppbridge.model.failed_messages import asked_there, told_there
from smppbridge.model.message import Stage
from smppbridge.model.owed import clock, count_of, receipt_do, receipts, why_owed
from smppbridge.model.reasons import remedy, sentence
from smppbridge.model.verdict_facts import MessageVerdict, VerdictFacts
from smppbridge.smpp.constants import MessageState, status_name

_ODD_TEXTS = {
    "ucs2_as_default": (
        "Its octets look like UCS2, and its data_coding did not say so: the phone shows nonsense.",
        "Let the ESME send data_coding 8, or set `detect_ucs2: true` of the account.",
    ),
    "udh_without_flag": (
        "It looks as if it began with a header, and esm_class did not say so.",
        "Let the ESME set UDHI in esm_class, or set `detect_udh: true` of the account.",
    ),
}
Rule = Callable[[VerdictFacts], MessageVerdict | None]


def verdict(case: VerdictFacts) -> MessageVerdict:
    """Return the verdict of the first rule that fits; a doubtful text is in each."""
    found = next(found for rule in _RULES if (found := rule(case)) is not None)
    if case.odd not in _ODD_TEXTS:
        return found
    says, remedy_ = _ODD_TEXTS[case.odd]
    return replace(found, why=f"{found.why} {says}".lstrip(), do=(*found.do, remedy_))


def _uncertain(case: VerdictFacts) -> MessageVerdict | None:
    if not case.uncertain:
        return None
    until = f" until {clock(case.due)}" if case.due else ""
    why = f"{case.provider} was asked and gave no clear answer. {_last(case)}".rstrip()
    return MessageVerdict(
        "uncertain",
        "warn",
        "Nobody knows whether the phone has it.",
        f"{why} A late report is awaited{until}.",
        (
            f"Ask {case.provider} whether they have it.",
            "Then `smppbridge messages resend ID` (perhaps a second SMS), or `messages fail ID`.",
        ),
    )


def _gathering(case: VerdictFacts) -> MessageVerdict | None:
    if case.stage != Stage.GATHERING:
        return None
    numbers = ", ".join(map(str, case.missing))
    one = "segment" if len(case.missing) == 1 else "segments"
    have = "has" if len(case.missing) == 1 else "have"
    says = f"{one.capitalize()} {numbers} of {case.total} {have} not come."
    until = f" They are awaited until {clock(case.until)}." if case.until else ""
    why = f"A long message is sent when it is whole.{until}"
    do = (f"Ask {case.system_id} why the {one} did not follow.",)
    return MessageVerdict("gathering", "wait", says, why, do)


def _shut(case: VerdictFacts) -> MessageVerdict | None:
    shut = case.meanwhile.shut
    if case.stage != Stage.WAITING or not shut:
        return None
    facts = {"provider": case.provider}
    until = f" until {clock(case.meanwhile.until)}" if case.meanwhile.until else ""
    says = f"It waits for {case.provider}{until}."
    do = (remedy(shut, facts), _in_time(case))
    return MessageVerdict(f"waiting_{shut}", "warn", says, sentence(shut, facts), do)


def _quiet(case: VerdictFacts) -> MessageVerdict | None:
    if case.stage != Stage.WAITING or not case.quiet or not _later(case):
        return None
    says = f"It waits for the end of the quiet hours, {clock(case.due)}."
    return MessageVerdict("waiting_quiet", "wait", says, sentence("quiet_hours"), (_in_time(case),))


def _put_off(case: VerdictFacts) -> MessageVerdict | None:
    if case.stage != Stage.WAITING or not case.tried:
        return None
    again = f" It is tried again at {clock(case.due)}." if _later(case) else ""
    says = f"{case.provider} has not taken it yet.{again}"
    why = f"{count_of(case.attempts, 'attempt')} so far. {_last(case)}"
    return MessageVerdict("waiting_put_off", "warn", says, why, (_in_time(case),))


def _scheduled(case: VerdictFacts) -> MessageVerdict | None:
    if case.stage != Stage.WAITING or not _later(case):
        return None
    says = f"It is due at {clock(case.due)}."
    why = "The ESME gave it a schedule_delivery_time."
    return MessageVerdict("waiting_scheduled", "wait", says, why)


def _in_line(case: VerdictFacts) -> MessageVerdict | None:
    if case.stage != Stage.WAITING:
        return None
    before, limit = case.meanwhile.before, case.meanwhile.limit
    count = "" if before is None else f" {count_of(before, 'message')} before it."
    about = f" Its turn is at about {clock(turn)}." if (turn := turn_of(case)) else ""
    bound = f" {LIMITS[limit]}" if limit in LIMITS else ""
    why = f"It is in line, and has not been tried.{count}{about}{bound}"
    look = limit if limit in LIMITS else "rate, concurrency, breaker"
    do = (f"If it stays so, look at {case.provider}: {look}.", _in_time(case))
    return MessageVerdict("waiting_in_line", "wait", f"It waits for {case.provider}.", why, do)


def _out(case: VerdictFacts) -> MessageVerdict | None:
    if case.stage != Stage.SUBMITTING:
        return None
    why = f"The request is out (attempt {case.attempts}), and not answered yet."
    return MessageVerdict("out", "wait", f"It is on its way to {case.provider}.", why)


def _submitted(case: VerdictFacts) -> MessageVerdict | None:
    if case.stage != Stage.SUBMITTED:
        return None
    until = f" until {clock(case.due)}" if case.due else ""
    name = case.provider_message_id
    why = f"A report is awaited{until}" + (f"; they call the message {name}." if name else ".")
    do = (f"If reports are late, see whether the callbacks of {case.provider} come in.",)
    return MessageVerdict("submitted", "wait", f"{case.provider} has it.", why, do)


def _rejected(case: VerdictFacts) -> MessageVerdict | None:
    if case.state != MessageState.REJECTED:
        return None
    if case.why:
        detail = f" ({case.detail})" if case.detail else ""
        why = f"{sentence(case.why)[:-1]}{detail}."
        do = (remedy(case.why), *receipt_do(case))
        return MessageVerdict(f"rejected_{case.why}", "bad", "The bridge refused it.", why, do)
    by = case.provider or "A provider"
    do = (f"Look {by} up: credit, credentials, sender and number.", *receipt_do(case))
    why = f"{_error(case)} {_last(case)}".strip()
    return MessageVerdict("rejected", "bad", f"{by} refused it.", why, do)


def _expired(case: VerdictFacts) -> MessageVerdict | None:
    if case.state != MessageState.EXPIRED:
        return None
    if case.missing:
        numbers = ", ".join(map(str, case.missing))
        says = f"It expired: segment {numbers} of {case.total} did not come."
        do = (remedy("segments_missing"), *receipt_do(case))
        return MessageVerdict("expired_segments", "bad", says, sentence("segments_missing"), do)
    if case.provider_message_id is None:
        says = f"It expired before {case.provider or 'a provider'} took it."
        tried = f"{count_of(case.attempts, 'attempt')}. {_last(case)}".rstrip()
        facts = {"provider": case.provider}
        why = f"{sentence('waited_too_long')} {tried}"
        if case.behind:
            why = f"{why} {sentence(case.behind, facts)}"
        helps = remedy(case.behind, facts) or remedy("waited_too_long")
        do = (helps, *receipt_do(case))
        return MessageVerdict("expired_waiting", "bad", says, why, do)
    if case.why:
        facts = {"provider": case.provider}
        do = (remedy(case.why, facts), *receipt_do(case))
        says = f"{case.provider} took it, and nobody knows whether the phone has it."
        return MessageVerdict(f"expired_{case.why}", "bad", says, sentence(case.why, facts), do)
    says = f"{case.provider} could not deliver it in time."
    why = f"The phone was not reached: off, out of reach or full. {_error(case)}".strip()
    return MessageVerdict("expired_there", "bad", says, why, receipt_do(case))


def _failed(case: VerdictFacts) -> MessageVerdict | None:
    if case.state in _WELL or case.stage != Stage.FINISHED:
        return None
    facts = {"provider": case.provider}
    undelivered = f"{case.provider or 'The bridge'} could not deliver it."
    says = {
        MessageState.UNDELIVERABLE: "It was given up." if case.why else undelivered,
        MessageState.DELETED: "It was cancelled or replaced.",
        MessageState.UNKNOWN: "Nobody ever knew whether the phone has it.",
    }
    state = MessageState(case.state) if case.state in _STATES else MessageState.UNKNOWN
    told, advice = sentence(case.why, facts), remedy(case.why, facts)
    parts = (told or told_there(case), _error(case), _last(case))
    do = ((advice,) if advice else asked_there(case)) + receipt_do(case)
    words = says.get(state, "It ended.")
    return MessageVerdict(state.name.lower(), "bad", words, " ".join(filter(None, parts)), do)


def _accepted(case: VerdictFacts) -> MessageVerdict | None:
    if case.state != MessageState.ACCEPTED:
        return None
    says = f"{case.provider} has it, and tells no more."
    why = f"{case.provider} sends no reports of this message. {receipts(case)}"
    return MessageVerdict("without_reports", "good", says, why, receipt_do(case))


def _owed(case: VerdictFacts) -> MessageVerdict | None:
    """Return the verdict on a message whose receipt is owed: the phone has the message."""
    if not case.owed:
        return None
    says = f"The phone has it. {case.system_id} has not been told."
    code, do = why_owed(case)
    return MessageVerdict(code, "warn", says, receipts(case), do)


def _done(case: VerdictFacts) -> MessageVerdict:
    if not case.registered_delivery:
        why = "No receipt was asked for (registered_delivery 0)."
        do = ("If a receipt is missed, let the ESME set registered_delivery to 1.",)
        return MessageVerdict("done_not_asked", "good", "The phone has it.", why, do)
    if any(each.command_status is None for each in case.ended):
        says = f"The phone has it. {case.system_id} was never told."
        do = (remedy("unacknowledged"),)
        return MessageVerdict("receipt_lapsed", "warn", says, receipts(case), do)
    if refused := next((each.command_status for each in case.ended if each.command_status), 0):
        says = f"The phone has it. {case.system_id} refused the receipt."
        do = (f"Ask {case.system_id} what {status_name(refused)} means in its log.",)
        return MessageVerdict("receipt_refused", "warn", says, receipts(case), do)
    return MessageVerdict("done", "good", "The phone has it.", receipts(case))


def turn_of(case: VerdictFacts) -> float | None:
    """Return about when a message in line has its turn (UNIX seconds), None if that is unknown."""
    before, speed = case.meanwhile.before, case.meanwhile.speed
    return case.now + before / speed if before and speed > 0 else None


LIMITS = {
    "rate": "The rate of the provider in the configuration lets no more leave.",
    "pace": "The provider told the bridge to slow down, and it sends slowly for two minutes.",
    "concurrency": "As many requests are out as may be: the provider is slow to answer.",
}
"""Which limit a lane has come to, in a sentence."""
_WELL = (MessageState.DELIVERED, MessageState.ACCEPTED)
_STATES = frozenset(MessageState)
_RULES: tuple[Rule, ...] = (
    _uncertain,
    _gathering,
    _shut,
    _quiet,
    _put_off,
    _scheduled,
    _in_line,
    _out,
    _submitted,
    _rejected,
    _expired,
    _failed,
    _accepted,
    _owed,
    _done,
)


def _later(case: VerdictFacts) -> bool:
    return case.due is not None and case.due > case.now


def _in_time(case: VerdictFacts) -> str:
    return f"It expires at {clock(case.expires_at)}."


def _last(case: VerdictFacts) -> str:
    if case.tried is None:
        return ""
    outcome, reason = case.tried
    return f"The last one was {outcome}" + (f": {reason}." if reason else ".")


def _error(case: VerdictFacts) -> str:
    return f"Their error code is {case.error}." if case.error else ""

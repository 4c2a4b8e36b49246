"""owed: why the receipts of a message are owed still, or how they ended, for a person; pure."""

from __future__ import annotations

from datetime import UTC, datetime

from smppbridge.model.verdict_facts import VerdictFacts
from smppbridge.smpp.constants import status_name


def receipts(case: VerdictFacts) -> str:
    """Return in a sentence or two why receipts are owed still, or how they ended."""
    if case.owed:
        kept = clock(max(each.expires_at for each in case.owed))
        return f"{_why_still_owed(case)} It is kept until {kept}."
    if lapsed := [each for each in case.ended if each.command_status is None]:
        tries = max(each.postponed for each in lapsed)
        sent = (
            f"sent {times_of(tries)} and not acknowledged" if tries else "never sent: nobody bound"
        )
        return f"Its receipt was kept until its time was over, {sent}."
    statuses = sorted({each.command_status or 0 for each in case.ended})
    if any(statuses):
        return f"The receipt was answered {', '.join(map(status_name, statuses))}."
    return "The receipt was acknowledged." if case.ended else "No receipt was asked for."


def clock(at: float | None) -> str:
    """Return a time of day in UTC, with the day."""
    return "" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _why_still_owed(case: VerdictFacts) -> str:
    """Return in a sentence why receipts are owed still; the order is that of `why_owed`."""
    system_id, meanwhile = case.system_id, case.meanwhile
    if meanwhile.unanswered_until:
        until = clock(meanwhile.unanswered_until)
        return f"The receipt was sent to {system_id}, whose answer is awaited until {until}."
    last = max(case.owed, key=lambda each: each.postponed)
    if last.postponed:
        answer = "not answered"
        if last.postponed_by:
            answer = f"answered {status_name(last.postponed_by)} at last"
        sent = f"The receipt was sent {times_of(last.postponed)}, and {answer}."
        if meanwhile.receivers != 0:
            return f"{sent} Next at {clock(last.due)}."
        return f"{sent} {_no_receiver(case)}"
    if meanwhile.receivers:
        return f"The receipt is in line for {count_of(meanwhile.receivers, 'session')}."
    return _no_receiver(case)


def _no_receiver(case: VerdictFacts) -> str:
    bound = case.meanwhile.bound
    if not bound:
        none = f"{case.system_id} has no session"
        return f"{none} bound as RX or TRX that took the receipt." if bound is None else f"{none}."
    sessions = "The session" if bound == 1 else f"All {bound} sessions"
    is_bound = "is bound as TX only" if bound == 1 else "are bound as TX only"
    return f"{sessions} of {case.system_id} {is_bound}: no receipt can go there."


def why_owed(case: VerdictFacts) -> tuple[str, tuple[str, ...]]:
    """Return why receipts are owed still: the code of the verdict, and the advice."""
    system_id, meanwhile = case.system_id, case.meanwhile
    tried = [each for each in case.owed if each.postponed]
    if meanwhile.unanswered_until:
        return "receipt_unanswered", (f"If it stays so, ask {system_id} for its deliver_sm_resp.",)
    if tried and meanwhile.receivers != 0:
        status = next((each.postponed_by for each in tried if each.postponed_by), None)
        if status:
            do = f"Ask {system_id} why it answers {status_name(status)}: its log has deliver_sm."
        else:
            do = f"Ask {system_id} why its deliver_sm_resp does not come."
        return "receipt_refused_so_far", (do,)
    if meanwhile.receivers:
        return "receipt_in_line", ("If it stays so, look at deliver_window of the account.",)
    why = "." if meanwhile.bound == 0 else ": receipts go to no TX session."
    do = f"Ask {system_id} to bind as a receiver or transceiver{why}"
    return "receipt_tx_only" if meanwhile.bound else "receipt_no_receiver", (do,)


def receipt_do(case: VerdictFacts) -> tuple[str, ...]:
    """Return the advice about receipts that are owed still."""
    return why_owed(case)[1] if case.owed else ()


def count_of(count: int, noun: str) -> str:
    """Return a count with its noun, in the plural if there is not one."""
    return f"{count} {noun}" + ("" if count == 1 else "s")


def times_of(count: int) -> str:
    """Return how often a thing was done."""
    return "once" if count == 1 else f"{count} times"

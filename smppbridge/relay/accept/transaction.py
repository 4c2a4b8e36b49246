"""transaction: whether the response to a submit_sm waits for its message's provider; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from smppbridge.model.account import Account
from smppbridge.model.message import Attempt, Message, Segment
from smppbridge.relay.responses import RequestingSession, WaitingResponse
from smppbridge.store.port import Entry


def waiting_response(
    session: RequestingSession,
    account: Account,
    sequence_number: int,
    recorded: Message | Segment,
    entries: Sequence[Entry],
    now: float,
) -> WaitingResponse | None:
    """Return the response that waits, if the submit_sm is, or completes, a message.

    *entries* end with that of the submit_sm, if it is new.  The response to a segment that other
    segments must follow does not wait: a client with a window of 1 would never send them.
    """
    entry = entries[-1] if entries else None
    if entry is None or entry.message is None:
        return None
    if entry.message is not recorded and entry.segment is not recorded:
        return None  # the segment was received before
    return WaitingResponse(
        session,
        account.system_id,
        sequence_number,
        recorded.message_id,
        entry.message.message_id,
        now,
        account.answer_within,
        account.id_form,
    )


def shortened(
    held: Sequence[WaitingResponse], attempts: Iterable[Attempt]
) -> Sequence[WaitingResponse]:
    """Return responses, without a time to wait where the message leaves after that time.

    *attempts* are the first ones of their messages: such a message is scheduled, or in quiet hours.
    """
    leaves_in = {
        attempt.message.message_id: attempt.message.due - attempt.message.accepted_at
        for attempt in attempts
        if not attempt.number
    }
    for response in held:
        if leaves_in.get(response.parent, 0.0) > response.within:
            response.within = 0.0
    return held

"""receipts: the receipts that a state makes due; pure."""

from __future__ import annotations

from smppbridge.model.message import Attempt, Message
from smppbridge.model.report import Delivery, delivery_of
from smppbridge.smpp.constants import FINAL_STATES, MessageState, RegisteredDelivery
from smppbridge.store.port import Settlement

_SKEW = 300.0  # seconds by which an operator's clock may differ; many dates are whole minutes
# members of an Enum are slow to load
_SCHEDULED, _DELIVERED = MessageState.SCHEDULED, MessageState.DELIVERED
_SKIPPED, _UNDELIVERABLE = MessageState.SKIPPED, MessageState.UNDELIVERABLE


def is_wanted(registered_delivery: int, state: int, final: bool) -> bool:
    """Return whether a message asked for a receipt about *state* (SMPP 3.4, 5.2.17)."""
    if state == _SCHEDULED:  # of SMPP 5.0: in no receipt
        return False
    if not final:
        return bool(registered_delivery & RegisteredDelivery.INTERMEDIATE)
    asked = registered_delivery & RegisteredDelivery.RECEIPT
    if asked == RegisteredDelivery.ON_FAILURE:
        return state != _DELIVERED
    if asked == RegisteredDelivery.ON_SUCCESS:
        return state == _DELIVERED
    return asked == RegisteredDelivery.ALWAYS


def settlement(
    attempt: Attempt,
    state: int,
    error: int,
    at: float,
    *,
    source: str,
    keep: float,
    renamed: str | None = None,
    final: bool = False,
    done_at: float | None = None,
) -> Settlement:
    """Return a message's new state, and a delivery for each segment that asked for a receipt.

    A delivery is owed for *keep* seconds.  *final* makes any state final.  *done_at* is when the
    operator says that the state was reached: the receipt's done date, where it is sane.
    """
    message = attempt.message
    final = final or state in FINAL_STATES
    deliveries: list[Delivery] = [
        delivery_of(
            message,
            message_id=message_id,
            state=_UNDELIVERABLE if state == _SKIPPED else state,  # SKIPPED is of SMPP 5.0
            error=error,
            done_at=_done_date(done_at, message.accepted_at, at),
            due=at,
            expires_at=at + keep,
            final=final,
        )
        for message_id in _asking(message, state, final)
    ]
    return Settlement(
        attempt, state, error, at, final, source=source, deliveries=deliveries, renamed=renamed
    )


def _asking(message: Message, state: int, final: bool) -> list[int]:
    """Return the message_ids, of a message or its segments, for which a receipt is asked."""
    if not message.segments:
        wanted = is_wanted(message.registered_delivery, state, final)
        return [message.message_id] if wanted else []
    return [
        s.message_id for s in message.segments if is_wanted(s.registered_delivery, state, final)
    ]


def _done_date(said: float | None, accepted_at: float, at: float) -> float:
    """Return the operator's date, between acceptance and now; now, if the date is far from both."""
    if said is None or not accepted_at - _SKEW <= said <= at + _SKEW:
        return at
    return min(max(said, accepted_at), at)

"""receipts: the receipts that a state makes due; pure."""

from __future__ import annotations

from smppbridge.model.message import Attempt
from smppbridge.model.report import Delivery, delivery_of
from smppbridge.smpp.constants import MessageState, RegisteredDelivery
from smppbridge.store.port import Settlement

_SKEW = 300.0  # seconds by which an operator's clock may differ; many dates are whole minutes


def is_wanted(registered_delivery: int, state: int, final: bool) -> bool:
    """Return whether a message asked for a receipt about *state* (SMPP 3.4, 5.2.17)."""
    if state == MessageState.SCHEDULED:  # of SMPP 5.0: in no receipt
        return False
    if not final:
        return bool(registered_delivery & RegisteredDelivery.INTERMEDIATE)
    asked = registered_delivery & RegisteredDelivery.RECEIPT
    if asked == RegisteredDelivery.ON_FAILURE:
        return state != MessageState.DELIVERED
    if asked == RegisteredDelivery.ON_SUCCESS:
        return state == MessageState.DELIVERED
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
    done = _done_date(done_at, message.accepted_at, at)
    final = final or MessageState(state).is_final
    asked = (
        [(s.message_id, s.registered_delivery) for s in message.segments]
        if message.segments
        else [(message.message_id, message.registered_delivery)]
    )
    deliveries: list[Delivery] = [
        delivery_of(
            message,
            message_id=message_id,
            state=_shown(state),
            error=error,
            done_at=done,
            due=at,
            expires_at=at + keep,
            final=final,
        )
        for message_id, registered_delivery in asked
        if is_wanted(registered_delivery, state, final)
    ]
    return Settlement(
        attempt,
        state,
        error,
        at,
        final,
        source=source,
        deliveries=deliveries,
        renamed=renamed,
    )


def _done_date(said: float | None, accepted_at: float, at: float) -> float:
    """Return the operator's date, between acceptance and now; now, if the date is far from both."""
    if said is None or not accepted_at - _SKEW <= said <= at + _SKEW:
        return at
    return min(max(said, accepted_at), at)


def _shown(state: int) -> int:
    """Return a state as a receipt has it: SKIPPED is of SMPP 5.0."""
    return MessageState.UNDELIVERABLE if state == MessageState.SKIPPED else state

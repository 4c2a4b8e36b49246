"""Which receipts a state makes due: pure."""

from __future__ import annotations

from smppbridge.model.message import Attempt
from smppbridge.model.report import Delivery, delivery_of
from smppbridge.smpp.constants import MessageState, RegisteredDelivery
from smppbridge.store.port import Settlement


def is_wanted(registered_delivery: int, state: int, final: bool) -> bool:
    """Tell whether a message asked to hear of *state* (SMPP 3.4, 5.2.17)."""
    if state == MessageState.SCHEDULED:  # of SMPP 5.0: never told
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
    early: tuple[str, str] | None = None,
    renamed: str | None = None,
    final: bool = False,
) -> Settlement:
    """Return the message's new state with its deliveries, kept *keep* seconds: one a segment.

    *final* makes a state final that is not by itself.
    """
    message = attempt.message
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
            state=_told(state),
            error=error,
            done_at=at,
            expires_at=at + keep,
            final=final,
        )
        for message_id, registered_delivery in asked
        if is_wanted(registered_delivery, state, final)
    ]
    return Settlement(attempt, state, error, at, final, source, deliveries, early, renamed)


def _told(state: int) -> int:
    """Return the state that a receipt tells: SKIPPED is of SMPP 5.0."""
    return MessageState.UNDELIVERABLE if state == MessageState.SKIPPED else state

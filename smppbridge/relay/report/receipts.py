"""receipts: the receipts that a state makes due; pure."""

from __future__ import annotations

from smppbridge.model.message import Attempt
from smppbridge.model.report import Delivery, delivery_of
from smppbridge.smpp.constants import MessageState, RegisteredDelivery
from smppbridge.store.port import Settlement


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
    early: tuple[str, str] | None = None,
    renamed: str | None = None,
    final: bool = False,
) -> Settlement:
    """Return a message's new state, and a delivery for each segment that asked for a receipt.

    A delivery is owed for *keep* seconds.  *final* makes any state final.
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
            state=_shown(state),
            error=error,
            done_at=at,
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
        early=early,
        renamed=renamed,
    )


def _shown(state: int) -> int:
    """Return a state as a receipt has it: SKIPPED is of SMPP 5.0."""
    return MessageState.UNDELIVERABLE if state == MessageState.SKIPPED else state

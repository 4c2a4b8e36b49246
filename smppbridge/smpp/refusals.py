"""The requests that a session refuses by itself: by which status, and whether the session ends."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from smppbridge.smpp.codec import Frame
from smppbridge.smpp.constants import CommandId, status_name
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.errors import PduError
from smppbridge.smpp.events import FaultyPdu
from smppbridge.smpp.matrix import BOUND, BOUND_AS, ENDS_IF_EARLY, State
from smppbridge.smpp.pdus import DECODE, Pdu, is_answered, refusal


@dataclass(frozen=True, slots=True)
class Unwanted:
    """A refused request: its event, its answer and, if the session ends by it, the reason.

    *answer* is None if the request is one that has no response.
    """

    event: FaultyPdu
    answer: Pdu | None
    end_reason: str


def malformed(error: PduError, state: State) -> Unwanted:
    """Refuse a request whose body cannot be read."""
    refused = _refused(error.command_id, error.status, error.sequence_number, error.why, state)
    refused.event.oddity = error.oddity
    return refused


def misplaced(frame: Frame, octets: bytes, state: State) -> Unwanted:
    """Refuse a request that the peer may not send in this state, or that SMPP 3.4 does not know."""
    command_id, status, number, start, end = frame
    if command_id not in DECODE:
        return _refused(command_id, Status.ESME_RINVCMDID, number, "unknown command_id", state)
    request: Pdu | int = command_id
    with suppress(PduError):  # where a request was sent matters more than its form
        request = DECODE[command_id](octets, start, end, status, number)
    again = state in BOUND and command_id in BOUND_AS
    refused = Status.ESME_RALYBND if again else Status.ESME_RINVBNDSTS
    return _refused(request, refused, number, f"not allowed in {state.name}", state)


def _refused(request: Pdu | int, status: int, number: int, why: str, state: State) -> Unwanted:
    command_id = request.command_id if isinstance(request, Pdu) else request
    answered = is_answered(command_id) or command_id not in DECODE
    early = state is State.OPEN and command_id in ENDS_IF_EARLY
    end_reason = ""
    if early or command_id == CommandId.OUTBIND:
        end_reason = f"{CommandId(command_id).name.lower()} refused with {status_name(status)}"
    answer = refusal(request, status, number) if answered else None
    return Unwanted(FaultyPdu(command_id, status, why), answer, end_reason)

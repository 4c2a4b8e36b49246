"""The meaning of a command_status of an upstream SMSC for a message."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, get_args

from smppbridge.model.outcome import Postponed, Refused
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.constants import status_name
from smppbridge.text.errors import BadUdh, TextError, TooLong

Meaning = Literal["later", "throttled", "provider", "message"]

MEANINGS: Mapping[int, Meaning] = MappingProxyType(
    {
        Status.ESME_RTHROTTLED: "throttled",
        Status.ESME_RMSGQFUL: "later",
        Status.ESME_RSYSERR: "later",
        Status.ESME_RX_T_APPN: "later",
        Status.ESME_RSERTYPUNAVAIL: "later",
        Status.ESME_RINVBNDSTS: "later",  # the session's fault, not the message's
        Status.ESME_RALYBND: "later",
        Status.ESME_RINVCMDID: "provider",
        Status.ESME_RBINDFAIL: "provider",
        Status.ESME_RINVPASWD: "provider",
        Status.ESME_RINVSYSID: "provider",
        Status.ESME_RINVSYSTYP: "provider",
        Status.ESME_RSERTYPUNAUTH: "provider",
        Status.ESME_RPROHIBITED: "provider",
        Status.ESME_RSERTYPDENIED: "provider",
    }
)
"""Any other status is the message's fault."""

_NUMBERS: Mapping[str | int, int] = {status.name: int(status) for status in Status}


def meanings(more: Mapping[str | int, Meaning]) -> dict[int, Meaning]:
    """Return all meanings, *more* by names or numbers of statuses; raises ValueError."""
    for meaning in more.values():
        if meaning not in get_args(Meaning):
            raise ValueError(f"statuses must mean one of {', '.join(get_args(Meaning))}")
    return {**MEANINGS, **{_number(status): meaning for status, meaning in more.items()}}


def refusal(status: int, known: Mapping[int, Meaning]) -> Refused | Postponed:
    """Return the outcome of a submit_sm that was answered with *status*, not ESME_ROK."""
    meaning, reason = known.get(status, "message"), status_name(status)
    if meaning in ("later", "throttled"):
        return Postponed(reason, whole_lane=meaning == "throttled")
    return Refused(reason, status, provider_fault=meaning == "provider")


def status_of(fault: TextError) -> Status:
    """Return the command_status of a text that no submit_sm can have."""
    if isinstance(fault, TooLong):
        return Status.ESME_RINVMSGLEN
    return Status.ESME_RINVESMCLASS if isinstance(fault, BadUdh) else Status.ESME_RINVDCS


def _number(status: str | int) -> int:
    try:
        number = _NUMBERS.get(status) or int(str(status), 0)
    except ValueError:
        number = 0
    if not 0 < number <= 0xFFFFFFFF:
        raise ValueError(f"statuses has {status}, which is no error's command_status")
    return number

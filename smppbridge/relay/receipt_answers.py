"""receipt_answers: which responses of an ESME end a delivery; pure."""

from __future__ import annotations

from smppbridge.smpp.constants import CommandStatus as Status

# Statuses about the session or the state of an ESME, not about the receipt.
_TEMPORARY = frozenset((Status.ESME_RINVBNDSTS, Status.ESME_RINVSYSID, Status.ESME_RINVPASWD))
# Statuses by which an ESME refuses a receipt for good.
_REFUSED_FOR_GOOD = frozenset(
    int(status)
    for status in Status
    if status in (Status.ESME_RX_P_APPN, Status.ESME_RX_R_APPN)
    or (status.name.startswith("ESME_RINV") and status not in _TEMPORARY)
)


def is_end(command_status: int, retried: frozenset[int] | None = None) -> bool:
    """Return whether the command_status of a response ends a delivery, well or badly.

    *retried* are the statuses that end no delivery, where the account names them.
    """
    if not command_status:
        return True
    if retried is not None:
        return command_status not in retried
    return command_status in _REFUSED_FOR_GOOD

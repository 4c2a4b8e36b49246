"""refusals: submissions that are refused at the door are counted, logged and noted.

Of an account and a reason the first refusal is logged, and then, a minute later, how many followed.
The notebook gets the first refusals of each minute with their addresses, and the others as a count:
one ESME that is throttled all day leaves room for all that is refused for another reason.
"""

from __future__ import annotations

from dataclasses import dataclass

from smppbridge.model.masking import masked
from smppbridge.model.notes import RefusedSubmission
from smppbridge.model.reasons import Reason
from smppbridge.relay.accept.fields import Refusal
from smppbridge.relay.accept.intake import Submitter
from smppbridge.relay.ports import Around
from smppbridge.smpp.constants import CommandStatus, status_name
from smppbridge.smpp.pdus import DataSm, SubmitSm, SubmitSmResp

MOST_A_MINUTE = 60  # of an account and a reason, with their addresses
_MINUTE = 60.0
_LONGEST = 64  # characters of an address or a detail
STORE_FAILED = Refusal(CommandStatus.ESME_RSYSERR, Reason.STORE_FAILED)
Addresses = tuple[bytes, bytes]
"""The source and the destination address of a submission, as they came."""
FORGOTTEN: Addresses = (b"", b"")
"""Of a submission that was accepted, and that the store failed to write."""


@dataclass(slots=True)
class _Counted:
    """The refusals of an account for a reason in the minute that began *since* (monotonic)."""

    since: float
    command_status: int
    count: int = 0


class RefusalLog:
    """Counts, logs and notes refusals; with *every* each refusal is logged.

    Only RefusalLog writes its counts.
    """

    def __init__(self, around: Around, *, every: bool = False) -> None:
        self._clock, self._meters, self._journal = around.clock, around.meters, around.journal
        self._notes, self._every = around.notes, every
        self._minutes: dict[tuple[str, Reason], _Counted] = {}

    def refuse(
        self, session: Submitter, number: int, refusal: Refusal, about: Addresses = FORGOTTEN
    ) -> None:
        """Answer a submit_sm, by its sequence_number, with a refusal; count the refusal."""
        if refusal.oddity is not None:
            session.odd(refusal.oddity)
        session.answer(SubmitSmResp(refusal.status, number))
        self.count(session.rights.account.system_id, about, refusal)

    def count(self, system_id: str, addresses: Addresses, refusal: Refusal) -> None:
        """Count a refused submission, log it or not, and note its addresses."""
        status, reason = refusal.status, refusal.reason
        self._meters.refused(system_id, status, reason.value)
        self._notes.reason(
            reason.value, system_id, detail=refusal.detail, first=False, others=False
        )
        minute = self._minutes.get((system_id, reason))
        if minute is None:
            minute = _Counted(self._clock.monotonic(), status)
            self._minutes[system_id, reason] = minute
        minute.count += 1
        if minute.count == 1 or self._every:
            self._log(system_id, refusal)
        if minute.count <= MOST_A_MINUTE:
            source, destination = map(_shown, addresses)
            at, detail = self._clock.wall(), refusal.detail[:_LONGEST]
            self._notes.refused(
                RefusedSubmission(
                    at, system_id, source, destination, int(status), reason.value, detail
                )
            )

    def tick(self) -> None:
        """End the minutes that are over: log and note the refusals that were only counted."""
        now, wall = self._clock.monotonic(), self._clock.wall()
        for key, minute in list(self._minutes.items()):
            if now < minute.since + _MINUTE:
                continue
            del self._minutes[key]
            system_id, reason = key
            if minute.count > 1 and not self._every:
                self._journal(
                    "submits_refused", system_id=system_id, reason=reason.value, count=minute.count
                )
            if (more := minute.count - MOST_A_MINUTE) > 0:
                self._notes.refused(
                    RefusedSubmission(
                        wall,
                        system_id,
                        "",
                        "",
                        int(minute.command_status),
                        reason.value,
                        count=more,
                    )
                )

    def _log(self, system_id: str, refusal: Refusal) -> None:
        self._journal(
            "submit_refused",
            system_id=system_id,
            command_status=status_name(refusal.status),
            reason=refusal.reason.value,
            detail=refusal.detail,
        )


def addresses_of(pdu: SubmitSm | DataSm) -> Addresses:
    """Return the addresses of a submission."""
    return pdu.source_addr, pdu.destination_addr


def _shown(addr: bytes) -> str:
    return masked(addr[:_LONGEST].decode("latin-1"))

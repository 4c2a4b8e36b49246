"""compose: a text that a person wrote is accepted as a submit_sm of an account would be.

judge (or refuse) -> place -> accept .disk. -> submit

No session waits for a response: whoever asked is told once the message is on disk.
"""

from __future__ import annotations

from smppbridge.model.identifiers import Identifiers
from smppbridge.model.message import Message
from smppbridge.model.reasons import Reason
from smppbridge.relay.accept.accept import Accept
from smppbridge.relay.accept.accepted_log import log_accepted
from smppbridge.relay.accept.composed import Composed, message_of
from smppbridge.relay.accept.fields import Refusal
from smppbridge.relay.accept.intake import Rights
from smppbridge.relay.accept.refusals import STORE_FAILED
from smppbridge.relay.lanes.lanes import Lanes
from smppbridge.relay.lanes.skipped import note_skipped
from smppbridge.relay.ports import Around, Journal
from smppbridge.relay.submit.submit import Submit
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.store.port import AcceptStore, Entry, StoreFailure


class Compose:
    """Accepts texts of people, by the routes, opt-outs, backlog and draining of Accept."""

    def __init__(
        self,
        accept: Accept,
        store: AcceptStore,
        lanes: Lanes,
        submit: Submit,
        *,
        identifiers: Identifiers,
        around: Around,
        log: Journal | None = None,
    ) -> None:
        self._accept, self._store, self._lanes, self._submit = accept, store, lanes, submit
        self._identifiers, self._around, self._log = identifiers, around, log

    def reserve(self) -> int:
        """Return the message_id of a message that is to be accepted."""
        return self._identifiers.take()

    def foresee(self, rights: Rights, composed: Composed) -> Message:
        """Return the message that `take` would accept, with its route; raises Refusal.

        Neither the throughput counts the message nor, but for quiet hours, a metric.
        """
        accept, wall = self._accept, self._around.clock.wall()
        if accept.room <= 0:
            raise Refusal(Status.ESME_RMSGQFUL, Reason.BACKLOG_FULL)
        if accept.draining:
            raise Refusal(Status.ESME_RSYSERR, Reason.STOPPING)
        message = message_of(rights.reader, composed, wall)
        accept.route(message)
        return message

    async def take(self, rights: Rights, composed: Composed, message_id: int) -> Message:
        """Accept a text as a message; return the message once it is on disk.  Raises Refusal."""
        around, system_id = self._around, rights.account.system_id
        try:
            message = self._judged(rights, composed)
        except Refusal as refusal:
            raise self._counted(system_id, composed, refusal) from None
        message.message_id = message_id
        entries = [Entry(message)]
        attempts = self._accept.place(entries)
        try:
            await self._store.accept(entries)
        except StoreFailure:
            self._lanes.give_back(attempts)
            raise self._counted(system_id, composed, STORE_FAILED) from None
        around.meters.accepted(system_id, 1)
        if self._log is not None:
            log_accepted(self._log, system_id, entries)
        if skipping := [attempt for attempt in attempts if attempt.hop]:
            note_skipped(around.notes, self._lanes, skipping)
        self._submit.take(attempts)
        return message

    def _judged(self, rights: Rights, composed: Composed) -> Message:
        message = self.foresee(rights, composed)
        if not rights.throughput.take(self._around.clock.monotonic()):
            raise Refusal(Status.ESME_RTHROTTLED, Reason.THROTTLED)
        return message

    def _counted(self, system_id: str, composed: Composed, refusal: Refusal) -> Refusal:
        """Count a refusal as that of a submit_sm; return the refusal."""
        addresses = composed.source.encode(), composed.destination.encode()
        self._accept.refused.count(system_id, addresses, refusal)
        return refusal

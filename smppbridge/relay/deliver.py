"""deliver: a delivery goes to any session of its account, until a session has acknowledged it.

owe -> ask (within the session's window) -> answered -> finish .disk.
                                         -> postponed .disk. -> again when due
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Protocol

from smppbridge.model.account import Account, Secret
from smppbridge.model.reasons import Reason
from smppbridge.model.report import Delivery
from smppbridge.relay.ports import Around
from smppbridge.relay.receipt_answers import is_end
from smppbridge.relay.receipt_pdus import DeliverPdu, ReceiptPdu, mo_pdu, receipt_pdu
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.errors import LocalError
from smppbridge.smpp.pdus import AlertNotification
from smppbridge.store.port import DeliverStore, StoreFailure

IN_MEMORY = 5_000  # deliveries of one account in memory; the others wait in the store alone
FEW, MANY = 500, 500  # below FEW, up to MANY are read back
DONE_AT_ONCE = 256
LOOKED_EVERY = 4  # ticks
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 600.0

_AS_BY_DEFAULT = receipt_pdu(Account(system_id="", password=Secret()))


class Receiver(Protocol):
    """A session that is bound as RX or TRX, or as TX if its account has receipts on any session."""

    interface_version: int  # the peer's

    def room(self) -> int:
        """Return how many more deliver_sm its window holds."""

    def ask(self, request: DeliverPdu, about: Delivery) -> None:
        """Put a request in line; `answered` or `unanswered` concludes the delivery *about*."""

    @property
    def alertable(self) -> bool:
        """Whether the session is bound as RX or TRX: an alert_notification goes to no other."""

    def notify(self, request: AlertNotification) -> None:
        """Put an alert_notification in line, which has no response."""

    def flush(self) -> None:
        """Write the requests that are in line."""


class Places(Protocol):
    """The bridges that share the store: which of them has receivers of an account."""

    def came(self, system_id: str) -> None:
        """Let the others know that an account has its first receiver here."""

    def went(self, system_id: str) -> None:
        """Let the others know that an account has no receiver here any more."""

    def owe(self, slot: int, system_id: str) -> None:
        """Let the bridge of a slot know that it holds a delivery."""


class Outbox:
    """The deliveries owed to one account; *depth* counts all of them, in memory or not.

    *spell* counts how often its last receiver was lost.  Only Deliver writes an outbox.
    """

    __slots__ = (
        "depth",
        "done",
        "held",
        "loading",
        "more",
        "receipt",
        "receivers",
        "retried",
        "spell",
        "system_id",
        "waiting",
    )

    def __init__(self, system_id: str) -> None:
        self.system_id = system_id
        self.depth, self.more, self.loading, self.spell = 0, True, False, 0
        self.waiting: deque[Delivery] = deque()
        self.done: list[tuple[Delivery, int]] = []
        self.held: set[tuple[int, int]] = set()
        self.receivers: list[Receiver] = []
        self.receipt: ReceiptPdu = _AS_BY_DEFAULT
        self.retried: frozenset[int] | None = None


class Deliver:
    """The outboxes of all accounts, and the only writer of outboxes and of deliveries once owed."""

    def __init__(self, store: DeliverStore, around: Around, places: Places | None = None) -> None:
        """Deliver what *store* owes; *places* are of a store that is not this bridge's alone."""
        self.outboxes: dict[str, Outbox] = {}
        self._places = places
        self._ticks = 0
        self._store, self._clock = store, around.clock
        self._spawn, self._meters, self._journal = around.spawn, around.meters, around.journal
        self._notes = around.notes

    def change(self, accounts: Mapping[str, Account]) -> None:
        """Write receipts by the settings of *accounts* from now on."""
        for system_id, account in accounts.items():
            outbox = self.outbox(system_id)
            outbox.receipt = receipt_pdu(account)
            outbox.retried = account.receipts.retry_on

    def restore(self, owed: Mapping[str, int]) -> None:
        """Count so many more deliveries in the store and not in memory, by system_id; or fewer."""
        for system_id, count in owed.items():
            self.outbox(system_id).depth += count

    # -- deliveries and sessions ----------------------------------------------------------------

    def outbox(self, system_id: str) -> Outbox:
        """Return an account's outbox."""
        found = self.outboxes.get(system_id)
        if found is None:
            found = self.outboxes[system_id] = Outbox(system_id)
        return found

    def owe(self, deliveries: Sequence[Delivery]) -> None:
        """Count deliveries that are in the store, and put them in line where there is room."""
        touched: dict[str, Outbox] = {}
        for delivery in deliveries:
            if delivery.held_by > 0 and self._places is not None:
                self._places.owe(delivery.held_by, delivery.system_id)
                continue
            outbox = touched[delivery.system_id] = self.outbox(delivery.system_id)
            if (delivery.message_id, delivery.state) in outbox.held:
                continue  # the delivery is in memory
            outbox.depth += 1
            parked = delivery.held_by or not outbox.receivers
            if parked or outbox.more or len(outbox.waiting) >= IN_MEMORY:
                outbox.more = True
            else:
                outbox.waiting.append(delivery)
                outbox.held.add((delivery.message_id, delivery.state))
        for outbox in touched.values():
            self._move(outbox)

    def adopt(self, deliveries: Sequence[Delivery]) -> None:
        """Hold deliveries that sessions await the responses of since before a restart."""
        for d in deliveries:
            self.outbox(d.system_id).held.add((d.message_id, d.state))

    def bound(self, system_id: str, receiver: Receiver) -> None:
        """Replay the deliveries owed to a receiver that was just bound, paced by its window."""
        outbox = self.outbox(system_id)
        outbox.receivers.append(receiver)
        if self._places is not None and len(outbox.receivers) == 1:
            self._places.came(system_id)
        self._move(outbox)

    def look(self, system_id: str) -> None:
        """Read back deliveries of an account: another bridge has made some."""
        outbox = self.outbox(system_id)
        outbox.more = True
        self._move(outbox)

    def go_on(self, system_id: str) -> None:
        """Send deliveries to a session that has room again."""
        self._move(self.outbox(system_id))

    def lost(self, system_id: str, receiver: Receiver, unanswered: Sequence[Delivery]) -> None:
        """Postpone the deliveries that a lost session has not answered."""
        outbox = self.outbox(system_id)
        was_last = outbox.receivers == [receiver]
        if receiver in outbox.receivers:
            outbox.receivers.remove(receiver)
        if unanswered:
            _forget_answers(unanswered)
            self._spawn(self._postpone(outbox, unanswered, first=0.0, most=FIRST_PAUSE))
        if outbox.receivers:
            self._move(outbox)
            return
        self._free(outbox, outbox.waiting)
        outbox.waiting.clear()
        outbox.more = True
        outbox.spell += 1
        if was_last and self._places is not None:
            self._places.went(system_id)

    def tick(self) -> None:
        """Read back the due deliveries; now and then also of accounts whose outbox counts none."""
        self._ticks += 1
        every = self._ticks % LOOKED_EVERY == 0
        for outbox in self.outboxes.values():
            wanted = outbox.receivers and (outbox.depth > 0 or every)
            if wanted and not outbox.loading and len(outbox.waiting) < FEW:
                outbox.loading = True
                self._spawn(self._load(outbox))

    # -- an outbox moves ---------------------------------------------------------------------------

    def _move(self, outbox: Outbox) -> None:
        while outbox.waiting:
            receiver, room = None, 0
            for each in outbox.receivers:
                if (free := each.room()) > room:
                    receiver, room = each, free
            if receiver is None:
                break
            for _ in range(min(room, len(outbox.waiting))):
                delivery = outbox.waiting.popleft()
                try:
                    request = request_of(delivery, receiver.interface_version, outbox)
                    receiver.ask(request, delivery)
                except (LocalError, ValueError) as error:  # one must not stop those behind it
                    self._give_up(outbox, delivery, error)
            receiver.flush()
        if outbox.more and outbox.receivers and not outbox.loading and len(outbox.waiting) < FEW:
            outbox.loading = True
            self._spawn(self._load(outbox))

    def _give_up(self, outbox: Outbox, delivery: Delivery, error: Exception) -> None:
        """End a delivery that cannot be written as a PDU; the log has why."""
        outbox.done.append((delivery, Status.ESME_RUNKNOWNERR))
        why, number = f"{type(error).__name__}: {error}", delivery.message_id
        self._journal(
            "delivery_unwritable", system_id=outbox.system_id, message_id=number, reason=why
        )

    async def _load(self, outbox: Outbox) -> None:
        spell = outbox.spell
        try:
            found = await self._store.owed(outbox.system_id, self._clock.wall(), MANY, outbox.held)
        except StoreFailure:
            return
        finally:
            outbox.loading = False
        if not outbox.receivers:
            return
        if outbox.spell != spell:  # handed on meanwhile: they may be another bridge's by now
            self._move(outbox)
            return
        outbox.more = len(found) == MANY
        fresh = [d for d in found if (d.message_id, d.state) not in outbox.held]
        outbox.waiting.extend(fresh)
        outbox.held.update((d.message_id, d.state) for d in fresh)
        if self._places is not None:  # other bridges have made some of them
            outbox.depth = max(outbox.depth, len(outbox.held))
        if fresh:
            self._move(outbox)

    # -- a delivery ends ------------------------------------------------------------------------

    def answered(self, system_id: str, answers: Sequence[tuple[Delivery, int]]) -> None:
        """Conclude deliveries by the command_status of their responses; 0 is ESME_ROK."""
        outbox = self.outbox(system_id)
        done, again = [], []
        for d, status in answers:
            if is_end(status, outbox.retried):
                done.append((d, status))
            else:
                d.postponed_by = status
                again.append(d)
        outbox.done += done
        if len(outbox.done) >= DONE_AT_ONCE:
            self.flush()
        if again:
            self._spawn(self._postpone(outbox, again))
        self._move(outbox)

    def flush(self) -> None:
        """Record the acknowledged deliveries; called many times a second.

        An acknowledged receipt may come twice, so the record can wait: a list saves commits.
        """
        for outbox in self.outboxes.values():
            if outbox.done:
                done, outbox.done = outbox.done, []
                self._spawn(self._finish(outbox, done))

    def unanswered(self, system_id: str, deliveries: Sequence[Delivery]) -> None:
        """Postpone deliveries whose answers were not received in time."""
        _forget_answers(deliveries)
        self._spawn(self._postpone(self.outbox(system_id), deliveries))

    async def _finish(self, outbox: Outbox, done: Sequence[tuple[Delivery, int]]) -> None:
        try:
            await self._store.finish(done, self._clock.wall())
        except StoreFailure:
            outbox.done += done  # and again at the next flush
            return
        outbox.held.difference_update([(d.message_id, d.state) for d, _ in done])
        outbox.depth -= len(done)
        refused = sum(1 for _, status in done if status)
        if refused:
            self._meters.delivered(outbox.system_id, "refused", refused)
        if len(done) > refused:
            self._meters.delivered(outbox.system_id, "delivered", len(done) - refused)

    async def _postpone(
        self,
        outbox: Outbox,
        again: Sequence[Delivery],
        *,
        first: float = FIRST_PAUSE,
        most: float = LONGEST_PAUSE,
    ) -> None:
        now = self._clock.wall()
        for delivery in again:
            pause = min(most, FIRST_PAUSE * 2.0 ** min(delivery.attempts, 10))
            delivery.due = now + (pause if delivery.attempts else first)
            delivery.attempts += 1
        self._meters.delivered(outbox.system_id, "postponed", len(again))
        try:
            await self._store.postpone(again)
        except StoreFailure:
            outbox.more = True
        self._free(outbox, again)

    def _free(self, outbox: Outbox, deliveries: Sequence[Delivery]) -> None:
        outbox.held.difference_update([(d.message_id, d.state) for d in deliveries])

    async def lapse(self) -> None:
        """Give up deliveries that no session acknowledged in time."""
        try:
            lapsed = await self._store.lapse(self._clock.wall(), MANY)
        except StoreFailure:
            return
        for system_id, count in lapsed.items():
            self.outbox(system_id).depth -= count
            self._meters.delivered(system_id, "expired", count)
            self._notes.reason(Reason.UNACKNOWLEDGED.value, system_id, count)


def _forget_answers(unanswered: Sequence[Delivery]) -> None:
    """Forget earlier responses of deliveries whose last request was not answered."""
    for delivery in unanswered:
        delivery.postponed_by = 0


def request_of(d: Delivery, interface_version: int, outbox: Outbox) -> DeliverPdu:
    """Return the request of a delivery: a deliver_sm of an MO segment, or an account's receipt."""
    if d.content is not None:
        return mo_pdu(d, d.content)
    return outbox.receipt(d, interface_version)

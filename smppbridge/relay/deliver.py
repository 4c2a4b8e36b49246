"""deliver: to any session of the account that can take it, until one has acknowledged it.

owe -> ask (within the session's window) -> answered -> finish .disk.
                                         -> postponed .disk. -> again when due
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from struct import pack
from typing import Protocol

from smppbridge.model.account import Account
from smppbridge.model.report import Delivery, MoContent
from smppbridge.relay.ports import Around
from smppbridge.smpp import receipt, tlvs
from smppbridge.smpp.constants import INTERFACE_VERSION, EsmClass, Tag
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.pdus import DeliverSm
from smppbridge.smpp.tlvs import Tlv
from smppbridge.store.port import DeliverStore, StoreFailure

IN_MEMORY = (
    5_000  # deliveries of one account that wait in memory; the rest waits in the store alone
)
FEW, MANY = 500, 500  # below FEW, up to MANY are read back
DONE_AT_ONCE = 256
LOOKED_EVERY = 4  # ticks
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 600.0
_GSM = 3  # the network of a network_error_code (SMPP 3.4, 5.3.2.31)
_SHORT_MESSAGE = 254  # octets, at most (SMPP 3.4, 5.2.22)

# What ends a delivery: the ESME has it, or will never take it.
_REFUSED_FOR_GOOD = frozenset((Status.ESME_RX_P_APPN, Status.ESME_RX_R_APPN)) | frozenset(
    status for status in Status if status.name.startswith("ESME_RINV")
)
# What an ESME says about its session or its state, not about this receipt.
_TEMPORARY = frozenset((Status.ESME_RINVBNDSTS, Status.ESME_RINVSYSID, Status.ESME_RINVPASWD))


class Receiver(Protocol):
    """A session that takes deliver_sm."""

    @property
    def interface_version(self) -> int:
        """Return the peer's."""

    def room(self) -> int:
        """Return how many more deliver_sm its window holds."""

    def ask(self, request: DeliverSm, about: Delivery) -> None:
        """Send one; its answer comes to `answered` or `unanswered`."""

    def flush(self) -> None:
        """Write what was asked."""


class Outbox:
    """The deliveries owed to one account; *depth* counts those in memory or not."""

    __slots__ = (
        "depth",
        "done",
        "held",
        "loading",
        "more",
        "receivers",
        "system_id",
        "utc_offset",
        "waiting",
        "with_text",
    )

    def __init__(self, system_id: str) -> None:
        self.system_id = system_id
        self.depth, self.more, self.loading = 0, True, False
        self.waiting: deque[Delivery] = deque()
        self.done: list[tuple[Delivery, int]] = []
        self.held: set[tuple[int, int]] = set()
        self.receivers: list[Receiver] = []
        self.utc_offset, self.with_text = 0, True


class Deliver:
    """The outboxes of all accounts.  Nobody else writes them."""

    def __init__(
        self,
        store: DeliverStore,
        around: Around,
    ) -> None:
        self.outboxes: dict[str, Outbox] = {}
        self._ticks = 0
        self._store, self._clock = store, around.clock
        self._spawn, self._meters = around.spawn, around.meters

    def change(self, accounts: Mapping[str, Account]) -> None:
        """Write receipts as *accounts* want them from now on."""
        for system_id, account in accounts.items():
            outbox = self.outbox(system_id)
            outbox.utc_offset = int(account.receipt_utc_offset)
            outbox.with_text = account.receipt_text

    def restore(self, owed: Mapping[str, int]) -> None:
        """Count the deliveries that the store held, by system_id."""
        for system_id, count in owed.items():
            self.outbox(system_id).depth = count

    # -- deliveries and sessions ----------------------------------------------------------------

    def outbox(self, system_id: str) -> Outbox:
        """Return an account's outbox."""
        found = self.outboxes.get(system_id)
        if found is None:
            found = self.outboxes[system_id] = Outbox(system_id)
        return found

    def owe(self, deliveries: Sequence[Delivery]) -> None:
        """Take deliveries that are in the store."""
        touched: dict[str, Outbox] = {}
        for delivery in deliveries:
            outbox = touched[delivery.system_id] = self.outbox(delivery.system_id)
            if (delivery.message_id, delivery.state) in outbox.held:
                continue  # it is on its way
            outbox.depth += 1
            if outbox.more or not outbox.receivers or len(outbox.waiting) >= IN_MEMORY:
                outbox.more = True
            else:
                outbox.waiting.append(delivery)
                outbox.held.add((delivery.message_id, delivery.state))
        for outbox in touched.values():
            self._move(outbox)

    def bound(self, system_id: str, receiver: Receiver) -> None:
        """Replay what is owed to a session just bound as RX or TRX, paced by its window."""
        outbox = self.outbox(system_id)
        outbox.receivers.append(receiver)
        self._move(outbox)

    def go_on(self, system_id: str) -> None:
        """Note that a session has room again."""
        self._move(self.outbox(system_id))

    def lost(self, system_id: str, receiver: Receiver, unanswered: Sequence[Delivery]) -> None:
        """Take back what a session that is gone had not answered."""
        outbox = self.outbox(system_id)
        if receiver in outbox.receivers:
            outbox.receivers.remove(receiver)
        if unanswered:
            self._spawn(self._postpone(outbox, unanswered, first=0.0, most=FIRST_PAUSE))
        if outbox.receivers:
            self._move(outbox)
            return
        self._free(outbox, outbox.waiting)
        outbox.waiting.clear()
        outbox.more = True

    def tick(self) -> None:
        """Read back what has become due; now and then also where nothing is known to be owed."""
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
            receiver = max(outbox.receivers, key=_room, default=None)
            if receiver is None or (room := receiver.room()) <= 0:
                break
            for _ in range(min(room, len(outbox.waiting))):
                delivery = outbox.waiting.popleft()
                receiver.ask(deliver_sm(delivery, receiver.interface_version, outbox), delivery)
            receiver.flush()
        if outbox.more and outbox.receivers and not outbox.loading and len(outbox.waiting) < FEW:
            outbox.loading = True
            self._spawn(self._load(outbox))

    async def _load(self, outbox: Outbox) -> None:
        try:
            found = await self._store.owed(outbox.system_id, self._clock.wall(), MANY, outbox.held)
        except StoreFailure:
            return
        finally:
            outbox.loading = False
        if not outbox.receivers:
            return
        outbox.more = len(found) == MANY
        fresh = [d for d in found if (d.message_id, d.state) not in outbox.held]
        outbox.waiting.extend(fresh)
        outbox.held.update((d.message_id, d.state) for d in fresh)
        if fresh:
            self._move(outbox)

    # -- a delivery ends ------------------------------------------------------------------------

    def answered(self, system_id: str, answers: Sequence[tuple[Delivery, int]]) -> None:
        """Take command_status of deliver_sm_resp; 0 is ESME_ROK."""
        done = [(d, status) for d, status in answers if is_end(status)]
        again = [d for d, status in answers if not is_end(status)]
        outbox = self.outbox(system_id)
        outbox.done += done
        if len(outbox.done) >= DONE_AT_ONCE:
            self.flush()
        if again:
            self._spawn(self._postpone(outbox, again))
        self._move(outbox)

    def flush(self) -> None:
        """Write down what was acknowledged; called many times a second.

        It can wait that long, for an acknowledged receipt may come twice, and saves a commit each.
        """
        for outbox in self.outboxes.values():
            if outbox.done:
                done, outbox.done = outbox.done, []
                self._spawn(self._finish(outbox, done))

    def unanswered(self, system_id: str, deliveries: Sequence[Delivery]) -> None:
        """Take back deliveries whose answer did not come in time."""
        self._spawn(self._postpone(self.outbox(system_id), deliveries))

    async def _finish(self, outbox: Outbox, done: Sequence[tuple[Delivery, int]]) -> None:
        try:
            await self._store.finish(done, self._clock.wall())
        except StoreFailure:
            outbox.done += done  # and again at the next flush
            return
        self._free(outbox, [d for d, _ in done])
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
        """Give up deliveries that nobody took in time."""
        try:
            lapsed = await self._store.lapse(self._clock.wall(), MANY)
        except StoreFailure:
            return
        for system_id, count in lapsed.items():
            self.outbox(system_id).depth -= count
            self._meters.delivered(system_id, "expired", count)


def is_end(command_status: int) -> bool:
    """Tell whether a deliver_sm_resp ends a delivery, well or badly."""
    if command_status in _TEMPORARY:
        return False
    return command_status == Status.ESME_ROK or command_status in _REFUSED_FOR_GOOD


def deliver_sm(d: Delivery, interface_version: int, outbox: Outbox) -> DeliverSm:
    """Return what a delivery owes: an MO segment, or a receipt, its addresses swapped."""
    if d.content is not None:
        return _from_phone(d, d.content)
    message_id = b"%d" % d.message_id
    text = receipt.receipt_text(
        message_id,
        d.submitted_at,
        d.done_at,
        d.state,
        error=d.error,
        text=d.text if outbox.with_text else "",
        utc_offset=outbox.utc_offset,
    )
    tagged: tuple[Tlv, ...] = ()
    if interface_version >= INTERFACE_VERSION:
        code = pack(">BH", _GSM, min(d.error, 0xFFFF)) if d.error > 0 else None
        tagged = receipt.receipt_tlvs(message_id, d.state, code)
    source, destination = d.destination, d.source
    return DeliverSm(
        service_type=d.service_type.encode("latin-1"),
        source_addr_ton=source.ton,
        source_addr_npi=source.npi,
        source_addr=source.addr.encode("ascii"),
        dest_addr_ton=destination.ton,
        dest_addr_npi=destination.npi,
        destination_addr=destination.addr.encode("ascii"),
        esm_class=EsmClass.RECEIPT if d.final else EsmClass.INTERMEDIATE,
        short_message=text,
        tlvs=tagged,
    )


def _from_phone(d: Delivery, content: MoContent) -> DeliverSm:
    """Return a segment of an MO message, as it is."""
    fits = len(content.octets) <= _SHORT_MESSAGE
    return DeliverSm(
        source_addr_ton=d.source.ton,
        source_addr_npi=d.source.npi,
        source_addr=d.source.addr.encode("ascii"),
        dest_addr_ton=d.destination.ton,
        dest_addr_npi=d.destination.npi,
        destination_addr=d.destination.addr.encode("ascii"),
        esm_class=content.esm_class,
        data_coding=content.data_coding,
        short_message=content.octets if fits else b"",
        tlvs=() if fits else (tlvs.make_octets(Tag.MESSAGE_PAYLOAD, content.octets),),
    )


def _room(receiver: Receiver) -> int:
    return receiver.room()

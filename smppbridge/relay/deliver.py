"""deliver: to any session of the account that can take it, until one has acknowledged it.

owe -> ask (within the session's window) -> answered -> finish .disk.
                                         -> postponed .disk. -> again when due
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from struct import pack
from typing import Any, Protocol

from smppbridge.model.report import Delivery, MoContent
from smppbridge.relay.ports import Clock, Meters
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


class Line:
    """The deliveries owed to one account; *depth* counts those in memory or not."""

    __slots__ = (
        "depth",
        "done",
        "held",
        "loading",
        "more",
        "receivers",
        "utc_offset",
        "waiting",
        "with_text",
    )

    def __init__(self) -> None:
        self.depth, self.more, self.loading = 0, True, False
        self.waiting: deque[Delivery] = deque()
        self.done: list[tuple[Delivery, int]] = []
        self.held: set[tuple[int, int]] = set()
        self.receivers: list[Receiver] = []
        self.utc_offset, self.with_text = 0, True


class Deliver:
    """All accounts' lines."""

    def __init__(
        self,
        store: DeliverStore,
        *,
        clock: Clock,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        meters: Meters,
    ) -> None:
        self.lines: dict[str, Line] = {}
        self._ticks = 0
        self._store, self._clock, self._spawn, self._meters = store, clock, spawn, meters

    # -- what comes in --------------------------------------------------------------------------

    def line(self, system_id: str) -> Line:
        """Return an account's line."""
        found = self.lines.get(system_id)
        if found is None:
            found = self.lines[system_id] = Line()
        return found

    def owe(self, deliveries: Sequence[Delivery]) -> None:
        """Take deliveries that are in the store."""
        touched: dict[str, Line] = {}
        for delivery in deliveries:
            line = touched[delivery.system_id] = self.line(delivery.system_id)
            if (delivery.message_id, delivery.state) in line.held:
                continue  # it is on its way
            line.depth += 1
            if line.more or not line.receivers or len(line.waiting) >= IN_MEMORY:
                line.more = True
            else:
                line.waiting.append(delivery)
                line.held.add((delivery.message_id, delivery.state))
        for system_id, line in touched.items():
            self._move(system_id, line)

    def bound(self, system_id: str, receiver: Receiver) -> None:
        """Replay what is owed to a session just bound as RX or TRX, paced by its window."""
        line = self.line(system_id)
        line.receivers.append(receiver)
        self._move(system_id, line)

    def go_on(self, system_id: str) -> None:
        """Note that a session has room again."""
        self._move(system_id, self.line(system_id))

    def lost(self, system_id: str, receiver: Receiver, unanswered: Sequence[Delivery]) -> None:
        """Take back what a session that is gone had not answered."""
        line = self.line(system_id)
        if receiver in line.receivers:
            line.receivers.remove(receiver)
        if unanswered:
            self._spawn(self._postpone(system_id, line, unanswered, first=0.0, most=FIRST_PAUSE))
        if line.receivers:
            self._move(system_id, line)
            return
        self._free(line, line.waiting)
        line.waiting.clear()
        line.more = True

    def tick(self) -> None:
        """Read back what has become due; now and then also where nothing is known to be owed."""
        self._ticks += 1
        every = self._ticks % LOOKED_EVERY == 0
        for system_id, line in self.lines.items():
            wanted = line.receivers and (line.depth > 0 or every)
            if wanted and not line.loading and len(line.waiting) < FEW:
                line.loading = True
                self._spawn(self._load(system_id, line))

    # -- a line moves ---------------------------------------------------------------------------

    def _move(self, system_id: str, line: Line) -> None:
        while line.waiting:
            receiver = max(line.receivers, key=_room, default=None)
            if receiver is None or (room := receiver.room()) <= 0:
                break
            for _ in range(min(room, len(line.waiting))):
                delivery = line.waiting.popleft()
                receiver.ask(deliver_sm(delivery, receiver.interface_version, line), delivery)
            receiver.flush()
        if line.more and line.receivers and not line.loading and len(line.waiting) < FEW:
            line.loading = True
            self._spawn(self._load(system_id, line))

    async def _load(self, system_id: str, line: Line) -> None:
        try:
            found = await self._store.owed(system_id, self._clock.wall(), MANY, line.held)
        except StoreFailure:
            return
        finally:
            line.loading = False
        if not line.receivers:
            return
        line.more = len(found) == MANY
        fresh = [d for d in found if (d.message_id, d.state) not in line.held]
        line.waiting.extend(fresh)
        line.held.update((d.message_id, d.state) for d in fresh)
        if fresh:
            self._move(system_id, line)

    # -- a delivery ends ------------------------------------------------------------------------

    def answered(self, system_id: str, answers: Sequence[tuple[Delivery, int]]) -> None:
        """Take command_status of deliver_sm_resp; 0 is ESME_ROK."""
        done = [(d, status) for d, status in answers if is_end(status)]
        again = [d for d, status in answers if not is_end(status)]
        line = self.line(system_id)
        line.done += done
        if len(line.done) >= DONE_AT_ONCE:
            self.flush()
        if again:
            self._spawn(self._postpone(system_id, line, again))
        self._move(system_id, line)

    def flush(self) -> None:
        """Write down what was acknowledged; called many times a second.

        It can wait that long, for an acknowledged receipt may come twice, and saves a commit each.
        """
        for system_id, line in self.lines.items():
            if line.done:
                done, line.done = line.done, []
                self._spawn(self._finish(system_id, line, done))

    def unanswered(self, system_id: str, deliveries: Sequence[Delivery]) -> None:
        """Take back deliveries whose answer did not come in time."""
        self._spawn(self._postpone(system_id, self.line(system_id), deliveries))

    async def _finish(
        self, system_id: str, line: Line, done: Sequence[tuple[Delivery, int]]
    ) -> None:
        try:
            await self._store.finish(done, self._clock.wall())
        except StoreFailure:
            line.done += done  # and again at the next flush
            return
        self._free(line, [d for d, _ in done])
        line.depth -= len(done)
        refused = sum(1 for _, status in done if status)
        if refused:
            self._meters.delivered(system_id, "refused", refused)
        if len(done) > refused:
            self._meters.delivered(system_id, "delivered", len(done) - refused)

    async def _postpone(
        self,
        system_id: str,
        line: Line,
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
        self._meters.delivered(system_id, "postponed", len(again))
        try:
            await self._store.postpone(again)
        except StoreFailure:
            line.more = True
        self._free(line, again)

    def _free(self, line: Line, deliveries: Sequence[Delivery]) -> None:
        line.held.difference_update([(d.message_id, d.state) for d in deliveries])

    async def lapse(self) -> None:
        """Give up deliveries that nobody took in time."""
        try:
            lapsed = await self._store.lapse(self._clock.wall(), MANY)
        except StoreFailure:
            return
        for system_id, count in lapsed.items():
            self.line(system_id).depth -= count
            self._meters.delivered(system_id, "expired", count)


def is_end(command_status: int) -> bool:
    """Tell whether a deliver_sm_resp ends a delivery, well or badly."""
    if command_status in _TEMPORARY:
        return False
    return command_status == Status.ESME_ROK or command_status in _REFUSED_FOR_GOOD


def deliver_sm(d: Delivery, interface_version: int, line: Line) -> DeliverSm:
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
        text=d.text if line.with_text else "",
        utc_offset=line.utc_offset,
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

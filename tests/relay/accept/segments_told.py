"""Segments that tests hand to a Gather, and the message_ids that it tells of."""

from __future__ import annotations

from collections.abc import Sequence

from smppbridge.model.address import Address
from smppbridge.model.message import GatheringKey, Segment
from smppbridge.relay.accept.gather import Gather, Placed
from smppbridge.relay.accept.series import (
    AccountRoom,
    in_order,
)
from smppbridge.smpp.constants import CommandStatus as Status
from tests.relay.fakes import NOW, segment


class Bind:
    """A session: only its identity matters."""


ONE, TWO = Bind(), Bind()
BEFORE = -1.0  # UNIX seconds: no segment has expired


def key_of(
    total: int = 2, reference: int = 7, source: str = "BANK", system_id: str = "bank"
) -> GatheringKey:
    return GatheringKey(
        system_id, Address(source, 5, 0), Address("243810000001", 1, 1), "udh8", reference, total
    )


def part(message_id: int, number: int, octets: bytes = b"x", at: float = 0.0) -> Segment:
    return segment(message_id, number, octets=octets, received_at=NOW + at)


def put(
    gather: Gather, key: GatheringKey, made: Segment, at: float = 0.0, session: object = ONE
) -> Placed:
    """Receive a segment that has a place."""
    placed = gather.receive(key, made, session, at)
    assert placed.refusal is None
    return placed


def status(placed: Placed) -> int:
    assert placed.refusal is not None
    return placed.refusal.status


class Told:
    """Receives segments by name: the message's letter and the segment's number, as in A1.

    A name is answered with "new", with the name of the segment that it repeats, with the names of
    the message that it completes, or with "no"; *ended* are the names of messages that ended.
    """

    def __init__(self, total: int = 2, gather: Gather | None = None) -> None:
        self.gather, self.key, self.now = gather or Gather(), key_of(total), 100.0
        self.names: dict[int, str] = {}
        self.ended: list[str] = []

    def __call__(self, name: str, session: object = ONE, octets: bytes = b"") -> str:
        message_id = len(self.names) + 1
        self.names[message_id] = name
        made = part(message_id, int(name[1:]), octets or name.encode())
        placed = self.gather.receive(self.key, made, session, self.now)
        self.ended += [self._named(in_order(each)) for each in placed.ended]
        if placed.refusal is not None:
            assert placed.refusal.status == Status.ESME_RSUBMITFAIL
            return "no"
        if placed.segment is not made:
            return f"={placed.segment.message_id}"
        return self._named(placed.whole) or "new"

    @property
    def room(self) -> AccountRoom:
        return self.gather._rooms[self.key.system_id]

    def all(self, *names: str, session: object = ONE) -> list[str]:
        return [self(name, session) for name in names]

    def expire(self, timeout: float = 300.0) -> list[str]:
        late = self.gather.expired(self.now, {"bank": timeout}, BEFORE)
        return [self._named(in_order(each)) for each in late]

    def _named(self, whole: Sequence[Segment]) -> str:
        return " ".join(self.names[each.message_id] for each in whole)

"""The slot that a bridge has in a database, for as long as it has it."""

from __future__ import annotations

from dataclasses import dataclass


class Holders(dict[str, int]):
    """The slots of the bridges that deliver, by account; *slot* is this bridge's own.

    Whoever changes an entry does so in the reactor thread.
    """

    slot = 0


@dataclass(slots=True)
class Tenure:
    """A bridge's slot, epoch and last transaction, and its shards: its own and adopted ones.

    Only the store thread writes its fields, once the store is open.
    """

    name: str
    slot: int
    epoch: int
    txn: int
    shards: tuple[int, ...]

    def fence(self) -> list[bytes]:
        """Count a transaction, and return the parameters of its fence."""
        self.txn += 1
        return [b"%d" % self.txn, b"%d" % self.slot, b"%d" % self.epoch]

"""whereabouts: the nodes at which a phone's dialogue may be open or begin; pure.

Every node ranks the nodes that have a receiver of the account in the same order for the same phone
(rendezvous hashing): all requests of a dialogue reach one node, and no node tells another.  For
some time after a node came or went, the nodes that were first before that are asked too: a dialogue
stays where it began.
"""

from __future__ import annotations

from collections.abc import Collection
from hashlib import blake2b
from typing import NamedTuple


class Stop(NamedTuple):
    """A node that a request goes to; *begins*: a dialogue that is not open there begins there."""

    slot: int
    begins: bool


class Whereabouts:
    """The nodes with receivers of accounts, by slot, and when these nodes came and went.

    Only `see` and `forget` write it.  Times are monotonic seconds.
    """

    def __init__(self) -> None:
        self._came: dict[str, dict[int, float]] = {}
        self._went: dict[str, dict[int, float]] = {}

    def see(self, system_id: str, slots: Collection[int], now: float) -> None:
        """Note which nodes have receivers of an account."""
        came = self._came.setdefault(system_id, {})
        went = self._went.setdefault(system_id, {})
        for slot in came.keys() - slots:
            del came[slot]
            went[slot] = now
        for slot in slots:
            came.setdefault(slot, now)
            went.pop(slot, None)

    def forget(self, system_ids: Collection[str]) -> None:
        """Forget all accounts but these."""
        for known in (self._came, self._went):
            for system_id in known.keys() - system_ids:
                del known[system_id]

    def stops(
        self, system_id: str, msisdn: str, since: float, reachable: Collection[int]
    ) -> list[Stop]:
        """Return the nodes that a request goes to, one after the other until one has its dialogue.

        Dialogues are open that began after *since*; nodes that are not *reachable* are left out.
        """
        came = self._came.get(system_id, {})
        recent = [slot for slot, at in self._went.get(system_id, {}).items() if at >= since]
        ranked = sorted({*came, *recent} & {*reachable}, key=lambda slot: _weight(msisdn, slot))
        having: list[Stop] = []
        for slot in ranked:
            having.append(Stop(slot, begins=False))
            if came.get(slot, since) < since:  # it has been the first for longer than a dialogue
                break
        beginning = [Stop(slot, begins=True) for slot in ranked if slot in came]
        if len(having) == 1 and beginning and having[0].slot == beginning[0].slot:
            return beginning
        return having + beginning


def _weight(msisdn: str, slot: int) -> bytes:
    return blake2b(f"{msisdn}/{slot}".encode("utf-8", "replace"), digest_size=8).digest()

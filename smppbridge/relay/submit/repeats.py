"""repeats: requests whose outcome is Uncertain, begun once more: unchanged and under their keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from smppbridge.model.message import Attempt
from smppbridge.model.outcome import Outcome, Uncertain
from smppbridge.relay.lanes.batch import again
from smppbridge.relay.lanes.lane import Lane
from smppbridge.relay.ports import Clock
from smppbridge.relay.submit.backlog import Backlog
from smppbridge.store.port import StoreFailure, SubmitStore

_INCOMPLETE = Uncertain("another bridge has messages of its request")
Decide = Callable[[Iterable[tuple[Attempt, Outcome, bool]]], None]


class Repeats:
    """Begins requests again; *decide* writes the verdicts on attempts that may not leave again."""

    def __init__(self, store: SubmitStore, backlog: Backlog, clock: Clock, decide: Decide) -> None:
        self._store, self._backlog = store, backlog
        self._clock, self._decide = clock, decide

    async def begin(self, lane: Lane, names: Sequence[str]) -> set[str]:
        """Put requests among those of a lane that are ready to leave.

        Returns the names of requests that cannot be repeated unchanged: one of their attempts is
        gone, or waits.  Raises StoreFailure.
        """
        most = lane.may_repeat(self._clock.monotonic())
        if most <= 0:
            return set()  # the attempts stay due
        found = await self._store.batches(names[:most])
        batches = {name: again(name, members) for name, members in found.items()}
        whole = [batch for batch in batches.values() if batch is not None and batch.open]
        whole = await self._backlog.put_off(whole)
        unsure = [attempt for batch in whole for attempt in batch.undecided]
        for attempt in unsure:
            attempt.number += 1
        lane.repeating |= (repeating := {batch.name for batch in whole})
        try:
            begun = await self._store.begin(unsure)
        except StoreFailure:
            lane.repeating -= repeating
            raise
        if len(begun) < len(unsure):
            ours = set(map(id, begun))
            whole = [batch for batch in whole if ours.issuperset(map(id, batch.undecided))]
            lane.repeating -= repeating - {batch.name for batch in whole}
            left = ours.difference(id(a) for batch in whole for a in batch.undecided)
            self._decide([(a, _INCOMPLETE, True) for a in begun if id(a) in left])
        lane.repeat(whole)
        return {name for name, batch in batches.items() if batch is None}

"""errands: acts that the bridges of one database have each other carry out, and their answers.

An errand is a row: it is on disk before its bridge is notified, and is carried out once or, if its
bridge does not take it up in time, never.  A notification may be lost: rows are looked at every
second.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred

from smppbridge.relay.others import FarAnswers
from smppbridge.service.nodes.between import LOOKED_EVERY
from smppbridge.service.nodes.one_at_a_time import OneAtATime
from smppbridge.store.port import StoreFailure
from smppbridge.store.postgres.errands import TAKEN_AT_ONCE, Errand, SentErrand

if TYPE_CHECKING:
    from smppbridge.service.bridge import Bridge
    from smppbridge.service.nodes.between import Notify
    from smppbridge.store.postgres.store import PostgresStore

Every = Callable[[float, Callable[[], None]], None]
"""Has a function called each so many seconds."""
Act = Callable[[Mapping[str, Any]], Awaitable[Any]]
"""Carries an errand out; returns its answer as JSON may have it."""


@dataclass(slots=True, eq=False)
class _Awaited:
    """Errands that are waited for: those without an answer, the answers, and whoever waits."""

    left: dict[int, SentErrand]
    done: Deferred[None] = field(default_factory=Deferred)
    answers: dict[str, Any] = field(default_factory=dict)

    def take(self, answers: Mapping[int, str]) -> None:
        """Take answers by the numbers of their errands."""
        for number, answer in answers.items():
            sent = self.left.pop(number, None)
            if sent is not None:
                self.answers[sent.name] = json.loads(answer)
        if not self.left and not self.done.called:
            self.done.callback(None)


class Errands:
    """The OtherBridges of a bridge that shares its store.

    *alone_now* is whether no other bridge runs; *notify* is as Between has it.  Only its own
    methods write its fields, in the reactor thread.
    """

    def __init__(self, store: PostgresStore, alone_now: Callable[[], bool], notify: Notify) -> None:
        self._rows, self._alone_now, self._notify = store.errands, alone_now, notify
        self._acts: Mapping[str, Act] = {}
        self._awaited: dict[_Awaited, None] = {}
        self._bridge: Bridge
        self._taking, self._reading = OneAtATime(self._take), OneAtATime(self._read)

    def start(self, bridge: Bridge, acts: Mapping[str, Act], every: Every) -> None:
        """Carry out the errands of others from now on, by *acts*."""
        self._bridge, self._acts = bridge, acts
        every(LOOKED_EVERY, self._look)

    def _look(self) -> None:
        """Look for errands and for answers."""
        self._bridge.spawn(self._taking.take())
        if self._awaited:
            self._bridge.spawn(self._reading.take())

    def told(self, kind: str) -> bool:
        """Go by a notification; return whether it is about errands."""
        if kind == "errand":
            self._bridge.spawn(self._taking.take())
        elif kind == "answer":
            self._bridge.spawn(self._reading.take())
        else:
            return False
        return True

    # -- ours -----------------------------------------------------------------------------------

    @property
    def alone(self) -> bool:
        """Whether no other bridge runs."""
        return self._alone_now()

    async def ask(
        self, shards: Collection[int] | None, act: str, body: Mapping[str, Any], seconds: float
    ) -> FarAnswers:
        """Have an act carried out by the owners of *shards*, or by all others (None).

        Waits *seconds* at most.  Raises StoreFailure: no bridge was asked.
        """
        sent = await self._rows.send(shards, act, json.dumps(body), seconds)
        if not sent:
            return FarAnswers({})
        for each in sent:
            self._notify(each.slot, "errand", "")
        awaited = _Awaited({each.number: each for each in sent})
        self._awaited[awaited] = None
        overtime = self._bridge.reactor.callLater(seconds, awaited.done.callback, None)
        try:
            await awaited.done
        finally:
            del self._awaited[awaited]
            if overtime.active():
                overtime.cancel()
        with suppress(StoreFailure):  # what was not taken up is too old by now
            awaited.take(await self._rows.end([each.number for each in sent]))
        return FarAnswers(awaited.answers, sorted(each.name for each in awaited.left.values()))

    async def _read(self) -> bool:
        """Read the answers that there are; one that comes meanwhile notifies again."""
        numbers = [number for each in self._awaited for number in each.left]
        answers = await self._rows.answered(numbers) if numbers else {}
        for each in list(self._awaited):
            each.take({n: answers[n] for n in each.left.keys() & answers.keys()})
        return False

    # -- those of others ------------------------------------------------------------------------

    async def _take(self) -> bool:
        """Take errands up; each is carried out beside the others."""
        taken: Sequence[Errand] = await self._rows.take()
        for each in taken:
            self._bridge.spawn(self._carry_out(each))
        return len(taken) == TAKEN_AT_ONCE

    async def _carry_out(self, errand: Errand) -> None:
        """Carry an errand out; if that fails, or is of a newer version, its asker waits in vain."""
        act = self._acts.get(errand.kind)
        if act is None:
            return
        answer = await act(json.loads(errand.body))
        await self._rows.answer(errand.number, json.dumps(answer))
        self._notify(errand.asker, "answer", "")

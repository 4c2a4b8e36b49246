"""When calls are carried out, and which of them fail."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, auto
from typing import Any

from twisted.internet.defer import Deferred

from smppbridge.store.port import StoreFailure
from smppbridge.store.statements import SqlRow
from tests.relay.fake_store.rows import Tables

_LARGEST = 2**63 - 1


class Part(IntEnum):
    """The parts of a transaction, in the order in which they are carried out."""

    MESSAGE = auto()
    BEGIN = auto()
    RECALL = auto()
    RECORD = auto()
    PARTS = auto()
    END_PARTS = auto()
    MOVE = auto()
    REWRITE = auto()
    REVISIT = auto()
    STATE = auto()
    FINAL = auto()
    DELIVERY = auto()
    MO = auto()
    OPTOUT = auto()
    FINISH = auto()
    POSTPONE = auto()
    EARLY = auto()
    DROP_EARLY = auto()


Does = Callable[[], Any]
Parts = list[tuple[Part, Does]]


@dataclass
class Call:
    """A verb's parts with the rows that SQL would keep, a question, or both."""

    waiter: Deferred[Any]
    verb: str
    parts: Parts
    question: Does | None
    rows: list[SqlRow]
    inserts: frozenset[tuple[str, int]]  # what must not be there yet: table, message_id
    writes: bool  # fails where nothing can be written

    @property
    def is_question(self) -> bool:
        return self.question is not None and not self.parts


@dataclass
class Transactions(Tables):
    """Calls in their order: carried out when a test calls `commit`, or at once while *at_once*.

    While *failing* every call that writes fails; questions are answered all the same.  Of the calls
    *in_doubt* nobody knows whether they were committed; calls that are made meanwhile fail.
    """

    at_once: bool = True
    failing: bool = False
    pending: list[Call] = field(default_factory=list)
    in_doubt: list[Call] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    inserted: set[tuple[str, int]] = field(default_factory=set)

    def commit(self, count: int | None = None) -> None:
        """Carry out the next calls in one transaction: all calls if *count* is None."""
        count = len(self.pending) if count is None else count
        calls, self.pending = self.pending[:count], self.pending[count:]
        self._carry_out(calls)

    def commit_all(self) -> None:
        """Carry out calls until none is left, each in a transaction of its own."""
        while self.pending:
            self.commit(1)

    def fail(self, count: int | None = None) -> None:
        """Let the next calls fail."""
        self.failing = True
        self.commit(count)
        self.failing = False

    def lose_answer(self, count: int | None = None) -> None:
        """Commit the next calls, and lose the answer.

        A test says by `find_out` whether they were committed.
        """
        assert not self.in_doubt, "the calls before them are in doubt yet"
        count = len(self.pending) if count is None else count
        self.in_doubt, self.pending = self.pending[:count], self.pending[count:]

    def find_out(self, *, committed: bool) -> None:
        """Answer the calls that are in doubt: they were committed, or nothing of them was."""
        calls, self.in_doubt = self.in_doubt, []
        if committed:
            self._carry_out(calls)
            return
        for call in calls:
            call.waiter.errback(StoreFailure("the connection was lost"))

    def stop(self) -> None:
        """Commit the calls that wait."""
        self.commit()

    def crash(self) -> None:
        """Lose the calls that are not committed; their callers are never answered."""
        self.pending.clear()
        self.in_doubt.clear()

    def _carry_out(self, calls: list[Call]) -> None:
        """Carry out the parts of all calls in their order, then questions; answer callers last."""
        failures = list(map(self._failure, calls))
        good = [call for call, failure in zip(calls, failures, strict=True) if failure is None]
        for _, does in sorted((p for call in good for p in call.parts), key=lambda part: part[0]):
            does()
        answers = {id(call): call.question() for call in good if call.question}
        for call, failure in sorted(
            zip(calls, failures, strict=True), key=lambda pair: pair[0].is_question
        ):
            if failure is not None:
                call.waiter.errback(failure)
            else:
                call.waiter.callback(answers.get(id(call)))

    def _failure(self, call: Call) -> StoreFailure | None:
        """Return why nothing of a call can be carried out, though all of the others is."""
        if self.failing and call.writes:
            return StoreFailure("disk full")
        if not all(map(_can_be_kept, call.rows)):
            return StoreFailure("a value that SQL cannot have")
        if self.inserted & call.inserts:
            return StoreFailure("UNIQUE constraint failed")
        self.inserted |= call.inserts
        return None

    def _do(
        self,
        verb: str,
        parts: Parts | None = None,
        question: Does | None = None,
        *,
        rows: Sequence[SqlRow] = (),
        inserts: Collection[tuple[str, int]] = (),
        writes: bool = True,
    ) -> Deferred[Any]:
        call = Call(Deferred(), verb, parts or [], question, list(rows), frozenset(inserts), writes)
        self.log.append(verb)
        if self.in_doubt:
            call.waiter.errback(StoreFailure("the store cannot be reached"))
        elif self.at_once and not self.pending:
            self._carry_out([call])
        else:
            self.pending.append(call)
        return call.waiter

    def _ask(self, verb: str, question: Does, *asked: Any) -> Deferred[Any]:
        return self._do(verb, question=question, rows=[asked], writes=False)


def _can_be_kept(row: SqlRow) -> bool:
    """Tell whether SQL can have the values: integers of 64 bits, text without lone surrogates."""
    for value in row:
        if isinstance(value, int) and not -_LARGEST - 1 <= value <= _LARGEST:
            return False
        if isinstance(value, str) and any("\ud800" <= c <= "\udfff" for c in value):
            return False
    return True

"""query: a query_sm is answered with the state of its message, as the store has it.

received -> states -> answer
                   -> the provider is asked -> states -> answer        (account `query: ask`)

Queries that are received while the store is asked are the next question to the store: one call for
all of them, over all sessions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeGuard

from smppbridge.model.identifiers import read_id
from smppbridge.model.message import Attempt, KnownState, Stage
from smppbridge.model.reasons import Reason
from smppbridge.relay.named import NamedStore, NamingSession, Replies, names_state
from smppbridge.relay.ports import Around, Journal
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.constants import MessageState
from smppbridge.smpp.pdus import QuerySm, QuerySmResp
from smppbridge.smpp.times import BadTime, format_absolute
from smppbridge.store.port import Found, Named, StoreFailure

ANSWERED_WITHIN = 5.0  # seconds that a query waits for a provider
_FAILED, _FAILING = Status.ESME_RQUERYFAIL, Status.ESME_RSYSERR
_LARGEST_ERROR = 255  # error_code is an octet (SMPP 3.4, 4.8.2)
_FINISHED, _SUBMITTED = int(Stage.FINISHED), int(Stage.SUBMITTED)
_DELIVERED, _SKIPPED = MessageState.DELIVERED, MessageState.SKIPPED


class Polls(Protocol):
    """Asks providers for the reports of messages."""

    def ask(self, attempt: Attempt, answered: Callable[[], None]) -> bool:
        """Ask for the report of a SUBMITTED message; call *answered* once the answer is settled.

        False: the provider cannot be asked, or not now.
        """


@dataclass(slots=True, eq=False)
class _WaitingQuery:
    """A query_sm; *polls* are those that it waits for, until *deadline* (monotonic seconds).

    *last* is set when the query is answered with whatever the store has.
    """

    session: NamingSession
    request: QuerySm
    message_id: int
    last: bool
    polls: int = 0
    deadline: float = 0.0


class Query:
    """Answers query_sm.

    Only Query writes the queries that wait: for the store, and for providers.
    """

    def __init__(
        self, store: NamedStore, polls: Polls, around: Around, log: Journal | None = None
    ) -> None:
        self._store, self._polls = store, polls
        self._clock, self._spawn = around.clock, around.spawn
        self._replies = Replies("query", "query_refused", around, log)
        self._unread: list[_WaitingQuery] = []  # for the next call
        self._polling: dict[_WaitingQuery, None] = {}
        self._reading = 0  # in the call that is made

    @property
    def waiting(self) -> int:
        """Return how many query_sm are not answered yet."""
        return len(self._unread) + self._reading + len(self._polling)

    async def take(self, session: NamingSession, request: QuerySm) -> None:
        """Answer a query_sm of a session."""
        message_id = read_id(request.message_id, session.rights.account)
        if message_id is None:
            self._replies.refuse(session, request, _FAILED, Reason.UNKNOWN_MESSAGE)
            session.flush()
            return
        last = session.rights.account.query != "ask"
        self._unread.append(_WaitingQuery(session, request, message_id, last))
        if not self._reading:
            await self._read()

    def tick(self) -> None:
        """Answer the queries whose provider does not answer in time; called many times a second."""
        if not self._polling:
            return
        now = self._clock.monotonic()
        late = [asked for asked in self._polling if asked.deadline <= now]
        for asked in late:
            del self._polling[asked]
            asked.last = True
        self._unread += late
        if late and not self._reading:
            self._spawn(self._read())

    async def _read(self) -> None:
        """Ask the store, again and again until no query waits."""
        while self._unread:
            unread, self._unread = self._unread, []
            self._reading = len(unread)
            try:
                await self._answer(unread)
            finally:
                self._reading = 0

    async def _answer(self, unread: Sequence[_WaitingQuery]) -> None:
        try:
            known = await self._store.states([*{asked.message_id for asked in unread}])
        except StoreFailure:
            for asked in unread:
                self._replies.refuse(asked.session, asked.request, _FAILING, Reason.STORE_FAILED)
            self._flush(unread)
            return
        ready: list[tuple[_WaitingQuery, KnownState | None]] = []
        open_: list[_WaitingQuery] = []
        for asked in unread:
            states = _of(asked, known)
            state = joint(states) if states else None
            if asked.last or not any(each.stage == _SUBMITTED for each in states):
                ready.append((asked, state))
            else:
                open_.append(asked)
        self._respond(ready)
        if open_:
            await self._poll(open_)

    async def _poll(self, open_: Sequence[_WaitingQuery]) -> None:
        """Ask the providers of messages; queries that no provider can answer are read again."""
        try:
            found = await self._store.named([*{asked.message_id for asked in open_}])
        except StoreFailure:
            found = {}
        deadline = self._clock.monotonic() + ANSWERED_WITHIN
        for asked in open_:
            asked.deadline = deadline
            self._polling[asked] = None
            answered = partial(self._answered, asked)
            for named in found.get(asked.message_id, ()):
                if is_submitted(named) and self._polls.ask(named.attempt, answered):
                    asked.polls += 1
            if not asked.polls:
                self._read_again(asked)

    def _answered(self, asked: _WaitingQuery) -> None:
        asked.polls -= 1
        if asked.polls <= 0 and asked in self._polling:
            self._read_again(asked)
            if not self._reading:
                self._spawn(self._read())

    def _read_again(self, asked: _WaitingQuery) -> None:
        del self._polling[asked]
        asked.last = True
        self._unread.append(asked)

    def _respond(self, ready: Sequence[tuple[_WaitingQuery, KnownState | None]]) -> None:
        for asked, state in ready:
            if state is None:
                self._replies.refuse(asked.session, asked.request, _FAILED, Reason.UNKNOWN_MESSAGE)
            else:
                self._replies.give(asked.session, response_of(asked.request, state))
        self._flush([asked for asked, _ in ready])

    def _flush(self, asked: Sequence[_WaitingQuery]) -> None:
        for session in dict.fromkeys(each.session for each in asked):
            session.flush()


def joint(states: Sequence[KnownState]) -> KnownState:
    """Return the state that messages have in common: one that is open keeps all of them open.

    Of messages that are FINISHED one that was not delivered tells more than one that was.
    """
    for each in states:
        if each.stage != _FINISHED:
            return each
    failed = [each for each in states if each.state != _DELIVERED]
    last = max(states, key=lambda each: each.done_at or 0.0)
    return (failed or states)[0]._replace(done_at=last.done_at)


def response_of(request: QuerySm, state: KnownState) -> QuerySmResp:
    """Return the response about a message (SMPP 3.4, 4.8.2): ENROUTE until it is FINISHED."""
    response = QuerySmResp(0, request.sequence_number, request.message_id)
    response.message_state = int(MessageState.ENROUTE)
    if state.stage != _FINISHED:
        return response
    skipped = state.state == _SKIPPED  # of SMPP 5.0
    response.message_state = int(MessageState.UNDELIVERABLE) if skipped else state.state
    response.error_code = min(state.error, _LARGEST_ERROR)
    try:
        response.final_date = format_absolute(state.done_at or 0.0)
    except BadTime:  # of a clock that was never set
        response.final_date = b""
    return response


def is_submitted(named: Named) -> TypeGuard[Found]:
    """Return whether a message is SUBMITTED, by this bridge."""
    return isinstance(named, Found) and named.ours and named.stage is Stage.SUBMITTED


def _of(asked: _WaitingQuery, known: Mapping[int, tuple[KnownState, ...]]) -> Sequence[KnownState]:
    system_id = asked.session.rights.account.system_id
    states = known.get(asked.message_id, ())
    return [each for each in states if names_state(asked.request, system_id, each)]

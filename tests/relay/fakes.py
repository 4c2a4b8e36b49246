"""What the movements are driven with: a store that commits when told to, a wire, sessions, time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Generator, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from twisted.internet.defer import Deferred

from smppbridge.model.account import Account, Secret
from smppbridge.model.address import Address
from smppbridge.model.identifiers import Identifiers
from smppbridge.model.message import Attempt, GatheringKey, Message, Segment, Stage
from smppbridge.model.report import Delivery, Report
from smppbridge.providers.exchange import Abilities
from smppbridge.relay.accept import Accept, rights_of
from smppbridge.relay.carry import Carried, Carrier
from smppbridge.relay.deliver import Deliver
from smppbridge.relay.early import EarlyRules
from smppbridge.relay.lane import Lane, LaneRules
from smppbridge.relay.overdue import Overdue, PollRules
from smppbridge.relay.report import Reports
from smppbridge.relay.submit import Submit
from smppbridge.routing.rules import Rule
from smppbridge.routing.table import Table
from smppbridge.smpp import tlvs
from smppbridge.smpp.constants import Tag
from smppbridge.smpp.pdus import DeliverSm, SubmitSm, SubmitSmResp
from smppbridge.store.port import (
    EarlyReport,
    Entry,
    Found,
    Settlement,
    StoreFailure,
    Verdict,
    same_id,
)

NOW = 1_800_000_000.0


@dataclass
class FakeClock:
    now: float = NOW

    def wall(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now - NOW


class Recorder:
    """Meters and journal: what was counted, by name and first arguments, and what was told."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[Any, ...]] = Counter()
        self.events: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        def note(*said: Any) -> None:
            if name in ("submit_resp", "asked", "report_latency"):
                self.counts[(name, *said[:3])] += 1
            elif name in ("refused", "repeated", "latin1_fallback"):
                self.counts[(name, *said)] += 1
            else:
                self.counts[(name, *said[:-1])] += said[-1]

        return note

    def journal(self, event: str, /, **fields: Any) -> None:
        self.events.append((event, fields))


@dataclass
class Row:
    """A message as the store has it."""

    message: Message
    stage: Stage
    provider: str
    due: float | None
    number: int = 0
    hop: int = 0
    begun_at: float = 0.0
    answered_at: float = 0.0
    provider_message_id: str | None = None
    state: int = 0

    def attempt(self) -> Attempt:
        message = replace(self.message, segments=tuple(map(replace, self.message.segments)))
        return Attempt(
            message,
            self.provider,
            self.number,
            self.hop,
            self.begun_at,
            self.answered_at,
            self.provider_message_id,
            self.state,
        )


@dataclass
class Call:
    waiter: Deferred[Any]
    does: Callable[[], Any]
    is_question: bool
    verb: str


@dataclass
class FakeStore:
    """Carries out calls in their order, when `commit` says so; at once while *at_once*.

    While *failing* nothing can be written; questions are answered all the same.
    """

    at_once: bool = True
    failing: bool = False
    messages: dict[int, Row] = field(default_factory=dict)
    segments: dict[int, tuple[GatheringKey, Segment]] = field(default_factory=dict)
    deliveries: dict[tuple[int, int], Delivery] = field(default_factory=dict)
    finished: dict[tuple[int, int], int] = field(default_factory=dict)
    early: dict[tuple[str, str], EarlyReport] = field(default_factory=dict)
    by_hand: list[tuple[int, str]] = field(default_factory=list)
    pending: list[Call] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    # -- when ---------------------------------------------------------------------------------

    def commit(self, count: int | None = None) -> None:
        """Carry out the next calls, all there are if *count* is None."""
        for _ in range(len(self.pending) if count is None else count):
            self._carry_out(self.pending.pop(0))

    def commit_all(self) -> None:
        """Carry out calls until none is left."""
        while self.pending:
            self.commit(1)

    def fail(self, count: int | None = None) -> None:
        """Let the next calls fail."""
        self.failing = True
        self.commit(count)
        self.failing = False

    def crash(self) -> None:
        """Lose what is not on disk; nobody is left to hear of it."""
        self.pending.clear()

    def _carry_out(self, call: Call) -> None:
        if self.failing and not call.is_question:
            call.waiter.errback(StoreFailure("disk full"))
        else:
            call.waiter.callback(call.does())

    def _do(
        self, verb: str, does: Callable[[], Any], *, is_question: bool = False
    ) -> Deferred[Any]:
        call = Call(Deferred(), does, is_question, verb)
        self.log.append(verb)
        if self.at_once and not self.pending:
            self._carry_out(call)
        else:
            self.pending.append(call)
        return call.waiter

    # -- verbs: copies are made at once, as rows are --------------------------------------------

    def accept(
        self, entries: Sequence[Entry], settlements: Sequence[Settlement] = ()
    ) -> Deferred[None]:
        kept = [
            (
                replace(e.message) if e.message else None,
                e.begun,
                e.key,
                e.segment and replace(e.segment),
            )
            for e in entries
        ]
        settle = self._settling(settlements)

        def does() -> None:
            for message, begun, key, segment in kept:
                if segment is not None and key is not None:
                    assert segment.message_id not in self.segments
                    self.segments[segment.message_id] = key, segment
                if message is not None:
                    self._insert(message, begun)
            settle()

        return self._do("accept", does)

    def _insert(self, message: Message, begun: bool) -> None:
        assert message.message_id not in self.messages
        provider = message.route[0] if message.route else ""
        stage = Stage.SUBMITTING if begun else Stage.WAITING
        row = Row(message, stage, provider, None if begun else message.due, int(begun))
        self.messages[message.message_id] = row
        for segment in message.segments:
            assert segment.message_id in self.segments, "a segment that was never written down"
            del self.segments[segment.message_id]

    def begin(self, attempts: Sequence[Attempt]) -> Deferred[None]:
        begun = [replace(a) for a in attempts]

        def does() -> None:
            for a in begun:
                row = self._open(a)
                if row:
                    row.stage, row.due, row.provider, row.hop = (
                        Stage.SUBMITTING,
                        None,
                        a.provider,
                        a.hop,
                    )
                    row.number, row.begun_at = a.number, a.begun_at

        return self._do("begin", does)

    def record(
        self, verdicts: Sequence[Verdict], settlements: Sequence[Settlement] = ()
    ) -> Deferred[None]:
        told = [(replace(v.attempt), replace(v)) for v in verdicts]
        settle = self._settling(settlements)

        def does() -> None:
            for a, v in told:
                row = self._open(a)
                if row:
                    row.stage, row.due, row.answered_at, row.number = v.stage, v.due, v.at, a.number
                    row.provider, row.hop = v.next_provider or a.provider, v.next_hop or a.hop
                    row.provider_message_id = v.provider_message_id or row.provider_message_id
            settle()

        return self._do("record", does)

    def revisit(self, dues: Sequence[tuple[int, float]]) -> Deferred[None]:
        def does() -> None:
            for message_id, due in dues:
                self.messages[message_id].due = due

        return self._do("revisit", does)

    def settle(self, settlements: Sequence[Settlement]) -> Deferred[None]:
        return self._do("settle", self._settling(settlements))

    def _settling(self, settlements: Sequence[Settlement]) -> Callable[[], None]:
        told = [
            (s.attempt.message.message_id, replace(s), list(map(replace, s.deliveries)))
            for s in settlements
        ]

        def does() -> None:
            for message_id, s, deliveries in told:
                row = self.messages[message_id]
                if row.stage is not Stage.FINISHED:
                    row.state = s.state
                    if s.final:
                        row.stage, row.due = Stage.FINISHED, None
                for d in deliveries:
                    self.deliveries.setdefault((d.message_id, d.state), d)
                if s.early:
                    self.early.pop(s.early, None)

        return does

    def keep_early(self, reports: Sequence[EarlyReport]) -> Deferred[None]:
        kept = list(map(replace, reports))
        return self._do(
            "keep_early",
            lambda: self.early.update({(r.provider, r.provider_message_id): r for r in kept}),
        )

    def drop_early(self, keys: Sequence[tuple[str, str]]) -> Deferred[None]:
        def does() -> None:
            for key in keys:
                self.early.pop(key, None)

        return self._do("drop_early", does)

    def finish(self, done: Sequence[tuple[Delivery, int]], at: float) -> Deferred[None]:
        told = {(d.message_id, d.state): status for d, status in done}
        return self._do("finish", lambda: self.finished.update(told))

    def postpone(self, deliveries: Sequence[Delivery]) -> Deferred[None]:
        told = list(map(replace, deliveries))
        return self._do(
            "postpone", lambda: self.deliveries.update({(d.message_id, d.state): d for d in told})
        )

    # -- questions ------------------------------------------------------------------------------

    def due(
        self, stage: Stage, provider: str, now: float, limit: int, skip: Collection[int] = ()
    ) -> Deferred[list[Attempt]]:
        skip = frozenset(skip)

        def does() -> list[Attempt]:
            rows = [
                r
                for message_id, r in self.messages.items()
                if r.stage is stage and r.provider == provider and message_id not in skip
                if r.due is not None and r.due <= now
            ]
            rows.sort(key=lambda r: r.due or 0.0)
            return [r.attempt() for r in rows[:limit]]

        return self._do("due", does, is_question=True)

    def expired(self, provider: str, now: float, limit: int) -> Deferred[list[Attempt]]:
        def does() -> list[Attempt]:
            rows = [r for r in self.messages.values() if r.stage is Stage.WAITING]
            late = [r for r in rows if r.provider == provider and r.message.expires_at <= now]
            return [r.attempt() for r in late[:limit]]

        return self._do("expired", does, is_question=True)

    def decisions(self) -> Deferred[list[tuple[Found, str]]]:
        def does() -> list[tuple[Found, str]]:
            taken, self.by_hand = self.by_hand, []
            return [(self._found(self.messages[m]), verb) for m, verb in taken]

        return self._do("decisions", does, is_question=True)

    def find(
        self, keys: Sequence[tuple[str, str] | int]
    ) -> Deferred[dict[tuple[str, str] | int, Found]]:
        def does() -> dict[tuple[str, str] | int, Found]:
            rows = {key: row for key in keys if (row := self._look_up(key)) is not None}
            return {key: self._found(row) for key, row in rows.items()}

        return self._do("find", does, is_question=True)

    def owed(
        self,
        system_id: str,
        now: float,
        limit: int,
        skip: Collection[tuple[int, int]] = (),
    ) -> Deferred[list[Delivery]]:
        skip = frozenset(skip)

        def does() -> list[Delivery]:
            owed = [d for d in self.unfinished() if d.system_id == system_id and d.due <= now]
            owed = [d for d in owed if (d.message_id, d.state) not in skip]
            return [replace(d) for d in sorted(owed, key=lambda d: d.due)[:limit]]

        return self._do("owed", does, is_question=True)

    def lapse(self, now: float, limit: int) -> Deferred[dict[str, int]]:
        def does() -> dict[str, int]:
            late = [d for d in self.unfinished() if d.expires_at <= now][:limit]
            self.finished.update({(d.message_id, d.state): -1 for d in late})
            return dict(Counter(d.system_id for d in late))

        return self._do("lapse", does)

    def unfinished(self) -> list[Delivery]:
        """Return the deliveries that are owed still."""
        return [d for key, d in self.deliveries.items() if key not in self.finished]

    def stages(self) -> dict[int, Stage]:
        return {message_id: row.stage for message_id, row in self.messages.items()}

    def _open(self, attempt: Attempt) -> Row | None:
        row = self.messages[attempt.message.message_id]
        return None if row.stage is Stage.FINISHED else row

    def _found(self, row: Row) -> Found:
        return Found(row.attempt(), row.stage)

    def _look_up(self, key: tuple[str, str] | int) -> Row | None:
        if isinstance(key, int):
            return self.messages.get(key)
        like = [
            r
            for r in self.messages.values()
            if r.provider == key[0]
            and r.provider_message_id is not None
            and same_id(r.provider_message_id) == same_id(key[1])
        ]
        found = [r for r in like if r.provider_message_id == key[1]] or like
        return found[0] if len(found) == 1 else None


@dataclass
class FakeProvider:
    """Asks one thing and returns what it is answered."""

    abilities: ClassVar[Abilities] = Abilities(
        binary=True, callbacks=True, polling=True, balance=True, correlates=True
    )
    name: str = "one"

    def submit(self, message: Message) -> Generator[Any, Any, Any]:
        return (yield "submit", message.message_id)

    def query(self, message: Message, provider_message_id: str) -> Generator[Any, Any, Any]:
        return (yield "query", provider_message_id)

    def balance(self) -> Generator[Any, Any, Any]:
        return (yield "balance", self.name)

    def read_callback(self, request: Any) -> tuple[Report, ...]:
        raise NotImplementedError


class TextProvider(FakeProvider):
    """Carries text alone."""

    abilities: ClassVar[Abilities] = Abilities()


class FakeWire:
    """Keeps what is sent until the test answers it."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, Any]] = []  # provider, operation, about
        self.out: dict[tuple[str, Any], Carried] = {}
        self.carrier = Carrier(self.send)

    def send(self, provider: str, asks: list[tuple[Carried, Any]]) -> None:
        for carried, (operation, about) in asks:
            self.sent.append((provider, operation, about))
            self.out[operation, about] = carried

    def answer(self, *answers: tuple[Any, Any], operation: str = "submit") -> None:
        """Answer (about, answer) pairs together."""
        self.carrier.answered([(self.out.pop((operation, about)), a) for about, a in answers])

    def submitted(self) -> list[Any]:
        return [about for _, operation, about in self.sent if operation == "submit"]


class FakeSubmitter:
    """A session that submits; *answers* are sequence_number, command_status, message_id."""

    def __init__(self, rights: Any, interface_version: int = 0x34) -> None:
        self.rights, self.interface_version = rights, interface_version
        self.answers: list[tuple[int, int, int]] = []
        self.flushes = 0

    def answer(self, response: SubmitSmResp) -> None:
        message_id = int(response.message_id or 0)
        self.answers.append((response.sequence_number, response.command_status, message_id))

    def flush(self) -> None:
        self.flushes += 1

    def ids(self) -> list[int]:
        return [message_id for _, status, message_id in self.answers if not status]


class FakeReceiver:
    """A session that takes deliver_sm, as many at a time as *window* says."""

    def __init__(self, window: int = 10, interface_version: int = 0x34) -> None:
        self.window, self.interface_version = window, interface_version
        self.asked: list[tuple[DeliverSm, Delivery]] = []
        self.out: list[Delivery] = []
        self.flushes = 0

    def room(self) -> int:
        return self.window - len(self.out)

    def ask(self, request: DeliverSm, about: Delivery) -> None:
        assert self.room() > 0
        self.asked.append((request, about))
        self.out.append(about)

    def flush(self) -> None:
        self.flushes += 1

    def ids(self) -> list[int]:
        return [about.message_id for _, about in self.asked]

    def take(self, count: int | None = None) -> list[Delivery]:
        """Take the oldest unanswered ones off the window."""
        count = len(self.out) if count is None else count
        taken, self.out = self.out[:count], self.out[count:]
        return taken


def account(**changes: Any) -> Account:
    return Account(**{"system_id": "bank", "password": Secret(clear="x"), **changes})


def submit_sm(text: bytes = b"hello", /, sequence_number: int = 1, **changes: Any) -> SubmitSm:
    """Return a submit_sm that any account may send."""
    said = {
        "source_addr": b"BANK",
        "source_addr_ton": 5,
        "destination_addr": b"243810000001",
        "dest_addr_ton": 1,
        "dest_addr_npi": 1,
        "registered_delivery": 1,
        "short_message": text,
    }
    return SubmitSm(sequence_number=sequence_number, **{**said, **changes})


def segment_sm(
    number: int,
    total: int,
    text: bytes,
    /,
    reference: int = 7,
    sequence_number: int = 1,
    **changes: Any,
) -> SubmitSm:
    """Return one segment by UDH."""
    udh = bytes((5, 0, 3, reference, total, number))
    return submit_sm(udh + text, sequence_number=sequence_number, esm_class=0x40, **changes)


def sar(reference: int, total: int, number: int) -> tuple[tuple[int, bytes], ...]:
    return (
        tlvs.make_integer(Tag.SAR_MSG_REF_NUM, reference),
        tlvs.make_integer(Tag.SAR_TOTAL_SEGMENTS, total),
        tlvs.make_integer(Tag.SAR_SEGMENT_SEQNUM, number),
    )


def message(message_id: int = 1, **changes: Any) -> Message:
    said: dict[str, Any] = {
        "message_id": message_id,
        "system_id": "bank",
        "source": Address("BANK", 5, 0),
        "destination": Address("243810000001", 1, 1),
        "number": "243810000001",
        "text": "hello",
        "data_coding": 0,
        "priority": 0,
        "registered_delivery": 1,
        "route": ("one", "two"),
        "accepted_at": NOW,
        "expires_at": NOW + 86_400,
        "due": NOW,
    }
    return Message(**{**said, **changes})


def segment(message_id: int, number: int = 1, **changes: Any) -> Segment:
    return Segment(message_id, number, **{"registered_delivery": 1, "received_at": NOW, **changes})


def delivery(message_id: int = 1, **changes: Any) -> Delivery:
    said: dict[str, Any] = {
        "message_id": message_id,
        "parent": message_id,
        "system_id": "bank",
        "source": Address("BANK", 5, 0),
        "destination": Address("243810000001", 1, 1),
        "state": 2,
        "error": 0,
        "submitted_at": NOW,
        "done_at": NOW,
        "due": NOW,
        "expires_at": NOW + 172_800,
    }
    return Delivery(**{**said, **changes})


class World:
    """All movements on one fake store, one fake wire and one clock."""

    def __init__(
        self,
        *,
        lane: LaneRules | None = None,
        polls: PollRules | None = None,
        early: EarlyRules | None = None,
        backlog: int = 1_000,
        store: FakeStore | None = None,
        providers: dict[str, Any] | None = None,
        rules: Iterable[Rule] | None = None,
        **about_account: Any,
    ) -> None:
        self.clock, self.said = FakeClock(), Recorder()
        self.store = store or FakeStore()
        self.wire = FakeWire()
        self.failures: list[Any] = []
        seen: dict[str, Any] = {"clock": self.clock, "meters": self.said}
        self.deliver = Deliver(self.store, spawn=self.spawn, **seen)
        self.reports = Reports(
            self.store,
            self.deliver.owe,
            keep=172_800.0,
            early=early or EarlyRules(),
            every_fate=True,
            journal=self.said.journal,
            **seen,
        )
        providers = providers or {"one": FakeProvider("one"), "two": FakeProvider("two")}
        self.lanes = {
            name: Lane(name, provider, lane or LaneRules(), self.clock.monotonic())
            for name, provider in providers.items()
        }
        others: dict[str, Any] = {"spawn": self.spawn, "journal": self.said.journal, **seen}
        self.submit = Submit(
            self.store, self.lanes, self.wire.carrier, self.reports, random=lambda: 0.5, **others
        )
        self.overdue = Overdue(
            self.store,
            self.lanes,
            {name: polls or PollRules() for name in providers},
            self.wire.carrier,
            self.reports,
            **others,
        )
        self.accept = Accept(
            self.store,
            self.submit,
            self.reports,
            routes=Table(rules or [Rule("243", ("one", "two"))]),
            identifiers=Identifiers(0, 0.0),
            backlog=backlog,
            **seen,
        )
        self.rights = rights_of(account(**about_account), self.clock.monotonic())

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> Deferred[None]:
        running = Deferred.fromCoroutine(coroutine)
        running.addErrback(self.failures.append)
        return running

    def session(self, interface_version: int = 0x34) -> FakeSubmitter:
        return FakeSubmitter(self.rights, interface_version)

    def take(self, session: FakeSubmitter, *pdus: SubmitSm) -> None:
        self.spawn(self.accept.take(session, pdus))
        self.sound()

    def sent(self, *pdus: SubmitSm) -> list[tuple[int, int, int]]:
        """Return the answers to what a new session sends."""
        session = self.session()
        self.take(session, *pdus)
        return session.answers

    def told(self, *reports: Report, provider: str = "one", source: str = "push") -> list[Any]:
        """Tell reports; the list gets "kept" or what failed when the provider is answered."""
        answered: list[Any] = []
        telling = Deferred.fromCoroutine(self.reports.told(provider, reports, source))
        telling.addCallbacks(lambda _: answered.append("kept"), lambda f: answered.append(f.type))
        return answered

    def expire_segments(self) -> None:
        self.run(self.accept.expire({"bank": self.rights}))

    def run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self.spawn(coroutine)
        self.sound()

    def wait(self, seconds: float) -> None:
        """Let time pass at once, and then tick."""
        self.clock.now += seconds
        self.tick()

    def tick(self) -> None:
        self.submit.pace()
        self.submit.tick()
        self.deliver.flush()
        self.deliver.tick()
        self.overdue.tick()
        self.sound()

    def sound(self) -> None:
        assert not self.failures, self.failures

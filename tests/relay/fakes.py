"""fakes: a wire, sessions, meters and a clock; and a World of all movements between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Coroutine, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from twisted.internet.defer import Deferred

from smppbridge.model.account import Account, Secret
from smppbridge.model.address import Address
from smppbridge.model.identifiers import Identifiers
from smppbridge.model.message import Message, Segment
from smppbridge.model.notes import RefusedSubmission, Unmatched
from smppbridge.model.report import Delivery, Report
from smppbridge.providers.exchange import Abilities, Provider
from smppbridge.relay.accept.accept import Accept
from smppbridge.relay.accept.intake import rights_of
from smppbridge.relay.accept.multi import Multi
from smppbridge.relay.accept.optouts import Optouts
from smppbridge.relay.accept.refusals import RefusalLog
from smppbridge.relay.cancel import Cancel
from smppbridge.relay.deliver import Deliver
from smppbridge.relay.lanes.lane import LaneRules
from smppbridge.relay.lanes.lanes import Lanes
from smppbridge.relay.ports import Around
from smppbridge.relay.query import Query
from smppbridge.relay.receipt_pdus import DeliverPdu
from smppbridge.relay.replace import Replace
from smppbridge.relay.report.early import EarlyRules
from smppbridge.relay.report.ending import Endings
from smppbridge.relay.report.report import Reports
from smppbridge.relay.submit.carry import Carried, Carrier
from smppbridge.relay.submit.overdue import Overdue, PollRules
from smppbridge.relay.submit.rounds import RoundRules, Rounds
from smppbridge.relay.submit.submit import Submit
from smppbridge.routing.rules import Rule
from smppbridge.routing.table import Table
from smppbridge.smpp import tlvs
from smppbridge.smpp.constants import Tag
from smppbridge.smpp.pdus import (
    AlertNotification,
    CancelSm,
    Pdu,
    QuerySm,
    ReplaceSm,
    SubmitSm,
    SubmitSmResp,
)
from tests.relay.fake_store import FakeStore

NOW = 1_800_000_000.0


@dataclass
class FakeClock:
    now: float = NOW

    def wall(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now - NOW


class Recorder:
    """Meters and journal: the counts by name and first arguments, and the events."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[Any, ...]] = Counter()
        self.events: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        def count(*facts: Any) -> None:
            if name == "asked":
                self.counts[(name, *facts[:3])] += len(facts[3])
            elif name in ("submit_resp", "report_latency"):
                self.counts[(name, *facts[:3])] += 1
            elif name == "refused":  # with its reason, and without
                self.counts[(name, *facts)] += 1
                self.counts[(name, *facts[:2])] += 1
            elif name in ("repeated", "latin1_fallback", "unknown_status"):
                self.counts[(name, *facts)] += 1
            else:
                self.counts[(name, *facts[:-1])] += facts[-1]

        return count

    def journal(self, event: str, /, **fields: Any) -> None:
        self.events.append((event, fields))


class FakeNotes:
    """Keeps notes for a test to look at."""

    def __init__(self) -> None:
        self.notes: list[tuple[int, str, dict[str, Any]]] = []
        self.refusals: list[RefusedSubmission] = []
        self.strays: list[Unmatched] = []
        self.reasons: Counter[tuple[str, str]] = Counter()

    def reason(self, reason: str, about: str, count: int = 1, **_: Any) -> bool:
        self.reasons[str(reason), about] += count
        return self.reasons[str(reason), about] == count

    def note(self, message_id: int, code: str, facts: Mapping[str, Any]) -> None:
        self.notes.append((message_id, code, dict(facts)))

    def refused(self, submission: RefusedSubmission) -> None:
        self.refusals.append(submission)

    def unmatched(self, found: Unmatched) -> None:
        self.strays.append(found)


@dataclass
class FakeProvider(Provider):
    """Makes one request, and returns the answer."""

    abilities: ClassVar[Abilities] = Abilities(
        binary=True, callbacks=True, polling=True, balance=True
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


class KeyedProvider(FakeProvider):
    """Accepts batches of up to three messages of one text, and knows a request by its key."""

    abilities: ClassVar[Abilities] = Abilities(batch=3, idempotent=3_600.0, pulling=True)

    def group_of(self, message: Message) -> str:
        return message.text

    def submit_batch(self, messages: Sequence[Message], key: str) -> Generator[Any, Any, Any]:
        return (yield "batch", (key, *(m.message_id for m in messages)))

    def pull(self) -> Generator[Any, Any, Any]:
        return (yield "pull", self.name)


class TextProvider(FakeProvider):
    """Carries text alone."""

    abilities: ClassVar[Abilities] = Abilities()


class FakeWire:
    """Holds requests until the test answers them."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, Any]] = []  # provider, operation, about
        self.out: dict[tuple[str, Any], Carried] = {}
        self.carrier = Carrier(self.send, lambda: 1_700_000_000.0)

    def send(self, provider: str, asks: list[tuple[Carried, Any]]) -> None:
        for carried, (operation, about) in asks:
            self.sent.append((provider, operation, about))
            self.out[operation, about] = carried

    def answer(self, *answers: tuple[Any, Any], operation: str = "submit") -> None:
        """Answer (about, answer) pairs together."""
        self.carrier.answered([(self.out.pop((operation, about)), a) for about, a in answers])

    def batches(self) -> list[Any]:
        """Return the batches that were sent: the key, and the message_ids."""
        return [about for _, operation, about in self.sent if operation == "batch"]

    def submitted(self) -> list[Any]:
        return [about for _, operation, about in self.sent if operation == "submit"]


class FakeSubmitter:
    """A session that submits; *answers* are sequence_number, command_status, message_id."""

    failure = 0x45

    def __init__(self, rights: Any, interface_version: int = 0x34) -> None:
        self.gone = self.parting = False
        self.rights, self.interface_version = rights, interface_version
        self.answers: list[tuple[int, int, int]] = []
        self.oddities: list[str] = []
        self.flushes = 0

    def answer(self, response: SubmitSmResp) -> None:
        message_id = int(response.message_id or 0)
        self.answers.append((response.sequence_number, response.command_status, message_id))

    def flush(self) -> None:
        self.flushes += 1

    def odd(self, oddity: str) -> None:
        self.oddities.append(oddity)

    def ids(self) -> list[int]:
        return [message_id for _, status, message_id in self.answers if not status]


class FakeAsker:
    """A session that queries, cancels and replaces; *answers* are PDUs."""

    def __init__(self, rights: Any, interface_version: int = 0x34) -> None:
        self.rights, self.interface_version = rights, interface_version
        self.answers: list[Any] = []
        self.written = 0

    def answer(self, response: Pdu) -> None:
        self.answers.append(response)

    def flush(self) -> None:
        self.written = len(self.answers)

    def statuses(self) -> list[int]:
        """Return the statuses of the answers that were written."""
        return [answer.command_status for answer in self.answers[: self.written]]


class FakeReceiver:
    """A session bound as RX, with up to *window* deliver_sm unanswered."""

    alertable = True

    def __init__(self, window: int = 10, interface_version: int = 0x34) -> None:
        self.window, self.interface_version = window, interface_version
        self.asked: list[tuple[Any, Delivery]] = []
        self.out: list[Delivery] = []
        self.notified: list[AlertNotification] = []
        self.flushes = 0

    def room(self) -> int:
        return self.window - len(self.out)

    def ask(self, request: DeliverPdu, about: Delivery) -> None:
        assert self.room() > 0
        self.asked.append((request, about))
        self.out.append(about)

    def notify(self, request: AlertNotification) -> None:
        self.notified.append(request)

    def flush(self) -> None:
        self.flushes += 1

    def ids(self) -> list[int]:
        return [about.message_id for _, about in self.asked]

    def take(self, count: int = 1_000) -> list[Delivery]:
        """Take the oldest unanswered deliveries off the window."""
        taken, self.out = self.out[:count], self.out[count:]
        return taken


def account(**changes: Any) -> Account:
    return Account(**{"system_id": "bank", "password": Secret(clear="x"), **changes})


def submit_sm(text: bytes = b"hello", /, sequence_number: int = 1, **changes: Any) -> SubmitSm:
    """Return a submit_sm that any account may send."""
    fields = {
        "source_addr": b"BANK",
        "source_addr_ton": 5,
        "destination_addr": b"243810000001",
        "dest_addr_ton": 1,
        "dest_addr_npi": 1,
        "registered_delivery": 1,
        "short_message": text,
    }
    return SubmitSm(sequence_number=sequence_number, **{**fields, **changes})


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
    fields: dict[str, Any] = {
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
    return Message(**{**fields, **changes})


def segment(message_id: int, number: int = 1, **changes: Any) -> Segment:
    return Segment(message_id, number, **{"registered_delivery": 1, "received_at": NOW, **changes})


def delivery(message_id: int = 1, **changes: Any) -> Delivery:
    fields: dict[str, Any] = {
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
    return Delivery(**{**fields, **changes})


class World:
    """All movements on one fake store, one fake wire and one clock."""

    def __init__(
        self,
        *,
        lane: LaneRules | None = None,
        polls: PollRules | None = None,
        rounds: RoundRules | None = None,
        early: EarlyRules | None = None,
        backlog: int = 1_000,
        store: FakeStore | None = None,
        providers: dict[str, Any] | None = None,
        rules: Iterable[Rule] | None = None,
        optouts: Optouts | None = None,
        now: float = NOW,
        **about_account: Any,
    ) -> None:
        self.clock, self.said, self.noted = FakeClock(now), Recorder(), FakeNotes()
        self.store = store or FakeStore()
        self.wire = FakeWire()
        self.failures: list[Any] = []
        self.keys = 0
        self.around = around = Around(
            self.clock, self.said, self.said.journal, self.spawn, self.noted
        )
        self.optouts = optouts or Optouts()
        self.lane_set = Lanes(self.clock)
        self.lanes = self.lane_set.by_name
        self.deliver = Deliver(self.store, around)
        self.endings = Endings(
            self.lane_set, self.deliver.owe, keep=172_800.0, every_fate=True, around=around
        )
        self.reports = Reports(
            self.store, self.endings, early or EarlyRules(), around, busy=self.lane_set.is_busy
        )
        providers = providers or {"one": FakeProvider("one"), "two": FakeProvider("two")}
        self.lane_set.change(providers, dict.fromkeys(providers, lane or LaneRules()))
        self.submit = Submit(
            self.store,
            self.lane_set,
            self.wire.carrier,
            self.reports,
            self.endings,
            random=lambda: 0.5,
            new_key=self.new_key,
            around=around,
        )
        self.overdue = Overdue(
            self.store,
            self.lane_set,
            {name: polls or PollRules() for name in providers},
            self.wire.carrier,
            self.reports,
            again=self.submit,
            around=around,
        )
        self.received: list[Any] = []
        self.rounds = Rounds(
            self.lane_set,
            {name: rounds or RoundRules() for name in providers},
            self.wire.carrier,
            self.receive,
            around,
        )
        identifiers = Identifiers(0, 0.0, slots=1)
        self.accept = Accept(
            self.store,
            self.lane_set,
            self.submit,
            self.endings,
            routes=Table(rules or [Rule("243", ("one", "two"))]),
            identifiers=identifiers,
            backlog=backlog,
            around=around,
            optouts=self.optouts,
            refused=RefusalLog(around, every=True),
        )
        self.multi = Multi(
            self.accept,
            self.store,
            self.lane_set,
            self.submit,
            self.endings,
            identifiers=identifiers,
            around=around,
            log=self.said.journal,
        )
        self.rights = rights_of(account(**about_account), self.clock.monotonic())
        self.query = Query(self.store, self.overdue, around, self.said.journal)
        self.cancel = Cancel(
            self.store,
            self.accept,
            self.reports,
            self.lane_set,
            self.wire.carrier,
            around,
            self.said.journal,
        )
        self.replace = Replace(
            self.store,
            self.accept,
            self.lane_set,
            self.submit.backlog,
            around,
            self.said.journal,
        )

    def new_key(self) -> str:
        self.keys += 1
        return f"key{self.keys}"

    async def receive(self, provider: str, received: Sequence[Any], source: str) -> None:
        self.received += [(provider, each) for each in received]

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
        """Return the answers to the submit_sm of a new session."""
        session = self.session()
        self.take(session, *pdus)
        return session.answers

    def asked(self, *requests: Pdu, session: FakeAsker | None = None) -> FakeAsker:
        """Ask query_sm, cancel_sm and replace_sm of a session, together."""
        session = session or FakeAsker(self.rights)
        movements: dict[type[Pdu], Any] = {
            QuerySm: self.query,
            CancelSm: self.cancel,
            ReplaceSm: self.replace,
        }
        for request in requests:
            self.spawn(movements[type(request)].take(session, request))
        self.sound()
        return session

    def told(self, *reports: Report, provider: str = "one", source: str = "push") -> list[Any]:
        """Receive reports; the list gets "kept", or a type of exception, when they are settled."""
        answered: list[Any] = []
        telling = Deferred.fromCoroutine(self.reports.receive(provider, reports, source))
        telling.addCallbacks(lambda _: answered.append("kept"), lambda f: answered.append(f.type))
        return answered

    def expire_segments(self) -> None:
        self.run(self.accept.expire({"bank": self.rights}))

    def restore_segments(self) -> None:
        """Put the segments back that the store holds, as at a start."""
        restored, clock = self.store.restored(), self.clock
        gather = self.accept.gather
        gather.restore(restored.segments, restored.joined, clock.wall(), clock.monotonic())

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
        self.rounds.tick()
        self.query.tick()
        self.cancel.tick()
        self.sound()

    def sound(self) -> None:
        assert not self.failures, self.failures

"""Everything at once: providers, accounts, reports, failures and crashes in any order."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from smppbridge.model.identifiers import Identifiers
from smppbridge.model.message import Stage
from smppbridge.model.outcome import Accepted, Postponed, Refused, Uncertain
from smppbridge.model.report import Report
from smppbridge.providers.exchange import Abilities, NoAnswer, NotSent
from smppbridge.relay.accept.intake import rights_of
from smppbridge.relay.lanes import lane as lanes
from smppbridge.relay.lanes.batch import attempts_of
from smppbridge.relay.lanes.breaker import BreakerRules
from smppbridge.relay.lanes.lane import LaneRules
from smppbridge.relay.lanes.retry import Policy
from smppbridge.relay.submit import backlog as backlogs
from smppbridge.relay.submit import overdue as overdues
from smppbridge.relay.submit.overdue import PollRules
from smppbridge.routing.rules import Rule
from smppbridge.smpp.constants import MessageState as M
from smppbridge.store.port import StoreFailure, Waiting
from tests.relay.fake_store import FakeStore
from tests.relay.fakes import (
    FakeProvider,
    KeyedProvider,
    World,
    account,
    segment_sm,
    submit_sm,
)

EXAMPLES = int(os.environ.get("SMPPBRIDGE_STORM", "400"))  # 20,000 once before a release
YOUNG, HELD, LOOKED = 60.0, 40.0, 200.0  # seconds: a key, an uncertain message, a report
HOLD = Policy(uncertain_deadline=HELD, first_look=LOOKED, failover_after=10.0)
REPEAT = Policy(
    when_uncertain="retry",
    idempotent=YOUNG,
    uncertain_deadline=HELD,
    first_look=LOOKED,
    failover_after=10.0,
)
BREAKER = BreakerRules(failures=2, pause=4.0)
MOST = 3  # in a batch


class Forgetful(KeyedProvider):
    """Takes batches, and does not know a request again by its key."""

    abilities: ClassVar[Abilities] = Abilities(batch=MOST)


PROVIDERS: dict[str, tuple[FakeProvider, Policy]] = {
    "plain": (FakeProvider("plain"), HOLD),
    "keyed": (KeyedProvider("keyed"), REPEAT),
    "fresh": (Forgetful("fresh"), HOLD),
}
ROUTES = (
    *(("plain",), ("keyed",), ("fresh",), ("plain", "keyed"), ("keyed", "plain")),
    *(("keyed", "fresh", "plain"), ("fresh", "keyed"), ("plain", "fresh", "keyed")),
)
RULES = [Rule(f"2438{n}", route) for n, route in enumerate(ROUTES)]
ACCOUNTS = ("bank", "shop", "clinic")


def rules_of(name: str, **changes: Any) -> LaneRules:
    said = {"concurrency": 2, "failover_after": 6.0, "breaker": BREAKER}
    return LaneRules(policy=PROVIDERS[name][1], **{**said, **changes})


@dataclass(slots=True, eq=False)
class Handed:
    """One request that left, and what each of its messages came to: None if nobody knows."""

    at: float
    provider: str
    key: str
    ids: tuple[int, ...]
    outcomes: list[Any] = field(default_factory=list)

    def is_safe(self, message_id: int) -> bool:
        """Tell whether the provider has certainly not taken a message by this request."""
        if not self.outcomes:
            return False
        outcome = self.outcomes[self.ids.index(message_id)]
        if isinstance(outcome, Refused):
            return outcome.provider_fault
        return isinstance(outcome, Postponed | NotSent)


class Storm:
    """A world, what was handed to whom in it and in those that crashed before it."""

    def __init__(self) -> None:
        self.store = FakeStore(at_once=False)
        self.handed: list[Handed] = []
        self.by_hand: set[int] = set()
        self.answered_ok: set[int] = set()
        self.final: dict[int, int] = {}
        self.changes: dict[str, dict[str, Any]] = defaultdict(dict)
        self.number = 0
        self.keys = self.keys_at_crash = 0
        self.owed: Counter[tuple[int, int]] = Counter()
        self.world = self.started()

    # -- a process ------------------------------------------------------------------------------

    def started(self, now: float | None = None) -> World:
        storm = self

        class Stormy(World):
            def spawn(self, coroutine: Coroutine[Any, Any, None]) -> Deferred[None]:
                running = Deferred.fromCoroutine(coroutine)
                running.addErrback(lambda f: None if f.check(StoreFailure) else self.note(f))
                return running

            def note(self, failure: Any) -> None:
                self.failures.append(failure)

            def new_key(self) -> str:
                storm.keys += 1
                return f"key{storm.keys}"

        world = Stormy(
            store=self.store,
            providers={name: provider for name, (provider, _) in PROVIDERS.items()},
            polls=PollRules(report_deadline=LOOKED),
            rules=RULES,
            backlog=10_000,
        )
        if now is not None:
            world.clock.now = now
        for name, lane in world.lanes.items():
            rules = rules_of(name, **self.changes[name])
            lane.change(PROVIDERS[name][0], rules, world.clock.monotonic())
        at = world.clock.monotonic()
        self.sessions = {}
        for name in ACCOUNTS:
            world.rights = rights_of(account(system_id=name), at)
            self.sessions[name] = world.session()
        send = world.wire.send
        world.wire.carrier._send = lambda provider, asks: self._sending(send, provider, asks)
        world.endings._owe = lambda some: self.owed.update((d.message_id, d.state) for d in some)
        return world

    def crash(self) -> None:
        """End the process and start another on what is on disk, as the bridge does."""
        self.settle_answers()
        self.keys_at_crash = self.keys
        self._bury(self.world, self.store)
        now, rows = self.world.clock.now, self.store.messages
        self.owed.clear()
        self.world = world = self.started(now)
        waits = Counter(
            (r.provider, r.message.system_id, r.message.priority)
            for r in rows.values()
            if r.stage is Stage.WAITING
        )
        for (provider, system_id, priority), count in waits.items():
            world.lanes[provider].restore(Waiting(provider, system_id, priority, count))
        world.accept._identifiers = Identifiers(
            max([*rows, *self.store.segments], default=0) + 1000, 0.0, slots=1
        )
        world.restore_segments()
        out = [r for r in rows.values() if r.stage is Stage.SUBMITTING and r.due is None]
        world.submit.interrupted([r.attempt() for r in out])
        restored = self.store.restored()
        world.spawn(world.reports.restore(restored.early, restored.stored_ids))

    def _bury(self, world: World, store: FakeStore) -> None:
        """Keep what is on disk; nothing that the dead process goes on doing is seen."""
        self.store = FakeStore(
            at_once=False,
            messages=store.messages,
            segments=store.segments,
            joined=store.joined,
            deliveries=store.deliveries,
            early=store.early,
        )
        store.messages, store.segments = {n: replace(r) for n, r in store.messages.items()}, {}
        store.joined = []
        store.deliveries, store.early = dict(store.deliveries), dict(store.early)
        world.wire.carrier._send = lambda provider, asks: None
        world.endings._owe = lambda some: None
        world.submit.drain()
        for _ in range(20):
            store.fail()
        store.pending.clear()

    # -- what leaves ----------------------------------------------------------------------------

    def _sending(self, send: Any, provider: str, asks: list[Any]) -> None:
        for _, (operation, about) in asks:
            if operation in ("submit", "batch"):
                key, ids = (about[0], about[1:]) if operation == "batch" else ("", (about,))
                assert (operation, about) not in self.world.wire.out, "it is out already"
                self._leaving(provider, key, ids)
        send(provider, asks)

    def _leaving(self, provider: str, key: str, ids: tuple[int, ...]) -> None:
        now, rows = self.world.clock.now, self.store.messages
        earlier = [h for h in self.handed if key and h.key == key]
        members = [rows[n] for n in ids]
        assert len(ids) <= MOST
        numbers = [r.message.number for r in members]
        assert len(set(numbers)) == len(numbers), "a number is twice in a batch"
        assert len({r.message.text for r in members}) == 1 or not key, "no group"
        if earlier:
            self._repeating(earlier[0], provider, ids, members)
        else:
            for n, row in zip(ids, members, strict=True):
                self._fresh(n, row, provider, key)
        self.handed.append(Handed(now, provider, key, ids))

    def _repeating(
        self, first: Handed, provider: str, ids: tuple[int, ...], members: list[Any]
    ) -> None:
        now = self.world.clock.now
        assert PROVIDERS[provider][0].abilities.idempotent, "it does not know keys"
        assert (first.provider, first.ids) == (provider, ids), "not the same request"
        assert now - first.at < YOUNG, "the key is too old"
        for n, row in zip(ids, members, strict=True):
            assert row.stage is not Stage.WAITING, "repeated while it waits for another try"
            others = [h for h in self.handed if h.key != first.key and h.at > first.at]
            assert not any(n in h.ids for h in others), "it has gone another way since"

    def _fresh(self, n: int, row: Any, provider: str, key: str) -> None:
        now = self.world.clock.now
        if row.stage is Stage.FINISHED:  # a request from before a crash is repeated as a whole
            assert key, "it has ended"
            assert int(key.removeprefix("key")) <= self.keys_at_crash, "it has ended"
            return
        assert row.stage is Stage.SUBMITTING, "it is not begun on disk"
        assert row.due is None
        assert row.provider == provider
        assert row.number > self._tries(n)
        assert (row.batch or "").rpartition("/")[0] == key, "its key is not on disk"
        assert row.message.due <= now, "it is sent before its time"
        assert row.message.expires_at > row.begun_at, "it is begun after its end"
        before = [h for h in self.handed if n in h.ids]
        route = row.message.route
        assert all(route.index(h.provider) <= route.index(provider) for h in before), "back"
        for h in before:
            safe = h.is_safe(n) and not any(
                not g.is_safe(n) for g in before if g.key == h.key and g.key
            )
            assert safe or (n in self.by_hand and h.provider == provider), (
                f"{n} may have been heeded by {h.provider}: {h.outcomes}"
            )

    def _tries(self, n: int) -> int:
        return sum(n in h.ids for h in self.handed)

    # -- what happens ---------------------------------------------------------------------------

    def accept(self, choice: int, count: int = 1, **about: Any) -> None:
        pdus = []
        priority = choice % 4
        text = (b"a", b"b")[choice // 3 % 2]
        for _ in range(count):
            self.number += 1
            number = b"2438%d%07d" % (choice % len(ROUTES), self.number % 5)
            pdus.append(
                submit_sm(
                    text,
                    sequence_number=self.number,
                    destination_addr=number,
                    priority_flag=priority,
                    **about,
                )
            )
        session = self.sessions[ACCOUNTS[choice // 2 % len(ACCOUNTS)]]
        self.world.take(session, *pdus)

    def long(self, choice: int) -> None:
        self.number += 1
        number = b"2438%d%07d" % (choice % len(ROUTES), self.number % 5)
        pdus = [
            segment_sm(k, 2, b"x%d" % k, self.number % 250, k, destination_addr=number)
            for k in (1, 2)
        ]
        session = self.sessions[ACCOUNTS[choice % len(ACCOUNTS)]]
        self.world.take(session, *pdus)

    def outcome(self, choice: int, n: int, provider: str) -> Any:
        kinds: list[Callable[[], Any]] = [
            lambda: Accepted(f"{provider}{n}"),
            lambda: Accepted(f"{provider}{n}"),
            lambda: Uncertain("silence"),
            lambda: Postponed("busy"),
            lambda: Refused("bad number", 0x0B),
            lambda: Refused("no coverage", 0x45, provider_fault=True),
            lambda: Postponed("rate", 3.0, True),
            lambda: Postponed("long", 30.0, True),
            lambda: Accepted(f"{provider}{n}"),
            lambda: None,
            lambda: Postponed("later", 8.0),
        ]
        return kinds[choice % len(kinds)]()

    def answer(self, choice: int, good: bool = False) -> None:
        """Answer one request that is out."""
        out = list(self.world.wire.out)
        if not out:
            return
        operation, about = out[choice % len(out)]
        carried = self.world.wire.out[operation, about]
        key, ids = (about[0], about[1:]) if operation == "batch" else ("", (about,))
        rest = choice // max(1, len(out))
        handed = next(h for h in reversed(self.handed) if h.key == key and h.ids == ids)
        if good:
            each = [self.outcome(0, n, carried.provider) for n in ids]
            conclusion: Any = each if key else each[0]
        elif rest % 4 == 0:
            fault = (NotSent("refused"), NoAnswer("reset"), ValueError("?"))[rest // 4 % 3]
            each, conclusion = [fault] * len(ids), fault
        elif rest % 7 == 1 and key:
            each, conclusion = [None] * len(ids), [Accepted("?")] * (len(ids) + 1)
        else:
            each = [
                self.outcome(rest // 4 + 3 * k * (rest % 3), n, carried.provider)
                for k, n in enumerate(ids)
            ]
            conclusion = each if key else each[0]
        handed.outcomes = list(each)
        self.world.wire.answer((about, conclusion), operation=operation)

    def report(self, choice: int) -> None:
        """Let a provider tell of a message: of one it has named, or one that is out there."""
        if not self.handed:
            return
        h = self.handed[choice % len(self.handed)]
        n = h.ids[choice // 7 % len(h.ids)]
        state = (M.DELIVERED, M.ENROUTE, M.UNDELIVERABLE, M.DELIVERED)[choice // 3 % 4]
        renamed = f"{h.provider}{n}r" if choice % 11 == 0 else ""
        found = f"{h.provider}{n}" + ("r" if choice % 13 == 0 else "")
        by_ours = n if choice % 2 else None
        report = Report(found, state, message_id=by_ours, renamed=renamed)
        others = ([], [replace(report, state=M.ENROUTE)], [replace(report, state=M.DELIVERED)])
        self.told([report, *others[choice // 5 % 3]], h.provider)

    def told(self, reports: list[Report], provider: str) -> None:
        telling = Deferred.fromCoroutine(self.world.reports.receive(provider, reports, "push"))
        telling.addErrback(lambda f: f.trap(StoreFailure))
        telling.addErrback(self.world.failures.append)

    def decide(self, choice: int) -> None:
        """Decide by hand about an uncertain message."""
        rows = [
            n
            for n, r in sorted(self.store.messages.items())
            if r.stage is Stage.SUBMITTING and r.due is not None
        ]
        if not rows:
            return
        self.store.commit_all()
        n = rows[choice % len(rows)]
        row = self.store.messages[n]
        if row.stage is not Stage.SUBMITTING or row.due is None:
            return
        verb = ("resend", "fail")[choice // 2 % 2]
        if verb == "resend":
            self.by_hand.add(n)
        self.store.by_hand.append((n, verb))
        self.world.run(self.world.overdue.by_hand())
        self.store.commit_all()

    def reload(self, choice: int) -> None:
        name = sorted(PROVIDERS)[choice % 3]
        changes: list[dict[str, Any]] = [
            {},
            {"rate": 2.0},
            {"concurrency": 1},
            {"concurrency": 64},
            {"breaker": BreakerRules(failures=None)},
            {"rate": 30.0, "concurrency": 8},
        ]
        self.changes[name] = changes[choice // 3 % len(changes)]
        lane = self.world.lanes[name]
        rules = rules_of(name, **self.changes[name])
        lane.change(PROVIDERS[name][0], rules, self.world.clock.monotonic())

    def low(self, choice: int) -> None:
        lane = self.world.lanes[sorted(PROVIDERS)[choice % 3]]
        lane.watch_credit(is_low=not lane.is_low)

    def do(self, event: str, choice: int) -> None:
        world, store = self.world, self.store
        soon = (b"000000000002000R", b"000000000009000R")[choice % 2]
        late = (b"000000000004000R", b"000000000015000R")[choice % 2]
        does: dict[str, Callable[[], Any]] = {
            "accept": lambda: self.accept(choice),
            "many": lambda: self.accept(choice, 2 + choice % 6),
            "short": lambda: self.accept(choice, 1 + choice % 3, validity_period=soon),
            "scheduled": lambda: self.accept(choice, schedule_delivery_time=late),
            "long": lambda: self.long(choice),
            "commit": lambda: store.commit(min(1 + choice % 3, len(store.pending))),
            "commit all": store.commit_all,
            "fail": lambda: store.fail(min(1 + choice % 2, len(store.pending))),
            "tick": world.tick,
            "pace": world.submit.pace,
            "wait": lambda: world.wait((0.3, 1.0, 2.5, 7.0, 21.0)[choice % 5]),
            "expire": lambda: world.run(world.submit.backlog.expire()),
            "answer": lambda: self.answer(choice),
            "good": lambda: self.answer(choice, True),
            "report": lambda: self.report(choice),
            "forget early": lambda: world.run(world.reports.forget_early()),
            "decide": lambda: self.decide(choice),
            "reload": lambda: self.reload(choice),
            "low": lambda: self.low(choice),
            "crash": self.crash,
        }
        does[event]()
        self.check()

    # -- what must hold -------------------------------------------------------------------------

    def settle_answers(self) -> None:
        for session in self.sessions.values():
            self.answered_ok |= set(session.ids())

    def check(self) -> None:
        world, store = self.world, self.store
        world.sound()
        for n, row in store.messages.items():
            if row.stage is Stage.FINISHED:
                assert self.final.setdefault(n, row.state) == row.state, "it changed"
        for n, row in store.messages.items():
            for m in [n, *(s.message_id for s in row.message.segments)]:
                told = [s for k, s in store.deliveries if k == m and M(s).is_final]
                assert len(told) <= 1, f"{m} has receipts {told}"
                if told:
                    assert row.stage is Stage.FINISHED
                    assert told == [row.state]
        assert all(count == 1 for count in self.owed.values()), self.owed.most_common(1)
        for lane in world.lanes.values():
            some = len(lane.queue.lines)
            assert lane.queue.waiting <= lanes.IN_MEMORY + some * (lanes.FEW + lanes.MANY + 1)
        if not store.pending:
            self._consistent()

    def _consistent(self) -> None:
        world, rows = self.world, self.store.messages
        if world.submit._unrecorded or world.submit.backlog._held:
            return  # until the next tick
        out = Counter(c.provider for (op, _), c in world.wire.out.items() if op != "query")
        for name, lane in world.lanes.items():
            waits = {
                n: r for n, r in rows.items() if (r.stage, r.provider) == (Stage.WAITING, name)
            }
            lines = lane.queue.lines
            assert lane.depth == len(waits), f"{name}: depth {lane.depth}, {len(waits)} wait"
            per_line = Counter((r.message.system_id, r.message.priority) for r in waits.values())
            for at, line in lines.items():
                assert line.depth == per_line[at]
                inside = [a.message.message_id for g in line.groups.values() for a in g]
                assert set(inside) == line.held, "held is not what is in memory"
                assert len(inside) == line.waiting == len(line.held)
                assert line.held <= set(waits)
            assert lane.queue.waiting == sum(line.waiting for line in lines.values())
            assert lane.overflowing == sum(line.more for line in lines.values())
            assert lane._begun == len(lane.ready), f"{name}: {lane._begun} begun"
            assert lane.out == out[name], f"{name}: {lane.out} out"
        ready = [load for lane in world.lanes.values() for load in lane.ready]
        begun = {a.message.message_id for load in ready for a in attempts_of(load)}
        on_wire = {
            n for op, about in world.wire.out for n in (about[1:] if op == "batch" else (about,))
        }
        for n, r in rows.items():
            if r.stage is Stage.SUBMITTING and r.due is None:
                assert n in begun | on_wire, f"{n} is out for ever"

    def calm(self) -> None:
        """Drive everything to its end: the providers answer, the disk works, time passes."""
        for lane in self.world.lanes.values():
            lane.watch_credit(is_low=False)
        rounds = 0
        while {Stage.WAITING, Stage.SUBMITTING} & set(self.store.stages().values()) or (
            self.store.pending or self.world.wire.out
        ):
            rounds += 1
            assert rounds < 300, Counter(self.store.stages().values())
            self.store.commit_all()
            while self.world.wire.out:
                self.answer(0, True)
                self.store.commit_all()
            self.check()
            self.world.wait(1.0)
            self.store.commit_all()
            self.world.run(self.world.submit.backlog.expire())
            self.world.run(self.world.reports.forget_early())
            self.store.commit_all()
            self.check()
        self.world.wait(2 * LOOKED)
        self.store.commit_all()
        for _ in range(len(self.store.messages)):
            self.world.wait(1.0)
            self.store.commit_all()
        self.check()
        self.settle_answers()
        rows = self.store.messages.values()
        parts = {segment.message_id for r in rows for segment in r.message.segments}
        assert self.answered_ok <= set(self.store.messages) | parts | set(self.store.segments)
        assert set(self.store.stages().values()) <= {Stage.FINISHED}
        for n, row in self.store.messages.items():
            for m in [s.message_id for s in row.message.segments] or [n]:
                assert (m, row.state) in self.store.deliveries, "nobody was told"
        for name, lane in self.world.lanes.items():
            assert (lane.depth, lane.out, lane._begun, lane.overflowing) == (0, 0, 0, 0), name
            assert lane.queue.waiting == 0
            assert not any(line.held for line in lane.queue.lines.values())


EVENTS = [
    *("accept", "many", "many", "short", "scheduled", "long", "commit", "commit all"),
    *("commit all", "commit all", "fail", "tick", "pace", "wait", "wait", "wait", "expire"),
    *("answer", "answer", "answer", "answer", "good", "report", "report", "forget early"),
    *("decide", "reload", "low", "crash"),
]


# a report by our id gives the message an id that an early report has, while a refusal is recorded
STALE = [
    *[("accept", 0)] * 6,
    *(("commit", 0), ("report", 2), ("report", 3), ("answer", 0)),
]


@settings(max_examples=EXAMPLES, deadline=None)
@example(STALE)
@given(
    st.lists(
        st.tuples(st.sampled_from(EVENTS), st.integers(0, 400)),
        min_size=10,
        max_size=80,
    )
)
def test_a_storm(events: list[tuple[str, int]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lanes, "IN_MEMORY", 4)
        patch.setattr(backlogs, "IN_MEMORY", 4)
        patch.setattr(lanes, "FEW", 2)
        patch.setattr(backlogs, "MANY", 3)
        patch.setattr(overdues, "AT_ONCE", 3)
        patch.setattr(lanes, "_MOST_AHEAD", 4)
        storm = Storm()
        for event, choice in events:
            storm.do(event, choice)
        storm.store.commit_all()
        storm.check()
        storm.calm()

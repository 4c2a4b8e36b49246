"""The one owner of a message's end: its table, cell by cell, and the ways that met badly before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from smppbridge.model.message import Attempt, Stage
from smppbridge.model.outcome import Accepted, Postponed, Refused, Uncertain
from smppbridge.model.report import Report
from smppbridge.relay.lanes.lane import LaneRules
from smppbridge.relay.report import ending as endings
from smppbridge.relay.report.ending import NEXT, ClaimEvent, Endings, Fate, Standing
from smppbridge.smpp.constants import MessageState as M
from smppbridge.store.port import StoreFailure
from tests.relay.fakes import FakeProvider, FakeStore, World, message, segment_sm, submit_sm


class InLine:
    """Lines that hold the attempts that they are told to."""

    def __init__(self, waiting: bool) -> None:
        self.waiting = waiting
        self.withdrawn: list[int] = []
        self.ended: list[int] = []
        self.back: list[int] = []

    def withdraw(self, attempt: Attempt) -> bool:
        if self.waiting:
            self.withdrawn.append(attempt.message.message_id)
        return self.waiting

    def gone(self, attempts: Sequence[Attempt]) -> None:
        self.ended += [a.message.message_id for a in attempts]

    def let_go(self, attempts: Sequence[Attempt]) -> None:
        self.back += [a.message.message_id for a in attempts]


class Claims:
    """Endings on their own; *stage* is where the messages are found."""

    def __init__(self, stage: Stage = Stage.SUBMITTING, waiting: bool = False) -> None:
        world = World()
        self.said, self.stage, self.lines = world.said, stage, InLine(waiting)
        self.owed: list[Any] = []
        self.endings = Endings(
            self.lines, self.owed.extend, keep=60.0, every_fate=True, around=world.around
        )
        self.attempt = Attempt(message(1, registered_delivery=0x11), "one", 1)

    def claim(self, state: M, source: str = "push") -> endings.Ending:
        fate = Fate(self.attempt, state, stage=self.stage, final=state.is_final)
        return self.endings.claim([fate], source)

    def bring(self, standing: Standing) -> endings.Ending:
        """Bring the message to a standing; return the claim that is open then."""
        state = {Standing.NOTED: M.ENROUTE, Standing.OPEN: M.ENROUTE}.get(standing, M.DELIVERED)
        claimed = self.claim(state)
        if standing is Standing.OPEN:
            self.endings.release(claimed)
        elif standing is Standing.ENDED:
            self.endings.conclude(claimed)
        return claimed

    @property
    def standing(self) -> Standing:
        """The standing, found out by what would be granted."""
        known = self.endings.standing(self.attempt.message)
        if known is not Standing.OPEN:
            return known
        claimed = self.claim(M.ACCEPTED)  # granted beside a note of another state, and taken back
        self.endings.release(claimed)
        return Standing.OPEN if claimed.fates else Standing.ENDED


DENIED = [
    (standing, event)
    for standing in Standing
    for event in (ClaimEvent.NOTE, ClaimEvent.END)
    if (standing, event) not in NEXT
]


@pytest.mark.parametrize(("standing", "event"), list(NEXT))
def test_a_cell_of_the_table_leads_to_the_next_standing(
    standing: Standing, event: ClaimEvent
) -> None:
    claims = Claims()
    claimed = claims.bring(standing)
    if event in (ClaimEvent.NOTE, ClaimEvent.END):
        fresh = claims.claim(M.UNDELIVERABLE if event is ClaimEvent.END else M.ACCEPTED)
        assert [fate.attempt for fate in fresh.fates] == [claims.attempt]
        assert len(fresh.settlements) == 1
    elif event is ClaimEvent.CONCLUDE:
        claims.endings.conclude(claimed)
    else:
        claims.endings.release(claimed)
    following = NEXT[standing, event]
    if following is Standing.NOTED:
        assert not claims.claim(M.ACCEPTED).fates, "the state is noted already"
        assert claims.endings.standing(claims.attempt.message) is Standing.OPEN
    else:
        assert claims.standing is following


@pytest.mark.parametrize(("standing", "event"), DENIED)
def test_a_cell_that_is_not_in_the_table_is_denied(standing: Standing, event: ClaimEvent) -> None:
    claims = Claims()
    claims.bring(standing)
    denied = claims.claim(M.REJECTED if event is ClaimEvent.END else M.ACCEPTED)
    assert (denied.fates, denied.settlements) == ([], [])
    assert claims.standing is standing
    assert claims.said.counts["repeated", "one", True] == 1


def test_the_table_of_the_docstring_is_the_one_that_is_gone_by() -> None:
    rows = [
        line.split() for line in (endings.__doc__ or "").splitlines() if line.startswith("    ")
    ]
    said = {row[0]: row for row in rows if row and row[0] in Standing.__members__}
    assert list(said) == [standing.name for standing in Standing]
    for standing in Standing:
        ways = [NEXT[standing, e].name for e in ClaimEvent if (standing, e) in NEXT]
        words = [word for word in said[standing.name][1:] if word in Standing.__members__]
        assert words == ways
        denied = [e for e in (ClaimEvent.NOTE, ClaimEvent.END) if (standing, e) not in NEXT]
        assert said[standing.name].count("denied") == len(denied)


def test_a_denied_report_is_counted_as_the_same_or_conflicting_and_an_end_of_ours_is_not() -> None:
    claims = Claims()
    claims.bring(Standing.ENDING)
    claims.claim(M.DELIVERED)
    claims.claim(M.REJECTED)
    claims.claim(M.UNKNOWN, "own")
    assert claims.said.counts["repeated", "one", False] == 1
    assert claims.said.counts["repeated", "one", True] == 1


def test_a_final_claim_outlives_the_note_that_was_on_its_way_before_it() -> None:
    claims = Claims()
    note = claims.claim(M.ENROUTE)
    end = claims.claim(M.DELIVERED)
    claims.endings.conclude(note)
    assert claims.standing is Standing.ENDING
    claims.endings.conclude(end)
    assert claims.standing is Standing.ENDED
    assert [d.state for d in claims.owed] == [M.ENROUTE, M.DELIVERED]


@pytest.mark.parametrize("concluded", [True, False])
def test_a_waiting_message_is_taken_out_of_line_by_its_claim(concluded: bool) -> None:
    claims = Claims(Stage.WAITING, waiting=True)
    claimed = claims.claim(M.DELIVERED)
    assert claims.lines.withdrawn == [1]
    (claims.endings.conclude if concluded else claims.endings.release)(claimed)
    assert (claims.lines.ended, claims.lines.back) == (([1], []) if concluded else ([], [1]))


def test_a_submitted_message_is_in_no_line_and_nothing_of_it_is_remembered() -> None:
    claims = Claims(Stage.SUBMITTED, waiting=True)
    claims.endings.conclude(claims.claim(M.DELIVERED))
    assert claims.lines.withdrawn == []
    assert not claims.endings.moving
    assert claims.standing is Standing.ENDED  # by its attempt's state


def test_so_many_ended_messages_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endings, "MOST_ENDED", 2)
    claims = Claims()
    for n in (1, 2, 3):
        claims.attempt = Attempt(message(n), "one", 1)
        claims.bring(Standing.ENDED)
    standings = [claims.endings.standing(message(n)) for n in (1, 2, 3)]
    assert standings == [Standing.OPEN, Standing.ENDED, Standing.ENDED]


def test_an_end_is_logged_with_the_ids_of_its_segments_and_without_text() -> None:
    world = World()
    world.sent(segment_sm(1, 2, b"hello ", sequence_number=1))
    [(_, _, last)] = world.sent(segment_sm(2, 2, b"world", sequence_number=2))
    [message_id] = world.wire.submitted()
    world.wire.answer((message_id, Refused("bad number", 0x0B)))
    (said,) = [about for event, about in world.said.events if event == "message_failed"]
    assert said["segments"] == [message_id, last]
    assert (said["state"], said["error"], said["source"]) == ("REJECTED", 0x0B, "own")
    assert "hello" not in repr(said)


# -- a message that has ended is not submitted once more ------------------------------------------


def three(**options: Any) -> tuple[World, list[int]]:
    """Return a world whose store commits when told to, with three messages out."""
    world = World(store=FakeStore(at_once=False), **options)
    session = world.session()
    world.take(session, *[submit_sm(sequence_number=n) for n in (1, 2, 3)])
    world.store.commit_all()
    return world, session.ids()


def test_a_message_that_is_delivered_is_not_submitted_once_more() -> None:
    world, (b, c, d) = three()
    world.wire.answer((c, Accepted("c1")))
    world.store.commit_all()
    world.told(Report("c1", M.DELIVERED))
    world.store.commit_all()
    # B is out; a report names it, then it is answered Postponed: it waits in memory.
    world.told(Report("b1", M.ENROUTE, message_id=b))
    world.store.commit_all()
    world.wire.answer((b, Postponed("busy")))
    world.wire.answer((d, Accepted("d1")))
    world.store.commit_all()
    world.lanes["one"].pause(10.0)
    world.wait(3.0)
    world.store.commit_all()
    assert world.lanes["one"].queue.waiting == 1
    # One list about a finished message and about B; before its commit another one about D.
    world.told(Report("c1", M.DELIVERED), Report("b1", M.DELIVERED))
    world.store.commit(2)  # both are found; the one about C is being dropped
    world.told(Report("d1", M.ENROUTE, message_id=d))
    world.store.commit_all()
    for _ in range(12):
        world.wait(1.0)
        world.store.commit_all()
    assert world.wire.submitted() == [b, c, d]
    assert world.store.messages[b].state == M.DELIVERED
    assert world.lane_set.depth == 0


def waiting(**options: Any) -> tuple[World, int]:
    """Return a world with one message that was Postponed and waits to be begun again."""
    world = World(store=FakeStore(at_once=False), **options)
    session = world.session()
    world.take(session, submit_sm())
    world.store.commit_all()
    [message_id] = session.ids()
    world.wire.answer((message_id, Postponed("busy")))
    world.store.commit_all()
    return world, message_id


def answered_first(world: World) -> None:
    """Let the last question be answered before the writes that were asked for earlier."""
    world.store.pending.insert(0, world.store.pending.pop())


@pytest.mark.parametrize("durable", [True, False])
def test_a_report_while_a_message_is_begun_again_keeps_its_request_from_leaving(
    durable: bool,
) -> None:
    world, message_id = waiting()
    world.wait(3.0)
    while world.store.pending[0].verb != "begin":
        world.store.commit(1)
    world.told(Report("x", M.DELIVERED, message_id=message_id))
    answered_first(world)
    world.store.commit(1)  # the report finds the message WAITING, and being begun
    if durable:
        world.store.commit_all()
        assert world.store.messages[message_id].stage is Stage.FINISHED
    else:
        while world.store.pending:
            failing = world.store.pending[0].verb == "settle"
            (world.store.fail if failing else world.store.commit)(1)
    for _ in range(4):
        world.wait(3.0)
        world.store.commit_all()
    assert world.wire.submitted() == [message_id] * (1 if durable else 2)
    assert world.lane_set.depth == 0
    assert world.lanes["one"].out == (0 if durable else 1)


def test_an_outcome_waits_until_it_is_known_whether_a_report_has_ended_its_message() -> None:
    world, (b, *_) = three()
    world.told(Report("b1", M.DELIVERED, message_id=b))
    world.store.commit(1)  # found: out
    world.wire.answer((b, Accepted("b1")))
    assert "record" not in [call.verb for call in world.store.pending]
    assert not world.submit.idle
    world.store.fail()  # the settlement: the provider calls again, perhaps
    world.submit.tick()
    world.store.commit_all()
    assert world.store.messages[b].stage is Stage.SUBMITTED
    world.told(Report("b1", M.DELIVERED))
    world.store.commit_all()
    assert world.store.messages[b].state == M.DELIVERED


def test_an_outcome_of_a_message_that_has_ended_is_dropped() -> None:
    world, (b, *_) = three()
    world.told(Report("b1", M.DELIVERED, message_id=b))
    world.store.commit_all()
    for outcome in (Postponed("busy"), Refused("no credit", provider_fault=True), Uncertain("?")):
        attempt = world.store.messages[b].attempt()
        world.submit._decide([(attempt, outcome, False)])
    world.store.commit_all()
    world.wait(700.0)
    world.store.commit_all()
    assert world.wire.submitted().count(b) == 1
    assert world.lane_set.depth == 0
    assert [d.state for d in world.store.unfinished() if d.message_id == b] == [M.DELIVERED]


def test_a_message_that_waits_again_while_a_report_ends_it_is_held_until_the_end_is_known() -> None:
    for durable in (True, False):
        world, (b, *_) = three()
        world.wire.answer((b, Postponed("busy")))
        world.told(Report("b1", M.DELIVERED, message_id=b))
        calls = [call.verb for call in world.store.pending]
        assert calls == ["record", "find"]
        find = (
            world.store.pending.pop()
        )  # answered before the record, as one turn of the store does
        world.store.pending.insert(0, find)
        world.store.commit(2)
        assert [call.verb for call in world.store.pending] == ["settle"]
        assert world.lane_set.depth == 1
        (world.store.commit if durable else world.store.fail)()
        world.wait(5.0)
        world.store.commit_all()
        world.tick()
        world.store.commit_all()
        assert world.wire.submitted().count(b) == (1 if durable else 2)
        assert world.lane_set.depth == 0


def test_a_message_that_was_diverted_while_a_report_ended_it_is_in_no_line() -> None:
    providers = {"one": FakeProvider("one"), "two": FakeProvider("two")}
    world, message_id = waiting(providers=providers, lane=LaneRules(failover_after=0.0))
    world.told(Report("x", M.DELIVERED, message_id=message_id))
    world.store.commit_all()
    lane = world.lanes["one"]
    lane.watch_credit(is_low=True)
    attempt = world.store.messages[message_id].attempt()
    attempt.provider, attempt.hop = "two", 1
    world.submit.backlog.wait([attempt])  # as when its move is durable
    world.wait(5.0)
    world.store.commit_all()
    assert world.wire.submitted() == [message_id]
    assert world.lane_set.depth == 0


def test_expiry_leaves_a_message_to_the_report_that_is_ending_it() -> None:
    world, message_id = waiting()
    world.told(Report("x", M.DELIVERED, message_id=message_id))
    world.store.commit(1)
    world.clock.now += 90_000.0
    world.spawn(world.submit.backlog.expire())
    world.store.commit_all()
    assert world.store.messages[message_id].state == M.DELIVERED
    assert world.lane_set.depth == 0
    assert [d.state for d in world.store.unfinished()] == [M.DELIVERED]


def test_what_could_not_be_settled_is_answered_so_and_settled_when_told_again() -> None:
    world, (b, c, _) = three()
    world.wire.answer((b, Accepted("b1")), (c, Accepted("c1")))
    world.store.commit_all()
    answered = world.told(Report("b1", M.DELIVERED), Report("c1", M.REJECTED))
    world.store.fail()
    assert answered == [StoreFailure]
    assert world.told(Report("b1", M.DELIVERED), Report("c1", M.REJECTED)) == []
    world.store.commit_all()
    assert [(d.message_id, d.state) for d in world.store.unfinished()] == [
        (b, M.DELIVERED),
        (c, M.REJECTED),
    ]

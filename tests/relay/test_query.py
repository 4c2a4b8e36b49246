"""query_sm at every stage of a message, from the store and from providers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from smppbridge.model.message import KnownState, Stage
from smppbridge.model.outcome import Accepted
from smppbridge.model.reasons import Reason
from smppbridge.model.report import Report
from smppbridge.providers.exchange import BadReply, NoAnswer
from smppbridge.relay.query import ANSWERED_WITHIN, joint, response_of
from smppbridge.relay.submit.overdue import PollRules
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.constants import MessageState as State
from smppbridge.smpp.pdus import QuerySm, QuerySmResp
from tests.relay.fakes import NOW, FakeAsker, World, account, segment_sm, submit_sm
from tests.relay.staged import (
    ENDED,
    HERE,
    LEFT,
    NOBODY,
    paused,
    restarted,
    submitted,
    uncertain,
    waiting,
)

FINAL_DATE = b"270115080000000+"  # NOW


def query(message_id: bytes = b"1", number: int = 5, **changes: Any) -> QuerySm:
    fields = {"source_addr": b"BANK", "source_addr_ton": 5, **changes}
    return QuerySm(0, number, message_id, **fields)


def answer(state: int, final_date: bytes = b"", error: int = 0, number: int = 5) -> QuerySmResp:
    return QuerySmResp(0, number, b"1", final_date, state, error)


def refused(status: int = Status.ESME_RQUERYFAIL, message_id: bytes = b"1") -> QuerySmResp:
    return QuerySmResp(status, 5, message_id, b"", State.UNKNOWN, 0)


@pytest.mark.parametrize("again", [False, True], ids=["", "after a restart"])
@pytest.mark.parametrize("stage", [*HERE, *LEFT])
def test_an_open_message_is_enroute(stage: str, again: bool) -> None:
    world = (HERE | LEFT)[stage]()
    world = restarted(world) if again else world
    assert world.asked(query()).answers == [answer(State.ENROUTE)]


@pytest.mark.parametrize("again", [False, True], ids=["", "after a restart"])
@pytest.mark.parametrize("state", ENDED)
def test_an_ended_message_has_its_state_and_date(state: str, again: bool) -> None:
    world = ENDED[state]()
    world = restarted(world) if again else world
    assert world.asked(query()).answers == [answer(State[state.upper()], FINAL_DATE)]


@pytest.mark.parametrize("again", [False, True], ids=["", "after a restart"])
@pytest.mark.parametrize("stage", NOBODY)
def test_any_other_message_does_not_exist(stage: str, again: bool) -> None:
    world = NOBODY[stage]()
    world = restarted(world) if again else world
    assert world.asked(query()).answers == [refused()]
    assert world.said.counts["operated", "bank", "query", Status.ESME_RQUERYFAIL] == 1
    assert world.said.events[-1] == (
        "query_refused",
        {"system_id": "bank", "command_status": "ESME_RQUERYFAIL", "reason": "unknown_message"},
    )
    assert world.noted.reasons == {(Reason.UNKNOWN_MESSAGE, "bank"): 1}


@pytest.mark.parametrize(
    "message_id", [b"", b"x", b"-1", b"1 1", b"0x1", b"\xb2", b"9" * 64, b"%d" % 2**63]
)
def test_what_is_no_message_id_names_nothing(message_id: bytes) -> None:
    world = waiting()
    found = world.asked(query(message_id), query(), query(message_id)).answers
    assert found == [refused(message_id=message_id), answer(State.ENROUTE), found[0]]
    assert world.noted.reasons == {(Reason.UNKNOWN_MESSAGE, "bank"): 2}


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({}, True),
        ({"source_addr_ton": 0}, True),  # not known (SMPP 3.4, 4.8.1)
        ({"source_addr_ton": 1}, False),
        ({"source_addr_npi": 1}, False),
        ({"source_addr": b"bank"}, False),
        ({"source_addr": b""}, False),
        ({"source_addr": b"BANK\xff"}, False),
    ],
)
def test_the_source_is_that_of_the_submit_sm(fields: dict[str, Any], found: bool) -> None:
    expected = answer(State.ENROUTE) if found else refused()
    assert waiting().asked(query(**fields)).answers == [expected]


@pytest.mark.parametrize("asked", [b"243990000009", b"+243990000009"])
@pytest.mark.parametrize("written", [b"243990000009", b"+243990000009"])
def test_a_plus_sign_says_nothing(written: bytes, asked: bytes) -> None:
    world = paused()
    world.sent(submit_sm(source_addr=written, source_addr_ton=1))
    found = world.asked(query(source_addr=asked, source_addr_ton=1)).answers
    assert found == [answer(State.ENROUTE)]


def test_a_message_without_a_source_is_named_without_one() -> None:
    world = paused()
    world.sent(submit_sm(source_addr=b"", source_addr_ton=0))
    asked = world.asked(query(source_addr=b"", source_addr_ton=0), query())
    assert asked.answers == [answer(State.ENROUTE), refused()]


def test_every_segment_has_the_state_of_its_message() -> None:
    world = World()
    world.sent(segment_sm(1, 2, b"a"), segment_sm(2, 2, b"b"))
    assert world.asked(query(b"1"), query(b"2")).statuses() == [0, 0]
    world.wire.answer((1, Accepted("X")))
    world.told(Report("X", State.UNDELIVERABLE, 300))
    found = world.asked(query(b"2"), query(b"1"), query(b"3")).answers
    assert [(a.message_state, a.error_code, a.final_date) for a in found] == [
        (5, 255, FINAL_DATE),  # an octet
        (5, 255, FINAL_DATE),
        (7, 0, b""),
    ]


def test_queries_that_come_together_are_one_call_over_all_sessions() -> None:
    world = waiting()
    world.store.at_once, world.store.log = False, []
    first, second = FakeAsker(world.rights), FakeAsker(world.rights)
    world.asked(query(number=2), session=first)
    for n in range(3, 50):
        world.asked(query(b"%d" % (n % 3 + 1), number=n), session=(first, second)[n % 2])
    assert world.query.waiting == 48
    world.store.commit_all()
    assert world.store.log == ["states", "states"]
    assert world.query.waiting == 0
    for session in (first, second):
        assert len(session.statuses()) == len(session.answers) == 24
    found = {a.sequence_number: a.command_status for a in first.answers + second.answers}
    failed = Status.ESME_RQUERYFAIL
    assert found == {n: 0 if n % 3 == 0 or n == 2 else failed for n in range(2, 50)}


def test_a_store_that_fails_is_a_system_error() -> None:
    world = waiting()

    def states(message_ids: Any) -> Any:
        return world.store._do("states", writes=True)

    world.store.states = states
    world.store.at_once = False
    session = world.asked(query())
    world.store.fail()
    assert session.answers == [refused(Status.ESME_RSYSERR)]
    assert world.noted.reasons == {(Reason.STORE_FAILED, "bank"): 1}
    assert world.query.waiting == 0


# -- `query: ask` ---------------------------------------------------------------------------

Made = Callable[..., World]


def test_the_provider_is_asked_where_no_end_is_known() -> None:
    world = submitted(query="ask")
    session = world.asked(query())
    assert (session.answers, world.query.waiting) == ([], 1)
    assert world.wire.sent[-1] == ("one", "query", "X")
    world.wire.answer(("X", Report("X", State.DELIVERED)), operation="query")
    assert session.answers == [answer(State.DELIVERED, FINAL_DATE)]
    assert session.statuses() == [0]
    assert (world.query.waiting, len(world.store.deliveries)) == (0, 1)  # with its receipt


@pytest.mark.parametrize("found", [BadReply("none"), NoAnswer(), Report("X", State.ENROUTE)])
def test_an_answer_that_tells_no_end_leaves_what_the_store_knows(found: Any) -> None:
    world = submitted(query="ask")
    session = world.asked(query())
    world.wire.answer(("X", found), operation="query")
    assert session.answers == [answer(State.ENROUTE)]
    assert world.query.waiting == 0


def test_a_provider_that_is_silent_is_not_waited_for() -> None:
    world = submitted(query="ask")
    session = world.asked(query())
    world.clock.now += ANSWERED_WITHIN - 0.1
    world.query.tick()
    assert session.answers == []
    world.clock.now += 0.1
    world.query.tick()
    assert session.answers == [answer(State.ENROUTE)]
    world.wire.answer(("X", Report("X", State.DELIVERED)), operation="query")
    assert len(session.answers) == 1
    assert world.asked(query()).answers[0].message_state == State.DELIVERED


def test_queries_of_one_message_share_a_poll_and_the_rate_of_polls_is_kept() -> None:
    world = submitted(query="ask", polls=PollRules(rate=1.0))
    session = world.asked(query(number=5), query(number=6))
    assert [each[1] for each in world.wire.sent].count("query") == 1
    world.wire.answer(("X", Report("X", State.ENROUTE)), operation="query")
    assert [a.sequence_number for a in session.answers] == [5, 6]
    assert world.asked(query()).answers == [answer(State.ENROUTE)]  # not asked again at once
    assert [each[1] for each in world.wire.sent].count("query") == 1


@pytest.mark.parametrize("made", [waiting, uncertain, *ENDED.values()])
def test_nobody_is_asked_before_and_after(made: Made) -> None:
    world = made(query="ask")
    assert world.asked(query()).statuses() == [0]
    assert "query" not in [each[1] for each in world.wire.sent]


def test_an_account_that_does_not_ask_is_answered_from_the_store() -> None:
    world = submitted()
    assert world.asked(query()).answers == [answer(State.ENROUTE)]
    assert "query" not in [each[1] for each in world.wire.sent]


# -- pure rules -----------------------------------------------------------------------------


def known(stage: Stage, state: int = 0, done_at: float | None = None) -> KnownState:
    return KnownState("bank", "BANK", 0, stage, state, 0, done_at)


def test_messages_of_one_id_have_the_state_in_common() -> None:
    well, failed = known(Stage.FINISHED, 2, 5.0), known(Stage.FINISHED, 5, 3.0)
    assert joint([well, well]) == well
    assert joint([well, known(Stage.SUBMITTED), failed]).stage == Stage.SUBMITTED
    assert joint([well, failed]) == joint([failed, well]) == known(Stage.FINISHED, 5, 5.0)


@pytest.mark.parametrize(
    ("state", "told"), [(State.SKIPPED, State.UNDELIVERABLE), (State.ACCEPTED, State.ACCEPTED)]
)
def test_states_of_other_versions_are_not_sent(state: int, told: int) -> None:
    assert response_of(query(), known(Stage.FINISHED, state, NOW)).message_state == told


def test_a_date_that_smpp_cannot_write_is_left_out() -> None:
    response = response_of(query(), known(Stage.FINISHED, 2, 0.0))
    assert (response.final_date, response.message_state) == (b"", 2)


def test_an_account_asks_nobody_by_default() -> None:
    assert account().query == "store"

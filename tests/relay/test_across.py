"""query_sm, cancel_sm and replace_sm at a bridge that does not have their message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from smppbridge.model.message import Stage
from smppbridge.model.reasons import Reason
from smppbridge.model.report import Report
from smppbridge.relay import across
from smppbridge.relay.across import Across
from smppbridge.smpp.constants import CommandId
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.constants import MessageState as State
from smppbridge.smpp.pdus import CancelSm, Pdu, QuerySm, ReplaceSm
from tests.relay.fake_others import FakeOthers
from tests.relay.fake_store import OTHER, FakeStore
from tests.relay.fakes import FakeAsker, World, segment_sm, submit_sm
from tests.relay.staged import paused, submitted
from tests.relay.test_cancel import by_addresses, cancel

FAILED = Status.ESME_RCANCELFAIL


def movements(world: World) -> dict[int, Any]:
    return {
        CommandId.QUERY_SM: world.query.take,
        CommandId.CANCEL_SM: world.cancel.take,
        CommandId.REPLACE_SM: world.replace.take,
    }


class Two:
    """Two bridges of one store: *far* has the messages, *here* is asked; *others* is far's end."""

    def __init__(self, far: World, **about_account: Any) -> None:
        self.far, store = far, FakeStore()
        store.messages, store.deliveries = far.store.messages, far.store.deliveries
        store.segments = far.store.segments
        store.taken = set(store.messages)
        self.here = World(store=store, **about_account)
        self.others = FakeOthers({across.ACT: self.carried_out})
        here = self.here
        self.across = Across(store, self.others, movements(here), here.around, here.said.journal)

    async def carried_out(self, body: Mapping[str, Any]) -> Any:
        done: Deferred[Any] = Deferred()
        rights, now = {"bank": self.far.rights}, self.far.clock.monotonic()
        await across.carry_out(body, movements(self.far), rights.get, now, done.callback)
        return across.written_response(await done)

    def asked(self, request: Any) -> Any:
        """Ask here; return the session, which has its answer."""
        session: Any = FakeAsker(self.here.rights)
        self.here.spawn(self.across.take(session, request))
        self.here.sound()
        self.far.sound()
        return session


@pytest.fixture
def two() -> Two:
    far = paused()
    far.sent(submit_sm(), submit_sm(b"other"))
    return Two(far)


def query(message_id: bytes = b"1") -> QuerySm:
    return QuerySm(0, 5, message_id, source_addr=b"BANK", source_addr_ton=5)


def replacement(text: bytes = b"new", message_id: bytes = b"1", **changes: Any) -> ReplaceSm:
    fields = {"source_addr": b"BANK", "source_addr_ton": 5, "short_message": text, **changes}
    return ReplaceSm(0, 5, message_id=message_id, **fields)


def statuses(two: Two, request: Pdu) -> list[int]:
    return [each.command_status for each in two.asked(request).answers]


def test_the_owner_cancels_and_its_answer_is_the_answer(two: Two) -> None:
    """It is counted and logged where the ESME is, once."""
    session = two.asked(cancel())
    assert [(each.command_status, each.sequence_number) for each in session.answers] == [(0, 5)]
    assert two.far.store.stages() == {1: Stage.FINISHED, 2: Stage.WAITING}
    assert two.others.asked[0][:2] == ({OTHER}, across.ACT)
    assert statuses(two, cancel()) == [FAILED]
    counts = [world.said.counts for world in (two.here, two.far)]
    assert [each["operated", "bank", "cancel", 0] for each in counts] == [1, 0]
    assert [each["operated", "bank", "cancel", FAILED] for each in counts] == [1, 0]
    reasons = [world.noted.reasons[Reason.NOT_CANCELLABLE, "bank"] for world in (two.here, two.far)]
    assert reasons == [1, 0]


def test_a_message_that_no_bridge_has_is_nobodys(two: Two) -> None:
    assert statuses(two, cancel(b"77")) == [FAILED]
    assert statuses(two, cancel(b"x")) == [FAILED]
    assert statuses(two, cancel(source_addr=b"OTHER")) == [FAILED]
    assert two.others.asked[1:] == []  # the owner is the judge of the source alone


def test_a_message_of_ours_is_cancelled_here(two: Two) -> None:
    two.here.store.taken.clear()
    assert statuses(two, cancel()) == [0]
    assert two.others.asked == []


def test_by_addresses_all_bridges_are_asked(two: Two) -> None:
    """One success is success; all together are counted once."""
    two.here.store.taken = {2}
    assert statuses(two, by_addresses()) == [0]
    assert two.others.asked[0][0] is None
    assert two.here.store.stages() == dict.fromkeys((1, 2), Stage.FINISHED)
    assert statuses(two, by_addresses()) == [FAILED]
    assert two.here.said.counts["operated", "bank", "cancel", 0] == 1
    assert two.far.said.counts["operated", "bank", "cancel", 0] == 0


def test_by_addresses_without_other_bridges_nobody_is_asked(two: Two) -> None:
    two.here.store.taken.clear()
    two.others.alone = True
    assert statuses(two, by_addresses()) == [0]
    assert two.others.asked == []


def test_segments_that_gather_at_another_bridge_are_ended() -> None:
    far = paused()
    far.sent(segment_sm(1, 2, b"part"))
    two = Two(far)
    assert statuses(two, cancel()) == [0]
    assert far.store.stages() == {1: Stage.FINISHED}
    assert len(far.accept.gather) == 0


@pytest.mark.parametrize("request_", [cancel(), by_addresses()], ids=["by id", "by addresses"])
def test_a_silent_owner_is_a_failure(two: Two, request_: CancelSm) -> None:
    two.others.silent = ["b"]
    assert statuses(two, request_) == [FAILED]
    assert two.here.noted.reasons[Reason.NOT_CANCELLABLE, "bank"] == 1


def test_a_success_counts_though_another_bridge_is_silent(two: Two) -> None:
    two.others.silent = ["c"]
    assert statuses(two, by_addresses()) == [0]
    assert statuses(two, by_addresses()) == [FAILED]


@pytest.mark.parametrize("request_", [cancel(), by_addresses(), replacement()], ids=type)
def test_a_store_that_fails_asks_nobody(two: Two, request_: Pdu) -> None:
    two.others.failing = True
    assert statuses(two, request_) == [Status.ESME_RSYSERR]
    assert two.far.store.stages() == dict.fromkeys((1, 2), Stage.WAITING)


def test_an_account_that_the_owner_does_not_have(two: Two) -> None:
    two.far.rights = None  # type: ignore[assignment]
    assert statuses(two, cancel()) == [FAILED]
    assert statuses(two, replacement()) == [Status.ESME_RREPLACEFAIL]


def test_the_owner_replaces(two: Two) -> None:
    assert statuses(two, replacement()) == [0]
    assert two.far.store.messages[1].message.text == "new"
    wrong = replacement(validity_period=b"nonsense")
    assert statuses(two, wrong) == [Status.ESME_RINVEXPIRY]
    two.others.silent = ["b"]
    assert statuses(two, replacement()) == [Status.ESME_RREPLACEFAIL]


def test_a_replacement_is_a_submission_of_the_bridge_that_was_asked() -> None:
    """Its throughput counts, and not the owner's."""
    far = paused(throughput=1.0)
    far.sent(submit_sm())
    two = Two(far, throughput=1.0)
    assert statuses(two, replacement(b"one")) == [0]
    assert statuses(two, replacement(b"two")) == [Status.ESME_RTHROTTLED]
    assert far.store.messages[1].message.text == "one"


def test_a_query_is_for_the_store(two: Two) -> None:
    assert [each.message_state for each in two.asked(query()).answers] == [State.ENROUTE]
    assert two.others.asked == []
    assert statuses(two, query(b"x")) == [Status.ESME_RQUERYFAIL]


def test_a_query_that_asks_the_provider_is_for_the_owner() -> None:
    """If that is silent the store answers; the provider is asked by nobody else."""
    far = submitted(query="ask")
    two = Two(far, query="ask")
    session = two.asked(query())
    assert session.answers == []
    far.wire.answer(("X", Report("X", State.DELIVERED)), operation="query")
    assert [each.message_state for each in session.answers] == [State.DELIVERED]
    assert two.here.wire.sent == []


def test_a_query_of_a_silent_owner_is_answered_by_the_store() -> None:
    far = submitted(query="ask")
    two = Two(far, query="ask")
    two.others.silent = ["b"]
    assert [each.message_state for each in two.asked(query()).answers] == [State.ENROUTE]
    assert two.here.wire.sent == []


@pytest.mark.parametrize(
    ("request_", "failed"),
    [(cancel(), FAILED), (by_addresses(), FAILED), (replacement(), Status.ESME_RREPLACEFAIL)],
    ids=["cancel", "by addresses", "replace"],
)
def test_what_another_bridge_has_is_left_to_it(request_: Pdu, failed: int) -> None:
    """Though its attempt is in memory: a bridge that was taken over may be asked."""
    world = paused()
    world.sent(submit_sm())
    world.store.taken = {1}
    assert world.asked(request_).statuses() == [failed]
    assert world.store.messages[1].message.text == "hello"
    assert world.store.stages() == {1: Stage.WAITING}

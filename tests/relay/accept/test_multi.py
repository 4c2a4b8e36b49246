"""submit_multi: a message for each destination, one message_id, all or nothing."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from smppbridge.model.address import Address
from smppbridge.model.lists import MOST_NUMBERS, NumberList
from smppbridge.model.message import Message
from smppbridge.model.outcome import Accepted
from smppbridge.model.reasons import Reason
from smppbridge.model.report import Report
from smppbridge.providers.d7 import D7
from smppbridge.providers.exchange import Provider
from smppbridge.providers.mspace import MSpaceV2
from smppbridge.providers.smscx import SmsCx
from smppbridge.relay.accept import multi
from smppbridge.relay.accept.optouts import Optouts
from smppbridge.relay.lanes.batch import attempts_of
from smppbridge.routing.rules import Rule
from smppbridge.routing.senders import SenderPolicy
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.constants import MessageState, Tag
from smppbridge.smpp.fields import DistributionList, SmeAddress, UnsuccessSme
from smppbridge.smpp.oddities import Oddity
from smppbridge.smpp.pdus import SubmitMulti, SubmitMultiResp
from smppbridge.smpp.tlvs import find
from tests.relay.fake_store import FakeStore
from tests.relay.fakes import (
    FakeProvider,
    FakeReceiver,
    FakeWire,
    KeyedProvider,
    TextProvider,
    World,
    sar,
    submit_sm,
)

LISTS = {
    "staff": NumberList(("243810000007", "243810000008", "243810000009")),
    "board": NumberList(("243810000008",), frozenset(("shop",))),
    "abroad": NumberList(("33612345678", "243810000001", "33612345679")),
}


class Session:
    """A session that submits to many."""

    def __init__(self, world: World, interface_version: int = 0x34) -> None:
        self.oddities: list[Oddity] = []
        self.rights, self.interface_version = world.rights, interface_version
        self.answers: list[SubmitMultiResp] = []
        self.flushes = 0

    def answer(self, response: SubmitMultiResp) -> None:
        SubmitMultiResp.encode(response)
        self.answers.append(response)

    def odd(self, oddity: Oddity) -> None:
        self.oddities.append(oddity)

    def flush(self) -> None:
        self.flushes += 1


def sme(addr: str, ton: int = 1, npi: int = 1) -> SmeAddress:
    return SmeAddress(ton, npi, addr.encode("latin-1"))


def named(name: str) -> DistributionList:
    return DistributionList(name.encode())


def submit_multi(*to: SmeAddress | DistributionList, **changes: Any) -> SubmitMulti:
    fields: dict[str, Any] = {
        "source_addr": b"BANK",
        "source_addr_ton": 5,
        "registered_delivery": 1,
        "short_message": b"hello",
    }
    return SubmitMulti(0, 7, dest_address=to, **{**fields, **changes})


def made(**options: Any) -> World:
    world = World(**options)
    world.multi.change(LISTS)
    return world


def answered(world: World, request: SubmitMulti) -> SubmitMultiResp:
    session = Session(world)
    world.run(world.multi.take(session, request))
    (answer,) = session.answers
    assert session.flushes == 1
    assert answer.sequence_number == 7
    return answer


def unsuccess(answer: SubmitMultiResp) -> dict[str, int]:
    return {e.destination_addr.decode(): e.error_status_code for e in answer.unsuccess_sme}


def numbers(world: World) -> list[str]:
    return [row.message.number for row in world.store.messages.values()]


ODD = [
    (sme("?"), Status.ESME_RINVDSTADR),
    (sme("243\xe9"), Status.ESME_RINVDSTADR),
    (sme(""), Status.ESME_RINVDSTADR),
    (sme("243810000001", ton=7), Status.ESME_RINVDSTTON),
    (sme("33612345678"), Status.ESME_RINVDSTADR),  # no route
    (sme("243899999999"), Status.ESME_RINVDSTADR),  # opted out
    (named("nobody"), Status.ESME_RINVDLNAME),
    (named("board"), Status.ESME_RINVDLNAME),  # another account's
]


@pytest.mark.parametrize(("odd", "status"), ODD)
@pytest.mark.parametrize("first", [True, False])
def test_an_odd_destination_is_told_apart(
    odd: SmeAddress | DistributionList, status: int, first: bool
) -> None:
    optouts = Optouts([("one", "243899999999")])
    optouts.change(("one",))
    world = made(optouts=optouts)
    good = sme("243810000001")
    answer = answered(world, submit_multi(*([odd, good] if first else [good, odd])))
    if isinstance(odd, SmeAddress):
        refused = UnsuccessSme(odd.dest_addr_ton, 1, odd.destination_addr, status)
    else:
        refused = UnsuccessSme(0, 0, odd.dl_name, status)
    assert (answer.command_status, answer.unsuccess_sme) == (0, (refused,))
    assert numbers(world) == ["243810000001"]
    assert world.said.counts["refused", "bank", status] == 1
    assert world.said.counts["accepted", "bank"] == 1
    if isinstance(odd, DistributionList):
        assert world.noted.reasons == {(Reason.BAD_LIST, "bank"): 1}


def test_one_message_id_stands_for_ids_in_a_row() -> None:
    world = made()
    before, answer, after = (
        world.sent(submit_sm())[0][2],
        answered(world, submit_multi(sme("243810000001"), sme("+243810000002", 0), named("staff"))),
        world.sent(submit_sm())[0][2],
    )
    first = int(answer.message_id)
    assert (before, after) == (first - 1, first + 5)
    rows = [world.store.messages[first + n].message for n in range(5)]
    assert [row.number for row in rows] == [
        "243810000001", "243810000002", "243810000007", "243810000008", "243810000009",
    ]  # fmt: skip
    assert {(row.traits.multi, row.traits.destinations) for row in rows} == {(first, 5)}
    assert {row.answered_id for row in rows} == {first}
    assert rows[1].destination == Address("+243810000002", 0, 1)
    assert rows[4].destination == Address("243810000009", 1, 1)
    assert {row.text for row in rows} == {"hello"}
    logged = [f for event, f in world.said.events if event == "message_accepted"]
    assert [each["message_id"] for each in logged] == [first + n for n in range(5)]
    assert {each["answered_id"] for each in logged} == {first}


def test_it_is_on_disk_before_it_is_answered() -> None:
    world = made(store=FakeStore(at_once=False))
    session = Session(world)
    world.run(world.multi.take(session, submit_multi(sme("243810000001"), sme("243810000002"))))
    assert session.answers == []
    assert not world.wire.sent
    world.store.commit(1)
    first = int(session.answers[0].message_id)
    assert sorted(world.store.messages) == [first, first + 1]
    assert world.wire.submitted() == [first, first + 1]


def test_nothing_is_kept_when_the_commit_fails() -> None:
    world = made(store=FakeStore(at_once=False))
    session = Session(world)
    request = submit_multi(sme("?"), sme("243810000001"), named("staff"))
    world.run(world.multi.take(session, request))
    world.store.fail()
    assert session.answers == [SubmitMultiResp(Status.ESME_RSYSERR, 7)]
    assert world.store.messages == {}
    assert not world.wire.sent
    assert all(lane.idle for lane in world.lanes.values())
    world.store.at_once = True
    assert answered(world, request).command_status == 0
    assert len(world.wire.submitted()) == 4


def test_all_destinations_failed_is_rok_still() -> None:
    world = made()
    answer = answered(world, submit_multi(sme("?"), named("nobody")))
    assert (answer.command_status, len(answer.unsuccess_sme)) == (0, 2)
    assert int(answer.message_id) > 0
    assert world.store.log == []
    assert int(answered(world, submit_multi(sme("?"))).message_id) > int(answer.message_id)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"source_addr": b"SHOP"}, Status.ESME_RINVSRCADR),
        ({"priority_flag": 4}, Status.ESME_RINVPRTFLG),
        ({"short_message": b""}, Status.ESME_RINVMSGLEN),
        ({"short_message": b"abc", "data_coding": 8}, Status.ESME_RINVMSGLEN),
        ({"validity_period": b"x"}, Status.ESME_RINVEXPIRY),
        ({"replace_if_present_flag": 2}, Status.ESME_RINVREPFLAG),
        ({"tlvs": sar(7, 2, 1)}, Status.ESME_RSUBMITFAIL),
        ({"short_message": b"\5\0\3\7\2\1a", "esm_class": 0x40}, Status.ESME_RSUBMITFAIL),
        ({"short_message": b"\5\0a", "esm_class": 0x40}, Status.ESME_RINVESMCLASS),
    ],
)
def test_what_is_wrong_with_the_message_refuses_all(changes: dict[str, Any], status: int) -> None:
    world = made(senders=("BANK",))
    answer = answered(world, submit_multi(sme("243810000001"), sme("?"), **changes))
    assert answer == SubmitMultiResp(status, 7)
    assert world.store.log == []
    assert world.said.counts["refused", "bank", status] == 1
    if status == Status.ESME_RSUBMITFAIL:
        assert world.noted.reasons == {(Reason.SEGMENT_TO_MANY, "bank"): 1}


def test_a_number_has_one_message_however_often_it_is_named() -> None:
    world = made()
    answer = answered(
        world,
        submit_multi(
            sme("+243 810000008", 0), named("staff"), sme("243810000008"), named("staff"),
        ),
    )  # fmt: skip
    assert answer.unsuccess_sme == ()
    assert numbers(world) == ["243810000008", "243810000007", "243810000009"]
    first = world.store.messages[int(answer.message_id)].message
    assert first.destination == Address("+243 810000008", 0, 1)  # as it is named first


def test_a_number_of_a_list_is_refused_by_its_own_address() -> None:
    world = made()
    answer = answered(world, submit_multi(named("abroad")))
    assert answer.unsuccess_sme == (
        UnsuccessSme(1, 1, b"33612345678", Status.ESME_RINVDSTADR),
        UnsuccessSme(1, 1, b"33612345679", Status.ESME_RINVDSTADR),
    )
    assert numbers(world) == ["243810000001"]


def test_lists_have_bounds() -> None:
    world = made(backlog=MOST_NUMBERS * 2)
    many = tuple(f"2438{n:08}" for n in range(MOST_NUMBERS))
    world.multi.change({"many": NumberList(many), "one": NumberList(("243900000001",))})
    answer = answered(world, submit_multi(named("many"), named("one")))
    assert unsuccess(answer) == {"one": Status.ESME_RCNTSUBDL}
    assert len(world.store.messages) == MOST_NUMBERS
    assert world.store.messages[int(answer.message_id)].message.traits.destinations == MOST_NUMBERS


@pytest.mark.parametrize(("backlog", "count"), [(3, 1), (4, 4)])
def test_a_list_fits_into_the_backlog_or_is_refused(backlog: int, count: int) -> None:
    world = made(backlog=backlog)
    answer = answered(world, submit_multi(named("staff"), sme("243810000001")))
    assert unsuccess(answer) == ({} if count > 1 else {"staff": Status.ESME_RMSGQFUL})
    assert (numbers(world)[0], len(world.store.messages)) == ("243810000001", count)


def test_a_full_backlog_and_a_drain_refuse() -> None:
    world = made(backlog=0)
    request = submit_multi(sme("243810000001"))
    assert answered(world, request) == SubmitMultiResp(Status.ESME_RMSGQFUL, 7)
    other = made()
    other.accept.drain()
    assert answered(other, request) == SubmitMultiResp(Status.ESME_RSYSERR, 7)


def test_every_destination_counts_against_the_throughput() -> None:
    world = made(throughput=5.0)
    request = submit_multi(sme("243810000001"), named("staff"))
    assert answered(world, request).command_status == 0
    assert world.sent(submit_sm())[0][1] == 0
    assert answered(world, submit_multi(sme("?"))) == SubmitMultiResp(Status.ESME_RTHROTTLED, 7)
    world.clock.now += 1.0
    assert answered(world, submit_multi(*map(sme, "abcdefgh"))).command_status == 0  # lent
    assert world.sent(submit_sm())[0][1] == Status.ESME_RTHROTTLED


def test_refused_destinations_beyond_what_the_response_counts_are_rejected_with_a_receipt() -> None:
    world = made(rules=[Rule("243", ("one",))])
    abroad = tuple(f"336{n:08}" for n in range(255))
    world.multi.change({"abroad": NumberList(abroad)})
    receiver = FakeReceiver(window=1_000)
    world.deliver.bound("bank", receiver)
    answer = answered(world, submit_multi(named("abroad"), sme("?"), sme("243810000001")))
    told = unsuccess(answer)
    assert (len(told), told["?"]) == (255, Status.ESME_RINVDSTADR)
    assert numbers(world) == ["243810000001", abroad[-1]]
    world.tick()
    ((receipt, delivery),) = receiver.asked
    assert receipt.source_addr == abroad[-1].encode()
    assert receipt.short_message.startswith(b"id:" + answer.message_id + b" ")
    assert delivery.state == MessageState.REJECTED
    (ended,) = (f for event, f in world.said.events if event == "message_failed")
    assert ended["answered_id"] == int(answer.message_id)
    assert len(world.wire.submitted()) == 1


def test_an_end_that_the_store_does_not_take_is_released() -> None:
    world = made(store=FakeStore(at_once=False))
    world.multi.change({"abroad": NumberList(tuple(f"336{n:08}" for n in range(300)))})
    session = Session(world)
    world.run(world.multi.take(session, submit_multi(named("abroad"))))
    world.store.fail()
    assert session.answers[0].command_status == Status.ESME_RSYSERR
    assert not world.endings.moving
    assert not world.endings._claims


def test_each_receipt_has_the_message_id_of_the_response() -> None:
    world = made()
    receiver = FakeReceiver()
    world.deliver.bound("bank", receiver)
    answer = answered(world, submit_multi(*map(sme, ["243810000001", "+243810000002"])))
    first = int(answer.message_id)
    world.wire.answer((first, Accepted("a")), (first + 1, Accepted("b")))
    assert world.told(
        Report("b", MessageState.DELIVERED), Report("a", MessageState.UNDELIVERABLE)
    ) == ["kept"]
    world.tick()
    told = {receipt.source_addr: receipt for receipt, _ in receiver.asked}
    assert list(told) == [b"+243810000002", b"243810000001"]
    for receipt in told.values():
        assert receipt.short_message.startswith(b"id:%d " % first)
        assert find(receipt.tlvs, Tag.RECEIPTED_MESSAGE_ID) == b"%d\0" % first
    assert b"stat:DELIVRD" in told[b"+243810000002"].short_message
    assert sorted(receiver.ids()) == [first, first + 1]  # in the store each by its own


def test_batches_carry_what_goes_to_one_lane() -> None:
    world = made(providers={"one": KeyedProvider("one")}, rules=[Rule("243", ("one",))])
    to = [sme(f"24381{n:07}") for n in range(8)]
    first = int(answered(world, submit_multi(*to)).message_id)
    batches = [ids for _, *ids in world.wire.batches()]
    assert batches == [[first, first + 1, first + 2], [first + 3, first + 4, first + 5],
                       [first + 6, first + 7]]  # fmt: skip


@pytest.mark.parametrize(
    "provider",
    [
        MSpaceV2(username="u", apikey="k", batch=100),
        SmsCx(api_key="k", batch=100),
        D7(username="u", password="p", batch=100, callback_url="https://sms.example.org/x"),
    ],
    ids=lambda provider: type(provider).__name__,
)
def test_a_whole_submit_multi_leaves_in_few_requests(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads: list[Any] = []
    monkeypatch.setattr(
        FakeWire, "send", lambda _, name, asks: loads.extend(each.about for each, _ in asks)
    )
    world = made(providers={"one": provider}, rules=[Rule("243", ("one",))])
    to = [sme(f"24381{n:07}") for n in range(254)]
    first = int(answered(world, submit_multi(*to)).message_id)
    world.tick()
    carried = [[a.message.message_id for a in attempts_of(load)] for load in loads]
    assert [len(each) for each in carried] == [100, 100, 54]
    assert [each for ids in carried for each in ids] == list(range(first, first + 254))


def test_every_destination_has_the_route_of_its_own() -> None:
    world = made(
        providers={"one": TextProvider("one"), "two": FakeProvider("two")},
        rules=[
            Rule("24381", ("one",)),
            Rule("24382", ("two",), sender=SenderPolicy(allowed=(), replace="INFO")),
            Rule("24383", ("two",), transliterates=True),
        ],
    )
    to = [sme("243810000001"), sme("243820000001"), sme("243830000001"), sme("243820000002")]
    answer = answered(world, submit_multi(*to, short_message=b"\0c\x20\x19", data_coding=8))
    first = int(answer.message_id)
    rows = [world.store.messages[first + n].message for n in range(4)]
    assert [row.route for row in rows] == [("one",), ("two",), ("two",), ("two",)]
    assert [row.traits.sender for row in rows] == ["", "INFO", "", "INFO"]
    assert [row.traits.transliterate for row in rows] == [False, False, True, False]
    assert {row.traits.multi for row in rows} == {first}


def test_octets_go_to_the_destinations_whose_provider_takes_them() -> None:
    world = made(
        providers={"one": TextProvider("one"), "two": FakeProvider("two")},
        rules=[Rule("24381", ("one",)), Rule("24382", ("two",))],
    )
    to = [sme("243810000001"), sme("243820000001")]
    answer = answered(world, submit_multi(*to, short_message=b"\xff", data_coding=4))
    assert unsuccess(answer) == {"243810000001": Status.ESME_RSUBMITFAIL}
    assert world.noted.reasons == {(Reason.NO_BINARY, "bank"): 1}
    assert world.store.messages[int(answer.message_id)].message.binary == b"\xff"


def test_a_scheduled_submit_multi_waits_for_its_time() -> None:
    world = made()
    to = [sme("243810000001"), sme("243810000002")]
    answered(world, submit_multi(*to, schedule_delivery_time=b"000000000100000R"))
    assert world.lane_set.depth == 2
    world.wait(60.0)
    assert len(world.wire.submitted()) == 2


def test_a_message_takes_every_field_of_the_draft() -> None:
    draft = Message(**{f.name: f"draft {f.name}" for f in fields(Message)})  # type: ignore[arg-type]
    own: dict[str, Any] = {"message_id": 0, "destination": Address("1"), "number": "1"}
    own |= {"route": (), "segments": ()}
    assert multi._message(draft, Address("1"), "1") == replace(draft, **own)

"""TLVs, classes and indications on their way: required, counted where lost, back in receipts."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from smppbridge.model.message import Attempt, Traits
from smppbridge.model.outcome import Accepted, Refused
from smppbridge.model.tlvs import DLT, NamedTlv
from smppbridge.providers.exchange import EVERY_TAG, Abilities
from smppbridge.relay.deliver import Outbox, deliver_sm
from smppbridge.relay.lanes.losses import losses
from smppbridge.routing.rules import Rule
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.constants import MessageState
from smppbridge.smpp.pdus import SubmitSm
from tests.relay.fakes import (
    FakeProvider,
    KeyedProvider,
    World,
    account,
    delivery,
    message,
    segment_sm,
    submit_sm,
)

ENTITY = DLT["dlt_entity_id"]
TLV = (0x1400, b"1101\0")
RULES = [Rule("", ("one", "two"), required=(ENTITY,))]


class RichProvider(FakeProvider):
    """Has a field for everything."""

    abilities: ClassVar[Abilities] = Abilities(classes=True, indications=True, tags=EVERY_TAG)


def statuses(world: World, *pdus: SubmitSm) -> list[int]:
    return [status for _, status, _ in world.sent(*pdus)]


def test_a_route_refuses_a_submit_sm_without_its_tlv_first_and_last() -> None:
    world = World(rules=RULES, named_tlvs=(ENTITY,))
    good, odd = submit_sm(tlvs=(TLV,)), submit_sm()
    missing = int(Status.ESME_RMISSINGOPTPARAM)
    assert sorted(statuses(world, odd, good, odd)) == [0, missing, missing]
    wrong = submit_sm(tlvs=((0x1400, b"x"),))
    assert statuses(world, wrong) == [Status.ESME_RINVOPTPARAMVAL]


def test_a_joined_message_needs_the_tlv_in_one_of_its_segments() -> None:
    world = World(rules=RULES)
    whole = [segment_sm(1, 2, b"one "), segment_sm(2, 2, b"two", tlvs=(TLV,))]
    assert statuses(world, *whole) == [0, 0]
    (row,) = world.store.messages.values()
    assert (row.message.text, row.message.traits.tlvs) == ("one two", (TLV,))
    lacking = [segment_sm(1, 2, b"1", reference=9), segment_sm(2, 2, b"2", reference=9)]
    assert statuses(world, *lacking) == [0, 0]
    assert world.said.counts["finished", "bank", MessageState.REJECTED] == 1


@pytest.mark.parametrize("provider", [FakeProvider("one"), RichProvider("one")])
def test_what_a_provider_has_no_field_for_is_counted_when_it_has_the_message(
    provider: FakeProvider,
) -> None:
    world = World(providers={"one": provider}, rules=[Rule("", ("one",))])
    callback = (0x0381, b"\x01\x01\x01123")
    flash = submit_sm(b"flash", data_coding=0x10, tlvs=(TLV, callback, (0x4001, b"")))
    world.sent(submit_sm(), flash, submit_sm(b"mail", tlvs=((0x0030, b"\x80"),)))
    first, second, third = world.wire.submitted()
    assert not [fact for fact in world.said.counts if fact[0] == "lost"]
    world.wire.answer((first, Accepted("a")), (second, Accepted("b")), (third, Accepted("c")))
    lost = {fact[2]: n for fact, n in world.said.counts.items() if fact[0] == "lost"}
    everything = {
        "message_class": 1,
        "message_waiting": 1,
        "vendor": 1,
        "callback_num": 1,
        "unknown": 1,
    }
    assert lost == ({} if isinstance(provider, RichProvider) else everything)


def test_a_batch_loses_what_its_accepted_messages_had_first_and_last() -> None:
    odd, plain = message(1, traits=Traits(tlvs=(TLV,))), message(2)
    for order in ([odd, plain], [plain, odd]):
        attempts = [Attempt(each, "one") for each in order]
        assert losses(attempts, KeyedProvider.abilities) == {"vendor": 1}


def test_a_refused_message_loses_nothing() -> None:
    world = World(providers={"one": FakeProvider("one")}, rules=[Rule("", ("one",))])
    world.sent(submit_sm(tlvs=(TLV,)))
    world.wire.answer((world.wire.submitted()[0], Refused("no")))
    assert not [fact for fact in world.said.counts if fact[0] == "lost"]


@pytest.mark.parametrize(("version", "tags"), [(0x34, [0x1400, 0x427, 0x1E]), (0x33, [])])
def test_receipts_carry_the_tlvs_that_echo(version: int, tags: list[int]) -> None:
    outbox = Outbox("bank")
    echo = NamedTlv("dlt_entity_id", 0x1400, "digits", 30, echo=True)
    outbox.echoes = account(named_tlvs=(echo, DLT["dlt_template_id"])).echoed_tags
    owed = delivery(traits=Traits(tlvs=(TLV, (0x1401, b"2\0"))))
    pdu: Any = deliver_sm(owed, version, outbox)
    assert [tag for tag, _ in pdu.tlvs] == tags


def test_an_account_says_which_tlvs_echo() -> None:
    echo = NamedTlv("x", 0x1500, echo=True)
    world = World()
    world.deliver.change({"bank": account(named_tlvs=(echo,))})
    assert world.deliver.outbox("bank").echoes == {0x1500}

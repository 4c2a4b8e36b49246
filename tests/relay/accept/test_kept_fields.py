"""The TLVs of a submit_sm that its message keeps."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppbridge.model.message import PLAIN, GatheringKey, Traits
from smppbridge.model.tlvs import DLT, HEAD, MOST_OCTETS, MOST_TLVS, NamedTlv, TlvDemands
from smppbridge.model.treatments import KEPT_TAGS, TREATMENTS
from smppbridge.relay.accept.fields import Refusal
from smppbridge.relay.accept.kept_tlvs import demand, kept
from smppbridge.relay.accept.reading import Reader
from smppbridge.relay.accept.series import message_of
from smppbridge.smpp import codec, tlvs
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.constants import Tag
from smppbridge.smpp.pdus import SubmitSm
from smppbridge.store.records import read_traits, traits_text
from tests.relay.fakes import NOW, account, message, segment, submit_sm
from tests.vectors.vectors import VECTORS

ENTITY, TEMPLATE = DLT["dlt_entity_id"], DLT["dlt_template_id"]
NAMED = {each.tag: each for each in (ENTITY, TEMPLATE, NamedTlv("number", 0x1500, "integer", 2))}
VENDOR = (0x1600, b"\x01")
TLVS = st.lists(st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=80)), max_size=60)


def read(pdu: SubmitSm, **about: Any) -> Traits:
    reader = Reader(account(**about))
    return reader.message(pdu, reader.content(pdu), 0x34, NOW).traits


def test_a_message_without_tlvs_of_its_own_is_plain() -> None:
    payload = tlvs.make_octets(Tag.MESSAGE_PAYLOAD, b"hello")
    assert read(submit_sm()) is PLAIN
    assert read(submit_sm(b"", tlvs=(payload,))) is PLAIN


@pytest.mark.parametrize("tag", sorted(Tag))
def test_a_known_tlv_is_kept_by_the_table(tag: Tag) -> None:
    value = bytes(max(1, tlvs.DEFINITIONS[tag].lengths[0]))
    assert bool(kept(((int(tag), value),), {})) == (tag in KEPT_TAGS), TREATMENTS[tag].words


def test_unknown_tags_are_kept_from_0x100_on() -> None:
    found = ((0x00FE, b"x"), (0x0100, b"x"), VENDOR, (0xFFFF, b""))
    assert kept(found, {}) == found[1:]


def test_a_known_tlv_of_a_length_that_no_smsc_takes_is_dropped_first_and_last() -> None:
    short, good = (0x0381, b"\x01"), (0x0381, b"\x01\x01\x01123")
    assert kept((short, good), {}) == (good,)
    assert kept((good, short), {}) == (good,)


def test_of_a_tlv_that_comes_twice_the_first_holds_but_callback_numbers_may_be_several() -> None:
    callback = (0x0381, b"\x01\x01\x01123")
    found = ((0x0201, b"\x01"), callback, (0x0201, b"\x02"), callback, VENDOR, VENDOR)
    assert kept(found, {}) == ((0x0201, b"\x01"), callback, callback, VENDOR)


@pytest.mark.parametrize(
    ("tlv", "status"),
    [
        ((0x1400, b"11x\0"), Status.ESME_RINVOPTPARAMVAL),
        ((0x1401, b"1" * 31), Status.ESME_RINVPARLEN),
        ((0x1500, b"\x01\x02\x03"), Status.ESME_RINVPARLEN),
    ],
)
def test_a_named_tlv_with_a_wrong_value_is_refused_first_and_last(
    tlv: tuple[int, bytes], status: int
) -> None:
    for found in ((tlv, VENDOR), (VENDOR, tlv)):
        with pytest.raises(Refusal) as caught:
            kept(found, NAMED)
        assert caught.value.status == status
        assert kept(found, {}) == found  # nobody named them


def test_an_empty_named_tlv_is_none() -> None:
    assert kept(((0x1400, b"\0"), VENDOR), NAMED) == (VENDOR,)


def test_named_tlvs_go_before_others_when_there_are_too_many() -> None:
    many = tuple((0x2000 + n, bytes(n)) for n in range(MOST_TLVS))
    last = (0x1400, b"11\0")
    found = kept((*many, last), NAMED)
    assert found == (*many[:-1], last)
    assert kept(((0x2000, bytes(MOST_OCTETS)), VENDOR), {}) == (VENDOR,)
    assert kept(((0x2000, bytes(MOST_OCTETS - HEAD)), VENDOR), {}) == ((0x2000, bytes(1020)),)


@given(TLVS)
def test_any_tlvs_stay_within_the_bounds_and_come_back_from_the_store(found: Any) -> None:
    area = tlvs.write(found)
    pdu = submit_sm(tlvs=tlvs.read(area, 0, len(area)) if area else ())
    keeps = kept(pdu.tlvs, {})
    assert len(keeps) <= MOST_TLVS
    assert sum(HEAD + len(value) for _, value in keeps) <= MOST_OCTETS
    left = iter(found)
    assert all(each in left for each in keeps)  # a part of them, in their order
    traits = Traits(udh=b"\1", tlvs=keeps)
    assert read_traits(traits_text(traits)) == traits


def test_the_vectors() -> None:
    for name, vector in VECTORS.items():
        pdu = codec.decode(vector.octets)
        if isinstance(pdu, SubmitSm) and pdu.tlvs:
            wanted = [each for each in pdu.tlvs if each[0] in KEPT_TAGS or each[0] >= 0x1400]
            assert kept(pdu.tlvs, {}) == tuple(wanted), name
    dlt = codec.decode(VECTORS["submit_sm_tlv_vendor_dlt"].octets)
    assert isinstance(dlt, SubmitSm)
    assert [tag for tag, _ in read(dlt, named_tlvs=(ENTITY, TEMPLATE)).tlvs] == [0x1400, 0x1401]


def test_a_route_demands_and_gives() -> None:
    lacking = message()
    with pytest.raises(Refusal) as caught:
        demand(lacking, TlvDemands((ENTITY, TEMPLATE), ((0x1400, b"11\0"),)))
    assert caught.value.status == Status.ESME_RMISSINGOPTPARAM
    assert lacking.traits is PLAIN
    whole = message(traits=Traits(tlvs=((0x1401, b"22\0"), VENDOR)))
    given = ((0x1400, b"11\0"), (0x1401, b"99\0"))
    demand(whole, TlvDemands((ENTITY, TEMPLATE), given))
    assert whole.traits.tlvs == ((0x1400, b"11\0"), (0x1401, b"22\0"), VENDOR)
    same = whole.traits
    demand(whole, TlvDemands((ENTITY, TEMPLATE), given))
    assert whole.traits is same


def test_the_first_segment_that_has_tlvs_says_them_for_the_message() -> None:
    key = GatheringKey("bank", message().source, message().destination, "udh8", 7, 2)
    plain, first = segment(1, 1), segment(1, 1, traits=Traits("CMT", tlvs=(VENDOR,)))
    second = segment(2, 2, traits=Traits("WAP", tlvs=((0x1700, b""),)))
    assert message_of(key, (first, second), NOW).traits == first.traits
    assert message_of(key, (plain, second), NOW).traits == Traits(tlvs=((0x1700, b""),))
    assert message_of(key, (plain, plain), NOW).traits is PLAIN

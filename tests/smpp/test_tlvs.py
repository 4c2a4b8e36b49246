from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppbridge.smpp import tlvs
from smppbridge.smpp.constants import CommandStatus, MessageState, Tag
from smppbridge.smpp.errors import Malformed
from tests.vectors.vectors import VECTORS


def test_every_tag_is_defined_once() -> None:
    assert set(tlvs.DEFINITIONS) == set(Tag)


def test_the_vectors_have_the_lengths_of_the_table() -> None:
    for vector in VECTORS.values():
        for tag, value in vector.tlvs:
            if tag in tlvs.DEFINITIONS:
                assert len(value) in tlvs.DEFINITIONS[tag].lengths


@pytest.mark.parametrize("tag", Tag)
def test_only_integers_are_held_to_their_length(tag: Tag) -> None:
    definition = tlvs.DEFINITIONS[tag]
    held = definition.type in (tlvs.TlvType.INTEGER, tlvs.TlvType.EMPTY)
    for length in range(6):
        entry = ((0x1400, b""), (int(tag), bytes(length)))
        if length in definition.lengths or not held:
            tlvs.check(entry)
            continue
        with pytest.raises(Malformed) as caught:
            tlvs.check(entry)
        assert caught.value.status == CommandStatus.ESME_RINVPARLEN


@given(st.lists(st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=20)), max_size=9).map(tuple))
def test_what_is_written_is_read(written: tlvs.Tlvs) -> None:
    octets = tlvs.write(written)
    assert tlvs.read(b"x" + octets + b"y", 1, 1 + len(octets)) == written
    assert tlvs.read_leniently(octets + b"\0\1\0", 0, len(octets) + 3) == written


def test_values_are_found() -> None:
    found = (
        (Tag.SAR_MSG_REF_NUM, b"\1\2"),
        (Tag.RECEIPTED_MESSAGE_ID, b"12\0\0"),
        (7, b"\1"),
        (7, b"\2"),
    )
    assert tlvs.integer(found, Tag.SAR_MSG_REF_NUM) == 0x102
    assert tlvs.c_octets(found, Tag.RECEIPTED_MESSAGE_ID) == b"12"
    assert tlvs.c_octets(((30, b"12"),), 30) == b"12"
    assert tlvs.find(found, 7) == b"\1"
    assert tlvs.find(found, 8) is tlvs.integer(found, 8) is tlvs.c_octets(found, 8) is None
    assert tlvs.integer(((7, b""),), 7) is None


def test_values_are_made() -> None:
    assert tlvs.make_integer(Tag.QOS_TIME_TO_LIVE, 60) == (0x17, b"\0\0\0\x3c")
    assert tlvs.make_c_octets(Tag.RECEIPTED_MESSAGE_ID, b"12") == (0x1E, b"12\0")
    assert tlvs.make_octets(Tag.NETWORK_ERROR_CODE, b"\3\0\1") == (0x423, b"\3\0\1")


def test_final_states() -> None:
    assert [state for state in MessageState if not state.is_final] == [0, 1, 6]


@pytest.mark.parametrize(
    ("tag", "value", "found"),
    [
        (Tag.USER_MESSAGE_REFERENCE, b"\x12\x34", b"\x12\x34"),
        (Tag.USER_MESSAGE_REFERENCE, b"\x12", b"\0\x12"),
        (Tag.USER_MESSAGE_REFERENCE, b"\0\0\x12\x34", b"\x12\x34"),
        (Tag.USER_MESSAGE_REFERENCE, b"\0" * 3_000 + b"\x12", b"\0\x12"),
        (Tag.USER_MESSAGE_REFERENCE, b"\0\0\0", b"\0\0"),
        (Tag.USER_MESSAGE_REFERENCE, b"\1\0\0", None),
        (Tag.USER_MESSAGE_REFERENCE, b"\xff" * 3_000, None),
        (Tag.USER_MESSAGE_REFERENCE, b"", None),
        (Tag.MS_VALIDITY, b"\0\0\0\0\1", b"\1"),
        (Tag.ALERT_ON_MESSAGE_DELIVERY, b"\1\2", b""),
        (0x1400, b"any", b"any"),
    ],
)
def test_known_integers_are_fitted_to_their_length(
    tag: int, value: bytes, found: bytes | None
) -> None:
    fitted = () if found is None else ((tag, found),)
    other = (0x1401, b"\0")
    assert tlvs.fitted(((tag, value), other)) == (*fitted, other)
    assert tlvs.fitted((other, (tag, value))) == (other, *fitted)

"""Alphabets that a submit_sm does not say, or says in its header: tables, packed, mislabelled."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppbridge.model.message import Message
from smppbridge.relay.accept.fields import Refusal
from smppbridge.relay.ussd.pdus import screen_of
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.constants import MessageState as M
from smppbridge.smpp.constants import Tag
from smppbridge.text import gsm7, packed
from smppbridge.text.national import Shift, encode
from tests.relay.accept.long_messages import restarted
from tests.relay.fakes import World, sar, segment_sm, submit_sm

PORTS = bytes.fromhex("050400500051")


def headed(header: str, text: bytes, **changes: Any) -> Any:
    return submit_sm(bytes.fromhex(header) + text, esm_class=0x40, **changes)


def part(number: int, total: int, elements: bytes, text: bytes, **changes: Any) -> Any:
    """Return a segment whose header has more elements."""
    body = bytes((0, 3, 7, total, number)) + elements
    return submit_sm(bytes((len(body),)) + body + text, esm_class=0x40, **changes)


def only(world: World) -> Message:
    (row,) = world.store.messages.values()
    return row.message


SINGLE_TURKISH, LOCKING_TURKISH = b"\x24\x01\x01", b"\x25\x01\x01"


@pytest.mark.parametrize(
    ("header", "octets", "text"),
    [
        ("03240101", b"\x1bs\x1bS", "şŞ"),
        ("03250101", b"\x1d\x1c", "şŞ"),
        ("06240102250101", b"\x1d\x1ba", "şá"),
        ("03250106", b"/BL_'Y", "नमस्ते"),
        ("0324010e", b"a\x1be", "a€"),  # a language that nobody knows
        ("03250102", b"a\x1be", "a€"),
        ("00", b"a\x1be", "a€"),
        ("03250101", b"caf\xe9", "café"),  # no septets: Latin-1, as without a header
    ],
)
def test_a_text_is_read_by_the_tables_of_its_header(header: str, octets: bytes, text: str) -> None:
    world = World()
    world.sent(headed(header, octets))
    message = only(world)
    assert (message.text, message.binary, message.traits.udh) == (text, None, b"")


def test_tables_are_for_septets_only() -> None:
    world = World()
    world.sent(headed("03250101", "şж".encode("utf-16-be"), data_coding=8))
    assert only(world).text == "şж"
    octets = World()
    octets.sent(headed("03250101", b"\x1d", data_coding=4))
    assert (only(octets).binary, only(octets).traits.udh.hex()) == (b"\x1d", "03250101")


def test_a_header_for_a_phone_stays_with_its_octets() -> None:
    world = World()
    world.sent(headed("09240101050400500051", b"\x1bs"))
    message = only(world)
    assert (message.binary, message.text) == (b"\x1bs", "")
    assert message.traits.udh.hex() == "09240101050400500051"


PARTS = [
    part(1, 4, LOCKING_TURKISH, b"\x1d-\x1be"),
    part(2, 4, b"", b"\x1d\x00-"),  # the default tables: Æ is 0x1C, æ 0x1D
    part(3, 4, b"\x24\x01\x02", b"\x1ba-"),
    part(4, 4, b"\x24\x01\x02\x25\x01\x01", b"\x1d\x1ba"),
]


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_each_segment_names_its_own_tables(order: tuple[int, ...]) -> None:
    world = World()
    session = world.session()
    for n in order:
        world.take(session, PARTS[n])
    message = only(world)
    assert message.text == "ş-€æ@-á-şá"
    assert (message.binary, message.traits.udh) == (None, b"")


def test_tables_of_segments_are_known_after_a_restart() -> None:
    before = World()
    for each in PARTS[:3]:
        before.sent(each)
    after = restarted(before)
    after.sent(PARTS[3])
    assert only(after).text == "ş-€æ@-á-şá"


def test_an_escape_that_was_cut_is_whole_under_the_same_tables() -> None:
    world = World()
    world.sent(part(1, 2, SINGLE_TURKISH, b"a\x1b"))
    world.sent(part(2, 2, SINGLE_TURKISH, b"sb"))
    assert only(world).text == "aşb"
    other = World()
    other.sent(part(1, 2, SINGLE_TURKISH, b"a\x1b"))
    other.sent(part(2, 2, b"", b"sb"))
    assert only(other).text == "asb"


def test_one_segment_in_ucs2_beside_a_table() -> None:
    world = World()
    world.sent(part(1, 2, LOCKING_TURKISH, b"\x1d"))
    world.sent(part(2, 2, b"", "ж".encode("utf-16-be"), data_coding=8))
    assert only(world).text == "şж"


def test_ports_are_kept_if_all_segments_have_the_same_header() -> None:
    world = World()
    for n in (2, 1):
        world.sent(part(n, 2, PORTS + SINGLE_TURKISH, b"\x1bs"))
    message = only(world)
    assert (message.binary, message.traits.udh[1:]) == (b"\x1bs" * 2, PORTS + SINGLE_TURKISH)


def test_ports_under_different_tables_are_rejected() -> None:
    world = World()
    session = world.session()
    world.take(session, part(1, 2, PORTS + SINGLE_TURKISH, b"\x1bs"))
    world.take(session, part(2, 2, PORTS, b"\x1bs"))
    assert len(session.ids()) == 2  # answered already: the receipts say so
    assert {d.state for d in world.store.unfinished()} == {M.REJECTED}
    assert not world.wire.sent


@given(st.text(alphabet="abcşŞİığ€{", min_size=1, max_size=60), st.data())
def test_a_shifted_text_cut_anywhere_comes_back(text: str, data: st.DataObject) -> None:
    shift = data.draw(st.sampled_from([Shift(1, 0), Shift(0, 1), Shift(1, 1)]))
    octets = encode(text, shift)
    at = data.draw(st.integers(0, len(octets)))
    world = World()
    for n, content in enumerate((octets[:at], octets[at:]), 1):
        world.sent(part(n, 2, shift.header[1:], content))
    assert only(world).text == text


# -- packed septets -------------------------------------------------------------------------------


@pytest.mark.parametrize("data_coding", [0, 0x0F, 0x10, 0xC8, 0xF1])
def test_septets_are_unpacked(data_coding: int) -> None:
    world = World(packed=True)
    world.sent(submit_sm(packed.pack(b"hello @\0{"), data_coding=data_coding))
    assert only(world).text == "hello ¡@" + gsm7.decode(b"{")


def test_what_is_no_default_alphabet_is_not_packed() -> None:
    world = World(packed=True)
    world.sent(submit_sm(b"hello", data_coding=1), submit_sm(b"\0h", data_coding=8))
    texts = [row.message.text for row in world.store.messages.values()]
    assert texts == ["hello", "h"]
    world.sent(submit_sm(b"\x01\x02", data_coding=4))
    assert [row.message.binary for row in world.store.messages.values()][-1] == b"\x01\x02"


@pytest.mark.parametrize("elements", [b"", LOCKING_TURKISH, SINGLE_TURKISH + LOCKING_TURKISH])
def test_segments_are_unpacked_each_behind_its_fill_bits(elements: bytes) -> None:
    world = World(packed=True)
    for n, septets in ((2, b"\x1beb"), (1, b"1234567")):
        header = 1 + 5 + len(elements)
        world.sent(part(n, 2, elements, packed.pack(septets, header)))
    assert only(world).text == "1234567€b"


def test_a_packed_segment_by_sar_and_a_packed_payload() -> None:
    world = World(packed=True)
    for n, septets in ((1, b"1234567"), (2, b"89")):
        world.sent(submit_sm(packed.pack(septets), tlvs=sar(5, 2, n)))
    payload = packed.pack(b"x" * 200)
    world.sent(submit_sm(b"", tlvs=((Tag.MESSAGE_PAYLOAD, payload),)))
    texts = [row.message.text for row in world.store.messages.values()]
    assert texts == ["123456789", "x" * 200]


def test_a_packed_header_for_a_phone_has_its_septets_unpacked() -> None:
    world = World(packed=True)
    world.sent(headed("06050400500051", packed.pack(b"hello", 7)))
    assert only(world).binary == b"hello"


def test_a_packed_text_of_nothing_is_refused() -> None:
    world = World(packed=True)
    answers = world.sent(submit_sm(b""), submit_sm(b"\x0d\x00"))
    assert sorted(status for _, status, _ in answers) == [0, Status.ESME_RINVMSGLEN]


def test_a_packed_screen() -> None:
    reader = World(packed=True).session().rights.reader
    pdu = submit_sm(packed.pack(b"1 Balance"), data_coding=0x0F, tlvs=())
    assert screen_of(pdu, reader, 160, ends=True).text == "1 Balance"


@given(st.text(alphabet=gsm7.BASIC.replace("\x1b", "") + "€{}", min_size=2, max_size=170))
def test_a_packed_text_comes_back(text: str) -> None:
    world = World(packed=True)
    octets = packed.pack(gsm7.encode(text))
    world.sent(submit_sm(octets))
    assert only(world).text in (text, text + "\r")


# -- mislabelled texts ----------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["Hello", "Привет, мир", "Grüße", "🙂 ok", "नमस्ते"])
def test_ucs2_under_data_coding_0(text: str) -> None:
    world = World(detect_ucs2=True, detect_utf8=True)
    world.sent(submit_sm(text.encode("utf-16-be")))
    assert only(world).text == text
    assert not world.said.counts["latin1_fallback", "bank"]


@pytest.mark.parametrize("text", ["Привет, мир", "Grüße", "🙂 ok", "नमस्ते"])
def test_utf8_under_data_coding_0(text: str) -> None:
    world = World(detect_ucs2=True, detect_utf8=True)
    world.sent(submit_sm(text.encode()))
    assert only(world).text == text


@pytest.mark.parametrize(
    ("octets", "options", "data_coding"),
    [
        ("Hello".encode("utf-16-be"), {"detect_utf8": True}, 0),
        ("Grüße".encode(), {"detect_ucs2": True}, 0),
        ("Grüße".encode(), {}, 0),
        ("Hello".encode("utf-16-be"), {}, 0),
        ("Hello".encode("utf-16-be"), {"detect_ucs2": True}, 0x10),  # it says what it means
        ("Grüße".encode(), {"detect_utf8": True}, 3),
    ],
)
def test_what_is_not_asked_for_is_not_detected(
    octets: bytes, options: dict[str, Any], data_coding: int
) -> None:
    said, plain = World(**options), World()
    for world in (said, plain):
        world.sent(submit_sm(octets, data_coding=data_coding))
    assert only(said).text == only(plain).text


def test_a_long_mislabelled_text_is_judged_as_a_whole() -> None:
    world = World(detect_ucs2=True, detect_utf8=True)
    octets = "Привет 😀 ещё".encode("utf-16-be")
    for n, piece in enumerate((octets[:15], octets[15:16], octets[16:]), 1):
        world.sent(segment_sm(n, 3, piece))
    octets = "Привет 😀 ещё".encode()
    for n, piece in enumerate((octets[:15], octets[15:]), 1):
        world.sent(segment_sm(n, 2, piece, reference=8))
    texts = [row.message.text for row in world.store.messages.values()]
    assert texts == ["Привет 😀 ещё"] * 2


@given(st.text(alphabet=gsm7.BASIC.replace("\x1b", "").replace("\0", ""), min_size=1, max_size=80))
def test_a_gsm_text_that_begins_with_a_letter_is_never_detected(text: str) -> None:
    world = World(detect_ucs2=True, detect_utf8=True)
    world.sent(submit_sm(gsm7.encode("A" + text)))
    assert only(world).text == "A" + text


def test_a_mislabelled_screen() -> None:
    reader = World(detect_utf8=True).session().rights.reader
    assert screen_of(submit_sm("Öğe".encode()), reader, 160, ends=True).text == "Öğe"
    with pytest.raises(Refusal):
        screen_of(headed("03250101", b"x"), reader, 160, ends=True)

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppbridge.smpp import codec, receipt
from smppbridge.smpp.constants import MessageState
from smppbridge.smpp.pdus import DataSm, DeliverSm
from tests.vectors.vectors import VECTORS

SUBMITTED = datetime(2026, 4, 1, 9, 30, 59, tzinfo=UTC).timestamp()
DONE = datetime(2026, 4, 1, 9, 31, 5, tzinfo=UTC).timestamp()
M = MessageState

CLIENT_PATTERNS = {
    "jasmin id": r"id:([\dA-Za-z-_]+)",
    "jasmin sub": r"sub:(\d{1,3})",
    "jasmin dlvrd": r"dlvrd:(\d{1,3})",
    "jasmin submit date": r"submit date:(\d+)",
    "jasmin done date": r"done date:(\d+)",
    "jasmin stat": r"stat:(\w{7})",
    "jasmin err": r"err:(\w{1,3})",
    "jasmin text": r"[tT]ext:(.*)",
    "kannel": r"^id:[^ ]{1,64} sub:\d+ dlvrd:\d+ submit date:[0-9]{1,14} done date:[0-9]{1,14}"
    r" stat:[^ ]{1,15} err:[^ ]{1,3}",
    "php-smpp": r"(?i)^id:([^ ]+) sub:(\d{1,3}) dlvrd:(\d{3}) submit date:(\d{10,12})"
    r" done date:(\d{10,12}) stat:([A-Z ]{7}) err:(\d{2,3}) text:(.*)$",
    "php-smpp, old": r"^id:([^ ]+) sub:(\d{1,3}) dlvrd:(\d{3}) submit date:(\d{10})"
    r" done date:(\d{10}) stat:([A-Z]{7}) err:(\d{3}) text:(.*)$",
    "vumi": r"^id:(\S{1,65})(?: sub:(.{1,3}))?(?: dlvrd:(.{1,3}))?(?: submit date:(\d*))?"
    r"(?: done date:(\d*))? stat:([A-Z]{5,7})(?: err:(.{1,3}))? [Tt]ext:.*",
    "id of digits": r"id:(\d+)\s",
    "stat word": r"stat:(\w+)\s",
    "text that is there": r"text:(.+)$",
    "go": r"^id:(\w+) sub:\d+ dlvrd:\d+ submit date:\d+ done date:\d+ stat:(\w+) err:\d+ text:.+$",
}


def written(**changed: Any) -> bytes:
    settings: dict[str, Any] = {"error": 0, "text": "Hello world"} | changed
    state = settings.pop("state", M.DELIVERED)
    return receipt.receipt_text(b"1700000000123", SUBMITTED, DONE, state, **settings)


def test_the_text_is_what_every_client_reads() -> None:
    assert written() == (
        b"id:1700000000123 sub:001 dlvrd:001 submit date:2604010930 done date:2604010931"
        b" stat:DELIVRD err:000 text:Hello world"
    )


@pytest.mark.parametrize("name", ["deliver_sm_receipt_undeliverable", "deliver_sm_receipt_no_tlv"])
def test_the_vectors_are_what_we_write(name: str) -> None:
    pdu = codec.decode(VECTORS[name].octets)
    assert isinstance(pdu, DeliverSm)
    read = receipt.parse(pdu)
    assert read is not None
    assert read.submit_date is not None
    assert read.done_date is not None
    assert read.state is not None
    assert pdu.short_message == receipt.receipt_text(
        read.message_id.encode(),
        read.submit_date,
        read.done_date,
        read.state,
        error=int(read.err),
        text="Hello world",
    )
    written = receipt.receipt_tlvs(read.message_id.encode(), read.state, read.network_error_code)
    assert pdu.tlvs == () or sorted(pdu.tlvs) == sorted(written)  # TLVs stand in any order


@given(st.sampled_from(sorted(receipt.STAT)), st.text(max_size=40), st.integers(-5, 2000))
def test_the_patterns_of_clients_match(state: int, text: str, error: int) -> None:
    shown = written(state=state, text=text, error=error).decode("ascii")
    assert [name for name, like in CLIENT_PATTERNS.items() if not re.search(like, shown)] == []


@given(st.text(max_size=100))
def test_any_text_becomes_printable(text: str) -> None:
    assert re.fullmatch(r"[!-~]([ -~]{0,18}[!-~])?", receipt.sanitised(text))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", "none"),
        (" \r\n ", "none"),
        ("line\r\nbreak", "line break"),
        ("Жуки 👍", "???? ?"),
        ("x" * 21, "x" * 20),
        ("nineteen characters and more", "nineteen characters"),
    ],
)
def test_texts_are_sanitised(text: str, shown: str) -> None:
    assert receipt.sanitised(text) == shown


def test_dates_are_local() -> None:
    assert b"submit date:2604011500" in written(utc_offset=5 * 3600 + 1800)
    assert b"submit date:2603312130" in written(utc_offset=-12 * 3600)


@pytest.mark.parametrize("state", [M.SCHEDULED, M.SKIPPED])
def test_states_of_smpp_5_are_not_written(state: int) -> None:
    with pytest.raises(KeyError):
        written(state=state)


@given(
    st.sampled_from(sorted(receipt.STAT)),
    st.integers(1, 10**18 - 1),
    st.integers(946_771_200, 4_102_272_000),
    st.text(max_size=30),
    st.sampled_from([0, 3600, -18_000]),
    st.booleans(),
)
def test_what_we_write_we_read(
    state: int, number: int, when: int, text: str, offset: int, tagged: bool
) -> None:
    message_id = str(number).encode()
    short_message = receipt.receipt_text(
        message_id, when, when + 60, state, error=27, text=text, utc_offset=offset
    )
    tlvs = receipt.receipt_tlvs(message_id, state, b"\3\0\x1b") if tagged else ()
    pdu = DeliverSm(esm_class=4, short_message=short_message, tlvs=tlvs)
    assert receipt.parse(pdu, offset) == receipt.ReceiptFields(
        message_id=message_id.decode(),
        state=MessageState(state),
        stat=receipt.STAT[state].decode(),
        err="027",
        network_error_code=b"\3\0\x1b" if tagged else None,
        submit_date=when // 60 * 60,
        done_date=when // 60 * 60 + 60,
    )


def parsed(short_message: bytes, *tlvs: tuple[int, bytes], **changed: Any) -> Any:
    return receipt.parse(DeliverSm(short_message=short_message, tlvs=tlvs, **changed))


@pytest.mark.parametrize(
    ("text", "message_id", "state"),
    [
        (b"id:1A-b sub:001 dlvrd:001 stat:DELIVRD err:000 Text:x", "1A-b", M.DELIVERED),
        (b"ID:12 SUB:001 STAT:REJECTED ERR:0A1", "12", M.REJECTED),
        (b"stat:UNDELIVERABLE id:12", "12", M.UNDELIVERABLE),
        (b"id:12\0 stat:expired\0", "12", M.EXPIRED),
        (b"id: 12 stat: DELETED", "12", M.DELETED),
        (b"id:12 stat:DELIVRD text:id:13 stat:REJECTD", "12", M.DELIVERED),
        (b"text:a b c id:12 stat:ACCEPTED", "12", M.ACCEPTED),
        (b"id:12 stat:WEIRD", "12", None),
        (b"id:12 stat:BUFFERED err:x", "12", M.ACCEPTED),
        (b"id:12 stat:SYSERR", "12", M.UNDELIVERABLE),
    ],
)
def test_dialects_are_read(text: bytes, message_id: str, state: MessageState | None) -> None:
    found = parsed(text)
    assert (found.message_id, found.state) == (message_id, state)


@pytest.mark.parametrize(
    "text", [b"", b"Hello", b"id:12", b"stat:DELIVRD", b"my id:", b"id:\0 stat:DELIVRD"]
)
def test_other_texts_are_no_receipts(text: bytes) -> None:
    assert parsed(text) is None


def test_tlvs_come_before_the_text() -> None:
    found = parsed(b"id:9 stat:REJECTD err:005", (0x1E, b"77"), (0x427, b"\2"))
    assert (found.message_id, found.state, found.stat, found.err) == (
        "77",
        M.DELIVERED,
        "REJECTD",
        "005",
    )
    assert parsed(b"", (0x1E, b"77\0"), (0x427, b"\0")).state is M.SCHEDULED
    assert parsed(b"id:9 stat:REJECTD", (0x427, b"\x63")).state is M.REJECTED
    assert receipt.parse(DataSm(tlvs=((0x1E, b"77\0"), (0x427, b"\5")))) is not None


@pytest.mark.parametrize(
    "value", [b"2604010930", b"260401093000", b"20260401093000", b"202604010930", b"26-04-01 09:30"]
)
def test_dates_of_any_width_are_read(value: bytes) -> None:
    text = b"id:1 submit date:%b done date:0000000000 stat:DELIVRD err:000" % value
    found = parsed(text)
    assert found.submit_date == SUBMITTED - 59
    assert found.done_date is None


def test_texts_in_other_places_are_read() -> None:
    text = b"id:12 stat:DELIVRD"
    assert parsed(b"\5\0\3\1\1\1" + text, esm_class=0x44).message_id == "12"
    assert parsed(b"", (0x424, text)).message_id == "12"


WIDE = "id:12 sub:001 stat:DELIVRD err:027 text:Привет 😀"


@pytest.mark.parametrize("data_coding", [0x08, 0x18, 0x1B, 0xE0, 0xEF])
@pytest.mark.parametrize(
    "octets",
    [
        WIDE.encode("utf-16-be"),
        WIDE.encode("utf-16-le"),
        b"\xfe\xff" + WIDE.encode("utf-16-be"),
        b"\xff\xfe" + WIDE.encode("utf-16-le"),
        WIDE.encode("utf-16-be") + b"\0",
        b"id:12 stat:DELIVRD err:027 text:abc",  # under the data_coding of the message
        "id:12 stat:DELIVRD err:027 text:Привет".encode(),
    ],
)
def test_a_text_in_ucs2_is_read(octets: bytes, data_coding: int) -> None:
    found = parsed(octets, data_coding=data_coding)
    assert (found.message_id, found.state, found.err) == ("12", M.DELIVERED, "027")
    found = parsed(b"\5\0\3\1\1\1" + octets, data_coding=data_coding, esm_class=0x44)
    assert (found.message_id, found.state, found.err) == ("12", M.DELIVERED, "027")
    assert parsed(b"", (0x424, octets), data_coding=data_coding).message_id == "12"


@pytest.mark.parametrize("data_coding", [0, 1, 3, 4, 0x10, 0x17, 0x1C, 0xF0])
def test_only_under_a_data_coding_of_ucs2_is_it_looked_for(data_coding: int) -> None:
    assert parsed(WIDE.encode("utf-16-be"), data_coding=data_coding) is None


def test_512_characters_of_ucs2_are_looked_at() -> None:
    padding = 512 - len("id:12 err: stat:DELIVRD")
    for longer, state in ((0, M.DELIVERED), (1, None)):
        text = f"id:12 err:{'x' * (padding + longer)} stat:DELIVRD".encode("utf-16-be")
        assert parsed(b"", (0x424, text), data_coding=8).state == state


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("deliver_sm_receipt_seconds_no_sub", M.REJECTED),
        ("deliver_sm_intermediate_notification", M.ENROUTE),
        ("deliver_sm_receipt_udhi_0x44", M.DELIVERED),
        ("data_sm_receipt", M.DELIVERED),
    ],
)
def test_receipts_among_the_vectors_are_read(name: str, state: MessageState) -> None:
    pdu = codec.decode(VECTORS[name].octets)
    assert isinstance(pdu, DeliverSm | DataSm)
    assert receipt.is_receipt(pdu.esm_class)
    found = receipt.parse(pdu)
    assert found is not None
    assert (found.message_id, found.state) == ("1700000000123", state)


@pytest.mark.parametrize(
    ("esm_class", "is_receipt"), [(0, False), (4, True), (0x44, True), (0x20, True), (8, False)]
)
def test_esm_class_tells_receipts(esm_class: int, is_receipt: bool) -> None:
    assert receipt.is_receipt(esm_class) == is_receipt


words = st.sampled_from(["id:", "stat:", " ", "text:", "err:", "submit date:", "\0", "1", "x"])


@given(
    st.lists(words, max_size=60).map("".join) | st.text(),
    st.integers(0, 255),
    st.sampled_from(["utf-8", "utf-16-be", "utf-16-le"]),
    st.sampled_from([0, 8]),
)
def test_no_text_is_too_strange(text: str, esm_class: int, coded: str, data_coding: int) -> None:
    octets = text.encode(coded, "ignore")[:255]
    found = parsed(octets, esm_class=esm_class, data_coding=data_coding)
    assert found is None or found.message_id


@pytest.mark.parametrize(
    ("ours", "theirs", "hex_decimal", "same"),
    [
        ("1700000000123", "1700000000123", False, True),
        ("abcdef", "ABCDEF", False, True),
        ("12345678", "0012345678", False, True),
        ("0", "000", False, True),
        ("ff", "255", False, False),
        ("ff", "255", True, True),
        ("255", "FF", True, True),
        ("255", "0000000255", True, True),
        ("1a", "1b", True, False),
        ("uuid-1", "UUID-1", True, True),
    ],
)
def test_ids_are_matched_with_tolerance(
    ours: str, theirs: str, hex_decimal: bool, same: bool
) -> None:
    assert receipt.same_id(ours, theirs, hex_decimal=hex_decimal) == same


def test_candidates_start_with_the_id_itself() -> None:
    assert receipt.id_candidates("00FF") == ("00FF", "ff")
    assert receipt.id_candidates("12345678") == ("12345678",)
    assert receipt.id_candidates("10", hex_decimal=True) == ("10", "16", "a")


def test_a_receipt_of_few_words_has_no_error_and_no_text() -> None:
    assert receipt.receipt_text(b"1", SUBMITTED, DONE, M.DELIVERED).endswith(b"err:000 text:none")
    assert receipt.receipt_tlvs(b"1", M.EXPIRED) == ((0x427, b"\3"), (0x1E, b"1\0"))


def test_receipted_message_id_is_the_last_tlv_of_a_receipt() -> None:
    found = receipt.receipt_tlvs(b"1", M.EXPIRED, b"\3\0\1")
    assert found == ((0x427, b"\3"), (0x423, b"\3\0\1"), (0x1E, b"1\0"))


@pytest.mark.parametrize(
    ("error", "shown"), [(-1, b"000"), (1, b"001"), (998, b"998"), (999, b"999"), (1000, b"999")]
)
def test_errors_have_three_digits(error: int, shown: bytes) -> None:
    assert b" err:" + shown + b" text:" in written(error=error)


def test_a_day_alone_is_read_as_its_midnight() -> None:
    text = b"id:1 submit date:260401 done date:2604010 stat:DELIVRD"
    assert parsed(text).submit_date == datetime(2026, 4, 1, tzinfo=UTC).timestamp()
    assert parsed(text).done_date is None
    assert parsed(text.replace(b"260401 ", b"26040 ")).submit_date is None


def test_the_machines_own_time_zone_plays_no_part(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "UTC-5")
        time.tzset()
        found = parsed(b"id:1 submit date:260401093059 stat:DELIVRD")
        shown = written()
    time.tzset()
    assert found.submit_date == SUBMITTED
    assert b"submit date:2604010930" in shown


def test_only_the_first_512_octets_are_looked_at() -> None:
    padding = 512 - len(b"id:12 err: stat:DELIVRD")
    for longer, stat, state in ((0, "DELIVRD", M.DELIVERED), (1, "DELIVR", None)):
        text = b"id:12 err:%b stat:DELIVRD" % (b"x" * (padding + longer))
        found = parsed(b"", (0x424, text))
        assert (found.stat, found.state) == (stat, state)


def test_a_field_is_its_first_word() -> None:
    found = parsed(b"id:12 of yours stat:DELIVRD to the phone err:000 no error")
    assert (found.message_id, found.stat, found.err) == ("12", "DELIVRD", "000")


def test_the_states_of_smpp_5_are_read() -> None:
    assert parsed(b"id:12", (0x427, b"\x09")).state is M.SKIPPED
    assert parsed(b"id:12 stat:X", (0x427, b"\x0a")).state is None


@pytest.mark.parametrize(("theirs", "normal"), [("000", "0"), ("0aB", "ab"), ("", "")])
def test_ids_have_a_normal_form(theirs: str, normal: str) -> None:
    assert receipt.normal_id(theirs) == normal
    assert receipt.same_id(normal, theirs)


def test_hexadecimal_is_never_guessed() -> None:
    assert not receipt.same_id("ff", "255")
    assert receipt.id_candidates("255") == ("255",)

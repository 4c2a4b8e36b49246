from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppbridge.model.mo import Mo
from smppbridge.model.report import Report
from smppbridge.providers.exchange import BadReply, HttpRequest
from smppbridge.smpp.constants import MessageState
from tests.providers.d7 import ID, KEY, PLAIN

FORM = (("content-type", "application/x-www-form-urlencoded"),)
LEVEL_1 = {"id": ID, "level": "1", "message_status": "ESME_ROK", "connector": "c1"}
LEVEL_2 = {
    "id": ID,
    "level": "2",
    "message_status": "DELIVRD",
    "connector": "c1",
    "id_smsc": "2F67",
    "sub": "001",
    "dlvrd": "001",
    "subdate": "2601020304",
    "donedate": "2601020304",
    "err": "000",
    "text": "Hello",
}
FATE = {"batch": KEY, "batchId": ID, "to": "971500000001", "status": "1"}
MO = {
    "id": ID,
    "from": "971500000001",
    "to": "3377",
    "origin-connector": "c1",
    "content": "STOP",
    "binary": b"STOP".hex(),
    "coding": "0",
}


def get(fields, d7=PLAIN):
    return d7.read_callback(HttpRequest("GET", "/", query=fields))


def post(fields, query=None, d7=PLAIN):
    body = fields if isinstance(fields, bytes) else urlencode(fields).encode()
    return d7.read_callback(HttpRequest("POST", "/", FORM, body, query or {}))


# -- reports ---------------------------------------------------------------------------------------


def test_a_report_is_read_from_a_form_or_a_query_string_and_names_our_message():
    report = Report(ID, MessageState.DELIVERED, 0, message_id=4711)
    assert post(LEVEL_2, {"message_id": "4711"}) == (report,)
    assert get({"message_id": "4711", **LEVEL_2}) == (report,)
    assert post({"message_id": "4711", **LEVEL_2}) == (report,)
    assert post(json.dumps(LEVEL_2).encode(), {"message_id": "4711"}) == (report,)


@pytest.mark.parametrize("message_id", ["", "x", "-1", "1.0", "9" * 19, "\u0661", "4711?id=1"])
def test_a_message_id_that_is_none_of_ours_is_left_out(message_id):
    assert post(LEVEL_2, {"message_id": message_id})[0].message_id is None
    assert post(LEVEL_2)[0].message_id is None


@pytest.mark.parametrize(
    ("word", "state", "error"),
    [
        ("ESME_ROK", MessageState.ENROUTE, 0),
        ("esme_rok", MessageState.ENROUTE, 0),
        ("ESME_RTHROTTLED", MessageState.UNDELIVERABLE, 0x58),
        ("ESME_RMSGQFUL", MessageState.UNDELIVERABLE, 0x14),
        ("ESME_RSYSERR", MessageState.UNDELIVERABLE, 0x08),
        ("ESME_RINVDSTADR", MessageState.REJECTED, 0x0B),
        ("ESME_RINVSRCADR", MessageState.REJECTED, 0x0A),
        ("ESME_RINVDCS", MessageState.REJECTED, 0x04),
        ("ESME_RNEVERHEARDOF", MessageState.REJECTED, 255),
    ],
)
def test_level_1_has_the_status_of_submit_sm_resp(word, state, error):
    for level in ("1", "2"):
        report = Report(ID, state, error)
        assert post({**LEVEL_1, "message_status": word, "level": level}) == (report,)


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("DELIVRD", MessageState.DELIVERED),
        (" delivrd ", MessageState.DELIVERED),
        ("EXPIRED", MessageState.EXPIRED),
        ("DELETED", MessageState.DELETED),
        ("UNDELIV", MessageState.UNDELIVERABLE),
        ("ACCEPTD", MessageState.ACCEPTED),
        ("UNKNOWN", MessageState.UNKNOWN),
        ("REJECTD", MessageState.REJECTED),
        ("ENROUTE", MessageState.ENROUTE),
        ("never heard of", MessageState.ENROUTE),
    ],
)
def test_level_2_has_the_state_of_the_receipt(word, state):
    fields = {**LEVEL_2, "message_status": word, "err": "042"}
    assert post(fields) == (Report(ID, state, 42),)


@pytest.mark.parametrize("err", ["ND", "", "0x1", "-1", "1000", "1.5", "\u0661", "x" * 500])
def test_an_error_that_is_no_number_is_none(err):
    assert post({**LEVEL_2, "message_status": "UNDELIV", "err": err})[0].error == 0


def test_states_can_be_added_and_go_before_ours():
    d7 = replace(PLAIN, states={"lost": "unknown", "ACCEPTD": "enroute", "esme_rfunny": "deleted"})
    for word, state, error in (
        ("LOST", MessageState.UNKNOWN, 0),
        ("ACCEPTD", MessageState.ENROUTE, 0),
        ("ESME_RFUNNY", MessageState.DELETED, 255),
    ):
        assert post({**LEVEL_2, "message_status": word}, d7=d7) == (Report(ID, state, error),)


# -- batches ---------------------------------------------------------------------------------------


def test_a_message_of_a_batch_gets_its_name_afterwards():
    named = {**FATE, "statusText": f'Success "{ID}"'}
    report = Report(f"{KEY}:971500000001", MessageState.ENROUTE, renamed=ID)
    assert get(named) == (report,)
    unnamed = Report(f"{KEY}:971500000001", MessageState.ENROUTE)
    assert get({**FATE, "statusText": "Success"}) == get(FATE) == (unnamed,)


@pytest.mark.parametrize(
    ("words", "state"),
    [
        ('HTTPAPI error: Error "No route found', MessageState.REJECTED),
        ("HTTPAPI Connection error: refused", MessageState.UNDELIVERABLE),
    ],
)
def test_a_message_of_a_batch_that_failed_is_at_its_end(words, state):
    failed = {**FATE, "to": "+971500000001", "status": "0", "statusText": words}
    assert get(failed) == (Report(f"{KEY}:+971500000001", state, 1),)


# -- messages from phones --------------------------------------------------------------------------


def mo(**changed):
    fields = {name: value for name, value in {**MO, **changed}.items() if value is not None}
    (found,) = post(fields)
    return found


def test_a_message_from_a_phone_is_read_from_query_string_or_form():
    expected = Mo(provider_message_id=ID, source="971500000001", destination="3377", text="STOP")
    assert post(MO) == get(MO) == (expected,)


def test_numbers_lose_their_sign_and_names_stay():
    found = mo(**{"from": "+971500000001", "to": "ACME"})
    assert (found.source, found.destination) == ("971500000001", "ACME")


@pytest.mark.parametrize(
    ("coded", "octets", "content", "text"),
    [
        ("0", b"STOP", "STOP", "STOP"),
        (None, b"STOP", "STOP", "STOP"),
        (None, None, "caf\u00e9", "caf\u00e9"),
        ("0", b"", "", ""),
        # octets of GSM 03.38, taken for characters
        ("0", b"a\x00b", b"a\x00b", "a@b"),
        ("0", b"\x1b\x65 5", b"\x1b\x65 5", "\u20ac 5"),
        # Latin-1
        ("0", b"caf\xe9", b"caf\xe9", "caf\u00e9"),
        ("0", b"STOP", None, "STOP"),
        ("0", None, b"caf\xe9", "caf\ufffd"),
        ("3", b"caf\xe9", b"caf\xe9", "caf\u00e9"),
        ("8", "\u0623\U0001f600".encode("utf-16-be"), b"\x06\x23", "\u0623\U0001f600"),
        ("8", None, "STOP", "STOP"),
        ("8", b"", "STOP", "STOP"),
        ("many", b"STOP", "STOP", "STOP"),
        ("256", b"STOP", "STOP", "STOP"),
    ],
)
def test_text_is_what_the_octets_say_where_the_characters_do_not(coded, octets, content, text):
    hexed = None if octets is None else octets.hex()
    found = mo(coding=coded, binary=hexed, content=content)
    assert (found.text, found.octets) == (text, None)


def test_hex_that_is_none_leaves_the_content():
    assert mo(coding="8", binary="xyz").text == "STOP"


@pytest.mark.parametrize(("coded", "octets"), [("4", b"\x00\xff"), ("245", b"a"), ("8", b"abc")])
def test_octets_that_are_no_characters_stay_octets(coded, octets):
    found = mo(coding=coded, binary=octets.hex(), content=octets)
    assert (found.text, found.octets, found.data_coding) == ("", octets, int(coded))


# -- whatever comes --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"id": ID},
        {"message_id": "4711"},
        {"message_status": "DELIVRD"},
        {**LEVEL_2, "id": ""},
        {**LEVEL_2, "id": "x" * 65},
        {**LEVEL_2, "id": "a\nb"},
        {**LEVEL_2, "message_status": " "},
        {**FATE, "batch": ""},
        {**FATE, "batch": "x" * 60},
        {**FATE, "to": ""},
        {**FATE, "status": "2"},
        {**FATE, "status": ""},
        {**MO, "id": ""},
        {**MO, "from": ""},
        {**MO, "to": ""},
        {**MO, "from": "1" * 21},
        {**MO, "to": "a\x00b"},
    ],
)
def test_a_callback_of_nonsense_is_a_bad_reply(fields):
    for read in (get, post):
        with pytest.raises(BadReply):
            read(fields)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"id": [], "message_status": "DELIVRD"}',
        b'{"id": "1", "message_status": 7}',
        b'{"id": "1", "from": {}, "to": []}',
        b"&".join(b"a=1" for _ in range(101)),
        urlencode(LEVEL_2).encode() + b"&x=" + b"x" * 70_000,
    ],
)
def test_a_body_of_nonsense_is_a_bad_reply(body):
    with pytest.raises(BadReply):
        post(body)


NAMES = st.sampled_from([*LEVEL_2, *FATE, *MO, "message_id", "statusText"])
WORDS = st.sampled_from([ID, "1", "0", "DELIVRD"])
VALUES = st.none() | st.integers() | st.text(max_size=8) | WORDS


@given(st.dictionaries(NAMES, VALUES), st.binary(max_size=40))
def test_whatever_comes_reading_raises_nothing_but_bad_reply(fields, octets):
    texts = {name: value for name, value in fields.items() if isinstance(value, str)}
    for body, query in ((octets, texts), (json.dumps(fields).encode(), {})):
        with suppress(BadReply):
            (heard,) = post(body, query)
            assert isinstance(heard, Report | Mo)


def test_what_a_phone_said_does_not_show():
    assert "STOP" not in repr(mo())

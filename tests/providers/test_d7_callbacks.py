from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppbridge.model.mo import Mo
from smppbridge.model.report import Report
from smppbridge.providers.exchange import BadReply, HttpRequest
from smppbridge.smpp.constants import EsmClass, MessageState
from smppbridge.text import coding, gsm7
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
DONE = 1_767_323_040.0
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
    report = Report(ID, MessageState.DELIVERED, 0, message_id=4711, done_at=DONE)
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
        ("ESME_RTHROTTLED", MessageState.ENROUTE, 0x58),
        ("ESME_RMSGQFUL", MessageState.ENROUTE, 0x14),
        ("ESME_RSYSERR", MessageState.ENROUTE, 0x08),
        ("ESME_RINVSCHED", MessageState.ENROUTE, 0x61),
        ("ESME_RINVDSTADR", MessageState.REJECTED, 0x0B),
        ("ESME_RINVSRCADR", MessageState.REJECTED, 0x0A),
        ("ESME_RINVDCS", MessageState.REJECTED, 0x04),
        ("ESME_RNEVERHEARDOF", MessageState.REJECTED, 255),
    ],
)
def test_level_1_has_the_status_of_submit_sm_resp_which_is_no_end_where_jasmin_tries_again(
    word, state, error
):
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
    (report,) = post(fields)
    assert report == Report(ID, state, 42, done_at=DONE)
    assert report.unknown == ("NEVER HEARD OF" if word == "never heard of" else "")


@pytest.mark.parametrize("err", ["ND", "", "0x1", "-1", "1000", "1.5", "\u0661", "x" * 500])
def test_an_error_that_is_no_number_is_none(err):
    assert post({**LEVEL_2, "message_status": "UNDELIV", "err": err})[0].error == 0


@pytest.mark.parametrize(
    ("donedate", "offset", "done_at"),
    [
        ("2601020304", 0.0, DONE),
        ("2601020604", 10_800.0, DONE),
        ("2601012204", -18_000.0, DONE),
        ("260102030405", 0.0, DONE + 5),
        ("20260102030405", 0.0, DONE + 5),
        ("2613020304", 0.0, None),
        ("ND", 0.0, None),
        ("", 0.0, None),
        ("1" * 5_000, 0.0, None),
        (None, 0.0, None),
    ],
)
def test_the_done_date_is_the_smscs_in_its_own_time(donedate, offset, done_at):
    fields = {name: value for name, value in LEVEL_2.items() if name != "donedate"}
    fields |= {"donedate": donedate} if donedate is not None else {}
    d7 = replace(PLAIN, utc_offset=offset)
    assert [report.done_at for report in (*post(fields, d7=d7), *get(fields, d7=d7))] == [
        done_at
    ] * 2


def test_states_can_be_added_and_go_before_ours():
    d7 = replace(PLAIN, states={"lost": "unknown", "ACCEPTD": "enroute", "esme_rfunny": "deleted"})
    for word, state, error in (
        ("LOST", MessageState.UNKNOWN, 0),
        ("ACCEPTD", MessageState.ENROUTE, 0),
        ("ESME_RFUNNY", MessageState.DELETED, 255),
    ):
        (report,) = post({**LEVEL_2, "message_status": word}, d7=d7)
        assert report == Report(ID, state, error, done_at=DONE)


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


# -- messages from phones, as Jasmin 0.11 wrote them -----------------------------------------------

FROM = f"id={ID}&from=971500000001&to=3377&origin-connector=smsc"
RELATIVE = "&validity=0&validity=0&validity=0&validity=1&validity=0&validity=0"
ABSOLUTE = "&validity=2030-11-26+15%3A15%3A00.900000%2B01%3A00"
LONG = "\u041f\u0440\u0438\u0432\u0435\u0442! " * 12
LITERAL = [
    ("content=STOP&binary=53544f50&priority=0&coding=%00", "STOP"),
    ("content=%00%1Be5+%05&binary=001b65352005&priority=0&coding=%00", "@\u20ac5 \u00e9"),
    ("content=%04%1F%04%40&binary=041f0440&priority=0&coding=%08", "\u041f\u0440"),
    ("content=caf%E9&binary=636166e9&priority=0&coding=%03", "caf\u00e9"),
    ("content=flash&binary=666c617368&priority=0&coding=%10", "flash"),
    ("content=class1&binary=636c61737331&priority=0&coding=%F1", "class1"),
    # letters of GSM 03.38 at the places of ASCII's brackets
    (
        "content=sch%7Cn+%5Bh%40&binary=7363687c6e205b6840&priority=0&coding=%00",
        "sch\u00f6n \u00c4h\u00a1",
    ),
    ("content=caf%C3%A9&binary=636166c3a9&priority=0&coding=%00", "caf\u00e9"),
    ("content=caf%E9&binary=636166e9&priority=0&coding=%00", "caf\u00e9"),
    ("content=vm&binary=766d&priority=0&coding=%C0", "vm"),
    ("content=%04K&binary=044b&priority=0&coding=%18", "\u044b"),
    ("content=%04K&binary=044b&priority=0&coding=%E0", "\u044b"),
    ("content=lang&binary=6c616e67&priority=0&coding=%0F", "lang"),
    ("content=&binary=&priority=0&coding=%00", ""),
    (f"content=%04%22&binary=0422&priority=2&coding=%08{RELATIVE}", "\u0422"),
    (f"content=%04%22&binary=0422&priority=2&coding=%08{ABSOLUTE}", "\u0422"),
    ("content=%04K&priority=0&coding=%E0", "\u044b"),
    ("content=%04%1F%04%40&coding=%08", "\u041f\u0440"),
    ("content=caf%E9&coding=%03", "caf\u00e9"),
    ("content=STOP", "STOP"),
    (f"binary={LONG.encode('utf-16-be').hex()}&coding=%08", LONG),
]


def both(said, d7=PLAIN):
    """Return the callback that says *said*, by POST and by GET."""
    form, url = f"{FROM}&{said}", f"/callbacks/d7?k=1&{FROM}&{said}"
    query = dict(parse_qsl(form, keep_blank_values=True))
    posted = HttpRequest("POST", "/callbacks/d7?k=1", FORM, form.encode(), query | {"k": "1"})
    got = HttpRequest("GET", url, query=query | {"k": "1"})
    return [found for each in (posted, got) for found in d7.read_callback(each)]


@pytest.mark.parametrize(("said", "text"), LITERAL)
def test_the_data_coding_is_one_octet(said, text):
    expected = Mo(provider_message_id=ID, source="971500000001", destination="3377", text=text)
    assert both(said) == [expected, expected]


def test_data_coding_0_can_be_latin_1():
    d7 = replace(PLAIN, data_coding_0="latin1")
    for found in both("content=a%40b+%5B%E9&binary=614062205be9&coding=%00", d7):
        assert found.text == "a@b [\u00e9"


@pytest.mark.parametrize(
    ("said", "octets", "data_coding", "esm_class"),
    [
        ("content=%00%FF%01&binary=00ff01&coding=%04", b"\x00\xff\x01", 4, 0),
        ("content=%01%02&binary=0102&coding=%F5", b"\x01\x02", 0xF5, 0),
        ("content=%01%02&coding=%F5", b"\x01\x02", 0xF5, 0),
        # what it does not join: references of 16 bits, ports
        (
            "content=%06%08%04%00%07%02%02two&binary=06080400070202" + b"two".hex() + "&coding=%00",
            b"\x06\x08\x04\x00\x07\x02\x02two",
            0,
            EsmClass.UDHI,
        ),
        (
            "binary=0605040b8423f0776170&coding=%04",
            b"\x06\x05\x04\x0b\x84\x23\xf0wap",
            4,
            EsmClass.UDHI,
        ),
        (
            "binary=0500030702010422&coding=%08",
            b"\x05\x00\x03\x07\x02\x01\x04\x22",
            8,
            EsmClass.UDHI,
        ),
    ],
)
def test_octets_and_headers_stay_as_they_are(said, octets, data_coding, esm_class):
    for found in both(said):
        assert (found.text, found.octets, found.data_coding) == ("", octets, data_coding)
        assert found.esm_class == esm_class


@pytest.mark.parametrize(
    "octets",
    [
        b"\x05\x00\x03abc and more",
        b"\x06\x05\x03abcd",
        b"\x00abc",
        b"\x02\x71\x00",
        b"\x05\x00\x03",
    ],
)
def test_octets_that_only_begin_like_a_header_are_text(octets):
    for found in both(f"binary={octets.hex()}&coding=%00"):
        assert (found.text, found.octets) == (gsm7.decode(octets), None)


def test_data_coding_has_values_that_are_octets_and_values_that_are_digits():
    for octet in (*range(0x30), *range(0x3A, 0x100)):
        for found in both(f"binary=0001&coding=%{octet:02X}"):
            if found.octets is not None:
                assert found.data_coding == octet
            else:
                alphabet = coding.alphabet(octet)
                assert found.text == coding.characters(b"\x00\x01", alphabet)
    for digits in ("0", "8", "08", "008", " 8 "):
        (found,) = post({**MO, "coding": digits, "binary": "0422"})
        assert found.text == ('\u00e8"' if digits == "0" else "\u0422")


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

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppbridge.model.address import Address
from smppbridge.model.message import Message, Traits
from smppbridge.model.outcome import Accepted, Outcome, Postponed, Refused, Uncertain
from smppbridge.model.parts import Part
from smppbridge.providers.exchange import NOW, NoAnswer, NotSent
from smppbridge.providers.smpp.binding import SmppRequest
from smppbridge.providers.smpp.provider import PAUSES, Smpp
from smppbridge.settings.provider import section_for
from smppbridge.smpp import tlvs
from smppbridge.smpp.codec import decode
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.constants import Tag
from smppbridge.smpp.pdus import GenericNack, SubmitSmResp

PASSWORD = "sesame"
TEXT = "Your code is 4821"
NOON = 1_700_000_000.0
SMPP = Smpp(host="smsc.test", system_id="bank", password=PASSWORD)
MESSAGE = Message(
    message_id=0x1_0203,
    system_id="bank",
    source=Address("ACME", 5),
    destination=Address("+254722000001", 1, 1),
    number="254722000001",
    text=TEXT,
    data_coding=0,
    priority=2,
    registered_delivery=1,
    route=("smsc",),
    accepted_at=NOON,
    expires_at=NOON + 86_400,
    due=NOON,
)
LONG = "0123456789" * 40  # three segments of GSM
THREE = Accepted("7", (Part("7", needed=False), Part("8", needed=False), Part("9")))


class PlayedExchange:
    """Carries an exchange through; *answers* are PDUs, statuses, ids or exceptions."""

    def __init__(self, message, *answers, smpp=SMPP, now=NOON):
        self.requests: list[SmppRequest] = []
        self.outcome: Outcome | None = None
        exchange = smpp.submit(message)
        step, given = exchange.send, None
        left = iter(answers)
        try:
            while True:
                wanted = step(given)
                if wanted is NOW:
                    step, given = exchange.send, now
                    continue
                self.requests.append(wanted)
                decode(wanted.pdu.encode())  # it can be written, and read
                given = next(left)
                step = exchange.throw if isinstance(given, Exception) else exchange.send
                if isinstance(given, str):
                    given = SubmitSmResp(0, 1, given.encode("latin-1"))
                elif isinstance(given, int):
                    given = SubmitSmResp(given, 1)
        except StopIteration as stop:
            self.outcome = stop.value

    @property
    def pdus(self):
        return [request.pdu for request in self.requests]


def changed(**fields):
    return replace(MESSAGE, **fields)


def with_settings(**settings):
    return replace(SMPP, **settings)


def sent(message=MESSAGE, **settings):
    """Return the only submit_sm of a message."""
    (pdu,) = PlayedExchange(message, "1", smpp=with_settings(**settings)).pdus
    return pdu


def test_a_text_is_one_submit_sm_of_gsm_characters():
    played = PlayedExchange(MESSAGE, "42")
    assert played.outcome == Accepted("42")
    (pdu,) = played.pdus
    assert pdu.short_message == TEXT.encode()
    assert (pdu.source_addr_ton, pdu.source_addr_npi, pdu.source_addr) == (5, 0, b"ACME")
    assert (pdu.dest_addr_ton, pdu.dest_addr_npi, pdu.destination_addr) == (1, 1, b"254722000001")
    assert (pdu.registered_delivery, pdu.priority_flag, pdu.data_coding) == (1, 2, 0)
    assert (pdu.esm_class, pdu.service_type, pdu.tlvs) == (0, b"", ())


# -- the alphabet ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "settings", "octets", "data_coding"),
    [
        ("@£€", {}, b"\x00\x01\x1be", 0),
        ("Да", {}, "Да".encode("utf-16-be"), 8),
        ("😀", {}, "😀".encode("utf-16-be"), 8),
        ("@ñ", {"alphabet": "latin1"}, b"@\xf1", 0),
        ("@ñ", {"alphabet": "latin1", "data_coding": 3}, b"@\xf1", 3),
        ("€", {"alphabet": "latin1"}, "€".encode("utf-16-be"), 8),
        ("@_", {"alphabet": "ia5", "data_coding": 1}, b"@_", 1),
        ("ñ", {"alphabet": "ia5"}, b"\x00\xf1", 8),
        ("ab", {"alphabet": "ucs2"}, b"\0a\0b", 8),
        ("", {}, b"", 0),
    ],
)
def test_text_is_in_the_alphabet_of_the_smsc_or_ucs2(text, settings, octets, data_coding):
    pdu = sent(changed(text=text), **settings)
    assert (pdu.short_message, pdu.data_coding) == (octets, data_coding)


@pytest.mark.parametrize(
    ("text", "header", "octets", "data_coding"),
    [
        ("şeker", "03250101", b"\x1deker", 0),
        ("abc€", "", b"abc\x1be", 0),
        ("жук", "", "жук".encode("utf-16-be"), 8),
        ("नमस्ते", "", "नमस्ते".encode("utf-16-be"), 8),  # no language of this SMSC
    ],
)
def test_text_is_in_a_national_table_where_the_smsc_has_it(text, header, octets, data_coding):
    pdu = sent(changed(text=text), national=("turkish", "portuguese"))
    assert pdu.short_message == bytes.fromhex(header) + octets
    assert (pdu.esm_class, pdu.data_coding) == (0x40 if header else 0, data_coding)


def test_a_class_is_kept_beside_a_national_table():
    pdu = sent(changed(text="şeker", data_coding=0xF0), national=("turkish",))
    assert (pdu.short_message[:4].hex(), pdu.data_coding) == ("03250101", 0x10)
    assert sent(changed(text="şeker", data_coding=0xF0)).data_coding == 0x18


def test_each_segment_of_a_long_text_names_the_table():
    settings = with_settings(national=("turkish",))
    long = PlayedExchange(changed(text="ş" * 300), "1", "2", "3", smpp=settings).pdus
    headers = [pdu.short_message[:9].hex() for pdu in long]
    assert [len(pdu.short_message) - 9 for pdu in long] == [149, 149, 2]
    assert all(pdu.esm_class == 0x40 for pdu in long)
    assert [(h[:6], h[10:12], h[12:]) for h in headers] == [
        ("080003", f"0{n}", "250101") for n in (1, 2, 3)
    ]


def test_a_payload_has_the_header_of_the_table():
    settings = with_settings(national=("turkish",), segments="payload")
    (pdu,) = PlayedExchange(changed(text="ş" * 300), "1", smpp=settings).pdus
    ((_, payload),) = pdu.tlvs
    assert payload == bytes.fromhex("03250101") + b"\x1d" * 300
    assert (pdu.short_message, pdu.esm_class) == (b"", 0x40)


@pytest.mark.parametrize("settings", [{"national": ("klingon",)}, {"national": ("turkish", "")}])
def test_an_unknown_language_is_a_fault(settings):
    with pytest.raises(ValueError, match="national must be a list of turkish"):
        with_settings(**settings)


def test_languages_shift_gsm7_only():
    with pytest.raises(ValueError, match="national needs alphabet: gsm7"):
        with_settings(national=("turkish",), alphabet="latin1")


@pytest.mark.parametrize(
    ("asked", "gsm", "ucs2"),
    [
        (0x10, 0x10, 0x18),
        (0xF0, 0x10, 0x18),
        (0x19, 0x11, 0x19),
        (0xC8, 0xC8, 0xE8),
        (0xD9, 0xD9, 0xE9),
        (0xE8, 0xD8, 0xE8),
    ],
)
def test_a_class_and_an_indication_stay_whatever_the_alphabet(asked, gsm, ucs2):
    assert sent(changed(data_coding=asked), alphabet="latin1").data_coding == gsm
    assert sent(changed(data_coding=asked, text="Да")).data_coding == ucs2


def test_octets_go_as_they_came():
    binary = changed(
        text="", binary=b"\x01\xff", data_coding=4, traits=Traits(udh=b"\x06\x05\x04\x15\x81\0\0")
    )
    pdu = sent(binary)
    assert (pdu.data_coding, pdu.esm_class) == (4, 0x40)
    assert pdu.short_message == b"\x06\x05\x04\x15\x81\0\0\x01\xff"


def test_what_an_esme_said_of_its_message_is_passed_on():
    traits = Traits(service_type="WAP", esm_class=0x80 | 0x40 | 0x08, protocol_id=0x41)
    pdu = sent(changed(traits=traits), service_type="CMT")
    assert (pdu.service_type, pdu.esm_class, pdu.protocol_id) == (b"WAP", 0x88, 0x41)
    assert sent(service_type="CMT").service_type == b"CMT"


# -- addresses and times --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "settings", "expected"),
    [
        (Address("ACME", 0), {}, (5, 0, b"ACME")),
        (Address("254722000009", 0), {}, (1, 1, b"254722000009")),
        (Address("+254722000009", 0), {}, (1, 1, b"254722000009")),
        (Address("0722000009", 0), {}, (2, 1, b"0722000009")),
        (Address("22141", 0), {}, (3, 0, b"22141")),
        (Address("12345678", 3), {}, (3, 0, b"12345678")),
        (Address("254722000009", 5), {}, (5, 0, b"254722000009")),
        (Address("254722000009", 0), {"source_ton": 0, "source_npi": 8}, (0, 8, b"254722000009")),
        (Address("ACME", 5), {"source_ton": 1, "source_npi": 1}, (5, 0, b"ACME")),
        (Address(""), {}, (0, 0, b"")),
    ],
)
def test_the_source_address_is_of_the_type_that_its_form_tells(source, settings, expected):
    pdu = sent(changed(source=source), **settings)
    assert (pdu.source_addr_ton, pdu.source_addr_npi, pdu.source_addr) == expected


@pytest.mark.parametrize(
    ("number", "ton", "settings", "expected"),
    [
        ("+254722000001", 1, {}, (1, 1)),
        ("0722000001", 1, {}, (2, 1)),
        ("40404", 3, {}, (3, 0)),
        ("254722000001", 1, {"destination_ton": 2, "destination_npi": 6}, (2, 6)),
    ],
)
def test_the_destination_is_of_the_type_that_its_form_tells(number, ton, settings, expected):
    pdu = sent(changed(number=number, destination=Address(number, ton)), **settings)
    assert (pdu.dest_addr_ton, pdu.dest_addr_npi) == expected
    assert pdu.destination_addr == number.encode()


@pytest.mark.parametrize("field", ["source", "number"])
def test_an_address_that_does_not_fit_is_not_cut_but_refused(field):
    value = Address("A" * 21) if field == "source" else "1" * 21
    played = PlayedExchange(changed(**{field: value}))
    assert isinstance(played.outcome, Refused)
    assert played.requests == []


@pytest.mark.parametrize(
    ("left", "written"),
    [
        (86_400.4, b"000001000000000R"),
        (3_661, b"000000010101000R"),
        (31 * 86_400, b"000101000000000R"),
        (-5, b"000000000001000R"),
        (10**9, b"010221000000000R"),
    ],
)
def test_the_validity_is_what_is_left_of_it(left, written):
    pdu = sent(changed(expires_at=NOON + left))
    assert pdu.validity_period == written


def test_the_validity_may_be_absolute_or_left_out():
    message = changed(expires_at=NOON)
    assert sent(message, validity="absolute").validity_period == b"231114221320000+"
    assert sent(message, validity="none").validity_period == b""
    assert sent(changed(expires_at=1e12), validity="absolute").validity_period == b""


@pytest.mark.parametrize(("asked", "setting", "octet"), [(0, 1, 1), (0x11, 1, 0x11), (1, 0, 0)])
def test_receipts_are_asked_for_as_is_set(asked, setting, octet):
    message = changed(registered_delivery=asked)
    assert sent(message, registered_delivery=setting).registered_delivery == octet


# -- long messages --------------------------------------------------------------------------------


def test_an_smsc_that_is_asked_for_no_receipts_tells_of_none():
    section: Any = section_for("smpp")
    settings: dict[str, Any] = {
        "type": "smpp",
        "host": "smsc.test",
        "system_id": "bank",
        "password": "sesame",
    }
    assert section(**settings).lane.reports == "push"
    assert section(**settings, registered_delivery=0).lane.reports == "none"


def test_segments_go_one_after_the_other_and_each_asks_for_its_receipt():
    played = PlayedExchange(changed(text=LONG), "7", "", "9")
    assert played.outcome == Accepted("7", (Part("7", needed=False), Part("9")))
    assert [pdu.registered_delivery for pdu in played.pdus] == [1, 1, 1]
    assert {pdu.esm_class for pdu in played.pdus} == {0x40}
    heads = [pdu.short_message[:6] for pdu in played.pdus]
    assert heads == [bytes((5, 0, 3, 3, 3, n)) for n in (1, 2, 3)]
    assert b"".join(pdu.short_message[6:] for pdu in played.pdus) == LONG.encode()
    assert [len(pdu.short_message) for pdu in played.pdus] == [159, 159, 100]


@pytest.mark.parametrize("segments", ["udh", "udh16", "sar", "payload"])
@pytest.mark.parametrize(("asked", "setting", "octet"), [(1, 1, 1), (0x11, 2, 0x12), (0x11, 0, 0)])
def test_every_submit_sm_asks_for_the_receipt_however_long_texts_go(
    segments, asked, setting, octet
):
    smpp = with_settings(segments=segments, registered_delivery=setting)
    message = changed(text=LONG, registered_delivery=asked)
    pdus = PlayedExchange(message, "7", "8", "9", smpp=smpp).pdus
    assert len(pdus) == (1 if segments == "payload" else 3)
    assert {pdu.registered_delivery for pdu in pdus} == {octet}


@pytest.mark.parametrize(
    ("by", "needed"),
    [("last", (False, False, True)), ("all", (True, True, True)), ("first", (True, False, False))],
)
def test_the_setting_says_which_segments_make_a_message_delivered(by, needed):
    outcome = PlayedExchange(
        changed(text=LONG), "7", "8", "9", smpp=with_settings(delivered_by=by)
    ).outcome
    assert outcome == Accepted("7", tuple(map(Part, "789", needed)))


@pytest.mark.parametrize(
    ("by", "answers", "named"),
    [
        ("last", ("7", "8", ""), None),
        ("first", ("", "8", "9"), None),
        ("all", ("", "", ""), None),
        ("last", ("", "", "9"), ["9"]),
        ("first", ("7", "", ""), ["7"]),
        ("all", ("7", "", "9"), ["7", "9"]),
        ("all", ("7", "7", "7"), ["7"]),
    ],
)
def test_a_segment_without_an_id_is_none_that_a_receipt_can_be_about(by, answers, named):
    smpp = with_settings(delivered_by=by)
    outcome = PlayedExchange(changed(text=LONG), *answers, smpp=smpp).outcome
    if named is None:
        assert outcome == Uncertain("taken, but without message_id")
    else:
        assert outcome.provider_message_id == named[0]
        ids = [part.provider_message_id for part in outcome.parts]
        assert ids == (named if len(named) > 1 else [])


def test_segments_may_have_a_wide_reference():
    pdus = PlayedExchange(
        changed(text=LONG), "7", "8", "9", smpp=with_settings(segments="udh16")
    ).pdus
    assert pdus[1].short_message[:7] == b"\x06\x08\x04\x02\x03\x03\x02"


def test_segments_may_be_told_by_tlvs():
    pdus = PlayedExchange(
        changed(text=LONG), "7", "8", "9", smpp=with_settings(segments="sar")
    ).pdus
    tags = (Tag.SAR_MSG_REF_NUM, Tag.SAR_TOTAL_SEGMENTS, Tag.SAR_SEGMENT_SEQNUM)
    assert [[tlvs.integer(p.tlvs, t) for t in tags] for p in pdus] == [
        [0x0203, 3, n] for n in (1, 2, 3)
    ]
    assert {pdu.esm_class for pdu in pdus} == {0}
    assert b"".join(pdu.short_message for pdu in pdus) == LONG.encode()


def test_a_long_message_may_go_whole():
    pdu = sent(changed(text=LONG), segments="payload")
    assert pdu.short_message == b""
    assert tlvs.find(pdu.tlvs, Tag.MESSAGE_PAYLOAD) == LONG.encode()
    assert pdu.registered_delivery == 1
    assert sent(segments="payload").short_message == TEXT.encode()


def test_latin1_that_gsm_has_too_is_as_long_as_gsm():
    smpp = with_settings(alphabet="latin1")
    assert len(PlayedExchange(changed(text="a" * 160), "1", smpp=smpp).pdus) == 1
    assert len(PlayedExchange(changed(text="â" * 141), "1", "2", smpp=smpp).pdus) == 2


def test_a_text_that_nobody_can_divide_is_refused_before_anything_leaves():
    played = PlayedExchange(changed(text="x" * 50_000))
    assert (played.outcome.command_status, played.requests) == (Status.ESME_RINVMSGLEN, [])
    assert isinstance(PlayedExchange(changed(text="\ud800")).outcome, Refused)
    udh = Traits(udh=b"\x05\x00\x09")
    assert isinstance(PlayedExchange(changed(binary=b"x" * 200, traits=udh)).outcome, Refused)


def test_only_a_later_segment_that_is_throttled_is_repeated():
    throttled = Status.ESME_RTHROTTLED
    played = PlayedExchange(changed(text=LONG), "7", throttled, throttled, "8", "9")
    assert played.outcome == THREE
    numbers = [pdu.short_message[5] for pdu in played.pdus]
    assert numbers == [1, 2, 2, 2, 3]
    assert [request.after for request in played.requests] == [0, 0, 1, 2, 0]


def test_a_later_segment_is_not_repeated_for_ever():
    answers = [Status.ESME_RMSGQFUL] * (1 + len(PAUSES))
    played = PlayedExchange(changed(text=LONG), "7", *answers)
    assert played.outcome == Refused("segment 2 of 3: ESME_RMSGQFUL", Status.ESME_RMSGQFUL)
    assert [request.after for request in played.requests[2:]] == list(PAUSES)


def test_a_later_segment_that_never_left_is_repeated_too():
    again = PlayedExchange(changed(text=LONG), "7", NotSent("not bound"), "8", "9")
    assert again.outcome == THREE
    gone = [NotSent("not bound")] * (1 + len(PAUSES))
    outcome = PlayedExchange(changed(text=LONG), "7", *gone).outcome
    assert outcome == Uncertain("segment 2 of 3 could not be sent")


def test_a_refused_later_segment_ends_it_and_no_other_provider_may_try():
    outcome = PlayedExchange(changed(text=LONG), "7", Status.ESME_RINVSYSID).outcome
    assert outcome == Refused("segment 2 of 3: ESME_RINVSYSID", Status.ESME_RINVSYSID)


def test_after_the_first_segment_silence_is_uncertain():
    played = PlayedExchange(changed(text=LONG), "7", NoAnswer("lost"))
    assert played.outcome == Uncertain("segment 2 of 3: lost")
    assert len(played.requests) == 2


@pytest.mark.parametrize("fault", [NotSent("not bound"), NoAnswer("lost")])
@pytest.mark.parametrize("text", [TEXT, LONG])
def test_what_happens_to_the_first_request_is_for_the_relay(fault, text):
    with pytest.raises(type(fault)):
        PlayedExchange(changed(text=text), fault)


@pytest.mark.parametrize("status", [Status.ESME_RTHROTTLED, Status.ESME_RINVDSTADR])
def test_a_first_segment_that_is_not_taken_leaves_nothing_behind(status):
    played = PlayedExchange(changed(text=LONG), status)
    assert not isinstance(played.outcome, Accepted)
    assert len(played.requests) == 1


# -- answers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (Status.ESME_RTHROTTLED, Postponed("ESME_RTHROTTLED", whole_lane=True)),
        (Status.ESME_RMSGQFUL, Postponed("ESME_RMSGQFUL")),
        (Status.ESME_RSYSERR, Postponed("ESME_RSYSERR")),
        (Status.ESME_RINVBNDSTS, Postponed("ESME_RINVBNDSTS")),
        (Status.ESME_RINVDSTADR, Refused("ESME_RINVDSTADR", Status.ESME_RINVDSTADR)),
        (Status.ESME_RSUBMITFAIL, Refused("ESME_RSUBMITFAIL", Status.ESME_RSUBMITFAIL)),
        (Status.ESME_RINVSYSID, Refused("ESME_RINVSYSID", Status.ESME_RINVSYSID, True)),
        (0x0401, Refused("0x00000401", 0x0401)),
        (0xFFFFFFFF, Refused("0xFFFFFFFF", 0xFFFFFFFF)),
    ],
)
def test_a_status_means_what_it_says(status, outcome):
    assert PlayedExchange(MESSAGE, status).outcome == outcome
    assert PlayedExchange(MESSAGE, GenericNack(status, 1)).outcome == outcome


def test_meanings_can_be_set_by_name_and_number():
    smpp = with_settings(
        statuses={"ESME_RSUBMITFAIL": "provider", 0x0401: "throttled", "0x0402": "later"}
    )
    assert PlayedExchange(MESSAGE, Status.ESME_RSUBMITFAIL, smpp=smpp).outcome.provider_fault
    assert PlayedExchange(MESSAGE, 0x0401, smpp=smpp).outcome.whole_lane
    assert PlayedExchange(MESSAGE, 0x0402, smpp=smpp).outcome == Postponed("0x00000402")


@pytest.mark.parametrize("answer", ["", " ", "x" * 65, "\x1b[2J", GenericNack(0, 1)])
def test_an_answer_without_an_id_is_uncertain(answer):
    assert isinstance(PlayedExchange(MESSAGE, answer).outcome, Uncertain)


@pytest.mark.parametrize(
    ("ids", "said", "kept"),
    [
        ("same", "00AbC", "00AbC"),
        ("hex_to_decimal", "1F", "31"),
        ("hex_to_decimal", "00BC614E", "12345678"),
        ("hex_to_decimal", "a-1", "a-1"),
        ("decimal_to_hex", "0000000031", "1f"),
        ("decimal_to_hex", "1f", "1f"),
    ],
)
def test_ids_are_kept_as_receipts_will_spell_them(ids, said, kept):
    smpp = with_settings(ids=ids)
    assert PlayedExchange(MESSAGE, said, smpp=smpp).outcome == Accepted(kept)
    long = PlayedExchange(changed(text=LONG), "0A", said, "0B", smpp=smpp).outcome
    assert long.parts[1].provider_message_id == kept


@given(status=st.integers(0, 0xFFFFFFFF), message_id=st.binary(max_size=70))
def test_any_answer_is_an_outcome(status, message_id):
    outcome = PlayedExchange(MESSAGE, SubmitSmResp(status, 1, message_id)).outcome
    assert isinstance(outcome, Outcome)


@given(text=st.text(max_size=400), alphabet=st.sampled_from(["gsm7", "latin1", "ia5", "ucs2"]))
def test_any_text_can_be_written_or_is_refused(text, alphabet):
    smpp = with_settings(alphabet=alphabet)
    played = PlayedExchange(changed(text=text), *map(str, range(1, 51)), smpp=smpp)
    assert isinstance(played.outcome, Accepted | Refused)


# -- settings -------------------------------------------------------------------------------------


def test_neither_password_nor_text_shows():
    (request,) = PlayedExchange(MESSAGE, "1").requests
    for thing in (SMPP, SMPP.binding, request, request.pdu):
        assert PASSWORD not in repr(thing)
        assert TEXT not in repr(thing)


@pytest.mark.parametrize(
    "settings",
    [
        {"host": ""},
        {"host": "smpp://smsc.test"},
        {"system_id": ""},
        {"system_id": "x" * 16},
        {"system_id": "é"},
        {"password": "\x01"},
        {"password": "x" * 65},
        {"system_type": "x" * 13},
        {"service_type": "toolong"},
        {"port": 0},
        {"binds": 0},
        {"window": 0},
        {"enquire_link": 0},
        {"data_coding": 256},
        {"source_ton": 256},
        {"bind": "rx"},
        {"alphabet": "utf8"},
        {"segments": "wap"},
        {"ids": "guess"},
        {"delivered_by": "most"},
        {"validity": "soon"},
        {"statuses": {"ESME_ROK": "later"}},
        {"statuses": {"ESME_NONE": "later"}},
        {"statuses": {0x0401: "maybe"}},
        {"states": {"LOST": "somewhere"}},
    ],
)
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(ValueError) as fault:
        with_settings(**settings)
    assert PASSWORD not in str(fault.value)


def test_equal_settings_make_equal_and_hashable_providers():
    assert replace(SMPP) == SMPP
    assert hash(replace(SMPP)) == hash(SMPP)
    assert replace(SMPP, service_type="CMT").binding == SMPP.binding
    assert replace(SMPP, password="other").binding != SMPP.binding

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppbridge.model.address import Address
from smppbridge.model.outcome import Accepted, Outcome, Postponed, Refused, Uncertain
from smppbridge.model.report import Report
from smppbridge.providers.exchange import BadReply, HttpResponse, NoAnswer, NotSent
from smppbridge.smpp.constants import CommandStatus, MessageState
from tests.providers.mspace import (
    ANSWERS,
    GET,
    JSON,
    MESSAGE,
    NUMBER,
    OTHER,
    QUOTED_SECRET,
    QUOTED_TEXT,
    SECRET,
    TEXT,
    XML,
    carried,
    nonsense,
    octets,
)

ID = "49032401"
KEY = "5b0e6a52-1d0c-4a8e-9e0e-2a4f6f0f7c11"
FIELDS = {"username": "acme", "senderId": "ACME", "recipient": NUMBER, "message": TEXT}
BATCH = [MESSAGE, replace(MESSAGE, number=OTHER, message_id=2)]

every_style = pytest.mark.parametrize("v2", [JSON, XML, GET], ids=["json", "xml", "get"])


def fields_of_xml(request):
    root = ElementTree.fromstring(request.body)
    return root.tag, {child.tag: child.text or "" for child in root}


def test_a_submission_in_json():
    request = next(JSON.submit(MESSAGE))
    assert (request.method, request.url) == ("POST", "https://mspace.test/v2/sendtext")
    assert request.operation == "submit"
    assert dict(request.headers) == {
        "apikey": SECRET,
        "Content-Type": "application/json",
        "Accept": "application/json",
    }
    assert request.body.isascii()
    assert json.loads(request.body) == FIELDS


def test_a_submission_in_xml():
    request = next(XML.submit(MESSAGE))
    assert (request.method, request.url) == ("POST", "https://mspace.test/v2/sendtext")
    assert dict(request.headers) == {
        "apikey": SECRET,
        "Content-Type": "application/xml",
        "Accept": "application/xml",
    }
    assert fields_of_xml(request) == ("sms", FIELDS)


def test_a_submission_in_the_path():
    request = next(GET.submit(MESSAGE))
    assert (request.method, request.body) == ("GET", b"")
    assert "apikey" not in dict(request.headers)
    assert request.url == (
        f"https://mspace.test/v2/sendtext/apikey={QUOTED_SECRET}/username=acme"
        f"/senderId=ACME/recipient={NUMBER}/message={QUOTED_TEXT}"
    )


@given(st.text(st.characters(), max_size=20), st.text(st.characters(), max_size=12))
def test_any_text_and_source_are_written_and_read_back(text, source):
    message = replace(MESSAGE, text=text, source=Address(source))
    document = json.loads(next(JSON.submit(message)).body)
    assert (document["message"], document["senderId"]) == (text, source)
    assert next(GET.submit(message)).url.isascii()
    _, fields = fields_of_xml(next(XML.submit(message)))
    for name, meant in (("message", text), ("senderId", source)):
        pairs = zip(fields[name], meant, strict=True)
        assert all(read == wrote or read == "?" for read, wrote in pairs)


def test_only_what_xml_cannot_hold_is_replaced():
    text = "<a>&amp;\"'\r\n\t]]>\u20ac\U0001f600\x85\x7f" + "\x00\x1b\ufffe\ud800"
    _, fields = fields_of_xml(next(XML.submit(replace(MESSAGE, text=text))))
    assert fields["message"] == text[:-4] + "????"


@every_style
def test_a_query_asks_by_the_id(v2):
    request = next(v2.query(MESSAGE, ID))
    assert request.operation == "query"
    assert request.url.startswith("https://mspace.test/v2/deliveryreport")
    if v2 is JSON:
        assert json.loads(request.body) == {"username": "acme", "messageId": ID}
    elif v2 is XML:
        assert fields_of_xml(request) == ("dlr", {"username": "acme", "messageId": ID})
    else:
        assert request.url.endswith(f"/username=acme/messageId={ID}")


def reported(status, words, v2=JSON, **changed):
    entry = {"messageId": ID, "recipient": NUMBER, "status": status, "statusDescription": words}
    return carried(v2.query(MESSAGE, ID), {"message": [{**entry, **changed}]})[1]


@every_style
@pytest.mark.parametrize(
    ("status", "words", "state", "error"),
    [
        (3, "Delivered", MessageState.DELIVERED, 0),
        ("3", None, MessageState.DELIVERED, 0),
        (1, "Pending", MessageState.ENROUTE, 0),
        (2, "Sent", MessageState.ENROUTE, 0),
        (4, "Failed", MessageState.UNDELIVERABLE, 4),
        (5, "", MessageState.UNDELIVERABLE, 5),
        (27, "Expired", MessageState.EXPIRED, 27),
        (None, "Rejected", MessageState.REJECTED, 0),
        (1234, "Rejected", MessageState.REJECTED, 0),
        (-4, "Failed", MessageState.UNDELIVERABLE, 0),
        (99, "Who knows", MessageState.ENROUTE, 0),
    ],
)
def test_a_report_is_read(v2, status, words, state, error):
    assert reported(status, words, v2) == Report(ID, state, error)


@pytest.mark.parametrize(
    ("status", "words", "unknown"),
    [(99, "Who knows", "99"), (None, "Who knows", "Who knows"), (1, "Who knows", ""), (3, "", "")],
)
def test_a_status_that_no_table_knows_is_named_in_the_report(status, words, unknown):
    assert reported(status, words).unknown == unknown


def test_a_report_names_the_id_as_text_or_integer_and_may_be_xml():
    delivered = Report(ID, MessageState.DELIVERED)
    assert reported(3, "", messageId=int(ID)) == delivered
    body = f"<response><message><messageId>{ID}</messageId><status>3</status></message></response>"
    assert carried(XML.query(MESSAGE, ID), body.encode())[1] == delivered


def test_an_id_that_mspace_does_not_know_is_still_on_its_way():
    for document in ({"message": []}, [], b"<response/>"):
        assert carried(JSON.query(MESSAGE, ID), document)[1] == Report(ID, MessageState.ENROUTE)


def test_states_can_be_set_by_number_and_by_words():
    own = replace(JSON, states={6: "expired", "in limbo": "unknown", "delivered": "enroute"})
    assert reported(6, "", own) == Report(ID, MessageState.EXPIRED, 6)
    assert reported(1, "In Limbo", own) == Report(ID, MessageState.UNKNOWN)
    assert reported(3, "Delivered", own) == Report(ID, MessageState.ENROUTE)
    assert reported(3, "Delivered to phone", own) == Report(ID, MessageState.DELIVERED)


@pytest.mark.parametrize(
    ("document", "status"),
    [
        ({"message": [{"messageId": ID, "status": 3}]}, 500),
        ({"message": [{"messageId": ID, "status": 3}]}, 302),
        ({"message": [{"messageId": "4711", "status": 3}]}, 200),
        ({"message": [{"recipient": NUMBER, "status": 3}]}, 200),
        ({"message": [{"messageId": ID}]}, 200),
        ({"message": [{"messageId": ID, "status": " "}]}, 200),
        ({"message": [{"messageId": ID, "statusDescription": "Authentication failed"}]}, 200),
        ({"error": "Invalid API key", "status": 401}, 401),
        ({"error": f"Invalid API key {SECRET}"}, 200),
        (b"Error 100: Authentication Failure", 200),
        (b"internal service error", 200),
        (b"3", 200),
    ],
)
def test_an_answer_to_a_query_that_is_none_is_a_bad_reply(document, status):
    exchange = JSON.query(MESSAGE, ID)
    next(exchange)
    with pytest.raises(BadReply) as fault:
        exchange.send(HttpResponse(status, octets(document)))
    assert SECRET not in str(fault.value)


@nonsense
def test_nonsense_ends_nothing(body):
    with suppress(BadReply):
        assert carried(JSON.query(MESSAGE, ID), body)[1] == Report(ID, MessageState.ENROUTE)


@given(ANSWERS, st.integers(0, 999))
def test_whatever_comes_a_query_raises_nothing_but_bad_reply(body, status):
    with suppress(BadReply):
        assert isinstance(carried(JSON.query(MESSAGE, ID), body, status)[1], Report)


# -- batches ------------------------------------------------------------------------------------


def entry(number, status=111, identifier="1"):
    return {"messageId": identifier, "recipient": number, "status": status}


def batched(document, status=200, messages=BATCH):
    return carried(JSON.submit_batch(messages, KEY), document, status)[1]


def test_batches_are_off_unless_they_are_asked_for():
    assert not replace(JSON, batch=1).abilities.keyed
    assert JSON.abilities.batch == 10
    assert JSON.abilities.idempotent == 0


def test_a_batch_is_one_request_with_a_list():
    assert json.loads(next(JSON.submit_batch(BATCH, KEY)).body) == {
        **FIELDS,
        "recipient": f"{NUMBER},{OTHER}",
    }
    _, fields = fields_of_xml(next(XML.submit_batch(BATCH, KEY)))
    assert fields["recipient"] == f"{NUMBER},{OTHER}"


def test_messages_share_a_request_if_sender_and_text_are_the_same():
    group = JSON.group_of(MESSAGE)
    assert group == JSON.group_of(BATCH[1])
    assert group != JSON.group_of(replace(MESSAGE, text="x"))
    assert group != JSON.group_of(replace(MESSAGE, source=Address("OTHER")))


def test_each_message_of_a_batch_has_its_own_outcome():
    failed = {**entry("0722000001", 114), "statusDescription": "Invalid recipient"}
    assert batched({"message": [entry(OTHER), failed]}) == [
        Refused("destination refused", CommandStatus.ESME_RINVDSTADR, words="Invalid recipient"),
        Accepted("1"),
    ]


def test_what_the_answer_to_a_batch_does_not_mention_is_uncertain():
    taken, missing = batched({"message": [entry(NUMBER)]})
    assert (taken, missing) == (Accepted("1"), Uncertain("the answer does not mention it"))
    nameless = {"message": [{"messageId": "1", "status": 111}, {"messageId": "2", "status": 111}]}
    assert all(isinstance(outcome, Uncertain) for outcome in batched(nameless))


def test_a_long_batch_may_have_a_long_answer():
    batch = [replace(MESSAGE, number=str(254_722_000_000 + n)) for n in range(1_000)]
    entries = [entry(m.number, identifier=f"{n:060}") for n, m in enumerate(batch)]
    outcomes = batched({"message": entries}, messages=batch)
    assert len({outcome.provider_message_id for outcome in outcomes}) == 1_000


@pytest.mark.parametrize(
    ("document", "status", "outcome"),
    [
        (
            b"Insufficient Balance",
            200,
            Refused("no credit", provider_fault=True, words="Insufficient Balance"),
        ),
        (
            b"Invalid sender",
            200,
            Refused("source refused", CommandStatus.ESME_RINVSRCADR, words="Invalid sender"),
        ),
        (b"", 401, Refused("HTTP 401", provider_fault=True)),
        (b"", 429, Postponed("HTTP 429", None, True)),
        (b"", 500, Uncertain("HTTP 500")),
        (b"<html>", 200, Uncertain("neither JSON nor XML")),
    ],
)
def test_what_all_of_a_batch_have_in_common_is_told_of_each(document, status, outcome):
    assert batched(document, status) == [outcome, outcome]


def one_by_one(*answers, refusal=b"Invalid recipient"):
    """Refuse a batch as a whole, then answer for each of its messages; return the outcomes."""
    exchange = JSON.submit_batch([*BATCH, replace(MESSAGE, number="254744000003")], KEY)
    next(exchange)
    asked = [exchange.send(HttpResponse(400, refusal))]
    for answer in answers:
        step = exchange.throw if isinstance(answer, Exception) else exchange.send
        try:
            asked.append(step(answer))
        except StopIteration as end:
            assert [json.loads(r.body)["recipient"] for r in asked] == [
                NUMBER,
                OTHER,
                "254744000003",
            ][: len(asked)]
            return end.value
    raise AssertionError("the exchange goes on")


def taken(number, identifier):
    return HttpResponse(200, octets({"message": [entry(number, identifier=identifier)]}))


INVALID = HttpResponse(400, b'{"error": "Invalid recipient"}')
REFUSED = Refused(
    "HTTP 400: destination refused", CommandStatus.ESME_RINVDSTADR, words="Invalid recipient"
)
LATER = Postponed("a recipient before it was not answered for")


@pytest.mark.parametrize("body", [b"Invalid recipient", b""])
def test_a_batch_refused_for_one_recipient_is_asked_for_one_by_one(body):
    answers = (taken(NUMBER, "1"), INVALID, taken("254744000003", "3"))
    outcomes = one_by_one(*answers, refusal=body)
    assert outcomes == [Accepted("1"), REFUSED, Accepted("3")]


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (NotSent("refused"), Postponed("refused")),
        (NoAnswer("silence"), Uncertain("silence")),
        (HttpResponse(429), Postponed("HTTP 429", None, True)),
        (HttpResponse(500), Uncertain("HTTP 500")),
    ],
)
def test_one_by_one_goes_no_further_than_the_first_without_an_answer(answer, outcome):
    assert one_by_one(taken(NUMBER, "1"), answer) == [Accepted("1"), outcome, LATER]


def test_a_batch_of_one_is_not_asked_for_twice():
    assert batched(b"Invalid recipient", 400, BATCH[:1]) == [REFUSED]


@nonsense
def test_nonsense_makes_all_of_a_batch_uncertain(body):
    assert all(isinstance(outcome, Uncertain) for outcome in batched(body))


@given(ANSWERS)
def test_whatever_comes_each_message_of_a_batch_has_an_outcome(body):
    exchange = JSON.submit_batch(BATCH, KEY)
    next(exchange)
    outcomes = None
    while outcomes is None:
        try:
            exchange.send(HttpResponse(200, body))
        except StopIteration as end:
            outcomes = end.value
    assert len(outcomes) == 2
    assert all(isinstance(outcome, Outcome) for outcome in outcomes)


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"apikey": ""}, "apikey"),
        ({"apikey": "a\r\nHost: b"}, "apikey"),
        ({"apikey": "cl\u00e9"}, "apikey"),
        ({"style": "soap"}, "style"),
        ({"batch": 0}, "batch"),
        ({"batch": 1_001}, "batch"),
        ({"style": "get"}, "batch"),
        ({"states": {"3": "somewhere"}}, "somewhere"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, key):
    with pytest.raises(ValueError, match=key):
        replace(JSON, **settings)

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppbridge.model.address import Address
from smppbridge.model.message import Message
from smppbridge.model.outcome import Accepted, Outcome, Postponed, Refused, Uncertain
from smppbridge.model.report import Report
from smppbridge.providers.exchange import (
    BadReply,
    Balance,
    HttpRequest,
    HttpResponse,
    NoAnswer,
    NotSent,
)
from smppbridge.providers.keccel import STATES, Keccel
from smppbridge.smpp.constants import CommandStatus, MessageState

TOKEN = "sesame-0815"
TEXT = "Votre code est 4821 \u20ac"
ID = "5b0e6a52-1d0c-4a8e-9e0e-2a4f6f0f7c11"
KECCEL = Keccel(token=TOKEN, base_url="https://keccel.test/sms/v2")
MESSAGE = Message(
    message_id=1,
    system_id="bank",
    source=Address("ACME", 5),
    destination=Address("+243810000001", 1, 1),
    number="243810000001",
    text=TEXT,
    data_coding=8,
    priority=0,
    registered_delivery=1,
    route=("keccel",),
    accepted_at=0.0,
    expires_at=1.0,
    due=0.0,
)
SENT = {"status": "SENT", "messageID": ID, "description": "Message submitted to the network"}


def octets(document):
    return document if isinstance(document, bytes) else json.dumps(document).encode()


def concluded(exchange, response):
    """Carry an exchange of one request through with *response*."""
    request = next(exchange)
    with pytest.raises(StopIteration) as end:
        exchange.send(response)
    return request, end.value.value


def submitted(document, status=200, headers=None, keccel=KECCEL):
    response = HttpResponse(status, octets(document), headers or {})
    return concluded(keccel.submit(MESSAGE), response)[1]


def queried(document, status=200, keccel=KECCEL):
    return concluded(keccel.query(MESSAGE, ID), HttpResponse(status, octets(document)))


def rejected(description):
    return {"status": "REJECTED", "messageID": "", "description": description}


def test_submit_posts_the_json_of_the_vendors_client():
    request = next(KECCEL.submit(MESSAGE))
    assert (request.method, request.url) == ("POST", "https://keccel.test/sms/v2/message.asp")
    assert dict(request.headers)["Content-Type"] == "application/json"
    assert request.operation == "submit"
    assert request.body.isascii()
    assert json.loads(request.body) == {
        "token": TOKEN,
        "from": "ACME",
        "to": "243810000001",
        "message": TEXT,
    }


def test_requests_of_a_kind_share_one_tuple_of_headers():
    assert next(KECCEL.submit(MESSAGE)).headers is next(KECCEL.submit(MESSAGE)).headers


def test_an_empty_source_address_gives_way_to_the_sender():
    nobody = replace(MESSAGE, source=Address(""))
    for keccel, expected in ((KECCEL, ""), (replace(KECCEL, sender="ACME"), "ACME")):
        assert json.loads(next(keccel.submit(nobody)).body)["from"] == expected


@given(st.text(st.characters(), max_size=30), st.text(st.characters(), max_size=12))
def test_any_text_and_source_are_written_and_read_back(text, source):
    message = replace(MESSAGE, text=text, source=Address(source))
    document = json.loads(next(KECCEL.submit(message)).body)
    assert (document["message"], document["from"]) == (text, source)
    next(replace(KECCEL, arguments="query").query(message, ID))


@pytest.mark.parametrize(
    ("document", "identifier"),
    [
        (SENT, ID),
        ({"status": "Sent", "messageID": "123456"}, "123456"),
        ({"Status": " sent ", "messageid": " 123456\r\n"}, "123456"),
        ({"status": "ACCEPTED", "messageID": 123456}, "123456"),
        ({"status": "SENT", "messageID": "x" * 64}, "x" * 64),
        (b"\xef\xbb\xbf" + json.dumps(SENT, indent=2).replace("\n", "\r\n").encode(), ID),
        (b'{"status":"SENT","messageID":"7","description":"accept\xe9 \xff"}', "7"),
    ],
)
def test_what_was_sent_is_accepted(document, identifier):
    assert submitted(document) == Accepted(identifier)
    assert submitted(document, 202) == Accepted(identifier)


@pytest.mark.parametrize(
    ("description", "reason", "status", "provider_fault"),
    [
        ("Invalid token", "credentials refused", CommandStatus.ESME_RSUBMITFAIL, True),
        ("INVALID TOKEN", "credentials refused", CommandStatus.ESME_RSUBMITFAIL, True),
        ("Insufficient credit", "no credit", CommandStatus.ESME_RSUBMITFAIL, True),
        ("Account expired", "account not active", CommandStatus.ESME_RSUBMITFAIL, True),
        ("Account inactive", "account not active", CommandStatus.ESME_RSUBMITFAIL, True),
        ("Invalid number", "destination refused", CommandStatus.ESME_RINVDSTADR, False),
        ("FROM parameter is empty", "source refused", CommandStatus.ESME_RINVSRCADR, False),
        ("Message too long", "text refused as too long", CommandStatus.ESME_RINVMSGLEN, False),
        ("MESSAGE parameter is empty", "message refused", CommandStatus.ESME_RSUBMITFAIL, False),
        ("Spam", "message refused", CommandStatus.ESME_RSUBMITFAIL, False),
    ],
)
def test_a_rejection_says_whose_fault_it_is(description, reason, status, provider_fault):
    refused = Refused(reason, status, provider_fault, description)
    for word in ("REJECTED", "Rejected", "Error", "FAILED"):
        assert submitted({**rejected(description), "status": word}) == refused


@pytest.mark.parametrize("description", [None, 7, "", ["Invalid token"]])
def test_a_rejection_without_description_is_refused_all_the_same(description):
    assert submitted(rejected(description)) == Refused("message refused", words="REJECTED")


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"null",
        b"[]",
        b"7",
        b'"SENT"',
        b"SENT, 123456, Message submitted",
        b"<html><body>Server Error in '/' Application</body></html>",
        json.dumps(SENT).encode()[:-1],
        json.dumps(SENT).encode("utf-16"),
        b"[" * 50_000,
        b'{"status":' * 5_000,
        b'{"status":"SENT","messageID":' + b"9" * 5_000 + b"}",
        b" " * 10_000_000 + json.dumps(SENT).encode(),
        {},
        {"messageID": ID},
        {"description": "Invalid token"},
        {"status": None, "messageID": ID},
        {"status": ["SENT"], "messageID": ID},
        {"status": "", "messageID": ID},
        {"status": "QUEUED", "messageID": ID},
        {"status": "SENT"},
        {"status": "SENT", "messageID": ""},
        {"status": "SENT", "messageID": "x" * 65},
        {"status": "SENT", "messageID": "a\nb"},
        {"status": "SENT", "messageID": "a\ud800"},
        {"status": "SENT", "messageID": True},
        {"status": "SENT", "messageID": 1.5},
        {"status": "SENT", "messageID": {"id": ID}},
        b'{"status":"SENT","messageID":"\xff\xfe"}',
    ],
)
def test_what_makes_no_sense_is_uncertain(document):
    assert isinstance(submitted(document), Uncertain)


@pytest.mark.parametrize(
    ("status", "headers", "outcome"),
    [
        (429, {}, Postponed("HTTP 429", None, True)),
        (429, {"retry-after": "7"}, Postponed("HTTP 429", 7.0, True)),
        (503, {"retry-after": " 120 "}, Postponed("HTTP 503", 120.0, True)),
        (503, {"retry-after": "9" * 400}, Postponed("HTTP 503", 3600.0, True)),
        (503, {"retry-after": "-1"}, Postponed("HTTP 503", None, True)),
        (503, {"retry-after": "\u0661"}, Postponed("HTTP 503", None, True)),
        (503, {"retry-after": "Fri, 31 Dec 2027 23:59:59 GMT"}, Postponed("HTTP 503", None, True)),
        (503, {}, Uncertain("HTTP 503")),
        (503, {"retry-after": " "}, Uncertain("HTTP 503")),
        (503, {"retry-after": "5", "via": "1.1 varnish (Varnish/7.1)"}, Uncertain("HTTP 503")),
        (503, {"retry-after": "5", "x-varnish": "32770"}, Uncertain("HTTP 503")),
        (408, {}, Uncertain("HTTP 408")),
        (408, {"retry-after": "5"}, Postponed("HTTP 408", 5.0)),
        (408, {"retry-after": "5", "via": "1.1 proxy"}, Uncertain("HTTP 408")),
        (500, {"retry-after": "5"}, Uncertain("HTTP 500")),
        (500, {}, Uncertain("HTTP 500")),
        (502, {}, Uncertain("HTTP 502")),
        (504, {}, Uncertain("HTTP 504")),
        (302, {}, Uncertain("HTTP 302")),
        (303, {}, Uncertain("HTTP 303")),
        (100, {}, Uncertain("HTTP 100")),
        (0, {}, Uncertain("HTTP 0")),
        (300, {}, Uncertain("HTTP 300")),
        (301, {}, Uncertain("HTTP 301")),
        (304, {}, Uncertain("HTTP 304")),
        (307, {}, Uncertain("HTTP 307")),
        (308, {}, Uncertain("HTTP 308")),
        (401, {}, Refused("HTTP 401", provider_fault=True)),
        (403, {}, Refused("HTTP 403", provider_fault=True)),
        (400, {}, Refused("HTTP 400")),
        (404, {}, Refused("HTTP 404")),
    ],
)
def test_an_http_status_other_than_2xx_goes_before_the_body(status, headers, outcome):
    for body in (b"<html>", SENT):
        assert submitted(body, status, headers) == outcome


def test_the_body_of_a_4xx_may_say_more():
    refused = Refused(
        "HTTP 400: destination refused", CommandStatus.ESME_RINVDSTADR, words="Invalid number"
    )
    assert submitted(rejected("Invalid number"), 400) == refused
    assert submitted(rejected("Invalid token"), 400).provider_fault
    assert submitted(rejected("No idea"), 400) == Refused("HTTP 400")


@pytest.mark.parametrize(
    ("on_5xx", "outcome"),
    [
        ("uncertain", Uncertain("HTTP 500")),
        ("retry", Postponed("HTTP 500")),
        ("fail", Refused("HTTP 500", CommandStatus.ESME_RSYSERR)),
    ],
)
def test_what_a_server_error_means_can_be_set(on_5xx, outcome):
    keccel = replace(KECCEL, on_5xx=on_5xx)
    assert submitted(b"", 500, keccel=keccel) == outcome
    for status in (503, 408):
        reason = f"HTTP {status}"
        assert submitted(b"", status, keccel=keccel) == replace(outcome, reason=reason)


def test_statuses_and_errors_can_be_added_and_go_before_ours():
    keccel = replace(
        KECCEL,
        states={"queued": "enroute", "Blocked": "rejected", "read": "enroute", "lost": "unknown"},
        errors={"Spam": "provider", "token": "message", "slow down": "throttled"},
    )
    assert submitted({"status": "QUEUED", "messageID": "7"}, keccel=keccel) == Accepted("7")
    assert isinstance(submitted({"status": "lost", "messageID": "7"}, keccel=keccel), Uncertain)
    assert submitted({"status": "BLOCKED"}, keccel=keccel) == Refused(
        "message refused", words="BLOCKED"
    )
    assert submitted(rejected("SPAM found"), keccel=keccel).provider_fault
    assert not submitted(rejected("Invalid token"), keccel=keccel).provider_fault
    throttled = Postponed("too many requests", whole_lane=True, words="Slow down")
    assert submitted(rejected("Slow down"), keccel=keccel) == throttled
    for status, state, error in (
        ("read", MessageState.ENROUTE, 0),
        ("blocked", MessageState.REJECTED, 2),
        ("LOST", MessageState.UNKNOWN, 255),
    ):
        found = queried({"messageid": ID, "status": status}, keccel=keccel)[1]
        assert found == Report(ID, state, error)


@pytest.mark.parametrize("fault", [NotSent("refused"), NoAnswer("silence")])
def test_a_request_that_failed_is_left_to_the_driver(fault):
    for exchange in (KECCEL.submit(MESSAGE), KECCEL.query(MESSAGE, ID), KECCEL.balance()):
        next(exchange)
        with pytest.raises(type(fault)):
            exchange.throw(fault)


@pytest.mark.parametrize(
    ("status", "state", "error"),
    [
        ("SENT", MessageState.ENROUTE, 0),
        ("PENDING", MessageState.ENROUTE, 0),
        ("BUFFERED", MessageState.ENROUTE, 0),
        ("ENROUTE", MessageState.ENROUTE, 0),
        ("ACCEPTED", MessageState.ENROUTE, 0),
        ("Error", MessageState.ENROUTE, 0),
        ("never heard of", MessageState.ENROUTE, 0),
        ("DELIVERED", MessageState.DELIVERED, 0),
        ("READ", MessageState.DELIVERED, 0),
        ("FAILED", MessageState.UNDELIVERABLE, 1),
        ("REJECTED", MessageState.REJECTED, 2),
        ("EXPIRED", MessageState.EXPIRED, 3),
    ],
)
def test_statuses_become_states_however_they_are_written(status, state, error):
    for written in (status, status.lower(), f" {status.title()} "):
        report = Report(ID, state, error)
        assert queried({"messageid": ID, "status": written})[1] == report
        assert called({"messageID": ID, "status": written}) == (report,)


def test_every_documented_status_is_in_upper_case():
    assert all(status == status.upper() for status in STATES)


def test_a_query_asks_in_a_json_body_by_default():
    request, _ = queried({"messageID": ID, "status": "SENT"})
    assert (request.method, request.url) == ("GET", "https://keccel.test/sms/v2/delivery.asp")
    assert request.operation == "query"
    assert json.loads(request.body) == {"token": TOKEN, "from": "ACME", "messageid": ID}


def test_arguments_can_go_into_the_query_string():
    keccel = replace(KECCEL, arguments="query", base_url="https://keccel.test/v2/")
    request = next(keccel.query(MESSAGE, ID))
    assert request.url == (
        f"https://keccel.test/v2/delivery.asp?token={TOKEN}&from=ACME&messageid={ID}"
    )
    assert (request.method, request.body) == ("GET", b"")
    assert next(keccel.balance()).url.endswith(f"balance.asp?token={TOKEN}&from=GUEST")


@pytest.mark.parametrize(
    ("document", "status"),
    [
        ({"messageid": ID, "status": "DELIVERED"}, 500),
        ({"messageid": ID, "status": "DELIVERED"}, 302),
        ({"messageid": ID}, 200),
        ({"messageid": ID, "status": ""}, 200),
        ({"messageid": ID, "status": 2}, 200),
        ({"messageid": "another", "status": "DELIVERED"}, 200),
        ({"status": "DELIVERED"}, 200),
        (rejected("Invalid token"), 200),
        ({"messageid": ID, "status": "REJECTED", "description": "Invalid token"}, 200),
        (b"<html>", 200),
        (b"", 200),
    ],
)
def test_an_answer_to_a_query_that_is_none_is_a_bad_reply(document, status):
    exchange = KECCEL.query(MESSAGE, ID)
    next(exchange)
    with pytest.raises(BadReply):
        exchange.send(HttpResponse(status, octets(document)))


def balance(document, status=200, keccel=KECCEL):
    return concluded(keccel.balance(), HttpResponse(status, octets(document)))


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (
            {"balance": "645", "expiration": "31-Dec-2027 06:46:17", "status": "active"},
            Balance(645.0, "SMS", 1830235577.0),
        ),
        (
            b'{\r\n  "balance": "50",\r\n  "expiration": "",\r\n  "status": "active"\r\n}\r\n',
            Balance(50.0, "SMS"),
        ),
        ({"balance": 12.5}, Balance(12.5, "SMS")),
        ({"balance": 0, "expiration": "31-Feb-2027 06:46:17"}, Balance(0.0, "SMS")),
        ({"balance": 0, "expiration": "01-D\u00e9c-2027 06:46:17"}, Balance(0.0, "SMS")),
        ({"balance": 0, "expiration": "01-Foo-2027 06:46:17"}, Balance(0.0, "SMS")),
        ({"balance": 0, "expiration": 7}, Balance(0.0, "SMS")),
    ],
)
def test_the_balance_is_read(document, expected):
    request, found = balance(document)
    assert found == expected
    assert request.operation == "balance"
    assert json.loads(request.body) == {"token": TOKEN, "from": "GUEST"}


@pytest.mark.parametrize(
    "document",
    [
        rejected(f"Invalid token {TOKEN}"),
        {"balance": "plenty"},
        {"balance": "nan"},
        {"balance": "1e999"},
        {"balance": 10**400},
        {"balance": True},
        {"balance": ["7"]},
        b"<html>",
    ],
)
def test_a_balance_that_is_none_is_a_bad_reply(document):
    exchange = KECCEL.balance()
    next(exchange)
    with pytest.raises(BadReply) as fault:
        exchange.send(HttpResponse(200, octets(document)))
    assert TOKEN not in str(fault.value)


def told_balance(document, status=200, keccel=KECCEL):
    exchange = keccel.operations["balance"].run()
    return concluded(exchange, HttpResponse(status, octets(document)))


@pytest.mark.parametrize(
    ("document", "expires", "status"),
    [
        (
            {"balance": "645", "expiration": "31-Dec-2027 06:46:17", "status": "active"},
            "2027-12-31T06:46:17+00:00",
            "active",
        ),
        ({"balance": "645", "expiration": "", "status": f"{TOKEN}\x1b"}, None, "***?"),
        ({"balance": "645", "status": 7}, None, ""),
    ],
)
def test_an_operator_is_told_the_balance(document, expires, status):
    request, found = told_balance(document)
    assert found == {"balance": 645.0, "unit": "SMS", "expires": expires, "status": status}
    assert request == next(KECCEL.balance())


@pytest.mark.parametrize(
    ("arguments", "method", "path", "body", "url", "sent"),
    [
        ("body", "GET", "/a.asp?x=1", b"", "/a.asp?x=1", {}),
        (
            "body",
            "POST",
            "/a.asp",
            b'{"to": "\xc3\xa9", "n": [1]}',
            "/a.asp",
            {"to": "é", "n": [1]},
        ),
        ("query", "POST", "/a.asp", b'{"to": 1}', "/a.asp", {"to": 1}),
        ("query", "GET", "/a.asp", b"", f"/a.asp?token={TOKEN}", None),
        ("query", "GET", "a.asp?x=1", b'{"to": "a b"}', f"/a.asp?x=1&token={TOKEN}&to=a+b", None),
    ],
)
def test_any_request_gets_the_token(arguments, method, path, body, url, sent):
    keccel = replace(KECCEL, arguments=arguments)
    answer = HttpResponse(404, b"any")
    request, found = concluded(keccel.call(method, path, body), answer)
    assert found is answer
    assert (request.method, request.url) == (method, f"{KECCEL.base_url}{url}")
    assert request.operation == "call"
    document = json.loads(request.body) if request.body else None
    assert document == (None if sent is None else {"token": TOKEN, **sent})


@pytest.mark.parametrize("body", [b"[]", b"text", b"\xff"])
def test_a_request_that_has_no_place_for_the_token_is_not_made(body):
    with pytest.raises(BadReply):
        next(KECCEL.call("POST", "/message.asp", body))


def called(query=None, body=b"", method="GET"):
    request = HttpRequest(method, "/callbacks/keccel/key", body=body, query=query or {})
    return KECCEL.read_callback(request)


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ({"messageID": ID, "status": "DELIVERED"}, b""),
        ({"messageid": ID, "STATUS": "delivered", "more": "x"}, b""),
        ({"messageID": ID, "status": "DELIVERED"}, b"\xff nonsense"),
        ({}, f"messageID={ID}&status=DELIVERED".encode()),
        ({}, json.dumps({"messageID": ID, "status": "DELIVERED"}).encode()),
        ({"messageID": ID}, b"status=DELIVERED"),
    ],
)
def test_a_callback_is_read_from_query_string_form_or_json(query, body):
    delivered = Report(ID, MessageState.DELIVERED)
    assert called(query, body, "POST" if body else "GET") == (delivered,)


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ({}, b""),
        ({"messageID": ID}, b""),
        ({"status": "DELIVERED"}, b""),
        ({"messageID": "", "status": "DELIVERED"}, b""),
        ({"messageID": "x" * 65, "status": "DELIVERED"}, b""),
        ({"messageID": ID, "status": " "}, b""),
        ({}, b"{"),
        ({}, b'{"messageID": [], "status": "DELIVERED"}'),
        ({}, json.dumps({"messageID": ID, "status": 7}).encode()),
        ({}, b"&".join(b"a=1" for _ in range(101))),
        ({}, f"messageID={ID}&status=DELIVERED&x=".encode() + b"x" * 70_000),
    ],
)
def test_a_callback_of_nonsense_is_a_bad_reply(query, body):
    with pytest.raises(BadReply):
        called(query, body, "POST")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["status", "messageID", "messageid", "description", "balance"]), inner
        )
    ),
    max_leaves=8,
)
ANSWERS = st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode())


@given(ANSWERS, st.integers(0, 999))
def test_whatever_comes_a_submission_is_concluded(body, status):
    assert isinstance(submitted(body, status), Outcome)


@given(ANSWERS, st.integers(0, 999))
def test_whatever_comes_reading_raises_nothing_but_bad_reply(body, status):
    for read, expected in (
        (lambda: queried(body, status)[1], Report),
        (lambda: balance(body, status)[1], Balance),
        (lambda: told_balance(body, status)[1], dict),
        (lambda: called({}, body, "POST"), tuple),
    ):
        with suppress(BadReply):
            assert isinstance(read(), expected)


def test_neither_token_nor_text_shows():
    exchanges = (KECCEL.submit(MESSAGE), KECCEL.query(MESSAGE, ID), KECCEL.balance())
    requests = [next(exchange) for exchange in exchanges]
    assert not any(TOKEN in request.url for request in requests)
    asked = next(replace(KECCEL, arguments="query").query(MESSAGE, ID))
    for thing in (KECCEL, *requests, asked):
        assert TOKEN not in repr(thing)
        assert TEXT not in repr(thing)


def test_a_description_that_repeats_token_or_text_does_not_carry_them_on():
    outcome = submitted(rejected(f"Invalid token {TOKEN} for {TEXT}\x1b[2J" + "x" * 500))
    assert outcome.reason == "credentials refused"
    assert outcome.words.startswith("Invalid token *** for ***?[2Jxxx")
    assert len(outcome.words) <= 120
    uncertain = submitted({"status": f"odd {TOKEN}"})
    assert uncertain == Uncertain("unknown status", "odd ***")


@pytest.mark.parametrize(
    "settings",
    [
        {"token": ""},
        {"base_url": "keccel.test"},
        {"arguments": "header"},
        {"on_5xx": "maybe"},
        {"states": {"QUEUED": "somewhere"}},
        {"errors": {"spam": "nobody"}},
    ],
)
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(ValueError) as fault:
        Keccel(**{"token": TOKEN, **settings})
    assert TOKEN not in str(fault.value)


def test_equal_settings_make_equal_and_hashable_providers():
    assert replace(KECCEL) == KECCEL
    assert hash(replace(KECCEL)) == hash(KECCEL)
    assert replace(KECCEL, token="other") != KECCEL


@pytest.mark.parametrize(
    ("status", "unknown"), [("Gone", "Gone"), ("Error", ""), ("sent", ""), ("FAILED", "")]
)
def test_a_status_that_no_table_knows_is_named_in_the_report(status, unknown):
    callback = HttpRequest("GET", "/", query={"messageID": ID, "status": status})
    assert KECCEL.read_callback(callback)[0].unknown == unknown

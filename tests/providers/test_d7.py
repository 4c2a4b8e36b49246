from __future__ import annotations

import json
from base64 import b64decode
from contextlib import suppress
from dataclasses import replace
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppbridge.model.address import Address
from smppbridge.model.message import Traits
from smppbridge.model.outcome import Accepted, Outcome, Postponed, Refused, Uncertain
from smppbridge.providers.d7.provider import D7
from smppbridge.providers.exchange import (
    BadReply,
    Balance,
    HttpRequest,
    HttpResponse,
    NoAnswer,
    NotSent,
    Price,
)
from smppbridge.settings.schema import Settings
from smppbridge.smpp.constants import CommandStatus
from tests.providers.d7 import (
    BATCHED,
    CALLBACK,
    ID,
    KEY,
    MESSAGE,
    PASSWORD,
    PLAIN,
    PUSHED,
    TEXT,
    asked,
    concluded,
    message,
    submitted,
    written,
)

SENT = {"data": f'Success "{ID}'}


def test_submit_posts_what_the_api_documents():
    request = asked(PLAIN.submit(MESSAGE))
    assert (request.method, request.url) == ("POST", "https://d7.test/secure/send")
    assert request.operation == "submit"
    headers = dict(request.headers)
    assert headers["Content-Type"] == headers["Accept"] == "application/json"
    scheme, token = headers["Authorization"].split()
    assert (scheme, b64decode(token).decode()) == ("Basic", f"acme:{PASSWORD}")
    assert json.loads(request.body) == {
        "to": "971500000001",
        "from": "ACME",
        "content": TEXT,
        "coding": 0,
    }


def test_requests_share_one_tuple_of_headers():
    assert asked(PLAIN.submit(MESSAGE)).headers is asked(PLAIN.balance()).headers


def test_a_report_is_asked_for_where_it_can_come_and_carries_our_message_id():
    fields = written(PUSHED.submit(MESSAGE))
    asked_for = {name: fields[name] for name in fields if name.startswith("dlr")}
    assert asked_for == {
        "dlr": "yes",
        "dlr-level": 3,
        "dlr-method": "POST",
        "dlr-url": f"{CALLBACK}?message_id=4711",
    }
    assert written(replace(PUSHED, dlr_level=2).submit(MESSAGE))["dlr-level"] == 2
    other = replace(PUSHED, callback_url=f"{CALLBACK}?a=b", dlr_method="GET")
    fields = written(other.submit(MESSAGE))
    assert (fields["dlr-url"], fields["dlr-method"]) == (f"{CALLBACK}?a=b&message_id=4711", "GET")


def test_an_empty_source_address_gives_way_to_the_sender_and_is_left_out_without():
    nobody = message(source=Address(""))
    assert "from" not in written(PLAIN.submit(nobody))
    assert written(replace(PLAIN, sender="BANK").submit(nobody))["from"] == "BANK"


@pytest.mark.parametrize(
    ("left", "minutes"), [(59.0, 1), (60.0, 1), (61.0, 2), (-5.0, 1), (1e12, 525_600)]
)
def test_the_validity_is_told_in_minutes_and_never_shorter_than_it_is(left, minutes):
    lasting = message(expires_at=1_800_000_000.0 + left)
    told = replace(PLAIN, validity=True)
    assert written(told.submit(lasting))["validity-period"] == minutes


def test_no_validity_is_told_by_default_for_jasmin_loses_one_message_in_ten_with_it():
    assert "validity-period" not in written(PLAIN.submit(MESSAGE))
    assert "validity-period" not in written(PLAIN.submit(message(expires_at=1_800_000_060.0)))


@pytest.mark.parametrize(
    ("source", "sender", "fits"),
    [
        ("1" * 20, "", True),
        ("1" * 21, "", False),
        ("\u00dc" * 10, "", True),
        ("\u00dc" * 10 + "x", "", False),
        ("", "\u00dc" * 11, False),
    ],
)
def test_a_source_that_jasmin_would_drop_after_success_is_refused(source, sender, fits):
    found = asked(replace(PLAIN, sender=sender).submit(message(source=Address(source))))
    if fits:
        assert json.loads(found.body)["from"] == source
    else:
        status = CommandStatus.ESME_RINVSRCADR
        assert found == Refused("a source of more than 20 octets", status, provider_fault=True)


def test_priority_is_told_where_there_is_any():
    assert "priority" not in written(PLAIN.submit(MESSAGE))
    assert written(PLAIN.submit(message(priority=3)))["priority"] == 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("€5 {Ä}", {"content": "€5 {Ä}", "coding": 0}),
        ("ça va", {"content": "Ça va", "coding": 0}),
        ("أ", {"hex-content": "0623", "coding": 8}),
        ("\U0001f600", {"hex-content": "d83dde00", "coding": 8}),
    ],
)
def test_text_goes_as_gsm_characters_or_as_utf_16_in_hex(text, expected):
    fields = written(PLAIN.submit(message(text=text)))
    assert {n: fields[n] for n in ("content", "hex-content", "coding") if n in fields} == expected


@given(st.text(st.characters(), min_size=1, max_size=30), st.text(st.characters(), max_size=12))
def test_any_text_and_source_are_written_or_refused(text, source):
    found = asked(PLAIN.submit(message(text=text, source=Address(source))))
    if isinstance(found, Refused):
        assert len(source.encode("utf-8", "replace")) > 20 or any(
            "\ud800" <= character <= "\udfff" for character in text
        )
        return
    fields = json.loads(found.body)
    if fields["coding"] == 8:
        assert bytes.fromhex(fields["hex-content"]).decode("utf-16-be") == text
    else:
        assert fields["content"] == text.replace("ç", "Ç")


@pytest.mark.parametrize(
    ("data_coding", "octets"), [(4, b"\x00\xff"), (2, b"\x01"), (9, b"x" * 140), (4, b"x" * 670)]
)
def test_octets_go_in_hex_under_their_data_coding(data_coding, octets):
    binary = message(text="", binary=octets, data_coding=data_coding)
    fields = written(PLAIN.submit(binary))
    assert (fields["hex-content"], fields["coding"]) == (octets.hex(), data_coding)
    assert "content" not in fields


@pytest.mark.parametrize(
    ("data_coding", "traits"),
    [
        (0xF5, Traits()),
        (0x15, Traits()),
        (4, Traits(udh=b"\x06\x05\x04\x0b\x84\x23\xf0")),
        (4, Traits(protocol_id=0x7F)),
    ],
)
def test_octets_that_its_api_would_spoil_are_for_another_provider(data_coding, traits):
    binary = message(text="", binary=b"\x01", data_coding=data_coding, traits=traits)
    refused = asked(PLAIN.submit(binary))
    assert isinstance(refused, Refused)
    assert refused.provider_fault


@pytest.mark.parametrize(
    ("longest", "data_coding"), [("a" * 765, 0), ("€" * 382, 0), ("\u0623" * 335, 8)]
)
def test_what_it_would_cut_is_refused_before_it_is_sent(longest, data_coding):
    assert isinstance(asked(PLAIN.submit(message(text=longest))), HttpRequest)
    refused = asked(PLAIN.submit(message(text=longest + longest[0])))
    status = CommandStatus.ESME_RINVMSGLEN
    assert refused == Refused("6 parts, and max_parts is 5", status, provider_fault=True)
    more = replace(PLAIN, max_parts=6)
    assert isinstance(asked(more.submit(message(text=longest * 1 + longest[0]))), HttpRequest)


def test_one_sm_holds_more_than_a_part_of_several():
    one = replace(PLAIN, max_parts=1)
    for text, room in (("a", 160), ("\u0623", 70)):
        assert isinstance(asked(one.submit(message(text=text * room))), HttpRequest)
        assert isinstance(asked(one.submit(message(text=text * (room + 1)))), Refused)


# -- batches ---------------------------------------------------------------------------------------

FIRST, SECOND = message("971500000001"), message("+971500000002", message_id=4712)
TAKEN = {"data": {"batchId": ID, "messageCount": 2}}


def batched(document, status=200, d7=BATCHED, messages=(FIRST, SECOND)):
    return concluded(d7.submit_batch(messages, KEY), document, status)


def test_a_batch_has_each_message_with_its_own_report_url_and_tells_its_key_back():
    request = asked(BATCHED.submit_batch((FIRST, SECOND), KEY))
    assert (request.method, request.url) == ("POST", "https://d7.test/secure/sendbatch")
    document = json.loads(request.body)
    where = f"{CALLBACK}?batch={KEY}"
    assert document["batch_config"] == {"callback_url": where, "errback_url": where}
    assert document["messages"] == [written(BATCHED.submit(m)) for m in (FIRST, SECOND)]
    assert document["messages"][1]["dlr-url"] == f"{CALLBACK}?message_id=4712"


def test_until_it_names_them_messages_of_a_batch_are_called_by_key_and_number():
    assert batched(TAKEN) == [Accepted(f"{KEY}:971500000001"), Accepted(f"{KEY}:+971500000002")]
    assert all(len(each.provider_message_id) <= 64 for each in batched(TAKEN))
    assert isinstance(batched({"data": {"batchId": ID, "messageCount": "2"}})[0], Accepted)


def test_a_batch_of_one_is_sent_alone():
    exchange = BATCHED.submit_batch((FIRST,), KEY)
    request = asked(exchange)
    assert request.url.endswith("/secure/send")
    with pytest.raises(StopIteration) as end:
        exchange.send(HttpResponse(200, json.dumps(SENT).encode()))
    assert end.value.value == [Accepted(ID)]


def test_what_may_not_be_sent_is_refused_and_the_rest_of_the_batch_goes():
    long = message("971500000003", text="a" * 766)
    outcomes = batched(TAKEN, messages=(FIRST, long, SECOND))
    assert [type(outcome) for outcome in outcomes] == [Accepted, Refused, Accepted]
    assert outcomes[2] == Accepted(f"{KEY}:+971500000002")
    alone = concluded(BATCHED.submit_batch((long, FIRST), KEY), SENT)
    assert [type(outcome) for outcome in alone] == [Refused, Accepted]
    assert [type(outcome) for outcome in asked(BATCHED.submit_batch((long,), KEY))] == [Refused]


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [(NotSent("refused"), Postponed("refused")), (NoAnswer("silence"), Uncertain("silence"))],
)
def test_a_batch_without_an_answer_is_left_to_the_driver_but_for_what_was_refused(fault, outcome):
    exchange = BATCHED.submit_batch((FIRST, SECOND), KEY)
    asked(exchange)
    with pytest.raises(type(fault)):
        exchange.throw(fault)
    long = message("971500000003", text="a" * 766)
    exchange = BATCHED.submit_batch((long, FIRST, SECOND), KEY)
    asked(exchange)
    with pytest.raises(StopIteration) as end:
        exchange.throw(fault)
    refused, *others = end.value.value
    assert isinstance(refused, Refused)
    assert others == [outcome, outcome]


@pytest.mark.parametrize(
    "document",
    [
        {"data": {"batchId": ID, "messageCount": 1}},
        {"data": {"batchId": ID, "messageCount": 0}},
        {"data": {"batchId": ID, "messageCount": 3}},
        {"data": {"batchId": ID, "messageCount": True}},
        {"data": {"batchId": ID, "messageCount": [2]}},
        {"data": {"batchId": ID}},
        {"data": {"messageCount": 2}},
        {"data": {"batchId": ["x"], "messageCount": 2}},
        {"data": []},
        SENT,
        {},
        b"",
        b"<html>",
    ],
)
def test_a_batch_that_was_not_taken_whole_is_uncertain(document):
    assert [type(outcome) for outcome in batched(document)] == [Uncertain, Uncertain]


@pytest.mark.parametrize("on_5xx", ["uncertain", "retry"])
def test_of_a_server_error_nobody_knows_how_much_of_a_batch_went(on_5xx):
    d7 = replace(BATCHED, on_5xx=on_5xx)
    assert batched(b"", 500, d7) == [Uncertain("HTTP 500")] * 2
    assert batched(b"", 500, replace(BATCHED, on_5xx="fail"))[0].provider_fault is False


def test_a_batch_is_refused_for_no_message_of_its_own():
    failed = {"title": "Authentication failed", "description": "... for user: acme"}
    for outcome in batched(failed, 412):
        said = "Authentication failed"
        assert outcome == Refused("HTTP 412: credentials refused", 0x45, True, said)
    complaint = {"message": 'Error "Argument [to] has an invalid value: [x].'}
    assert all(outcome.provider_fault for outcome in batched(complaint, 400))
    assert all(outcome.provider_fault for outcome in batched(b"", 400))


def test_a_batch_needs_callbacks_for_without_them_refusals_would_be_lost():
    assert (BATCHED.abilities.batch, BATCHED.abilities.keyed) == (100, True)
    assert replace(BATCHED, batch=7).abilities.batch == 7
    assert (PUSHED.abilities.batch, PUSHED.abilities.keyed) == (1, False)
    assert replace(BATCHED, callback_url="").abilities.batch == 1


# -- the account -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"balance": 10.23, "sms_count": "ND"}, Balance(10.23, "credit")),
        ({"balance": "10.23", "sms_count": "ND"}, Balance(10.23, "credit")),
        ({"balance": 10, "sms_count": 7}, Balance(10.0, "credit")),
        ({"balance": "ND", "sms_count": 7}, Balance(7.0, "SMS")),
        ({"balance": "ND", "sms_count": "ND"}, Balance(inf, "credit")),
        ({"balance": "ND"}, Balance(inf, "credit")),
        ({"balance": -0.5}, Balance(-0.5, "credit")),
    ],
)
def test_the_balance_is_money_or_messages_or_without_end(data, expected):
    request = asked(PLAIN.balance())
    assert (request.method, request.url) == ("GET", "https://d7.test/secure/balance")
    assert request.operation == "balance"
    assert concluded(PLAIN.balance(), {"data": data}) == expected


@pytest.mark.parametrize(
    ("document", "status"),
    [
        ({"message": "Authentication failure for username:acme"}, 403),
        ({"data": {"balance": 1}}, 500),
        ({"data": {"sms_count": 1}}, 200),
        ({"data": {"balance": "plenty"}}, 200),
        ({"data": {"balance": "nan"}}, 200),
        ({"data": {"balance": 10**400}}, 200),
        ({"data": {"balance": True}}, 200),
        ({"data": {"balance": 1, "sms_count": []}}, 200),
        ({"data": 7}, 200),
        (b"<html>", 200),
    ],
)
def test_a_balance_that_is_none_is_a_bad_reply(document, status):
    with pytest.raises(BadReply) as fault:
        concluded(PLAIN.balance(), document, status)
    assert "acme" not in str(fault.value)


def test_its_operations_are_the_balance_and_the_rate():
    operations = PLAIN.operations
    assert set(operations) == {"balance", "rate"}
    found = concluded(operations["balance"].run(), {"data": {"balance": "5", "sms_count": "ND"}})
    assert found == {"balance": 5, "sms_count": "ND"}
    rate = operations["rate"]
    assert rate.arguments == ("to", "content?")
    assert asked(rate.run("971500000001")).url == "https://d7.test/secure/rate?to=971500000001"
    assert asked(rate.run("9", "a b")).url.endswith("rate?to=9&content=a+b&coding=0")
    assert asked(rate.run("9", "\u0623")).url.endswith("rate?to=9&hex-content=0623&coding=8")
    answer = {"data": {"unit_rate": 0.02, "submit_sm_count": 1}}
    assert concluded(rate.run("9"), answer) == {"unit_rate": 0.02, "submit_sm_count": 1}
    with pytest.raises(BadReply, match="No route found"):
        concluded(rate.run("9"), {"message": "No route found"}, 412)
    with pytest.raises(BadReply):
        asked(rate.run("9", "\ud800"))


def test_the_price_of_a_message_is_the_rate_times_its_sms():
    asking = PLAIN.price(message(text="a b"))
    assert asked(asking).url.endswith("rate?to=971500000001&from=ACME&content=a+b&coding=0")
    found = concluded(PLAIN.price(message()), {"data": {"unit_rate": 0.5, "submit_sm_count": 3}})
    assert found == Price(1.5, "credit", 3)
    free = {"data": {"unit_rate": "ND", "submit_sm_count": 1}}
    with pytest.raises(BadReply, match="nothing is charged"):
        concluded(PLAIN.price(message()), free)


def test_a_call_goes_below_the_base_url_and_has_the_credentials():
    exchange = PLAIN.call("POST", "/secure/anything?a=b", b"{}")
    request = next(exchange)
    assert (request.method, request.url) == ("POST", "https://d7.test/secure/anything?a=b")
    assert request.body == b"{}"
    assert "Authorization" in dict(request.headers)
    with pytest.raises(StopIteration) as end:
        exchange.send(HttpResponse(418))
    assert end.value.value.status == 418


# -- whatever comes --------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from([SENT["data"], "ND"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["data", "message", "title", "batchId", "messageCount", "balance"]),
            inner,
        )
    ),
    max_leaves=8,
)
ANSWERS = st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode())


@given(ANSWERS, st.integers(0, 999))
def test_whatever_comes_a_submission_is_concluded(body, status):
    assert isinstance(submitted(body, status), Outcome)
    outcomes = batched(body, status)
    assert len(outcomes) == 2
    assert all(isinstance(outcome, Outcome) for outcome in outcomes)


@given(ANSWERS, st.integers(0, 999))
def test_whatever_comes_reading_a_balance_raises_nothing_but_bad_reply(body, status):
    with suppress(BadReply):
        assert isinstance(concluded(PLAIN.balance(), body, status), Balance)
    with suppress(BadReply):
        assert isinstance(concluded(PLAIN.operations["rate"].run("9"), body, status), dict)


@pytest.mark.parametrize("fault", [NotSent("refused"), NoAnswer("silence")])
def test_a_request_that_failed_is_left_to_the_driver(fault):
    for exchange in (PLAIN.submit(MESSAGE), PLAIN.balance()):
        asked(exchange)
        with pytest.raises(type(fault)):
            exchange.throw(fault)


def test_neither_password_nor_text_nor_callback_key_shows():
    requests = [
        asked(exchange)
        for exchange in (
            BATCHED.submit(MESSAGE),
            BATCHED.submit_batch((FIRST, SECOND), KEY),
            BATCHED.balance(),
            BATCHED.operations["rate"].run("9", TEXT),
        )
    ]
    assert not any(PASSWORD in request.url for request in requests)
    for thing in (BATCHED, BATCHED._answers, *requests):
        for secret in (PASSWORD, TEXT, "0123456789abcdef", "Basic"):
            assert secret not in repr(thing)


# -- settings --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        {"username": ""},
        {"password": ""},
        {"username": "a:b"},
        {"password": f"{PASSWORD}:"},
        {"base_url": "d7.test"},
        {"batch": 1},
        {"batch": 1001},
        {"batch": True},
        {"batch": "some"},
        {"max_parts": 0},
        {"max_parts": 256},
        {"data_coding_0": "ucs2"},
        {"dlr_level": 1},
        {"dlr_level": 4},
        {"dlr_method": "PUT"},
        {"on_5xx": "maybe"},
        {"states": {"QUEUED": "somewhere"}},
        {"errors": {"spam": "nobody"}},
    ],
)
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(ValueError) as fault:
        D7(**{"username": "acme", "password": PASSWORD, **settings})
    assert PASSWORD not in str(fault.value)


def test_equal_settings_make_equal_and_hashable_providers():
    assert replace(PLAIN) == PLAIN
    assert hash(replace(PLAIN)) == hash(PLAIN)
    assert replace(PLAIN, password="other") != PLAIN


@pytest.mark.parametrize(("written_so", "batch"), [("off", 1), ("on", 100), (50, 50), ("50", 50)])
def test_a_configuration_makes_one_that_is_told_where_to_report(written_so, batch):
    section = {"type": "d7", "username": "acme", "password": PASSWORD, "batch": written_so}
    public = {"listen": "tcp:8776", "public_url": "https://bridge.test"}
    values = {"providers": {"it": section | {"callback_key": "k" * 16}}, "callbacks": public}
    built = Settings.read(values).built_providers()["it"]
    assert built.abilities.batch == batch
    fields = written(built.submit(MESSAGE))
    assert fields["dlr-url"] == f"https://bridge.test/callbacks/it/{'k' * 16}?message_id=4711"
    unheard = {"providers": {"it": section | {"reports": "none"}}}
    built = Settings.read(unheard).built_providers()["it"]
    assert built.abilities.batch == 1
    assert "dlr" not in written(built.submit(MESSAGE))

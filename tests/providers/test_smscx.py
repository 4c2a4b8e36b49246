from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppbridge.model.address import Address
from smppbridge.model.message import Traits
from smppbridge.model.outcome import Accepted, Postponed, Refused
from smppbridge.providers.exchange import HttpRequest, HttpResponse, NoAnswer, NotSent
from smppbridge.providers.smscx.provider import SmsCx
from tests.providers.smscx import (
    FIRST,
    ID,
    KEY,
    NOW,
    OAUTH,
    SECOND,
    SMSCX,
    TEXT,
    UUID,
    CarriedExchange,
    fault,
    item,
    message,
    octets,
    requested,
)


def test_a_batch_is_one_request_under_its_key():
    request = requested(SMSCX)
    assert (request.method, request.url) == ("POST", "https://cx.test/sms")
    assert request.operation == "submit"
    headers = dict(request.headers)
    assert (headers["X-API-KEY"], headers["Content-Type"]) == (KEY, "application/json")
    assert request.body.isascii()
    assert json.loads(request.body) == {
        "to": ["+254722000001", "+33612000002"],
        "from": "ACME",
        "text": TEXT,
        "allowInvalid": True,
        "noTextDetails": True,
        "idempotencyId": UUID,
    }


def test_one_message_is_a_batch_without_a_key():
    carried = CarriedExchange(SMSCX.submit(FIRST), HttpResponse(200, octets({"data": [item()]})))
    body = json.loads(carried.asked[0].body)
    assert (body["to"], "idempotencyId" in body) == (["+254722000001"], False)
    assert carried.result == Accepted(ID)


def test_no_messages_are_no_request():
    carried = CarriedExchange(SMSCX.submit_batch((), UUID))
    assert (carried.asked, carried.result) == ([], [])


@pytest.mark.parametrize(
    ("settings", "fields"),
    [
        ({"country_iso": "KE"}, {"countryIso": "KE"}),
        ({"callback_url": "https://b/c/it/key"}, {"dlrCallbackUrl": "https://b/c/it/key"}),
        ({"alphabet": "GREEK"}, {"transliteration": {"alphabet": "GREEK", "removeEmojis": False}}),
        (
            {"remove_emojis": True},
            {"transliteration": {"alphabet": "NONE", "removeEmojis": True}},
        ),
    ],
)
def test_settings_become_fields(settings, fields):
    plain = json.loads(requested(SMSCX).body)
    assert json.loads(requested(replace(SMSCX, **settings)).body) == plain | fields


@pytest.mark.parametrize(
    ("number", "written"),
    [
        ("254722000001", "+254722000001"),
        ("+254722000001", "+254722000001"),
        ("0722000001", "0722000001"),
        ("12345", "12345"),
    ],
)
def test_a_number_has_its_sign_however_the_relay_writes_it(number, written):
    assert json.loads(requested(SMSCX, message(number)).body)["to"] == [written]


def test_an_empty_source_address_gives_way_to_the_sender():
    nobody = message(source=Address(""))
    smscx = replace(SMSCX, sender="INFO")
    assert json.loads(requested(smscx, nobody).body)["from"] == "INFO"
    assert json.loads(requested(smscx, FIRST).body)["from"] == "ACME"


def test_what_shares_a_request_has_sender_text_and_time_in_common():
    same = SMSCX.group_of(FIRST)
    assert same == SMSCX.group_of(SECOND)
    assert same != SMSCX.group_of(message(text="Another"))
    assert same != SMSCX.group_of(message(source=Address("OTHER", 5)))
    timed = message(traits=Traits(scheduled=NOW + 60))
    assert same == SMSCX.group_of(timed)
    assert same != replace(SMSCX, schedule="provider").group_of(timed)


@pytest.mark.parametrize(
    ("settings", "at", "fields"),
    [
        ({"schedule": "provider"}, NOW + 60, ("2026-01-02 03:01:00", True)),
        ({"schedule": "provider", "is_utc": False}, NOW - 60, ("2026-01-02 02:59:00", False)),
        ({"schedule": "provider"}, NOW, (None, None)),
        ({"schedule": "provider"}, None, (None, None)),
        ({}, NOW + 60, (None, None)),
    ],
)
def test_a_time_goes_along_where_the_provider_keeps_it_and_it_has_not_passed(settings, at, fields):
    smscx = replace(SMSCX, **settings)
    body = json.loads(requested(smscx, message(traits=Traits(scheduled=at))).body)
    assert (body.get("scheduledDate"), body.get("isUtc")) == fields
    assert smscx.abilities.schedules == ("schedule" in settings)


def test_a_text_that_would_be_rewritten_is_refused_unasked():
    rewritten = message(text="Dear {{name}}")
    carried = CarriedExchange(SMSCX.submit_batch((rewritten, rewritten), UUID))
    assert carried.asked == []
    refused = Refused("it would rewrite {{ in the text", provider_fault=True)
    assert carried.result == [refused] * 2
    passing = replace(SMSCX, placeholders="pass")
    assert json.loads(requested(passing, rewritten).body)["text"] == "Dear {{name}}"
    assert CarriedExchange(SMSCX.submit(message(text="{ {name} }")), HttpResponse(200)).asked


def test_requests_of_a_kind_share_one_tuple_of_headers():
    assert requested(SMSCX).headers is requested(SMSCX).headers


@given(st.text(st.characters(), max_size=30), st.text(st.characters(), max_size=12))
def test_any_text_and_source_are_written_and_read_back(text, source):
    smscx = replace(SMSCX, placeholders="pass")
    written = json.loads(requested(smscx, message(text=text, source=Address(source))).body)
    assert (written["text"], written["from"]) == (text, source)


# -- OAuth ---------------------------------------------------------------------------------------

TOKEN = HttpResponse(200, octets({"access_token": "t1", "expires_in": 86400}))


def test_an_application_logs_in_first_and_bears_its_token():
    smscx = replace(OAUTH, scope="sms reports")
    carried = CarriedExchange(
        smscx.submit(FIRST), TOKEN, HttpResponse(200, octets({"data": [item()]}))
    )
    login, request = carried.asked
    assert login.url == "https://cx.test/oauth/token"
    assert b"scope=sms+reports" in login.body
    headers = dict(request.headers)
    assert headers["Authorization"] == "Bearer t1"
    assert "X-API-KEY" not in headers
    assert carried.result == Accepted(ID)


def test_401_renews_the_token_under_the_same_key():
    renewed = HttpResponse(200, octets({"access_token": "t2", "expires_in": 86400}))
    answers = (TOKEN, HttpResponse(401), renewed, HttpResponse(200, octets({"data": [item()]})))
    carried = CarriedExchange(replace(OAUTH).submit_batch((FIRST,), UUID), *answers)
    assert carried.asked[1].body == carried.asked[3].body
    assert carried.result == [Accepted(ID)]


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (
            HttpResponse(401, octets(fault(1600, "invalid_client"))),
            Refused(
                "login: HTTP 401: credentials refused", provider_fault=True, words="invalid_client"
            ),
        ),
        (HttpResponse(500), Postponed("login: HTTP 500", whole_lane=True)),
    ],
)
def test_a_login_that_fails_has_submitted_nothing(answer, outcome):
    carried = CarriedExchange(replace(OAUTH).submit_batch((FIRST, SECOND), UUID), answer)
    assert carried.result == [outcome] * 2


def test_a_silent_login_is_not_sent_and_a_silent_submission_no_answer():
    with pytest.raises(NotSent):
        CarriedExchange(replace(OAUTH).submit(FIRST), NoAnswer("timed out"))
    with pytest.raises(NoAnswer):
        CarriedExchange(replace(OAUTH).submit(FIRST), TOKEN, NoAnswer("timed out"))


@pytest.mark.parametrize("silence", [NotSent("refused"), NoAnswer("silence")])
def test_a_request_that_failed_is_left_to_the_driver(silence):
    smscx = replace(SMSCX, rent_ids=(ID,))
    for exchange in (smscx.submit(FIRST), smscx.query(FIRST, ID), smscx.balance(), smscx.pull()):
        with pytest.raises(type(silence)):
            CarriedExchange(exchange, silence)


def test_abilities_follow_from_settings():
    abilities = SMSCX.abilities
    assert abilities.callbacks
    assert abilities.polling
    assert abilities.balance
    assert abilities.keyed
    assert not abilities.pulling
    assert not abilities.schedules
    assert (abilities.batch, abilities.idempotent) == (1000, 86_400.0)
    changed = replace(SMSCX, batch=1, remembers=60.0, rent_ids=(ID,)).abilities
    assert (changed.batch, changed.idempotent, changed.pulling) == (1, 60.0, True)
    assert replace(SMSCX, pull_reports=True).abilities.pulling


def test_neither_credentials_nor_text_show():
    smscx = replace(SMSCX, callback_url="https://b/callbacks/it/secret-key")
    found = HttpResponse(200, octets({"data": item()}))
    requests = [requested(smscx), *CarriedExchange(smscx.query(FIRST, ID), found).asked]
    for thing in (smscx, smscx._reader, OAUTH, OAUTH._login, *requests):
        for secret in (KEY, TEXT, "secret-key"):
            assert secret not in repr(thing)
    assert not any(KEY in request.url for request in requests)


@pytest.mark.parametrize(
    "settings",
    [
        {"api_key": ""},
        {"app_id": "acme", "app_secret": "s"},
        {"api_key": "", "app_id": "acme"},
        {"api_key": "", "app_secret": "s"},
        {"base_url": "cx.test"},
        {"batch": 0},
        {"batch": 25_001},
        {"alphabet": "KLINGON"},
        {"placeholders": "maybe"},
        {"schedule": "never"},
        {"states": {"QUEUED": "somewhere"}},
        {"errors": {1234: "nobody"}},
    ],
)
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(ValueError) as refused:
        SmsCx(**{"api_key": KEY, **settings})
    assert KEY not in str(refused.value)


def test_equal_settings_make_equal_and_hashable_providers():
    assert replace(SMSCX) == SMSCX
    assert hash(replace(SMSCX)) == hash(SMSCX)
    assert replace(SMSCX, api_key="other") != SMSCX


def test_any_request_can_be_made():
    carried = CarriedExchange(SMSCX.call("POST", "/groups", b"{}"), HttpResponse(404, b"no"))
    (request,) = carried.asked
    assert request == HttpRequest(
        "POST", "https://cx.test/groups", SMSCX._headers, b"{}", operation="call"
    )
    assert carried.result.status == 404

from __future__ import annotations

from base64 import b64encode

import pytest
from twisted.internet.testing import MemoryReactorClock

from smppbridge.simulators.smscx.access import SCOPES
from smppbridge.simulators.smscx.simulator import SmsCxSimulator
from tests.simulators.smscx import KEY, RecordingPusher, SmsCxRequest

CALLBACK = "http://127.0.0.1:8776/callbacks/smscx/key"
UUID = "7f8f1c5a-8a3e-4d0a-9a55-0a2c1a4b9d10"
NOW = 1_767_322_800.0  # 2026-01-02 03:00:00
NUMBER = "+2547220000"
FIELDS = {"to": [NUMBER + "01"], "from": "ACME", "text": "Hello"}


@pytest.fixture
def clock():
    clock = MemoryReactorClock()
    clock.advance(NOW)
    return clock


@pytest.fixture
def simulator(clock):
    simulator = SmsCxSimulator(clock, callback_url=CALLBACK, delay=2.0)
    simulator.pusher = RecordingPusher()
    return simulator


def send(simulator, *endings, headers=KEY, **changed):
    to = {"to": [NUMBER + ending for ending in endings]} if endings else {}
    return SmsCxRequest(simulator, "POST", "sms", {**FIELDS, **to, **changed}, headers)


def status_of(simulator, msg_id):
    return SmsCxRequest(simulator, "GET", f"reports/single/{msg_id}").json["data"]["status"]


def updates(simulator):
    """Return (status, error code, seconds after acceptance) of every update."""
    return [
        (one["status"], one["errorCode"], after)
        for event, data, after in simulator.pusher.events
        for one in data
        if event == "dlr_update"
    ]


def test_a_message_is_taken_and_reported_after_the_delay(simulator, clock):
    answer = send(simulator).json
    (item,) = answer["data"]
    assert {**item, "msgId": None} == {
        "msgId": None,
        "status": "ACCEPTED",
        "statusCode": 1,
        "errorCode": None,
        "createdAt": "2026-01-02 03:00:00",
        "inQuietHours": False,
        "cost": 0.041,
        "to": NUMBER + "01",
        "countryIso": "KE",
        "from": "ACME",
        "text": "Hello",
        "parts": 1,
        "textAnalysis": {"length": 5, "unicode": False, "parts": 1},
    }
    ((method, url, body, after, _),) = simulator.pusher.calls
    assert (method, url, after) == ("POST", CALLBACK, 2.0)
    assert body == {
        "event": "dlr_update",
        "data": [
            {
                "campaignId": answer["info"]["campaignId"],
                "msgId": item["msgId"],
                "statusCode": 3,
                "status": "DELIVERED",
                "errorCode": None,
                "datetime": "2026-01-02 03:00:02",
                "trackData": None,
            }
        ],
    }
    assert status_of(simulator, item["msgId"]) == "ACCEPTED"
    clock.advance(2.0)
    assert status_of(simulator, item["msgId"]) == "DELIVERED"


def test_one_number_may_be_text_and_national(simulator):
    answer = send(simulator, to="0722000001", countryIso="KE").json
    assert [item["to"] for item in answer["data"]] == [NUMBER + "01"]


@pytest.mark.parametrize(
    ("ending", "pushed", "pulled"),
    [
        ("90", [("FAILED", 2001, 2.0)], "FAILED"),
        ("97", [("DELIVERED", None, 2.0)] * 2, "DELIVERED"),
        ("98", [], "ACCEPTED"),
        ("99", [("FAILED", 2003, 2.0)], "FAILED"),
    ],
)
def test_endings_that_are_taken(simulator, clock, ending, pushed, pulled):
    msg_id = send(simulator, ending).json["data"][0]["msgId"]
    assert updates(simulator) == pushed
    clock.advance(2.0)
    assert status_of(simulator, msg_id) == pulled


def test_only_97_is_reported_twice(simulator):
    first, second = send(simulator, "01", "97").json["data"]
    told = [[one["msgId"] for one in data] for _, data, _ in simulator.pusher.events]
    assert told == [[first["msgId"], second["msgId"]], [second["msgId"]]]


def test_what_is_rejected_costs_nothing_and_is_never_reported(simulator):
    simulator.opt_out(NUMBER + "02")
    data = send(simulator, to=[NUMBER + "91", NUMBER + "02", "+881612345678"])
    told = [(item["status"], item["cost"]) for item in data.json["data"]]
    assert told == [("REJECTED", 0.0), ("REJECTED", 0.0), ("NO COVERAGE", 0.0)]
    assert updates(simulator) == []
    assert (simulator.requests, simulator.accepted) == (1, 0)


def test_92_is_answered_after_five_seconds_and_reported_later(simulator, clock):
    asked = send(simulator, "92", "01")
    clock.advance(4.9)
    assert not asked.answered
    clock.advance(0.1)
    assert asked.json["data"][0]["status"] == "ACCEPTED"
    assert sorted(updates(simulator)) == [("DELIVERED", None, 2.0), ("DELIVERED", None, 7.0)]


def test_93_is_a_server_error_in_json(simulator):
    assert send(simulator, "01", "93").fault == (500, "server_error", 1699)
    assert simulator.accepted == 0


def test_94_is_throttled_twice_and_then_taken(simulator):
    for _ in range(2):
        asked = send(simulator, "94")
        assert asked.fault == (429, "rate_limit", 1604)
        assert asked.headers["x-rate-limit-reset"] == str(int(NOW) + 1)
        assert "retry-after" not in asked.headers
    assert send(simulator, "94").status == 200
    assert send(simulator, "94", text="Another").status == 429


def test_95_never_answers(simulator, clock):
    asked = send(simulator, "95")
    clock.advance(3600.0)
    assert not asked.answered
    assert simulator.pusher.calls == []


def test_96_is_answered_when_it_has_been_reported(simulator):
    asked = send(simulator, "01", "96")
    assert sorted(after for *_, after in updates(simulator)) == [0.0, 2.0]
    assert not asked.answered
    early = next(done for *_, after, done in simulator.pusher.calls if after == 0.0)
    early.callback(None)
    assert len(asked.json["data"]) == 2


def test_without_a_callback_url_it_is_only_there_to_be_asked(clock):
    simulator = SmsCxSimulator(clock, delay=2.0)
    msg_id = send(simulator, "96").json["data"][0]["msgId"]
    assert status_of(simulator, msg_id) == "DELIVERED"


def test_webhooks_hold_two_hundred_at_most(simulator):
    numbers = [f"+2547221{number:04}0" for number in range(450)]
    assert len(send(simulator, to=numbers).json["data"]) == 450
    assert [len(data) for _, data, _ in simulator.pusher.events] == [200, 200, 50]


def test_a_request_can_say_where_to_report_and_what_to_track(simulator):
    item = send(simulator, dlrCallbackUrl="http://there/", trackData=UUID).json["data"][0]
    assert item["trackData"] == UUID
    ((_, url, body, _, _),) = simulator.pusher.calls
    assert (url, body["data"][0]["trackData"]) == ("http://there/", UUID)
    for odd in ("mine", UUID.upper(), UUID.replace("-4d0a-", "-0d0a-"), 7):
        assert "trackData" not in send(simulator, trackData=odd).json["data"][0]


def test_answers_can_be_short(simulator):
    short = send(simulator, shortResponse=True).json
    assert (short["data"], short["info"]["totalPhoneNumbers"]) == ([], 1)
    (item,) = send(simulator, noTextDetails=True, showTimezone=True).json["data"]
    assert {"text", "textAnalysis"}.isdisjoint(item)
    assert item["timezone"] == "UTC"


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"text": "a {{today}} {{numbers:4}}{{unknown}}b"}, "a 2026-01-02 b"),
        ({"text": "caf\u00e9 \U0001f600"}, "caf\u00e9 \U0001f600"),
        ({"text": "caf\u00e9", "transliteration": {"alphabet": "NON_GSM"}}, "cafe"),
        ({"text": "a\U0001f600b", "transliteration": {"removeEmojis": True}}, "ab"),
    ],
)
def test_texts_are_rewritten_as_documented(simulator, changed, text):
    assert send(simulator, **changed).json["data"][0]["text"] == text


def test_parts_cost(simulator):
    before = simulator.books.credit
    info = send(simulator, "01", "02", text="x" * 161).json["info"]
    assert (info["totalParts"], info["totalCost"]) == (4, 0.164)
    assert simulator.books.credit == pytest.approx(before - 0.164)


def test_without_credit_nothing_is_taken(clock):
    simulator = SmsCxSimulator(clock, credit=0.05)
    assert send(simulator, "01", "02").fault == (400, "insufficient_credit", 1113)
    assert send(simulator, "01").status == 200
    assert simulator.accepted == 1


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"to": None}, 1104),
        ({"to": []}, 1104),
        ({"to": {"a": 1}}, 1104),
        ({"to": ["+254722000001"] * 25_001}, 1103),
        ({"to": ["+301"]}, 1210),
        ({"to": ["+301", "+254722000001"]}, 1210),
        ({"to": ["+301"], "allowInvalid": True}, 1210),
        ({"to": [7]}, 1210),
        ({"from": ""}, 1105),
        ({"from": "AB"}, 1106),
        ({"from": "A" * 16}, 1106),
        ({"text": ""}, 1107),
        ({"text": "x" * 1531}, 1107),
        ({"scheduledDate": "soon"}, 1108),
        ({"scheduledDate": "2026-01-02 02:59:59"}, 1116),
        ({"dlrCallbackUrl": "there"}, 1109),
        ({"dlrCallbackUrl": "http://[x"}, 1109),
        ({"transliteration": {"alphabet": "KLINGON"}}, 1110),
        ({"transliteration": "GREEK"}, 1110),
        ({"idempotencyId": "1"}, 1111),
        ({"idempotencyId": 7}, 1111),
    ],
)
def test_fields_that_are_wrong_have_their_codes(simulator, changed, code):
    assert send(simulator, **changed).fault == (400, "invalid_param", code)
    assert simulator.accepted == 0


def test_invalid_numbers_are_named_in_both_places(simulator):
    document = send(simulator, to=["+301", "x"]).json
    assert document["invalid"] == document["error"]["invalid"] == ["+301", "x"]
    allowed = send(simulator, to=["+301", NUMBER + "01"], allowInvalid=True).json
    assert allowed["info"]["invalid"] == ["+301"]
    assert [item["to"] for item in allowed["data"]] == [NUMBER + "01"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"[" * 50_000])
def test_a_body_of_nonsense_is_rejected(simulator, body):
    assert SmsCxRequest(simulator, "POST", "sms", body).fault == (400, "invalid_body", 1605)


# -- idempotency ---------------------------------------------------------------------------------


def test_a_known_key_gets_the_first_answer_and_costs_nothing(simulator, clock):
    first = send(simulator, "01", idempotencyId=UUID)
    credit = simulator.books.credit
    clock.advance(86_399.0)
    again = send(simulator, "02", idempotencyId=UUID)
    assert again.json == first.json
    assert again.headers["x-idempotency-id"] == UUID
    assert (simulator.books.credit, simulator.accepted) == (credit, 1)
    assert len(simulator.pusher.calls) == 1
    clock.advance(1.0)
    assert send(simulator, "01", idempotencyId=UUID).json != first.json


def test_what_was_not_taken_leaves_its_key_free(simulator):
    assert send(simulator, "93", idempotencyId=UUID).status == 500
    assert send(simulator, "01", idempotencyId=UUID).status == 200


# -- scheduling ----------------------------------------------------------------------------------


@pytest.mark.parametrize("date", ["2026-01-02 03:01:00", "2026-01-02T03:01:00"])
def test_a_scheduled_message_goes_when_it_is_time(simulator, clock, date):
    (item,) = send(simulator, scheduledDate=date).json["data"]
    assert (item["status"], item["scheduledAt"]) == ("SCHEDULED", "2026-01-02 03:01:00")
    clock.advance(61.9)
    assert simulator.pusher.calls == []
    clock.advance(0.2)
    assert updates(simulator) == [("DELIVERED", None, 0.0)]


def test_a_scheduled_message_can_be_deleted_and_is_paid_back(simulator, clock):
    before = simulator.books.credit
    (item,) = send(simulator, scheduledDate="2026-01-02 03:01:00").json["data"]
    path = f"sms/scheduled/{item['msgId']}"
    info = SmsCxRequest(simulator, "DELETE", path).json["info"]
    assert info == {
        "msgId": item["msgId"],
        "parts": 1,
        "creditReturned": 0.041,
        "channel": "sms",
    }
    assert simulator.books.credit == pytest.approx(before)
    clock.advance(3600.0)
    assert simulator.pusher.calls == []
    assert SmsCxRequest(simulator, "DELETE", path).fault == (404, "not_found", 1100)
    assert SmsCxRequest(simulator, "DELETE", "sms/scheduled/7").fault == (
        400,
        "invalid_param",
        1115,
    )


def test_what_was_sent_cannot_be_deleted(simulator, clock):
    sent = send(simulator).json["data"][0]["msgId"]
    late = send(simulator, scheduledDate="2026-01-02 03:01:00").json["data"][0]["msgId"]
    clock.advance(60.0)
    for msg_id in (sent, late):
        fault = SmsCxRequest(simulator, "DELETE", f"sms/scheduled/{msg_id}").fault
        assert fault == (403, "access_denied", 1118)


def test_a_scheduled_campaign_can_be_deleted(simulator):
    answer = send(simulator, "01", "91", scheduledDate="2026-01-02 03:01:00").json
    path = f"sms/scheduled/campaign/{answer['info']['campaignId']}"
    info = SmsCxRequest(simulator, "DELETE", path).json["info"]
    assert (info["totalPhoneNumbers"], info["phoneNumbersDeleted"]) == (2, 1)
    assert info["creditReturned"] == 0.041
    unknown = SmsCxRequest(simulator, "DELETE", f"sms/scheduled/campaign/{UUID}")
    assert unknown.fault == (404, "not_found", 1150)
    malformed = SmsCxRequest(simulator, "DELETE", "sms/scheduled/campaign/7")
    assert malformed.fault == (400, "invalid_param", 1155)


def test_closing_forgets_what_is_scheduled(simulator, clock):
    send(simulator, scheduledDate="2026-01-02 03:01:00")
    simulator.close()
    clock.advance(3600.0)
    assert simulator.pusher.calls == []


# -- who may ask what, and how often -------------------------------------------------------------


def token(simulator, form="grant_type=client_credentials", secret="any"):
    pair = b64encode(f"acme:{secret}".encode()).decode()
    headers = {
        "Authorization": f"Basic {pair}",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    return SmsCxRequest(simulator, "POST", "oauth/token", form.encode(), headers)


def bearing(simulator, form="grant_type=client_credentials"):
    return {"Authorization": f"Bearer {token(simulator, form).json['access_token']}"}


def test_an_application_gets_a_token_for_all_scopes(simulator, clock):
    answer = token(simulator).json
    assert (answer["expires_in"], answer["token_type"]) == (86_400, "Bearer")
    assert answer["scope"].split() == list(SCOPES)
    headers = {"Authorization": f"Bearer {answer['access_token']}"}
    assert send(simulator, headers=headers).status == 200
    clock.advance(86_400.0)
    assert send(simulator, headers=headers).fault == (401, "invalid_client", 1601)


def test_a_token_may_be_good_for_ever_but_can_be_forgotten(clock):
    simulator = SmsCxSimulator(clock, token_lifetime=0)
    headers = bearing(simulator)
    clock.advance(1e9)
    assert send(simulator, headers=headers).status == 200
    simulator.access.forget_tokens()
    assert send(simulator, headers=headers).status == 401


def test_a_token_allows_its_scopes_and_what_has_none(simulator):
    headers = bearing(simulator, "grant_type=client_credentials&scope=reports")
    assert send(simulator, headers=headers).fault == (403, "insufficient_scope", 1602)
    assert SmsCxRequest(simulator, "GET", "account/balance", headers=headers).status == 200
    assert SmsCxRequest(simulator, "GET", "reports?period=2026", headers=headers).status == 200


@pytest.mark.parametrize(
    ("form", "secret", "fault"),
    [
        ("grant_type=client_credentials", "wrong", (401, "invalid_client", 1600)),
        ("grant_type=client_credentials", "", (401, "invalid_client", 1600)),
        ("", "any", (400, "invalid_request", 1600)),
        ("grant_type=password", "any", (400, "unsupported_grant_type", 1600)),
        ("grant_type=client_credentials&scope=SMS", "any", (400, "invalid_scope", 1600)),
    ],
)
def test_a_login_that_is_wrong_has_its_type(simulator, form, secret, fault):
    assert token(simulator, form, secret).fault == fault


@pytest.mark.parametrize(
    ("headers", "fault"),
    [
        ({}, (401, "invalid_api_key", 1601)),
        ({"X-API-KEY": "wrong"}, (401, "invalid_api_key", 1601)),
        ({"Authorization": "Bearer made-up"}, (401, "invalid_client", 1601)),
        ({"Authorization": "Basic YTpi"}, (401, "invalid_api_key", 1601)),
        ({"Authorization": "Basic \u00ff"}, (401, "invalid_api_key", 1601)),
    ],
)
def test_a_credential_that_is_wrong_has_its_type(simulator, headers, fault):
    assert send(simulator, headers=headers).fault == fault
    assert SmsCxRequest(simulator, "GET", "account/balance", headers=headers).fault == fault


def test_more_than_the_rate_waits_for_the_next_second(clock):
    simulator = SmsCxSimulator(clock, rate=2)
    first, second, third = (send(simulator) for _ in range(3))
    assert [first.status, second.status] == [200, 200]
    assert first.headers["x-rate-limit-limit"] == "2"
    assert [one.headers["x-rate-limit-remaining"] for one in (first, second)] == ["1", "0"]
    assert third.fault == (429, "rate_limit", 1604)
    assert third.headers["x-rate-limit-reset"] == str(int(NOW) + 1)
    assert send(simulator, headers={"X-API-KEY": "another"}).status == 200
    clock.advance(1.0)
    assert send(simulator).status == 200


def test_other_methods_and_paths_are_refused_in_json(simulator):
    assert SmsCxRequest(simulator, "GET", "sms").fault == (405, "invalid_method", 1603)
    assert SmsCxRequest(simulator, "POST", "sms/nothing", {}).fault == (404, "not_found", 1000)
    assert SmsCxRequest(simulator, "POST", "nothing", {}).status == 404


# -- what phones do ------------------------------------------------------------------------------


def test_what_a_phone_sends_is_told_and_can_be_fetched(simulator):
    body = {"from": NUMBER + "01", "text": "STOP"}
    assert SmsCxRequest(simulator, "POST", "simulator/receive", body, {}).json == {"received": True}
    (event, (item,), _) = simulator.pusher.events[0]
    assert (event, item["text"], item["countryIso"]) == ("receive_sms", "STOP", "KE")
    assert item["receivedAt"] == "2026-01-02 03:00:00"
    (rent_id,) = simulator.books.rented
    page = SmsCxRequest(simulator, "GET", f"numbers/rent/{rent_id}/inbound").json
    assert page["data"] == [item]
    assert SmsCxRequest(simulator, "POST", "simulator/receive", {}, {}).status == 400


def test_a_phone_that_opts_out_is_told_of_and_rejected(simulator):
    body = {"phoneNumber": NUMBER + "01"}
    assert SmsCxRequest(simulator, "POST", "simulator/optout", body, {}).json == {
        "optedOut": NUMBER + "01"
    }
    (event, (item,), _) = simulator.pusher.events[0]
    assert (event, item["phoneNumber"], item["optoutType"]) == (
        "new_optout",
        NUMBER + "01",
        "link",
    )
    assert send(simulator).json["data"][0]["status"] == "REJECTED"
    assert SmsCxRequest(simulator, "POST", "simulator/optout", {"phoneNumber": 7}, {}).status == 400


def test_what_was_taken_is_counted_by_destination_and_text(simulator):
    for text in ("one", "two", "two"):
        send(simulator, text=text)
    assert dict(simulator.taken) == {("254722000001", "one"): 1, ("254722000001", "two"): 2}
    assert (simulator.requests, simulator.accepted) == (3, 3)

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from smppbridge.providers.exchange import BadReply, HttpResponse, Price
from smppbridge.providers.smscx.operations import flat
from tests.providers.smscx import (
    ID,
    KEY,
    SMSCX,
    CarriedExchange,
    fault,
    item,
    message,
    octets,
)

SENDER = replace(SMSCX, sender="ACME")


def asked(name, *given, answer, status=200):
    """Run an operation; return its request, as (method, path, document), and its result."""
    run = SENDER.operations[name].run
    carried = CarriedExchange(run(*given), HttpResponse(status, octets(answer)))
    (request,) = carried.asked
    path = request.url.removeprefix("https://cx.test/")
    document = json.loads(request.body) if request.body else None
    return (request.method, path, document), carried.result


def test_every_operation_that_is_meant_to_be_there_is():
    assert sorted(SMSCX.operations) == [
        "add-optouts",
        "add-originator",
        "balance",
        "channels",
        "delete-optout",
        "delete-originator",
        "delete-scheduled",
        "estimate",
        "lookup",
        "optouts",
        "originators",
        "pricing",
        "reports",
        "validate",
    ]
    assert [name for name, each in SMSCX.operations.items() if each.moves_money] == ["lookup"]


@pytest.mark.parametrize(
    ("name", "given", "request_made", "answer", "result"),
    [
        (
            "balance",
            (),
            ("GET", "account/balance", None),
            {"balance": 12.5, "currency": "eur", "billing": "prepaid"},
            {"balance": 12.5, "currency": "eur", "billing": "prepaid"},
        ),
        (
            "channels",
            (),
            ("GET", "account/channels/status", None),
            {"sms": True, "viber": False},
            {"sms": True, "viber": False},
        ),
        (
            "pricing",
            (),
            ("GET", "account/pricing/sms/transactional", None),
            {"KE": {"Safaricom": 0.041, "Airtel": {"63903": 1}}, "FR": 0.05, "odd": [1], "x": None},
            [
                {"country": "KE", "operator": "Safaricom", "price": 0.041},
                {"country": "KE", "operator": "Airtel 63903", "price": 1},
                {"country": "FR", "operator": "", "price": 0.05},
            ],
        ),
        (
            "pricing",
            ("K/E", "2way"),
            ("GET", "account/pricing/sms/2way/K%2FE", None),
            {},
            [],
        ),
        (
            "estimate",
            ("+254722000001", "Hello"),
            (
                "POST",
                "sms/estimate",
                {"to": ["+254722000001"], "from": "ACME", "text": "Hello"},
            ),
            {"info": {"totalCost": 0.041, "totalParts": 1, "invalid": []}, "data": [item()]},
            {"totalCost": 0.041, "totalParts": 1, "invalid": ""},
        ),
        (
            "estimate",
            ("+254722000001", "Hello", "OTHER"),
            (
                "POST",
                "sms/estimate",
                {"to": ["+254722000001"], "from": "OTHER", "text": "Hello"},
            ),
            {},
            {},
        ),
        (
            "validate",
            (["+254722000001", "7"],),
            ("POST", "numbers/validate", {"phoneNumbers": ["+254722000001", "7"]}),
            {"data": [{"phoneNumber": "+254722000001", "invalid": False}, None]},
            [{"phoneNumber": "+254722000001", "invalid": False}],
        ),
        (
            "lookup",
            ("+254722000001",),
            ("GET", "numbers/lookup/%2B254722000001", None),
            {"data": {"status": "ACTIVE", "originalNetwork": {"name": "Safaricom", "mnc": "02"}}},
            {"status": "ACTIVE", "originalNetwork.name": "Safaricom", "originalNetwork.mnc": "02"},
        ),
        (
            "originators",
            (),
            ("GET", "originators", None),
            {"data": [{"id": 1, "originator": "ACME"}]},
            [{"id": 1, "originator": "ACME"}],
        ),
        (
            "add-originator",
            ("ACME",),
            ("POST", "originators", {"originator": "ACME"}),
            {"info": {"id": 1}},
            {"id": 1},
        ),
        (
            "delete-originator",
            ("1",),
            ("DELETE", "originators/1", None),
            {"info": {"id": 1}},
            {"id": 1},
        ),
        (
            "optouts",
            (),
            ("GET", "optouts?limit=100", None),
            {"data": [{"id": 7, "phoneNumber": "+254722000001"}]},
            [{"id": 7, "phoneNumber": "+254722000001"}],
        ),
        (
            "add-optouts",
            (["+254722000001"],),
            ("POST", "optouts", {"phoneNumbers": ["+254722000001"], "allowInvalid": True}),
            {"info": {"totalValid": 1}},
            {"totalValid": 1},
        ),
        ("delete-optout", ("7",), ("DELETE", "optouts/7", None), {"info": {"id": 7}}, {"id": 7}),
        (
            "reports",
            (),
            ("GET", "reports?start_date=2026-01-02&end_date=2026-01-02&limit=100", None),
            {"data": [item()]},
            [item()],
        ),
        (
            "reports",
            ("2025-12-01", "2025-12-31"),
            ("GET", "reports?start_date=2025-12-01&end_date=2025-12-31&limit=100", None),
            {"data": []},
            [],
        ),
        (
            "delete-scheduled",
            (ID,),
            ("DELETE", f"sms/scheduled/{ID}", None),
            {"info": {"msgId": ID, "creditReturned": 0.041}},
            {"msgId": ID, "creditReturned": 0.041},
        ),
    ],
)
def test_operations_ask_and_read(name, given, request_made, answer, result):
    assert asked(name, *given, answer=answer) == (request_made, result)


def test_an_operation_that_is_refused_says_why_without_the_key():
    with pytest.raises(BadReply) as bad:
        asked("balance", answer=fault(1113, "insufficient_credit", f"{KEY}: top up"), status=400)
    assert str(bad.value) == "HTTP 400: no credit: insufficient_credit 1113: ***: top up"


def priced(info, status=200):
    """Ask for the price of a message; return the request's path and fields, and the price."""
    answer = HttpResponse(status, octets({"info": info}))
    carried = CarriedExchange(replace(SENDER, alphabet="GREEK").price(message()), answer)
    (request,) = carried.asked
    return request.url.removeprefix("https://cx.test/"), json.loads(request.body), carried.result


def test_the_price_is_that_of_the_message_as_it_would_be_submitted():
    path, fields, price = priced({"totalCost": 0.082, "totalParts": 2})
    assert (path, price) == ("sms/estimate", Price(0.082, "", 2))
    assert "idempotencyId" not in fields
    assert fields["text"] == message().text
    assert fields["transliteration"] == {"alphabet": "GREEK", "removeEmojis": False}


@pytest.mark.parametrize(
    "info",
    [
        {},
        {"totalCost": "1", "totalParts": 1},
        {"totalCost": True, "totalParts": 1},
        {"totalCost": 10**400, "totalParts": 1},
        {"totalCost": -1, "totalParts": 1},
        {"totalCost": 0, "totalParts": 0},
        {"totalCost": 0.1},
        [],
    ],
)
def test_an_answer_without_a_price(info):
    with pytest.raises(BadReply, match="no price"):
        priced(info)


def test_traffic_that_there_is_not_is_not_asked_for():
    carried = SMSCX.operations["pricing"].run("KE", "rush-hour")
    with pytest.raises(BadReply, match="transactional, promotional, 2way"):
        next(carried)


def test_operations_bear_the_token_of_an_application():
    smscx = replace(SMSCX, api_key="", app_id="acme", app_secret=KEY)
    token = HttpResponse(200, octets({"access_token": "t1"}))
    carried = CarriedExchange(smscx.operations["channels"].run(), token, HttpResponse(200, b"{}"))
    assert dict(carried.asked[1].headers)["Authorization"] == "Bearer t1"


def test_depth_has_a_bound():
    deep = json.loads('{"a":' * 400 + "1" + "}" * 400)
    assert flat(deep) == {}
    run = SMSCX.operations["pricing"].run
    assert CarriedExchange(run(), HttpResponse(200, octets(deep))).result == []
    assert flat({"a": {"b": [1, [2], {"c": 3}, "d"]}}) == {"a.b": "1, d"}

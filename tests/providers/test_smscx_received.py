from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppbridge.model.mo import Mo, OptOut
from smppbridge.model.report import Report
from smppbridge.providers.exchange import BadReply, HttpRequest, HttpResponse, NoAnswer
from smppbridge.providers.smscx.answers import MAX_CALLBACK
from smppbridge.providers.smscx.pull import MAX_PAGES, OVERLAP
from smppbridge.smpp.constants import MessageState
from tests.providers.smscx import (
    FIRST,
    ID,
    KEY,
    NOW,
    OTHER,
    SMSCX,
    CarriedExchange,
    fault,
    octets,
)

UPDATE = {
    "campaignId": OTHER,
    "msgId": ID,
    "statusCode": 3,
    "status": "DELIVERED",
    "errorCode": None,
    "datetime": "2026-01-02 03:04:11",
    "trackData": None,
}
MO = {
    "msgId": ID,
    "from": "+254722000001",
    "countryIso": "KE",
    "to": "+447700900001",
    "text": "STOP \u20ac",
    "cost": 0,
    "receivedAt": "2026-01-02 02:10:00",
}
HEARD = Mo(
    provider_message_id=ID,
    source="254722000001",
    destination="447700900001",
    text="STOP \u20ac",
    received_at=NOW - 50 * 60,
)
OPTOUT = {"hitId": ID, "optoutType": "link", "phoneNumber": "+254722000001", "campaignId": None}
DELIVERED = Report(ID, MessageState.DELIVERED)


def called(document, smscx=SMSCX):
    request = HttpRequest("POST", "/callbacks/it", body=octets(document))
    return smscx.read_callback(request)


def event(name, *data):
    return {"event": name, "data": list(data)}


# -- callbacks -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "state", "error"),
    [
        ({}, MessageState.DELIVERED, 0),
        ({"errorCode": 17}, MessageState.DELIVERED, 0),
        ({"status": "ACCEPTED"}, MessageState.ENROUTE, 0),
        ({"status": "SENT"}, MessageState.ENROUTE, 0),
        ({"status": "SCHEDULED"}, MessageState.ENROUTE, 0),
        ({"status": "never heard of", "errorCode": 5}, MessageState.ENROUTE, 0),
        ({"status": "FAILED"}, MessageState.UNDELIVERABLE, 1),
        ({"status": " failed ", "errorCode": 2027}, MessageState.UNDELIVERABLE, 27),
        ({"status": "FAILED", "errorCode": "2027"}, MessageState.UNDELIVERABLE, 27),
        ({"status": "FAILED", "errorCode": 2000}, MessageState.UNDELIVERABLE, 1),
        ({"status": "FAILED", "errorCode": -1}, MessageState.UNDELIVERABLE, 999),
        ({"status": "FAILED", "errorCode": 10**30 + 5}, MessageState.UNDELIVERABLE, 5),
        ({"status": "FAILED", "errorCode": "x"}, MessageState.UNDELIVERABLE, 1),
        ({"status": "FAILED", "errorCode": [7]}, MessageState.UNDELIVERABLE, 1),
        ({"status": "FAILED", "errorCode": True}, MessageState.UNDELIVERABLE, 1),
        ({"status": "REJECTED"}, MessageState.REJECTED, 2),
        ({"status": "NO COVERAGE"}, MessageState.REJECTED, 3),
        ({"status": "NO_COVERAGE", "errorCode": 9}, MessageState.REJECTED, 3),
    ],
)
def test_an_update_becomes_a_report(changed, state, error):
    assert called(event("dlr_update", {**UPDATE, **changed})) == (Report(ID, state, error),)


@pytest.mark.parametrize(
    ("status", "unknown"), [("never_heard  of", "NEVER HEARD OF"), ("SENT", ""), ("failed", "")]
)
def test_a_status_that_no_table_knows_is_named_in_the_report(status, unknown):
    assert called(event("dlr_update", {**UPDATE, "status": status}))[0].unknown == unknown


def test_updates_come_by_the_hundred():
    updates = [{**UPDATE, "msgId": f"{ID}{at}"} for at in range(200)]
    reports = called(event("dlr_update", *updates))
    assert [report.provider_message_id for report in reports] == [f"{ID}{n}" for n in range(200)]


def test_statuses_can_be_added():
    smscx = replace(SMSCX, states={"lost": "undeliverable", "sent": "accepted"})
    lost, sent = ({**UPDATE, "status": status} for status in ("LOST", "SENT"))
    assert called(event("dlr_update", lost, sent), smscx) == (
        Report(ID, MessageState.UNDELIVERABLE, 1),
        Report(ID, MessageState.ACCEPTED),
    )


def test_messages_from_phones_and_opt_outs_are_heard():
    assert called(event("receive_sms", MO)) == (HEARD,)
    assert called(event("new_optout", OPTOUT)) == (OptOut("254722000001"),)
    kenyan = replace(SMSCX, country_iso="KE")
    for written in ("0722000001", "+254 722 000 001", "00254722000001"):
        assert called(event("new_optout", {**OPTOUT, "phoneNumber": written}), kenyan) == (
            OptOut("254722000001"),
        )


def test_a_number_of_a_phone_may_be_written_for_people():
    spaced = {**MO, "from": "+254 722-000.001", "to": "+44 7700 (900) 001"}
    assert called(event("receive_sms", spaced)) == (HEARD,)
    (named,) = called(event("receive_sms", {**MO, "from": "A. C-ME 1"}))
    assert named.source == "A. C-ME 1"


@pytest.mark.parametrize(
    ("changed", "heard"),
    [
        ({"from": "ACME Ltd"}, replace(HEARD, source="ACME Ltd")),
        ({"to": "40404"}, replace(HEARD, destination="40404")),
        ({"text": ""}, replace(HEARD, text="")),
        ({"text": "\ud83d\ude00 \ud83d"}, replace(HEARD, text="\U0001f600 \ufffd")),
        ({"text": "x" * 20_000}, replace(HEARD, text="x" * 10_000)),
        ({"receivedAt": "2026-01-02T02:10:00"}, HEARD),
        ({"receivedAt": "2026-01-02T02:10:00Z"}, HEARD),
        ({"receivedAt": "2026-01-02T05:10:00+03:00"}, HEARD),
        *(
            ({"receivedAt": odd}, replace(HEARD, received_at=None))
            for odd in (None, "", "yesterday", 7, [], "2026-13-02 02:10:00", "2" * 50)
        ),
    ],
)
def test_odd_messages_from_phones_are_heard_as_far_as_they_go(changed, heard):
    assert called(event("receive_sms", {**MO, **changed})) == (heard,)


def test_dates_without_a_zone_are_in_utc_wherever_we_are(monkeypatch):
    monkeypatch.setenv("TZ", "Africa/Nairobi")
    time.tzset()
    try:
        assert called(event("receive_sms", MO)) == (HEARD,)
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    "name",
    [
        "number_lookup",
        "otp_update",
        "shortlink_hit",
        "shortlink_hit_update",
        "attachment_hit",
        "receive_viber",
        "receive_whatsapp",
        "",
        "never heard of",
    ],
)
def test_other_events_are_taken_and_say_nothing(name):
    assert called(event(name, UPDATE)) == ()
    assert called({"event": name}) == ()


def test_an_empty_webhook_says_nothing():
    assert called(event("dlr_update")) == ()


@pytest.mark.parametrize(
    ("name", "good", "heard", "missing"),
    [
        ("dlr_update", UPDATE, DELIVERED, ("msgId", "status")),
        ("receive_sms", MO, HEARD, ("msgId", "from", "to", "text")),
        ("new_optout", OPTOUT, OptOut("254722000001"), ("phoneNumber",)),
    ],
)
def test_nonsense_does_not_lose_what_is_good_beside_it(name, good, heard, missing):
    wrong: list[Any] = [{**good, key: odd} for key in missing for odd in (None, 7.5, [], {}, True)]
    wrong += [{**good, key: "\x00"} for key in missing if key not in ("status", "text")]
    wrong += [None, 7, "x", [], {}, [good]]
    assert called(event(name, *wrong, good, *wrong)) == (heard,)
    with pytest.raises(BadReply):
        called(event(name, *wrong))


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"event=dlr_update",
        b"<html>",
        b"[" * 50_000,
        {},
        {"data": [UPDATE]},
        {"event": None, "data": [UPDATE]},
        {"event": ["dlr_update"], "data": [UPDATE]},
        {"event": "dlr_update"},
        {"event": "dlr_update", "data": "x"},
        {"event": "dlr_update", "data": {}},
        {"event": "dlr_update", "data": [UPDATE], "pad": "x" * MAX_CALLBACK},
    ],
)
def test_a_callback_of_nonsense_is_a_bad_reply(document):
    with pytest.raises(BadReply):
        called(document)


# -- a scheduled message is dropped --------------------------------------------------------------

KEEPING = replace(SMSCX, schedule="provider")


def cancelled(document, status=200):
    return CarriedExchange(KEEPING.cancel(FIRST, ID), HttpResponse(status, octets(document)))


def test_a_scheduled_message_is_dropped():
    carried = cancelled({"info": {"msgId": ID, "parts": 1, "creditReturned": 0.041}})
    (request,) = carried.asked
    assert (request.method, request.url) == ("DELETE", f"https://cx.test/sms/scheduled/{ID}")
    assert (request.operation, request.body, carried.result) == ("cancel", b"", True)
    odd = CarriedExchange(KEEPING.cancel(FIRST, "a/b"), HttpResponse(404, octets(fault(1100))))
    assert odd.asked[0].url == "https://cx.test/sms/scheduled/a%2Fb"
    assert (KEEPING.abilities.cancels, SMSCX.abilities.cancels) == (True, False)


@pytest.mark.parametrize(("status", "code"), [(404, 1100), (400, 1115), (403, 1118)])
def test_a_message_that_is_not_a_scheduled_one_is_kept(status, code):
    assert cancelled(fault(code), status).result is False


@pytest.mark.parametrize(
    ("status", "document"), [(401, fault(1100)), (404, b""), (500, b"<html>"), (200, b"no")]
)
def test_an_answer_to_a_cancellation_that_is_none_is_a_bad_reply(status, document):
    with pytest.raises(BadReply):
        cancelled(document, status)


# -- questions about one message -----------------------------------------------------------------


def queried(document, status=200):
    return CarriedExchange(SMSCX.query(FIRST, ID), HttpResponse(status, octets(document)))


def test_a_query_asks_for_one_report():
    carried = queried({"data": {**UPDATE, "status": "FAILED", "errorCode": 2001}})
    (request,) = carried.asked
    assert (request.method, request.url) == ("GET", f"https://cx.test/reports/single/{ID}")
    assert (request.operation, request.body) == ("query", b"")
    assert carried.result == Report(ID, MessageState.UNDELIVERABLE, 1)
    assert queried({"data": [UPDATE]}).result == DELIVERED


def test_any_id_can_be_asked_for():
    carried = CarriedExchange(
        SMSCX.query(FIRST, "a/b?c\ud800"), HttpResponse(404, octets(fault(1160)))
    )
    assert carried.asked[0].url == "https://cx.test/reports/single/a%2Fb%3Fc%3F"


@pytest.mark.parametrize(("status", "code"), [(404, 1160), (400, 1165)])
def test_a_message_that_it_does_not_know_is_on_its_way_still(status, code):
    assert queried(fault(code), status).result == Report(ID, MessageState.ENROUTE)


@pytest.mark.parametrize(
    ("document", "status"),
    [
        ({"data": UPDATE}, 500),
        ({"data": UPDATE}, 302),
        ({"data": {**UPDATE, "msgId": OTHER}}, 200),
        ({"data": {**UPDATE, "status": None}}, 200),
        ({"data": []}, 200),
        ({}, 200),
        (b"<html>", 200),
        (b"", 200),
        (b" " * 2_000_000 + octets({"data": UPDATE}), 200),
        (b"", 404),
        (fault(1160), 500),
        (fault(1601, "invalid_api_key"), 401),
        (fault(1604, "rate_limit"), 429),
    ],
)
def test_an_answer_to_a_query_that_is_none_is_a_bad_reply(document, status):
    with pytest.raises(BadReply):
        queried(document, status)


# -- balance -------------------------------------------------------------------------------------


def balance(document, status=200):
    return CarriedExchange(SMSCX.balance(), HttpResponse(status, octets(document))).result


def test_the_balance_is_read():
    left = balance({"balance": 12.5, "currency": "eur", "billing": "prepaid"})
    assert (left.amount, left.unit, left.expires_at) == (12.5, "EUR", None)
    assert balance({"balance": -3}).amount == -3.0


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"balance": "12.5"},
        {"balance": True},
        {"balance": None},
        b'{"balance": NaN}',
        b'{"balance": Infinity}',
        {"balance": 10**400},
        b"<html>",
        b"",
    ],
)
def test_a_balance_that_is_none_is_a_bad_reply(document):
    with pytest.raises(BadReply):
        balance(document)


def test_a_bad_reply_says_why_and_keeps_the_key_to_itself():
    with pytest.raises(BadReply) as bad:
        balance(fault(1601, "invalid_api_key", f"{KEY} is not valid"), 401)
    assert str(bad.value) == (
        "HTTP 401: credentials refused: invalid_api_key 1601: *** is not valid"
    )


# -- pulling -------------------------------------------------------------------------------------

RENT = "0d5c1a7e-2f44-4c6b-9a3d-5b1e8f7a6c01"


def page(*data, following=None):
    paging = {"next": following, "previous": None, "size": 100}
    return HttpResponse(200, octets({"info": {}, "data": list(data), "paging": paging}))


def mo(number, at="2026-01-02 02:10:00"):
    return {**MO, "msgId": f"m{number}", "receivedAt": at}


def ids(carried):
    return [heard.provider_message_id for heard in carried.result]


def test_messages_are_pulled_page_by_page_oldest_first():
    smscx = replace(SMSCX, rent_ids=(RENT,))
    carried = CarriedExchange(smscx.pull(), page(mo(3), mo(2), following="a b"), page(mo(1)))
    first, second = carried.asked
    assert first.url == f"https://cx.test/numbers/rent/{RENT}/inbound?limit=100"
    assert second.url == f"{first.url}&next=a+b"
    assert (first.operation, first.method) == ("pull", "GET")
    assert ids(carried) == ["m1", "m2", "m3"]
    assert carried.result[0] == replace(HEARD, provider_message_id="m1")


def test_a_pull_looks_back_and_the_next_only_to_an_hour_before_it():
    smscx = replace(SMSCX, rent_ids=(RENT,), pull_back=7200.0)
    old, overlapping, new = mo(1, "2026-01-02 00:59:59"), mo(2, "2026-01-02 01:30:00"), mo(3)
    carried = CarriedExchange(smscx.pull(), page(new, overlapping, old, following="x"))
    assert ids(carried) == ["m2", "m3"]
    assert len(carried.asked) == 1
    assert OVERLAP == 3600.0
    carried = CarriedExchange(smscx.pull(), page(new, overlapping, following="x"))
    assert ids(carried) == ["m3"]


def test_after_a_fault_the_next_pull_looks_as_far_back():
    smscx = replace(SMSCX, rent_ids=(RENT, OTHER), pull_back=7200.0)
    overlapping = mo(2, "2026-01-02 01:30:00")
    for _ in range(2):
        carried = CarriedExchange(
            smscx.pull(), page(overlapping), HttpResponse(404, octets(fault(1270)))
        )
        assert ids(carried) == ["m2"]
    with pytest.raises(NoAnswer):
        CarriedExchange(smscx.pull(), page(overlapping), NoAnswer("timed out"))
    assert ids(CarriedExchange(smscx.pull(), page(overlapping), page())) == ["m2"]
    assert ids(CarriedExchange(smscx.pull(), page(overlapping), page())) == []


def test_when_nothing_at_all_can_be_pulled_it_says_why():
    smscx = replace(SMSCX, rent_ids=(RENT, OTHER))
    with pytest.raises(BadReply, match="1270"):
        CarriedExchange(smscx.pull(), HttpResponse(404, octets(fault(1270))), page())


def test_pages_end():
    smscx = replace(SMSCX, rent_ids=(RENT,))
    endless = [page(mo(n), following=f"p{n}") for n in range(MAX_PAGES + 1)]
    assert len(CarriedExchange(smscx.pull(), *endless).asked) == MAX_PAGES
    same = [page(mo(n), following="again") for n in range(3)]
    assert len(CarriedExchange(replace(smscx).pull(), *same).asked) == 2
    assert len(CarriedExchange(replace(smscx).pull(), page(following="more")).asked) == 1


@pytest.mark.parametrize("following", ["", 0.5, True, [], {}, "x" * 600])
def test_a_mark_that_is_none_ends_the_pages(following):
    smscx = replace(SMSCX, rent_ids=(RENT,))
    carried = CarriedExchange(smscx.pull(), page(None, {}, mo(1), following=following))
    assert (ids(carried), len(carried.asked)) == (["m1"], 1)


def test_a_mark_may_be_a_number():
    smscx = replace(SMSCX, rent_ids=(RENT,))
    carried = CarriedExchange(smscx.pull(), page(mo(1), following=100), page())
    assert carried.asked[1].url.endswith("&next=100")


def test_reports_of_yesterday_and_today_are_pulled_where_they_end():
    smscx = replace(SMSCX, pull_reports=True)
    sent = {**UPDATE, "msgId": OTHER, "status": "SENT"}
    carried = CarriedExchange(smscx.pull(), page(UPDATE, sent, None))
    assert carried.asked[0].url == (
        "https://cx.test/reports?start_date=2026-01-01&end_date=2026-01-02&channel=sms&limit=100"
    )
    assert carried.result == [DELIVERED]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from([ID, "SENT", "+1"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["data", "msgId", "status", "from", "to", "text", "paging", "next"]),
            inner,
        )
    ),
    max_leaves=10,
)
ANSWERS = st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode())
EVENTS = st.sampled_from(["dlr_update", "receive_sms", "new_optout"])


@given(ANSWERS, st.sampled_from([200, 302, 404, 500]), EVENTS, JSON)
def test_whatever_comes_reading_raises_nothing_but_bad_reply(body, status, name, data):
    smscx = replace(SMSCX, rent_ids=(RENT,), pull_reports=True)
    answers = [HttpResponse(status, body)] * (2 * MAX_PAGES)
    for read in (
        lambda: CarriedExchange(smscx.query(FIRST, ID), *answers),
        lambda: CarriedExchange(smscx.pull(), *answers),
        lambda: called(body),
        lambda: called({"event": name, "data": data}),
        *(
            lambda run=operation.run, given=operation.arguments: CarriedExchange(
                run(*(["x"] if each.endswith("...") else "x" for each in given)), *answers
            )
            for operation in smscx.operations.values()
        ),
    ):
        with suppress(BadReply):
            read()

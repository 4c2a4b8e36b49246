"""A provider in YAML: reports, called and asked for, and its credit."""

from __future__ import annotations

import json
from dataclasses import replace
from urllib.parse import parse_qs

import pytest

from smppbridge.model.mo import Mo
from smppbridge.model.report import Report
from smppbridge.providers.exchange import BadReply, Balance, HttpResponse
from smppbridge.smpp.constants import MessageState
from tests.providers.acme import ACME, TOLD
from tests.providers.described import MESSAGE, SUBMIT, called, concluded, octets, template

# -- reports and balance -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "state", "error"),
    [
        ("delivered", MessageState.DELIVERED, 0),
        ("READ", MessageState.DELIVERED, 0),
        ("failed", MessageState.UNDELIVERABLE, 1),
        ("lost", MessageState.UNDELIVERABLE, 1),
        ("expired", MessageState.EXPIRED, 3),
        ("gone", MessageState.UNKNOWN, 255),
        ("seen", MessageState.ENROUTE, 0),
        ("never heard of", MessageState.ENROUTE, 0),
    ],
)
def test_statuses_become_states(status, state, error):
    answer = {"id": "7", "status": f" {status} "}
    assert concluded(ACME.query(MESSAGE, "7"), answer) == Report("7", state, error)
    assert called(ACME, {"reports": [answer]}) == (Report("7", state, error),)


@pytest.mark.parametrize(
    ("status", "unknown"),
    [("Never heard of", "Never heard of"), ("seen", ""), ("Queued", ""), ("delivered", "")],
)
def test_a_status_that_no_table_knows_is_named_in_the_report(status, unknown):
    answer = {"id": "7", "status": status}
    assert concluded(ACME.query(MESSAGE, "7"), answer).unknown == unknown
    assert called(ACME, {"reports": [answer]})[0].unknown == unknown


def test_an_error_number_is_the_network_error():
    answer = {"id": "7", "status": "lost", "error": {"code": 30012}, "code": "30012"}
    assert concluded(ACME.query(MESSAGE, "7"), answer).error == 12
    assert called(ACME, {"reports": [answer]})[0].error == 12
    assert called(ACME, {"reports": [{**answer, "code": 1000}]})[0].error == 1
    assert called(ACME, {"reports": [{**answer, "status": "read"}]})[0].error == 0


def test_a_query_names_the_message_and_takes_no_other_for_it():
    request = next(ACME.query(MESSAGE, "a/../b"))
    assert request.url == "https://acme.test/v1/sms/a%2F..%2Fb"
    assert request.operation == "query"
    assert next(ACME.query(MESSAGE, "..")).url.endswith("/sms/%2E%2E")
    missing = concluded(ACME.query(MESSAGE, "7"), b"", 404)
    assert missing == Report("7", MessageState.ENROUTE)
    spelled = concluded(ACME.query(MESSAGE, "7"), {"id": "007", "status": "delivered"})
    assert spelled == Report("007", MessageState.DELIVERED)
    for document, status in (
        ({"id": "8", "status": "delivered"}, 200),
        ({"status": "delivered"}, 200),
        ({"id": "7"}, 200),
        ({"id": "7", "status": "failed", "error": {"message": "Quota"}}, 200),
        ({"id": "7", "status": "delivered"}, 500),
        (b"<html>", 200),
    ):
        exchange = ACME.query(MESSAGE, "7")
        next(exchange)
        with pytest.raises(BadReply):
            exchange.send(HttpResponse(status, octets(document)))


@pytest.mark.parametrize(
    ("amount", "expected"),
    [(12, 12.0), ("12.50", 12.5), ("KES 12.5", 12.5), ("-3 KES", -3.0), (0, 0.0)],
)
def test_the_balance_is_read(amount, expected):
    answer = {"data": {"credit": amount}}
    assert concluded(ACME.balance(), answer) == Balance(expected, "KES")


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"data": {"credit": "plenty"}},
        {"data": {"credit": "1,234.5"}},
        {"data": {"credit": True}},
        {"data": {"credit": [7]}},
        b'{"data": {"credit": 1e999}}',
        {"data": {"credit": 10**400}},
        b"7",
    ],
)
def test_a_balance_that_is_none_is_a_bad_reply(document):
    exchange = ACME.balance()
    next(exchange)
    with pytest.raises(BadReply):
        exchange.send(HttpResponse(200, octets(document)))


def test_what_is_not_described_cannot_be_asked():
    provider = template(SUBMIT)
    for exchange in (provider.balance(), provider.query(MESSAGE, "7")):
        with pytest.raises(BadReply):
            next(exchange)
    with pytest.raises(BadReply):
        called(provider, {})


def test_abilities_are_what_is_described():
    abilities = ACME.abilities
    assert (abilities.callbacks, abilities.polling, abilities.balance) == (True, True, True)
    assert abilities.callback_answer == b"ACK"
    assert (abilities.needs_callback_url, abilities.keyed) == (False, False)
    bare = template(SUBMIT).abilities
    assert (bare.callbacks, bare.polling, bare.balance) == (False, False, False)


# -- callbacks -----------------------------------------------------------------------------------


def test_an_item_that_makes_no_sense_does_not_spoil_the_others():
    good = {"id": "7", "status": "delivered"}
    assert len(called(ACME, {"reports": [good, {}, {"id": "8"}, 5, good]})) == 2
    assert called(ACME, {"reports": []}) == ()
    for nonsense in (b"", b"{", {}, {"reports": 5}, {"reports": [{}]}, [good]):
        with pytest.raises(BadReply):
            called(ACME, nonsense)


def test_it_is_told_where_to_report_and_about_which_message():
    body = parse_qs(next(TOLD.submit(MESSAGE)).body.decode())
    assert body["url"] == ["https://sms.test/callbacks/it/key?ours=1"]
    assert TOLD.abilities.needs_callback_url
    assert "url" not in parse_qs(next(replace(TOLD, callback_url="").submit(MESSAGE)).body.decode())


def test_what_holds_our_url_is_left_out_of_json_too():
    provider = template(
        "callback_key: kkkkkkkkkkkkkkkk\ncallback: {id: id, status: s}\n"
        + SUBMIT.replace("}\n", ', urls: ["{callback_url}"], url: "{callback_url}"}\n', 1)
    )
    assert json.loads(next(provider.submit(MESSAGE)).body)["urls"] == []
    assert "url" not in json.loads(next(provider.submit(MESSAGE)).body)


def test_our_own_id_can_come_back():
    assert called(TOLD, b"status=delivered", ours="1", id="x") == (
        Report("x", MessageState.DELIVERED, 0, 1),
    )
    assert called(TOLD, b"status=delivered", ours="1") == (
        Report("", MessageState.DELIVERED, 0, 1),
    )
    assert called(TOLD, b"status=delivered&id=7", ours="x" * 30)[0].message_id is None
    for ours in ("0", "-1", "1" * 19, "٣", ""):
        with pytest.raises(BadReply):
            called(TOLD, b"status=delivered", ours=ours)


def test_messages_from_phones_come_beside_reports():
    sms = {"id": 1, "from": "+254711000001", "to": "ACME", "text": "STOP\n"}
    came = Mo(provider_message_id="1", source="254711000001", destination="ACME", text="STOP\n")
    assert called(TOLD, [sms, {**sms, "id": None}, {**sms, "text": None}]) == (came,)
    for nonsense in ([{**sms, "id": ""}], [{**sms, "from": ""}], [{**sms, "text": "x" * 70_000}]):
        with pytest.raises(BadReply):
            called(TOLD, nonsense)

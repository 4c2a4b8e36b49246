from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest
from twisted.internet.testing import MemoryReactorClock

from smppbridge.simulators.mspace.v2 import MSpaceV2Simulator
from tests.simulators.mspace import MSpaceRequest

NUMBER = "254722000001"
FIELDS = {"username": "acme", "senderId": "ACME", "recipient": NUMBER, "message": "Hello"}
STYLES = ["json", "xml", "get"]


@pytest.fixture
def clock():
    return MemoryReactorClock()


@pytest.fixture
def simulator(clock):
    return MSpaceV2Simulator(clock, delay=2.0, credit=100)


def ask(simulator, operation, style="json", apikey="any", **fields):
    fields = {"username": "acme", **fields}
    if style == "get":
        path = "".join(f"/{name}={value}" for name, value in fields.items())
        return MSpaceRequest(simulator, "GET", f"{operation}/apikey={apikey}{path}")
    kind = f"application/{style}"
    if style == "xml":
        inner = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
        body = f"<x>{inner}</x>".encode()
    else:
        body = json.dumps(fields).encode()
    headers = {"apikey": apikey, "Content-Type": kind, "Accept": kind}
    return MSpaceRequest(simulator, "POST", operation, body, **headers)


def send(simulator, style="json", apikey="any", **changed):
    return ask(simulator, "sendtext", style, apikey, **{**FIELDS, **changed})


def rows(asked):
    """Return the rows of an answer in JSON or XML, all values as text."""
    if asked.body.startswith(b"<"):
        return [{e.tag: e.text or "" for e in row} for row in ElementTree.fromstring(asked.body)]
    found = asked.json
    found = found["message"] if isinstance(found, dict) else found
    return [{name: str(value) for name, value in row.items()} for row in found]


def report(simulator, identifier, style="json"):
    return rows(ask(simulator, "deliveryreport", style, messageId=identifier))


@pytest.mark.parametrize("style", STYLES)
def test_a_message_is_taken_and_its_report_changes_after_the_delay(simulator, clock, style):
    (entry,) = rows(send(simulator, style))
    identifier = entry.pop("messageId")
    assert identifier.isdecimal()
    words = "Message sent successfully"
    assert entry == {"recipient": NUMBER, "status": "111", "statusDescription": words}
    (before,) = report(simulator, identifier, style)
    assert (before["messageId"], before["status"]) == (identifier, "2")
    clock.advance(2.0)
    (after,) = report(simulator, identifier, style)
    assert (after["status"], after["statusDescription"]) == ("3", "Delivered")
    assert dict(simulator.taken) == {(NUMBER, "Hello"): 1}


@pytest.mark.parametrize("style", STYLES)
def test_each_recipient_of_a_list_has_its_own_answer(simulator, style):
    first, second, third = rows(
        send(simulator, style, recipient="0722000001,254733000091,+254700000003")
    )
    assert [entry["status"] for entry in (first, second, third)] == ["111", "114", "111"]
    assert "messageId" not in second
    assert second["statusDescription"] == "Invalid recipient"
    assert simulator.accepted == 2


@pytest.mark.parametrize(
    ("echo", "repeated"),
    [
        ("asked", ["0722000001", "254733000002"]),
        ("international", ["254722000001", "254733000002"]),
        ("local", ["0722000001", "0733000002"]),
    ],
)
def test_recipients_are_repeated_as_configured(clock, echo, repeated):
    simulator = MSpaceV2Simulator(clock, echo=echo)
    entries = rows(send(simulator, recipient="0722000001,254733000002"))
    assert [entry["recipient"] for entry in entries] == repeated


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("operation", ["sendtext", "deliveryreport", "balance", "subusers"])
def test_wrong_credentials_are_a_401(simulator, style, operation):
    for asked in (
        ask(simulator, operation, style, apikey="wrong", **FIELDS),
        ask(simulator, operation, style, apikey="", **FIELDS),
        ask(simulator, operation, style, **{**FIELDS, "username": "wrong"}),
    ):
        assert asked.status == 401
        assert b"Invalid" in asked.body
    assert simulator.accepted == 0


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", ["senderId", "recipient", "message"])
def test_a_missing_field_is_a_400(simulator, style, name):
    asked = send(simulator, style, **{name: ""})
    assert asked.status == 400
    assert f"{name.lower()} is required".encode() in asked.body


def test_a_list_has_at_most_a_thousand_recipients(simulator):
    assert send(simulator, recipient=",".join([NUMBER] * 1_000)).status == 200
    assert send(simulator, recipient=",".join([NUMBER] * 1_001)).status == 400


@pytest.mark.parametrize("kind", ["json", "xml"])
@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"\xff", b"[" * 50_000, b"<x", b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>"],
    ids=range(7),
)
def test_a_body_of_nonsense_is_refused(simulator, kind, body):
    headers = {"apikey": "any", "Content-Type": f"application/{kind}"}
    assert MSpaceRequest(simulator, "POST", "sendtext", body, **headers).status == 401


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"senderId": "TWELVELETTER"}, "113"),
        ({"recipient": "nobody"}, "114"),
        ({"recipient": "254722000091"}, "114"),
    ],
)
def test_faults_are_statuses(simulator, changed, status):
    assert [entry["status"] for entry in rows(send(simulator, **changed))] == [status]


@pytest.mark.parametrize(
    ("ending", "status", "words"),
    [("90", "4", "Failed"), ("97", "3", "Delivered"), ("98", "2", "Sent"), ("99", "4", "Expired")],
)
def test_endings_that_are_taken(simulator, clock, ending, status, words):
    ((identifier),) = [
        e["messageId"] for e in rows(send(simulator, recipient=NUMBER[:-2] + ending))
    ]
    clock.advance(2.0)
    (entry,) = report(simulator, identifier)
    assert (entry["status"], entry["statusDescription"]) == (status, words)


def test_96_can_be_asked_about_at_once_and_an_unknown_id_is_nobody(simulator):
    (entry,) = rows(send(simulator, recipient="254722000096"))
    assert report(simulator, entry["messageId"])[0]["status"] == "3"
    assert [report(simulator, "4711", style) for style in STYLES] == [[], [], []]


def test_92_is_answered_after_five_seconds_and_delivered_later(simulator, clock):
    asked = send(simulator, recipient="254722000092")
    clock.advance(4.9)
    assert not asked.answered
    clock.advance(0.1)
    identifier = rows(asked)[0]["messageId"]
    clock.advance(1.9)
    assert report(simulator, identifier)[0]["status"] == "2"
    clock.advance(0.1)
    assert report(simulator, identifier)[0]["status"] == "3"


def test_93_is_a_server_error_94_is_throttled_twice_and_95_never_answers(simulator, clock):
    assert send(simulator, recipient="254722000093").status == 500
    throttled = [send(simulator, recipient="254722000094").status for _ in range(4)]
    assert throttled == [429, 429, 200, 429]
    silent = send(simulator, recipient="254722000095")
    clock.advance(3600.0)
    assert not silent.answered


@pytest.mark.parametrize("style", STYLES)
def test_the_balance_is_a_bare_number_that_goes_down(simulator, style):
    assert ask(simulator, "balance", style).text == "100"
    send(simulator)
    assert ask(simulator, "balance", style).text == "99"
    simulator.credit = 0
    assert rows(send(simulator, style))[0]["status"] == "112"


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("spelt", ["noOfSms", "noofsms"])
@pytest.mark.parametrize(
    ("operation", "argument", "listed", "who"),
    [
        ("subacctopup", "subaccname", "subusers", "subuser1"),
        ("resellerclienttopup", "clientname", "resellerclients", "client1"),
    ],
)
def test_a_top_up_moves_credit(simulator, style, spelt, operation, argument, listed, who):
    asked = ask(simulator, operation, style, **{argument: who, spelt: "30"})
    assert asked.text == f"Successful Top up of 30 SMS to {who}"
    row = rows(ask(simulator, listed, style))[0]
    assert sorted(row.values()) == ["50", who]
    assert ask(simulator, "balance", style).text == "70"
    assert ask(simulator, operation, style, **{argument: who}).status == 400


def test_names_differ_between_json_and_xml(simulator):
    assert set(rows(ask(simulator, "resellerclients"))[0]) == {"smsBalance", "clientname"}
    in_xml = rows(ask(simulator, "resellerclients", "xml"))[0]
    assert set(in_xml) == {"smsBalance", "clientUserName"}


def test_other_methods_and_paths_are_refused(simulator):
    assert MSpaceRequest(simulator, "PUT", "balance").status == 405
    assert MSpaceRequest(simulator, "POST", "login").status == 404

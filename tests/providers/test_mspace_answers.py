from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest

from smppbridge.providers.exchange import BadReply
from smppbridge.providers.mspace.answers import (
    STATES,
    amount_of,
    answer_in,
    by_message,
    state_in,
    state_of,
)
from smppbridge.smpp.constants import MessageState
from tests.providers.mspace import MESSAGE, NUMBER, OTHER, nonsense

ENTRY = {"messageid": "7", "status": 111}
XML_ENTRY = b"<message><messageId>7</messageId><status>111</status></message>"


@pytest.mark.parametrize(
    "body",
    [
        b'[{"messageId": "7", "status": 111}]',
        b'{"messageId": "7", "Status": 111}',
        b'{"message": [{"messageId": "7", "status": 111}]}',
        b'{"message": {"messageId": "7", "status": 111, "error": null, "cost": " "}}',
        b'\xef\xbb\xbf\r\n{"response": {"message": [{"MESSAGEID": "7", "status": 111}]}}',
    ],
)
def test_what_has_names_is_found_wherever_it_stands_in_json(body):
    assert answer_in(body).records == (ENTRY,)


@pytest.mark.parametrize(
    "body",
    [
        b"<response>" + XML_ENTRY + b"</response>",
        XML_ENTRY,
        b'<?xml version="1.0" encoding="ISO-8859-1"?>\n<response>\n ' + XML_ENTRY + b"</response>",
        b'<r xmlns="urn:x"><!-- hi --><list>' + XML_ENTRY + b"<empty/></list></r>",
    ],
)
def test_what_has_names_is_found_wherever_it_stands_in_xml(body):
    assert answer_in(body).records == ({"messageid": "7", "status": "111"},)


def test_records_keep_the_order_of_the_document():
    body = b'{"a": [{"n": 1}, {"n": 2, "b": [{"n": 3}]}], "n": 0, "c": {"n": 4}}'
    assert [record["n"] for record in answer_in(body).records] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"Error 100: Authentication Failure\r\n", "Error 100: Authentication Failure"),
        (b'"Insufficient Balance"', "Insufficient Balance"),
        (b"<string>Insufficient Balance</string>", "Insufficient Balance"),
        (b'{"error": "no", "status": 400}', "no"),
        (b'{"message": "no"}', "no"),
        (b"<response><error>no</error><status>400</status></response>", "no"),
        (b"x" * 301, ""),
        (b"x <b>y</b>", ""),
        (b"50", ""),
    ],
)
def test_words_are_a_sentence_wherever_it_stands(body, words):
    assert answer_in(body).words == words


@nonsense
def test_nonsense_is_a_bad_reply_or_says_nothing(body):
    with suppress(BadReply):
        said = answer_in(body)
        assert not any("messageid" in entry for entry in said.entries)
        assert said.amount is None


def test_an_entity_is_never_expanded():
    for body in (b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>", b"<x>&a;</x>"):
        with pytest.raises(BadReply):
            answer_in(body)
    assert answer_in(b"<x>&lt;&#65;&amp;</x>").value == "<A&"


def test_nothing_is_said_by_an_empty_document_but_not_by_an_empty_answer():
    for body in (b"[]", b"{}", b'{"message": []}', b"<response/>", b"<r><message/></r>", b"null"):
        assert answer_in(body).nothing
    for body in (b"", b"50", b"no", b'{"message": "no"}'):
        assert not answer_in(body).nothing


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        (7628, 7628.0),
        ("7628", 7628.0),
        (" -3 ", -3.0),
        ("12.5", 12.5),
        (12.5, 12.5),
        (0, 0.0),
        (True, None),
        (None, None),
        ("plenty", None),
        ("7,628", None),
        ("1_0", None),
        ("\u0661", None),
        ("nan", None),
        (float("inf"), None),
        (10**400, None),
        pytest.param(10**5000, None, id="beyond text"),
        ("1e9", None),
        (["7"], None),
    ],
)
def test_only_a_plain_number_is_an_amount(value, amount):
    assert amount_of(value) == amount


@pytest.mark.parametrize(
    ("words", "state"),
    [
        ("Delivered", MessageState.DELIVERED),
        ("DELIVRD", MessageState.DELIVERED),
        ("DeliveredToTerminal", MessageState.DELIVERED),
        ("Delivery successful", MessageState.DELIVERED),
        ("Not yet delivered", MessageState.ENROUTE),
        ("Yet to be delivered", MessageState.ENROUTE),
        ("Pending delivery", MessageState.ENROUTE),
        ("Delivered to network", MessageState.ENROUTE),
        ("Submitted for delivery", MessageState.ENROUTE),
        ("Message sent successfully", MessageState.ENROUTE),
        ("Accepted", MessageState.ENROUTE),
        ("Not delivered", MessageState.UNDELIVERABLE),
        ("Could not be delivered", MessageState.UNDELIVERABLE),
        ("UNDELIV", MessageState.UNDELIVERABLE),
        ("Delivery failed", MessageState.UNDELIVERABLE),
        ("Delivery Impossible", MessageState.UNDELIVERABLE),
        ("Message was not sent", MessageState.UNDELIVERABLE),
        ("Unsuccessful", MessageState.UNDELIVERABLE),
        ("Bounced", MessageState.UNDELIVERABLE),
        ("EXPIRED", MessageState.EXPIRED),
        ("Rejected by operator", MessageState.REJECTED),
        ("Delivery unknown", None),
        ("", None),
    ],
)
def test_words_speak_of_a_state(words, state):
    assert state_in(words) == state
    assert state_in(words.upper()) == state


def test_words_go_before_numbers_and_the_configuration_before_both():
    def state(own=None, **entry):
        return state_of(entry, own or {})

    assert [state(status=number) for number in (1, 2, 3, 4, 5)] == list(STATES.values())
    assert state(status="3") == state(status=" 3 ") == MessageState.DELIVERED
    assert state(status=3, statusdescription="Failed") == MessageState.UNDELIVERABLE
    assert state(status=4, statusdescription="DLR") == MessageState.UNDELIVERABLE
    assert state(status="Expired") == MessageState.EXPIRED
    for odd in (6, 10**400, True, 3.0, None, "odd", [3]):
        assert state(status=odd, statusdescription="?") is None
    own = {"6": MessageState.EXPIRED, "FAILED": MessageState.REJECTED}
    assert state(own, status=6, statusdescription="Delivered") == MessageState.EXPIRED
    assert state(own, status=6, statusdescription=" failed ") == MessageState.REJECTED


def about(*recipients, numbers=(NUMBER, OTHER)):
    """Return which recipients the entries name that are about each number."""
    entries = [{"recipient": recipient} for recipient in recipients]
    messages = [replace(MESSAGE, number=number) for number in numbers]
    return [[entry["recipient"] for entry in mine] for mine in by_message(entries, messages)]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (NUMBER, OTHER),
        ("0722000001", "0733000002"),
        ("+254722000001", "+254 733 000 002"),
        (254722000001, 733000002),
    ],
)
def test_recipients_are_known_by_their_last_nine_digits(first, second):
    assert about(second, first) == [[first], [second]]
    local = ("0722000001", "0733000002")
    assert about(second, first, numbers=local) == [[first], [second]]


def test_numbers_of_two_countries_are_not_mistaken_for_one_another():
    kenya, uganda = "254722000001", "256722000001"
    assert about(uganda, kenya, numbers=(kenya, uganda)) == [[kenya], [uganda]]
    assert about("0722000001", kenya, numbers=(kenya, uganda)) == [[kenya], []]


def test_entries_about_nobody_are_about_nobody():
    for recipient in ("254700000000", "", None, "all", [NUMBER], True, 10**5000, "22000001"):
        assert about(recipient, NUMBER) == [[NUMBER], []]


def test_a_single_answer_to_a_single_message_is_about_it_whoever_it_names():
    assert about("2547****0001", numbers=(NUMBER,)) == [["2547****0001"]]
    assert about(OTHER, NUMBER, numbers=(NUMBER,)) == [[NUMBER]]
    nameless = [{"messageid": "1"}, {"messageid": "2"}]
    assert by_message(nameless, [MESSAGE]) == [nameless]

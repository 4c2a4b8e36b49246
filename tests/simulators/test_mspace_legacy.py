from __future__ import annotations

import re

import pytest
from twisted.internet.testing import MemoryReactorClock

from smppbridge.simulators.mspace.legacy import MSpaceLegacySimulator
from tests.simulators.mspace import MSpaceRequest

ACCOUNT = "username=acme/password=any"


@pytest.fixture
def clock():
    return MemoryReactorClock()


@pytest.fixture
def simulator(clock):
    return MSpaceLegacySimulator(clock, delay=2.0, credit=100)


def send(simulator, number="254722000001", text="Hello", sender="ACME", account=ACCOUNT):
    arguments = f"senderid={sender}/recipient={number}/message={text}"
    return MSpaceRequest(simulator, "GET", f"sendtext/{account}/{arguments}")


def ask(simulator, operation, arguments="", account=ACCOUNT):
    return MSpaceRequest(simulator, "GET", f"{operation}/{account}{arguments}").text


def test_a_message_is_taken_in_the_vendors_words(simulator):
    (answer,) = send(simulator).json
    assert re.fullmatch(r"\d+", answer["messageId"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d:\d{3}", answer["responseTime"])
    assert answer["status"] == "successful"
    assert (simulator.requests, simulator.accepted) == (1, 1)


def test_what_is_encoded_in_a_path_is_read(simulator):
    send(simulator, text="50%25%2F100+%C3%A9%3D%0A")
    assert dict(simulator.taken) == {("254722000001", "50%/100+\u00e9=\n"): 1}


def test_a_list_has_an_element_each_or_is_refused_as_a_whole(simulator):
    first, second = send(simulator, "254722000001,0733000002").json
    assert first["messageId"] != second["messageId"]
    assert send(simulator, "254722000001,254733000091").text == "Error 104: Invalid recipient"
    assert simulator.accepted == 2


@pytest.mark.parametrize(
    "account", ["username=acme/password=wrong", "username=wrong/password=x", ""]
)
def test_wrong_credentials_are_told_with_http_200_in_two_spellings(simulator, account):
    asked = send(simulator, account=account)
    assert (asked.status, asked.text) == (200, "Error 100: Authentication Failure")
    assert b"text/plain" in asked.head
    assert ask(simulator, "balance", account=account) == "Athentication failure"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"number": "254722000091"}, "Error 104: Invalid recipient"),
        ({"number": "nobody"}, "Error 104: Invalid recipient"),
        ({"sender": ""}, "Error 102: Invalid sender ID"),
        ({"sender": "TWELVELETTER"}, "Error 102: Invalid sender ID"),
    ],
)
def test_faults_are_texts(simulator, changed, words):
    assert send(simulator, **changed).text == words
    assert (simulator.requests, simulator.accepted) == (1, 0)


def test_the_balance_is_a_bare_number_that_goes_down(simulator):
    assert ask(simulator, "balance") == "100"
    send(simulator)
    assert ask(simulator, "balance") == "99"
    simulator.credit = 0
    assert send(simulator).text == "Error 101: Insufficient Balance"


def test_login_knows_everybody_in_two_spellings(simulator):
    assert ask(simulator, "login") == "user exists."
    assert ask(simulator, "login", account="username=Acme/password=x") == "User exists."


@pytest.mark.parametrize(
    ("operation", "argument", "listed", "name", "who"),
    [
        ("subacctopup", "subaccname", "subusers", "subUserName", "subuser1"),
        ("resellerclienttopup", "clientname", "resellerclients", "clientname", "client1"),
    ],
)
def test_a_top_up_moves_credit(simulator, operation, argument, listed, name, who):
    def rows():
        return {
            row[name]: row["smsBalance"]
            for row in MSpaceRequest(simulator, "GET", f"{listed}/{ACCOUNT}").json
        }

    def top_up(who, number):
        return ask(simulator, operation, f"/{argument}={who}/noofsms={number}")

    assert rows()[who] == "20"
    assert top_up(who, 30) == f"Successful Top up of 30 SMS to {who}."
    assert (rows()[who], ask(simulator, "balance")) == ("50", "70")
    assert top_up(who, 71) == "Insufficient Balance"
    assert top_up(who, 0) == top_up(who, "x") == "Top up not Successful"
    assert top_up("nobody", 1) == "Failed to top up nobody account"
    assert top_up("stranger", 1).startswith("You are not Authorized")
    assert (rows()[who], ask(simulator, "balance")) == ("50", "70")


def test_92_is_answered_after_five_seconds(simulator, clock):
    asked = send(simulator, "254722000092")
    clock.advance(4.9)
    assert not asked.answered
    clock.advance(0.1)
    assert asked.json[0]["status"] == "successful"


def test_93_is_a_server_error_and_95_never_answers(simulator, clock):
    asked = send(simulator, "254722000093")
    assert (asked.status, b"text/html" in asked.head) == (500, True)
    silent = send(simulator, "254722000095")
    clock.advance(3600.0)
    assert not silent.answered
    assert simulator.accepted == 0


def test_94_is_throttled_twice_and_then_taken(simulator):
    assert [send(simulator, "254722000094").status for _ in range(4)] == [429, 429, 200, 429]


def test_other_methods_and_paths_are_refused(simulator):
    assert MSpaceRequest(simulator, "POST", f"balance/{ACCOUNT}").status == 405
    assert MSpaceRequest(simulator, "GET", f"deliveryreport/{ACCOUNT}").status == 404

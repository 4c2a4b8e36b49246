"""The further operations on an MSpace account, at either API."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppbridge.providers.exchange import BadReply, Balance, HttpResponse, NoAnswer, NotSent
from tests.providers.mspace import (
    ANSWERS,
    EVERY,
    GET,
    JSON,
    LEGACY,
    QUOTED_SECRET,
    SECRET,
    XML,
    carried,
    everyone,
    nonsense,
    octets,
    ran,
)

PERHAPS = "the top-up may have been made: compare the balances before another"
TOP_UPS = [("subacctopup", "subaccname"), ("resellerclienttopup", "clientname")]
every_top_up = pytest.mark.parametrize("operation", [name for name, _ in TOP_UPS])
CASES = [
    (provider, operation, arguments)
    for provider in EVERY
    for operation, arguments in (
        ("balance", ()),
        ("subusers", ()),
        ("resellerclients", ()),
        *((operation, ("client1", "10")) for operation, _ in TOP_UPS),
        *((("login", ()),) if provider is LEGACY else ()),
    )
]
everything = pytest.mark.parametrize(
    ("provider", "operation", "arguments"), CASES, ids=range(len(CASES))
)


def refused(exchange, document, status=200):
    """Carry an exchange that ends in BadReply; return the error's words."""
    next(exchange)
    with pytest.raises(BadReply) as fault:
        exchange.send(HttpResponse(status, octets(document)))
    return str(fault.value)


def test_operations_say_what_they_take_and_whether_they_move_money():
    common = {"balance", "subusers", "resellerclients", "subacctopup", "resellerclienttopup"}
    assert set(JSON.operations) == common
    assert set(LEGACY.operations) == {*common, "login"}
    for provider in EVERY:
        moving = {n: o.arguments for n, o in provider.operations.items() if o.moves_money}
        assert moving == {name: (argument, "noofsms") for name, argument in TOP_UPS}
        assert all(o.description for o in provider.operations.values())


@everything
def test_requests_are_named_after_their_operation_and_show_nothing(provider, operation, arguments):
    request = next(ran(provider, operation, *arguments))
    assert request.operation == operation
    assert request.url.startswith(f"{provider.base_url}/{operation}")
    assert SECRET not in repr(request)
    assert QUOTED_SECRET not in repr(request)
    if provider in (JSON, XML):
        assert QUOTED_SECRET not in request.url


@pytest.mark.parametrize(
    ("document", "amount"),
    [
        (b"7628", 7628.0),
        (b"50\r\n", 50.0),
        ("50", 50.0),
        ({"balance": 7628}, 7628.0),
        ({"smsBalance": "20"}, 20.0),
        ({"message": [{"smsBalance": 20.5}]}, 20.5),
        (b"<response><smsBalance>20</smsBalance></response>", 20.0),
        (b"<balance>0</balance>", 0.0),
        (b"-3", -3.0),
    ],
)
def test_the_balance_is_read(document, amount):
    for provider in EVERY:
        assert carried(provider.balance(), document)[1] == Balance(amount, "SMS")
        told = {"balance": amount, "unit": "SMS"}
        assert carried(ran(provider, "balance"), document)[1] == told


@everyone
@pytest.mark.parametrize(
    ("document", "status", "said"),
    [
        (b"Error 100: Authentication Failure", 200, "no balance: credentials refused: Error 100"),
        (
            {"error": "Invalid API key", "status": 401},
            401,
            "HTTP 401: credentials refused: Invalid API key",
        ),
        (b"50", 500, "HTTP 500"),
        (f"no {SECRET} {QUOTED_SECRET}".encode(), 200, "no balance: no ***"),
        ({"balance": True}, 200, "no balance"),
        ({"balance": 10**400}, 200, "no balance"),
    ],
)
def test_a_balance_that_is_none_is_a_bad_reply(provider, document, status, said):
    assert refused(provider.balance(), document, status).startswith(said)


@everyone
@pytest.mark.parametrize(
    ("operation", "document"),
    [
        ("subusers", [{"smsBalance": "20", "subUserName": "bob"}]),
        ("subusers", {"subUsers": [{"smsBalance": 20, "subUserName": "bob"}]}),
        ("resellerclients", [{"smsBalance": "20", "clientname": "bob"}]),
        ("resellerclients", {"resellerClients": [{"clientUserName": "bob", "smsBalance": 20}]}),
        (
            "resellerclients",
            b"<r><client><clientUserName>bob</clientUserName><smsBalance>20</smsBalance></client></r>",
        ),
    ],
    ids=range(5),
)
def test_lists_are_read_however_they_are_wrapped(provider, operation, document):
    assert carried(ran(provider, operation), document)[1] == [{"name": "bob", "balance": 20.0}]


@everyone
def test_lists_may_be_empty_long_and_hold_odd_balances(provider):
    for empty in (b"[]", b"null", b"<resellerClients/>", {"resellerClients": []}):
        assert carried(ran(provider, "subusers"), empty)[1] == []
    rows = [{"smsBalance": "1", "subUserName": f"user{n}"} for n in range(10_000)]
    assert len(carried(ran(provider, "subusers"), rows)[1]) == 10_000
    odd = [{"smsBalance": "plenty\x00", "subUserName": 7}, {"subUserName": "x"}, {"smsBalance": 1}]
    found = carried(ran(provider, "subusers"), odd)[1]
    assert found == [{"name": "7", "balance": "plenty?"}]


@everyone
@pytest.mark.parametrize(
    ("document", "said"),
    [
        (b"Athentication failure", "no list of sub-users: Athentication failure"),
        ({"error": "no"}, "no list of sub-users: no"),
        (b"", "no list of sub-users"),
        (b"50", "no list of sub-users"),
    ],
)
def test_a_list_that_is_none_is_a_bad_reply(provider, document, said):
    assert refused(ran(provider, "subusers"), document) == said


def fields_of(provider, request):
    """Return the arguments of a request as the style of its provider has them."""
    if provider is JSON:
        return json.loads(request.body)
    if provider is XML:
        return {child.tag: child.text for child in ElementTree.fromstring(request.body)}
    return dict(part.split("=") for part in request.url.split("/") if "=" in part)


@everyone
@pytest.mark.parametrize(("operation", "argument"), TOP_UPS)
def test_a_top_up_is_asked_for_with_the_vendors_names(provider, operation, argument):
    request = next(ran(provider, operation, "client1", " 010 "))
    fields = fields_of(provider, request)
    number = "noOfSms" if provider in (JSON, XML) else "noofsms"
    assert {argument: "client1", number: "10"}.items() <= fields.items()
    if provider is XML:
        root = {"subacctopup": "subAccTopups", "resellerclienttopup": "resellerClientTopups"}
        assert ElementTree.fromstring(request.body).tag == root[operation]


@everyone
@every_top_up
@pytest.mark.parametrize(
    "document",
    [
        b"Successful Top up of 10 SMS to client1.",
        b"Successful Top up of 10 SMS to client1",
        "successful topup of 10 SMS to client1",
        {"message": "Successful Top up of 10 SMS to client1"},
        b"<response>Successful Top up of 10 SMS to client1</response>",
    ],
    ids=range(5),
)
def test_a_top_up_that_was_made_says_so(provider, operation, document):
    came_to = carried(ran(provider, operation, "client1", "10"), document)[1]
    assert (came_to["name"], came_to["messages"]) == ("client1", 10)
    assert "10 SMS to client1" in came_to["answer"]


@everyone
@every_top_up
@pytest.mark.parametrize(
    ("document", "status"),
    [
        (b"Error 100: Authentication Failure", 200),
        (b"Insufficient Balance", 200),
        (b"You are not Authorized to make this transaction, contact your provider", 200),
        ({"error": "clientname is required"}, 400),
        (b"", 401),
        (b"", 404),
        (b"", 429),
    ],
)
def test_a_top_up_that_was_plainly_refused_says_so(provider, operation, document, status):
    said = refused(ran(provider, operation, "client1", "10"), document, status)
    assert said.startswith("not topped up: HTTP ")
    assert PERHAPS not in said


@everyone
@every_top_up
@pytest.mark.parametrize(
    ("document", "status"),
    [
        (b"Failed to top up client1 account", 200),
        (b"Failed to top up client1 account, Insufficient Balance", 200),
        (b"Top up not Successful", 200),
        (b"failed to deduct your account", 200),
        (b"internal service error", 200),
        (b"Successful", 200),
        (b"Successful Top up of 10 SMS to client1.", 500),
        (b"", 200),
        (b"", 302),
        (b"", 308),
        (b"", 408),
        (b"", 503),
    ],
)
def test_a_top_up_of_which_nobody_knows_says_so(provider, operation, document, status):
    said = refused(ran(provider, operation, "client1", "10"), document, status)
    assert said.endswith(PERHAPS)


@everyone
@every_top_up
def test_a_top_up_that_was_not_answered_may_have_been_made(provider, operation):
    exchange = ran(provider, operation, "client1", "10")
    next(exchange)
    with pytest.raises(BadReply, match=f"timed out; {PERHAPS}"):
        exchange.throw(NoAnswer("timed out"))
    exchange = ran(provider, operation, "client1", "10")
    next(exchange)
    with pytest.raises(NotSent):
        exchange.throw(NotSent("refused"))


@everyone
def test_what_a_name_says_is_not_what_the_answer_says(provider):
    name = "Insufficient Balance"
    exchange = ran(provider, "subacctopup", name, "10")
    assert refused(exchange, f"Odd top up of {name}".encode()).endswith(PERHAPS)


@everyone
@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("", "10"),
        (" ", "10"),
        ("client1", ""),
        ("client1", "0"),
        ("client1", "-5"),
        ("client1", "1.5"),
        ("client1", "ten"),
        ("client1", "\u0661"),
        ("client1", "1000000000"),
        ("client1", "9" * 5_000),
        ("x" * 8_000, "10"),
    ],
    ids=range(11),
)
def test_a_top_up_that_makes_no_sense_never_leaves(provider, name, count):
    if name.startswith("x") and provider in (JSON, XML):
        return  # a body has room for it
    with pytest.raises(BadReply):
        next(ran(provider, "subacctopup", name, count))


def test_a_login_tells_whether_the_user_exists():
    for words in (b"User exists.", b"user exists.", "User exists", b"<r>User exists.</r>"):
        request, came_to = carried(ran(LEGACY, "login"), words)
        assert came_to == {"username": "acme", "exists": True}
        assert request.url.endswith(f"/login/username=acme/password={QUOTED_SECRET}")
    for words in (b"Error 100: Authentication Failure", b"User does not exist.", b"No user exists"):
        said = refused(ran(LEGACY, "login"), words)
        assert said == f"not logged in: credentials refused: {words.decode()}"


@everything
@nonsense
def test_nonsense_is_a_bad_reply_or_an_empty_list(provider, operation, arguments, body):
    exchange = ran(provider, operation, *arguments)
    next(exchange)
    with pytest.raises((BadReply, StopIteration)) as end:
        exchange.send(HttpResponse(200, body))
    if isinstance(end.value, StopIteration):
        assert (operation in ("subusers", "resellerclients"), end.value.value) == (True, [])


@given(ANSWERS, st.integers(0, 999))
def test_whatever_comes_an_operation_raises_nothing_but_bad_reply(body, status):
    for provider, operation, arguments in CASES:
        with suppress(BadReply):
            assert carried(ran(provider, operation, *arguments), body, status)[1] is not None


@pytest.mark.parametrize(
    ("provider", "method", "url"),
    [
        (LEGACY, "GET", f"/newthing/username=acme/password={QUOTED_SECRET}/a=1%20/b=%C3%A9"),
        (GET, "GET", f"/newthing/apikey={QUOTED_SECRET}/username=acme/a=1%20/b=%C3%A9"),
        (JSON, "POST", "/newthing/a=1%20/b=%C3%A9"),
        (XML, "post", "/newthing/a=1%20/b=%C3%A9"),
    ],
    ids=["legacy", "get", "json", "xml"],
)
def test_any_request_can_be_made_with_the_credentials(provider, method, url):
    request, response = carried(provider.call(method, "/newthing/a=1 /b=\u00e9", b"body"), b"yes")
    assert (request.method, request.url) == (method.upper(), provider.base_url + url)
    assert (request.body, request.operation) == (b"body", "call")
    assert (response.status, response.body) == (200, b"yes")
    if provider in (JSON, XML):
        assert dict(request.headers)["apikey"] == SECRET


def test_a_call_stays_what_it_is():
    request = next(LEGACY.call("GET", "balance"))
    assert request.url == next(LEGACY.balance()).url
    for path in ("http://other.test/x", "a\r\nHost: other.test", "a\ud800"):
        url = next(JSON.call("GET", path)).url
        assert url.startswith(f"{JSON.base_url}/")
        assert url.isascii()
        assert url.isprintable()
        assert " " not in url
    for method in ("", "GET /", "G\u00cbT"):
        with pytest.raises(BadReply):
            next(LEGACY.call(method, "balance"))


@everything
@pytest.mark.parametrize("fault", [NotSent("refused"), NoAnswer("silence")])
def test_a_request_that_failed_is_the_drivers_or_a_bad_reply(provider, operation, arguments, fault):
    exchange = ran(provider, operation, *arguments)
    next(exchange)
    with pytest.raises((type(fault), BadReply)):
        exchange.throw(fault)


def test_an_operation_whose_url_is_too_long_never_leaves():
    tight = replace(LEGACY, username="x" * 600, max_url=512)
    with pytest.raises(BadReply, match="nothing was sent"):
        next(tight.balance())

"""What a provider described in YAML asks, and what it makes of the answers."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import replace
from urllib.parse import parse_qs
from xml.etree import ElementTree

import pytest

from smppbridge.model.outcome import Accepted, Postponed, Refused, Uncertain
from smppbridge.providers.exchange import NOW, BadReply, HttpResponse, NoAnswer, NotSent, Once
from smppbridge.smpp.constants import CommandStatus
from tests.providers.acme import ACME, TOLD
from tests.providers.described import (
    MESSAGE,
    SUBMIT,
    TEXT,
    TOKEN,
    message_to,
    octets,
    submitted,
    template,
)

SENT = {"status": "Sent", "id": 7}


def test_a_request_is_as_it_is_described():
    request = next(ACME.submit(MESSAGE))
    assert (request.method, request.url) == ("POST", "https://acme.test/v1/sms")
    assert dict(request.headers) == {
        "Content-Type": "application/json",
        "Accept": "application/json",
        "X-API-KEY": TOKEN,
    }
    assert json.loads(request.body) == {
        "to": "254711000001",
        "from": "ACME",
        "text": TEXT,
        "ours": "1",
    }
    assert request.body.isascii()
    assert request.operation == "submit"
    assert request.headers is next(ACME.submit(MESSAGE)).headers


@pytest.mark.parametrize(
    ("document", "outcome"),
    [
        (SENT, Accepted("7")),
        ({"status": " SENT ", "ID": "a-b"}, Accepted("a-b")),
        ({"status": 0, "id": "7"}, Accepted("7")),
        ({"status": True, "id": "7"}, Accepted("7")),
        (b"\xef\xbb\xbf" + json.dumps(SENT).encode(), Accepted("7")),
        ({"status": "rejected"}, Refused("message refused", words="rejected")),
        ({"status": 9, "error": {"message": "Spam"}}, Refused("message refused", words="Spam")),
        (
            {"status": 9, "error": {"code": 42, "message": "Who?"}},
            Refused("destination refused", CommandStatus.ESME_RINVDSTADR, words="42 Who?"),
        ),
        ({"status": 9, "error": {"code": 421}}, Refused("message refused", words="421")),
        (
            {"error": {"message": "Bad Sender ID"}},
            Refused("source refused", CommandStatus.ESME_RINVSRCADR, words="Bad Sender ID"),
        ),
        (
            {"error": {"message": "Too long"}},
            Refused("text refused as too long", 1, words="Too long"),
        ),
        ({"status": "Quota"}, Refused("account refused", provider_fault=True, words="Quota")),
        (
            {"status": 9, "error": {"code": "43"}},
            Postponed("too many requests", whole_lane=True, words="43"),
        ),
        ({"status": 43}, Postponed("too many requests", whole_lane=True, words="43")),
    ],
)
def test_an_answer_is_read_as_it_is_described(document, outcome):
    assert submitted(ACME, document) == outcome
    assert submitted(ACME, document, 202) == outcome


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"{",
        b"<html>Sent</html>",
        b"[" * 50_000,
        b" " * 10_000_000,
        {},
        [],
        "Sent",
        {"status": "Sent"},
        {"status": "Sent", "id": ""},
        {"status": "Sent", "id": "x" * 65},
        {"status": "Sent", "id": {"id": 7}},
        {"status": "Queued", "id": "7"},
        {"status": ["Sent"], "id": "7"},
        {"status": None, "id": "7"},
        {"error": {"message": "Never heard of"}},
        {"status": "quota used up"},
        {"status": "Queued", "error": {"code": 42, "message": "Sender ID taken, not too long"}},
        {"id": "7", "error": {"code": 42}},
        b'{"status":"Sent","id":' + b"9" * 5_000 + b"}",
    ],
)
def test_what_makes_no_sense_is_uncertain(document):
    assert isinstance(submitted(ACME, document), Uncertain)


@pytest.mark.parametrize(
    ("status", "document", "headers", "outcome"),
    [
        (400, b"<html>", {}, Refused("HTTP 400")),
        (400, {"error": {"message": "Eh?"}}, {}, Refused("HTTP 400", words="Eh?")),
        (
            400,
            {"error": {"code": 42}},
            {},
            Refused("HTTP 400: destination refused", CommandStatus.ESME_RINVDSTADR, words="42"),
        ),
        (401, SENT, {}, Refused("HTTP 401", provider_fault=True)),
        (402, SENT, {}, Refused("HTTP 402: account refused", provider_fault=True)),
        (420, SENT, {"x-wait": "7"}, Postponed("HTTP 420: too many requests", 7.0, True)),
        (429, SENT, {"x-wait": "9" * 400}, Postponed("HTTP 429", 3600.0, True)),
        (429, SENT, {"retry-after": "7"}, Postponed("HTTP 429", None, True)),
        (429, {"error": {"code": 42}}, {}, Postponed("HTTP 429", None, True, "42")),
        (
            400,
            {"error": {"code": 43}},
            {"x-wait": "7"},
            Postponed("HTTP 400: too many requests", 7.0, True, "43"),
        ),
        (408, SENT, {}, Uncertain("HTTP 408")),
        (408, SENT, {"x-wait": "7"}, Postponed("HTTP 408", 7.0)),
        (503, SENT, {}, Uncertain("HTTP 503")),
        (503, SENT, {"retry-after": "7"}, Uncertain("HTTP 503")),
        (503, SENT, {"x-wait": "7"}, Postponed("HTTP 503", 7.0, True)),
        (500, {"error": {"message": "Oh"}}, {}, Refused("HTTP 500: message refused", words="Oh")),
        (502, {"error": {"code": 42}}, {}, Uncertain("HTTP 502", "42")),
        (302, SENT, {}, Uncertain("HTTP 302")),
        (301, SENT, {}, Uncertain("HTTP 301")),
        (0, SENT, {}, Uncertain("HTTP 0")),
    ],
)
def test_an_http_status_other_than_2xx_goes_before_the_body(status, document, headers, outcome):
    assert submitted(ACME, document, status, headers) == outcome


def test_what_a_server_error_means_can_be_set():
    assert isinstance(submitted(replace(ACME, on_5xx="retry"), b"", 502), Postponed)
    assert isinstance(submitted(replace(ACME, on_5xx="fail"), b"", 502), Refused)


def test_503_is_a_refusal_where_the_template_says_so():
    retried = replace(ACME, on_503="retry")
    assert submitted(retried, b"", 503) == Postponed("HTTP 503", whole_lane=True)
    assert submitted(retried, b"", 408) == Uncertain("HTTP 408")
    assert submitted(retried, b"", 502) == Uncertain("HTTP 502")
    unsure = replace(ACME, on_503="uncertain")
    assert submitted(unsure, b"", 503, {"x-wait": "7"}) == Uncertain("HTTP 503")


def test_a_503_under_a_key_is_uncertain_so_that_it_is_repeated_under_that_key():
    keyed = template(
        SUBMIT.replace("submit:", "idempotent: 1h\nsubmit:\n  headers: {Key: '{key}'}", 1)
    )
    assert submitted(keyed, b"", 503, {"retry-after": "7"}) == Uncertain("HTTP 503")


def test_without_status_the_id_tells():
    provider = template("errors: {funds: provider}\n" + SUBMIT + "  error: /error\n")
    assert submitted(provider, {"id": "7", "error": "no funds"}) == Accepted("7")
    assert submitted(provider, {"error": "no funds"}) == Refused(
        "no credit", provider_fault=True, words="no funds"
    )
    assert submitted(provider, {"error": "odd"}) == Uncertain("no id", "odd")
    assert submitted(provider, {}) == Uncertain("no id")


def test_without_place_of_an_id_ours_is_taken():
    provider = template(SUBMIT.replace("  id: /id\n", ""))
    assert submitted(provider, {}) == Accepted("1")
    assert isinstance(submitted(provider, b"<html>"), Uncertain)


def test_all_other_statuses_can_be_refusals():
    provider = template(SUBMIT + '  status: /s\n  accepted: 0\n  refused: "*"\n')
    assert submitted(provider, {"s": 0, "id": "7"}) == Accepted("7")
    assert submitted(provider, {"s": "odd"}) == Refused("message refused", words="odd")
    assert isinstance(submitted(provider, {}), Uncertain)


@pytest.mark.parametrize("fault", [NotSent("refused"), NoAnswer("silence")])
def test_a_request_that_failed_is_left_to_the_driver(fault):
    for exchange in (ACME.submit(MESSAGE), ACME.query(MESSAGE, "7"), ACME.balance()):
        next(exchange)
        with pytest.raises(type(fault)):
            exchange.throw(fault)


# -- other forms ---------------------------------------------------------------------------------


def test_xml_is_written_and_read():
    provider = template("""
        submit:
          url: https://acme.test/
          method: PUT
          send: xml
          body: <sms to="{number}">{text}</sms>
          read: xml
          status: result/@code
          accepted: 0
          refused: "*"
          id: result/message[@kind='sms']/id
          error: .//reason
    """)
    request = next(provider.submit(message_to(text="<&>")))
    assert (request.method, request.body) == (
        "PUT",
        b'<sms to="254711000001">&#60;&#38;&#62;</sms>',
    )
    assert dict(request.headers) == {"Content-Type": "application/xml", "Accept": "application/xml"}
    result = b'<result code="0"><message kind="sms"><id>7</id></message></result>'
    taken = b'<?xml version="1.0" encoding="latin-1"?><r>' + result + b"</r>"
    assert submitted(provider, taken) == Accepted("7")
    refused = b'<r><result code="5"/><x><reason>Enough</reason></x></r>'
    assert submitted(provider, refused) == Refused("message refused", words="Enough")
    bomb = b'<!DOCTYPE r [<!ENTITY a "7">]><r>' + result.replace(b"7", b"&a;") + b"</r>"
    for nonsense in (bomb, b"", b"<r>", b"<r/>", b"<a>" * 20_000, taken.decode().encode("utf-16")):
        assert isinstance(submitted(provider, nonsense), Uncertain)


def test_text_is_read_by_regular_expressions():
    provider = template("""
        errors: {credit: provider}
        submit:
          url: https://acme.test/send?to={number}
          parameters: {text: "{text}", type: 2, dlr: true}
          read: text
          id: 'OK ID:\\s*(\\S+)'
    """)
    request = next(provider.submit(message_to(text="a b&c")))
    assert request.method == "GET"
    assert request.url == "https://acme.test/send?to=254711000001&text=a+b%26c&type=2&dlr=true"
    assert (request.headers, request.body) == ((), b"")
    assert submitted(provider, b"OK ID: 4711\r\n") == Accepted("4711")
    refused = Refused("no credit", provider_fault=True, words="ERR no credit")
    assert submitted(provider, b"ERR no credit") == refused
    assert isinstance(submitted(provider, b"ERR" + b"x" * 60_000), Uncertain)
    assert isinstance(submitted(provider, b" " * 2_000 + b"OK ID: 4711"), Uncertain)


def test_form_is_written_and_read():
    provider = template("""
        submit:
          url: https://acme.test/
          send: form
          body: {to: "{number}", text: "{text}", tag: [1, x]}
          read: form
          id: id
          status: ok
          accepted: 1
    """)
    request = next(provider.submit(MESSAGE))
    assert dict(request.headers)["Content-Type"] == "application/x-www-form-urlencoded"
    assert parse_qs(request.body.decode()) == {
        "to": ["254711000001"],
        "text": [TEXT],
        "tag": ["1", "x"],
    }
    assert submitted(provider, b"ok=1&id=7&id=8\n") == Accepted("7")
    assert isinstance(submitted(provider, b"&".join([b"a=1"] * 101)), Uncertain)


def test_the_alphabet_can_be_told():
    provider = template("""
        alphabets: {gsm: "0", unicode: "8"}
        submit: {url: "https://acme.test/{number}/{alphabet}/{text}", id: /id}
    """)
    for text, said in (("Hello", "0"), ("ф", "8"), ("\ud800", "8")):
        assert f"/{said}/" in next(provider.submit(message_to(text=text))).url


def test_headers_of_a_request_go_before_those_of_all():
    provider = template(
        'headers: {accept: "*/*", X: a}\n'
        + SUBMIT
        + '  headers: {x: "{message_id}", content-type: b}\n'
    )
    assert next(provider.submit(MESSAGE)).headers == (
        ("content-type", "b"),
        ("accept", "*/*"),
        ("x", "1"),
    )


# -- who we are ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("auth", "header"),
    [
        ('{bearer: "{token}"}', f"Bearer {TOKEN}"),
        (
            '{basic: {username: acme, password: "{token}"}}',
            "Basic " + b64encode(f"acme:{TOKEN}".encode()).decode(),
        ),
    ],
)
def test_every_request_is_authorized(auth, header):
    provider = template(
        f'secrets: {{token: "${{TOKEN}}"}}\nauth: {auth}\n{SUBMIT}'
        "balance: {url: https://acme.test/b, amount: ''}\n"
    )
    for exchange in (provider.submit(MESSAGE), provider.balance(), provider.call("GET", "x")):
        assert dict(next(exchange).headers)["Authorization"] == header


OAUTH = template("""
    base_url: https://acme.test
    secrets: {secret: "${TOKEN}"}
    auth:
      oauth2: {token_url: /token, client_id: acme, client_secret: "{secret}", scope: sms}
    submit: {url: /sms, body: "{number}{text}", id: /id}
    batch: {max: 3, body: "{text}{numbers}", items: "", number: /to, id: /id}
""")


def logged_in(exchange, document, status=200):
    """Answer the login that *exchange* wants, and return what it asks next."""
    wanted = next(exchange)
    assert isinstance(wanted, Once)
    login = wanted.exchange()
    assert next(login) is NOW
    request = login.send(0.0)
    assert request.url == "https://acme.test/token"
    try:
        login.send(HttpResponse(status, octets(document)))
    except StopIteration as end:
        return exchange.send(end.value)
    except Exception as error:
        return exchange.throw(error)


def test_a_token_is_fetched_and_used():
    request = logged_in(OAUTH.submit(MESSAGE), {"access_token": "abc", "token_type": "bearer"})
    assert dict(request.headers)["Authorization"] == "Bearer abc"


@pytest.mark.parametrize("batch", [False, True])
def test_a_login_that_fails_has_sent_nothing(batch):
    both = [MESSAGE, message_to("254711000002")]
    exchange = replace(OAUTH).submit_batch(both, "k") if batch else replace(OAUTH).submit(MESSAGE)
    with pytest.raises(StopIteration) as end:
        logged_in(exchange, {"error": "invalid_client"}, 401)
    reason = "login: HTTP 401: credentials refused"
    refused = Refused(reason, provider_fault=True, words="invalid_client")
    assert end.value.value == ([refused] * 2 if batch else refused)


def test_any_request_can_be_made_but_nowhere_else():
    request = next(ACME.call("POST", "/groups?x=y", b'{"a": 1}'))
    assert (request.method, request.url) == ("POST", "https://acme.test/v1/groups?x=y")
    assert dict(request.headers) == {"X-API-KEY": TOKEN, "Content-Type": "application/json"}
    assert dict(next(ACME.call("POST", "x", b"a=b")).headers)["Content-Type"].endswith("urlencoded")
    assert next(ACME.call("GET", "https://acme.test/v2")).url == "https://acme.test/v2"
    for elsewhere in ("https://evil.test/", "https://acme.test.evil/", "http://acme.test/", "a b"):
        with pytest.raises(BadReply):
            next(ACME.call("GET", elsewhere))


# -- what never shows ----------------------------------------------------------------------------


def test_neither_secrets_nor_texts_show():
    exchanges = (ACME.submit(MESSAGE), ACME.query(MESSAGE, "7"), ACME.balance())
    for thing in (ACME, TOLD, *map(next, exchanges)):
        assert TOKEN not in repr(thing)
        assert TEXT not in repr(thing)
        assert "key" not in repr(thing)


@pytest.mark.parametrize("send", ["json", "form", "xml"])
def test_secrets_are_escaped_for_where_they_stand_too(send):
    odd = "<\"&%{a}\\'/?"
    body = "\"<a b='{t}'>{number}{text}</a>\"" if send == "xml" else '{b: "{t}{number}{text}"}'
    provider = template(
        'secrets: {t: "${ODD}"}\n'
        f'submit: {{url: "https://acme.test/{{t}}/x", send: {send}, body: {body}, id: /id}}\n',
        ODD=odd,
    )
    request = next(provider.submit(message_to(text="")))
    assert request.url == "https://acme.test/%3C%22%26%25%7Ba%7D%5C%27%2F%3F/x"
    sent = {
        "json": lambda: json.loads(request.body)["b"],
        "form": lambda: parse_qs(request.body.decode())["b"][0],
        "xml": lambda: ElementTree.fromstring(request.body).get("b", "") + "254711000001",
    }
    assert sent[send]() == odd + "254711000001"


def test_an_answer_that_repeats_secrets_or_text_does_not_carry_them_on():
    words = f"spam {TOKEN} for {TEXT}\x1b[2J" + "x" * 500
    for status, document in (
        (200, {"status": 9, "error": {"message": words}}),
        (200, {"status": words}),
        (400, {"error": {"message": words}}),
    ):
        outcome = submitted(ACME, document, status)
        assert "spam *** for ***?[2Jxx" in outcome.words
        assert len(outcome.words) <= 120
        assert "spam" not in outcome.reason
    basic = template(
        'secrets: {t: "${TOKEN}"}\nauth: {basic: {username: a, password: "{t}"}}\n'
        + SUBMIT
        + "  error: /e\n"
    )
    pair = b64encode(f"a:{TOKEN}".encode()).decode()
    assert submitted(basic, {"e": f"bad {pair}"}) == Uncertain("no id", "bad ***")


def test_equal_descriptions_make_equal_and_hashable_providers():
    assert replace(ACME) == ACME
    assert hash(replace(ACME)) == hash(ACME)
    assert replace(ACME, base_url="https://other.test") != ACME
    assert repr(ACME) == "Template(https://acme.test)"

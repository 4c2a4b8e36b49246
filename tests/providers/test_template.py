"""What a provider described in YAML asks, and what it makes of the answers."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import replace
from urllib.parse import parse_qs
from xml.etree import ElementTree

import pytest

from smppbridge.model.mo import Mo
from smppbridge.model.outcome import Accepted, Postponed, Refused, Uncertain
from smppbridge.model.parts import Part
from smppbridge.model.report import Report
from smppbridge.providers.exchange import (
    NOW,
    BadReply,
    Balance,
    HttpResponse,
    NoAnswer,
    NotSent,
    Once,
)
from smppbridge.smpp.constants import CommandStatus, MessageState
from tests.providers.described import (
    MESSAGE,
    SUBMIT,
    TEXT,
    TOKEN,
    called,
    concluded,
    message_to,
    octets,
    submitted,
    template,
)

ACME = template("""
    base_url: https://acme.test/v1/
    secrets: {token: "${TOKEN}"}
    headers: {X-API-KEY: "{token}"}
    submit:
      url: sms
      body: {to: "{number}", from: "{sender}", text: "{text}", ours: "{message_id}"}
      status: /status
      accepted: [Sent, 0, true]
      refused: [Rejected, 9]
      id: /id
      error: [/error/code, /error/message]
    query:
      url: sms/{provider_message_id}
      id: /id
      status: /status
      error: [/error/code, /error/message]
      missing: 404
    balance: {url: credit, amount: /data/credit, unit: KES}
    callback:
      read: json
      items: /reports
      id: /id
      status: /status
      error: /code
      answer: ACK
    states: {Lost: undeliverable, Gone: unknown, Read: delivered, seen: enroute}
    errors:
      42: destination
      43: throttled
      quota: provider
      spam: message
      sender id: source
      too long: length
    http: {402: provider, 420: throttled, 500: message}
    retry_after: X-Wait
""")
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


TOLD = template(
    """
    callback_key: kkkkkkkkkkkkkkkk
    base_url: https://acme.test/{{x}}
    submit:
      url: /
      send: form
      body: {to: "{number}", text: "{text}", url: "{callback_url}?ours={message_id}", n: 1}
      id: id
      read: form
    callback: {id: id, message_id: "?ours", status: status}
    mo: {read: json, items: "", id: /id, from: /from, to: /to, text: /text}
""",
    "https://sms.test/callbacks/it/key",
)


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


# -- several at once -----------------------------------------------------------------------------

MANY = [MESSAGE, message_to("254711000002", "Other"), message_to("254711000003", message_id=3)]


def asked_for(provider, document, status=200, messages=MANY):
    exchange = provider.submit_batch(messages, "a-key")
    request = next(exchange)
    with pytest.raises(StopIteration) as end:
        exchange.send(HttpResponse(status, octets(document)))
    return request, end.value.value


EACH = template("""
    idempotent: 24h
    submit:
      url: https://acme.test/one
      headers: {Idempotency-Key: "{key}"}
      body: {to: "{number}", text: "{text}"}
      status: /status
      accepted: 0
      refused: "*"
      id: /id
    batch:
      max: 50
      url: https://acme.test/many
      body: {from: "{sender}", list: "{messages}"}
      each: {to: "{number}", text: "{text}", ours: "{message_id}"}
      items: /list
      id: /id
      status: /status
""")


def test_items_need_no_status_where_an_id_tells():
    provider = template(
        SUBMIT
        + "  status: /s\n  accepted: OK\n"
        + 'batch: {max: 9, body: {to: "{numbers}{text}"}, items: "", id: /id}\n'
    )
    outcomes = asked_for(provider, [{"id": 1}, {"id": 2, "s": "NO"}, {}])[1]
    assert outcomes == [Accepted("1"), Accepted("2"), Uncertain("no id")]


def test_messages_of_a_batch_can_have_texts_of_their_own():
    answer = {"list": [{"id": 1, "status": 0}, {"id": 2, "status": 5}, {"id": 3, "status": 0}]}
    request, outcomes = asked_for(EACH, answer)
    assert request.url == "https://acme.test/many"
    assert dict(request.headers)["Idempotency-Key"] == "a-key"
    document = json.loads(request.body)
    assert document["from"] == "ACME"
    assert [each["text"] for each in document["list"]] == [TEXT, "Other", TEXT]
    assert [each["ours"] for each in document["list"]] == ["1", "1", "3"]
    assert outcomes == [Accepted("1"), Refused("message refused", words="5"), Accepted("3")]


def test_what_stands_outside_the_list_must_be_the_same():
    assert EACH.group_of(MESSAGE) == EACH.group_of(MANY[1])
    assert EACH.group_of(MESSAGE) != EACH.group_of(message_to(source="OTHER"))
    numbers = template(SUBMIT + 'batch: {max: 9, body: {to: "{numbers}", text: "{text}"}}\n')
    assert numbers.group_of(MESSAGE) != numbers.group_of(MANY[1])
    assert numbers.group_of(MESSAGE) == numbers.group_of(MANY[2])
    assert json.loads(next(numbers.submit_batch(MANY, "")).body)["to"] == [m.number for m in MANY]


def test_one_message_goes_as_submit_says_with_its_key():
    exchange = EACH.submit_batch([MESSAGE], "a-key")
    request = next(exchange)
    assert (request.url, dict(request.headers)["Idempotency-Key"]) == (
        "https://acme.test/one",
        "a-key",
    )
    with pytest.raises(StopIteration) as end:
        exchange.send(HttpResponse(200, octets({"status": 0, "id": "7"})))
    assert end.value.value == [Accepted("7")]
    alone = dict(next(EACH.submit(MESSAGE)).headers)["Idempotency-Key"]
    assert alone == "00000000-0000-0000-0000-000000000001"
    assert (EACH.abilities.batch, EACH.abilities.idempotent) == (50, 86_400.0)


@pytest.mark.parametrize(
    "document", [b"<html>", {}, {"list": []}, {"list": 5}, {"list": [{"id": 1, "status": 0}]}]
)
def test_an_answer_without_an_item_for_each_is_uncertain_for_all(document):
    outcomes = asked_for(EACH, document)[1]
    assert [type(outcome) for outcome in outcomes] == [Uncertain] * 3


def test_a_fault_of_the_whole_is_that_of_each():
    assert asked_for(EACH, {}, 401)[1] == [Refused("HTTP 401", provider_fault=True)] * 3
    assert asked_for(EACH, {"status": "odd"})[1] == [Uncertain("no id")] * 3


def test_items_are_found_by_their_numbers():
    provider = template(
        SUBMIT + 'batch: {max: 9, body: {to: "{numbers}{text}"}, items: "", number: /to, id: /id}\n'
    )
    answer = [
        {"to": "0711000002", "id": "b"},
        {"to": "0000000000", "id": "x"},
        {"to": "+254 711 000001", "id": "a"},
        {"to": "254711000001", "id": "again"},
        {"id": "nobody"},
        7,
    ]
    assert asked_for(provider, answer)[1] == [
        Accepted("a", (Part("a"), Part("again"))),
        Accepted("b"),
        Uncertain("not in the answer"),
    ]


def test_two_items_about_one_message_that_disagree_do_not_let_it_go_elsewhere():
    provider = template(
        SUBMIT + 'batch: {max: 9, body: {to: "{numbers}{text}"}, items: "", number: /to, id: /id,'
        " status: /st, accepted: [ok], refused: [no]}\n"
    )

    def about_the_first(*statuses):
        number = ("0711000001", "254711000001")
        items = [{"to": number[n % 2], "id": "a", "st": st} for n, st in enumerate(statuses)]
        return asked_for(provider, items)[1][0]

    assert about_the_first("ok", "ok") == Accepted("a")
    assert about_the_first("no", "ok") == Refused("part 1 of 2: message refused", words="no")
    assert about_the_first("ok", "no") == Refused("part 2 of 2: message refused", words="no")
    assert isinstance(about_the_first("no", "no"), Refused)
    assert isinstance(about_the_first("no", "what", "no"), Uncertain)


PARTS = """
    submit:
      url: https://acme.test/send
      body: {to: "{number}", text: "{text}"}
      parts: /messages
      id: /message-id
      status: /status
      accepted: 0
      refused: "*"
      error: [/error-text]
    callback: {id: messageId, status: status}
    errors: {credentials: provider, throttled: throttled, number: destination}
"""
FINE = {"status": "0"}
UNKNOWN = Uncertain("unknown status", words="what")


def in_parts(*parts, provider=PARTS, status=200):
    items = [{"message-id": f"id{n}"} | part for n, part in enumerate(parts, 1)]
    return submitted(template(provider), {"message-count": "2", "messages": items}, status)


def test_a_message_of_parts_has_an_id_for_each():
    assert in_parts(FINE) == Accepted("id1")
    assert in_parts(FINE, FINE, FINE) == Accepted("id1", (Part("id1"), Part("id2"), Part("id3")))
    assert in_parts(FINE, {"status": "0", "message-id": "id1"}) == Accepted("id1")


@pytest.mark.parametrize(
    ("by", "needed"),
    [("all", (True, True)), ("last", (False, True)), ("first", (True, False))],
)
def test_the_template_says_which_parts_make_a_message_delivered(by, needed):
    provider = PARTS.replace("parts:", f"delivered_by: {by}\n      parts:")
    expected = Accepted("id1", tuple(map(Part, ("id1", "id2"), needed)))
    assert in_parts(FINE, FINE, provider=provider) == expected


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize(
    ("part", "reason", "status"),
    [
        (
            {"status": "6", "error-text": "bad number"},
            "destination refused",
            CommandStatus.ESME_RINVDSTADR,
        ),
        (
            {"status": "4", "error-text": "bad credentials"},
            "credentials refused",
            CommandStatus.ESME_RSUBMITFAIL,
        ),
        (
            {"status": "1", "error-text": "throttled"},
            "too many requests",
            CommandStatus.ESME_RSUBMITFAIL,
        ),
    ],
)
def test_a_refused_part_fails_the_message_that_may_be_on_its_way(place, part, reason, status):
    """No other provider may get it: a part of it was accepted."""
    parts = [FINE, FINE]
    parts.insert(place, part)
    reason = f"part {place + 1} of 3: {reason}"
    assert in_parts(*parts) == Refused(reason, status, words=part["error-text"])


def test_a_part_that_nobody_understands_leaves_the_message_uncertain():
    odd = PARTS.replace('refused: "*"', "refused: [9]")
    assert in_parts(FINE, {"status": "what"}, provider=odd) == UNKNOWN
    assert in_parts({"status": "what"}, FINE, provider=odd) == UNKNOWN
    assert in_parts(FINE, {}) == Uncertain("no status")
    assert in_parts(FINE, {"message-id": ""}) == Uncertain("no id")
    assert in_parts(FINE, {"status": "0", "message-id": ""}) == Uncertain("taken, but without id")
    no = {"status": "9", "message-id": ""}
    assert isinstance(in_parts(no, {"status": "what"}, provider=odd), Uncertain)


def test_what_is_refused_in_all_its_parts_is_refused_as_a_whole():
    part = {"status": "4", "error-text": "bad credentials", "message-id": ""}
    refused = Refused("credentials refused", provider_fault=True, words="bad credentials")
    assert in_parts(part) == refused
    assert in_parts(part, part) == refused
    slow = {"status": "1", "error-text": "throttled"}
    assert in_parts(slow, slow) == Postponed(
        "too many requests", whole_lane=True, words="throttled"
    )
    reason = "HTTP 401: credentials refused"
    assert in_parts(part, status=401) == replace(refused, reason=reason)


@pytest.mark.parametrize("document", [{}, {"messages": []}, {"messages": 7}, [], b"<html>"])
def test_an_answer_without_parts_is_uncertain(document):
    assert isinstance(submitted(template(PARTS), document), Uncertain)
    assert submitted(template(PARTS), document, 404) == Refused("HTTP 404")


def test_parts_can_be_elements():
    provider = template("""
        submit:
          url: https://acme.test/
          send: xml
          body: <s n='{number}'>{text}</s>
          read: xml
          parts: .//sms
          id: "@id"
        callback: {id: id, status: status}
    """)
    answer = b"<r><sms id='a'/><sms id='b'/></r>"
    assert submitted(provider, answer) == Accepted("a", (Part("a"), Part("b")))
    assert submitted(provider, b"<r/>") == Uncertain("no id")


def test_an_error_in_our_own_text_is_not_the_providers():
    provider = template(SUBMIT + "  error: /words\nerrors: {insufficient: provider}\n")
    about = message_to(text="Insufficient funds for your payment of KES 5,000 to the hospital")
    for words in (about.text, f"queued: {about.text}.", about.text[:50]):
        assert isinstance(concluded(provider.submit(about), {"words": words}), Uncertain)
    words = f"{about.text}: insufficient credit"
    assert isinstance(concluded(provider.submit(about), {"words": words}), Refused)


def test_xml_of_many_levels_is_not_searched():
    provider = template(SUBMIT.replace("  id: /id", "  read: xml\n  id: .//a//b"))
    body = b"<r>" + b"<a>" * 9_000 + b"</a>" * 9_000 + b"</r>"
    assert submitted(provider, body) == Uncertain("XML of too many levels")
    assert submitted(provider, b"<r><a><b>7</b></a></r>") == Accepted("7")


def test_an_ending_that_two_numbers_share_tells_neither():
    provider = template(
        SUBMIT + 'batch: {max: 9, body: {to: "{numbers}{text}"}, items: "", number: /to, id: /id}\n'
    )
    twins = [message_to("254711000001"), message_to("255711000001")]
    answer = [{"to": "0711000001", "id": "?"}, {"to": "255711000001", "id": "b"}]
    assert asked_for(provider, answer, messages=twins)[1] == [
        Uncertain("not in the answer"),
        Accepted("b"),
    ]


def test_a_batch_can_be_xml():
    provider = template("""
        submit:
          url: https://acme.test/
          send: xml
          body: <s n='{number}'>{text}</s>
          read: xml
          id: id
        batch:
          max: 9
          body: <list>{messages}</list>
          each: <s n='{number}'>{text}</s>
          items: .//ok
          number: '@n'
          id: .
    """)
    answer = b"<r><x><ok n='254711000002'>b</ok><ok n='254711000001'>a</ok></x></r>"
    request, outcomes = asked_for(provider, answer, messages=MANY[:2])
    assert request.body.decode() == (
        f"<list><s n='254711000001'>{TEXT}</s><s n='254711000002'>Other</s></list>"
    )
    assert outcomes == [Accepted("a"), Accepted("b")]


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

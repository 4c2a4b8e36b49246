"""A provider in YAML: many messages in a request, and messages in parts."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from smppbridge.model.outcome import Accepted, Postponed, Refused, Uncertain
from smppbridge.model.parts import Part
from smppbridge.providers.exchange import HttpResponse
from smppbridge.smpp.constants import CommandStatus
from tests.providers.described import (
    MESSAGE,
    SUBMIT,
    TEXT,
    concluded,
    message_to,
    octets,
    submitted,
    template,
)

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

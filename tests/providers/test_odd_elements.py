"""Lists with one odd element: first or last, it never makes the others unread."""

from __future__ import annotations

from dataclasses import replace

import pytest

from smppbridge.model.mo import Mo, OptOut
from smppbridge.model.outcome import Accepted, Refused, Uncertain
from smppbridge.model.report import Report
from smppbridge.providers.exchange import BadReply, HttpRequest, HttpResponse
from smppbridge.smpp.constants import MessageState
from tests.providers import d7, mspace, smscx
from tests.providers.described import MESSAGE, SUBMIT, message_to, octets, template

odd_or_good_first = pytest.mark.parametrize("odd_first", [True, False], ids=["odd first", "last"])


def beside(odd, good, odd_first):
    return [odd, good] if odd_first else [good, odd]


def mo(identifier, source, destination):
    return Mo(provider_message_id=identifier, source=source, destination=destination, text="STOP")


# -- SMS.CX ----------------------------------------------------------------------------------------

UPDATE = {"msgId": smscx.ID, "status": "DELIVERED", "errorCode": None}
SMS = {"msgId": smscx.ID, "from": "+254722000001", "to": "40404", "text": "STOP"}
DELIVERED = Report(smscx.ID, MessageState.DELIVERED)
EVENTS = [
    ("dlr_update", UPDATE, DELIVERED),
    ("receive_sms", SMS, mo(smscx.ID, "254722000001", "40404")),
    ("new_optout", {"phoneNumber": "+254722000001"}, OptOut("254722000001")),
]
MALFORMED = [None, "x", 7, [], {}, {"msgId": None}, {"status": "DELIVERED"}, {"msgId": "\0"}]


@odd_or_good_first
@pytest.mark.parametrize("odd", MALFORMED, ids=repr)
@pytest.mark.parametrize(("name", "good", "heard"), EVENTS, ids=[name for name, _, _ in EVENTS])
def test_smscx_callbacks(name, good, heard, odd, odd_first):
    document = {"event": name, "data": beside(odd, good, odd_first)}
    body = smscx.octets(document)
    assert smscx.SMSCX.read_callback(HttpRequest("POST", "/", body=body)) == (heard,)


@odd_or_good_first
def test_a_status_that_smscx_does_not_document_is_a_report_beside_others(odd_first):
    document = {
        "event": "dlr_update",
        "data": beside({"msgId": smscx.OTHER, "status": "PONDERED"}, UPDATE, odd_first),
    }
    found = smscx.SMSCX.read_callback(HttpRequest("POST", "/", body=smscx.octets(document)))
    odd = Report(smscx.OTHER, MessageState.ENROUTE)
    assert list(found) == beside(odd, DELIVERED, odd_first)


@odd_or_good_first
@pytest.mark.parametrize(
    "odd",
    [
        None,
        "x",
        [],
        {},
        {"to": None},
        smscx.item("+33612000002", status=None),
        smscx.item("+33612000002", status="PONDERED"),
        smscx.item("+33612000002", msgId=None),
    ],
    ids=repr,
)
def test_smscx_batches(odd, odd_first):
    taken, unread = smscx.batch({"data": beside(odd, smscx.item(), odd_first)})
    assert taken == Accepted(smscx.ID)
    assert isinstance(unread, Uncertain)


RENT = "0d5c1a7e-2f44-4c6b-9a3d-5b1e8f7a6c01"


def page(*data, following=None):
    return HttpResponse(200, smscx.octets({"data": [*data], "paging": {"next": following}}))


def pulled(*pages, **settings):
    return smscx.CarriedExchange(replace(smscx.SMSCX, **settings).pull(), *pages).result


@odd_or_good_first
@pytest.mark.parametrize("odd", MALFORMED, ids=repr)
def test_smscx_pulls(odd, odd_first):
    (found,) = pulled(page(*beside(odd, SMS, odd_first)), rent_ids=(RENT,))
    assert found.text == "STOP"
    assert pulled(page(*beside(odd, UPDATE, odd_first)), pull_reports=True) == [DELIVERED]


@pytest.mark.parametrize("odd", [None, "x", {}], ids=repr)
def test_a_page_of_nothing_but_oddities_is_not_the_last(odd):
    pages = page(odd, following="2"), page(UPDATE)
    assert pulled(*pages, pull_reports=True) == [DELIVERED]
    pages = page(UPDATE, following="2"), page(odd)
    assert pulled(*pages, pull_reports=True) == [DELIVERED]


@odd_or_good_first
@pytest.mark.parametrize("odd", MALFORMED, ids=repr)
def test_smscx_queries(odd, odd_first):
    answer = HttpResponse(200, smscx.octets({"data": beside(odd, UPDATE, odd_first)}))
    assert (
        smscx.CarriedExchange(smscx.SMSCX.query(smscx.FIRST, smscx.ID), answer).result == DELIVERED
    )


# -- MSpace ----------------------------------------------------------------------------------------

BATCH = [mspace.MESSAGE, replace(mspace.MESSAGE, number=mspace.OTHER, message_id=2)]
TAKEN = {"messageId": "7", "recipient": mspace.NUMBER, "status": 111}


@odd_or_good_first
@pytest.mark.parametrize(
    "odd",
    [
        None,
        "x",
        [],
        {},
        {"messageId": "8"},
        {"recipient": mspace.OTHER},
        {"recipient": [mspace.OTHER], "status": 111},
        {"recipient": mspace.OTHER, "status": {}},
        {"recipient": mspace.OTHER, "status": 111, "messageId": []},
    ],
    ids=repr,
)
def test_mspace_batches(odd, odd_first):
    document = {"message": beside(odd, TAKEN, odd_first)}
    exchange = mspace.JSON.submit_batch(BATCH, "key")
    taken, unread = mspace.carried(exchange, document)[1]
    assert taken == Accepted("7")
    assert isinstance(unread, Uncertain)


@odd_or_good_first
def test_what_mspace_took_is_taken_whatever_stands_beside_it_about_the_same_number(odd_first):
    odd = {"recipient": mspace.NUMBER, "messageId": "7"}
    document = {"message": beside(odd, TAKEN, odd_first)}
    exchange = mspace.JSON.submit_batch(BATCH, "key")
    assert mspace.carried(exchange, document)[1][0] == Accepted("7")
    failed = {"recipient": mspace.NUMBER, "status": 114, "statusDescription": "Failed"}
    document = {"message": beside(odd, failed, odd_first)}
    exchange = mspace.JSON.submit_batch(BATCH, "key")
    assert isinstance(mspace.carried(exchange, document)[1][0], Uncertain)


@odd_or_good_first
@pytest.mark.parametrize(
    "odd", [None, "x", [], {}, {"messageId": "7"}, {"messageId": "8", "status": 5}], ids=repr
)
def test_mspace_reports(odd, odd_first):
    good = {"messageId": "7", "status": 3, "statusDescription": "Delivered"}
    document = {"message": beside(odd, good, odd_first)}
    exchange = mspace.JSON.query(mspace.MESSAGE, "7")
    assert mspace.carried(exchange, document)[1] == Report("7", MessageState.DELIVERED)


# -- D7 --------------------------------------------------------------------------------------------


@odd_or_good_first
def test_d7_batches(odd_first):
    odd = d7.message(number="971500000002", text="x" * 10_000)
    messages = beside(odd, d7.MESSAGE, odd_first)
    outcomes = d7.concluded(
        d7.BATCHED.submit_batch(messages, d7.KEY), {"data": f'Success "{d7.ID}"'}
    )
    refused, taken = outcomes if odd_first else reversed(outcomes)
    assert isinstance(refused, Refused)
    assert taken == Accepted(d7.ID)


# -- a template ------------------------------------------------------------------------------------

LISTS = {
    "json": template("""
        callback_key: kkkkkkkkkkkkkkkk
        submit: {url: "https://acme.test/{number}/{text}", id: /id}
        batch:
          max: 9
          url: https://acme.test/many
          body: {to: "{numbers}{text}"}
          items: /list
          number: /to
          id: /id
        callback: {read: json, items: /list, id: /id, status: /status}
        mo: {read: json, items: /list, id: /id, from: /from, to: /to, text: /text}
    """),
    "xml": template("""
        callback_key: kkkkkkkkkkkkkkkk
        submit: {url: "https://acme.test/{number}/{text}", read: xml, id: id}
        batch:
          max: 9
          url: https://acme.test/many
          send: text
          body: "{numbers}{text}"
          items: sms
          number: "@to"
          id: "@id"
        callback: {read: xml, items: sms, id: "@id", status: "@status"}
        mo: {read: xml, items: sms, id: "@id", from: "@from", to: "@to", text: "@text"}
    """),
}
WRITTEN = {
    "json": lambda items: octets({"list": items}),
    "xml": lambda items: (
        b"<r>%s</r>"
        % b"".join(
            b"<sms %s/>" % b" ".join(f'{k}="{v}"'.encode() for k, v in each.items())
            if isinstance(each, dict)
            else b"<sms>%s</sms>" % repr(each).encode()
            for each in items
        )
    ),
}
every_list = pytest.mark.parametrize("kind", LISTS)
REPORT = {"id": "7", "status": "delivered"}
STOP = {"id": "9", "from": "254711000001", "to": "ACME", "text": "STOP"}
SAID = Report("7", MessageState.DELIVERED)
CAME = mo("9", "254711000001", "ACME")
HALF = [None, 5, "x", [], {}, {"status": "delivered"}, {"id": ""}, {"from": "1", "text": "x"}]


def called(kind, *items):
    body = WRITTEN[kind](items)
    return LISTS[kind].read_callback(HttpRequest("POST", "/callbacks/it", body=body))


@odd_or_good_first
@every_list
@pytest.mark.parametrize("odd", HALF, ids=repr)
@pytest.mark.parametrize(("good", "heard"), [(REPORT, SAID), (STOP, CAME)], ids=["report", "mo"])
def test_template_callbacks(kind, good, heard, odd, odd_first):
    assert called(kind, *beside(odd, good, odd_first)) == (heard,)
    with pytest.raises(BadReply):
        called(kind, odd)


@odd_or_good_first
@every_list
def test_reports_and_messages_from_phones_stand_in_one_list(kind, odd_first):
    assert set(called(kind, *beside(STOP, REPORT, odd_first))) == {CAME, SAID}


@odd_or_good_first
@every_list
@pytest.mark.parametrize(
    "odd",
    [None, 5, "x", [], {}, {"to": "254711000002"}, {"to": "254711000002", "id": ""}],
    ids=repr,
)
def test_template_batches(kind, odd, odd_first):
    messages = [MESSAGE, message_to("254711000002")]
    items = beside(odd, {"to": "254711000001", "id": "7"}, odd_first)
    exchange = LISTS[kind].submit_batch(messages, "key")
    next(exchange)
    with pytest.raises(StopIteration) as end:
        exchange.send(HttpResponse(200, WRITTEN[kind](items)))
    taken, unread = end.value.value
    assert taken == Accepted("7")
    assert isinstance(unread, Uncertain)


@odd_or_good_first
@pytest.mark.parametrize("odd", [None, 5, "x", [], {}, {"id": []}], ids=repr)
def test_template_batches_in_our_order(odd, odd_first):
    provider = template(
        SUBMIT + 'batch: {max: 9, body: {to: "{numbers}{text}"}, items: "", id: /id}\n'
    )
    exchange = provider.submit_batch([MESSAGE, message_to("254711000002")], "key")
    next(exchange)
    with pytest.raises(StopIteration) as end:
        exchange.send(HttpResponse(200, octets(beside(odd, {"id": "7"}, odd_first))))
    unread, taken = end.value.value if odd_first else reversed(end.value.value)
    assert taken == Accepted("7")
    assert isinstance(unread, Uncertain)

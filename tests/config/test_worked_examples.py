"""Every page of config/providers is one that `smppbridge check` takes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import parse_qs

import pytest
import yaml

from smppbridge.model.address import Address
from smppbridge.model.message import Message
from smppbridge.model.mo import Mo
from smppbridge.model.outcome import Accepted, Postponed, Refused, Uncertain
from smppbridge.model.parts import Part
from smppbridge.model.report import Report
from smppbridge.providers.exchange import Balance, HttpRequest, HttpResponse
from smppbridge.settings.configuration import load
from smppbridge.smpp.constants import CommandStatus, MessageState

SHORT = {"MSPACE_SYSTEM_ID": "acme", "BANK_PASSWORD": "secret"}  # SMPP has no room for more
EXAMPLES = Path(__file__).parents[2] / "config" / "providers"
MESSAGE = Message(
    message_id=1,
    system_id="bank",
    source=Address("ACME", 5),
    destination=Address("254711000001", 1, 1),
    number="254711000001",
    text="Café & co",
    data_coding=0,
    priority=0,
    registered_delivery=1,
    route=("it",),
    accepted_at=0.0,
    expires_at=1.0,
    due=0.0,
)
OTHER = Message(**{**{n: getattr(MESSAGE, n) for n in MESSAGE.__slots__}, "number": "254711000002"})


def settings_of(name):
    text = (EXAMPLES / f"{name}.yaml").read_text()
    environment = {each: f"{each}-0123456789" for each in re.findall(r"\$\{(\w+)\}", text)}
    environment |= SHORT
    return load(EXAMPLES / f"{name}.yaml", environment)


def provider_of(name):
    (provider,) = settings_of(name).built_providers().values()
    return provider


def concluded(exchange, document, status=200):
    request = next(exchange)
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    with pytest.raises(StopIteration) as end:
        exchange.send(HttpResponse(status, body))
    return request, end.value.value


def form_of(request):
    return {name: value for name, (value,) in parse_qs(request.body.decode()).items()}


def called(provider, **fields):
    return provider.read_callback(HttpRequest("POST", "/callbacks/it", query=fields))


@pytest.mark.parametrize("path", sorted(EXAMPLES.iterdir()), ids=lambda path: path.stem)
def test_every_example_is_a_page_that_check_takes(path):
    settings = settings_of(path.stem)
    assert [fault.key for fault in settings.warnings()] == ["accounts"] * (not settings.accounts)
    assert len(path.read_text().splitlines()) <= 90
    assert yaml.safe_load(path.read_text())["routes"]


def test_twilio_is_a_form_with_basic_credentials():
    twilio = provider_of("twilio")
    request, outcome = concluded(
        twilio.submit(MESSAGE), {"sid": "SM1", "status": "queued", "error_code": None}, 201
    )
    assert outcome == Accepted("SM1")
    assert request.url.endswith("/Accounts/TWILIO_ACCOUNT_SID-0123456789/Messages.json")
    assert dict(request.headers)["Authorization"].startswith("Basic VFdJTElPX0FDQ09VTlRfU0lE")
    assert form_of(request) == {
        "To": "+254711000001",
        "MessagingServiceSid": "TWILIO_SERVICE_SID-0123456789",
        "Body": "Café & co",
        "StatusCallback": "https://sms.example.org/callbacks/twilio/TWILIO_CALLBACK_KEY-0123456789",
    }


def test_twilios_refusals_are_told_by_their_codes():
    def submitted(code, message, status=400):
        return concluded(
            provider_of("twilio").submit(MESSAGE), {"code": code, "message": message}, status
        )[1]

    assert submitted(21211, "Invalid 'To' Phone Number").command_status == (
        CommandStatus.ESME_RINVDSTADR
    )
    assert submitted(20003, "Authenticate", 401).provider_fault
    assert isinstance(submitted(20429, "Too Many Requests", 429), Postponed)
    assert submitted(1, "What?") == Refused("HTTP 400", words="1 What?")


def test_twilio_reports_and_brings_messages():
    twilio = provider_of("twilio")
    undelivered = {"MessageSid": "SM1", "MessageStatus": "undelivered", "ErrorCode": "30003"}
    assert called(twilio, **undelivered) == (Report("SM1", MessageState.UNDELIVERABLE, 3),)
    assert called(twilio, MessageSid="SM1", MessageStatus="sent")[0].state == MessageState.ENROUTE
    came = called(twilio, MessageSid="SM2", From="+254711000001", To="+1234567", Body="STOP")
    assert came == (
        Mo(provider_message_id="SM2", source="254711000001", destination="1234567", text="STOP"),
    )
    answer = {"sid": "SM1", "status": "delivered", "error_code": None}
    request, report = concluded(twilio.query(MESSAGE, "SM1"), answer)
    assert request.url.endswith("/Messages/SM1.json")
    assert report == Report("SM1", MessageState.DELIVERED)
    assert concluded(twilio.balance(), {"balance": "10.5", "currency": "USD"})[1] == Balance(
        10.5, "USD"
    )


def test_vonage_has_an_id_and_a_report_for_each_part():
    def answered(*parts):
        items = [{"to": MESSAGE.number, "network": "63902"} | part for part in parts]
        answer = {"message-count": str(len(parts)), "messages": items}
        return concluded(provider_of("vonage").submit(MESSAGE), answer)

    one, two = ({"message-id": f"0A00{n}", "status": "0"} for n in (1, 2))
    request, outcome = answered(one, two)
    assert outcome == Accepted("0A001", (Part("0A001"), Part("0A002")))
    assert form_of(request)["callback"].startswith("https://sms.example.org/callbacks/vonage/")
    barred = {"status": "7", "error-text": "Number barred."}
    assert answered(one)[1] == Accepted("0A001")
    refused = answered(one, barred)[1]
    assert refused.command_status == CommandStatus.ESME_RINVDSTADR
    assert "part 2 of 2" in refused.reason
    credentials = answered({"status": "4", "error-text": "Bad Credentials"})[1]
    assert credentials.provider_fault
    assert isinstance(answered({"status": "1", "error-text": "Throttled"})[1], Postponed)
    report = called(provider_of("vonage"), messageId="0A002", status="failed", **{"err-code": "6"})
    assert report == (Report("0A002", MessageState.UNDELIVERABLE, 6),)


def recipients(*rows):
    names = ("number", "statusCode", "status", "messageId")
    items = [dict(zip(names, row, strict=True)) for row in rows]
    return {"SMSMessageData": {"Message": f"Sent to {len(rows)}", "Recipients": items}}


def test_africas_talking_takes_a_batch_of_numbers():
    provider = provider_of("africastalking")
    assert provider.group_of(MESSAGE) == provider.group_of(OTHER)
    request, outcomes = concluded(
        provider.submit_batch([MESSAGE, OTHER], "key"),
        recipients(
            ("+254711000002", 403, "InvalidPhoneNumber", "None"),
            ("+254711000001", 101, "Success", "ATXid_1"),
        ),
        201,
    )
    assert form_of(request)["to"] == "+254711000001,+254711000002"
    assert outcomes == [
        Accepted("ATXid_1"),
        Refused("destination refused", CommandStatus.ESME_RINVDSTADR, words="InvalidPhoneNumber"),
    ]


def test_africas_talking_can_refuse_a_batch_as_a_whole():
    provider = provider_of("africastalking")
    nobody = {"SMSMessageData": {"Message": "InvalidSenderId", "Recipients": []}}
    reason = "source refused"
    refused = Refused(reason, CommandStatus.ESME_RINVSRCADR, words="InvalidSenderId")
    assert concluded(provider.submit_batch([MESSAGE, OTHER], "key"), nobody, 201)[1] == (
        [refused] * 2
    )
    assert concluded(provider.submit(MESSAGE), nobody, 201)[1] == refused
    odd = recipients(("+254711000001", 999, "Odd", "x"))
    assert concluded(provider.submit(MESSAGE), odd)[1] == Refused(
        "message refused", words="Odd Sent to 1"
    )
    assert isinstance(concluded(provider.submit(MESSAGE), b"<html>")[1], Uncertain)


def test_africas_talking_tells_its_balance_with_the_currency():
    answer = {"UserData": {"balance": "KES 1785.50"}}
    request, balance = concluded(provider_of("africastalking").balance(), answer)
    assert request.url == "https://api.africastalking.com/version1/user?username=acme"
    assert balance == Balance(1785.5, "KES")


def test_d7_is_told_where_to_report_and_in_which_alphabet():
    d7 = provider_of("d7_v1")
    request = next(d7.submit(MESSAGE))
    assert json.loads(request.body)["messages"][0]["data_coding"] == "text"
    url = json.loads(request.body)["message_globals"]["report_url"]
    assert url == "https://sms.example.org/callbacks/d7/D7_CALLBACK_KEY-0123456789"
    assert called(d7, request_id="7", msg_id="8", status="spam_content") == (
        Report("7", MessageState.REJECTED, 2),
    )

"""Helpers of the tests of SMS.CX: a provider, messages, and exchanges carried through."""

from __future__ import annotations

import json
from dataclasses import replace

from smppbridge.model.address import Address
from smppbridge.model.message import Message
from smppbridge.providers.exchange import HttpResponse, alone
from smppbridge.providers.smscx.provider import SmsCx

KEY = "sesame-0815"
TEXT = "Your code is 4821 \u20ac"
ID = "c2a0c7f4-6d3e-4a1c-8f4e-1b2c3d4e5f60"
OTHER = "c2a0c7f4-6d3e-4a1c-8f4e-1b2c3d4e5f61"
UUID = "7f8f1c5a-8a3e-4d0a-9a55-0a2c1a4b9d10"
SMSCX = SmsCx(api_key=KEY, base_url="https://cx.test")
OAUTH = SmsCx(app_id="acme", app_secret=KEY, base_url="https://cx.test")
NOW = 1_767_322_800.0


def message(number="254722000001", **changed):
    known = Message(
        message_id=1,
        system_id="bank",
        source=Address("ACME", 5),
        destination=Address(number, 1, 1),
        number=number,
        text=TEXT,
        data_coding=8,
        priority=0,
        registered_delivery=1,
        route=("it",),
        accepted_at=0.0,
        expires_at=1.0,
        due=0.0,
    )
    return replace(known, **changed)


FIRST, SECOND = message(), message("33612000002")


def octets(document):
    return document if isinstance(document, bytes) else json.dumps(document).encode()


class CarriedExchange:
    """An exchange carried through with answers in their order; *asked* holds its requests."""

    def __init__(self, exchange, *answers):
        exchange = alone(exchange, lambda: NOW)
        self.asked = []
        step, answer, left = exchange.send, None, list(answers)
        while True:
            try:
                self.asked.append(step(answer))
            except StopIteration as end:
                self.result = end.value
                return
            answer = left.pop(0)
            step = exchange.throw if isinstance(answer, Exception) else exchange.send


def batch(document, *messages, status=200, headers=None, smscx=SMSCX):
    response = HttpResponse(status, octets(document), headers or {})
    return CarriedExchange(smscx.submit_batch(messages or (FIRST, SECOND), UUID), response).result


def submitted(document, status=200, headers=None, smscx=SMSCX):
    response = HttpResponse(status, octets(document), headers or {})
    return CarriedExchange(smscx.submit(FIRST), response).result


def requested(smscx, *messages, key=UUID):
    messages = messages or (FIRST, SECOND)
    (request,) = CarriedExchange(smscx.submit_batch(messages, key), HttpResponse(200)).asked
    return request


def item(to="+254722000001", status="ACCEPTED", **changed):
    return {"msgId": ID, "status": status, "statusCode": 1, "errorCode": None, "to": to, **changed}


def fault(code, kind="invalid_param", words="No", **more):
    error = {"type": kind, "message": words, "uri": "https://sms.cx/", "code": code}
    return {"error": {**error, **more}, **more}

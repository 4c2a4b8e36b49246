"""One D7 account, one message, and the results of exchanges about them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from smppbridge.model.address import Address
from smppbridge.model.message import Message
from smppbridge.providers.d7.provider import D7
from smppbridge.providers.exchange import NOW, HttpResponse

NOW_IS = 1_800_000_000.0
PASSWORD = "sesame 0815"
TEXT = "Votre code est 4821"
ID = "8c0a1f6e-7b1d-4a55-9c1e-2f3a4b5c6d7e"
KEY = "0b6f3a1c-5d7e-4f80-91a2-b3c4d5e6f708"
CALLBACK = "https://bridge.test/callbacks/d7/0123456789abcdef"
PLAIN = D7(username="acme", password=PASSWORD, base_url="https://d7.test/")
PUSHED = replace(PLAIN, callback_url=CALLBACK)
BATCHED = replace(PUSHED, batch="on")
MESSAGE = Message(
    message_id=4711,
    system_id="bank",
    source=Address("ACME", 5),
    destination=Address("+971500000001", 1, 1),
    number="971500000001",
    text=TEXT,
    data_coding=0,
    priority=0,
    registered_delivery=1,
    route=("d7",),
    accepted_at=NOW_IS,
    expires_at=NOW_IS + 86_400.0,
    due=NOW_IS,
)


def message(number="971500000001", **changed):
    return replace(MESSAGE, number=number, **changed)


def octets(document):
    return document if isinstance(document, bytes) else json.dumps(document).encode()


def asked(exchange):
    """Return the first request of an exchange, or the result of an exchange without requests."""
    try:
        wanted = next(exchange)
        return exchange.send(NOW_IS) if wanted is NOW else wanted
    except StopIteration as end:
        return end.value


def concluded(exchange, document, status=200):
    """Carry an exchange of one request through with an answer."""
    asked(exchange)
    with pytest.raises(StopIteration) as end:
        exchange.send(HttpResponse(status, octets(document)))
    return end.value.value


def written(exchange):
    return json.loads(asked(exchange).body)


def submitted(document, status=200, d7=PLAIN, about=MESSAGE):
    return concluded(d7.submit(about), document, status)

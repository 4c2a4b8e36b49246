"""Helpers of the tests of both MSpace APIs: accounts, a message, answers to be read."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import strategies as st

from smppbridge.model.address import Address
from smppbridge.model.message import Message
from smppbridge.providers.exchange import HttpResponse
from smppbridge.providers.mspace.legacy import MSpaceLegacy
from smppbridge.providers.mspace.v2 import MSpaceV2

SECRET = "s3same/0815%+&"
QUOTED_SECRET = "s3same%2F0815%25%2B%26"
TEXT = "50% off / today & \u20ac+"
QUOTED_TEXT = "50%25%20off%20%2F%20today%20%26%20%E2%82%AC%2B"
NUMBER = "254722000001"
OTHER = "254733000002"
LEGACY = MSpaceLegacy(username="acme", password=SECRET, base_url="https://mspace.test/wr/sms")
JSON = MSpaceV2(username="acme", apikey=SECRET, base_url="https://mspace.test/v2", batch=10)
XML = replace(JSON, style="xml")
GET = replace(JSON, style="get", batch=1)
EVERY = [LEGACY, JSON, XML, GET]
NAMES = ["legacy", "json", "xml", "get"]
MESSAGE = Message(
    message_id=1,
    system_id="bank",
    source=Address("ACME", 5),
    destination=Address(NUMBER, 1, 1),
    number=NUMBER,
    text=TEXT,
    data_coding=8,
    priority=0,
    registered_delivery=1,
    route=("mspace",),
    accepted_at=0.0,
    expires_at=1.0,
    due=0.0,
)

everyone = pytest.mark.parametrize("provider", EVERY, ids=NAMES)

# What a peer may say instead of an answer, whatever it was asked for.
NONSENSE = [
    b"",
    b" \r\n",
    b"null",
    b"{}",
    b"[]",
    b"[[]]",
    b"7.5.1",
    b"true",
    b"\xff\xfe\x00",
    b"<html><head><title>504</title></head><body><h1>Gateway</h1></body></html>",
    b"<!DOCTYPE html><html><body>down</body></html>",
    b"<!DOCTYPE x [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;'>]><x>&b;</x>",
    b"<x>&undeclared;</x>",
    b"<x",
    b"<?xml version='1.0' encoding='UTF-16'?><x/>",
    b"<a>" * 20_000,
    b"<a>" * 9_000 + b"</a>" * 9_000,
    b"[" * 50_000,
    b'{"message":' * 5_000,
    b'{"message": [{"messageId": "1", "status": 111',
    b'{"message": [{"messageId": ' + b"9" * 5_000 + b"}]}",
    b'{"message": [null, 1, "x", [], {}]}',
    b'{"message": "a long tale' + b"." * 1_000 + b'"}',
    b" " * 10_000_000 + b"50",
    '{"message": [{"messageId": "1", "status": 111}]}'.encode("utf-16"),
]
nonsense = pytest.mark.parametrize("body", NONSENSE, ids=range(len(NONSENSE)))


def octets(document):
    return document if isinstance(document, bytes) else json.dumps(document).encode()


def carried(exchange, document, status=200, headers=None):
    """Carry an exchange of one request through; return the request and the result."""
    request = next(exchange)
    with pytest.raises(StopIteration) as end:
        exchange.send(HttpResponse(status, octets(document), headers or {}))
    return request, end.value.value


def submitted(provider, document, status=200, headers=None, **changed):
    message = replace(MESSAGE, **changed)
    return carried(provider.submit(message), document, status, headers)[1]


def ran(provider, operation, *arguments):
    """Return the exchange of an operation."""
    return provider.operations[operation].run(*arguments)


_DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "message",
                    "messageId",
                    "recipient",
                    "status",
                    "statusDescription",
                    "smsBalance",
                    "clientname",
                    "error",
                ]
            ),
            inner | st.sampled_from([111, 3, "111", NUMBER, "Delivered", "internal"]),
        )
    ),
    max_leaves=8,
)
ANSWERS = st.binary(max_size=60) | _DOCUMENTS.map(lambda value: json.dumps(value).encode())

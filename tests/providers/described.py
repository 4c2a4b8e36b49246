"""Templates as they stand in a configuration, read by the settings' own code."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import dedent, indent

import pytest

from smppbridge.model.address import Address
from smppbridge.model.message import Message
from smppbridge.providers.exchange import HttpRequest, HttpResponse
from smppbridge.settings.configuration import load
from smppbridge.settings.document import BadSettings

HEAD = "providers:\n  it:\n    type: template\n    reports: none\n"
SUBMIT = """
submit:
  url: https://acme.test/send
  body: {to: "{number}", text: "{text}"}
  id: /id
"""
TOKEN = "sesame-0815"
TEXT = "Votre code est 4821 €"


def template(text, callback_url="", **environment):
    """Return the provider that *text* describes, keys without indent."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "bridge.yaml"
        path.write_text(HEAD + indent(dedent(text), "    "))
        settings = load(path, {"TOKEN": TOKEN} | environment)
    return settings.providers["it"].build(callback_url)


def faults(text):
    """Return what `check` says of a description: lines of *text* (from 1), keys and messages."""
    with pytest.raises(BadSettings) as caught:
        template(text)
    above = HEAD.count("\n")
    prefix = "providers.it."
    return [
        (fault.line - above, fault.key.removeprefix(prefix), fault.message)
        for fault in caught.value.faults
    ]


def message_to(number="254711000001", text=TEXT, source="ACME", message_id=1):
    return Message(
        message_id=message_id,
        system_id="bank",
        source=Address(source, 5),
        destination=Address(number, 1, 1),
        number=number,
        text=text,
        data_coding=0,
        priority=0,
        registered_delivery=1,
        route=("it",),
        accepted_at=0.0,
        expires_at=1.0,
        due=0.0,
    )


MESSAGE = message_to()


def octets(document):
    return document if isinstance(document, bytes) else json.dumps(document).encode()


def concluded(exchange, document, status=200, headers=None):
    """Carry an exchange of one request through."""
    next(exchange)
    with pytest.raises(StopIteration) as end:
        exchange.send(HttpResponse(status, octets(document), headers or {}))
    return end.value.value


def submitted(provider, document, status=200, headers=None):
    return concluded(provider.submit(MESSAGE), document, status, headers)


def called(provider, body=b"", **query):
    return provider.read_callback(
        HttpRequest("POST", "/callbacks/it", body=octets(body), query=query)
    )

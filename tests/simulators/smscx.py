"""Helpers of the tests of SMS.CX's simulator: requests, and webhooks that wait."""

from __future__ import annotations

import json

from twisted.internet.defer import Deferred
from twisted.internet.testing import StringTransport

KEY = {"X-API-KEY": "any"}


class RecordingPusher:
    """Stands in for the pusher: records the callbacks; a test ends them."""

    def __init__(self):
        self.calls = []

    def push(self, method, url, *, headers=None, body=b"", after=0.0):
        self.calls.append((method, url, json.loads(body), after, Deferred()))
        return self.calls[-1][4]

    def close(self):
        return Deferred()

    @property
    def events(self):
        """Return (event, data, seconds after now) of every webhook."""
        return [(body["event"], body["data"], after) for _, _, body, after, _ in self.calls]


class SmsCxRequest:
    """One request to the simulator, and the answer so far."""

    def __init__(self, simulator, method, path, document=None, headers=KEY):
        self.transport = StringTransport()
        self.channel = simulator.site.buildProtocol(None)
        self.channel.makeConnection(self.transport)
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        body = b"" if document is None else body
        lines = [f"{method} /{path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.channel.dataReceived("\r\n".join([*lines, "", ""]).encode() + body)

    @property
    def answered(self):
        return bool(self.transport.value())

    @property
    def status(self):
        return int(self.transport.value().split(b" ", 2)[1])

    @property
    def headers(self):
        lines = self.transport.value().partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
        return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}

    @property
    def json(self):
        return json.loads(self.transport.value().partition(b"\r\n\r\n")[2])

    @property
    def fault(self):
        """Return (HTTP status, type, code)."""
        error = self.json["error"]
        return self.status, error["type"], error["code"]

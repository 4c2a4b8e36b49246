"""One request to a simulator of MSpace, over a transport that is only memory."""

from __future__ import annotations

import json

from twisted.internet.testing import StringTransport


class MSpaceRequest:
    """A request, and the answer so far."""

    def __init__(self, simulator, method, path, body=b"", **headers):
        self.transport = StringTransport()
        self.channel = simulator.site.buildProtocol(None)
        self.channel.makeConnection(self.transport)
        lines = [f"{method} /{simulator.folder}/{path} HTTP/1.1", "Host: x"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines += [f"Content-Length: {len(body)}", "", ""]
        self.channel.dataReceived("\r\n".join(lines).encode() + body)

    @property
    def answered(self):
        return bool(self.transport.value())

    @property
    def status(self):
        return int(self.transport.value().split(b" ", 2)[1])

    @property
    def head(self):
        return self.transport.value().partition(b"\r\n\r\n")[0].lower()

    @property
    def body(self):
        return self.transport.value().partition(b"\r\n\r\n")[2]

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)

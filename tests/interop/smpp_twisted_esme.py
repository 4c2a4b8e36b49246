"""An ESME of smpp.twisted3, run by an interpreter that has the package: see test_smpp_twisted.

Its argument is a job in JSON.  Requests are expressions in the names of smpp.pdu; *ids* are the
message_ids that were answered so far.  Each is sent when the one before is answered.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from smpp.pdu import operations, pdu_types
from smpp.twisted.client import SMPPClientReceiver, SMPPClientTransceiver, SMPPClientTransmitter
from smpp.twisted.config import SMPPClientConfig
from smpp.twisted.protocol import SMPPClientProtocol
from twisted.internet import defer, protocol, reactor

job = json.loads(sys.argv[1])
names = {**vars(pdu_types), **vars(operations)}
ids: list[Any] = []
said: dict[str, Any] = {"answers": [], "deliveries": [], "alerts": 0}
enough: defer.Deferred[None] = defer.Deferred()


def shown(value):
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, (list, tuple, set)):
        return [shown(each) for each in value]
    if isinstance(value, (int, type(None))):
        return value
    return getattr(value, "name", None) or str(value)


def told(pdu):
    params = {name: shown(value) for name, value in pdu.params.items()}
    return {"pdu": pdu.id.name, "status": pdu.status.name, **params}


def received(smpp, pdu):
    said["deliveries"].append(told(pdu))
    if len(said["deliveries"]) == job["deliveries"]:
        enough.callback(None)


@defer.inlineCallbacks
def converse(smpp):
    for request in job["requests"]:
        pdu = eval(request, names, {"ids": ids})
        sent = yield smpp.sendDataRequest(pdu).addErrback(lambda failure: failure.value)
        answer = getattr(sent, "response", sent)
        said["answers"].append(told(answer) if hasattr(answer, "params") else repr(answer))
        ids.append(getattr(answer, "params", {}).get("message_id"))
    if job["deliveries"]:
        yield enough.addTimeout(20, reactor)
    yield smpp.unbindAndDisconnect()


@defer.inlineCallbacks
def bound_by_us():
    config = SMPPClientConfig(
        host="127.0.0.1", port=job["port"], username="twisted", password=job["password"]
    )
    kinds = {
        "transmitter": lambda: SMPPClientTransmitter(config),
        "receiver": lambda: SMPPClientReceiver(config, received),
        "transceiver": lambda: SMPPClientTransceiver(config, received),
    }
    smpp = yield kinds[job["kind"]]().connectAndBind()
    yield converse(smpp)


class Called(protocol.ServerFactory):
    """Listens for an SMSC that calls with outbind, which the client answers with bind_receiver."""

    def buildProtocol(self, addr):
        smpp = SMPPClientProtocol()
        smpp.config = lambda: SMPPClientConfig(
            host="", port=0, username="twisted", password=job["password"]
        )
        smpp.setDataRequestHandler(received)
        enough.addCallback(lambda _: smpp.unbindAndDisconnect())
        return smpp


@defer.inlineCallbacks
def run():
    try:
        if job["kind"] == "called":
            reactor.listenTCP(job["port"], Called(), interface="127.0.0.1")
            yield enough.addTimeout(20, reactor)
        else:
            yield bound_by_us()
    except Exception as error:
        said["error"] = repr(error)
    print(json.dumps(said))
    reactor.stop()


reactor.callWhenRunning(run)
reactor.run()

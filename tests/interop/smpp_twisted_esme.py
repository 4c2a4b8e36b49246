"""An ESME of smpp.twisted3, run by an interpreter that has the package: see test_smpp_twisted.

Its argument is a job in JSON.  Requests are expressions in the names of smpp.pdu, each sent when
the one before is answered; they are followed by *steps*: see operations.py.
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any

from smpp.pdu import constants, operations, pdu_types, smpp_time
from smpp.twisted.client import SMPPClientReceiver, SMPPClientTransceiver, SMPPClientTransmitter
from smpp.twisted.config import SMPPClientConfig
from smpp.twisted.protocol import SMPPClientProtocol
from twisted.internet import defer, protocol, reactor

job = json.loads(sys.argv[1])
names = {**vars(pdu_types), **vars(operations)}
said: dict[str, Any] = {"answers": [], "deliveries": [], "receipts": [], "called": []}
ids: dict[str, Any] = {}
heard: list[defer.Deferred[None]] = []
called: list[SMPPClientProtocol] = []
REQUESTS = {
    "submit_sm": operations.SubmitSM,
    "data_sm": operations.DataSM,
    "query_sm": operations.QuerySM,
    "cancel_sm": operations.CancelSM,
}
RECEIPT = re.compile(r"id:(\d+) .* stat:(\w+) ")
STATES = {"DELIVRD": 2, "DELETED": 4, "UNDELIV": 5}
MESSAGE_PAYLOAD = 0x0424  # as a TLV that the stack does not know: it knows its length badly


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


def state_of(pdu):
    state = pdu.params.get("message_state")
    return None if state is None else constants.message_state_name_map[state.name]


def receipt_of(params):
    """Return what the TLVs of a receipt say, or its text: the stack has no parser of it."""
    if "receipted_message_id" in params:
        state = constants.message_state_name_map[params["message_state"].name]
        return {"id": shown(params["receipted_message_id"]), "state": state}
    text = params.get("short_message") or params["message_payload"]
    message_id, stat = RECEIPT.match(shown(text)).groups()
    return {"id": message_id, "state": STATES[stat]}


def received(smpp, pdu):
    said["deliveries"].append(told(pdu))
    said["receipts"].append({"by": pdu.id.name, **receipt_of(pdu.params)})
    waiting, heard[:] = heard[:], []
    for each in waiting:
        each.callback(None)


def another():
    found = defer.Deferred()
    heard.append(found)
    return found


def meant(value):
    named = isinstance(value, str) and value.startswith("@")
    return ids[value[1:]] if named else value


def native(name, value):
    """Return a field of a step in the stack's own types."""
    if name.endswith(("_ton", "_npi")):
        kind = name[-3:]
        found = {"ton": constants.addr_ton_value_map, "npi": constants.addr_npi_value_map}[kind]
        return {"ton": pdu_types.AddrTon, "npi": pdu_types.AddrNpi}[kind][found[value]]
    if name == "esm_class":
        mode = pdu_types.EsmClassMode[constants.esm_class_mode_value_map[value]]
        return pdu_types.EsmClass(mode, pdu_types.EsmClassType.DEFAULT)
    if name == "registered_delivery":
        receipt = constants.registered_delivery_receipt_value_map[value]
        return pdu_types.RegisteredDelivery(pdu_types.RegisteredDeliveryReceipt[receipt])
    if name == "replace_if_present_flag":
        flag = constants.replace_if_present_flap_value_map[value]
        return pdu_types.ReplaceIfPresentFlag[flag]
    if name == "data_coding":
        plain = pdu_types.DataCodingDefault.SMSC_DEFAULT_ALPHABET
        return pdu_types.DataCoding(pdu_types.DataCodingScheme.DEFAULT, plain)
    if name == "schedule_delivery_time":
        return smpp_time.parse(value)
    return value


def request_of(command, fields):
    own = {name: native(name, meant(value)) for name, value in fields.items()}
    payload = own.pop("message_payload", None)
    if payload is not None:
        own["custom_tlvs"] = [(MESSAGE_PAYLOAD, None, "OctetString", payload.encode())]
    return REQUESTS[command](**own)


@defer.inlineCallbacks
def answer_to(smpp, pdu):
    sent = yield smpp.sendDataRequest(pdu).addErrback(lambda failure: failure.value)
    return getattr(sent, "response", sent)


@defer.inlineCallbacks
def go_through(smpp, step):
    command, fields = step["command"], step["fields"]
    if command == "until":
        owed = {meant(each) for each in fields["ids"]}
        while not owed <= {receipt["id"] for receipt in said["receipts"]}:
            yield another()
        return
    answer = yield answer_to(smpp, request_of(command, fields))
    params = {name: shown(value) for name, value in answer.params.items()}
    status = constants.command_status_name_map[answer.status.name]
    said["answers"].append({**params, "status": status, "message_state": state_of(answer)})
    ids[step["name"]] = params.get("message_id")


@defer.inlineCallbacks
def converse(smpp):
    for request in job.get("requests", ()):
        answer = yield answer_to(smpp, eval(request, names))
        said["answers"].append(told(answer) if hasattr(answer, "params") else repr(answer))
    for step in job.get("steps", ()):
        yield go_through(smpp, step)
    while len(said["deliveries"]) < job.get("deliveries", 0):
        yield another().addTimeout(20, reactor)
    for each in (smpp, *called):
        yield each.unbindAndDisconnect()


def config():
    return SMPPClientConfig(
        host="127.0.0.1",
        port=job["port"],
        username=job.get("system_id", "twisted"),
        password=job["password"],
    )


@defer.inlineCallbacks
def bound():
    kinds = {
        "transmitter": lambda: SMPPClientTransmitter(config()),
        "receiver": lambda: SMPPClientReceiver(config(), received),
        "transceiver": lambda: SMPPClientTransceiver(config(), received),
    }
    smpp = yield kinds[job["kind"]]().connectAndBind()
    yield converse(smpp)


class Client(SMPPClientProtocol):  # type: ignore[misc]  # their class is untyped here
    """What an SMSC has called; the stack itself answers an outbind with bind_receiver."""

    config = staticmethod(config)

    def onPDU_outbind(self, pdu):
        super().onPDU_outbind(pdu)
        told = {name: shown(value) for name, value in pdu.params.items()}
        said["called"].append({**told, "status": 0})  # what it is answered shows: receipts come


class Called(protocol.ServerFactory):
    """Listens for an SMSC that calls."""

    def buildProtocol(self, addr):
        smpp = Client()
        smpp.setDataRequestHandler(received)
        called.append(smpp)
        return smpp


@defer.inlineCallbacks
def run():
    try:
        if "listen" in job:
            reactor.listenTCP(job["listen"], Called(), interface="127.0.0.1")
        yield bound()
    except Exception as error:
        said["error"] = repr(error)
    print(json.dumps(said))
    reactor.stop()


reactor.callWhenRunning(run)
reactor.run()

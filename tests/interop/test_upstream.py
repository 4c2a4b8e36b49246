"""A stranger's SMSC upstream of the bridge: node-smpp as a server, smpplib as the ESME."""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from smpplib.client import Client

from tests.cli.processes import Program, free_ports, running
from tests.interop.bridged import PASSWORD
from tests.interop.test_node_smpp import modules
from tests.patience import PATIENCE

__all__ = ["modules"]  # the fixture: node-smpp in its versions

NUMBER = "254722000001"
SHORT_CODE = "22141"
TEXTS = {
    "gsm": "Ça va? {é@$_} 5 €",
    "ucs2": "Привет 😀",
    "long": "0123456789" * 40,
}
RECEIPT = re.compile(rb"id:(\d+) .* stat:(\w+) err:(\d{3}) ")

# Takes submit_sm in every coding, names them in hexadecimal, reports them in decimal; a text that
# says "phone" is answered from the phone. Prints what it was sent.
SERVER = """
const smpp = require("smpp"), print = (said) => console.log(JSON.stringify(said));
let last = 0xabc;
const receivers = new Set();

function deliver(fields) {
  const [session] = receivers;
  session.deliver_sm(fields, (pdu) => print({ event: "answered", status: pdu.command_status }));
}

const server = smpp.createServer((session) => {
  session.on("error", (error) => print({ event: "error", error: String(error) }));
  session.on("close", () => receivers.delete(session));
  for (const kind of ["transceiver", "transmitter", "receiver"])
    session.on(`bind_${kind}`, (pdu) => {
      const status = pdu.password === "right" ? 0 : smpp.ESME_RINVPASWD;
      print({ event: `bind_${kind}`, system_id: pdu.system_id, version: pdu.interface_version });
      session.send(pdu.response({ command_status: status, system_id: "NODE" }));
      if (!status && kind !== "transmitter") receivers.add(session);
    });
  session.on("enquire_link", (pdu) => session.send(pdu.response()));
  session.on("unbind", (pdu) => {
    print({ event: "unbind" });
    session.send(pdu.response());
    session.close();
  });
  session.on("submit_sm", (pdu) => {
    const id = ++last, { message, udh } = pdu.short_message;
    const { source_addr, destination_addr, registered_delivery, data_coding, esm_class } = pdu;
    print({ event: "submit_sm", source_addr, destination_addr, registered_delivery, data_coding,
      esm_class, message, udh: udh ? udh.length : 0, validity: pdu.validity_period !== "" });
    session.send(pdu.response({ message_id: id.toString(16).toUpperCase() }));
    if (registered_delivery) deliver({
      source_addr: destination_addr, destination_addr: source_addr, esm_class: 4,
      short_message: `id:${String(id).padStart(10, "0")} sub:001 dlvrd:000 submit date:2604010930 `
        + "done date:2604010931 stat:UNDELIV err:027 text:",
    });
    if (message === "alert") [...receivers][0].alert_notification({
      source_addr_ton: 1, source_addr_npi: 1, source_addr: destination_addr,
      esme_addr_ton: 3, esme_addr_npi: 1, esme_addr: "22141", ms_availability_status: 1,
    });
    if (message === "phone") deliver({
      source_addr: destination_addr, destination_addr: "22141", short_message: "Oui, ça va €",
    });
  });
});
server.listen(Number(process.argv[1]), "127.0.0.1", () => print({ event: "listening" }));
"""

SETTINGS = """
smpp: {{listen: "tcp:{smpp}:interface=127.0.0.1"}}
store: "sqlite:{folder}/bridge.db"
log: {{format: text, messages: all}}
accounts: [{{system_id: python, password: {password}}}]
providers:
  node:
    type: smpp
    host: 127.0.0.1
    port: {upstream}
    system_id: bank
    password: right
    bind: {bind}
    ids: hex_to_decimal
routes: [{{via: [node]}}]
mo: [{{to: "{short_code}", account: python}}]
"""


@dataclass
class Server(Program):
    """node-smpp, and what it was sent."""

    port: str = ""

    def events(self, name: str, count: int = 1) -> list[dict[str, Any]]:
        """Wait until there are so many events whose names begin so; return all of them."""
        assert self.process.stdout is not None
        while True:
            found = [json.loads(line) for line in self.said.split("\n")[:-1]]
            named = [event for event in found if event["event"].startswith(name)]
            if len(named) >= count:
                return named
            ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
            octets = os.read(self.process.stdout.fileno(), 65_536) if ready else b""
            assert octets, f"no {name}: {self.said}"
            self.said += octets.decode()


@pytest.fixture(scope="module")
def server(modules: str) -> Iterator[Server]:
    (port,) = free_ports(1)
    process = subprocess.Popen(
        ["node", "-e", SERVER, port],
        env={**os.environ, "NODE_PATH": modules},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    with process:
        try:
            server = Server(process, port=port)
            server.events("listening")
            yield server
        finally:
            process.kill()


@pytest.fixture(scope="module", params=["trx", "tx+rx"])
def esme(
    request: pytest.FixtureRequest, server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Esme]:
    """An ESME that is bound to a bridge, which is bound to node."""
    (smpp,) = free_ports(1)
    folder = tmp_path_factory.mktemp("upstream")
    path: Path = folder / "bridge.yaml"
    path.write_text(
        SETTINGS.format(
            smpp=smpp,
            folder=folder,
            password=PASSWORD,
            upstream=server.port,
            bind=request.param,
            short_code=SHORT_CODE,
        )
    )
    with running("run", "--config", str(path)) as bridge:
        bridge.until("started")
        sessions = 2 if request.param == "tx+rx" else 1
        for _ in range(sessions):
            bridge.until("upstream_bound")
        esme = Esme(smpp)
        yield esme
        esme.client.unbind()
        esme.client.disconnect()
        before = len(server.events("unbind", 0))
        assert bridge.end() == 0
        server.events("unbind", before + sessions)
        assert "unhandled_error" not in bridge.said
        assert "pdu_refused" not in bridge.said


class Esme:
    """smpplib, bound; it keeps what is delivered."""

    def __init__(self, port: str) -> None:
        self.ids: list[bytes] = []
        self.delivered: list[Any] = []
        self.client = Client("127.0.0.1", port, PATIENCE, allow_unknown_opt_params=False)
        self.client.set_message_sent_handler(lambda pdu: self.ids.append(pdu.message_id))
        self.client.set_message_received_handler(lambda pdu: self.delivered.append(pdu))
        self.client.connect()
        self.client.bind_transceiver(system_id="python", password=PASSWORD)

    def submit(self, text: str, number: str = NUMBER) -> bytes:
        """Submit a text as UCS2, whole; return its message_id."""
        self.client.send_message(
            source_addr_ton=5,
            source_addr="ACME",
            dest_addr_ton=1,
            dest_addr_npi=1,
            destination_addr=number,
            registered_delivery=1,
            data_coding=8,
            message_payload=text.encode("utf-16-be"),
        )
        before = len(self.ids)
        while len(self.ids) == before:
            self.client.read_once(auto_send_enquire_link=False)
        return self.ids[-1]

    def hear(self) -> Any:
        """Return what is delivered next."""
        while not self.delivered:
            self.client.read_once(auto_send_enquire_link=False)
        return self.delivered.pop(0)


def test_node_was_bound_as_is_set(esme: Esme, server: Server) -> None:
    bound = server.events("bind_")
    assert {(each["system_id"], each["version"]) for each in bound} == {("bank", 0x34)}


@pytest.mark.parametrize(("kind", "count"), [("gsm", 1), ("ucs2", 1), ("long", 3)])
def test_a_text_arrives_and_its_receipt_returns(
    esme: Esme, server: Server, kind: str, count: int
) -> None:
    before = len(server.events("submit_sm", 0))
    message_id = esme.submit(TEXTS[kind])
    receipt = esme.hear()
    found = RECEIPT.match(receipt.short_message)
    assert found
    assert found.groups() == (message_id, b"UNDELIV", b"027")
    submitted = server.events("submit_sm", before + count)[before:]
    assert "".join(each["message"] for each in submitted) == TEXTS[kind]
    assert [each["registered_delivery"] for each in submitted] == [1] * count
    assert {each["destination_addr"] for each in submitted} == {NUMBER}
    assert {each["esm_class"] for each in submitted} == {0x40 if count > 1 else 0}
    assert all(each["validity"] for each in submitted)


def test_a_phone_answers(esme: Esme, server: Server) -> None:
    before, submitted = (len(server.events(each, 0)) for each in ("answered", "submit_sm"))
    esme.submit("phone")
    heard = [esme.hear(), esme.hear()]
    (mo,) = [pdu for pdu in heard if not pdu.esm_class & 4]
    assert (mo.source_addr, mo.destination_addr) == (NUMBER.encode(), SHORT_CODE.encode())
    assert {each["status"] for each in server.events("answered", before + 2)} == {0}
    assert len(server.events("submit_sm", submitted + 1)) == submitted + 1


def test_a_phone_is_there_again(esme: Esme, server: Server) -> None:
    before = len(server.events("submit_sm", 0))
    esme.submit("alert")
    heard = [esme.hear(), esme.hear()]
    (alert,) = [pdu for pdu in heard if pdu.command == "alert_notification"]
    assert (alert.source_addr, alert.esme_addr) == (NUMBER.encode(), SHORT_CODE.encode())
    assert (alert.source_addr_ton, alert.esme_addr_ton) == (1, 3)
    assert alert.ms_availability_status == 1
    assert len(server.events("submit_sm", before + 1)) == before + 1


def test_nothing_goes_wrong_in_node(esme: Esme, server: Server) -> None:
    assert server.events("error", 0) == []

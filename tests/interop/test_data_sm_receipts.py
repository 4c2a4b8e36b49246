"""node-smpp gets receipts by data_sm, under ids in hexadecimal, and acknowledges them itself."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from contextlib import closing
from typing import Any

import pytest

from smppbridge.simulators.keccel import KeccelSimulator
from tests.cli.processes import running
from tests.interop.bridged import PASSWORD, Place, in_thread, settle
from tests.interop.test_kannel import BADLY, WELL
from tests.interop.test_node_smpp import modules
from tests.patience import PATIENCE

__all__ = ["modules"]  # the fixture: node-smpp in its versions

TERMS = "binds: 4, receipts: {by: data_sm, id: hex, id_width: 16}"

# Submits to two numbers; refuses the first receipt for the moment, and prints all receipts.
SCRIPT = """
const smpp = require("smpp"), { once } = require("events");
const job = JSON.parse(process.argv[1]), said = { ids: [], receipts: [] };
const session = smpp.connect({ host: "127.0.0.1", port: job.port });
const ask = (command, fields) => new Promise((answer) => session[command](fields, answer));

async function main() {
  await ask("bind_transceiver", { system_id: "node", password: job.password });
  for (const destination_addr of job.numbers) {
    const fields = { source_addr: "ACME", destination_addr, registered_delivery: 1 };
    const tagged = { ...fields, user_message_reference: 77, short_message: "hello" };
    said.ids.push((await ask("submit_sm", tagged)).message_id);
  }
  while (said.receipts.length < job.numbers.length + 1) await once(session, "data_sm");
  await ask("unbind", {});
  session.close();
}

session.on("data_sm", (pdu) => {
  const { esm_class, receipted_message_id: id, message_state: state, message_payload } = pdu;
  const { user_message_reference: reference } = pdu, text = message_payload.message;
  const command_status = said.receipts.length ? 0 : smpp.errors.ESME_RX_T_APPN;
  said.receipts.push({ esm_class, id, state, reference, text });
  session.send(pdu.response({ command_status }));
});
session.on("connect", main);
session.on("close", () => console.log(JSON.stringify(said)));
"""


@pytest.fixture(scope="module")
def place(simulator: KeccelSimulator, tmp_path_factory: pytest.TempPathFactory) -> Place:
    return settle(tmp_path_factory.mktemp("data_sm"), simulator, ["node"], TERMS)


ODD = (
    "{by: data_sm, form: tlv_only}",
    "{stat: {DELIVRD: GONE}}",
    "{form: kannel, date: YYYYMMDDhhmmss}",
)


@in_thread
def test_our_own_command_reads_them(
    simulator: KeccelSimulator, tmp_path_factory: pytest.TempPathFactory
) -> None:
    accounts = [f"odd{number}, receipts: {terms}" for number, terms in enumerate(ODD)]
    odd = settle(tmp_path_factory.mktemp("odd_receipts"), simulator, accounts)
    with odd.bridge() as bridge:
        bridge.until("started")
        for number in range(len(ODD)):
            login = ["--port", odd.port, "--system-id", f"odd{number}", "--password", PASSWORD]
            with running("send", *login, "--to", WELL, "hello") as sending:
                sending.until("1 delivered")
                assert sending.process.wait(PATIENCE) == 0
        assert bridge.end() == 0


@in_thread
def test_a_data_sm_resp_concludes_a_receipt(modules: str, place: Place) -> None:
    job = {"port": int(place.port), "password": PASSWORD, "numbers": [WELL, BADLY]}
    with place.bridge() as bridge:
        bridge.until("started")
        done = subprocess.run(
            ["node", "-e", SCRIPT, json.dumps(job)],
            env={**os.environ, "NODE_PATH": modules},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert bridge.end() == 0
    assert done.returncode == 0, done.stderr
    assert "pdu_refused" not in bridge.said
    assert "unhandled_error" not in bridge.said
    said: Any = json.loads(done.stdout)
    receipts = {each["id"]: (each["state"], each["text"]) for each in said["receipts"]}
    assert [each["esm_class"] for each in said["receipts"]] == [4, 4, 4]
    assert [each["reference"] for each in said["receipts"]] == [77, 77, 77]
    shown = {
        f"{int(message_id):016x}": state
        for message_id, state in zip(said["ids"], (2, 5), strict=True)
    }
    assert {message_id: state for message_id, (state, _) in receipts.items()} == shown
    for message_id, (_, text) in receipts.items():
        assert text.startswith(f"id:{message_id} sub:001 ")
    with closing(sqlite3.connect(place.settings.parent / "bridge.db")) as store:
        owed = store.execute("select count(*) from delivery where finished_at is null")
        assert owed.fetchone() == (0,)

"""USSD between a phone and node-smpp, an ESME that is not ours."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from smppbridge.simulators.keccel import KeccelSimulator
from smppbridge.simulators.ussd import Phone, PhoneScreen
from tests.interop.bridged import PASSWORD, in_thread, settle
from tests.interop.test_node_smpp import modules
from tests.patience import PATIENCE

__all__ = ["modules"]  # a fixture

KEY, CODE, NUMBER = "interopussdinteropussd", "*384*77#", "254722000001"

# Answers each input with the next screen of the job, says "bound", prints what it heard.
SCRIPT = """
const smpp = require("smpp"), job = JSON.parse(process.argv[1]), heard = [];
const session = smpp.connect({ host: "127.0.0.1", port: job.port });

session.on("deliver_sm", (pdu) => {
  session.send(pdu.response());
  const { message } = pdu.short_message, info = pdu.its_session_info;
  const text = Buffer.isBuffer(message) ? message.toString("latin1") : message;
  heard.push([pdu.ussd_service_op, pdu.source_addr, pdu.destination_addr, text]);
  const [op, screen] = job.screens.shift();
  session.submit_sm({
    service_type: "USSD", source_addr: pdu.destination_addr, destination_addr: pdu.source_addr,
    data_coding: 15, short_message: Buffer.from(screen), ussd_service_op: op,
    ...(job.echoes ? { its_session_info: info } : {}),
  }, (response) => {
    heard.push(response.command_status);
    if (!job.screens.length) session.unbind(() => session.close());
  });
});
session.on("connect", () => session.bind_transceiver(
  { system_id: job.system_id, password: job.password }, () => console.log("bound")));
session.on("close", () => console.log(JSON.stringify(heard)));
"""


@contextmanager
def esme(modules: str, **job: Any) -> Iterator[subprocess.Popen[str]]:
    """Run the script until it is bound; end it at the end."""
    process = subprocess.Popen(
        ["node", "-e", SCRIPT, json.dumps(job)],
        env={**os.environ, "NODE_PATH": modules},
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "bound\n"
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("echoes", [True, False])
@in_thread
def test_a_dialogue_of_three_screens(
    modules: str, simulator: KeccelSimulator, tmp_path: Path, echoes: bool
) -> None:
    place = settle(tmp_path, simulator, ["node"])
    settings = yaml.safe_load(place.settings.read_text())
    settings["ussd"] = {"key": KEY, "codes": {CODE: "node"}}
    place.settings.write_text(yaml.safe_dump(settings))
    port = settings["callbacks"]["listen"].split(":")[1]
    phone = Phone(f"http://127.0.0.1:{port}/ussd/{KEY}", CODE, NUMBER)
    job = {"port": int(place.port), "system_id": "node", "password": PASSWORD, "echoes": echoes}
    screens = [[2, "1. Solde"], [2, "PIN?"], [17, "Au revoir"]]
    with place.bridge() as bridge:
        bridge.until("started")
        with esme(modules, **job, screens=screens) as process:
            assert phone.dial() == PhoneScreen("1. Solde", False)
            assert phone.answer("1") == PhoneScreen("PIN?", False)
            assert phone.answer("0000") == PhoneScreen("Au revoir", True)
            heard = json.loads(process.communicate(timeout=PATIENCE)[0])
        assert bridge.end() == 0
    asked = [each for each in heard if isinstance(each, list)]
    assert asked == [
        [1, NUMBER, CODE, CODE],
        [18, NUMBER, CODE, "1"],
        [18, NUMBER, CODE, "0000"],
    ]
    assert [each for each in heard if not isinstance(each, list)] == [0, 0, 0]
    assert "unhandled_error" not in bridge.said

"""node-smpp against the bridge, in two versions; it chooses alphabets and encodes by itself."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from smppbridge.simulators.keccel import KeccelSimulator
from smppbridge.smpp.constants import CommandStatus, EsmClass, MessageState
from tests.cli.processes import Program
from tests.interop.bridged import PASSWORD, Place, in_thread, settle
from tests.patience import PATIENCE

NUMBER = "243810000001"
RECEIPT = re.compile(r"id:(\d+) sub:001 dlvrd:001 submit date:\d{10} done date:\d{10} stat:(\w+) ")
BRANCHES = ["+243810000011", "+243810000012"]
GSM = ("Ça va? {é@$_}", " 5 €", " l'unité")
UCS2 = ("Привет", " 😀", ", мир!")
REFERENCES = count(1)

# Binds, submits, waits for receipts, enquires and unbinds; prints what it was answered.
SCRIPT = """
const smpp = require("smpp"), { once } = require("events");
const job = JSON.parse(process.argv[1]);
const said = { responses: {}, submitted: [], receipts: [], multi: [] };
const session = smpp.connect({ host: "127.0.0.1", port: job.port });

async function ask(command, fields) {
  const pdu = await new Promise((answer) => session[command](fields, answer));
  said.responses[command] = pdu.command_status;
  return pdu;
}

function submission(fields) {
  const udh = fields.short_message && fields.short_message.udh;
  if (udh) fields.short_message.udh = Buffer.from(udh);
  return { source_addr: "ACME", destination_addr: job.number, registered_delivery: 1, ...fields };
}

async function main() {
  const { kind, system_id, password, submissions, receipts } = job;
  const { command_status } = await ask(`bind_${kind}`, { system_id, password });
  if (command_status) return session.destroy();
  const answers = submissions.map((fields) => ask("submit_sm", submission(fields)));
  said.submitted = (await Promise.all(answers)).map((pdu) => pdu.message_id);
  for (const fields of job.multi) {
    const { message_id, unsuccess_sme } = await ask("submit_multi", fields);
    said.multi.push({ message_id, unsuccess_sme });
  }
  while (said.receipts.length < receipts) await once(session, "deliver_sm");
  await ask("enquire_link", {});
  await ask("unbind", {});
  session.close();
}

session.on("deliver_sm", (pdu) => {
  session.send(pdu.response());
  const { esm_class, receipted_message_id: id, message_state, source_addr } = pdu;
  const text = pdu.short_message.message;
  said.receipts.push({ esm_class, id, message_state, source_addr, text });
});
session.on("connect", main);
session.on("close", () => console.log(JSON.stringify(said)));
"""


def is_in(modules: str, version: str) -> bool:
    """Tell whether *modules*, a folder of Node's, has this version of node-smpp."""
    package = Path(modules, "smpp", "package.json")
    return package.is_file() and json.loads(package.read_text())["version"] == version


def install(folder: Path, version: str) -> str:
    """Install node-smpp below *folder*; return why it cannot be, or nothing."""
    npm = shutil.which("npm")
    if not npm:
        return "there is no npm"
    options = ["--no-fund", "--no-audit", "--fetch-retries=0", "--prefix", str(folder)]
    command = [npm, "install", *options, f"smpp@{version}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.stderr[-300:] if done.returncode else ""


@pytest.fixture(scope="module", params=["0.5.1", "0.6.0-rc.4"])
def modules(request: pytest.FixtureRequest) -> str:
    """The folder that has this version of node-smpp."""
    version = request.param
    if not shutil.which("node"):
        pytest.skip(f"NODE-SMPP {version} IS NOT TESTED, there is no node: nodejs, npm")
    cache = request.config.cache.mkdir(f"node-smpp-{version}")
    given = os.environ.get("NODE_PATH", "").split(os.pathsep)
    folders = [*filter(None, given), str(cache / "node_modules")]
    with (cache / "lock").open("w") as lock:  # tests in another process may be installing there
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = [folder for folder in folders if is_in(folder, version)]
        why = "" if found else install(cache, version)
    if why:
        pytest.skip(f"NODE-SMPP {version} IS NOT TESTED, it cannot be installed: {why}")
    return (found or folders)[-1]


@pytest.fixture(scope="module")
def place(simulator: KeccelSimulator, tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = settle(tmp_path_factory.mktemp("node_smpp"), simulator, ["node"])
    lists = {"lists": {"branches": {"numbers": BRANCHES, "accounts": ["node"]}}}
    place.settings.write_text(f"{place.settings.read_text()}\n{json.dumps(lists)[1:-1]}\n")
    return place


@pytest.fixture(scope="module")
def bridge(place: Place) -> Iterator[Program]:
    with place.bridge() as bridge:
        bridge.until("started")
        yield bridge
        assert bridge.end() == 0
    assert "unhandled_error" not in bridge.said
    assert bridge.said.count("pdu_refused") == bridge.said.count("ESME_RINVBNDSTS")


def said(
    modules: str,
    place: Place,
    kind: str,
    submissions: Sequence[dict[str, Any]] = (),
    receipts: int = 0,
    password: str = PASSWORD,
    multi: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """Run the script; return what it printed."""
    job = {
        "port": int(place.port),
        "kind": kind,
        "system_id": "node",
        "password": password,
        "number": NUMBER,
        "submissions": submissions,
        "multi": multi,
        "receipts": receipts,
    }
    done = subprocess.run(
        ["node", "-e", SCRIPT, json.dumps(job)],
        env={**os.environ, "NODE_PATH": modules},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def submissions(way: str, texts: Sequence[str], **fields: Any) -> list[dict[str, Any]]:
    """Return what is particular to each submit_sm of *texts*, to be joined in a *way*.

    Each time under another reference: a text that comes again under one is a repetition.
    """
    total, reference = len(texts), next(REFERENCES)
    found = []
    for number, text in enumerate(texts, 1):
        particular: dict[str, Any] = {
            "whole": {"short_message": text},
            "message_payload": {"message_payload": text},
            "udh8": {
                "short_message": {"udh": [5, 0, 3, reference, total, number], "message": text}
            },
            "udh16": {
                "short_message": {"udh": [6, 8, 4, 1, reference, total, number], "message": text}
            },
            "sar": {
                "short_message": text,
                "sar_msg_ref_num": 256 + reference,
                "sar_total_segments": total,
                "sar_segment_seqnum": number,
            },
        }
        found.append(fields | particular[way])
    return found


def heard(receipts: Sequence[dict[str, Any]]) -> Counter[tuple[Any, ...]]:
    """Return how often each thing was said in a receipt; its text must agree with its TLVs."""
    found: Counter[tuple[Any, ...]] = Counter()
    for receipt in receipts:
        words = RECEIPT.match(receipt["text"])
        assert words, receipt["text"]
        assert words[1] == receipt["id"]
        rest = (receipt["esm_class"], receipt["message_state"], receipt["source_addr"])
        found[(*words.groups(), *rest)] += 1
    return found


def delivered(submitted: Sequence[str]) -> Counter[tuple[Any, ...]]:
    """Return the receipts that must come: one for each message_id."""
    rest = ("DELIVRD", EsmClass.RECEIPT, MessageState.DELIVERED, NUMBER)
    return Counter((message_id, *rest) for message_id in set(submitted))


@pytest.mark.parametrize(
    ("way", "texts", "fields"),
    [
        ("whole", ["Your code is 246810"], {}),  # data_coding 1, by its own choice
        ("whole", ["la fête, déjà"], {}),  # 3
        ("whole", ["Привет 😀"], {}),  # 8
        ("whole", ["".join(GSM)], {"data_coding": 0}),
        *((way, GSM, {"data_coding": 0}) for way in ("udh8", "udh16", "sar")),
        *((way, UCS2, {"data_coding": 8}) for way in ("udh8", "udh16", "sar")),
        ("message_payload", ["".join(GSM) * 16], {"data_coding": 0}),
        ("message_payload", ["".join(UCS2) * 16], {"data_coding": 8}),
    ],
)
@in_thread
def test_every_segment_has_one_receipt_and_the_provider_the_whole(
    modules: str,
    bridge: Program,
    place: Place,
    simulator: KeccelSimulator,
    way: str,
    texts: Sequence[str],
    fields: dict[str, Any],
) -> None:
    simulator.taken.clear()
    found = said(modules, place, "transceiver", submissions(way, texts, **fields), len(texts))
    answered = ("bind_transceiver", "submit_sm", "enquire_link", "unbind")
    assert found["responses"] == dict.fromkeys(answered, 0)
    assert len(set(found["submitted"])) == len(texts)
    assert heard(found["receipts"]) == delivered(found["submitted"])
    assert simulator.taken == {(NUMBER, "".join(texts)): 1}


@in_thread
def test_receipts_of_a_transmitter_wait_for_a_receiver(
    modules: str, bridge: Program, place: Place
) -> None:
    tx = said(modules, place, "transmitter", submissions("sar", UCS2, data_coding=8))
    bridge.until(f"message_delivered message_id={tx['submitted'][0]}")
    rx = said(modules, place, "receiver", receipts=3)
    assert rx["responses"] == {"bind_receiver": 0, "enquire_link": 0, "unbind": 0}
    assert (tx["receipts"], heard(rx["receipts"])) == ([], delivered(tx["submitted"]))


@in_thread
def test_a_submit_multi_has_one_message_id_and_a_receipt_for_each_number(
    modules: str, bridge: Program, place: Place, simulator: KeccelSimulator
) -> None:
    simulator.taken.clear()
    numbers = ["243810000010", *(number[1:] for number in BRANCHES)]
    to = [
        {"destination_addr": "1", "dest_addr_ton": 1, "dest_addr_npi": 1},
        {"destination_addr": numbers[0], "dest_addr_ton": 1, "dest_addr_npi": 1},
        {"dl_name": "branches"},
        {"dl_name": "nobody"},
    ]
    text = "".join(GSM)
    fields = {"source_addr": "ACME", "dest_address": to, "registered_delivery": 1}
    multi = fields | {"short_message": text, "data_coding": 0}
    found = said(modules, place, "transceiver", receipts=3, multi=[multi])
    ((message_id, unsuccess),) = (each.values() for each in found["multi"])
    assert found["responses"]["submit_multi"] == 0
    assert [(each["destination_addr"], each["error_status_code"]) for each in unsuccess] == [
        ("nobody", CommandStatus.ESME_RINVDLNAME),
        ("1", CommandStatus.ESME_RINVDSTADR),
    ]
    rest = (message_id, "DELIVRD", EsmClass.RECEIPT, MessageState.DELIVERED)
    assert heard(found["receipts"]) == Counter((*rest, number) for number in numbers)
    assert simulator.taken == {(number, text): 1 for number in numbers}


@in_thread
def test_a_receiver_may_not_submit(modules: str, bridge: Program, place: Place) -> None:
    found = said(modules, place, "receiver", submissions("whole", ["x"]))
    assert found["responses"] == {
        "bind_receiver": 0,
        "submit_sm": CommandStatus.ESME_RINVBNDSTS,
        "enquire_link": 0,
        "unbind": 0,
    }


@pytest.mark.parametrize("kind", ["transmitter", "receiver", "transceiver"])
@in_thread
def test_a_wrong_password_is_refused(
    modules: str, bridge: Program, place: Place, kind: str
) -> None:
    found = said(modules, place, kind, password="wrong")
    assert found["responses"] == {f"bind_{kind}": CommandStatus.ESME_RINVPASWD}

"""larvitsmpp against the bridge.

It binds with interface_version 0, writes GSM 03.38 under data_coding 1, takes receipts by their
TLVs alone, and unbinds before it answers its last one; each process counts references from 1.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from smppbridge.simulators.keccel import KeccelSimulator
from tests.cli.processes import Program
from tests.interop.bridged import PASSWORD, Place, in_thread, settle
from tests.patience import PATIENCE

VERSION = "0.4.0"
NUMBER = "243810000001"
# it loses a NUL at the end of a text, so no text ends with @
SHORT = ["Ça? a@b {$_} 5 €", "Привет 😀, мир!"]
LONG = ["é@$[€] " * 40 + "one.", "Привет 😀, мир!" * 10]

# In each round: binds, sends texts, waits for receipts, and unbinds in the listener of the last.
SCRIPT = """
const larvitsmpp = require("larvitsmpp");
const { port, password, number, rounds } = JSON.parse(process.argv[1]);
const quiet = Object.fromEntries(
  ["silly", "debug", "verbose", "info", "warn", "error"].map((level) => [level, () => {}]));

function round(texts) {
  const said = { statuses: [], submitted: [], receipts: [] };
  return new Promise((done, failed) => larvitsmpp.client(
    { host: "127.0.0.1", port, username: "larvit", password, log: quiet },
    (error, session) => {
      if (error) return failed(error);
      let unanswered = texts.length;
      const part = () => {
        if (!unanswered && said.receipts.length >= said.submitted.length) session.unbind();
      };
      session.on("close", () => done(said));
      session.on("dlr", ({ smsId, statusMsg }) => part(said.receipts.push([smsId, statusMsg])));
      const take = (error, ids, pdus) => {
        said.submitted.push(...ids);
        said.statuses.push(...pdus.map((pdu) => pdu.cmdStatus));
        part(unanswered--);
      };
      for (const message of texts)
        session.sendSms({ from: "46701113311", to: number, message, dlr: true }, take);
    }));
}

(async () => {
  const said = [];
  for (const texts of rounds) said.push(await round(texts));
  console.log(JSON.stringify(said));
})();
"""


def install(folder: Path) -> str:
    """Install larvitsmpp below *folder*; return why it cannot be, or nothing."""
    npm = shutil.which("npm")
    if not npm:
        return "there is no npm"
    options = ["--no-fund", "--no-audit", "--fetch-retries=0", "--prefix", str(folder)]
    command = [npm, "install", *options, f"larvitsmpp@{VERSION}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.stderr[-300:] if done.returncode else ""


@pytest.fixture(scope="module")
def modules(request: pytest.FixtureRequest) -> str:
    """The folder that has larvitsmpp."""
    if not shutil.which("node"):
        pytest.skip("LARVITSMPP IS NOT TESTED, there is no node: nodejs, npm")
    cache = request.config.cache.mkdir("larvitsmpp")
    given = os.environ.get("NODE_PATH", "").split(os.pathsep)
    folders = [*filter(None, given), str(cache / "node_modules")]
    found = [folder for folder in folders if Path(folder, "larvitsmpp", "package.json").is_file()]
    why = "" if found else install(cache)
    if why:
        pytest.skip(f"LARVITSMPP IS NOT TESTED, it cannot be installed: {why}")
    return (found or folders)[-1]


@pytest.fixture(scope="module")
def place(simulator: KeccelSimulator, tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("larvitsmpp")
    return settle(folder, simulator, ["larvit"], rights="binds: 1, data_coding_1: gsm7")


@pytest.fixture(scope="module")
def bridge(place: Place) -> Iterator[Program]:
    with place.served() as bridge:
        yield bridge
    assert "session_refused" not in bridge.said


def said(modules: str, place: Place, *rounds: Sequence[str]) -> list[dict[str, Any]]:
    """Run the script; return what it printed of each round."""
    job = {"port": int(place.port), "password": PASSWORD, "number": NUMBER, "rounds": rounds}
    done = subprocess.run(
        ["node", "-e", SCRIPT, json.dumps(job)],
        env={**os.environ, "NODE_PATH": modules},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def is_well(said: dict[str, Any], segments: int) -> bool:
    """Tell whether each segment was answered, and each has one receipt, of this round alone."""
    delivered = sorted([message_id, "DELIVERED"] for message_id in said["submitted"])
    return (
        said["statuses"] == ["ESME_ROK"] * segments
        and len({*said["submitted"]}) == segments
        and sorted(said["receipts"]) == delivered
    )


@in_thread
def test_each_text_comes_whole_and_each_receipt_once_though_it_binds_again_at_once(
    modules: str, bridge: Program, place: Place, simulator: KeccelSimulator
) -> None:
    simulator.taken.clear()
    first, second, third = said(modules, place, SHORT, LONG, ["again"])
    assert is_well(first, 2)
    assert is_well(second, 5)
    assert is_well(third, 1)
    assert simulator.taken == {(NUMBER, text): 1 for text in (*SHORT, *LONG, "again")}


@in_thread
def test_the_next_process_uses_the_same_references_for_other_texts(
    modules: str, bridge: Program, place: Place, simulator: KeccelSimulator
) -> None:
    simulator.taken.clear()
    texts = [letter + "*" * 200 + letter for letter in "ab"]
    rounds = [said(modules, place, [text]) for text in texts]
    assert [is_well(found, 2) for (found,) in rounds] == [True, True]
    assert simulator.taken == {(NUMBER, text): 1 for text in texts}

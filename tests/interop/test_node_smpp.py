"""node-smpp against the daemon; it says that it speaks SMPP 5.0."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.system.daemon import Daemon
from tests.system.provider import Provider

VERSION = "0.6.0-rc.4"
LONG = "".join(f"{n:03d} a long text that is cut, " for n in range(14))
PIECES = [LONG[at : at + 150] for at in range(0, len(LONG), 150)]
GSM = "Grüße @ £5 {€}"
UCS2 = "Привет 👍"

SCRIPT = """
const smpp = require('smpp');
const [port, jobs] = JSON.parse(process.argv[2]);
const ids = [], receipts = [];
const give_up = setTimeout(() => { console.error('too late'); process.exit(3); }, 20000);
const end = () => session.unbind({}, () => {
  clearTimeout(give_up);
  console.log(JSON.stringify({ids, receipts}));
  session.close(() => process.exit(0));
});
const note = () => ids.length == jobs.length && receipts.length == jobs.length && end();
const session = smpp.connect({url: `smpp://127.0.0.1:${port}`}, () => {
  session.bind_transceiver({system_id: 'bank', password: 'secret'}, (bound) => {
    if (bound.command_status) { console.error(bound.command_status); process.exit(4); }
    for (const {udh, text, ...fields} of jobs) {
      const message = udh ? {udh: Buffer.from(udh, 'hex'), message: text} : text;
      const where = fields.payload ? {message_payload: {message: text}} : {short_message: message};
      delete fields.payload;
      session.submit_sm({
        source_addr_ton: 5, source_addr: 'BANK', dest_addr_ton: 1, dest_addr_npi: 1,
        destination_addr: '243810000001', registered_delivery: 1, ...where, ...fields,
      }, (answer) => { ids.push(answer.command_status || answer.message_id); note(); });
    }
  });
});
session.on('error', (error) => { console.error(error); process.exit(5); });
session.on('enquire_link', (pdu) => session.send(pdu.response()));
session.on('deliver_sm', (pdu) => {
  session.send(pdu.response());
  receipts.push([pdu.receipted_message_id, pdu.short_message.message]);
  note();
});
"""

JOBS: dict[str, list[dict[str, Any]]] = {
    "gsm": [{"text": GSM, "data_coding": 0}],  # by itself it would say 1, and write GSM 03.38
    "ucs2": [{"text": UCS2, "data_coding": 8}],
    "udh 8 bit": [
        {"text": text, "udh": f"0500030903{n:02x}", "esm_class": 0x40}
        for n, text in enumerate(PIECES, 1)
    ],
    "udh 16 bit": [
        {"text": text, "udh": f"060804123403{n:02x}", "esm_class": 0x40}
        for n, text in enumerate(PIECES, 1)
    ],
    "sar": [
        {
            "text": text,
            "sar_msg_ref_num": 77,
            "sar_total_segments": len(PIECES),
            "sar_segment_seqnum": n,
        }
        for n, text in enumerate(PIECES, 1)
    ],
    "message_payload": [{"text": LONG, "payload": True}],
}


@pytest.fixture(scope="session")
def folder(request: pytest.FixtureRequest) -> Path:
    """A folder with node-smpp in it, kept between runs."""
    cache: Any = request.config.cache
    folder = Path(cache.mkdir("node-smpp"))
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("NODE-SMPP IS NOT TESTED: there is no node or no npm")
    if not (folder / "node_modules" / "smpp").exists():
        install = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", f"smpp@{VERSION}"]
        done = subprocess.run(
            install, check=False, cwd=folder, capture_output=True, text=True, timeout=120
        )
        if done.returncode:
            pytest.skip(f"NODE-SMPP IS NOT TESTED, it cannot be installed: {done.stderr[-300:]}")
    (folder / "esme.js").write_text(SCRIPT, encoding="utf-8")
    return folder


@pytest.mark.parametrize("jobs", JOBS.values(), ids=JOBS)
def test_it_sends_and_hears_of_every_segment(
    folder: Path, daemon: Daemon, provider: Provider, jobs: list[dict[str, Any]]
) -> None:
    daemon.start()
    command = ["node", "esme.js", json.dumps([daemon.smpp, jobs])]
    done = subprocess.run(
        command, check=False, cwd=folder, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert sorted(said["ids"]) == sorted(named for named, _ in said["receipts"])
    assert len(set(said["ids"])) == len(jobs)
    assert all(" stat:DELIVRD err:000 " in text for _, text in said["receipts"])
    assert provider.taken == {"".join(job["text"] for job in jobs): 1}

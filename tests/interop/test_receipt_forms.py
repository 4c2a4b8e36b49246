"""Every form of receipts, octet for octet, before the parser of the stack it is named after.

Kannel's is in test_kannel_receipts: nothing of Kannel reads octets but bearerbox.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from smpplib.client import Client
from smpplib.smpp import parse_pdu

from smppbridge.model.account import Account, Secret
from smppbridge.model.receipts import FORMS
from smppbridge.relay.receipt_pdus import receipt_pdu
from smppbridge.settings.receipts import AccountReceiptsSection
from smppbridge.smpp.constants import MessageState
from smppbridge.smpp.receipt import STAT
from tests.interop.jasmin_servers import PYTHON
from tests.interop.test_node_smpp import modules
from tests.patience import PATIENCE
from tests.relay.fakes import NOW, delivery

__all__ = ["modules"]  # the fixture: node-smpp in its versions

MESSAGE_ID = 1_700_000_000_123
WORDS = {int(state): word.decode() for state, word in STAT.items()}
CLIENT_PATTERNS = [r"id:(\w+)", r"stat:(\w+)", r"err:(\d{3})", r"submit date:(\d+)"]

# Decodes PDUs, a line each, and prints what Jasmin takes the receipt in each for.
JASMIN = """
import json, sys
from io import BytesIO
from smpp.pdu.pdu_encoding import PDUEncoder
from jasmin.protocols.smpp.operations import SMPPOperationFactory
factory = SMPPOperationFactory()
for line in sys.stdin:
    found = factory.isDeliveryReceipt(PDUEncoder().decode(BytesIO(bytes.fromhex(line))))
    print(json.dumps(found, default=lambda value: value.decode()))
"""
NODE = """
const smpp = require("smpp"), lines = require("fs").readFileSync(0, "utf8").trim().split("\\n");
for (const line of lines) {
  const pdu = new smpp.PDU(Buffer.from(line, "hex"));
  const text = pdu.command === "data_sm" ? pdu.message_payload : pdu.short_message;
  const { command, esm_class, receipted_message_id: id, message_state } = pdu;
  const said = text && text.message ? text.message : "";
  console.log(JSON.stringify({ command, esm_class, id, message_state, text: said }));
}
"""


def octets(state: int = 2, version: int = 0x34, **keys: Any) -> bytes:
    """Return a receipt, with an error that is not 0."""
    terms = AccountReceiptsSection.model_validate(keys).terms()
    account = Account(system_id="bank", password=Secret("x"), receipts=terms)
    about = {"state": state, "error": 27, "text": "Hello world", "done_at": NOW + 65}
    owed = delivery(MESSAGE_ID, final=MessageState(state).is_final, **about)
    pdu = receipt_pdu(account)(owed, version)
    pdu.sequence_number = 1
    return pdu.encode()


def fed(command: list[str], pdus: list[bytes], **environment: str) -> list[Any]:
    """Return what a program prints about each of the PDUs."""
    done = subprocess.run(
        command,
        input="\n".join(pdu.hex() for pdu in pdus) + "\n",
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


# -- Jasmin ---------------------------------------------------------------------------------------

# its table of message_states lacks ENROUTE, which it so takes for UNKNOWN, from any SMSC
BY_TLVS = [(str(MESSAGE_ID), "UNKNOWN" if state == 1 else word) for state, word in WORDS.items()]


@pytest.fixture(scope="module")
def jasmin() -> list[str]:
    python = os.environ.get(PYTHON, "")
    if not Path(python).is_file():
        pytest.skip(f"JASMIN'S PARSER IS NOT TESTED, there is no {PYTHON}={python}")
    return [python, "-W", "ignore", "-c", JASMIN]


@pytest.mark.parametrize("form", FORMS)
def test_jasmin_reads_the_tlvs_of_every_form(jasmin: list[str], form: str) -> None:
    found = fed(jasmin, [octets(state, form=form) for state in WORDS], PYTHONPATH="")
    assert [(each["id"], each["stat"]) for each in found] == BY_TLVS


def test_jasmin_reads_its_own_text(jasmin: list[str]) -> None:
    keys: dict[str, Any] = {"form": "jasmin", "tlvs": False}
    found = fed(jasmin, [octets(state, **keys) for state in WORDS], PYTHONPATH="")
    for each, word in zip(found, WORDS.values(), strict=True):
        assert (each["id"], each["stat"], each["err"]) == (str(MESSAGE_ID), word, "027")
        assert (each["sdate"], each["ddate"]) == ("2701150800", "2701150801")
        assert (each["sub"], each["dlvrd"], each["text"]) == ("ND", "ND", "")


def test_jasmin_reads_the_other_texts(jasmin: list[str]) -> None:
    pdus = [octets(form=form, version=0x33) for form in FORMS]
    for form, each in zip(FORMS, fed(jasmin, pdus, PYTHONPATH=""), strict=True):
        assert (each["id"], each["stat"], each["err"]) == (str(MESSAGE_ID), "DELIVRD", "027")
        assert each["text"] == ("" if form == "jasmin" else "Hello world")


def test_jasmin_reads_receipts_by_data_sm(jasmin: list[str]) -> None:
    pdus = [octets(state, form="jasmin", by="data_sm", text="") for state in WORDS]
    found = fed(jasmin, pdus, PYTHONPATH="")
    assert [(each["id"], each["stat"]) for each in found] == BY_TLVS


# -- node-smpp and smpplib ------------------------------------------------------------------------


def checked(form: str, state: int, text: str) -> None:
    if form == "tlv_only":
        assert text == ""
        return
    found = [re.search(pattern, text) for pattern in CLIENT_PATTERNS]
    message_id, stat, err, date = [each[1] for each in found if each]
    word = dict(FORMS[form].get("stat", {})).get(WORDS[state], WORDS[state])  # type: ignore[index]
    assert (message_id, stat, err) == (str(MESSAGE_ID), word, "027")
    assert date == ("270115080000" if form == "seconds" else "2701150800")


@pytest.mark.parametrize("by", ["deliver_sm", "data_sm"])
@pytest.mark.parametrize("form", FORMS)
def test_node_smpp_reads_every_form(modules: str, form: str, by: str) -> None:
    pdus = [octets(state, form=form, by=by) for state in WORDS]
    for state, found in zip(WORDS, fed(["node", "-e", NODE], pdus, NODE_PATH=modules), strict=True):
        assert (found["command"], found["id"]) == (by, str(MESSAGE_ID))
        assert found["message_state"] == state
        assert found["esm_class"] == (4 if MessageState(state).is_final else 0x20)
        checked(form, state, found["text"])


@pytest.mark.parametrize("by", ["deliver_sm", "data_sm"])
@pytest.mark.parametrize("state", WORDS)
@pytest.mark.parametrize("form", FORMS)
def test_smpplib_reads_every_form(form: str, state: int, by: str) -> None:
    """In its strict mode, where an unknown TLV would be its end."""
    client = Client("127.0.0.1", 2775, allow_unknown_opt_params=False)
    pdu = octets(state, form=form, by=by)
    found: Any = parse_pdu(pdu, client=client, allow_unknown_opt_params=False)
    assert (found.command, found.receipted_message_id) == (by, str(MESSAGE_ID).encode())
    assert found.message_state == state
    text = found.short_message if by == "deliver_sm" else found.message_payload
    checked(form, state, (text or b"").decode())


# -- Cloudhopper ----------------------------------------------------------------------------------

_KEYS = ("id", "sub", "dlvrd", "submit date", "done date", "stat", "err", "text")
_DATES = {10: "%y%m%d%H%M", 12: "%y%m%d%H%M%S", 14: "%Y%m%d%H%M%S"}


def cloudhopper(text: str) -> dict[str, str]:
    """Read a receipt by the rules of Cloudhopper's DeliveryReceipt.parseShortMessage.

    Keys in any case and order, a value ends where the next key begins; all but the text must be
    there; sub and dlvrd are numbers, dates real ones of 10, 12 or 14 digits, stat one of eight
    words, err has three characters at most.  Raises ValueError.
    """
    lowered = text.lower()
    places = sorted((lowered.index(f"{key}:"), key) for key in _KEYS if f"{key}:" in lowered)
    ends = [place for place, _ in places[1:]] + [len(text)]
    found = {
        key: text[place + len(key) + 1 : end].strip()
        for (place, key), end in zip(places, ends, strict=True)
    }
    lacking = [key for key in _KEYS[:-1] if not found.get(key)]
    if lacking or len(found["err"]) > 3 or found["stat"].upper() not in WORDS.values():
        raise ValueError(f"{lacking} {found}")
    for key in ("sub", "dlvrd"):
        int(found[key])
    for key in ("submit date", "done date"):
        datetime.strptime(found[key], _DATES.get(len(found[key]), _DATES[10]))
    return found


@pytest.mark.parametrize("form", ["cloudhopper", "spec", "seconds"])
@pytest.mark.parametrize("state", WORDS)
def test_cloudhopper_reads_its_form(state: int, form: str) -> None:
    text = octets(state, form=form, version=0x33).partition(b"id:")[2].decode()
    found = cloudhopper(f"id:{text}")
    assert (found["id"], found["stat"], found["err"]) == (str(MESSAGE_ID), WORDS[state], "027")
    assert (found["sub"], found["dlvrd"]) == ("001", "001" if state == 2 else "000")
    assert found["text"] == "Hello world"


@pytest.mark.parametrize(
    "keys", [{"form": "jasmin"}, {"form": "kannel"}, {"stat": {"EXPIRED": "X"}}, {"err_width": 4}]
)
def test_cloudhopper_does_not_read_just_anything(keys: dict[str, Any]) -> None:
    state = 1 if keys == {"form": "kannel"} else 3
    text = octets(state, version=0x33, **keys).partition(b"id:")[2].decode()
    with pytest.raises(ValueError):
        cloudhopper(f"id:{text}")

"""An ESME of aiosmpplib, run by an interpreter that has the package: see test_aiosmpplib.

Its argument is a job in JSON; it prints the answers to its submissions and the receipts, as the
stack's own parser has them.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from aiosmpplib import ESME, NPI, TON, AbstractHook, BindMode, PhoneNumber, SubmitSm
from aiosmpplib.protocol import DeliverSm
from aiosmpplib.state import PduHeader, SmppCommand, SmppCommandStatus


class Kept(AbstractHook):  # type: ignore[misc]  # their class is untyped here
    """Keeps what was received, until there is enough."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.answers: list[list[str]] = []
        self.receipts: list[dict[str, Any]] = []
        self.errors: list[str] = []
        self._job, self.enough = job, asyncio.Event()

    async def sending(self, smpp_message: Any, pdu: bytes, client_id: str) -> None:
        pass

    async def received(self, smpp_message: Any, pdu: bytes, client_id: str) -> None:
        # of a long text the stack shows the last answer and the last receipt, and no others
        if pdu[4:8] == b"\x80\0\0\4":
            self.answers.append([pdu[16:-1].decode(), pdu[8:12].hex()])
        elif pdu[4:8] == b"\0\0\0\5":
            number = int.from_bytes(pdu[12:16], "big")
            ok = SmppCommandStatus.ESME_ROK
            header = PduHeader(len(pdu), SmppCommand.DELIVER_SM, ok, number)
            receipt = DeliverSm.from_pdu(pdu, header).parse_receipt()
            self.receipts.append({name: str(value) for name, value in receipt.items()})
        found = len(self.receipts), len(self.answers)
        if found >= (self._job["receipts"], self._job["answers"]):
            self.enough.set()

    async def send_error(self, smpp_message: Any, error: Exception, client_id: str) -> None:
        self.errors.append(repr(error))


async def run(job: dict[str, Any]) -> dict[str, Any]:
    kept = Kept(job)
    esme = ESME(
        smsc_host="127.0.0.1",
        smsc_port=job["port"],
        system_id="aio",
        password=job["password"],
        bind_mode=BindMode[job["kind"]],
        hook=kept,
        log_level="CRITICAL",
    )
    started = asyncio.create_task(esme.start())
    for fields in job["submissions"]:
        submission = SubmitSm(
            source=PhoneNumber("ACME", TON.ALPHANUMERIC),
            destination=PhoneNumber(job["number"], TON.INTERNATIONAL, NPI.ISDN),
            log_id="",
            **fields,
        )
        await esme.broker.enqueue(submission)
    await asyncio.wait_for(kept.enough.wait(), 30)
    await esme.stop()
    await asyncio.wait({started}, timeout=5)
    return {"answers": kept.answers, "receipts": kept.receipts, "errors": kept.errors}


print(json.dumps(asyncio.run(run(json.loads(sys.argv[1])))))

"""``smppbridge send``: an ESME at the command line, on smpplib: a stack that is not ours."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from smppbridge.cli.smpplib_session import (
    DELIVERIES,
    BindRefused,
    Login,
    SmpplibSession,
    Unreachable,
    bound,
    date_of,
    receipt_of,
    with_login,
    word_of,
)
from smppbridge.cli.submissions import CODINGS, addresses, submissions
from smppbridge.smpp.constants import CommandStatus, status_name
from smppbridge.text.errors import TextError

_WINDOW = 50
_NOT_FINAL = ("ACCEPTD", "ENROUTE", "BUFFRED")
_FAILED, _UNKNOWN = 1, 2

ShowEvent = Callable[[str, dict[str, Any]], None]
Requests = list[tuple[dict[str, Any], str]]  # the fields of a submit_sm, and which segment it is


@click.command()
@with_login
@click.option("--from", "source", default="DEMO", show_default=True, help="Source address.")
@click.option("--to", "destination", required=True, help="Destination, as 243810000001.")
@click.argument("text")
@click.option(
    "--coding",
    type=click.Choice(["auto", *CODINGS]),
    default="auto",
    show_default=True,
    help="auto: gsm7 if it has all of the text, else ucs2.",
)
@click.option(
    "--long",
    type=click.Choice(["udh8", "sar", "payload"]),
    default="udh8",
    show_default=True,
    help="How a text that is too long for one segment goes.",
)
@click.option("--count", type=click.IntRange(1), default=1, help="Send it so many times.")
@click.option(
    "--wait",
    type=click.FloatRange(0),
    default=30.0,
    show_default=True,
    help="Seconds to wait for answers and receipts.",
)
@click.option("--no-receipt", is_flag=True, help="Ask for no receipt.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object a line.")
def send(
    login: Login,
    source: str,
    destination: str,
    text: str,
    coding: str,
    long: str,
    count: int,
    wait: float,
    no_receipt: bool,
    as_json: bool,
) -> None:
    """Submit TEXT and show its responses and receipts.

    Exits with 0 if all segments were delivered, 1 if a segment was refused or failed, 2 if a
    response or a receipt did not come in time.
    """
    try:
        both = addresses(source, destination) | {"registered_delivery": int(not no_receipt)}
        requests = [
            (both | fields, segment)
            for reference in _references(count)
            for fields, segment in submissions(text, coding=coding, long=long, reference=reference)
        ]
    except (TextError, ValueError) as error:
        raise click.UsageError(str(error)) from None
    sending = Sending(_as_json if as_json else _as_line, receipts=not no_receipt)
    try:
        with bound(login, "transceiver") as esme:
            sending.run(esme, requests, wait)
    except (BindRefused, Unreachable) as error:
        raise click.ClickException(str(error)) from None
    if not as_json:
        click.echo(sending.summary)
    raise SystemExit(sending.status)


def _references(count: int) -> range:
    # not from 0: an SMSC may hold segments of a run that was broken off
    first = random.randrange(0x10000)
    return range(first, first + count)


@dataclass(slots=True)
class _SentSegment:
    segment: str
    at: float  # monotonic seconds
    message_id: str = ""
    reported: bool = False  # a receipt came, but not the final one

    def __call__(self, **more: Any) -> dict[str, Any]:
        """Return the fields of the segment that are shown, and *more*."""
        ms = round((time.monotonic() - self.at) * 1000, 1)
        return {"message_id": self.message_id, "segment": self.segment, "ms": ms, **more}


class Sending:
    """The segments under way: unanswered, or answered and without their final receipt.

    Only the instance writes its counts.
    """

    def __init__(self, show: ShowEvent, *, receipts: bool) -> None:
        self.delivered = self.accepted = self.bad = 0
        self._show, self._receipts = show, receipts
        self._unanswered: dict[int, _SentSegment] = {}
        self._awaited: dict[str, _SentSegment] = {}
        self._early: dict[str, dict[str, str]] = {}

    def run(self, esme: SmpplibSession, requests: Requests, wait: float) -> None:
        """Submit and receive until every segment has ended, or no PDU came for *wait* seconds."""
        for fields, segment in requests:
            while len(self._unanswered) >= _WINDOW:
                if not self._receive(esme, wait):
                    return
            at = time.monotonic()
            self._unanswered[esme.submit(**fields)] = _SentSegment(segment, at)
        deadline = time.monotonic() + wait
        while self.open and self._receive(esme, deadline - time.monotonic()):
            pass

    @property
    def open(self) -> int:
        """How many responses and receipts are still to come."""
        return len(self._unanswered) + len(self._awaited)

    @property
    def status(self) -> int:
        """The exit status."""
        if self.bad:
            return _FAILED
        return _UNKNOWN if self.open else 0

    @property
    def summary(self) -> str:
        """The counts of segments by their end, in a line."""
        parts = [f"{self.accepted} accepted", f"{self.delivered} delivered", f"{self.bad} failed"]
        if self._unanswered:
            parts.append(f"{len(self._unanswered)} not answered")
        reported = sum(sent.reported for sent in self._awaited.values())
        if reported:
            parts.append(f"{reported} without final receipt")
        if silent := len(self._awaited) - reported:
            parts.append(
                f"{silent} without receipt (another session of this account may have got it)"
            )
        return ", ".join(parts)

    def _receive(self, esme: SmpplibSession, seconds: float) -> bool:
        """Receive a PDU; return whether a PDU came in time."""
        pdu = esme.next(seconds) if seconds > 0 else None
        if pdu is None:
            return False
        if pdu.command in ("submit_sm_resp", "generic_nack"):
            self._answered(pdu)
        elif pdu.command in DELIVERIES:
            esme.answer(pdu, self._delivered(receipt_of(pdu)))
        return True

    def _answered(self, pdu: Any) -> None:
        sent = self._unanswered.pop(pdu.sequence, None)
        if sent is None:
            return
        if pdu.status:
            self.bad += 1
            self._show("refused", sent(status=status_name(pdu.status)))
            return
        self.accepted += 1
        sent.message_id = word_of(pdu.message_id)
        self._show("submitted", sent())
        if self._receipts:
            self._awaited[sent.message_id] = sent
            if early := self._early.pop(sent.message_id, None):
                self._delivered(early)

    def _delivered(self, receipt: dict[str, str] | None) -> int:
        """Receive a receipt; return the command_status of its response."""
        if receipt is None:
            return CommandStatus.ESME_RX_T_APPN
        sent = self._awaited.get(receipt["id"])
        if sent is None and self._unanswered and len(self._early) < _WINDOW:
            self._early[receipt["id"]] = receipt
            return CommandStatus.ESME_ROK
        if sent is None:  # the receipt is for another session of the account
            return CommandStatus.ESME_RX_T_APPN
        stat = receipt.get("stat", "")
        sent.reported = True
        if stat not in _NOT_FINAL:
            del self._awaited[sent.message_id]
            self.delivered += stat == "DELIVRD"
            self.bad += stat != "DELIVRD"
        dates = (receipt.get(f"{which} date", "") for which in ("submit", "done"))
        submitted, done = map(date_of, dates)
        error = receipt.get("err", "")
        self._show("receipt", sent(stat=stat, err=error, submit_date=submitted, done_date=done))
        return CommandStatus.ESME_ROK


def _as_json(event: str, fields: dict[str, Any]) -> None:
    click.echo(json.dumps({"event": event, **fields}))


def _as_line(event: str, fields: dict[str, Any]) -> None:
    word = fields.get("stat") or fields.get("status") or event
    line = f"{fields['message_id']:<18} {fields['segment']:>5}  {word:<9} {fields['ms']:>7.0f} ms"
    if event == "receipt":
        day, _, _ = fields["submit_date"].partition(" ")
        done = fields["done_date"].removeprefix(f"{day} ")
        line += f"  err {fields['err']}  {fields['submit_date']} -> {done}"
    click.echo(line)

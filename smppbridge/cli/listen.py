"""``smppbridge listen``: the deliver_sm of an account, shown as they come."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

import click

from smppbridge.cli.signals import held, on_hangup
from smppbridge.cli.smpplib_session import (
    DELIVERIES,
    BindRefused,
    Login,
    SmpplibSession,
    Unreachable,
    bound,
    date_of,
    octets_of,
    printable,
    receipt_of,
    with_login,
    word_of,
)
from smppbridge.smpp.constants import CommandStatus, EsmClass
from smppbridge.text import coding, national
from smppbridge.text.errors import TextError
from smppbridge.text.segments import position_in_udh

_SILENCE = 30.0  # seconds, then we ask whether the SMSC is there; as long again, and it is not
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 10.0
_DATES = ("submit", "done")
_HOPELESS = (CommandStatus.ESME_RINVPASWD, CommandStatus.ESME_RINVSYSID)

ShowFields = Callable[[dict[str, Any]], None]


@click.command()
@with_login
@click.option("--count", type=click.IntRange(1), help="End after so many; else a signal does.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object a line.")
def listen(login: Login, count: int | None, as_json: bool) -> None:
    """Bind as a receiver and show every deliver_sm, receipts and messages.

    Comes back when the SMSC has gone.  Receipts shown here are not delivered again to others of the
    account, such as `send`.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    on_hangup(signal.default_int_handler)
    listening = Listening(_as_json if as_json else _as_line, count)
    try:
        _persist(login, listening)
    except KeyboardInterrupt:
        return


def _persist(login: Login, listening: Listening) -> None:
    """Listen until enough deliver_sm came, binding again with growing pauses."""
    pause = _FIRST_PAUSE
    while not listening.enough:
        try:
            with bound(login, "receiver") as esme:
                click.echo(f"bound to {login.host}:{login.port} as {login.system_id}", err=True)
                pause = _FIRST_PAUSE
                listening.run(esme)
        except (Unreachable, BindRefused) as error:
            if isinstance(error, BindRefused) and error.status in _HOPELESS:
                raise click.ClickException(str(error)) from None
            click.echo(f"{error}; again in {pause:g} s", err=True)
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)


class Listening:
    """Shows deliver_sm and counts them, over all sessions; only `run` writes the count."""

    def __init__(self, show: ShowFields, count: int | None) -> None:
        self._show, self._left = show, count

    @property
    def enough(self) -> bool:
        """Whether as many deliver_sm came as were asked for."""
        return self._left == 0

    def run(self, esme: SmpplibSession) -> None:
        """Show the deliver_sm of a session; raises Unreachable when the SMSC is silent."""
        asked = False
        while not self.enough:
            pdu = esme.next(_SILENCE)
            if pdu is None and asked:
                raise Unreachable("the SMSC is silent")
            asked = pdu is None
            if pdu is None:
                esme.enquire()
            elif pdu.command in DELIVERIES:
                with held():  # else a deliver_sm that was shown comes again, to another listener
                    self._show(described(pdu))
                    esme.answer(pdu)
                self._left = None if self._left is None else self._left - 1


def described(pdu: Any) -> dict[str, Any]:
    """Return the fields of a deliver_sm that are shown."""
    fields: dict[str, Any] = {
        "from": word_of(pdu.source_addr),
        "to": word_of(pdu.destination_addr),
        "data_coding": pdu.data_coding,
    }
    receipt = receipt_of(pdu)
    if receipt is None:
        return {"event": "message", **fields, "text": _text(pdu)}
    dates = {f"{which}_date": date_of(receipt.get(f"{which} date", "")) for which in _DATES}
    state = {"message_id": receipt["id"], "stat": receipt.get("stat", "")}
    return {"event": "receipt", **fields, **state, "err": receipt.get("err", ""), **dates}


def _text(pdu: Any) -> str:
    """Return the characters of a deliver_sm, or its octets in hexadecimal."""
    octets: bytes = octets_of(pdu)
    header = b""
    try:
        if pdu.esm_class & EsmClass.UDHI:
            _, header, octets = position_in_udh(octets)
        alphabet = coding.alphabet(pdu.data_coding)
        return national.characters(octets, alphabet, national.shift_in(header)[0])
    except TextError:
        return octets.hex()


def _as_json(fields: dict[str, Any]) -> None:
    click.echo(json.dumps(fields))


def _as_line(fields: dict[str, Any]) -> None:
    if fields["event"] == "receipt":
        text = "{message_id} {stat} err {err}, {submit_date} -> {done_date}".format_map(fields)
    else:
        text = printable(fields["text"])
    click.echo(f"{datetime.now():%H:%M:%S}  {fields['from']} -> {fields['to']}  {text}")

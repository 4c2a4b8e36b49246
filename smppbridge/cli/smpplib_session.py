"""A session of ours with an SMSC, on smpplib; common to `send` and `listen`."""

from __future__ import annotations

import logging
import re
import select
import socket
import ssl
import struct
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import wraps
from getpass import GetPassWarning
from ssl import SSLContext
from typing import Any

import certifi
import click
from smpplib.client import Client
from smpplib.exceptions import ConnectionError as NoConnection
from smpplib.exceptions import PDUError, UnknownCommandError
from smpplib.smpp import make_pdu

from smppbridge.smpp.constants import status_name
from smppbridge.smpp.receipt import STAT, is_receipt

DEMO = "demo"
_PARTING = 2.0  # seconds for an unbind_resp
_RECEIPT = re.compile(r"(id|stat|err|submit date|done date):(\S*)")
# the exceptions of smpplib for a PDU that smpplib cannot read
_UNREADABLE = (NoConnection, PDUError, UnknownCommandError, OSError, struct.error, LookupError)

DELIVERIES = ("deliver_sm", "data_sm")
"""The PDUs by which an account gets its receipts, and messages by the first."""


class Unreachable(Exception):
    """There is no SMSC at this address, or the SMSC has gone."""


class BindRefused(Exception):
    """The SMSC is there and refuses our bind."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the bind was refused: {status_name(status)}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Login:
    """The SMSC to bind to, and the account to bind as."""

    host: str
    port: int
    system_id: str
    password: str = field(repr=False)
    tls: SSLContext | None = None


def with_login(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of an SMSC and an account, as its argument *login*."""

    @click.option("--host", default="127.0.0.1", show_default=True, help="Where the SMSC is.")
    @click.option(
        "--port", type=click.IntRange(1, 65535), default=2775, show_default=True, help="Its port."
    )
    @click.option("--system-id", default=DEMO, show_default=True, help="Who we are.")
    @click.option(
        "--password",
        envvar="SMPPBRIDGE_PASSWORD",
        help="Asked for if neither this nor SMPPBRIDGE_PASSWORD is there; that of demo is known.",
    )
    @click.option("--tls", is_flag=True, help="Speak TLS; the certificate must be that of --host.")
    @click.option(
        "--ca-file",
        type=click.Path(dir_okay=False, exists=True),
        help="Certificates to trust with --tls, if not those of certifi.",
    )
    @click.option(
        "--certificate",
        type=click.Path(dir_okay=False, exists=True),
        help="With --tls: a PEM file with our key and certificate.",
    )
    @click.option("--insecure", is_flag=True, help="With --tls trust any certificate: for tests.")
    @wraps(command)
    def read(host: str, port: int, system_id: str, password: str | None, **others: Any) -> None:
        names = ("tls", "ca_file", "certificate", "insecure")
        options = {name: others.pop(name) for name in names}
        if password is None:
            password = DEMO if system_id == DEMO else _asked()
        # smpplib cuts longer values without a word
        for option, value, longest in (("--system-id", system_id, 15), ("--password", password, 8)):
            if not value.isascii() or "\0" in value or len(value) > longest:
                raise click.UsageError(f"{option}: at most {longest} ASCII characters (SMPP 3.4)")
        login = Login(host, port, system_id, password, _trust(**options))
        command(login=login, **others)

    return read


def _trust(
    *, tls: bool, ca_file: str | None, certificate: str | None, insecure: bool
) -> SSLContext | None:
    """Return the terms of TLS, None without TLS."""
    if not tls:
        if ca_file or certificate or insecure:
            raise click.UsageError("--ca-file, --certificate and --insecure need --tls")
        return None
    try:
        context = ssl.create_default_context(cafile=ca_file or certifi.where())
    except ssl.SSLError:
        raise click.UsageError(f"--ca-file: {ca_file} holds no certificate") from None
    try:
        if certificate:
            context.load_cert_chain(certificate, password=_no_password)
    except (ssl.SSLError, ValueError):
        message = f"--certificate: {certificate} holds no key without a password and certificate"
        raise click.UsageError(message) from None
    if insecure:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _no_password() -> str:
    return ""  # OpenSSL would ask on the terminal


@dataclass(frozen=True, slots=True)
class _Named:
    """A context of TLS for one host, whose name smpplib leaves out."""

    context: SSLContext
    host: str

    def wrap_socket(self, raw: socket.socket) -> ssl.SSLSocket:
        """Return a socket with TLS."""
        return self.context.wrap_socket(raw, server_hostname=self.host)


def _asked() -> str:
    with warnings.catch_warnings():
        # raised where a password cannot be typed unseen
        warnings.simplefilter("error", GetPassWarning)
        try:
            return str(click.prompt("Password", hide_input=True, err=True))
        except GetPassWarning:
            why = "a password is needed: SMPPBRIDGE_PASSWORD, or --password"
            raise click.UsageError(why) from None


class SmpplibSession:
    """A bound session; all methods raise Unreachable when the SMSC goes."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def submit(self, **fields: Any) -> int:
        """Send a submit_sm; return its sequence_number."""
        with _reached():
            return int(self._client.send_message(**fields).sequence)

    def next(self, seconds: float) -> Any:
        """Return the next PDU, None if none comes in time; enquire_link is answered already."""
        pdu = self._read(seconds)
        if pdu is not None and pdu.command in ("enquire_link", "unbind"):
            self.answer(pdu)
            if pdu.command == "unbind":
                raise Unreachable("the SMSC has unbound us")
        return pdu

    def answer(self, request: Any, status: int = 0) -> None:
        """Answer a request of the SMSC's."""
        response = make_pdu(f"{request.command}_resp", client=self._client, status=status)
        response.sequence = request.sequence
        with _reached():
            self._client.send_pdu(response)

    def enquire(self) -> None:
        """Send an enquire_link."""
        with _reached():
            self._client.send_pdu(make_pdu("enquire_link", client=self._client))

    def part(self) -> None:
        """Unbind, and wait a little for the response."""
        with _reached():
            self._client.send_pdu(make_pdu("unbind", client=self._client))
        deadline = time.monotonic() + _PARTING
        while (left := deadline - time.monotonic()) > 0:
            pdu = self._read(left)
            if pdu is None or pdu.command == "unbind_resp":
                return

    def _read(self, seconds: float) -> Any:
        # smpplib loses the start of a PDU at a time-out: it may read only a readable socket
        with _reached():
            connection = self._client._socket
            # octets that TLS has read ahead make no socket readable
            ahead = isinstance(connection, ssl.SSLSocket) and connection.pending()
            readable = ahead or select.select([connection], [], [], seconds)[0]
            return self._client.read_pdu() if readable else None


@contextmanager
def bound(login: Login, kind: str) -> Iterator[SmpplibSession]:
    """Bind as *kind* and part at the end; raises Unreachable, BindRefused."""
    logging.getLogger("smpplib").setLevel(logging.CRITICAL)
    client = Client(
        login.host,
        login.port,
        logger_name="smpplib.client",
        ssl_context=_Named(login.tls, login.host) if login.tls else None,
        allow_unknown_opt_params=True,
    )
    try:
        _bind(client, login, kind)
        esme = SmpplibSession(client)
        try:
            yield esme
        finally:
            with suppress(Unreachable):
                esme.part()
    finally:
        client.disconnect()


def _bind(client: Any, login: Login, kind: str) -> None:
    try:
        client.connect()
    except NoConnection as error:
        reason = getattr(error.__context__, "strerror", None) or str(error.__context__)
        raise Unreachable(f"cannot connect to {login.host}:{login.port}: {reason}") from None
    bind = getattr(client, f"bind_{kind}")
    try:
        bind(system_id=login.system_id, password=login.password)
    except PDUError as error:
        if len(error.args) > 1:
            raise BindRefused(int(error.args[1])) from None
        raise Unreachable("the answer to the bind cannot be read") from None
    except _UNREADABLE:
        raise Unreachable(f"{login.host}:{login.port} does not answer as an SMSC does") from None


@contextmanager
def _reached() -> Iterator[None]:
    try:
        yield
    except _UNREADABLE as error:
        reason = str(error) if isinstance(error, OSError) else "the connection is gone"
        raise Unreachable(reason) from None


def receipt_of(pdu: Any) -> dict[str, str] | None:
    """Return the fields of a receipt by their names in its text; None if the PDU is no receipt.

    message_id and stat are those of the TLVs, if there are any: a text may have words of its own.
    """
    if not is_receipt(pdu.esm_class):
        return None
    head, _, _ = octets_of(pdu).decode("latin-1").partition(" text:")
    fields = {name: printable(value) for name, value in _RECEIPT.findall(head)}
    if pdu.receipted_message_id:
        fields["id"] = word_of(pdu.receipted_message_id)
    if word := STAT.get(getattr(pdu, "message_state", None) or 0):
        fields["stat"] = word.decode()
    return fields if "id" in fields else None


def octets_of(pdu: Any) -> bytes:
    """Return the user data of a deliver_sm or data_sm: short_message or message_payload."""
    return getattr(pdu, "short_message", b"") or pdu.message_payload or b""


def word_of(octets: bytes | None) -> str:
    """Return an id or address in a PDU as text that is safe to show."""
    return printable((octets or b"").decode("latin-1"))


def printable(text: str) -> str:
    """Return *text* with the characters that a terminal could obey as escapes."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def date_of(digits: str) -> str:
    """Return a date of a receipt as people write dates; other words unchanged.

    YYMMDDhhmm, with seconds or not; of 14 digits, also with the century.
    """
    digits = digits[2:] if len(digits) == 14 else digits
    if len(digits) < 10 or not digits.isdecimal():
        return digits
    year, month, day, hour, minute = (digits[at : at + 2] for at in range(0, 10, 2))
    return f"20{year}-{month}-{day} {hour}:{minute}"

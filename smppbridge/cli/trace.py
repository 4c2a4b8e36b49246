"""``smppbridge trace``: what passes between the running bridge and a peer, while it passes."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import click

from smppbridge.cli.bridge_client import BridgeClient, NoBridge, OperationRefused
from smppbridge.cli.chosen_bridge import BridgeOptions, bridge_options, chosen_bridge
from smppbridge.cli.signals import on_hangup
from smppbridge.observe.shown import escaped
from smppbridge.settings.values import seconds as seconds_of

_KINDS = ("account", "number", "provider", "address")
_LOOKED_AT = 0.5  # seconds between two looks at a trace that has nothing new


def _duration(ctx: click.Context, param: click.Parameter, word: str) -> float:
    try:
        return float(seconds_of(word))
    except ValueError as error:
        raise click.BadParameter(f"{word!r} {error}") from None


@click.command()
@bridge_options()
@click.option("--account", metavar="SYSTEM_ID", help="Of the sessions and messages of an account.")
@click.option("--number", metavar="NUMBER", help="Of the messages of a phone's number.")
@click.option("--provider", metavar="NAME", help="Of the exchanges with a provider.")
@click.option("--address", metavar="IP", help="Of an address or a network, as 10.0.0.0/8.")
@click.option(
    "--for",
    "seconds",
    default="10m",
    show_default=True,
    callback=_duration,
    metavar="TIME",
    help="How long, 1h at most; Ctrl-C ends the trace before.",
)
@click.option("--texts", is_flag=True, help="Texts of messages stay readable; secrets never do.")
@click.option(
    "--pcapng",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Also a file for Wireshark, at the end.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object a line.")
def trace(
    where: BridgeOptions,
    seconds: float,
    texts: bool,
    file: Path | None,
    as_json: bool,
    **given: str | None,
) -> None:
    """Show the PDUs and HTTP messages of one account, number, provider or address.

    From now on, with both ends: what ESMEs and providers send, and what the bridge sends; also what
    is refused.  Passwords, secrets and texts are masked, numbers in part, all lengths kept. `->` is
    to the bridge, `<-` from it.  Four traces run at once, of at most 10,000 packets or 16 MB each.
    """
    (kind, value), *others = [(k, v) for k, v in given.items() if v] or [("", "")]
    if others or not kind:
        options = ", ".join(f"--{each}" for each in _KINDS)
        raise click.UsageError(f"a trace is of one of {options}")
    bridge = chosen_bridge(where)
    assert isinstance(bridge, BridgeClient)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    on_hangup(signal.default_int_handler)
    order = {"of": kind, "value": value, "seconds": seconds, "texts": texts}
    with _beside(file) as part:
        started = bridge.ask("POST", "/traces", body=order)
        place = f"/traces/{started['id']}"
        words = f"trace {started['id']} of {kind} {value}, for {seconds:g} s; Ctrl-C ends it"
        click.echo(escaped(words), err=True)
        try:
            _follow(bridge, place, as_json=as_json)
            _conclude(bridge, place, part)
        finally:
            with suppress(NoBridge, OperationRefused):
                bridge.ask("DELETE", place)
    if file is not None:
        click.echo(f"{escaped(str(file))} is for Wireshark", err=True)


def _follow(bridge: BridgeClient, place: str, *, as_json: bool) -> None:
    """Print packets until the trace has ended and all are printed; Ctrl-C ends the trace."""
    cursor: str | None = "0"
    while cursor is not None:
        try:
            page = bridge.ask("GET", f"{place}/pdus", {"cursor": cursor})
            for packet in page["items"]:
                click.echo(json.dumps(packet) if as_json else _line(packet))
            cursor = page["next"]
            if cursor is not None and not page["items"]:
                time.sleep(_LOOKED_AT)
        except KeyboardInterrupt:
            bridge.ask("POST", f"{place}/stop")


def _line(packet: dict[str, Any]) -> str:
    arrow = "->" if packet["inbound"] else "<-"
    return f"{packet['at'][11:23]} {escaped(packet['line'])} {arrow} {packet['text']}"


def _conclude(bridge: BridgeClient, place: str, part: int | None) -> None:
    """Say why a trace ended, and write it to the file, if there is one."""
    ended = bridge.ask("GET", place)
    kept = ended["packets"]
    words = f"{kept:,} packet{'' if kept == 1 else 's'}; {ended['ended']}"
    click.echo(escaped(words), err=True)
    if part is not None:
        octets = bridge.download(f"{place}.pcapng")
        with open(part, "wb", closefd=False) as written:
            written.write(octets)


@contextmanager
def _beside(file: Path | None) -> Iterator[int | None]:
    """Open a file that takes the place of *file* when all went well; only its owner may read it."""
    if file is None:
        yield None
        return
    part = file.with_name(f".{file.name}.part")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise click.ClickException(escaped(f"{file}: {error.strerror}")) from None
    try:
        yield descriptor
        os.replace(part, file)
    finally:
        os.close(descriptor)
        with suppress(OSError):
            part.unlink()

"""Messages of the store, printed for people (tables) and for programs (JSON)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from smppbridge.model.cases import MessageVerdict
from smppbridge.model.masking import mask
from smppbridge.model.message import Stage
from smppbridge.observe.shown import escaped
from smppbridge.smpp.constants import MessageState, status_name
from smppbridge.store.lookup import ListedMessage
from smppbridge.store.timeline import TimelineEvent

_DIGITS = re.compile(r"(?<!\d)\d{9,15}(?!\d)")
_TIMES = frozenset(("due", "expires_at"))
_STATUSES = frozenset(("command_status", "postponed_by"))
_OURS = frozenset(("message_id", "provider_message_id"))
_WHOLE = frozenset(("message_id", "accepted", "to", "state"))


Life = tuple[ListedMessage, Sequence[TimelineEvent], MessageVerdict]
"""A message, the steps in its life, and the verdict."""


@dataclass(frozen=True, slots=True)
class Shown:
    """The fields of messages that are shown: texts, whole numbers."""

    text: bool
    numbers: bool

    def number(self, addr: str) -> str:
        """Return an address, a number masked unless *numbers*; letters are no secret."""
        hidden = not self.numbers and addr.removeprefix("+").isdecimal()
        return mask(escaped(addr)) if hidden else escaped(addr)

    def words(self, text: str) -> str:
        """Return the text of a reason, with numbers masked unless *numbers*."""
        return escaped(text if self.numbers else _DIGITS.sub(lambda found: mask(found[0]), text))


def as_table(found: Sequence[ListedMessage], shown: Shown, *, more: bool) -> None:
    """Print a table, a message a row."""
    console = _console()
    moment = _day_and_time if console.is_terminal else when
    table = Table(box=None, pad_edge=False, header_style="bold")
    columns = ["message_id", "accepted", "account", "to", "provider", "state"]
    for name in [*columns, *(["text"] if shown.text else [])]:
        # a narrow terminal folds words, never an id: people type ids into the next command
        table.add_column(name, no_wrap=name in _WHOLE, overflow="fold")
    for message in found:
        cells = [
            str(message.message_id),
            moment(message.accepted_at),
            escaped(message.system_id),
            shown.number(message.number),
            escaped(message.provider),
            word(message),
            *([content(message)] if shown.text else []),
        ]
        table.add_row(*map(Text, cells))  # Text: the text of a message is no markup
    if found:
        console.print(table)
    else:
        click.echo("no such messages")
    if more:
        click.echo(f"there may be more: --before {found[-1].message_id}")


def as_timeline(lives: Sequence[Life], shown: Shown) -> None:
    """Print all facts of each message, the verdict on the message, and its timeline."""
    for message, events, found in lives:
        grid = Table.grid(padding=(0, 2))
        for name, value in (facts(message, shown) | as_sent(message)).items():
            if value not in (None, "", []):
                grid.add_row(Text(name, "bold"), Text(_joined(value)))
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in ("time", "what", "how"):
            table.add_column(name, overflow="fold")
        for event in events:
            how = " ".join(f"{k}={_joined(v)}" for k, v in event_facts(event, shown).items())
            table.add_row(when(event.at), event.name, Text(how))
        _console().print(grid, "", *_spoken(found, shown), "", table, "", sep="\n")


def as_lines(found: Sequence[ListedMessage], shown: Shown) -> None:
    """Print JSON, a message a line."""
    for message in found:
        click.echo(json.dumps(facts(message, shown)))


def as_whole_lines(lives: Sequence[Life], shown: Shown) -> None:
    """Print JSON, a message a line, with the verdict on the message and its timeline."""
    for message, events, found in lives:
        line = facts(message, shown) | as_sent(message)
        line["verdict"] = {
            "code": found.code,
            "tone": found.tone,
            "says": shown.words(found.says),
            "why": shown.words(found.why),
            "do": [shown.words(each) for each in found.do],
        }
        line["timeline"] = [
            {"at": when(e.at) or None, "event": e.name, **event_facts(e, shown)} for e in events
        ]
        click.echo(json.dumps(line))


def as_sent(message: ListedMessage) -> dict[str, Any]:
    """Return the fields of the submit_sm that decide about receipts and characters.

    They are as the ESME sent them; of a long message those of its first segment.
    """
    sent = message.as_sent
    return {
        "registered_delivery": sent.registered_delivery,
        "data_coding": f"{sent.data_coding:#04x}",
        "esm_class": f"{sent.esm_class:#04x}",
    }


def _spoken(found: MessageVerdict, shown: Shown) -> list[Text]:
    """Return a verdict as lines: where the message is, why, and what to do."""
    lines = [Text(shown.words(found.says), "bold"), Text(shown.words(found.why))]
    return [
        *(line for line in lines if line),
        *(Text(f"- {shown.words(each)}") for each in found.do),
    ]


def facts(message: ListedMessage, shown: Shown) -> dict[str, Any]:
    """Return the facts of a message that are shown, by name."""
    named: dict[str, Any] = {
        "message_id": str(message.message_id),
        "answered_id": None if message.multi is None else str(message.multi),
        "system_id": escaped(message.system_id),
        "stage": Stage(message.stage).name,
        "state": state_name(message.state) if message.state else None,
        "uncertain": message.uncertain,
        "source": shown.number(message.source),
        "destination": shown.number(message.number),
        "route": message.route.split(",") if message.route else [],
        "provider": escaped(message.provider),
        "provider_message_id": escaped(message.provider_message_id or "") or None,
        "attempts": message.attempts,
        "segments": message.segments or 1,
        "error": message.error,
    }
    for name in ("accepted_at", "expires_at", "due", "done_at"):
        named[name] = when(getattr(message, name)) or None
    if shown.text:
        named["text" if isinstance(message.body, str) else "octets"] = content(message)
    return named


def event_facts(event: TimelineEvent, shown: Shown) -> dict[str, Any]:
    """Return the facts of an event that are shown, by name."""
    return {name: _fact(name, value, shown) for name, value in event.facts.items()}


def word(message: ListedMessage) -> str:
    """Return the stage of a message, its state once it is FINISHED, or Uncertain."""
    if message.uncertain:
        return "Uncertain"
    finished = message.stage == Stage.FINISHED
    return state_name(message.state) if finished else Stage(message.stage).name


def content(message: ListedMessage) -> str:
    """Return the characters of a message, or its octets in hexadecimal."""
    body = message.body
    return escaped(body) if isinstance(body, str) else (body or b"").hex()


def when(at: float | None) -> str:
    """Return a time in UTC, an empty text for None."""
    if at is None:
        return ""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def _day_and_time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%m-%d %H:%M:%S")


def _fact(name: str, value: Any, shown: Shown) -> Any:
    if name in _OURS:
        return escaped(str(value))
    if name == "state":
        return state_name(value)
    if name in _STATUSES:
        return status_name(value)
    if name in _TIMES:
        return when(value)
    if isinstance(value, list):
        return [_fact("", each, shown) for each in value]
    return shown.words(value) if isinstance(value, str) else value


def state_name(state: int) -> str:
    """Return the name of a message_state, or its number."""
    known: Mapping[int, MessageState] = MessageState._value2member_map_  # type: ignore[assignment]
    return known[state].name if state in known else str(state)


def _joined(value: Any) -> str:
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return json.dumps(text, ensure_ascii=False) if " " in text else text


def _console() -> Console:
    # In a pipe there is no width to keep to: a line stays a line.
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=10_000)

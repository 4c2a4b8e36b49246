"""Messages, as the API shows them, printed for people (tables) and for programs (JSON)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from smppbridge.cli.chosen_bridge import BridgeApi
from smppbridge.model.masking import masked_words
from smppbridge.observe.shown import escaped
from smppbridge.smpp.constants import MessageState, status_name

PAGE = 500
"""Most items of a page of the API."""
_STATUSES = frozenset(("command_status", "postponed_by"))
_NUMBERS = frozenset(("provider_message_id", "message_id"))
_WHOLE = frozenset(("message_id", "accepted", "to", "state"))
Item = Mapping[str, Any]
"""A message or another thing of the API, by the names of its fields."""


@dataclass(frozen=True, slots=True)
class ShownFields:
    """The fields of messages that are shown beside the others: texts, whole numbers.

    *reason* goes into the audit trail of a bridge that shows them.
    """

    text: bool = False
    numbers: bool = False
    reason: str = ""

    def revealed(self, asked: BridgeApi, item: Item) -> Item:
        """Return a message with its whole numbers and its text, as far as they are shown."""
        wanted = [name for name, shown in (("number", self.numbers), ("text", self.text)) if shown]
        if not wanted:
            return item
        body = {"what": wanted, "reason": self.reason}
        found = asked.ask("POST", f"/messages/{item['message_id']}/reveal", body=body)
        whole = {"destination": found["number"], "source": found.get("source")}
        texts = {name: found[name] for name in ("text", "octets") if found[name] is not None}
        return {**item, **{k: v for k, v in whole.items() if v is not None}, **texts}


def pages(
    asked: BridgeApi, operation: str, query: Mapping[str, object], limit: int
) -> Iterator[tuple[list[Item], str | None]]:
    """Yield pages of a list, at most *limit* items together, each with the cursor of the next."""
    cursor: str | None = None
    while True:
        more = {} if cursor is None else {"cursor": cursor}
        found = asked.ask("GET", operation, {**query, **more, "limit": min(limit, PAGE)})
        items, cursor = found["items"], found["next"]
        yield items, cursor
        limit -= len(items)
        if cursor is None or limit <= 0:
            return


def listed(asked: BridgeApi, operation: str, query: Mapping[str, object], limit: int) -> list[Item]:
    """Return the items of a list, at most *limit*."""
    return [item for items, _ in pages(asked, operation, query, limit) for item in items]


def as_table(found: Sequence[Item], *, more: bool) -> None:
    """Print a table, a message a row."""
    console = _console()
    moment = _day_and_time if console.is_terminal else str
    table = Table(box=None, pad_edge=False, header_style="bold")
    columns = ["message_id", "accepted", "account", "to", "provider", "state"]
    has_text = any("text" in item or "octets" in item for item in found)
    for name in [*columns, *(["text"] if has_text else [])]:
        # a narrow terminal folds words, never an id: people type ids into the next command
        table.add_column(name, no_wrap=name in _WHOLE, overflow="fold")
    for item in found:
        cells = [
            item["message_id"],
            moment(item["accepted_at"]),
            item["account"],
            item["destination"],
            item["provider"] or "",
            word(item),
            *([content(item)] if has_text else []),
        ]
        table.add_row(*(Text(escaped(cell)) for cell in cells))  # Text: a text is no markup
    if found:
        console.print(table)
    else:
        click.echo("no such messages")
    if more and found:
        click.echo(f"there may be more: --before {found[-1]['message_id']}")


def as_timeline(message: Item, steps: Sequence[Item]) -> None:
    """Print all facts of a message, the verdict on the message, and its timeline."""
    grid = Table.grid(padding=(0, 2))
    missing = {"segments_missing": message["segments_missing"]}
    for name, value in (facts(message) | as_sent(message) | missing).items():
        if name not in ("text", "octets") and value not in (None, "", []):
            grid.add_row(Text(name, "bold"), Text(_joined(value)))
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("time", "what", "how"):
        table.add_column(name, overflow="fold")
    for step in steps:
        how = " ".join(f"{k}={_joined(v)}" for k, v in _facts_of(step).items())
        table.add_row(step["at"] or "", escaped(step["code"]), Text(how))
    _console().print(grid, "", *_spoken(message), "", table, "", sep="\n")


def as_line(message: Item) -> None:
    """Print a message as a line of JSON."""
    click.echo(json.dumps(facts(message)))


def as_whole_line(message: Item, steps: Sequence[Item]) -> None:
    """Print a message as a line of JSON, with the verdict on the message and its timeline."""
    line = facts(message) | as_sent(message) | _of_segments(message)
    line |= {"verdict": message["verdict"], "waits": message["waits"]}
    line["timeline"] = [
        {"at": step["at"], "event": step["code"], **_facts_of(step)} for step in steps
    ]
    click.echo(json.dumps(line))


def as_sent(message: Item) -> dict[str, Any]:
    """Return the fields of the submit_sm that decide about receipts and characters.

    They are as the ESME sent them; of a long message those of its first segment.
    """
    return {
        "registered_delivery": message["registered_delivery"],
        "data_coding": f"{message['data_coding']:#04x}",
        "esm_class": f"{message['esm_class']:#04x}",
    }


def _of_segments(message: Item) -> dict[str, Any]:
    """Return the segments of a long message: those that have come, and the numbers of the rest."""
    return {name: message[name] for name in ("segments_received", "segments_missing")}


def facts(message: Item) -> dict[str, Any]:
    """Return the facts of a message that are shown, by name."""
    named: dict[str, Any] = {
        "message_id": message["message_id"],
        "answered_id": message["answered_id"],
        "system_id": escaped(message["account"]),
        "stage": message["stage"].upper(),
        "state": message["state"],
        "uncertain": message["uncertain"],
        "source": escaped(message["source"]),
        "destination": escaped(message["destination"]),
        "route": message["route"],
        "provider": escaped(message["provider"] or ""),
        "provider_message_id": escaped(message["provider_message_id"] or "") or None,
        "attempts": message["attempts"],
        "segments": message["segments"] or 1,
        "error": message["error"],
    }
    for name in ("accepted_at", "expires_at", "due", "done_at"):
        named[name] = message[name]
    for name in ("text", "octets"):
        if name in message:
            named[name] = content(message)
    return named


def word(message: Item) -> str:
    """Return the stage of a message, its state once it is FINISHED, or Uncertain."""
    if message["uncertain"]:
        return "Uncertain"
    stage = str(message["stage"]).upper()
    return str(message["state"]) if stage == "FINISHED" else stage


def content(message: Item) -> str:
    """Return the characters of a message, or its octets in hexadecimal."""
    return escaped(message["text"]) if "text" in message else str(message.get("octets", ""))


def _spoken(message: Item) -> list[Text]:
    """Return a verdict as lines: the message's place, the reason, the advice."""
    found = message["verdict"]
    lines = [Text(escaped(found["says"]), "bold"), Text(escaped(found["why"]))]
    return [*(line for line in lines if line), *(Text(f"- {escaped(do)}") for do in found["do"])]


def _facts_of(step: Item) -> dict[str, Any]:
    """Return the facts of a step that are shown, by name."""
    return {name: _fact(name, value) for name, value in step["facts"].items()}


def _fact(name: str, value: Any) -> Any:
    if name in _NUMBERS:
        return escaped(str(value))
    if name == "state" and isinstance(value, int):
        return state_name(value)
    if name in _STATUSES and isinstance(value, int):
        return status_name(value)
    if isinstance(value, list):
        return [_fact("", each) for each in value]
    return escaped(masked_words(value)) if isinstance(value, str) else value


def state_name(state: int) -> str:
    """Return the name of a message_state, or its number."""
    known: Mapping[int, MessageState] = MessageState._value2member_map_  # type: ignore[assignment]
    return known[state].name if state in known else str(state)


def _day_and_time(at: str) -> str:
    return f"{at[5:10]} {at[11:19]}"


def _joined(value: Any) -> str:
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return json.dumps(text, ensure_ascii=False) if " " in text else text


def _console() -> Console:
    # In a pipe there is no width to keep to: a line stays a line.
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=10_000)

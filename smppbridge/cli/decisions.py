"""Decisions of a person about messages: asked for, written, and their results printed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from urllib.parse import quote

import click

from smppbridge.cli.chosen_bridge import BridgeApi
from smppbridge.cli.listing import PAGE, Item, word
from smppbridge.cli.store_option import give_up
from smppbridge.observe.shown import escaped

WHAT_HAPPENS = {
    "resend": "sent once more: if the provider did take it, its phone gets a second SMS",
    "fail": "ended as UNDELIVERABLE: if the provider did take it, its phone gets it all the same",
}


def found_by_id(asked: BridgeApi, message_id: int) -> Item | None:
    """Return the message with exactly that message_id, None without one."""
    query = {"id": message_id, "limit": PAGE}
    items: list[Item] = asked.ask("GET", "/messages", query)["items"]
    return next((item for item in items if item["message_id"] == str(message_id)), None)


def why_not(found: Item | None) -> str:
    """Return why a message admits no decision about Uncertain ones; an empty text if it does."""
    if found is None:
        return "is no message"
    return "" if found["uncertain"] else f"is not Uncertain but {word(found)}"


def decide(
    asked: BridgeApi, ids: Sequence[int], verb: str, *, yes: bool, as_json: bool = False
) -> None:
    """Ask, and write the decision on all Uncertain messages of *ids*; exit 1 after any other id."""
    reasons = {str(each): why_not(found_by_id(asked, each)) for each in dict.fromkeys(ids)}
    good = [message_id for message_id, why in reasons.items() if not why]
    decided: list[str] = []
    if good:
        confirm(f"{', '.join(good)}: {WHAT_HAPPENS[verb]}.", yes=yes)
        for at in range(0, len(good), PAGE):
            body = {"verb": verb, "message_ids": good[at : at + PAGE]}
            decided += asked.ask("POST", "/uncertain/decisions", body=body)["decided"]
        late = [message_id for message_id in good if message_id not in decided]
        reasons |= dict.fromkeys(late, "is not Uncertain any more")
    report(verb, decided, {k: v for k, v in reasons.items() if v}, as_json=as_json)


def confirm(words: str, *, yes: bool) -> None:
    """Print an announcement, and let a person agree; exit 1 if the person does not."""
    click.echo(words, err=True)
    if not yes:
        click.confirm("Go on?", abort=True, err=True)


def report(
    verb: str,
    decided: Sequence[str],
    refused: dict[str, str],
    *,
    as_json: bool,
    then: str = "The bridge does it within a second, or when it starts.",
) -> None:
    """Print which messages a decision is about, and exit 1 if it leaves some of them alone."""
    if as_json:
        click.echo(json.dumps({"verb": verb, "decided": list(decided), "refused": refused}))
        if refused:
            raise SystemExit(1)
        return
    if decided:
        click.echo(f"{verb}: {', '.join(decided)}. {then}")
    if refused:
        give_up("; ".join(f"{message_id} {escaped(why)}" for message_id, why in refused.items()))


def name_silent(nodes: Iterable[str], then: str) -> None:
    """Print which nodes have not answered in time, and what may become of that."""
    for node in nodes:
        click.echo(f"node {escaped(node)} has not answered in time: {then}", err=True)


def place(word: str) -> str:
    """Return a word as it stands in the path of an operation."""
    return quote(word, safe="")

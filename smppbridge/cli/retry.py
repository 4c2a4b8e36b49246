"""``smppbridge retry``, ``fail`` and ``move``: a hand in messages of the running bridge."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from smppbridge.cli.chosen_bridge import BridgeApi, BridgeOptions, bridge_options, chosen_bridge
from smppbridge.cli.decisions import (
    WHAT_HAPPENS,
    confirm,
    decide,
    found_by_id,
    name_silent,
    report,
    why_not,
)
from smppbridge.cli.listing import PAGE, Item, listed, word
from smppbridge.cli.moments import as_moment, rfc3339
from smppbridge.cli.pause import switch
from smppbridge.observe.shown import escaped

MOST = 10_000
"""Messages of one decision by a filter."""
Command = Callable[..., Any]
_IDS = click.argument("ids", nargs=-1, type=int, metavar="[ID]...")
_PERHAPS = "perhaps it does it yet"
_AT_ONCE = "The bridge has done it."


def _deciding(command: Command) -> Command:
    """Add the options of a decision."""
    yes = click.option("--yes", is_flag=True, help="Do not ask.")
    json_ = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
    return bridge_options()(yes(json_(command)))


def _filtering(command: Command) -> Command:
    """Add the options that say which waiting messages a decision is about, instead of ids."""
    provider = click.option(
        "--provider", metavar="NAME", help="All that wait for this provider, instead of ids."
    )
    account = click.option(
        "--account", metavar="SYSTEM_ID", help="Of these, only the messages of this account."
    )
    before = click.option(
        "--before",
        callback=as_moment,
        metavar="TIME",
        help="Of these, only those accepted before: ISO, 10:00, 10m, 2h; UTC.",
    )
    return provider(account(before(command)))


@click.command()
@_deciding
@click.option(
    "--provider",
    "providers",
    multiple=True,
    metavar="NAME",
    help="Try this provider now that is down or paused itself, without waiting longer.",
)
@_IDS
def retry(
    where: BridgeOptions, ids: Sequence[int], providers: Sequence[str], yes: bool, as_json: bool
) -> None:
    """Send Uncertain messages once more, or try a provider that is down.

    A phone may get a second SMS: it is the same as `smppbridge messages resend`.
    """
    if bool(ids) == bool(providers):
        raise click.UsageError("either ids of messages, or --provider")
    if ids:
        decide(chosen_bridge(where, stopped=True), ids, "resend", yes=yes, as_json=as_json)
    else:
        switch(chosen_bridge(where), "probe", providers, as_json=as_json)


@click.command()
@_deciding
@_filtering
@_IDS
def fail(where: BridgeOptions, ids: Sequence[int], yes: bool, as_json: bool, **given: Any) -> None:
    """Give messages up that wait or are Uncertain: they end as UNDELIVERABLE.

    Their ESME gets a receipt if it asked for one.  With --provider all that wait for it.
    """
    filtered, asked = _filter(ids, **given), chosen_bridge(where)
    if filtered:
        body, count = _expected(asked, filtered)
        confirm(f"{count} messages: ended as UNDELIVERABLE; none of them was sent.", yes=yes)
        found = asked.ask("POST", "/waiting/failures", body=body)
        name_silent(found.get("silent", ()), _PERHAPS)
        report("fail", found["failed"], _left(found), as_json=as_json, then=_AT_ONCE)
        return
    waiting, unsure, reasons = _sorted(asked, ids)
    if waiting:
        confirm(f"{', '.join(waiting)}: ended as UNDELIVERABLE before being sent.", yes=yes)
    if unsure:
        confirm(f"{', '.join(unsure)}: {WHAT_HAPPENS['fail']}.", yes=yes)
    failed = list[str]()
    for some in _pieces(waiting):
        found = asked.ask("POST", "/waiting/failures", body={"message_ids": some})
        failed += found["failed"]
        reasons |= _left(found)
        name_silent(found.get("silent", ()), _PERHAPS)
    for some in _pieces(unsure):
        body = {"verb": "fail", "message_ids": some}
        found = asked.ask("POST", "/uncertain/decisions", body=body)
        failed += found["decided"]
        reasons |= dict.fromkeys(found["not_uncertain"], "is not Uncertain any more")
    report("fail", failed, reasons, as_json=as_json, then="The bridge does it within a second.")


@click.command()
@_deciding
@_filtering
@click.option("--to", required=True, metavar="NAME", help="The provider that is to send them.")
@click.option(
    "--off-route", is_flag=True, help="Also those on whose route this provider does not stand."
)
@_IDS
def move(
    where: BridgeOptions,
    ids: Sequence[int],
    to: str,
    off_route: bool,
    yes: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Let messages that wait for a provider wait for another one; none is sent twice by it.

    With --provider all that wait for that one.
    """
    filtered, asked = _filter(ids, **given), chosen_bridge(where)
    target = {"to": to, "off_route": off_route}
    if filtered:
        body, count = _expected(asked, filtered)
        confirm(f"{count} messages: sent by {escaped(to)}.", yes=yes)
        bodies: Iterator[Mapping[str, object]] = iter([body])
    else:
        confirm(f"{', '.join(map(str, ids))}: sent by {escaped(to)}.", yes=yes)
        bodies = ({"message_ids": some} for some in _pieces([str(each) for each in ids]))
    moved, reasons = list[str](), dict[str, str]()
    for each in bodies:
        found = asked.ask("POST", "/waiting/moves", body={**each, **target})
        moved += found["moved"]
        reasons |= {one["message_id"]: one["says"] for one in found["unmoved"]}
        name_silent(found.get("silent", ()), _PERHAPS)
    report("move", moved, reasons, as_json=as_json, then=_AT_ONCE)


def _filter(
    ids: Sequence[int], provider: str | None, account: str | None, before: float | None
) -> dict[str, str]:
    """Return the filter of a decision, empty where ids are given instead."""
    if bool(ids) == (provider is not None):
        raise click.UsageError("either ids of messages, or --provider")
    if provider is None:
        if account is not None or before is not None:
            raise click.UsageError("--account and --before go with --provider")
        return {}
    # what is accepted from now on is not counted and not decided about
    until = rfc3339(datetime.now(UTC).timestamp() if before is None else before)
    return {"provider": provider, "before": until} | ({"account": account} if account else {})


def _expected(asked: BridgeApi, filtered: Mapping[str, str]) -> tuple[dict[str, object], int]:
    """Return the body of a decision by a filter, and how many messages it is about."""
    query = {"stage": "waiting", "until": filtered["before"], **filtered}
    del query["before"]
    count = len(listed(asked, "/messages", query, MOST))
    if not count:
        raise click.ClickException("no such message waits")
    return {"filter": dict(filtered), "expect": count}, count


def _sorted(asked: BridgeApi, ids: Sequence[int]) -> tuple[list[str], list[str], dict[str, str]]:
    """Return the ids of messages that wait, of Uncertain ones, and why others are left alone."""
    waiting, unsure, reasons = list[str](), list[str](), dict[str, str]()
    for message_id in dict.fromkeys(ids):
        found = found_by_id(asked, message_id)
        if found is not None and _waits(found):
            waiting.append(found["message_id"])
        elif why := why_not(found):
            named = "" if found is None else f"neither waits nor is Uncertain but {word(found)}"
            reasons[str(message_id)] = named or why
        else:
            unsure.append(str(message_id))
    return waiting, unsure, reasons


def _waits(found: Item) -> bool:
    return bool(found["stage"] == "waiting")


def _left(found: Item) -> dict[str, str]:
    there = dict.fromkeys(
        found.get("elsewhere", ()), "is a message of a node that has not answered"
    )
    return dict.fromkeys(found["not_waiting"], "does not wait any more") | there


def _pieces(ids: Sequence[str]) -> Iterator[list[str]]:
    yield from (list(ids[at : at + PAGE]) for at in range(0, len(ids), PAGE))

"""``smppbridge status``: whether the bridge is ready, and where its messages wait."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import click

from smppbridge.cli.chosen_bridge import BridgeOptions, bridge_options, chosen_bridge
from smppbridge.cli.listing import Item
from smppbridge.cli.rows import as_table
from smppbridge.observe.shown import escaped

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


@click.command()
@bridge_options()
@click.option("--json", "as_json", is_flag=True, help="Print the overview of the API as JSON.")
def status(where: BridgeOptions, as_json: bool) -> None:
    """Show whether the bridge is ready, its sessions, its lanes and what has to be looked at.

    Exits with 0 if it is ready and 1 if it is not; with 69 if no bridge answers, 75 if it is busy,
    77 if it may not be asked by this user.
    """
    overview = chosen_bridge(where).ask("GET", "/overview")
    if as_json:
        click.echo(json.dumps(overview))
    else:
        _print(overview)
    if not overview["ready"]:
        raise SystemExit(1)


def _print(overview: Item) -> None:
    click.echo("\n".join(_head(overview)))
    click.echo()
    as_table([_lane(each) for each in overview["providers"]], "no provider")
    click.echo()
    as_table([_account(each) for each in overview["accounts"]], "no account")
    if overview["alarms"]:
        click.echo()
    for alarm in overview["alarms"]:
        click.echo(escaped(f"{alarm['title']}: {alarm['text']}"))


def _head(overview: Item) -> Iterator[str]:
    failed = [name for name, good in overview["checks"].items() if not good]
    yield "ready" if overview["ready"] else f"not ready: {', '.join(map(escaped, failed))}"
    up = _seconds_between(overview["started_at"], overview["at"])
    version, since = escaped(overview["version"]), overview["started_at"]
    name = overview.get("node")  # a bridge elsewhere may be of a version that says none
    node = f"node {escaped(name)}, " if name else ""
    yield f"{node}version {version}, up {span(up)}, since {since}"
    flow = {stage: count for stage, count in overview["flow"].items() if count is not None}
    counts = {**flow, "Uncertain": overview["uncertain"], "receipts owed": overview["owed"]}
    yield ", ".join(f"{escaped(name.replace('_', ' '))} {n}" for name, n in counts.items())


def _lane(provider: Item) -> dict[str, Any]:
    waiting, breaker = provider["waiting"], provider["breaker"]
    oldest = waiting["oldest_seconds"]
    return {
        "provider": provider["name"],
        "state": "paused by hand" if provider["state"] == "held" else provider["state"],
        "breaker": breaker["state"].replace("_", " "),
        "waiting": waiting["messages"],
        "oldest": None if oldest is None else span(oldest),
        "out": provider["in_flight"],
        "why": _why(provider),
    }


def _why(provider: Item) -> str:
    if provider["state"] == "refusing":
        return str(provider["refusing"])
    if provider["state"] == "paused":
        return f"for {span(provider['paused_seconds'])}, as it told"
    failures, error = provider["breaker"]["failures"], provider["last_error"]
    if provider["state"] in ("open", "probing") and error is not None:
        return f"{failures} failures in a row: {error['reason']}"
    return ""


def _account(account: Item) -> dict[str, Any]:
    binds: Mapping[str, int] = account["binds"]
    kinds = ", ".join(f"{count} {kind}" for kind, count in binds.items())
    return {
        "account": account["id"],
        "sessions": f"{sum(binds.values())} of {account['binds_limit']}",
        "bound as": kinds,
        "owed": account["owed"]["count"],
    }


def span(seconds: float) -> str:
    """Return a time in its two largest units.

    >>> span(93_784), span(59.4), span(0)
    ('1 d 2 h', '59 s', '0 s')
    """
    left, parts = int(seconds), list[str]()
    for size, unit in _UNITS:
        count, left = divmod(left, size)
        if count or parts:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


def _seconds_between(start: str, end: str) -> float:
    """Return how long it is between two times as the API writes them."""
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()

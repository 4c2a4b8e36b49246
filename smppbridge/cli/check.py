"""``smppbridge check``: the faults that start-up would find in a configuration."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from smppbridge.cli.default_paths import configured
from smppbridge.cli.faults import EX_CONFIG, print_faults
from smppbridge.cli.profiles import written
from smppbridge.routing.quiet import DESTINATION
from smppbridge.settings import profiles
from smppbridge.settings.configuration import load
from smppbridge.settings.document import BadSettings, Fault
from smppbridge.settings.schema import Settings
from smppbridge.settings.variables import read_variables
from smppbridge.store.migrate import UnfitStore


@click.command()
@configured("The configuration to check.")
@click.option(
    "--env-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Variables for the configuration, as systemd's EnvironmentFile; else those of this shell.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the faults as a JSON list.")
@click.option("--database", is_flag=True, hidden=True)  # before a restart in place
def check(config: Path, env_file: Path | None, as_json: bool, database: bool) -> None:
    """Check a configuration as start-up would.

    Opens no store and no listener, calls no provider.  Prints file, line, key and message of every
    fault and warning, then the URLs for providers to call, the settings that accounts have by their
    profile, the distribution lists and the quiet hours of routes; exits with 78 after a fault.
    """
    lines: list[str] = []
    try:
        settings = load(config, None if env_file is None else read_variables(env_file))
        faults = [*_doubts(settings), *(_unfit(settings) if database else ())]
        lines = [
            *_called(settings),
            *_profiled(settings),
            *_listed(settings),
            *_quiet(settings),
            f"ok: {_summary(settings)}",
        ]
    except BadSettings as error:
        faults = list(error.faults)
    failed = any(not fault.warning for fault in faults)
    print_faults(faults, as_json=as_json)
    if failed:
        raise SystemExit(EX_CONFIG)
    if not as_json:
        click.echo("\n".join(lines))


def _called(settings: Settings) -> Iterator[str]:
    for name, url in settings.callback_urls():
        yield f"{name} calls {url}"


def _profiled(settings: Settings) -> Iterator[str]:
    """Yield the keys that the profile of each account sets, and those that the account keeps."""
    for index, account in enumerate(settings.accounts):
        if account.profile is None:
            continue
        own = settings.document.values["accounts"][index]
        effects = list(profiles.effects(account.profile, own))
        words = [f"{each.key}: {written(each.value)}" for each, holds in effects if holds]
        kept = [each.key for each, holds in effects if not holds]
        yield "; ".join(
            [
                f"{account.system_id}, profile {account.profile}: {', '.join(words) or 'nothing'}",
                *([f"its own: {', '.join(kept)}"] if kept else []),
            ]
        )


def _doubts(settings: Settings) -> list[Fault]:
    # Only this needs Twisted and TLS: the faults of a file are printed without them.
    from twisted.internet import reactor

    import smppbridge.cli.run  # noqa: F401  # a half installed daemon is found here, not after exec
    from smppbridge.service.configuration import doubts

    return list(doubts(settings, reactor))


def _unfit(settings: Settings) -> list[Fault]:
    """Return the fault of a database that this version cannot work with, or not now."""
    if not settings.store.is_shared:
        return []
    import psycopg

    from smppbridge.store.postgres import migrate

    try:
        with psycopg.connect(settings.store.address, autocommit=True, connect_timeout=5) as db:
            migrate.check(db)
    except (UnfitStore, psycopg.Error) as error:
        return [settings.fault("store", str(error).strip())]
    return []


def _quiet(settings: Settings) -> Iterator[str]:
    for index, route in enumerate(settings.routes):
        if (hours := route.quiet.hours()) is not None:
            begins, ends, zone, default_zone = str(hours).split()
            others = f" (elsewhere {default_zone})" if zone == DESTINATION else ""
            to = ", ".join(route.to) if any(route.to) else "any number"
            yield f"routes[{index}] to {to} is quiet {begins} to {ends} {zone}{others}"


def _listed(settings: Settings) -> Iterator[str]:
    for name, section in settings.lists.items():
        count = len(section.record().numbers)
        twice = section.count - count
        again = f" ({twice:,} named again)" if twice else ""
        yield f"list {name}: {count:,} number{'' if count == 1 else 's'}{again}"


def _summary(settings: Settings) -> str:
    counted = (
        (len(settings.accounts), "account"),
        (len(settings.providers), "provider"),
        (len(settings.routes), "route"),
    )
    return ", ".join(f"{count} {name}{'' if count == 1 else 's'}" for count, name in counted)

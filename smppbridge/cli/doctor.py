"""``smppbridge doctor``: the machine and all that the bridge needs, examined."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import click

from smppbridge.cli.canary import fly
from smppbridge.cli.default_paths import configured
from smppbridge.doctor import accounts, listening, machine, process
from smppbridge.doctor.database import database
from smppbridge.doctor.diagnosis import Diagnosis, Examination, Verdict, examine, status_of
from smppbridge.doctor.providers import provider as examined_provider
from smppbridge.doctor.store import holder, store
from smppbridge.observe.shown import escaped
from smppbridge.settings.configuration import load
from smppbridge.settings.document import BadSettings, Fault
from smppbridge.settings.schema import Settings
from smppbridge.settings.values import suggestion
from smppbridge.settings.variables import read_variables

_ENVIRONMENT = "environment"  # beside the configuration, as the unit has it
_COLOURS = {"good": "green", "look": "yellow", "fault": "red"}


@click.command()
@configured("The configuration of the bridge.")
@click.option(
    "--env-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Variables for the configuration; absent: the file `environment` beside it, if it is"
    " there, and those of this shell.",
)
@click.option("--deep", is_flag=True, help="Read every page of the store, which may take long.")
@click.option(
    "--canary",
    nargs=2,
    metavar="ACCOUNT NUMBER",
    help="Send a message from this account to this phone, and await its receipt; only that.",
)
@click.option(
    "--wait",
    type=click.FloatRange(min=1, max=3_600),
    default=120.0,
    show_default=True,
    metavar="SECONDS",
    help="How long the receipt of a canary is awaited.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the diagnoses as a JSON list.")
@click.argument("providers", nargs=-1, metavar="[PROVIDER]...")
def doctor(
    config: Path,
    env_file: Path | None,
    deep: bool,
    canary: tuple[str, str] | None,
    wait: float,
    as_json: bool,
    providers: tuple[str, ...],
) -> None:
    """Examine the machine and all that the bridge needs: what is wrong, and what to do.

    Configuration, clock, disk, store, modes of files, limits, memory, watchdog, hashes of accounts'
    passwords, addresses that allow_from shut out lately, listeners, certificates, the running
    bridge and its version, each provider (name, connection, TLS, and credentials by a question for
    the credit, never by a message), and callbacks.public_url as a provider would call it. With
    names of providers only these are examined. Each examination ends within 10 s. Exits with 0 if
    all is good, 1 after a fault, 2 if something is worth a look.

    A canary is for crontab: it exits with 0 if its receipt says DELIVRD, else with 1. Give it an
    account of its own: receipts go to any session of an account.
    """
    try:
        settings = load(config, _variables(config, env_file))
    except BadSettings as error:
        found = [_of_fault(fault) for fault in error.faults]
    else:
        found = [fly(settings, *canary, wait)] if canary else _found(settings, providers, deep=deep)
    if as_json:
        click.echo(json.dumps([asdict(each) for each in found], indent=2))
    else:
        click.echo("\n".join(_table(found)))
    raise SystemExit(status_of(found))


def _found(settings: Settings, providers: Sequence[str], *, deep: bool) -> list[Diagnosis]:
    """Examine providers, or without their names everything; raises click.UsageError."""
    unknown = [name for name in providers if name not in settings.providers]
    if unknown:
        hint = suggestion(unknown[0], settings.providers)
        raise click.UsageError(f"no provider is named {escaped(unknown[0])}{hint}")
    found = [] if providers else [*_configuration(settings)]
    return found + examine(list(_examinations(settings, providers, deep=deep)))


def _variables(config: Path, env_file: Path | None) -> dict[str, str]:
    beside = config.parent / _ENVIRONMENT
    if env_file is None and os.access(beside, os.R_OK):
        env_file = beside
    return {**os.environ, **(read_variables(env_file) if env_file else {})}


def _of_fault(fault: Fault) -> Diagnosis:
    where = f"{fault.file}:{fault.line}" if fault.line else fault.file
    says = f"{fault.key}: {fault.message}" if fault.key else fault.message
    verdict: Verdict = "look" if fault.warning else "fault"
    return Diagnosis("configuration", where, verdict, says)


def _configuration(settings: Settings) -> Iterator[Diagnosis]:
    doubts = [_of_fault(fault) for fault in settings.warnings()]
    yield from doubts
    if not doubts:
        says = f"{len(settings.accounts)} accounts, {len(settings.providers)} providers"
        yield Diagnosis("configuration", settings.document.file, "good", says)


def _examinations(
    settings: Settings, providers: Sequence[str], *, deep: bool
) -> Iterator[Examination]:
    built = settings.built_providers()
    if not providers:
        pid = _daemon(settings)
        yield Examination("clock", "", machine.clock)
        yield from _of_store(settings, deep=deep)
        yield Examination("limits", "", partial(machine.limits, settings, pid))
        yield Examination("memory", "", partial(process.memory, pid))
        yield Examination("watchdog", "", partial(process.watchdog, pid))
        yield Examination("password", "", partial(accounts.passwords, settings))
        yield Examination("allow_from", "", partial(accounts.refused_addresses, settings, pid))
        yield Examination("listener", "", partial(listening.listeners, settings, pid))
        yield Examination("certificate", "", partial(listening.certificates, settings))
        yield Examination("bridge", "", partial(listening.daemon, settings, pid))
        yield Examination("callbacks", "", partial(listening.public_url, settings, pid))
    for name in providers or settings.providers:
        run = partial(examined_provider, name, settings.providers[name], built[name])
        yield Examination("provider", name, run)


def _of_store(settings: Settings, *, deep: bool) -> Iterator[Examination]:
    place = settings.store.place
    if settings.store.is_shared:
        yield Examination("store", place, partial(database, settings.store))
        yield Examination("modes", "", partial(machine.modes, settings, None))
        return
    path = Path(place)
    yield Examination("disk", str(path.parent), partial(machine.disk, path.parent))
    yield Examination("store", place, partial(store, path, deep=deep))
    yield Examination("modes", "", partial(machine.modes, settings, path))


def _daemon(settings: Settings) -> int | None:
    """Return the process of the bridge: it has locked the store, or listens for commands."""
    if settings.store.is_shared:
        return listening.listener(settings.admin_socket) if settings.admin_socket else None
    return holder(Path(settings.store.address))


def _table(found: Sequence[Diagnosis]) -> Iterable[str]:
    width = max(len(f"{each.check} {each.subject}".strip()) for each in found) if found else 0
    width = min(width, 44)
    for each in found:
        what = f"{each.check} {each.subject}".strip()
        verdict = click.style(f"{each.verdict:<5}", fg=_COLOURS[each.verdict])
        yield f"{verdict}  {escaped(what):<{width}}  {escaped(each.says)}"
        if each.advice:
            yield f"{'':<5}  {'':<{width}}  -> {escaped(each.advice)}"

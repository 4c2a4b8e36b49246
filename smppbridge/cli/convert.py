"""``smppbridge convert``: another system's configuration as a bridge.yaml."""

from __future__ import annotations

import os
from pathlib import Path

import click

from smppbridge.cli.faults import EX_CONFIG, print_faults
from smppbridge.convert.conversion import Conversion
from smppbridge.convert.systems import SYSTEMS
from smppbridge.convert.systems import convert as converted
from smppbridge.settings.document import BadSettings

INCOMPLETE = 3  # something could not be carried over


@click.command()
@click.argument("system", type=click.Choice(list(SYSTEMS)))
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where to write the bridge.yaml; absent: to standard output. It must not be there yet.",
)
@click.option(
    "--env-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where to write the variables with the passwords, mode 600. It must not be there yet.",
)
def convert(system: str, file: Path, output: Path | None, env_file: Path | None) -> None:
    """Write another system's configuration as a bridge.yaml.

    FILE is a kannel.conf, an opensmppbox.conf (its logins are read too), or what was typed into
    Jasmin's console or shown there (user -s UID, smppccm -s CID, filter -l, mtrouter -l, morouter
    -l): its passwords are digests, and are asked for. Secrets become variables. What could not be
    carried over is listed on standard error, with file and line, and the exit code is then 3; a
    file that is no such configuration exits with 78. Then run `smppbridge check`.
    """
    try:
        conversion = converted(system, file)
    except BadSettings as error:
        print_faults(error.faults, err=True)
        raise SystemExit(EX_CONFIG) from None
    text = conversion.text([str(file)])
    if env_file is not None:
        _write(env_file, conversion.environment())
    if output is None:
        click.echo(text, nl=False)
    else:
        _write(output, text)
    print_faults(conversion.notes, err=True)
    _say_variables(conversion, env_file)
    if conversion.notes:
        raise SystemExit(INCOMPLETE)


def _write(path: Path, text: str) -> None:
    """Write a new file that others cannot read; a file that is there is kept."""
    try:
        with open(path, "x", encoding="utf-8", opener=_private) as new:
            new.write(text)
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}") from None


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)


def _say_variables(conversion: Conversion, env_file: Path | None) -> None:
    if not conversion.variables:
        return
    if env_file is None:
        names = ", ".join(conversion.variables)
        click.echo(f"variables to set: {names}; --env-file FILE writes them", err=True)
    elif unknown := list(conversion.unknown()):
        click.echo(f"{env_file}: set {', '.join(unknown)}", err=True)

"""``smppbridge hash``: an argon2id hash of an account's password, for the configuration."""

from __future__ import annotations

import sys

import click
from argon2 import PasswordHasher

_OCTETS = 8  # SMPP 3.4, 4.1.1: nine with the NUL


@click.command()
def hash() -> None:
    """Print the argon2id hash of a password, to stand in quotes: {hash: '...'}.

    Asks for the password, or reads one line where standard input is no terminal.
    """
    if sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not password or "\0" in password:
        raise click.ClickException("a password has a character at least, and no NUL")
    if len(password.encode()) > _OCTETS:
        click.echo(
            f"warning: SMPP 3.4 clients cannot send more than {_OCTETS} characters", err=True
        )
    click.echo(PasswordHasher().hash(password))

"""Asking one provider something, and telling plainly what came of it."""

from __future__ import annotations

import math
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NoReturn
from urllib.parse import quote

import click

from smppbridge.cli.blocking import Caller, NotHttp
from smppbridge.observe.shown import escaped
from smppbridge.providers.exchange import BadReply, Exchange, NoAnswer, NotSent, Operation, Provider
from smppbridge.settings.provider import ProviderSection as Section

_MAYBE_DONE = "It may have been done all the same: do not repeat it before you have looked"


@dataclass(frozen=True, slots=True)
class Asked:
    """The provider that is asked, under its *name* in the configuration."""

    name: str
    section: Section
    provider: Provider

    @property
    def operations(self) -> Mapping[str, Operation]:
        """What can be asked, by name, but for what `call` can."""
        offered = dict(self.provider.operations)
        if self.provider.abilities.balance:
            offered.setdefault("balance", Operation(run=self._balance, description="Credit left"))
        return offered

    @property
    def calls(self) -> bool:
        """Whether any other request can be made of it."""
        return type(self.provider).call is not Provider.call

    def without_secrets(self, words: str) -> str:
        """Return *words* as they may be seen."""
        for secret in self._secrets():
            for written in (secret, quote(secret), quote(secret, safe="")):
                words = words.replace(written, "***")
        return escaped(words)

    def _balance(self) -> Exchange[dict[str, Any]]:
        left = yield from self.provider.balance()
        until = left.expires_at
        return {
            "balance": left.amount if math.isfinite(left.amount) else "unlimited",
            "unit": left.unit,
            "expires": None if until is None else datetime.fromtimestamp(until, UTC).isoformat(),
        }

    def _secrets(self) -> Iterator[str]:
        for key in self.section.secret_keys():
            value = getattr(self.section, key)
            values = value.values() if isinstance(value, Mapping) else [value]
            yield from (each for each in values if each and isinstance(each, str))


def concluded(asked: Asked, start: Callable[[], Exchange[Any]], *, changes: bool) -> Any:
    """Return what an exchange comes to; exit with 1 if it fails.

    Of one that *changes* something it is told when that may have happened nevertheless.
    """
    caller = Caller(asked.section.lane)
    try:
        return caller.carry(start())
    except NotSent as error:
        why, heeded = f"not reached: {error}", False
    except NoAnswer as error:
        why, heeded = str(error), True
    except BadReply as error:
        why, heeded = str(error), caller.left and not 200 <= caller.status < 500
    except NotHttp:
        why, heeded = "this cannot be asked over HTTP", False
    except KeyboardInterrupt:
        why, heeded = "interrupted", caller.left
    except Exception as error:  # a faulty provider: what it says could hold anything
        where = traceback.extract_tb(error.__traceback__)[-1]
        why = f"a fault of its code: {type(error).__name__} at {where.filename}:{where.lineno}"
        heeded = caller.left
    finally:
        caller.close()
    return give_up(asked, f"{why}. {_MAYBE_DONE}" if changes and heeded else why)


def give_up(asked: Asked, why: str) -> NoReturn:
    """Say what failed at the provider, and exit with 1."""
    raise click.ClickException(f"{asked.name}: {asked.without_secrets(why)}")


def permitted(asked: Asked, what: str, *, yes: bool) -> None:
    """Ask whether to do what moves money; exit with 2 if nobody can be asked."""
    if yes:
        return
    click.echo(f"{asked.name}: {escaped(what)}. This moves money.", err=True)
    if not on_terminal(sys.stdin):
        raise click.UsageError("nobody is there to be asked: say --yes if it is meant")
    click.confirm("Go on?", abort=True, err=True)


def on_terminal(stream: Any) -> bool:
    """Return whether a person is at the other end."""
    return bool(stream.isatty())

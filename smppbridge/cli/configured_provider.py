"""One operation asked of one provider: permission, the exchange, and a plain word on failures."""

from __future__ import annotations

import html
import json
import math
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NoReturn
from urllib.parse import quote, quote_plus

import click

from smppbridge.cli.blocking import BlockingClient, NotHttp
from smppbridge.observe.shown import escaped
from smppbridge.providers.exchange import BadReply, Exchange, NoAnswer, NotSent, Operation, Provider
from smppbridge.settings.provider import ProviderSection as Section

_MAYBE_DONE = "It may have been done all the same: do not repeat it before you have looked"


@dataclass(frozen=True, slots=True)
class ConfiguredProvider:
    """A provider whose operations are asked, under its *name* in the configuration."""

    name: str
    section: Section
    provider: Provider

    @property
    def operations(self) -> Mapping[str, Operation]:
        """The operations by name, without `call`."""
        offered = dict(self.provider.operations)
        if self.provider.abilities.balance:
            offered.setdefault("balance", Operation(run=self._balance, description="Credit left"))
        return offered

    @property
    def calls(self) -> bool:
        """Whether the provider makes any request of its API by `call`."""
        return type(self.provider).call is not Provider.call

    def without_secrets(self, words: str) -> str:
        """Return *words* without secrets, escaped."""
        return escaped(self.redacted(words))

    def redacted(self, words: str) -> str:
        """Return *words* without secrets, in whichever way a URL or a body writes them."""
        forms = {form for secret in self._secrets() for form in _written(secret)}
        for form in sorted(forms, key=len, reverse=True):
            words = words.replace(form, "***")
        return words

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


def _written(secret: str) -> Iterator[str]:
    """Yield a secret as it stands in words, in URLs and forms, in JSON, in XML."""
    yield from (secret, quote(secret), quote(secret, safe=""), quote_plus(secret))
    yield from (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1])
    yield from (html.escape(secret), html.escape(secret, quote=False))


def concluded(
    asked: ConfiguredProvider, start: Callable[[], Exchange[Any]], *, changes: bool
) -> Any:
    """Return the conclusion of an exchange; exit with 1 if the exchange fails.

    If a failed exchange *changes* the account, the message warns where the change may be done.
    """
    client = BlockingClient(asked.section.lane)
    try:
        return client.carry(start())
    except NotSent as error:
        why, maybe_done = f"not reached: {error}", False
    except NoAnswer as error:
        why, maybe_done = str(error), True
    except BadReply as error:
        why, maybe_done = str(error), client.left and not 200 <= client.status < 500
    except NotHttp:
        why, maybe_done = "this cannot be asked over HTTP", False
    except KeyboardInterrupt:
        why, maybe_done = "interrupted", client.left
    except Exception as error:  # a faulty provider: its message could hold any secret
        where = traceback.extract_tb(error.__traceback__)[-1]
        why = f"a fault of its code: {type(error).__name__} at {where.filename}:{where.lineno}"
        maybe_done = client.left
    finally:
        client.close()
    return give_up(asked, f"{why}. {_MAYBE_DONE}" if changes and maybe_done else why)


def give_up(asked: ConfiguredProvider, why: str) -> NoReturn:
    """Print why an operation failed, and exit with 1."""
    raise click.ClickException(f"{asked.name}: {asked.without_secrets(why)}")


def permitted(asked: ConfiguredProvider, operation: str, *, yes: bool) -> None:
    """Ask a person before an operation moves money; exit with 2 where no person can be asked."""
    if yes:
        return
    click.echo(f"{asked.name}: {escaped(operation)}. This moves money.", err=True)
    if not on_terminal(sys.stdin):
        raise click.UsageError("nobody is there to be asked: say --yes if it is meant")
    click.confirm("Go on?", abort=True, err=True)


def on_terminal(stream: Any) -> bool:
    """Return whether a stream is a terminal, with a person before it."""
    return bool(stream.isatty())

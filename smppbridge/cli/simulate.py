"""``smppbridge simulate``: one simulator, until a signal ends it."""

from __future__ import annotations

import sys

import click
from twisted.internet.error import CannotListenError

from smppbridge.observe.lines import Lines
from smppbridge.observe.log import Journal, take_over_libraries
from smppbridge.simulators import SIMULATORS, Simulator, simulator_type


@click.command()
@click.argument("name", type=click.Choice(list(SIMULATORS)))
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    required=True,
    help="Where it listens, on 127.0.0.1; 0: any free one.",
)
@click.option(
    "--callback",
    "--callback-url",
    "callback",
    metavar="URL",
    help="Where it reports to: a provider's address at the bridge's callbacks listener.",
)
@click.option(
    "--delay",
    type=click.FloatRange(0),
    default=1.0,
    show_default=True,
    help="Seconds from acceptance to report.",
)
def simulate(name: str, port: int, callback: str | None, delay: float) -> None:
    """Play the provider NAME on 127.0.0.1.

    It takes any credential but the word wrong, and goes by the last two digits of the destination:
    90 fails, 91 is rejected, 92 answers after 5 s, 93 HTTP 500 (smsc: ESME_RSYSERR), 94 HTTP 429
    (ESME_RTHROTTLED) twice, 95 never answers, 96 reports before it answers, 97 reports twice, 98
    never reports, 99 expires.
    """
    from twisted.internet import reactor

    take_over_libraries(Journal(Lines(sys.stderr.fileno()), form="text"))
    simulator = simulator_type(name)(reactor, callback_url=callback, delay=delay)
    port = listening(simulator, port, "--port")
    click.echo(f"{name} is played on {simulator.scheme}://127.0.0.1:{port}; Ctrl-C ends it")
    reactor.addSystemEventTrigger("before", "shutdown", simulator.close)
    reactor.run()


def listening(simulator: Simulator, port: int, option: str) -> int:
    """Let a simulator listen and return its port; if it cannot, name the *option* and exit."""
    try:
        return simulator.listen(port)
    except CannotListenError as error:
        raise cannot_listen(error, option) from None


def cannot_listen(error: CannotListenError, option: str) -> click.ClickException:
    """Return what to say of a port that cannot be had."""
    reason = getattr(error.socketError, "strerror", None) or error.socketError
    return click.ClickException(
        f"cannot listen on port {error.port}: {reason}; choose another with {option}"
    )

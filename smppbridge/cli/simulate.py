"""``smppbridge simulate``: a simulator, until a signal; or a phone that dials."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

import click
from twisted.internet.error import CannotListenError

from smppbridge.observe.lines import Lines
from smppbridge.observe.log import EventLog, take_over_libraries
from smppbridge.service.clock import never_stepping
from smppbridge.simulators import Simulator, simulator_type
from smppbridge.simulators.ussd import Dropped, Phone, converse

_DIGITS = """\
The last two digits of a destination decide: 90 fails, 91 is rejected, 92 is answered after 5 s,
93 gets {error}, 94 {throttle} twice, 95 no answer, 96 is reported before it is answered, 97
reported twice, 98 never reported, 99 expires; others are delivered."""


@dataclass(frozen=True, slots=True)
class SimulatorHelp:
    """The help of a simulator: paths, credentials, reports, and its answers to 93 and 94."""

    name: str
    serves: str
    takes: str
    reports: str
    error: str = "HTTP 500"
    throttle: str = "HTTP 429"

    @property
    def words(self) -> str:
        """The help in paragraphs."""
        takes = f"Takes any {self.takes}, but for the word wrong."
        digits = _DIGITS.format(error=self.error, throttle=self.throttle)
        return f"{self.name}: {self.serves}.\n\n{takes} {self.reports}.\n\n{digits}"


SERVED: Mapping[str, SimulatorHelp] = MappingProxyType(
    {
        "keccel": SimulatorHelp(
            "Keccel, version 2",
            "/sms/v2/message.asp, delivery.asp and balance.asp",
            "token",
            "Reports by GET to --callback, and when asked",
        ),
        "mspace_legacy": SimulatorHelp(
            "MSpace, all in the path",
            "/mspaceservice/wr/sms/sendtext, balance, login, subusers, resellerclients and top-ups",
            "username and password",
            "It never reports, and needs neither --callback nor --delay",
        ),
        "mspace_v2": SimulatorHelp(
            "MSpace, version 2",
            "/smsapi/v2/sendtext, deliveryreport, balance, subusers, resellerclients and top-ups,"
            " in JSON, in XML or in the path",
            "apikey and username",
            "Reports when asked",
        ),
        "smscx": SimulatorHelp(
            "SMS.CX",
            "/sms, /reports, /account, /optouts, /originators, /numbers, /applications and"
            " /oauth/token; a phone by JSON posted to /simulator/receive (from, text, to) and"
            " /simulator/optout (phoneNumber)",
            "X-API-KEY, and any application by OAuth2",
            "Reports to a request's dlrCallbackUrl or else to --callback, where messages and"
            " opt-outs go too, and when asked",
        ),
        "d7": SimulatorHelp(
            "D7, Jasmin's REST API",
            "/secure/send, sendbatch, balance and rate, and /ping; a phone by a form posted to"
            " /simulator/receive (from, to, text)",
            "user and password",
            "Reports to each message's dlr-url; messages of phones go to --callback",
            throttle="HTTP 403 (User throughput exceeded)",
        ),
        "d7_v1": SimulatorHelp(
            "D7, Messages API v1",
            "/messages/v1/send, /messages/v1/balance and /report/v1/message-log/ID",
            "bearer token",
            "Reports to a request's report_url or else to --callback, and when asked",
        ),
        "smsc": SimulatorHelp(
            "An SMSC",
            "SMPP 3.4, to transmitters, receivers and transceivers",
            "system_id and password",
            "Receipts come by deliver_sm",
            error="ESME_RSYSERR",
            throttle="ESME_RTHROTTLED",
        ),
    }
)
"""The help of each simulator, by the simulator's name."""


class SimulatorCommands(click.Group):
    """Finds a simulator by name, or fails with the names of all simulators."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command for a simulator."""
        if args[0] not in self.commands:
            names = ", ".join(map(repr, self.commands))
            near = get_close_matches(args[0], self.commands, 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            ctx.fail(f"{args[0]!r} is no simulator: choose from {names}.{hint}")
        return super().resolve_command(ctx, args)


@click.group(cls=SimulatorCommands, subcommand_metavar="NAME [OPTIONS]")
def simulate() -> None:
    """Play the provider NAME on 127.0.0.1, or a phone (ussd).

    `simulate NAME --help` lists the paths of a simulator.
    """


def _named(name: str) -> click.Command:
    served = SERVED[name]

    @click.command(name, short_help=served.name, help=served.words)
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
    def play(port: int, callback: str | None, delay: float) -> None:
        _play(name, port, callback, delay)

    return play


for _name in SERVED:
    simulate.add_command(_named(_name))


def _play(name: str, port: int, callback: str | None, delay: float) -> None:
    from twisted.internet import reactor

    never_stepping(reactor)
    take_over_libraries(EventLog(Lines(sys.stderr.fileno()), form="text"))
    simulator = simulator_type(name)(reactor, callback_url=callback, delay=delay)
    port = listening(simulator, port, "--port")
    said = f"{name} is played on {simulator.scheme}://127.0.0.1:{port}; Ctrl-C ends it"
    reactor.callWhenRunning(click.echo, said)  # not before: a signal would find no handler
    reactor.addSystemEventTrigger("before", "shutdown", simulator.close)
    reactor.run()


@simulate.command(short_help="A phone that dials a service code")
@click.option("--url", required=True, help="What MSpace's gateway calls: .../ussd/KEY of a bridge.")
@click.option("--code", default="*384*77#", show_default=True, help="The service code to dial.")
@click.option("--msisdn", default="254722000001", show_default=True, help="Whose phone it is.")
@click.option("--last", is_flag=True, help="Send what was typed last, not all that was typed.")
def ussd(url: str, code: str, msisdn: str, last: bool) -> None:
    """Be a phone, and MSpace's USSD gateway.

    Dials a service code, shows screens, and sends each typed line as an answer.
    """
    try:
        converse(Phone(url, code, msisdn, joined=not last), sys.stdin, sys.stdout)
    except Dropped as why:
        raise click.ClickException(f"the dialogue is dropped: {why}") from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def listening(simulator: Simulator, port: int, option: str) -> int:
    """Let a simulator listen and return its port; if the port is taken, name *option* and exit."""
    try:
        return simulator.listen(port)
    except CannotListenError as error:
        raise cannot_listen(error, option) from None


def cannot_listen(error: CannotListenError, option: str) -> click.ClickException:
    """Return the error for a port that is taken; *option* chooses another port."""
    reason: Any = getattr(error.socketError, "strerror", None) or error.socketError
    return click.ClickException(
        f"cannot listen on port {error.port}: {reason}; choose another with {option}"
    )

"""``smppbridge demo``: the bridge and every provider's simulator on one machine, to be tried."""

from __future__ import annotations

import secrets
import shlex
import shutil
import sys
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

import click
from rich.console import Console
from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.internet.error import CannotListenError

from smppbridge.cli import demo_menu
from smppbridge.cli.board import Board
from smppbridge.cli.demo_settings import (
    CODES,
    DEMO_ROUTES,
    MENU,
    PATHS,
    YOURS,
    DemoAddresses,
    settings_of,
)
from smppbridge.cli.signals import on_hangup
from smppbridge.cli.simulate import cannot_listen, listening
from smppbridge.model.address import Address, number_of
from smppbridge.observe.lines import Lines
from smppbridge.observe.log import EventLog, take_over_libraries
from smppbridge.observe.notify import Notify
from smppbridge.service.bridge import Bridge
from smppbridge.service.clock import never_stepping
from smppbridge.settings.schema import Settings
from smppbridge.simulators import Simulator, simulator_type

SMPP_PORT = 2775
_PORT = click.IntRange(1, 65535)
_LINK = 3_600.0  # seconds that the link to the console works
_OPTIONS = {"smpp": "--port", "web": "--web-port", "callbacks": "--callbacks-port"}
_UP = """\
The bridge is up, and all providers are played beside it: nothing leaves this
machine.

  SMPP 3.4   127.0.0.1:{smpp}, system_id demo, password demo
  web        http://127.0.0.1:{web}/metrics /healthz /readyz
  console    {link}
             (once, within an hour{another})

{table}

Point your system at it, or try it in other terminals: send a message; listen,
and let a phone write to you; be a phone that dials {menu} (an ESME of yours,
bound as {yours} with password {yours}, has {code}):

  {command} send{port} --to 243810000001 "Hello from the bridge"
  {command} listen{port}
  curl -d '{{"from": "+447700900123", "text": "Hello"}}' {smscx}/simulator/receive
  {command} simulate ussd --url {ussd}

The last two digits of a number decide: 90 fails, 91 is rejected, 92 answers
after 5 s, 93 HTTP 500, 94 HTTP 429 twice, 95 never answers, 96 reports before
it answers, 97 reports twice, 98 never reports, 99 expires; others are
delivered. Ctrl-C ends it, and nothing is kept.
"""


@click.command()
@click.option("--port", type=_PORT, default=SMPP_PORT, show_default=True, help="Port of SMPP.")
@click.option("--web-port", type=_PORT, default=8775, show_default=True, help="Port of web.")
@click.option(
    "--callbacks-port",
    type=_PORT,
    default=8776,
    show_default=True,
    help="Port that the simulators report to.",
)
@click.option(
    "--simulator-port",
    type=click.IntRange(0, 65535 - len(PATHS) + 1),
    default=0,
    show_default=True,
    help="Port of Keccel's simulator, the others' follow it; 0: any free ones.",
)
@click.option(
    "--delay",
    type=click.FloatRange(0),
    default=1.0,
    show_default=True,
    help="Seconds from acceptance to report.",
)
def demo(port: int, web_port: int, callbacks_port: int, simulator_port: int, delay: float) -> None:
    """Run the bridge with all simulators on 127.0.0.1; needs no file and leaves none.

    Prints which numbers go to which provider and which commands to try, then shows the messages
    that go by: as a table on a terminal, as lines otherwise.
    """
    from twisted.internet import reactor

    never_stepping(reactor)
    simulators = {name: simulator_type(name)(reactor, delay=delay) for name in PATHS}
    ports = {
        name: listening(each, simulator_port and simulator_port + nth, "--simulator-port")
        for nth, (name, each) in enumerate(simulators.items())
    }
    with TemporaryDirectory(prefix="smppbridge-demo-") as folder:
        place = DemoAddresses(
            smpp=port,
            web=web_port,
            callbacks=callbacks_port,
            simulators=ports,
            folder=folder,
            key=secrets.token_hex(8),
            menu_password=secrets.token_hex(4),
        )
        for name, simulator in simulators.items():
            simulator.callback_url = place.callback_url(name)
        Demo(settings_of(place, delay), place, simulators.values(), reactor).run()


def words(place: DemoAddresses, link: str, socket: str | None) -> str:
    """Return the text of the start: listeners, a link to the console, routes, commands to try."""
    codes = {owner: code for code, owner in CODES.items()}
    return _UP.format(
        smpp=place.smpp,
        web=place.web,
        link=link,
        another=f"; again: {_command()} login --socket {socket}" if socket else "",
        table="\n".join(_table(place)),
        command=_command(),
        port="" if place.smpp == SMPP_PORT else f" --port {place.smpp}",
        smscx=place.url_of("smscx"),
        ussd=place.ussd_url,
        menu=codes[MENU],
        yours=YOURS,
        code=codes[YOURS],
    )


def _table(place: DemoAddresses) -> Iterator[str]:
    rows = [("numbers", "provider", "port", "")]
    for way in DEMO_ROUTES:
        numbers = ", ".join(filter(None, way.prefixes)) or "others"
        port = str(place.simulators.get(way.simulator, ""))
        rows.append((numbers, way.via[0], port, way.words))
    for numbers, provider, port, description in rows:
        yield f"  {numbers:<8} {provider:<14} {port:<6} {description}".rstrip()


def _command() -> str:
    """Return the command that smppbridge was called by."""
    called = sys.argv[0]
    return "smppbridge" if shutil.which("smppbridge") == called else shlex.quote(called)


class Demo:
    """A bridge and simulators in one reactor, and the board that shows their messages."""

    def __init__(
        self,
        settings: Settings,
        place: DemoAddresses,
        simulators: Collection[Simulator],
        reactor: Any,
    ) -> None:
        self._place, self._simulators, self._reactor = place, simulators, reactor
        self._board = _board(settings)
        journal = self._board or EventLog(Lines(sys.stdout.fileno()), form="text")
        take_over_libraries(journal)
        self._bridge = Bridge(settings, reactor, journal, Notify({}))
        self._display = ExitStack()
        self._failed: Exception | None = None

    def run(self) -> None:
        """Run until a signal; raises ClickException if the bridge cannot start."""
        reactor = self._reactor
        reactor.callWhenRunning(lambda: Deferred.fromCoroutine(self._begin()))
        reactor.addSystemEventTrigger(
            "before", "shutdown", lambda: Deferred.fromCoroutine(self._end())
        )
        with self._display:
            reactor.run()
        if isinstance(self._failed, CannotListenError):
            raise cannot_listen(self._failed, self._option(self._failed.port))
        if self._failed is not None:
            raise click.ClickException(f"cannot start: {self._failed}")

    async def _begin(self) -> None:
        on_hangup(self._hung_up)
        place = self._place
        try:
            await self._bridge.start()
            await demo_menu.join(self._reactor, place.smpp, MENU, place.menu_password)
        except Exception as error:
            self._failed = error
            self._reactor.stop()
            return
        bridge = self._bridge
        text = words(place, bridge.admin.link("demo", _LINK), bridge.settings.admin_socket)
        click.echo(text)
        if self._board is not None:
            self._display.enter_context(self._board.shown(above=text.count("\n")))

    def _option(self, port: int) -> str:
        return next(
            option for name, option in _OPTIONS.items() if getattr(self._place, name) == port
        )

    def _hung_up(self, signum: int, frame: FrameType | None) -> None:
        self._reactor.callFromThread(self._reactor.stop)

    async def _end(self) -> None:
        if self._failed is not None:
            return  # only the failure is printed, not the ends of sessions that follow from it
        await self._bridge.stop()
        await DeferredList([maybeDeferred(each.close) for each in self._simulators])


def _board(settings: Settings) -> Board | None:
    """Return a board if standard output is a terminal that can show a table."""
    console = Console()
    if not console.is_terminal or console.is_dumb_terminal:
        return None
    table, countries = settings.table(), {a.system_id: a.country for a in settings.accounts}

    def provider_of(system_id: str, destination: Address) -> str:
        number = number_of(destination, countries.get(system_id))
        choice = table.find(system_id, "", number)
        return choice.via[0] if choice else ""

    return Board(Lines(sys.stderr.fileno()), console, provider_of)

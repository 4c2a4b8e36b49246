"""``smppbridge demo``: the bridge and a provider's simulator on this machine, to be tried."""

from __future__ import annotations

import secrets
import shlex
import shutil
import signal
import sys
from contextlib import ExitStack
from dataclasses import asdict, dataclass, fields
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

import click
from rich.console import Console
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError

from smppbridge.cli.board import Board
from smppbridge.cli.simulate import cannot_listen, listening
from smppbridge.observe.lines import Lines
from smppbridge.observe.log import Journal, take_over_libraries
from smppbridge.observe.notify import Notify
from smppbridge.service import Bridge
from smppbridge.settings.schema import Settings
from smppbridge.simulators import Simulator, simulator_type

SMPP_PORT = 2775
_PORT = click.IntRange(1, 65535)
_UP = """\
The bridge is up, and Keccel is played beside it: nothing leaves this machine.

  SMPP 3.4   127.0.0.1:{smpp}, system_id demo, password demo
  web        http://127.0.0.1:{web}/metrics /healthz /readyz
  callbacks  http://127.0.0.1:{callbacks}
  Keccel     http://127.0.0.1:{simulator}/sms/v2

Point your system at it, or in another terminal:

  {command} send{port} --to 243810000001 "Hello from the bridge"
  {command} listen{port}

The last two digits of a number decide: 90 fails, 91 is rejected, 92 answers
after 5 s, 93 HTTP 500, 94 HTTP 429 twice, 95 never answers, 96 reports before
it answers, 97 reports twice, 98 never reports, 99 expires; others are
delivered. Ctrl-C ends it, and nothing is kept.
"""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where all listens on 127.0.0.1; *simulator* 0 is any free one."""

    smpp: int
    web: int
    callbacks: int
    simulator: int

    def option(self, port: int) -> str:
        """Return the option that sets *port*."""
        name = next((each.name for each in fields(self) if getattr(self, each.name) == port), "")
        return "--port" if name == "smpp" else f"--{name}-port"

    def words(self) -> str:
        """Return what is up, and how to bind and send."""
        port = "" if self.smpp == SMPP_PORT else f" --port {self.smpp}"
        return _UP.format(**asdict(self), port=port, command=_command())


def _command() -> str:
    """Return what this program was called by."""
    called = sys.argv[0]
    return "smppbridge" if shutil.which("smppbridge") == called else shlex.quote(called)


@click.command()
@click.option("--port", type=_PORT, default=SMPP_PORT, show_default=True, help="Port of SMPP.")
@click.option("--web-port", type=_PORT, default=8775, show_default=True, help="Port of web.")
@click.option(
    "--callbacks-port",
    type=_PORT,
    default=8776,
    show_default=True,
    help="Port that the simulator reports to.",
)
@click.option(
    "--simulator-port",
    type=click.IntRange(0, 65535),
    default=0,
    show_default=True,
    help="Port of Keccel's simulator; 0: any free one.",
)
@click.option(
    "--delay",
    type=click.FloatRange(0),
    default=1.0,
    show_default=True,
    help="Seconds from acceptance to report.",
)
def demo(port: int, web_port: int, callbacks_port: int, simulator_port: int, delay: float) -> None:
    """Run the bridge with Keccel's simulator on 127.0.0.1; needs no file and leaves none.

    Says how to bind and send, then shows the messages that go by: as a table on a terminal, as
    lines otherwise.
    """
    from twisted.internet import reactor

    key = secrets.token_hex(16)
    callback = f"http://127.0.0.1:{callbacks_port}/callbacks/keccel/{key}"
    simulator = simulator_type("keccel")(reactor, callback_url=callback, delay=delay)
    taken = listening(simulator, simulator_port, "--simulator-port")
    ports = Ports(port, web_port, callbacks_port, taken)
    with TemporaryDirectory(prefix="smppbridge-demo-") as folder:
        settings = settings_of(ports, folder, key)
        Demo(settings, ports, simulator, reactor).run()


def settings_of(ports: Ports, folder: str, key: str) -> Settings:
    """Return the configuration of the demo; what never ends in earnest ends within a minute."""

    def local(port: int) -> dict[str, str]:
        return {"listen": f"tcp:{port}:interface=127.0.0.1"}

    keccel = {
        "type": "keccel",
        "token": "demo",
        "base_url": f"http://127.0.0.1:{ports.simulator}/sms/v2",
        "callback_key": key,
        "timeout": "10s",
        "uncertain_deadline": "20s",
        "report_deadline": "1m",
    }
    return Settings.read(
        {
            "smpp": local(ports.smpp),
            "web": local(ports.web),
            "callbacks": local(ports.callbacks),
            "store": f"sqlite:{folder}/bridge.db",
            "drain": "1s",
            "log": {"format": "text", "messages": "all"},
            "accounts": [{"system_id": "demo", "password": "demo", "binds": 100, "country": "CD"}],
            "providers": {"keccel": keccel},
            "routes": [{"to": "243", "via": ["keccel"]}, {"via": ["keccel"]}],
        }
    )


class Demo:
    """A bridge and a simulator in one reactor, and what is shown of them."""

    def __init__(
        self, settings: Settings, ports: Ports, simulator: Simulator, reactor: Any
    ) -> None:
        self._ports, self._simulator, self._reactor = ports, simulator, reactor
        self._board = _board()
        journal = self._board or Journal(Lines(sys.stdout.fileno()), form="text")
        take_over_libraries(journal)
        self._bridge = Bridge(settings, reactor, journal, Notify({}, 0))
        self._display = ExitStack()
        self._failed: Exception | None = None

    def run(self) -> None:
        """Run until a signal; raises ClickException if it cannot start."""
        reactor = self._reactor
        reactor.callWhenRunning(lambda: Deferred.fromCoroutine(self._begin()))
        reactor.addSystemEventTrigger(
            "before", "shutdown", lambda: Deferred.fromCoroutine(self._end())
        )
        with self._display:
            reactor.run()
        if isinstance(self._failed, CannotListenError):
            raise cannot_listen(self._failed, self._ports.option(self._failed.port))
        if self._failed is not None:
            raise click.ClickException(f"cannot start: {self._failed}")

    async def _begin(self) -> None:
        signal.signal(signal.SIGHUP, self._hung_up)  # the terminal was closed
        try:
            await self._bridge.start()
        except Exception as error:
            self._failed = error
            self._reactor.stop()
            return
        words = self._ports.words()
        click.echo(words)
        if self._board is not None:
            self._display.enter_context(self._board.shown(above=words.count("\n")))

    def _hung_up(self, signum: int, frame: FrameType | None) -> None:
        self._reactor.callFromThread(self._reactor.stop)

    async def _end(self) -> None:
        await self._bridge.stop()
        await self._simulator.close()


def _board() -> Board | None:
    """Return a table if there is a terminal that can show it."""
    console = Console()
    if not console.is_terminal or console.is_dumb_terminal:
        return None
    return Board(Lines(sys.stderr.fileno()), console)

"""The traffic of a run of chaos: ESMEs on threads, and a provider that takes its time."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from smppbridge.smpp.pdus import BindReceiver, BindTransmitter
from tests.system.daemon import Daemon
from tests.system.esme import Closed, Esme, Load, Receipt
from tests.system.provider import Provider

_BROKEN = (OSError, Closed, TimeoutError)


class Fickle(Provider):
    """Takes its time, reports every fourth message FAILED, calls back at any of the *nodes*.

    It does not reach those that are *cut_off*: what it calls back there is left to be asked for.
    """

    def __init__(self, chance: random.Random) -> None:
        self.nodes: Sequence[Daemon] = ()
        self.cut_off: set[Daemon] = set()
        self._chance = chance
        super().__init__()

    @property
    def callback(self) -> tuple[int, str] | None:  # type: ignore[override]
        """Where a report is called back to; every other is left to be asked for."""
        node = self._chance.choice(self.nodes) if self.nodes else None
        if node is None or node in self.cut_off or self._chance.random() < 0.5:
            return None
        return node.callback

    @callback.setter
    def callback(self, _: object) -> None: ...

    def take(self, text: str) -> str | None:
        """Take a message, after a moment in which a node may end."""
        threading.Event().wait(self._chance.uniform(0, 0.1))
        return super().take(text)

    def state_of(self, identifier: str) -> str:
        """Return what it reports of a message, always the same."""
        return "FAILED" if int(identifier.removeprefix("kc-")) % 4 == 0 else "DELIVERED"

    def report(self, identifier: str, status: str = "DELIVERED") -> int:
        """Call back about a message, unless it is left to be asked for."""
        port_and_path = self.callback
        if port_and_path is None:
            return 0
        return self.call(port_and_path, identifier, status)


class Bound(threading.Thread):
    """An ESME on a thread, bound at one port after the other until it is stopped."""

    def __init__(self, ports: Sequence[int], chance: random.Random) -> None:
        super().__init__(daemon=True)
        self.ports, self.chance = ports, chance
        self.ending = threading.Event()

    def run(self) -> None:
        """Bind again whenever a session has ended."""
        while not self.ending.wait(0.05):
            with suppress(*_BROKEN), Esme(self.chance.choice(self.ports)) as esme:
                self.serve(esme)

    def serve(self, esme: Esme) -> None:
        """Use a connection until it ends, or this ESME does."""
        raise NotImplementedError


class Submitting(Bound):
    """Submits texts, each once, and again what was refused; keeps what was answered ESME_ROK."""

    def __init__(self, name: str, ports: Sequence[int], chance: random.Random) -> None:
        super().__init__(ports, chance)
        self.load = Load([], window=10)
        self._named, self._count = name, 0

    def serve(self, esme: Esme) -> None:
        if esme.bind(BindTransmitter):
            return
        while not self.ending.wait(0.1):
            self.load.texts += self.load.refused
            self.load.refused.clear()
            for _ in range(self.chance.randrange(5, 30)):
                self._count += 1
                self.load.texts.append(f"{self._named}-{self._count}")
            self.load.go_on(esme)


@dataclass
class Taking:
    """The receipts that came on one session at a *port*, and when that ended, in monotonic time."""

    port: int
    ended: float | None = None
    receipts: list[tuple[float, Receipt]] = field(default_factory=list)


class Receiving(Bound):
    """Takes the receipts of one node; *sessions* are in their order."""

    def __init__(self, port: int, chance: random.Random) -> None:
        super().__init__([port], chance)
        self.sessions: list[Taking] = []

    def serve(self, esme: Esme) -> None:
        if esme.bind(BindReceiver):
            return
        taking = Taking(self.ports[0])
        self.sessions.append(taking)
        try:
            while not self.ending.is_set():
                with suppress(TimeoutError):
                    esme.take_in(esme.read(0.2))
                taking.receipts += [(time.monotonic(), each) for each in esme.receipts]
                esme.receipts.clear()
        finally:
            if not self.ending.is_set():
                taking.ended = time.monotonic()

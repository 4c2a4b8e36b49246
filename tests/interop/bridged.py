"""The bridge as a process, beside Keccel's simulator in this one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import pytest_twisted
from twisted.internet.threads import deferToThread

from smppbridge.simulators.keccel import KeccelSimulator
from tests.cli.processes import Program, free_ports, running
from tests.interop.tapped import tapped

PASSWORD = "secret"
_KEY = "interopinteropinterop"
_SETTINGS = """
smpp: {{listen: "tcp:{smpp}:interface=127.0.0.1"}}
callbacks: {{listen: "tcp:{callbacks}:interface=127.0.0.1"}}
store: "sqlite:{folder}/bridge.db"
log: {{format: text, messages: all}}
accounts: [{accounts}]
providers:
  keccel:
    type: keccel
    token: any
    base_url: http://127.0.0.1:{keccel}/sms/v2
    callback_key: {key}
routes:
  - via: [keccel]
"""


@dataclass(frozen=True)
class Place:
    """Where a bridge has its settings and its store, and where ESMEs connect: at a tap."""

    settings: Path
    port: str
    smpp: str
    simulator: KeccelSimulator
    callback_url: str

    @contextmanager
    def called_back(self) -> Iterator[None]:
        """Let the simulator, which places share, call back here, and afterwards where it did."""
        before, self.simulator.callback_url = self.simulator.callback_url, self.callback_url
        try:
            yield
        finally:
            self.simulator.callback_url = before

    @contextmanager
    def bridge(self) -> Iterator[Program]:
        """Run it, on the store that is there; tshark, if there is one, judges its PDUs."""
        with (
            self.called_back(),
            tapped(int(self.port), int(self.smpp), self.settings.parent),
            running("run", "--config", str(self.settings)) as program,
        ):
            yield program

    @contextmanager
    def served(self) -> Iterator[Program]:
        """Run it until the end of a test module, which must be orderly and without a fault."""
        with self.bridge() as program:
            program.until("started")
            yield program
            assert program.end() == 0
        assert "unhandled_error" not in program.said
        assert "pdu_refused" not in program.said


def settle(
    folder: Path, simulator: KeccelSimulator, accounts: Iterable[str], rights: str = "binds: 4"
) -> Place:
    """Write the settings of a bridge whose provider is *simulator*."""
    smpp, callbacks, tap = free_ports(3)
    written = [f"{{system_id: {a}, password: {PASSWORD}, {rights}}}" for a in accounts]
    path = folder / "bridge.yaml"
    path.write_text(
        _SETTINGS.format(
            smpp=smpp,
            callbacks=callbacks,
            folder=folder,
            accounts=", ".join(written),
            keccel=simulator.listen(),
            key=_KEY,
        )
    )
    callback_url = f"http://127.0.0.1:{callbacks}/callbacks/keccel/{_KEY}"
    return Place(path, tap, smpp, simulator, callback_url)


def in_thread(test: Callable[..., None]) -> Callable[..., Any]:
    """Run *test* in a thread, so that the simulator is played meanwhile."""

    @pytest_twisted.ensureDeferred
    @wraps(test)
    async def in_reactor(**fixtures: object) -> None:
        await deferToThread(test, **fixtures)

    return in_reactor

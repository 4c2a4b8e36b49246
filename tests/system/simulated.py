"""A daemon whose configuration is text, beside simulators that are played in this process."""

from __future__ import annotations

import select
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import wraps
from pathlib import Path
from typing import Any

import pytest_twisted
from twisted.internet import reactor as installed
from twisted.internet.threads import blockingCallFromThread, deferToThread
from twisted.web.server import Request

from smppbridge.simulators.keccel import KeccelSimulator
from smppbridge.simulators.serving import PageAnswer
from smppbridge.simulators.smsc import SmscSimulator
from smppbridge.smpp.pdus import Bind, BindTransceiver, SubmitSm, SubmitSmResp
from smppbridge.text import coding
from tests.patience import PATIENCE
from tests.ports import kept_ports
from tests.system.daemon import KEY, Daemon
from tests.system.esme import Closed, Esme, Receipt, submit_sm

reactor: Any = installed

PASSWORD = "hush-esm"
NUMBER = "2438100000"
HEAD = """
smpp:
  listen: tcp:${SMPP}:interface=127.0.0.1
web:
  listen: tcp:${WEB}:interface=127.0.0.1
store: sqlite:${FOLDER}/bridge.db
log:
  level: debug
  messages: all
"""
CALLBACKS = """
callbacks:
  listen: tcp:${CALLBACKS}:interface=127.0.0.1
  public_url: http://127.0.0.1:${CALLBACKS}
"""
ACCOUNTS = """
accounts:
  - system_id: bank
    password: ${BANK_PASSWORD}
"""
WHOLE = HEAD + CALLBACKS + ACCOUNTS


class Written(Daemon):
    """A daemon that is given a text, and what its ``${NAMES}`` stand for."""

    def __init__(self, folder: Path, text: str, **environment: str) -> None:
        super().__init__(folder, "")
        self.text = text
        self.environment = {
            "SMPP": str(self.smpp),
            "WEB": str(self.web),
            "CALLBACKS": str(self.callbacks),
            "FOLDER": str(folder),
            "BANK_PASSWORD": PASSWORD,
            "CALLBACK_KEY": KEY,
            **environment,
        }

    def write(self) -> None:
        self.file.write_text(self.text, encoding="utf-8")

    def spawn(self, listener: Any = None, **environment: str) -> None:
        super().spawn(listener, **self.environment, **environment)

    def callback_of(self, provider: str) -> str:
        """Return the URL that a provider calls which is not told it with each message."""
        return f"http://127.0.0.1:{self.callbacks}/callbacks/{provider}/{KEY}"

    def bound(self, kind: type[Bind] = BindTransceiver, **credentials: str) -> Esme:
        return super().bound(kind, **{"password": PASSWORD, **credentials})

    def value(self, metric: str) -> float:
        """Return a metric, labels and all; 0 if it is not there."""
        for line in self.get("/metrics")[1].splitlines():
            name, _, number = line.rpartition(" ")
            if name == metric:
                return float(number)
        return 0.0

    def await_value(self, metric: str, least: float, seconds: float = PATIENCE) -> None:
        """Wait until a metric has grown to *least*."""
        deadline = time.monotonic() + seconds
        while (found := self.value(metric)) < least:
            assert time.monotonic() < deadline, f"{metric} is {found}\n" + "\n".join(self.lines)
            select.select([], [], [], 0.02)


def submit_all(esme: Esme, requests: Sequence[SubmitSm]) -> list[SubmitSmResp]:
    """Submit in one go, so that what can go together does; return the responses in order."""
    for request in requests:
        request.sequence_number = esme.next_number()
    esme.send(*requests)
    answers: dict[int, SubmitSmResp] = {}
    while len(answers) < len(requests):
        pdu = esme.read()
        if isinstance(pdu, SubmitSmResp):
            answers[pdu.sequence_number] = pdu
        else:
            esme.take_in(pdu)
    return [answers[request.sequence_number] for request in requests]


def submit(esme: Esme, *wanted: str) -> list[str]:
    """Submit texts in one go; return their message_ids."""
    answers = submit_all(esme, [submit_sm(text, NUMBER + "01") for text in wanted])
    assert {each.command_status for each in answers} == {0}
    return [each.message_id.decode() for each in answers]


def segments_of(text: str, size: int, **fields: Any) -> list[SubmitSm]:
    """Return the submit_sm of a long text in ASCII, divided by UDH as ESMEs do."""
    parts = [text[at : at + size].encode("ascii") for at in range(0, len(text), size)]
    return [
        SubmitSm(esm_class=0x40, short_message=bytes((5, 0, 3, 7, len(parts), n)) + part, **fields)
        for n, part in enumerate(parts, 1)
    ]


def last_receipts(daemon: Daemon, esme: Esme) -> list[Receipt]:
    """Stop a daemon; return all receipts that an ESME has had by then."""
    daemon.signal(signal.SIGTERM)
    with suppress(Closed, ConnectionError):
        esme.await_end()
    return esme.receipts


def ends(receipts: Iterable[Receipt], ids: Iterable[str]) -> list[str]:
    """Return what the receipts of messages say, in the order of their ids."""
    told: dict[str, list[str]] = {}
    for receipt in receipts:
        told.setdefault(receipt.message_id, []).append(receipt.stat)
    return [" and ".join(told.get(each, ["nothing"])) for each in ids]


def taken(simulator: Any) -> Counter[tuple[str, str]]:
    """Return how often a simulator took each (number, text), what was divided joined again."""
    if isinstance(simulator, SmscSimulator):
        return _joined(simulator)
    return Counter(dict(simulator.taken))


def texts(simulator: Any) -> set[str]:
    """Return what a simulator took; nothing twice."""
    found = taken(simulator)
    assert set(found.values()) <= {1}
    return {text for _, text in found}


def _joined(smsc: SmscSimulator) -> Counter[tuple[str, str]]:
    pdus = {pdu.short_message: pdu for pdu in smsc.submitted}
    whole: dict[tuple[str, int, bytes], list[tuple[bytes, int]]] = {}
    for (number, octets), times in sorted(smsc.taken.items()):
        pdu = pdus.get(octets)
        cut = 6 if pdu is not None and pdu.esm_class & 0x40 else 0
        place = number, pdu.data_coding if pdu else 0, octets[: cut - 1] if cut else octets
        whole.setdefault(place, []).append((octets[cut:], times))
    found: Counter[tuple[str, str]] = Counter()
    for (number, data_coding, _), parts in whole.items():
        octets = b"".join(part for part, _ in parts)
        text = coding.characters(octets, coding.alphabet(data_coding))
        found[number, text] += max(times for _, times in parts)
    return found


def transcript(sections: Mapping[str, Iterable[object]]) -> str:
    """Return who got what, to be read when a test fails."""
    return "\n".join(
        f"--- {name}\n" + "\n".join(f"    {each}" for each in lines)
        for name, lines in sections.items()
    )


def await_that(condition: Callable[[], bool], daemon: Written) -> None:
    """Wait until something is so that nobody tells."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        daemon.get("/healthz")  # takes a moment


def on_stage(call: Callable[..., Any], *arguments: Any) -> Any:
    """Call something of a simulator from a test's thread."""
    return blockingCallFromThread(reactor, call, *arguments)


class Noting(KeccelSimulator):
    """Notes source, destination and text of what it takes, in order."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.seen: list[tuple[str, str, str]] = []

    def _accept(self, request: Request, role: Any, fields: dict[str, str]) -> PageAnswer:
        self.seen.append((fields["from"], fields["to"], fields["message"]))
        return super()._accept(request, role, fields)


class Stage:
    """Simulators and daemons of one test, which is in a thread of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._simulators: dict[str, Any] = {}
        self._daemons: list[Written] = []

    def play(self, name: str, made: Callable[..., Any], **options: Any) -> Any:
        """Begin to play a simulator, which does not listen yet."""
        self._simulators[name] = made(reactor, **({"delay": 0.05} | options))
        return self._simulators[name]

    def closed_port(self) -> int:
        """Return a port where nobody listens, for a simulator that does so later, or never."""
        [port] = kept_ports(1)
        return port

    def daemon(self, text: str, **environment: str) -> Written:
        """Write a daemon's configuration; it is not started yet."""
        self._daemons.append(Written(self._folder, text, **environment))
        return self._daemons[-1]

    @property
    def transcript(self) -> str:
        """Who got what."""
        sections: dict[str, Iterable[object]] = {}
        for name, simulator in self._simulators.items():
            found = taken(simulator)
            sections[f"{name}: {simulator.requests} requests, it took"] = [
                f"{to} {text[:40]!r} x{times}" for (to, text), times in found.items()
            ]
        for daemon in self._daemons:
            sections["the daemon"] = list(daemon.lines)
        return transcript(sections)

    async def close(self) -> None:
        """End everything."""
        for daemon in self._daemons:
            daemon.close()
        for simulator in self._simulators.values():
            await simulator.close()


def in_thread(test: Callable[..., None]) -> Callable[..., Any]:
    """Run *test* in a thread, so that simulators are played meanwhile; say who got what."""

    @pytest_twisted.ensureDeferred
    @wraps(test)
    async def in_reactor(stage: Stage, **fixtures: object) -> None:
        try:
            await deferToThread(test, stage, **fixtures)
        except Exception as error:
            error.add_note(stage.transcript)
            raise

    return in_reactor

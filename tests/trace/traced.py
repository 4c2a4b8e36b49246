"""Runs ``smppbridge run`` in this process, sends messages, and notes what the reactor's turns call.

Nothing of ours is known here but the command line: an ESME and a Keccel are played, as octets, in
threads beside the reactor's.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

import yaml

from tests.trace.counted import Call, Turn

_IDLE = 2.3  # seconds: all that comes every second comes twice
_QUIET = 0.15
_PATIENCE = 30.0
_KEY = "k" * 20
_GOES_ON = 0x20 | 0x80 | 0x200  # CO_GENERATOR, CO_COROUTINE, CO_ASYNC_GENERATOR
_CLOCK = "twisted/internet/task.py"
_TRANSPORT = "twisted/internet/abstract.py"
_SENDING = "net/sending"  


class Tracer:
    """Notes turns of the thread that it is set in; *phase* is set by who makes things happen."""

    def __init__(self, home: str) -> None:
        self.phase = "start"
        self.turns: list[Turn] = []
        self._home = home
        self._depth = 0
        self._going: dict[int, FrameType] = {}  # kept: an id is not given again

    @property
    def moves(self) -> int:
        """Count the turns that nobody's clock began."""
        return sum(not turn.by_clock for turn in list(self.turns))

    def __call__(self, frame: FrameType, event: str, _: object) -> None:
        file = frame.f_code.co_filename
        if file.startswith(self._home):
            module = file[len(self._home) : -3]
            if module.startswith("cli/"):  # it is below every turn: the reactor runs in it
                return
            if event == "call":
                self._called(frame, module)
            elif event == "return":
                self._depth -= 1
        elif event == "call" and self._depth and file.endswith(_TRANSPORT):
            self._written(frame)

    def _called(self, frame: FrameType, module: str) -> None:
        if not self._depth:
            self.turns.append(Turn(self.phase, _by_clock(frame)))
        fresh = True
        if frame.f_code.co_flags & _GOES_ON:
            fresh = id(frame) not in self._going
            self._going[id(frame)] = frame
        call = Call(self._depth, module, frame.f_code.co_qualname, fresh)
        self.turns[-1].calls.append(call)
        self._depth += 1
        if module == _SENDING:
            self._written(frame)

    def _written(self, frame: FrameType) -> None:
        name, given = frame.f_code.co_name, frame.f_locals
        octets = b""
        if name == "write":
            octets = given["data"]
        elif name == "writeSequence":
            octets = b"".join(given["iovec"])
        elif name == "send":
            octets = given["octets"]
        if octets:
            self.turns[-1].calls.append(Call(self._depth, "", "", True, octets[:16]))


def traced(messages: int) -> list[Turn]:
    """Run a bridge until so many messages have gone all their way; return its turns."""
    tracer = Tracer(_home())
    with _provider() as (provider, answered), TemporaryDirectory() as folder:
        smpp, callbacks = _free_port(), _free_port()
        config = Path(folder) / "bridge.yaml"
        config.write_text(_configuration(folder, smpp, callbacks, provider))
        played = _Played(tracer, smpp, callbacks, answered)
        playing = threading.Thread(target=played.play, args=(messages,), daemon=True)
        playing.start()
        _run_traced(tracer, config)
        playing.join(_PATIENCE)
    if played.fault is not None:
        raise played.fault
    return tracer.turns


class _Played:
    """The ESME, and the provider's callbacks."""

    def __init__(self, tracer: Tracer, smpp: int, callbacks: int, answered: list[str]) -> None:
        self._tracer, self._smpp, self._callbacks = tracer, smpp, callbacks
        self._answered = answered
        self.fault: Exception | None = None

    def play(self, messages: int) -> None:
        """Send messages one after the other; end the process's reactor."""
        try:
            with closing(_connected(self._smpp)) as esme:
                esme.sendall(_pdu(9, 1, b"bank\0secret\0\0\x34\0\0\0"))
                _received(esme)
                self._await_quiet()
                self._tracer.phase = "idle"
                _pause(_IDLE)
                for number in range(messages):
                    self._message(esme, number)
        except Exception as fault:
            self.fault = fault
        finally:
            self._tracer.phase = "end"
            os.kill(os.getpid(), signal.SIGTERM)

    def _message(self, esme: socket.socket, number: int) -> None:
        self._tracer.phase = f"{number} submit"
        esme.sendall(_pdu(4, number + 2, _SUBMIT_SM))
        assert _received(esme)[4:12] == b"\x80\0\0\4\0\0\0\0"
        deadline = time.monotonic() + _PATIENCE
        while len(self._answered) <= number:
            assert time.monotonic() < deadline
            _pause(0.01)
        self._await_quiet()
        self._tracer.phase = f"{number} report"
        with closing(_connected(self._callbacks)) as caller:
            query = f"messageID={self._answered[number]}&status=DELIVERED"
            line = f"GET /callbacks/keccel/{_KEY}?{query} HTTP/1.1\r\nHost: here\r\n\r\n"
            caller.sendall(line.encode())
            assert caller.recv(1_000).startswith(b"HTTP/1.1 200")
            deliver_sm = _received(esme)
            self._await_quiet()
            self._tracer.phase = f"{number} acknowledge"
            (sequence_number,) = struct.unpack_from(">I", deliver_sm, 12)
            esme.sendall(_pdu(0x8000_0005, sequence_number, b"\0"))
            self._await_quiet()
            self._tracer.phase = "idle"
        self._await_quiet()

    def _await_quiet(self) -> None:
        """Return when the reactor has had nothing to do for a while but what the clock begins."""
        before = -1
        while (now := self._tracer.moves) != before:
            before = now
            _pause(_QUIET)


_SUBMIT_SM = (
    b"\0\5\0INFO\0\1\x01243810000001\0"  # service_type, source and destination address
    b"\0\0\0\0\0\1\0\0\0\5hello"  # esm_class ... registered_delivery ... short_message
)


def _run_traced(tracer: Tracer, config: Path) -> None:
    run = import_module("smppbridge.cli.main").main
    arguments, sys.argv = sys.argv, ["smppbridge", "run", "--config", str(config)]
    out, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)  # its log
    sys.setprofile(tracer)
    try:
        run()
    except SystemExit as end:
        if end.code:
            raise RuntimeError(f"the bridge ended with {end.code}") from None
    finally:
        sys.setprofile(None)
        os.dup2(out, 2)
        sys.argv = arguments


def _by_clock(frame: FrameType) -> bool:
    """Tell whether a LoopingCall calls it."""
    below = frame.f_back
    while below is not None:
        if below.f_code.co_filename.endswith(_CLOCK):
            return below.f_code.co_qualname == "LoopingCall.__call__"
        below = below.f_back
    return False


def _home() -> str:
    found = find_spec("smppbridge")
    assert found is not None
    assert found.origin is not None
    return str(Path(found.origin).parent) + "/"


@contextmanager
def _provider() -> Iterator[tuple[int, list[str]]]:
    """Run a Keccel that takes everything; yield its port and the ids that it gives."""
    given: list[str] = []

    class Keccel(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            identifier = f"{len(given) + 1:016d}"
            body = json.dumps({"status": "SENT", "messageID": identifier}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            given.append(identifier)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Keccel)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port, given
    finally:
        server.shutdown()
        server.server_close()


def _configuration(folder: str, smpp: int, callbacks: int, provider: int) -> str:
    keccel: dict[str, Any] = {
        "type": "keccel",
        "token": "token",
        "base_url": f"http://127.0.0.1:{provider}/sms/v2",
        "callback_key": _KEY,
        "balance_every": "off",
    }
    return yaml.safe_dump(
        {
            "smpp": {"listen": f"tcp:{smpp}:interface=127.0.0.1"},
            "callbacks": {"listen": f"tcp:{callbacks}:interface=127.0.0.1"},
            "store": f"sqlite:{folder}/bridge.db",
            "accounts": [{"system_id": "bank", "password": "secret"}],
            "providers": {"keccel": keccel},
            "routes": [{"via": ["keccel"]}],
        }
    )


def _free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        port: int = listening.getsockname()[1]
        return port


def _connected(port: int) -> socket.socket:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE)
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            _pause(0.05)


def _pdu(command_id: int, sequence_number: int, body: bytes) -> bytes:
    return struct.pack(">IIII", 16 + len(body), command_id, 0, sequence_number) + body


def _received(esme: socket.socket) -> bytes:
    """Return the next PDU."""
    octets = b""
    length = 4
    while len(octets) < length:
        more = esme.recv(length - len(octets))
        assert more, "the bridge closed the connection"
        octets += more
        if len(octets) >= 4:
            length = int.from_bytes(octets[:4], "big")
    return octets


def _pause(seconds: float) -> None:
    select.select([], [], [], seconds)

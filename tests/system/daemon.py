"""`smppbridge run` as a child process, watched as systemd would."""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import yaml

from smppbridge.smpp.pdus import Bind, BindTransceiver
from tests.patience import PATIENCE
from tests.ports import kept_ports
from tests.system.esme import Esme

COMMAND = Path(sys.executable).with_name("smppbridge")
KEY = "callbackkeycallbackkey"
TOKEN = "TOKEN-OF-KECCEL"

# sd_listen_fds(3): the first descriptor is 3, and it is for the process that is told so
HAND_OVER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_FDS="1", LISTEN_FDNAMES="smpp", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
"""


def local(port: int) -> str:
    return f"tcp:{port}:interface=127.0.0.1"


class Daemon:
    """One daemon in *folder*; `settings` may be changed before `start`, `write` and SIGHUP."""

    def __init__(self, folder: Path, base_url: str) -> None:
        self.file, self.database = folder / "bridge.yaml", folder / "bridge.db"
        self.smpp, self.web, self.callbacks = kept_ports(3)
        self.interpreter: Path | None = None  # the program that it takes itself to run under
        self.lines: list[str] = []
        self.process: subprocess.Popen[str] | None = None
        self._said = threading.Condition()
        self._noticed: list[str] = []
        self._notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._address = f"smppbridge-{uuid.uuid4()}"
        self._notices.bind(f"\0{self._address}")
        self._environment = {"NOTIFY_SOCKET": f"@{self._address}", "PYTHONFAULTHANDLER": "1"}
        threading.Thread(target=self._take_notices, daemon=True).start()
        self.settings: dict[str, Any] = {
            "smpp": {"listen": local(self.smpp)},
            "web": {"listen": local(self.web)},
            "callbacks": {"listen": local(self.callbacks)},
            "store": f"sqlite:{self.database}",
            "accounts": [{"system_id": "bank", "password": "secret"}],
            "providers": {
                "keccel": {
                    "type": "keccel",
                    "token": TOKEN,
                    "base_url": base_url,
                    "callback_key": KEY,
                    "reports": "both",
                    "first_poll": 1,
                    "poll_rate": 500,
                    "longest_poll": 1,
                }
            },
            "routes": [{"via": ["keccel"]}],
        }

    @property
    def callback(self) -> tuple[int, str]:
        """Where keccel calls: port and path."""
        return self.callbacks, f"/callbacks/keccel/{KEY}"

    @property
    def keccel(self) -> dict[str, Any]:
        found: dict[str, Any] = self.settings["providers"]["keccel"]
        return found

    # -- the process ----------------------------------------------------------------------------

    def write(self) -> None:
        self.file.write_text(yaml.safe_dump(self.settings), encoding="utf-8")

    def spawn(self, listener: socket.socket | None = None, **environment: str) -> None:
        """Start it without waiting; with *listener* as systemd hands it over."""
        self.write()
        given = [] if listener is None else [listener.fileno()]
        handed = [sys.executable, "-c", HAND_OVER, str(given[0])] if given else []
        if self.interpreter is not None:
            handed = [str(self.interpreter)]
            environment["PYTHONPATH"] = os.pathsep.join(sys.path)
        self.process = subprocess.Popen(
            [*handed, COMMAND, "run", "--config", self.file],
            executable=None if self.interpreter is None else sys.executable,
            pass_fds=given,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | self._environment | environment,
        )
        threading.Thread(target=self._listen, args=(self.process,), daemon=True).start()

    def start(self, listener: socket.socket | None = None, **environment: str) -> Daemon:
        """Start it and wait until it is ready."""
        self.spawn(listener, **environment)
        self.await_notice("READY=1")
        return self

    def signal(self, number: int) -> None:
        assert self.process
        self.process.send_signal(number)

    def end(self, seconds: float = PATIENCE) -> int:
        """Wait for its end; return the exit status."""
        assert self.process
        hangs = False
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            hangs = True
            self.signal(signal.SIGABRT)  # faulthandler prints where each thread is
            status = self.process.wait(PATIENCE)
        with self._said:
            assert self._said.wait_for(lambda: "\0" in self.lines, PATIENCE)
            self.lines.remove("\0")
        self.process = None
        assert not hangs, "it does not end; it said:\n" + "\n".join(self.lines)
        return status

    def stop(self) -> int:
        self.signal(signal.SIGTERM)
        return self.end()

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.end()

    def close(self) -> None:
        if self.process:
            self.process.kill()
            self.end()
        self._notices.shutdown(socket.SHUT_RD)

    def no_more_disk(self, full: bool) -> None:
        """Let every write to a file fail, or no more."""
        assert self.process
        hard = resource.RLIM_INFINITY
        limit = 1 if full else hard
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (limit, hard))

    # -- what it says ---------------------------------------------------------------------------

    def await_notice(self, wanted: str, seconds: float = PATIENCE) -> str:
        """Return the next datagram to systemd that has a line *wanted*."""
        found: list[str] = []

        def came() -> bool:
            while self._noticed and not found:
                notice = self._noticed.pop(0)
                found.extend([notice] if wanted in notice.split("\n") else [])
            return bool(found)

        with self._said:
            told = self._said.wait_for(came, seconds)
        assert told, f"no {wanted}; it said:\n" + "\n".join(self.lines)
        return found[0]

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return the events of that name in the log."""
        found = [json.loads(line) for line in list(self.lines) if line.startswith("{")]
        return [event for event in found if event["event"] == name]

    def await_event(self, name: str, count: int = 1) -> dict[str, Any]:
        """Wait for the so-many-th event of a name."""
        with self._said:
            told = self._said.wait_for(lambda: len(self.events(name)) >= count, PATIENCE)
        assert told, f"no {name}; it said:\n" + "\n".join(self.lines)
        return self.events(name)[count - 1]

    def get(self, path: str) -> tuple[int, str]:
        connection = HTTPConnection("127.0.0.1", self.web, timeout=PATIENCE)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Look into its store."""
        db = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=PATIENCE)
        try:
            return db.execute(query).fetchall()
        finally:
            db.close()

    def await_rows(
        self, query: str, wanted: list[tuple[Any, ...]], seconds: float = PATIENCE
    ) -> None:
        """Wait until a query returns *wanted*: what is durable cannot be seen otherwise."""
        deadline = time.monotonic() + seconds
        while (found := self.rows(query)) != wanted:
            assert time.monotonic() < deadline, found
            select.select([], [], [], 0.01)

    def bound(self, kind: type[Bind] = BindTransceiver, **credentials: str) -> Esme:
        """Return a bound ESME."""
        esme = Esme(self.smpp)
        try:
            assert esme.bind(kind, **credentials) == 0
        except BaseException:
            esme.socket.close()
            raise
        return esme

    def _take_notices(self) -> None:
        """Take them at once, as systemd does: the queue holds ten."""
        with self._notices:
            while notice := self._notices.recv(4_096):
                with self._said:
                    self._noticed.append(notice.decode())
                    self._said.notify_all()

    def _listen(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout
        with process.stdout:
            for line in process.stdout:
                self._say(line.rstrip("\n"))
        self._say("\0")

    def _say(self, line: str) -> None:
        with self._said:
            self.lines.append(line)
            self._said.notify_all()

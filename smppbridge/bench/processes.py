"""The bridge, the load and the provider, each a process of its own on loopback."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, NamedTuple

from smppbridge.bench.configured import PASSWORD, ListenPorts, Sections, configuration
from smppbridge.bench.trees import OURS, Tree

_READY_WITHIN = 120.0
_ENDS_WITHIN = 40.0
_TICKS = os.sysconf("SC_CLK_TCK")


class BenchFailed(Exception):
    """One of the processes did not do its part."""


def free_ports() -> ListenPorts:
    """Return three ports that are free now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    ports = ListenPorts(*(each.getsockname()[1] for each in sockets))
    for each in sockets:
        each.close()
    return ports


class RunningSink:
    """A running ``bench.sink``."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process, self.port = process, port

    def counts(self) -> dict[str, Any]:
        """Return the sink's counts so far."""
        counts: dict[str, Any] = self._fetched("counts")
        return counts

    def waits(self) -> list[float]:
        """Return how many seconds each message was on its way, in the order of arrival."""
        waits: list[float] = self._fetched("waits")
        return waits

    def polls(self) -> list[tuple[str, float]]:
        """Return the ids that the sink was asked about, and when (UNIX seconds)."""
        return [(provider_message_id, at) for provider_message_id, at in self._fetched("polls")]

    def _fetched(self, name: str) -> Any:
        answer = _get(self.port, f"/{name}")
        if answer is None:
            raise BenchFailed("the provider is gone")
        return json.loads(answer)

    def await_messages(self, count: int, silence: float = 10.0, pause: float = 0.05) -> None:
        """Return once the sink has *count* messages, or none has come for *silence* seconds."""
        before, last_at = -1, time.monotonic()
        while (now := self.counts()["distinct"]) < count:
            if now > before:
                before, last_at = now, time.monotonic()
            elif time.monotonic() - last_at > silence:
                return
            time.sleep(pause)


@contextmanager
def provider(report_to: str | None = None, delay: float = 0.0) -> Iterator[RunningSink]:
    """Run a provider that answers after *delay*, and pushes reports if there is a *report_to*."""
    arguments = [f"--delay={delay}"]
    if report_to:
        arguments.append(f"--report-to={report_to}")
    with _python("smppbridge.bench.sink", *arguments) as process:
        yield RunningSink(process, _printed(process, "the provider")["port"])


class Spent(NamedTuple):
    """CPU that each of the bridge's threads has used, in user and system mode."""

    reactor: float
    store: float
    http: float

    @property
    def total(self) -> float:
        """Return the CPU of all threads together."""
        return sum(self)

    def since(self, before: Spent) -> Spent:
        """Return the CPU used since *before*."""
        return Spent(*(now - then for now, then in zip(self, before, strict=True)))

    def each(self, messages: int) -> Spent:
        """Return the microseconds a message, of seconds for so many."""
        return Spent(*(seconds / messages * 1_000_000 for seconds in self))


class RunningBridge:
    """A running ``smppbridge run``; *ready_after* is seconds from its start to /readyz."""

    def __init__(
        self, process: subprocess.Popen[bytes], ports: ListenPorts, ready_after: float
    ) -> None:
        self.ports, self.ready_after = ports, ready_after
        self._process = process

    def cpu(self) -> float:
        """Return the seconds of CPU that the bridge has used, all threads together."""
        fields = self._proc("stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def spent(self) -> Spent:
        """Return the seconds of CPU of each thread, to the nanosecond.

        The age of a thread gives its name: the store's is started before libcurl's.
        """
        tasks = sorted(map(int, os.listdir(f"/proc/{self._process.pid}/task")))
        seconds = [int(self._proc(f"task/{task}/schedstat").split()[0]) / 1e9 for task in tasks]
        return Spent(seconds[0], seconds[1], sum(seconds[2:]))

    def memory(self, *, peak: bool = False) -> float:
        """Return the bridge's resident megabytes, now or at most."""
        name = "VmHWM:" if peak else "VmRSS:"
        line = next(line for line in self._proc("status").splitlines() if line.startswith(name))
        return int(line.split()[1]) / 1000

    def _proc(self, name: str) -> str:
        if self._process.poll() is not None:
            raise BenchFailed(f"the bridge ended with status {self._process.returncode}")
        return Path(f"/proc/{self._process.pid}/{name}").read_text()


@contextmanager
def bridge(
    folder: Path,
    ports: ListenPorts,
    providers: Sections,
    *,
    store: Path | None = None,
    tree: Tree = OURS,
    killed: bool = False,
    **account: int,
) -> Iterator[RunningBridge]:
    """Run a bridge of these providers; *account* adds to the settings of every account.

    A bridge whose provider never answers is to be *killed*: its stop would wait for the answers.
    """
    config, log = folder / "bridge.yaml", folder / "bridge.log"
    config.write_text(configuration(ports, store or folder / "bridge.db", providers, account))
    with log.open("wb") as written:
        begun = time.monotonic()
        process = subprocess.Popen(
            tree.command("run", "--config", str(config)),
            cwd=folder,
            env=tree.environment(),
            stdin=subprocess.DEVNULL,
            stderr=written,
        )
    try:
        _await_ready(process, ports.web, log)
        yield RunningBridge(process, ports, time.monotonic() - begun)
    finally:
        if killed:
            process.kill()
        _end(process)


def load(ports: ListenPorts, account: str = "keccel", **options: float | bool) -> dict[str, Any]:
    """Let an ESME make a load and return its figures; *options* are those of the command line."""
    (figures,) = loads([ports], account, **options)
    return figures


def loads(
    where: Sequence[ListenPorts], account: str, **options: float | bool
) -> list[dict[str, Any]]:
    """Let ESMEs make the same load at several bridges at once."""
    with ExitStack() as stack:
        running = [stack.enter_context(_esme(ports, account, options)) for ports in where]
        return [_printed(process, "the load") for process in running]


@contextmanager
def load_beside(ports: ListenPorts, account: str, **options: float | bool) -> Iterator[None]:
    """Let an ESME make a load meanwhile, and no longer."""
    with _esme(ports, account, options) as process:
        try:
            yield
        finally:
            process.terminate()


@contextmanager
def idle_binds(ports: ListenPorts, count: int) -> Iterator[None]:
    """Keep *count* sessions bound."""
    with _esme(ports, "keccel", {"binds": count, "idle": True}) as process:
        _printed(process, "the load")
        yield


@contextmanager
def folder(within: Path | None) -> Iterator[Path]:
    """Make a folder; remove the folder with all its files at the end."""
    made = Path(mkdtemp(prefix="smppbridge-bench-", dir=within))
    try:
        yield made
    finally:
        shutil.rmtree(made)


def _esme(ports: ListenPorts, account: str, options: dict[str, Any]) -> Any:
    arguments = [f"--port={ports.smpp}", f"--system-id={account}", f"--password={PASSWORD}"]
    for name, value in options.items():
        if value is True:
            arguments.append(f"--{name}")
        elif value is not False:
            arguments.append(f"--{name}={value}")
    return _python("smppbridge.bench.load", *arguments)


@contextmanager
def _python(module: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run one of our modules; the process ends when its input does."""
    with subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            assert process.stdin is not None
            process.stdin.close()
            _end(process, ask=False)


def _printed(process: subprocess.Popen[str], who: str) -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise BenchFailed(f"{who} ended without a word")
    printed: dict[str, Any] = json.loads(line)
    return printed


def _end(process: subprocess.Popen[Any], *, ask: bool = True) -> None:
    if ask:
        process.terminate()
    try:
        process.wait(_ENDS_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _await_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _READY_WITHIN
    while _get(port, "/readyz") is None:
        if process.poll() is not None or time.monotonic() > deadline:
            raise BenchFailed("the bridge does not start:\n" + log.read_text()[-2000:])
        time.sleep(0.02)


def _get(port: int, path: str) -> bytes | None:
    """Return the body at *path*, None without an answer of 200."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException):
            return None
        return body if response.status == http.HTTPStatus.OK else None

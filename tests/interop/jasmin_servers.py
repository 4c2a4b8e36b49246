"""RabbitMQ, Redis and Jasmin as processes on loopback, and what they need to be there."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from urllib.request import Request, urlopen

from smppbridge.simulators.keccel import KeccelSimulator
from tests.cli.processes import free_ports
from tests.interop.bridged import PASSWORD
from tests.patience import PATIENCE

GATEWAY = Path(__file__).with_name("jasmin_gateway.py")
RABBIT = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
SPECIFICATION = Path("/usr/share/amqp/specs/0-9-1/amqp0-9-1.stripped.xml")  # Debian's amqp-specs
USER, SECRET = "acme", "sesame 0815"
KEY = "interopinteropinterop"
POSTED, GOT = "3377", "2277"  # short codes: what is sent to them comes by POST and by GET
PYTHON = "JASMIN_PYTHON"  # the variable that names the interpreter of Jasmin's environment

# Retried at once, where Jasmin waits for half a minute: the table is its own otherwise.
CONFIG = """\
[smpp-server]
bind = 127.0.0.1
port = {smpps}
[smpp-server-pb]
bind = 127.0.0.1
port = {smpps_pb}
[client-management]
bind = 127.0.0.1
port = {clients}
[router]
bind = 127.0.0.1
port = {router}
[http-api]
bind = 127.0.0.1
port = {http}
[amqp-broker]
port = {amqp}
spec = {specification}
[redis-client]
port = {redis}
[dlr]
dlr_lookup_retry_delay = 1
[sm-listener]
submit_error_retrial = {{
  'ESME_RSYSERR': {{'count': 2, 'delay': 0.2}}, 'ESME_RTHROTTLED': {{'count': 20, 'delay': 0.2}},
  'ESME_RMSGQFUL': {{'count': 2, 'delay': 0.2}}, 'ESME_RINVSCHED': {{'count': 2, 'delay': 0.2}}}}
"""
D7 = (
    "type: d7, username: acme, password: sesame 0815, base_url: 'http://127.0.0.1:{rest}',"
    " callback_key: interopinteropinterop"
)
SETTINGS = """
smpp: {{listen: "tcp:{smpp}:interface=127.0.0.1"}}
callbacks:
  listen: "tcp:{callbacks}:interface=127.0.0.1"
  public_url: http://127.0.0.1:{callbacks}
store: "sqlite:{folder}/bridge.db"
log: {{format: text, messages: all}}
accounts:
  - {{system_id: python, password: secret}}
  - {{system_id: jasmin, password: secret}}
providers:
  d7: {{{d7}}}
  patient: {{{d7}, dlr_level: 2, dlr_method: GET}}
  brief: {{{d7}, report_deadline: 3s}}
  keccel:
    type: keccel
    token: any
    base_url: http://127.0.0.1:{keccel}/sms/v2
    callback_key: interopinteropinterop
routes:
  - {{to: "243", via: [keccel]}}
  - {{to: "9716", via: [patient]}}
  - {{to: "9717", via: [brief]}}
  - {{via: [d7]}}
mo:
  - {{to: "3377", account: python}}
  - {{to: "2277", account: python}}
"""
PORTS = ("smpps", "smpps_pb", "clients", "router", "http", "amqp", "redis", "rest", "dist", "epmd")


def missing() -> list[str]:
    """Return what Jasmin cannot be run without, and is not there."""
    programs = [name for name in ("redis-server", "epmd") if not shutil.which(name)]
    files = [each.name for each in (RABBIT, SPECIFICATION) if not each.exists()]
    python = os.environ.get(PYTHON, "")
    return programs + files + ([] if Path(python).is_file() else [f"{PYTHON}={python}"])


@dataclass(frozen=True)
class Place:
    """A bridge between Jasmin and Keccel: its settings, its port for SMPP, and Jasmin's ports.

    *given* is what Jasmin is told of the others.
    """

    settings: Path
    smpp: str
    ports: Mapping[str, str]
    given: Mapping[str, object]

    def send(self, **fields: object) -> None:
        """Submit to Jasmin, past the bridge."""
        token = base64.b64encode(f"{USER}:{SECRET}".encode()).decode()
        request = Request(
            f"http://127.0.0.1:{self.ports['rest']}/secure/send",
            json.dumps(fields).encode(),
            {"Authorization": f"Basic {token}", "Content-Type": "application/json"},
        )
        with urlopen(request, timeout=PATIENCE) as answer:
            assert "Success" in json.load(answer)["data"]


def settle(folder: Path, keccel: KeccelSimulator, smsc: int) -> Place:
    """Write the settings of a bridge between Jasmin, which submits to *smsc*, and *keccel*."""
    smpp, callbacks = free_ports(2)
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    calls = f"http://127.0.0.1:{callbacks}/callbacks"
    keccel.callback_url = f"{calls}/keccel/{KEY}"
    known = {"smpp": smpp, "callbacks": callbacks, "folder": folder, "keccel": keccel.listen()}
    settings = folder / "bridge.yaml"
    settings.write_text(SETTINGS.format(**known, d7=D7.format(rest=ports["rest"])))
    given = {
        "user": USER,
        "password": SECRET,
        "smsc": smsc,
        "bridge": int(smpp),
        "client": ["jasmin", PASSWORD],
        "to_bridge": "243.*",
        "mo": f"{calls}/d7/{KEY}",
        "get": GOT,
    }
    return Place(settings, smpp, ports, given)


@contextmanager
def jasmin(folder: Path, place: Place) -> Iterator[None]:
    """Run Jasmin with its servers until both connectors are bound, and end all of them."""
    ports = place.ports
    names = ["epmd", "-port", ports["epmd"], "-address", "127.0.0.1", "-d"]
    with (
        server(folder, names, "epmd"),
        server(folder, redis(ports), "Ready to accept connections"),
        server(folder, [str(RABBIT)], "Server startup complete", rabbit(folder, ports)),
        server(folder, gateway(folder, place), "jasmin is bound", paths(folder)),
    ):
        yield


@contextmanager
def server(
    folder: Path, command: Sequence[str], word: str, environ: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Run a program until it has printed *word*, and end the program and its children."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **(environ or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # RabbitMQ's script has children, and does not end them
    )
    printed: list[str] = []
    ready = Event()
    reader = Thread(target=read, args=(process, word, printed, ready))
    with process:
        reader.start()
        try:
            assert ready.wait(PATIENCE), f"no {word!r} in {''.join(printed)[-5_000:]}"
            assert process.poll() is None, "".join(printed)[-5_000:]
            yield
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            reader.join()


def read(process: subprocess.Popen[bytes], word: str, printed: list[str], ready: Event) -> None:
    """Keep the last lines that are printed; *ready* is set by *word*, and by the end."""
    assert process.stdout is not None
    for line in process.stdout:
        printed.append(line.decode("utf-8", "replace"))
        del printed[:-200]
        if word in printed[-1]:
            ready.set()
    ready.set()


def redis(ports: Mapping[str, str]) -> list[str]:
    return ["redis-server", "--port", ports["redis"], "--bind", "127.0.0.1", "--save", ""]


def rabbit(folder: Path, ports: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a RabbitMQ that is nobody else's, and says in its output all."""
    (folder / "plugins").write_text("[].")
    return {
        "HOME": str(folder),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_PORT": ports["epmd"],
        "RABBITMQ_NODENAME": f"bridge{ports['amqp']}@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": ports["amqp"],
        "RABBITMQ_DIST_PORT": ports["dist"],
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
            "-kernel inet_dist_use_interface {127,0,0,1} +S 1:1 +sbwt none"
        ),
    }


def gateway(folder: Path, place: Place) -> list[str]:
    config, ports = folder / "jasmin.cfg", place.ports
    config.write_text(CONFIG.format(**ports, specification=SPECIFICATION))
    known = {"config": str(config), "http": int(ports["http"]), "rest": int(ports["rest"])}
    told = json.dumps({**known, **place.given})
    return [os.environ[PYTHON], "-W", "ignore", str(GATEWAY), told]


def paths(folder: Path) -> dict[str, str]:
    for name in ("log", "store"):
        (folder / name).mkdir(exist_ok=True)
    return {
        "ROOT_PATH": str(folder),
        "LOG_PATH": str(folder / "log"),
        "STORE_PATH": str(folder / "store"),
        "REST_API_CONFIG": str(folder / "jasmin.cfg"),
        "PYTHONPATH": "",
    }

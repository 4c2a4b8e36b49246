"""The listeners, and whether providers reach them: ports, certificates, the running version."""

from __future__ import annotations

import json
import re
import secrets
import socket
import struct
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from ssl import create_default_context
from urllib.parse import urlsplit

import certifi

from smppbridge import __version__
from smppbridge.doctor.diagnosis import Diagnosis
from smppbridge.doctor.reach import PATIENCE, Host, NotReached, host_of, reach
from smppbridge.service.apply import NotApplied, read_certificates
from smppbridge.service.listeners import doubts, endpoints_of
from smppbridge.settings.endpoints import Endpoint, parse
from smppbridge.settings.schema import Settings

_VERSION = re.compile(r'(?m)^smppbridge_build_info\{version="([^"]*)"\}')
_UNKNOWN = re.compile(r'(?m)^smppbridge_callbacks_total\{provider="",result="[^"]*"\} ([0-9.e+]+)')
_MOST = 4_000_000
_CREDENTIALS = struct.Struct("3i")  # struct ucred of unix(7)
_ANY = ("", "0.0.0.0", "::")


def listeners(settings: Settings, pid: int | None) -> Iterator[Diagnosis]:
    """Examine the ports: the daemon's if it runs, free ones if it does not."""
    for name, description in endpoints_of(settings):
        here = parse(description)
        if "port" not in here.named or here.named["port"] == "0":
            continue
        answers = _answers(here)
        subject = f"{name} {description.partition(':privateKey')[0]}"
        if answers and pid is None:
            says = "another program listens there, and the bridge is not running"
            yield Diagnosis(
                "listener", subject, "fault", says, f"ss -ltnp 'sport = {port_at(here)}'"
            )
        elif not answers and pid is not None:
            says = "nobody answers there, and the bridge is running"
            yield Diagnosis("listener", subject, "fault", says, "was the port changed? restart")
        else:
            says = "answers" if answers else "is free"
            yield Diagnosis("listener", subject, "good", says)


def port_at(here: Endpoint) -> int:
    """Return the port of an endpoint that has one."""
    return int(here.named["port"])


def host_at(here: Endpoint) -> str:
    """Return the address at which this machine reaches an endpoint."""
    interface = here.named.get("interface", "").replace("\\", "")
    loopback = "::1" if here.kind == "tcp6" else "127.0.0.1"
    return loopback if interface in _ANY else interface


def _answers(here: Endpoint) -> bool:
    try:
        with socket.create_connection((host_at(here), port_at(here)), PATIENCE):
            return True
    except OSError:
        return False


def certificates(settings: Settings) -> Iterator[Diagnosis]:
    """Examine the certificates of our own listeners."""
    try:
        served = read_certificates(settings)
    except NotApplied as error:
        yield Diagnosis("certificate", "", "fault", str(error))
        return
    found = list(doubts(settings, served, time.time()))
    for each in found:
        advice = "renew it, then systemctl reload smppbridge"
        yield Diagnosis("certificate", each.file, "look", each.words, advice)
    if served and not found:
        yield Diagnosis("certificate", "", "good", f"{len(served)} of our own are valid")


def listener(path: str) -> int | None:
    """Return the process that listens on a unix socket; None if none does, or none may be asked."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as tried:
        tried.settimeout(PATIENCE)
        try:
            tried.connect(path)
            pid, _, _ = _CREDENTIALS.unpack(
                tried.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
            )
        except OSError:
            return None
    return int(pid) or None


def daemon(settings: Settings, pid: int | None) -> Iterator[Diagnosis]:
    """Examine the running bridge: whether it takes messages, and whether it is this version."""
    if pid is None:
        yield Diagnosis("bridge", "", "look", "is not running", "systemctl start smppbridge")
        return
    page = web_page(settings, "/readyz")
    if page is None:
        yield Diagnosis("bridge", "", "look", f"runs as process {pid}; its web listener is silent")
        return
    try:
        checks = json.loads(page).get("checks", {})
    except (ValueError, AttributeError):
        checks = {"readyz": False}
    lacking = [name for name, well in checks.items() if not well]
    if lacking:
        says = f"takes no messages: not {', '.join(map(str, lacking))}"
        yield Diagnosis("bridge", "", "fault", says, "journalctl -u smppbridge -n 100")
    else:
        yield Diagnosis("bridge", "", "good", f"takes messages, as process {pid}")
    running = _VERSION.search(web_page(settings, "/metrics") or "")
    if running and running[1] != __version__:
        says = f"{running[1]} runs, and {__version__} is installed"
        yield Diagnosis("version", "", "look", says, "smppbridge restart: sessions stay bound")
    else:
        yield Diagnosis("version", "", "good", __version__)


def web_page(settings: Settings, path: str) -> str | None:
    """Return a page of the web listener; None if the listener is silent, or there is none."""
    for name, description in endpoints_of(settings):
        here = parse(description)
        if name == "web" and here.kind in ("tcp", "tcp6"):
            try:
                return _page(HTTPConnection(host_at(here), port_at(here), timeout=PATIENCE), path)[
                    1
                ]
            except (OSError, HTTPException):
                return None
    return None


def _page(connection: HTTPConnection, path: str) -> tuple[int, str]:
    try:
        connection.request("GET", path, headers={"Connection": "close"})
        answer = connection.getresponse()
        return answer.status, answer.read(_MOST).decode("utf-8", "replace")
    finally:
        connection.close()


def public_url(settings: Settings, pid: int | None) -> Iterator[Diagnosis]:
    """Examine whether callbacks.public_url leads to the running bridge, as providers would call."""
    url = settings.callbacks.public_url if settings.callbacks else None
    host = host_of(url or "")
    if url is None or host is None:
        return
    try:
        how = reach(host)
        status, reached = _called(settings, url, host, pid)
    except NotReached as error:
        advice = "name, firewall, proxy? providers could not report"
        yield Diagnosis("callbacks", url, "fault", str(error), advice)
    except (OSError, HTTPException):
        yield Diagnosis("callbacks", url, "fault", f"{how}; but no HTTP answer")
    else:
        yield _judged(url, how, status, reached)


def _judged(url: str, how: str, status: int, reached: bool | None) -> Diagnosis:
    if reached:
        return Diagnosis("callbacks", url, "good", f"{how}; leads to the running bridge")
    if reached is None and status == 404:
        says = f"{how}; answers 404, as the bridge does to a wrong key"
        return Diagnosis("callbacks", url, "good", says)
    says = f"{how}; HTTP {status}, and not of the running bridge: reports would be lost"
    advice = "does the proxy in front pass /callbacks/ to the callbacks listener?"
    return Diagnosis("callbacks", url, "fault", says, advice)


def _called(settings: Settings, url: str, host: Host, pid: int | None) -> tuple[int, bool | None]:
    """Call a wrong key; return the status, and whether the bridge counted it: None if unknown."""
    before = _wrong_keys(settings) if pid is not None else None
    if host.tls:
        context = create_default_context(cafile=certifi.where())
        way: HTTPConnection = HTTPSConnection(
            host.name, host.port, timeout=PATIENCE, context=context
        )
    else:
        way = HTTPConnection(host.name, host.port, timeout=PATIENCE)
    base = urlsplit(url).path.rstrip("/")
    status, _ = _page(way, f"{base}/callbacks/doctor/{secrets.token_hex(16)}")
    after = _wrong_keys(settings) if before is not None else None
    if before is None or after is None:
        return status, None
    return status, after > before


def _wrong_keys(settings: Settings) -> float | None:
    page = web_page(settings, "/metrics")
    return None if page is None else sum(map(float, _UNKNOWN.findall(page)))

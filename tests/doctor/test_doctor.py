"""The command against stand-ins: each thing that is wrong has its own words and its exit status."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from smppbridge import __version__
from smppbridge.cli.doctor import doctor
from smppbridge.doctor import listening
from smppbridge.doctor.reach import Host, NotReached, host_of, reach
from smppbridge.settings.schema import Settings
from tests.net.certificates import certify


class Standing:
    """A server that answers each path; *wrong* counts what the callbacks listener would count."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.pages: dict[str, tuple[int, str]] = {}
        self.asked: list[str] = []
        self.wrong = 0
        standing = self

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                standing.asked.append(self.path)
                status, page = standing.page(self.path.partition("?")[0])
                self.send_response(status)
                self.send_header("Content-Length", str(len(page)))
                self.end_headers()
                self.wfile.write(page.encode())

            do_POST = do_GET

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self.server.handle_error = lambda *_: None  # a client that goes away in the handshake
        if context is not None:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self._thread.start()

    def page(self, path: str) -> tuple[int, str]:
        if path.startswith("/callbacks/doctor/"):
            self.wrong += 1
            return 404, ""
        status, page = self.pages.get(path, (404, ""))
        return status, page.replace("{wrong}", str(float(self.wrong)))

    def close(self) -> None:
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()


@pytest.fixture
def standing() -> Iterator[Standing]:
    it = Standing()
    yield it
    it.close()


@pytest.fixture
def closed() -> int:
    """A port that nobody listens on."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def told(tmp_path: Path, text: str, *arguments: str) -> tuple[int, dict[str, list[dict[str, Any]]]]:
    """Return the exit status, and the diagnoses by what they are of."""
    path = tmp_path / "bridge.yaml"
    path.write_text(f"store: sqlite:{tmp_path}/bridge.db\n{text}")
    path.chmod(0o600)
    result = CliRunner().invoke(doctor, ["--config", str(path), "--json", *arguments])
    found: dict[str, list[dict[str, Any]]] = {}
    for each in json.loads(result.stdout):
        found.setdefault(f"{each['check']} {each['subject']}".strip(), []).append(each)
    assert "pa$$" not in result.stdout
    return result.exit_code, found


PROVIDERS = """\
providers:
  odd: {{type: keccel, token: "pa$$$$", base_url: "http://127.0.0.1:{closed}"}}
  one: {{type: keccel, token: "pa$$$$", base_url: "http://127.0.0.1:{port}"}}
  last: {{type: smpp, host: 127.0.0.1, port: {port}, system_id: s, password: "pa$$$$"}}
routes:
  - via: [one]
"""


def test_providers(tmp_path: Path, standing: Standing, closed: int) -> None:
    standing.pages["/balance.asp"] = 200, '{"balance": "20"}'
    text = PROVIDERS.format(port=standing.port, closed=closed)
    status, found = told(tmp_path, text, "odd", "one", "last")
    assert status == 1
    (odd,), (one,), (last,) = (found[f"provider {name}"] for name in ("odd", "one", "last"))
    assert (odd["verdict"], "no connection" in odd["says"]) == ("fault", True)
    assert "it is not this machine" in odd["says"]
    assert (one["verdict"], "credentials hold, credit 20" in one["says"]) == ("good", True)
    assert (last["verdict"], "is not tried" in last["says"]) == ("good", True)
    assert all("balance.asp" in path for path in standing.asked)  # and never a message


def test_credentials_that_are_refused(tmp_path: Path, standing: Standing, closed: int) -> None:
    standing.pages["/balance.asp"] = 401, '{"error": "token"}'
    text = PROVIDERS.format(port=standing.port, closed=closed)
    status, found = told(tmp_path, text, "one")
    assert (status, list(found)) == (1, ["provider one"])
    assert "HTTP 401" in found["provider one"][0]["says"]
    assert "smppbridge account one balance" in found["provider one"][0]["advice"]


def test_a_provider_at_its_low_balance(tmp_path: Path, standing: Standing) -> None:
    standing.pages["/balance.asp"] = 200, '{"balance": "20"}'
    text = (
        "providers:\n  one: {type: keccel, token: t, low_balance: 20,"
        f' base_url: "http://127.0.0.1:{standing.port}"}}\n'
    )
    assert told(tmp_path, text, "one")[0] == 2


def test_a_whole_machine_without_the_bridge(
    tmp_path: Path, standing: Standing, closed: int
) -> None:
    text = (
        f"smpp: {{listen: 'tcp:{standing.port}:interface=127.0.0.1'}}\n"
        f"web: {{listen: 'tcp:{closed}:interface=127.0.0.1'}}\n"
        f"callbacks: {{listen: 'tcp:0', public_url: 'http://127.0.0.1:{closed}'}}\n"
    )
    status, found = told(tmp_path, text)
    assert status == 1
    assert found["bridge"][0]["says"] == "is not running"
    taken = found[f"listener smpp tcp:{standing.port}:interface=127.0.0.1"][0]
    assert "another program" in taken["says"]
    assert found[f"listener web tcp:{closed}:interface=127.0.0.1"][0]["says"] == "is free"
    assert found[f"callbacks http://127.0.0.1:{closed}"][0]["verdict"] == "fault"
    assert {"clock", "limits", f"store {tmp_path}/bridge.db", f"disk {tmp_path}"} <= set(found)


METRICS = (
    'smppbridge_build_info{{version="{version}"}} 1.0\n'
    'smppbridge_callbacks_total{{provider="",result="unknown"}} {wrong}\n'
)


def settings_with(port: int, public: int) -> Settings:
    values = {
        "web": {"listen": f"tcp:{port}:interface=127.0.0.1"},
        "callbacks": {"listen": "tcp:0", "public_url": f"http://127.0.0.1:{public}/sub"},
    }
    return Settings.model_validate(values)


def test_the_running_bridge_and_its_callbacks(standing: Standing) -> None:
    settings = settings_with(standing.port, standing.port)
    standing.pages["/metrics"] = 200, METRICS.format(version=__version__, wrong="{wrong}")
    standing.pages["/readyz"] = 200, '{"ready": true, "checks": {"store": true}}'
    assert [each.verdict for each in listening.daemon(settings, 1)] == ["good", "good"]
    (found,) = listening.public_url(settings, 1)
    assert found.verdict == "fault"  # /sub/callbacks/ is not passed on, and nobody counted the call
    standing.pages["/sub/callbacks/"] = 404, ""
    settings = Settings.model_validate(
        {
            "web": {"listen": f"tcp:{standing.port}:interface=127.0.0.1"},
            "callbacks": {
                "listen": "tcp:0",
                "public_url": f"http://127.0.0.1:{standing.port}",
            },
        }
    )
    (found,) = listening.public_url(settings, 1)
    assert (found.verdict, "leads to the running bridge" in found.says) == ("good", True)
    (found,) = listening.public_url(settings, None)
    assert (found.verdict, "as the bridge does" in found.says) == ("good", True)


def test_a_bridge_that_is_not_ready_and_of_another_version(standing: Standing) -> None:
    settings = settings_with(standing.port, standing.port)
    standing.pages["/metrics"] = 200, METRICS.format(version="0.0.1", wrong="{wrong}")
    standing.pages["/readyz"] = 503, '{"ready": false, "checks": {"store": false, "x": true}}'
    ready, version = listening.daemon(settings, 1)
    assert (ready.verdict, ready.says) == ("fault", "takes no messages: not store")
    assert (version.verdict, version.advice) == ("look", "smppbridge restart: sessions stay bound")
    standing.pages.clear()
    assert next(iter(listening.daemon(settings, 1))).verdict == "fault"


def test_listeners_of_a_bridge_that_does_not_answer(closed: int) -> None:
    settings = Settings.model_validate({"smpp": {"listen": f"tcp:{closed}:interface=127.0.0.1"}})
    (found,) = listening.listeners(settings, 1)
    assert (found.verdict, found.says) == (
        "fault",
        "nobody answers there, and the bridge is running",
    )


def test_a_bad_file_is_a_fault_with_its_line(tmp_path: Path) -> None:
    status, found = told(tmp_path, "acounts: []\n")
    assert status == 1
    ((place, (fault, *_)),) = found.items()
    assert place.endswith("bridge.yaml:2")
    assert fault["verdict"] == "fault"


def test_variables_stand_beside_the_configuration(tmp_path: Path, closed: int) -> None:
    text = (
        f"accounts:\n  - {{system_id: a, password: '${{P}}'}}\nsmpp: {{listen: 'tcp:{closed}'}}\n"
    )
    assert "configuration" in next(iter(told(tmp_path, text)[1]))
    (tmp_path / "environment").write_text("P=pw\n")
    _, found = told(tmp_path, text)
    assert "bridge" in found


def test_a_provider_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "bridge.yaml"
    path.write_text("providers: {keccel: {type: keccel, token: t}}\n")
    result = CliRunner().invoke(doctor, ["--config", str(path), "kecel"])
    assert (result.exit_code, "did you mean keccel" in result.output) == (2, True)


def test_the_table(tmp_path: Path, closed: int) -> None:
    path = tmp_path / "bridge.yaml"
    path.write_text(
        f"providers: {{last: {{type: smpp, host: 127.0.0.1, port: {closed},"
        " system_id: s, password: p}}\n"
    )
    result = CliRunner().invoke(doctor, ["--config", str(path), "last"])
    assert result.output.startswith("fault  provider last  127.0.0.1:")


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://a.example/x", Host("a.example", 443, True)),
        ("http://[::1]:8080", Host("::1", 8080, False)),
        ("ftp://a", None),
        ("https://a:99999", None),
        ("", None),
    ],
)
def test_the_host_of_a_url(url: str, host: Host | None) -> None:
    assert host_of(url) == host


def test_tls_where_there_is_none_and_names_that_are_none(standing: Standing, closed: int) -> None:
    with pytest.raises(NotReached, match="TLS handshake"):
        reach(Host("127.0.0.1", standing.port, tls=True))
    with pytest.raises(NotReached, match="no connection"):
        reach(Host("127.0.0.1", closed, tls=False))
    with pytest.raises(NotReached, match="name is unknown"):
        reach(Host("no-such-host.invalid", 443, tls=True))


@pytest.mark.parametrize(("ends", "says"), [(100, "certificate for 100 days"), (5, "days: soon")])
def test_tls_with_a_certificate(tmp_path: Path, ends: float, says: str) -> None:
    key, certificate = certify(tmp_path, ends=ends)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    standing = Standing(context)
    try:
        host = Host("127.0.0.1", standing.port, tls=True)
        assert says in reach(host, str(certificate))
        with pytest.raises(NotReached, match="certificate does not hold: self-signed"):
            reach(host)
    finally:
        standing.close()

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from smppbridge.cli import status
from smppbridge.cli.main import main
from smppbridge.cli.stopped_bridge import StoppedBridge
from tests.store.opened import Opened

HOSTILE = "\x1b[2J\u202e<b>"
LANE = {
    "name": HOSTILE,
    "state": "open",
    "refusing": None,
    "paused_seconds": 0.0,
    "breaker": {"state": "half_open", "failures": 7},
    "waiting": {"messages": 3, "oldest_seconds": 93_784.0},
    "in_flight": 1,
    "last_error": {"reason": f"down {HOSTILE}"},
}
OVERVIEW: dict[str, Any] = {
    "at": "2027-01-15T08:00:00.000Z",
    "started_at": "2027-01-15T07:58:30.000Z",
    "version": "1",
    "ready": True,
    "checks": {"listening": True, "store_writable": True},
    "flow": {"gathering": 1, "waiting": 3, "submitting": 1, "submitted": None},
    "uncertain": 2,
    "owed": 5,
    "providers": [LANE, {**LANE, "name": "d7", "state": "held"}],
    "accounts": [
        {"id": "bank", "binds": {"receiver": 2}, "binds_limit": 4, "owed": {"count": 5}},
    ],
    "alarms": [{"title": HOSTILE, "text": "look"}],
}


class PlayedBridge(HTTPServer):
    """Answers every request with *answer*, and keeps the requests."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Talk)
        self.answer: tuple[int, bytes] = (200, b"{}")
        self.asked: list[tuple[str, str, str | None]] = []
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Talk(BaseHTTPRequestHandler):
    server: PlayedBridge

    def do_GET(self) -> None:
        self.server.asked.append((self.command, self.path, self.headers["Authorization"]))
        status, body = self.server.answer
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def played() -> Iterator[PlayedBridge]:
    bridge = PlayedBridge()
    yield bridge
    bridge.shutdown()
    bridge.server_close()


def run(*words: object, token: str | None = "secret", **env: str) -> Result:
    given = {"SMPPBRIDGE_TOKEN": token, **env}
    return CliRunner().invoke(main, [*map(str, words)], env=given)


# -- status ---------------------------------------------------------------------------------------


def test_status_is_a_table_that_no_provider_can_write_into(played: PlayedBridge) -> None:
    played.answer = (200, json.dumps(OVERVIEW).encode())
    result = run("status", "--url", f"{played.url}/below/")
    assert result.exit_code == 0
    assert "\x1b" not in result.stdout
    assert "\u202e" not in result.stdout
    lines = result.stdout.splitlines()
    assert lines[:3] == [
        "ready",
        "version 1, up 1 min 30 s, since 2027-01-15T07:58:30.000Z",
        "gathering 1, waiting 3, submitting 1, Uncertain 2, receipts owed 5",
    ]
    assert "1 d 2 h" in lines[5]
    assert "7 failures in a row: down" in lines[5]
    assert "paused by hand" in lines[6]
    assert "2 of 4" in lines[9]
    assert lines[-1].endswith("<b>: look")
    assert played.asked == [("GET", "/below/api/v1/overview", "Bearer secret")]


def test_a_bridge_that_is_not_ready_exits_with_1(played: PlayedBridge) -> None:
    overview = {**OVERVIEW, "ready": False, "checks": {"b": False, "listening": True, "a": False}}
    played.answer = (200, json.dumps(overview).encode())
    for words in ([], ["--json"]):
        result = run("status", "--url", played.url, *words)
        assert result.exit_code == 1
    assert json.loads(result.stdout)["ready"] is False
    assert run("status", "--url", played.url).stdout.startswith("not ready: b, a\n")


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(0, "0 s"), (59.9, "59 s"), (60, "1 min 0 s"), (86_400, "1 d 0 h"), (90_061, "1 d 1 h")],
)
def test_times_are_written_in_two_units(seconds: float, written: str) -> None:
    assert status.span(seconds) == written


# -- who is asked ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "code", "words"),
    [
        ((401, {"detail": "this token is not known here"}), 77, "is not known here"),
        ((403, {"detail": "not for the role viewer"}), 77, "role viewer"),
        ((404, {}), 1, "the bridge refuses"),
        ((422, {"detail": "no", "errors": [{"loc": "id", "msg": "bad"}]}), 1, "no; id: bad"),
        ((503, {"detail": f"busy {HOSTILE}"}), 75, "busy \\x1b[2J"),
        ((504, {"detail": "slow"}), 75, "slow"),
        ((302, {}), 69, "is no bridge"),
        ((200, []), 69, "is no bridge"),
    ],
)
def test_a_refusal_has_an_exit_status(
    played: PlayedBridge, answer: tuple[int, Any], code: int, words: str
) -> None:
    played.answer = (answer[0], json.dumps(answer[1]).encode())
    result = run("status", "--url", played.url)
    assert (result.exit_code, result.stderr.count("\n")) == (code, 1)
    assert words in result.stderr
    assert "\x1b" not in result.stderr


def test_the_environment_names_a_bridge_unless_an_option_does(
    played: PlayedBridge, tmp_path: Path
) -> None:
    played.answer = (200, b'{"items": [], "next": null}')
    assert run("messages", SMPPBRIDGE_URL=played.url).stdout == "no such messages\n"
    assert run("messages", "--store", tmp_path / "no", SMPPBRIDGE_URL=played.url).exit_code == 1
    assert run("messages", "--socket", tmp_path / "no", SMPPBRIDGE_URL=played.url).exit_code == 69
    assert len(played.asked) == 1
    group = run("optouts", "--url", played.url, "list")
    assert (group.stdout, len(played.asked)) == ("nobody opted out\n", 2)


@pytest.mark.parametrize(
    "url",
    [
        "http://sms.example.org",
        "ftp://localhost",
        "localhost:8775",
        "https://user:word@localhost",
        "https://localhost?token=x",
        "https://localhost:0",
        "https://[::1",
        "",
    ],
)
def test_an_odd_url_is_refused_before_a_token_is_sent(url: str) -> None:
    result = run("status", "--url", url)
    assert result.exit_code in (2, 69)
    assert "secret" not in result.output


def test_a_token_comes_from_a_file_or_the_environment(played: PlayedBridge, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("  other\n")
    played.answer = (200, json.dumps(OVERVIEW).encode())
    assert run("status", "--url", played.url, "--token-file", file).exit_code == 0
    assert played.asked[-1][2] == "Bearer other"
    assert run("status", "--url", played.url, token=None).exit_code == 2
    assert run("status", "--url", played.url, token="a b").exit_code == 2
    assert run("status", "--url", played.url, "--token-file", tmp_path / "none").exit_code == 1
    file.write_bytes(b"\xff\xfe")
    assert run("status", "--url", played.url, "--token-file", file).exit_code == 1
    assert len(played.asked) == 1


def test_a_socket_that_is_off_is_not_asked(opened: Opened, tmp_path: Path) -> None:
    file = tmp_path / "bridge.yaml"
    file.write_text(f"admin_socket: off\nstore: sqlite:{opened.path}\n")
    result = run("messages", "--config", file)
    assert (result.exit_code, result.stdout) == (0, "no such messages\n")
    assert result.stderr == (
        f"admin_socket is off in the configuration. Read from the store {opened.path}.\n"
    )
    assert run("status", "--config", file).exit_code == 69


def test_a_stopped_bridge_has_no_lanes(opened: Opened) -> None:
    bridge = StoppedBridge(str(opened.path))
    assert bridge.ask("GET", "/audit")["items"] == []
    with pytest.raises(Exception, match="no bridge runs"):
        bridge.ask("GET", "/providers")


def test_an_act_on_a_stopped_bridge_is_written_down(opened: Opened) -> None:
    bridge = StoppedBridge(str(opened.path))
    bridge.ask("POST", "/optouts/reveal", body={"reason": "a complaint"})
    (act,) = bridge.ask("GET", "/audit")["items"]
    assert (act["action"], act["via"]) == ("reveal_optouts", "store")
    assert act["detail"]["reason"] == "a complaint"


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    opened = Opened(tmp_path)
    yield opened
    opened.store.stop()


# -- completion -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("sta", "status"),
        ("re", "resume"),
        ("messages --url x res", "resend"),
        ("move --of", "--off-route"),
    ],
)
def test_a_shell_completes_commands_and_options(typed: str, offered: str) -> None:
    words = f"smppbridge {typed}".split()
    env = {
        "_SMPPBRIDGE_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(words),
        "COMP_CWORD": str(len(words) - 1),
    }
    result = CliRunner().invoke(main, [], prog_name="smppbridge", env=env)
    assert f"plain,{offered}" in result.stdout.splitlines()


# -- a bridge that is one of several --------------------------------------------------------------


def test_nodes_that_have_done_an_act_are_named_and_the_silent_ones(
    played: PlayedBridge,
) -> None:
    played.answer = (200, json.dumps({"nodes": ["a", "b"], "silent": ["\x1bc"]}).encode())
    result = run("pause", "keccel", "--url", played.url)
    assert result.exit_code == 0
    assert result.stdout.endswith(" (nodes a, b)\n")
    assert result.stderr == ("node \\x1bc has not answered in time: it does it as soon as it can\n")
    told = json.loads(run("pause", "keccel", "--json", "--url", played.url).stdout)
    assert told == {"verb": "pause", "done": ["keccel"], "unknown": [], "silent": ["\x1bc"]}


def test_a_move_names_the_nodes_that_have_not_answered(played: PlayedBridge) -> None:
    unmoved = {"message_id": "7", "why": "elsewhere", "says": "Another node has it."}
    found = {"moved": ["6"], "unmoved": [unmoved], "silent": ["c"]}
    played.answer = (200, json.dumps(found).encode())
    result = run("move", 6, 7, "--to", "d7", "--yes", "--url", played.url)
    assert result.exit_code == 1
    assert "node c has not answered in time: perhaps it does it yet" in result.stderr
    assert "7 Another node has it." in result.stderr


def test_a_bridge_of_an_earlier_version_names_no_nodes(played: PlayedBridge) -> None:
    played.answer = (200, b"{}")
    result = run("pause", "keccel", "--url", played.url)
    assert (result.exit_code, result.stderr) == (0, "")


def test_status_says_which_node_it_is_of(played: PlayedBridge) -> None:
    played.answer = (200, json.dumps(OVERVIEW | {"node": "a"}).encode())
    assert run("status", "--url", played.url).stdout.splitlines()[1].startswith("node a, version ")

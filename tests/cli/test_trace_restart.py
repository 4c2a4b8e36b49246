"""`trace`, `restart` and `reload`, asked of a bridge that is played."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from smppbridge.cli.bridge_client import BridgeClient, NoBridge, OperationRefused
from smppbridge.cli.reload import reload
from smppbridge.cli.restart import restart
from smppbridge.cli.trace import trace

PACKET = {
    "n": 0,
    "at": "2026-11-26T14:05:51.206Z",
    "line": "bank#1",
    "inbound": True,
    "protocol": "smpp",
    "text": "EnquireLink #3",
    "words": "",
    "octets": "00",
}
STATE: dict[str, Any] = {
    "instance": "a",
    "version": "1.0",
    "under_way": False,
    "refused": None,
    "refused_at": None,
    "taken_up": None,
}


class Played(BridgeClient):
    """A bridge that gives the answers of a list, one after the other, to each operation."""

    def __init__(self, answers: Mapping[str, list[Any]]) -> None:
        self.place, self.asked = "played", list[str]()
        self._answers = {key: iter(each) for key, each in answers.items()}

    def ask(
        self,
        method: str,
        operation: str,
        query: Mapping[str, object] | None = None,
        body: object = None,
    ) -> dict[str, Any]:
        self.asked.append(f"{method} {operation}")
        answer = next(self._answers[f"{method} {operation}"])
        if isinstance(answer, BaseException):
            raise answer
        found: dict[str, Any] = answer
        return found

    def download(self, operation: str) -> bytes:
        return b"octets of the file"


Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr("time.sleep", lambda seconds: None)

    def run(command: click.Command, bridge: Played, *words: str) -> Result:
        monkeypatch.setattr(f"smppbridge.cli.{command.name}.chosen_bridge", lambda where: bridge)
        return CliRunner().invoke(command, words)

    return run


def pages(*pages: Any) -> dict[str, list[Any]]:
    last = {"items": [], "next": None, "more": False}
    return {
        "POST /traces": [{"id": "3"}],
        "GET /traces/3/pdus": [*pages, last],
        "POST /traces/3/stop": [{}],
        "GET /traces/3": [{"packets": 1, "ended": "its time is over"}],
        "DELETE /traces/3": [{}],
    }


def test_packets_are_printed_as_they_come_and_the_file_is_its_owners(
    run: Run, tmp_path: Path
) -> None:
    page = {"items": [PACKET], "next": "1", "more": True}
    bridge = Played(pages({"items": [], "next": "0", "more": True}, page))
    file = tmp_path / "trace.pcapng"
    result = run(trace, bridge, "--account", "bank", "--pcapng", str(file))
    assert result.exit_code == 0
    assert result.stdout == "14:05:51.206 bank#1 -> EnquireLink #3\n"
    assert "1 packet; its time is over" in result.stderr
    assert file.read_bytes() == b"octets of the file"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]
    assert bridge.asked[-1] == "DELETE /traces/3"


def test_programs_get_a_line_of_json_a_packet(run: Run) -> None:
    bridge = Played(pages({"items": [PACKET], "next": None, "more": False}))
    result = run(trace, bridge, "--number", "243", "--json", "--for", "30s")
    assert [json.loads(line) for line in result.stdout.splitlines()] == [PACKET]


def test_ctrl_c_ends_the_trace_and_shows_the_rest(run: Run, tmp_path: Path) -> None:
    page = {"items": [PACKET], "next": "1", "more": True}
    bridge = Played(pages(KeyboardInterrupt(), page))
    result = run(trace, bridge, "--provider", "keccel")
    assert (result.exit_code, result.stdout.count("EnquireLink")) == (0, 1)
    assert "POST /traces/3/stop" in bridge.asked


@pytest.mark.parametrize(
    "words", [[], ["--account", "a", "--number", "1"], ["--account", "a", "--for", "soon"]]
)
def test_a_trace_is_of_one_thing(run: Run, words: list[str]) -> None:
    assert run(trace, Played({}), *words).exit_code == 2


def test_a_trace_that_is_lost_leaves_no_file(run: Run, tmp_path: Path) -> None:
    bridge = Played(pages(OperationRefused(404, "there is no trace 3")))
    file = tmp_path / "trace.pcapng"
    result = run(trace, bridge, "--account", "bank", "--pcapng", str(file))
    assert (result.exit_code, list(tmp_path.iterdir())) == (1, [])
    none = run(trace, Played({}), "--account", "b", "--pcapng", f"{file}/x")
    assert none.exit_code == 1


def states(*after: Any, post: Any = None) -> Played:
    return Played({"GET /restart": [STATE, *after], "POST /restart": [post or {}]})


def test_a_restart_waits_for_the_new_version(run: Run) -> None:
    under_way = STATE | {"under_way": True}
    taken_up = {"sessions": 3, "lost": 1, "gap_seconds": 0.91}
    new = STATE | {"instance": "b", "version": "1.1", "taken_up": taken_up}
    result = run(restart, states(under_way, NoBridge("gone"), new))
    assert (result.exit_code, result.output) == (
        0,
        "version 1.1 runs; it was 1.0\n3 sessions passed, 1 lost; they stood still for 0.9 s\n",
    )


def test_an_answer_that_is_cut_off_is_no_failure(run: Run) -> None:
    bridge = states(NoBridge("gone"), STATE | {"instance": "b"}, post=NoBridge("cut off"))
    result = run(restart, bridge)
    assert (result.exit_code, result.stdout.splitlines()) == (
        0,
        ["version 1.0 runs", "it took nothing over: all sessions have to bind again"],
    )


def test_a_refused_restart_has_its_reason(run: Run) -> None:
    before = states(post=OperationRefused(409, "the new program refuses the configuration"))
    result = run(restart, before)
    assert (result.exit_code, "refuses the configuration" in result.output) == (1, True)
    late = STATE | {"refused": "the bridge is stopping", "refused_at": "x"}
    result = run(restart, states(STATE | {"under_way": True}, late))
    assert (result.exit_code, "not restarted: the bridge is stopping" in result.output) == (1, True)


def test_a_version_that_never_answers(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    clock: Iterator[int] = iter(range(0, 1000, 30))
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    bridge = states(*[NoBridge("gone")] * 30)
    assert run(restart, bridge).exit_code == 75


# -- reload ---------------------------------------------------------------------------------------


def reloaded(*changes: tuple[str, str | None, str | None, str]) -> Played:
    items = [dict(zip(("key", "from", "to", "takes"), each, strict=True)) for each in changes]
    return Played({"POST /config/reload": [{"changes": items, "refused": None, "faults": []}] * 2})


def test_a_reload_prints_what_has_changed(run: Run) -> None:
    bridge = reloaded(
        ("accounts[\x1b].password", "secret", "secret", "now"),
        ("accounts[bank].binds", "4", "8", "new_sessions"),
        ("routes[0].to", None, "243", "now"),
    )
    assert run(reload, bridge).output.splitlines() == [
        "accounts[\\x1b].password: secret -> secret",
        "accounts[bank].binds: 4 -> 8 (for sessions that bind from now on)",
        "routes[0].to: (absent) -> 243",
    ]
    assert len(json.loads(run(reload, bridge, "--json").output)) == 3
    assert "no setting has changed" in run(reload, reloaded()).output


def test_a_refused_reload_fails_with_its_reason(run: Run) -> None:
    refused = OperationRefused(
        409, "the file has faults", [("bridge.yaml:3", "accounts: unknown key")]
    )
    result = run(reload, Played({"POST /config/reload": [refused]}))
    assert result.exit_code == 1
    assert "the file has faults; bridge.yaml:3: accounts: unknown key" in result.output

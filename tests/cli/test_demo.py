from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from click.testing import CliRunner

from smppbridge.cli.listen import listen
from smppbridge.cli.send import send
from tests.cli.processes import PATIENCE, Program, free_ports, running

LONG = "0123456789" * 40
LONG_UCS2 = "Привет, мир! " * 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def ports() -> list[str]:
    return free_ports(3)


def options(ports: Sequence[str]) -> list[str]:
    smpp, web, callbacks = ports
    return ["--port", smpp, "--web-port", web, "--callbacks-port", callbacks, "--delay", "0.05"]


@pytest.fixture(scope="module")
def demo(ports: list[str], folder: Path) -> Iterator[Program]:
    with running("demo", *options(ports), environ={"TMPDIR": str(folder)}) as program:
        program.until("started")
        yield program


def sent(ports: Sequence[str], *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    """Send by the command; return its exit status and what it said."""
    result = CliRunner().invoke(send, ["--port", ports[0], "--json", *arguments])
    assert result.stderr == ""
    return result.exit_code, [json.loads(line) for line in result.stdout.splitlines()]


def test_it_says_how_to_bind_and_send(demo: Program, ports: list[str]) -> None:
    assert f"127.0.0.1:{ports[0]}, system_id demo, password demo" in demo.said
    assert f"send --port {ports[0]} --to 243" in demo.said
    with urlopen(f"http://127.0.0.1:{ports[1]}/readyz", timeout=PATIENCE) as answer:
        assert answer.status == 200


@pytest.mark.parametrize(
    ("count", "arguments"),
    [
        (1, ["Hello €"]),
        (1, ["Привет"]),
        (1, ["--coding", "latin1", "déjà vu ÿ"]),
        (3, ["--long", "udh8", LONG]),
        (3, ["--long", "sar", LONG]),
        (1, ["--long", "payload", LONG]),
        (3, ["--long", "udh8", LONG_UCS2]),
        (6, ["--count", "6", "--from", "+243810000009", "again"]),
    ],
)
def test_every_segment_is_delivered(
    demo: Program, ports: list[str], count: int, arguments: list[str]
) -> None:
    status, said = sent(ports, "--to", "243810000001", *arguments)
    assert status == 0
    submitted = [line["message_id"] for line in said if line["event"] == "submitted"]
    receipts = {line["message_id"]: line["stat"] for line in said if line["event"] == "receipt"}
    assert len(set(submitted)) == count
    assert receipts == dict.fromkeys(submitted, "DELIVRD")
    demo.until(f"message_accepted message_id={submitted[-1]}")
    if len(receipts) == 3:
        demo.until(f'segments="[{", ".join(submitted)}]"')


@pytest.mark.parametrize(
    ("number", "status", "stat"),
    [
        ("243810000090", 1, "UNDELIV"),
        ("243810000091", 1, "REJECTD"),
        ("0810000096", 0, "DELIVRD"),
        ("243810000099", 1, "EXPIRED"),
    ],
)
def test_the_last_digits_decide(
    demo: Program, ports: list[str], number: str, status: int, stat: str
) -> None:
    found, said = sent(ports, "--to", number, "x")
    assert (found, [line.get("stat") for line in said]) == (status, [None, stat])


def test_what_no_receipt_comes_for(demo: Program, ports: list[str]) -> None:
    assert sent(ports, "--to", "243810000098", "--wait", "0.2", "x")[0] == 2
    status, said = sent(ports, "--to", "243810000098", "--no-receipt", "x")
    assert (status, Counter(line["event"] for line in said)) == (0, {"submitted": 1})


def test_a_refused_message_has_its_status(demo: Program, ports: list[str]) -> None:
    status, said = sent(ports, "--to", "+12345", "x", "--count", "2")
    assert (status, [line["status"] for line in said]) == (1, ["ESME_RINVDSTADR"] * 2)


def test_people_get_lines_and_a_summary(demo: Program, ports: list[str]) -> None:
    result = CliRunner().invoke(send, ["--port", ports[0], "--to", "243810000001", "x"])
    submitted, delivered, summary = result.stdout.splitlines()
    assert submitted.split()[1:3] == ["1/1", "submitted"]
    assert delivered.split()[:3] == [submitted.split()[0], "1/1", "DELIVRD"]
    assert summary == "1 accepted, 1 delivered, 0 failed"


@pytest.mark.parametrize("command", [send, listen])
def test_a_wrong_password_is_told_and_not_shown(
    demo: Program, ports: list[str], command: Any
) -> None:
    arguments = ["--to", "243810000001", "x"] if command is send else []
    environ = {"SMPPBRIDGE_PASSWORD": "topsecr"}
    result = CliRunner(env=environ).invoke(command, ["--port", ports[0], *arguments])
    assert result.exit_code == 1
    assert result.stderr == "Error: the bind was refused: ESME_RINVPASWD\n"


def test_listen_shows_receipts_and_ends_after_count(demo: Program, ports: list[str]) -> None:
    with running("listen", "--port", ports[0], "--json", "--count", "2") as listener:
        listener.until("bound to")
        # some of the receipts go to their sender
        with running("send", "--port", ports[0], "--to", "243810000001", "--count", "20", "y"):
            assert listener.ended() == 0
    heard = [json.loads(line) for line in listener.said.splitlines() if line.startswith("{")]
    assert [(line["event"], line["stat"]) for line in heard] == [("receipt", "DELIVRD")] * 2
    assert {(line["from"], line["to"]) for line in heard} == {("243810000001", "DEMO")}


def test_a_port_that_is_taken(demo: Program, ports: list[str], folder: Path) -> None:
    free = free_ports(2)
    for taken, option in (([ports[0], *free], "--port"), ([*free, ports[2]], "--callbacks-port")):
        with running("demo", *options(taken), environ={"TMPDIR": str(folder)}) as second:
            assert second.ended() == 1
        assert "Address already in use" in second.said
        assert second.said.endswith(f"choose another with {option}\n")
    assert len(list(folder.iterdir())) == 1


def test_it_ends_while_the_simulator_is_silent_and_leaves_nothing(tmp_path: Path) -> None:
    ports = free_ports(3)
    environ = {"TMPDIR": str(tmp_path)}
    with running("demo", *options(ports), environ=environ) as demo:
        demo.until("started")
        sent(ports, "--to", "243810000095", "--no-receipt", "x")
        with running("listen", "--port", ports[0]) as listener:
            listener.until("bound to")
            assert demo.end() == 0
            assert list(tmp_path.iterdir()) == []
            listener.until("again in")
            assert listener.end(signal.SIGTERM) == 0
    assert "Traceback" not in demo.said + listener.said
    assert "unhandled_error" not in demo.said

from __future__ import annotations

import json
import re
import signal
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
import yaml
from click.testing import CliRunner

from smppbridge.cli.demo_settings import DEMO_ROUTES, PATHS, DemoAddresses, DemoRoute, settings_of
from smppbridge.cli.listen import listen
from smppbridge.cli.send import send
from smppbridge.cli.simulate import simulate
from smppbridge.cli.smpplib_session import Login, bound, receipt_of, word_of
from smppbridge.cli.submissions import addresses, submissions
from smppbridge.providers.registry import TYPES
from smppbridge.settings.schema import Settings
from smppbridge.simulators import SIMULATORS
from tests.cli.processes import Program, free_ports, running
from tests.patience import PATIENCE

LONG = "0123456789" * 40
LONG_UCS2 = "Привет, мир! " * 12
pytestmark = pytest.mark.slow
EXAMPLE = Path(__file__).parents[2] / "config" / "providers" / "d7_v1.yaml"


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
        program.until("nothing is kept.")
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


def test_its_link_leads_into_the_console(demo: Program, ports: list[str]) -> None:
    found = re.search(r"(http://127\.0\.0\.1:\d+/)#link=([\w-]+)", demo.said)
    assert found
    address, code = found.groups()
    assert address == f"http://127.0.0.1:{ports[1]}/"
    with urlopen(address, timeout=PATIENCE) as page:
        assert b"<div id=" in page.read()
    body, headers = json.dumps({"code": code}).encode(), {"Content-Type": "application/json"}
    request = Request(f"{address}api/v1/session/link", body, headers)
    with urlopen(request, timeout=PATIENCE) as answer:
        assert json.loads(answer.read())["role"] == "admin"


def settled(port: str, numbers: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Send to all *numbers* in one session; return message_id and end of each.

    Receipts and messages for earlier tests may come too: the bridge kept them until the account was
    bound.
    """
    ids: dict[str, str] = {}
    ends: dict[str, str] = {}
    with bound(Login("127.0.0.1", int(port), "demo", "demo"), "transceiver") as esme:
        sent = {}
        ((fields, _),) = submissions("Hello", coding="auto", long="udh8", reference=1)
        for number in numbers:
            both = addresses("DEMO", number) | {"registered_delivery": 1}
            sent[esme.submit(**both, **fields)] = number
        deadline = time.monotonic() + PATIENCE
        while len(ids) < len(numbers) or not ids.keys() <= ends.keys():
            pdu = esme.next(deadline - time.monotonic())
            assert pdu is not None, f"only {ends} ended"
            if pdu.command == "submit_sm_resp":
                ids[word_of(pdu.message_id)] = sent[pdu.sequence]
            elif pdu.command == "deliver_sm":
                esme.answer(pdu)
                if receipt := receipt_of(pdu):
                    ends[receipt["id"]] = receipt["stat"]
    return {number: (message_id, ends[message_id]) for message_id, number in ids.items()}


def test_every_provider_has_numbers_of_its_own(demo: Program, ports: list[str]) -> None:
    """In parallel: none keeps another waiting, and who fails hands over."""
    found = {prefix: way for way in DEMO_ROUTES for prefix in way.prefixes}
    numbers = {(prefix or "86").ljust(9, "5") + "01": way for prefix, way in found.items()}
    ended = settled(ports[0], list(numbers))
    assert {number: stat for number, (_, stat) in ended.items()} == dict.fromkeys(
        numbers, "DELIVRD"
    )
    for number, way in numbers.items():
        told = demo.until(f"message_delivered message_id={ended[number][0]}")
        by = re.search(rf"message_delivered message_id={ended[number][0]}.* provider=(\w+)", told)
        assert by
        assert by[1] == taker(way)
        assert way.words in demo.said


def taker(way: DemoRoute) -> str:
    """The first one that is there."""
    return next(name for name in way.via if name != "outage")


def test_the_last_digits_decide_whoever_is_played(demo: Program, ports: list[str]) -> None:
    prefixes = ("254", "255", "33", "971", "1")
    bodies = {prefix.ljust(9, "5"): prefix for prefix in prefixes}
    numbers = [body + digits for body in bodies for digits in ("90", "91", "96", "97", "99")]
    ended = {number: stat for number, (_, stat) in settled(ports[0], numbers).items()}
    for body, prefix in bodies.items():
        # the other two have no word for it
        expired = "UNDELIV" if prefix in ("33", "1") else "EXPIRED"
        assert [ended[body + digits] for digits in ("90", "91", "96", "97", "99")] == [
            "UNDELIV",
            "REJECTD",
            "DELIVRD",
            "DELIVRD",
            expired,
        ]


def test_a_phone_writes_to_the_demo(demo: Program, ports: list[str]) -> None:
    found = re.search(r"curl -d '(.*)' (http://\S+/simulator/receive)", demo.said)
    assert found
    with urlopen(found[2], found[1].encode(), timeout=PATIENCE) as answer:
        assert answer.status == 200
    demo.until("mo_owed")
    with running("listen", "--port", ports[0]) as listener:  # receipts may come before it
        listener.until("  447700900123 -> 447700900001  Hello\n")
        assert listener.end() == 0


@pytest.mark.parametrize(
    ("typed", "last"),
    [
        ("1\n", "Your balance is 1250.00 USD."),
        ("7\n2\nmuch\n50\n", "50 USD are on their way."),
        ("0\n", "Goodbye."),
    ],
)
def test_a_phone_dials_the_demo(demo: Program, typed: str, last: str) -> None:
    found = re.search(r"simulate (ussd --url \S+)", demo.said)
    assert found
    result = CliRunner().invoke(simulate, found[1].split(), input=typed)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("Demo bank\n1. Balance\n")
    assert result.stdout.endswith(f"\n{last}\n")


@pytest.fixture(scope="module")
def settings() -> Settings:
    place = DemoAddresses(
        smpp=1,
        web=2,
        callbacks=3,
        simulators={name: nth for nth, name in enumerate(PATHS, 4)},
        folder="/tmp",
        key="0123456789abcdef",
        menu_password="12345678",
    )
    return settings_of(place, 1.0)


def test_it_leaves_no_provider_out(settings: Settings) -> None:
    assert set(PATHS) == set(SIMULATORS)
    assert {each.type for each in settings.providers.values()} == set(TYPES)
    assert {name for way in DEMO_ROUTES for name in way.via} == set(settings.providers)
    assert list(settings.warnings()) == []


def test_nothing_takes_longer_than_a_minute(settings: Settings) -> None:
    for provider in settings.providers.values():
        lane = provider.lane
        assert lane.report_deadline < 60
        tries = lane.attempts or 1 if lane.when_uncertain == "retry" else 1
        pauses = 1.2 * sum(2.0**number for number in range(1, tries))  # with jitter
        assert lane.timeout * tries + pauses + lane.uncertain_deadline < 60


def test_its_template_is_the_worked_example(settings: Settings) -> None:
    (example,) = yaml.safe_load(EXAMPLE.read_text())["providers"].values()
    ours = settings.providers["d7_v1"].model_dump_json(exclude_unset=True)
    for key in ("auth", "alphabets", "submit", "callback"):
        assert json.loads(ours)[key] == example[key]
    assert json.loads(ours)["states"].items() <= example["states"].items()


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
        quoted = ", ".join(f'\\"{message_id}\\"' for message_id in submitted)
        demo.until(f'segments="[{quoted}]"')


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


def test_a_message_that_asks_for_no_receipt(demo: Program, ports: list[str]) -> None:
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
        assert " warning " not in second.said
    with running("demo", *options(free_ports(3)), "--simulator-port", ports[1]) as second:
        assert second.ended() == 1
    assert second.said.endswith("choose another with --simulator-port\n")
    assert len(list(folder.iterdir())) == 1


def test_it_ends_while_the_simulator_is_silent_and_leaves_nothing(tmp_path: Path) -> None:
    ports = free_ports(3)
    environ = {"TMPDIR": str(tmp_path)}
    with running("demo", *options(ports), environ=environ) as demo:
        demo.until("started")
        sent(ports, "--to", "243810000095", "--no-receipt", "x")
        # no report comes: its receipt, a minute later, would be anybody's in the other tests' demo
        assert sent(ports, "--to", "243810000098", "--wait", "0.2", "x")[0] == 2
        with running("listen", "--port", ports[0]) as listener:
            listener.until("bound to")
            assert demo.end() == 0
            assert list(tmp_path.iterdir()) == []
            listener.until("again in")
            assert listener.end(signal.SIGTERM) == 0
    assert "Traceback" not in demo.said + listener.said
    assert "unhandled_error" not in demo.said

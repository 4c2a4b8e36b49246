from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest
from click.testing import CliRunner, Result

from smppbridge import __version__
from smppbridge.cli.main import main
from smppbridge.docs import files
from tests.patience import PATIENCE


def asked(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["help", *arguments], prog_name="smppbridge")


def test_without_a_name_the_topics_are_listed() -> None:
    done = asked()
    assert done.exit_code == 0
    for name, says in files.TOPICS.items():
        assert f"  {name:<11}  {says}\n" in done.output
    assert f"  001-{len(files.DECISIONS):03}      One of the decisions\n" in done.output


@pytest.mark.parametrize("name", files.TOPICS)
def test_a_topic_is_printed_as_it_is_in_a_pipe(name: str) -> None:
    done = asked(name)
    assert (done.exit_code, done.output) == (0, files.topic(name))
    assert "<!--" not in done.output


@pytest.mark.parametrize("name", ["004", "decisions/004-uncertain-is-not-resent"])
def test_a_decision_is_found_by_its_number_and_its_path(name: str) -> None:
    assert asked(name).output.startswith("# 004: a message whose fate is unknown")


def test_a_type_of_provider_is_explained_with_its_keys() -> None:
    said = asked("keccel").output
    assert said.startswith("# type: keccel\n\nKeccel (DR Congo), version 2.\n")
    assert "| `token` | `required` | The API key |" in said
    assert "type: mspace" not in said
    assert "<!--" not in said


@pytest.mark.slow
def test_a_page_is_laid_out_on_a_terminal() -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "smppbridge", "help", "metrics"],
        stdout=theirs,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "60"},
    )
    os.close(theirs)
    said = b""
    try:
        while octets := os.read(ours, 65_536):
            said += octets
    except OSError:  # EIO: the other end is closed
        pass
    finally:
        os.close(ours)
        assert process.wait(PATIENCE) == 0
    page = said.decode()
    assert "\x1b[" in page
    assert "Worth an alert" in page
    assert "\u2026" not in page  # names are folded, not cut
    assert "| --- |" not in page
    assert "##" not in page


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("accounts.window", ["accounts.window: key of the configuration", "  default  100"]),
        ("poll_rate", ["providers.poll_rate: key of the configuration", "  default  10"]),
        ("keccel.token", ["keccel.token: key of a provider with type: keccel"]),
        ("submit.url", ["template.submit.url: key of a provider with type: template"]),
        ("retention", ["retention: key of the configuration", "  default  7d"]),
        ("smppbridge_binds", ["smppbridge_binds: gauge", "  labels   account type"]),
        ("smppbridge_store_commit_seconds_bucket", ["smppbridge_store_commit_seconds: histogram"]),
        ("ESME_RTHROTTLED", ["ESME_RTHROTTLED: command_status", "  number    0x00000058 (88)"]),
        ("rthrottled", ["ESME_RTHROTTLED: command_status"]),
        ("0x58", ["ESME_RTHROTTLED: command_status"]),
        ("88", ["ESME_RTHROTTLED: command_status"]),
        ("DELIVRD", ["DELIVERED: message_state", "  stat     DELIVRD"]),
        ("gathering", ["GATHERING: stage of a message"]),
        ("message_uncertain", ["message_uncertain: event of the log", "  level    warning"]),
        ("bench", ["bench: command"]),
        ("callback_url", ["{callback_url}: placeholder of a template"]),
        ("95", ["  meaning  A message to it is never answered"]),
    ],
)
def test_a_name_is_explained(name: str, lines: list[str]) -> None:
    done = asked(name)
    assert done.exit_code == 0
    for line in lines:
        assert line in done.output.splitlines()


def test_a_name_of_several_things_explains_them_all() -> None:
    said = asked("window").output
    assert "accounts.window: key of the configuration\n" in said
    assert "smpp.window: key of a provider with type: smpp\n" in said
    assert "deliver_window" not in said


def test_the_command_of_that_name_comes_first() -> None:
    assert asked("send").output.startswith("send: command\n")


def test_what_has_many_keys_is_a_list() -> None:
    lines = asked("accounts").output.splitlines()
    assert any(line.startswith("accounts.window ") and "  100  " in line for line in lines)
    assert lines[-1] == "more: smppbridge help settings"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("windw", "window"),
        ("poll", "poll_rate"),
        ("esme_rthrotled", "ESME_RTHROTTLED"),
        ("accounts.windo", "accounts.window"),
        ("metric", "metrics"),
    ],
)
def test_an_unknown_name_is_answered_with_its_neighbours(name: str, meant: str) -> None:
    done = asked(name)
    assert done.exit_code == 2
    assert f"nothing is called {name}; did you mean " in done.output
    assert meant in done.output.partition("did you mean ")[2].rstrip("?\n").split(", ")


def test_a_name_like_no_other_is_told_so() -> None:
    done = asked("qqqqqq\x1b[2J")
    assert done.exit_code == 2
    assert "nothing is called qqqqqq\\x1b[2J\n" in done.output


def test_the_package_can_be_run() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "smppbridge", "--version"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    assert done.stdout == f"smppbridge, version {__version__}\n"

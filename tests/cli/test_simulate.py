from __future__ import annotations

import re
import signal
from contextlib import ExitStack
from http.client import HTTPConnection
from urllib.request import urlopen

import pytest
from click.testing import CliRunner

from smppbridge.cli.simulate import SERVED, simulate
from smppbridge.simulators import SIMULATORS
from tests.cli.processes import running
from tests.patience import PATIENCE


def test_a_name_that_is_none_is_told_the_names() -> None:
    result = CliRunner().invoke(simulate, ["kecel", "--port", "0"])
    assert result.exit_code == 2
    for name in (*SIMULATORS, "ussd"):
        assert f"'{name}'" in result.stderr
    assert "Did you mean 'keccel'?" in result.stderr


@pytest.mark.parametrize("name", SIMULATORS)
def test_its_help_says_what_it_serves_to_whom(name: str) -> None:
    served = SERVED[name]
    said = " ".join(CliRunner().invoke(simulate, [name, "--help"]).stdout.split())
    for words in (served.serves, f"any {served.takes}", served.reports, f"93 gets {served.error}"):
        assert words in said
    assert served.name in CliRunner().invoke(simulate, ["--help"]).stdout


@pytest.mark.slow
def test_it_serves_until_a_signal() -> None:
    with running("simulate", "keccel", "--port", "0") as simulator:
        found = re.search(r"http://127\.0\.0\.1:\d+", simulator.until("Ctrl-C"))
        assert found
        page = f"{found[0]}/sms/v2/balance.asp?token=any"
        with urlopen(page, timeout=PATIENCE) as answer:
            assert b'"balance"' in answer.read()
        assert simulator.end(signal.SIGTERM) == 0


@pytest.mark.slow
def test_every_name_serves_what_it_says() -> None:
    with ExitStack() as stack:
        simulators = {
            name: stack.enter_context(running("simulate", name, "--port", "0"))
            for name in SIMULATORS
        }
        for name, simulator in simulators.items():
            found = re.search(r"(\w+)://127\.0\.0\.1:(\d+)", simulator.until("Ctrl-C"))
            assert found
            path = re.search(r"/[\w/.]+", SERVED[name].serves)
            assert (found[1] == "http") == (path is not None)
            if path:
                assert status(int(found[2]), path[0]) != 404, name
                assert status(int(found[2]), "/nothing") in (401, 404), name


def status(port: int, path: str) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def test_a_phone_is_told_that_its_dialogue_is_dropped() -> None:
    result = CliRunner().invoke(simulate, ["ussd", "--url", "http://127.0.0.1:1/ussd/key"])
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: the dialogue is dropped: ")
    assert result.stderr.endswith("Connection refused\n")

from __future__ import annotations

import re
import signal
from urllib.request import urlopen

from click.testing import CliRunner

from smppbridge.cli.simulate import simulate
from smppbridge.simulators import SIMULATORS
from tests.cli.processes import PATIENCE, running


def test_a_name_that_is_none_is_told_the_names() -> None:
    result = CliRunner().invoke(simulate, ["kannel", "--port", "0"])
    assert result.exit_code == 2
    for name in SIMULATORS:
        assert f"'{name}'" in result.stderr


def test_it_serves_until_a_signal() -> None:
    with running("simulate", "keccel", "--port", "0") as simulator:
        found = re.search(r"http://127\.0\.0\.1:\d+", simulator.until("Ctrl-C"))
        assert found
        page = f"{found[0]}/sms/v2/balance.asp?token=any"
        with urlopen(page, timeout=PATIENCE) as answer:
            assert b'"balance"' in answer.read()
        assert simulator.end(signal.SIGTERM) == 0

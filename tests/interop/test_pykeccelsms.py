"""The vendor's own client against our simulator; it is GPL, so it lives in a venv of its own."""

from __future__ import annotations

import json
import subprocess

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.threads import deferToThread

from smppbridge.simulators.keccel import KeccelSimulator
from tests.interop.venvs import python_with

SCRIPT = """
import json, sys
from keccelsms import APIClient

client = APIClient(sys.argv[2], "ACME")
client.base_url = sys.argv[1]
sent = client.send_messsage("243810000001", "Caf\\u00e9")
said = [sent, client.get_delivery_report(sent["messageID"]), client.get_balance()]
print(json.dumps(said))
"""


@pytest.fixture(scope="session")
def python(tmp_path_factory):
    """The interpreter of a venv that has pykeccelsms."""
    return python_with(tmp_path_factory.mktemp("pykeccelsms"), "pykeccelsms==0.2")


@pytest_twisted.async_yield_fixture
async def simulator():
    simulator = KeccelSimulator(reactor, delay=0.0)
    yield simulator
    await simulator.close()


def run(python, port, token):
    command = [python, "-c", SCRIPT, f"http://127.0.0.1:{port}/sms/v2", token]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)


@pytest_twisted.ensureDeferred
async def test_the_vendors_client_sends_asks_and_sees_its_credit(python, simulator):
    done = await deferToThread(run, python, simulator.listen(), "any")
    assert done.returncode == 0, done.stderr
    sent, report, balance = json.loads(done.stdout.splitlines()[-1])
    assert sent["status"] == "SENT"
    assert report == {"messageid": sent["messageID"], "status": "DELIVERED"}
    assert balance["balance"] == "999999"
    assert list(simulator.taken) == [("243810000001", "Caf\u00e9")]


@pytest_twisted.ensureDeferred
async def test_the_vendors_client_is_told_of_a_wrong_token(python, simulator):
    done = await deferToThread(run, python, simulator.listen(), "wrong")
    assert done.returncode == 0, done.stderr
    sent, *rest = json.loads(done.stdout.splitlines()[-1])
    assert [answer["description"] for answer in (sent, *rest)] == ["Invalid token"] * 3

"""The vendor's own client, and our template of the same API, against one simulator."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.threads import deferToThread

from smppbridge.model.outcome import Accepted
from smppbridge.settings.configuration import load
from smppbridge.simulators.d7.v1 import D7V1Simulator
from smppbridge.smpp.constants import MessageState
from tests.contracts.test_providers import Client, message_to
from tests.interop.venvs import python_with

EXAMPLE = Path(__file__).parents[2] / "config" / "providers" / "d7_v1.yaml"
SCRIPT = """
import json, sys
from direct7 import Client

client = Client(api_token=sys.argv[2], max_retries=0)
client.host(sys.argv[1])
said = []
try:
    message = {"recipients": ["2438100000" + sys.argv[3]], "content": "Caf\\u00e9"}
    sent = client.sms.send_messages(message, originator="ACME")
    said = [sent, client.sms.get_status(sent["request_id"])]
except Exception as error:
    said = [type(error).__name__]
print(json.dumps(said))
"""


@pytest.fixture(scope="session")
def python(tmp_path_factory):
    """The interpreter of a venv that has direct7."""
    # It does not say that it needs requests.
    return python_with(tmp_path_factory.mktemp("direct7"), "direct7==0.0.16", "requests")


@pytest_twisted.async_yield_fixture
async def simulator():
    simulator = D7V1Simulator(reactor, delay=0.0)
    yield simulator
    await simulator.close()


def run(python, port, token, ending):
    command = [python, "-c", SCRIPT, f"http://127.0.0.1:{port}", token, ending]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def template(port, token):
    settings = load(EXAMPLE, {"D7_TOKEN": token, "D7_CALLBACK_KEY": "k" * 16})
    built: Any = settings.built_providers()["d7"]
    return replace(built, base_url=f"http://127.0.0.1:{port}", callback_url="")


@pytest_twisted.ensureDeferred
async def test_client_and_template_are_taken_alike(python, simulator):
    port, client = simulator.listen(), Client()
    sent, log = await deferToThread(run, python, port, "any", "01")
    assert sent["status"] == "accepted"
    assert log["request_id"] == sent["request_id"]
    provider, message = template(port, "any"), message_to("243810000002", "Caf\u00e9")
    outcome = await client.carry(provider.submit(message))
    assert isinstance(outcome, Accepted)
    for identifier in (sent["request_id"], outcome.provider_message_id):
        report = await client.carry(provider.query(message, identifier))
        assert (report.provider_message_id, report.state) == (identifier, MessageState.DELIVERED)
    assert list(simulator.taken) == [("243810000001", "Caf\u00e9"), ("243810000002", "Caf\u00e9")]
    await client.close()


@pytest.mark.parametrize(
    ("token", "ending", "error"),
    [
        ("wrong", "01", "AuthenticationError"),
        ("any", "91", "BadRequest"),
        ("any", "93", "ServerError"),
        ("any", "94", "ClientError"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_the_client_knows_our_simulators_faults(python, simulator, token, ending, error):
    assert await deferToThread(run, python, simulator.listen(), token, ending) == [error]


@pytest_twisted.ensureDeferred
async def test_the_client_is_told_that_there_is_no_credit(python, simulator):
    simulator.credit = 0
    said = await deferToThread(run, python, simulator.listen(), "any", "01")
    assert said == ["InsufficientCreditError"]

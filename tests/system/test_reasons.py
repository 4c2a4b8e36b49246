"""Why did it not arrive?  One command says so, for each way in which a message does not arrive."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner

from smppbridge.cli.messages import messages
from smppbridge.model.reasons import Reason
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.pdus import DeliverSm, DeliverSmResp
from tests.system.daemon import Daemon
from tests.system.esme import NUMBER

ELSEWHERE = "254700000001"


def looked_up(daemon: Daemon, *words: str) -> list[dict[str, Any]]:
    result = CliRunner().invoke(messages, ["--config", str(daemon.file), *words, "--json"])
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def verdict(daemon: Daemon, message_id: bytes) -> dict[str, Any]:
    result = CliRunner().invoke(
        messages, ["--config", str(daemon.file), "--json", "--id", message_id.decode()]
    )
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)["verdict"]
    return found


@pytest.mark.parametrize(
    ("to", "account", "status", "reason"),
    [
        (ELSEWHERE, {}, Status.ESME_RINVDSTADR, Reason.NO_ROUTE),
        ("0810000001", {}, Status.ESME_RINVDSTADR, Reason.BAD_NUMBER),
        (NUMBER, {"senders": ["OTHER"]}, Status.ESME_RINVSRCADR, Reason.SENDER_NOT_ALLOWED),
        (NUMBER, {"throughput": 0.001}, Status.ESME_RTHROTTLED, Reason.THROTTLED),
    ],
)
def test_a_submission_refused_at_the_door_is_found_by_its_number(
    daemon: Daemon, to: str, account: dict[str, Any], status: Status, reason: Reason
) -> None:
    daemon.settings["routes"] = [{"to": "243", "via": ["keccel"]}]
    daemon.settings["accounts"][0] |= account
    with daemon.start().bound() as esme:
        answers = [esme.submit("private text", to) for _ in range(2)]
        assert answers[1].command_status == status
        daemon.await_rows("select count(*) > 0 from refused", [(1,)])
        assert f'reason="{reason}",status="{status.name}"' in daemon.get("/metrics")[1]
        event = daemon.await_event("submit_refused")
    assert (event["reason"], event["command_status"]) == (reason, status.name)
    found = looked_up(daemon, "refused", "--number", to, "--account", "bank")
    assert {row["reason"] for row in found} == {reason}
    assert found[0]["do"]
    assert to not in json.dumps(found)
    assert daemon.stop() == 0


def test_a_receipt_that_was_not_asked_for_is_told_from_one_that_was_taken(daemon: Daemon) -> None:
    with daemon.start().bound() as esme:
        asked = esme.submit("private text").message_id
        esme.await_receipts(1)
        not_asked = esme.submit("private text", registered_delivery=0).message_id
        daemon.await_rows("select count(*) from message where stage = 4", [(2,)])
        daemon.await_rows("select finished_at is not null from delivery", [(1,)])
        assert verdict(daemon, asked)["code"] == "done"
        assert verdict(daemon, not_asked)["code"] == "done_not_asked"
    assert daemon.stop() == 0


def test_a_receipt_that_the_esme_refuses_is_owed_for_its_status(daemon: Daemon) -> None:
    with daemon.start().bound() as esme:
        esme.acknowledges = False
        message_id = esme.submit("private text").message_id
        while not isinstance(pdu := esme.read(), DeliverSm):
            esme.take_in(pdu)
        esme.send(DeliverSmResp(Status.ESME_RMSGQFUL, pdu.sequence_number))
        daemon.await_rows("select attempts, command_status from delivery", [(1, 0x14)])
        found = verdict(daemon, message_id)
        assert found["code"] == "receipt_refused_so_far"
        assert "sent once, and answered ESME_RMSGQFUL at last." in found["why"]
        assert "why it answers ESME_RMSGQFUL" in found["do"][0]
    assert daemon.stop() == 0

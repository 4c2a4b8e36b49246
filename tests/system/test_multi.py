"""submit_multi through the daemon: lists, a restart, a reload, and looking messages up."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from pathlib import Path

from smppbridge.model.identifiers import row_of
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.fields import DistributionList, SmeAddress, UnsuccessSme
from smppbridge.smpp.pdus import DeliverSm, DeliverSmResp, SubmitMulti, SubmitMultiResp
from tests.system.daemon import COMMAND, Daemon
from tests.system.esme import Esme
from tests.system.provider import Provider

TEXT = "to all branches"
STAFF = DistributionList(b"staff")


def submit_multi(*to: SmeAddress | DistributionList) -> SubmitMulti:
    return SubmitMulti(
        source_addr_ton=5,
        source_addr=b"BANK",
        dest_address=to,
        registered_delivery=1,
        short_message=TEXT.encode(),
    )


def sme(addr: str) -> SmeAddress:
    return SmeAddress(1, 1, addr.encode())


def received(esme: Esme, count: int) -> set[tuple[str, str]]:
    """Return the receipts that come, acknowledged: id and source address."""
    found = set()
    while len(found) < count:
        pdu = esme.read()
        if isinstance(pdu, DeliverSm):
            esme.send(DeliverSmResp(0, pdu.sequence_number))
            words = re.match(rb"id:(\d+) ", pdu.short_message)
            assert words
            found.add((words[1].decode(), pdu.source_addr.decode()))
    return found


def test_receipts_after_a_restart_have_the_id_of_the_response(
    daemon: Daemon, provider: Provider
) -> None:
    numbers = ["243810000001", "243810000002", "243810000003"]
    daemon.settings["lists"] = {"staff": {"numbers": numbers[1:]}}
    daemon.settings["log"] = {"messages": "all"}
    with daemon.start().bound() as esme:
        esme.acknowledges = False
        response: SubmitMultiResp = esme.ask(submit_multi(sme("?"), sme(numbers[0]), STAFF))
        provider.await_taken(3)
        message_id = response.message_id.decode()
        esme.await_receipts(3)
    refused = UnsuccessSme(1, 1, b"?", Status.ESME_RINVDSTADR)
    assert (response.command_status, response.unsuccess_sme) == (0, (refused,))
    assert daemon.await_event("message_accepted")["answered_id"] == message_id
    daemon.kill()
    with daemon.start().bound() as esme:
        assert received(esme, 3) == {(message_id, number) for number in numbers}
    looked = subprocess.run(
        [COMMAND, "messages", "--store", daemon.database, "--id", message_id, "--json"],
        check=True,
        capture_output=True,
        text=True,
    )
    rows = [json.loads(line) for line in looked.stdout.splitlines()]
    assert [row["message_id"] for row in rows] == list(map(str, row_of(int(message_id), 3)))
    assert {(row["answered_id"], row["state"]) for row in rows} == {(message_id, "DELIVERED")}
    assert (daemon.stop(), provider.taken) == (0, {TEXT: 3})


def test_a_list_is_read_again_when_the_configuration_is(
    daemon: Daemon, provider: Provider, tmp_path: Path
) -> None:
    file = tmp_path / "staff.txt"
    file.write_text("243810000001\n")
    daemon.settings["lists"] = {"staff": {"file": file.name}}
    with daemon.start().bound() as esme:
        file.write_text("243810000001\n+243810000002 # new\n")
        esme.ask(submit_multi(STAFF))
        provider.await_taken(1)
        daemon.signal(signal.SIGHUP)
        daemon.await_event("configuration_applied")
        assert esme.ask(submit_multi(STAFF)).unsuccess_sme == ()
        provider.await_taken(3)
        file.write_text("nobody\n")
        daemon.signal(signal.SIGHUP)
        refused = daemon.await_event("configuration_refused")
        assert "staff.txt:1: not an E.164 number" in json.dumps(refused)
        esme.ask(submit_multi(STAFF))
        provider.await_taken(5)
    assert provider.taken == {TEXT: 5}

"""India's ids on their way through a daemon: required, checked, kept over kill -9, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.pdus import BindTransmitter, DeliverSm
from tests.cli.processes import running
from tests.ports import kept_ports
from tests.system.daemon import Daemon
from tests.system.esme import Esme

NUMBER = "919810000001"
ENTITY, TEMPLATE = (0x1400, b"1101234567890123456\0"), (0x1401, b"1107161234567890123")


def test_ids_are_required_and_come_back_after_a_kill(tmp_path: Path) -> None:
    (port,) = kept_ports(1)
    daemon = Daemon(tmp_path, "http://127.0.0.1:9")
    settings: dict[str, Any] = daemon.settings
    del settings["callbacks"]
    upstream = {"type": "smpp", "host": "127.0.0.1", "port": port, "tlvs": "named"}
    settings["providers"] = {"operator": upstream | {"system_id": "bank", "password": "right"}}
    settings["tlvs"] = {"dlt_entity_id": {"echo": True}, "dlt_template_id": {"echo": True}}
    settings["accounts"][0]["tlvs"] = {"dlt_entity_id": ENTITY[1][:-1].decode()}
    settings["routes"] = [{"via": "operator", "require": ["dlt_entity_id", "dlt_template_id"]}]
    try:
        with running("simulate", "smsc", "--port", str(port), "--delay", "0.05") as smsc:
            smsc.until("Ctrl-C")
            daemon.start()
            with Esme(daemon.smpp) as esme:
                assert esme.bind(BindTransmitter) == 0
                wrong = (0x1401, b"template")
                long, empty = (0x1401, b"1" * 31), (0x1401, b"\0")
                statuses = [
                    esme.submit("Hello", NUMBER, tlvs=tlvs).command_status
                    for tlvs in ((), (wrong,), (long,), (empty,), (TEMPLATE,))
                ]
            assert statuses == [
                Status.ESME_RMISSINGOPTPARAM,
                Status.ESME_RINVOPTPARAMVAL,
                Status.ESME_RINVPARLEN,
                Status.ESME_RMISSINGOPTPARAM,
                0,
            ]
            daemon.await_rows("select count(*) from delivery", [(1,)])
            daemon.kill()
            daemon.start()
            with daemon.bound() as esme:
                pdu = esme.read()
                while not isinstance(pdu, DeliverSm):
                    pdu = esme.read()
        assert [each for each in pdu.tlvs if each[0] >= 0x1400] == [ENTITY, TEMPLATE]
        assert not daemon.events("unhandled_error")
    finally:
        daemon.close()

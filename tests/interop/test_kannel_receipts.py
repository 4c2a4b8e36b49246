"""Kannel reads receipts of every form, also on a transmitter, where nothing else is bound."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from smppbridge.simulators.keccel import KeccelSimulator
from tests.cli.processes import free_ports
from tests.interop.bridged import PASSWORD, in_thread, settle
from tests.interop.test_kannel import (
    BADLY,
    BOXES,
    DELIVERED,
    FAILED,
    LINK,
    TAKEN_BY_SMSC,
    WELL,
    Kannel,
    boxes,
    installed,
    simulator,
)

__all__ = ["installed", "simulator"]  # fixtures: Kannel, and Keccel's simulator

TRANSCEIVER = "port = {port}\ntransceiver-mode = 1"
# (account and smsc-id, its receipts, ports)
ACCOUNTS = [
    ("box", "{form: kannel}", "port = {port}"),  # a transmitter alone
    ("boxtext", "{form: kannel, tlvs: false}", "port = {port}"),
    ("spec", "{form: spec}", TRANSCEIVER),
    ("spectext", "{form: spec, tlvs: false}", TRANSCEIVER),
    ("seconds", "{form: seconds, tlvs: false}", TRANSCEIVER),
    ("chopper", "{form: cloudhopper, tlvs: false}", TRANSCEIVER),
    ("jasmin", "{form: jasmin, tlvs: false}", TRANSCEIVER),
    ("tlvonly", "{form: tlv_only}", TRANSCEIVER),
    ("century", "{date: YYYYMMDDhhmmss, lower_case: false, tlvs: false}", TRANSCEIVER),
]


@pytest.fixture(scope="module")
def kannel(
    simulator: KeccelSimulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Kannel]:
    folder: Path = tmp_path_factory.mktemp("kannel_receipts")
    accounts = [f"{name}, receipts: {form}" for name, form, _ in ACCOUNTS]
    place = settle(folder, simulator, accounts)
    ports = dict(zip(("admin", "boxes", "send"), free_ports(3), strict=True))
    links = [
        LINK.format(name=n, admin_id=n, password=PASSWORD, ports=where.format(port=place.port))
        for n, _, where in ACCOUNTS
    ]
    settings = folder / "kannel.conf"
    settings.write_text(BOXES.format(**ports, password=PASSWORD, links="\n".join(links)))
    with place.bridge() as bridge:
        bridge.until("started")
        with boxes(settings, ports) as kannel:
            for name, _, where in ACCOUNTS:
                kind = "transceiver" if where is TRANSCEIVER else "transmitter"
                bridge.until(f"session_bound system_id={name} address=127.0.0.1 kind={kind}")
            yield kannel
        assert bridge.end() == 0
        assert "pdu_refused" not in bridge.said
        assert "unhandled_error" not in bridge.said


@in_thread
def test_kannel_knows_every_message_by_its_receipt(kannel: Kannel) -> None:
    expected = {WELL: DELIVERED, BADLY: FAILED}
    sent = {
        (name, to): kannel.send(name, to, "hello") for name, _, _ in ACCOUNTS for to in expected
    }
    for (_, to), about in sent.items():
        found = kannel.heard.until(about, expected[to], TAKEN_BY_SMSC)
        assert [kind for kind, _ in found] == [expected[to], TAKEN_BY_SMSC]
        assert len({message_id for _, message_id in found}) == 1

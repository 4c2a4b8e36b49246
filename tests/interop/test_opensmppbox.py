"""Kannel's opensmppbox upstream of the bridge: it joins segments, and reports all or none."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.cli.processes import free_ports, running
from tests.interop.bridged import PASSWORD
from tests.interop.test_kannel import box
from tests.interop.test_upstream import RECEIPT, Esme

TEXTS = ["Café @£ €", "0123456789" * 40, "Привет! " * 20]
STATES = {"254722000001": b"DELIVRD", "254722000090": b"UNDELIV"}

# bearerbox hands messages to our simulator of an SMSC, opensmppbox hands the bridge's to bearerbox.
BOXES = """\
group = core
admin-port = {admin}
admin-password = {password}
smsbox-port = {boxes}
dlr-storage = internal

group = smsc
smsc = smpp
smsc-id = smsc
host = 127.0.0.1
port = {smsc}
transceiver-mode = 1
smsc-username = kannel
smsc-password = {password}
system-type = ""
reconnect-delay = 1

group = smsbox
bearerbox-host = 127.0.0.1
"""
SMPP_BOX = """\
group = core
dlr-storage = internal

group = opensmppbox
opensmppbox-id = bridge
opensmppbox-port = {upstream}
bearerbox-host = 127.0.0.1
bearerbox-port = {boxes}
our-system-id = kannel
use-systemid-as-smsboxid = true
smpp-logins = "{folder}/logins.txt"
"""
SETTINGS = """
smpp: {{listen: "tcp:{smpp}:interface=127.0.0.1"}}
store: "sqlite:{folder}/bridge.db"
log: {{format: text, messages: all}}
accounts: [{{system_id: python, password: {password}}}]
providers:
  kannel:
    type: smpp
    host: 127.0.0.1
    port: {upstream}
    system_id: bridge
    password: {password}
    segments: {segments}
    delivered_by: {delivered_by}
routes: [{{via: [kannel]}}]
"""


@pytest.fixture(scope="module")
def installed() -> None:
    missing = [name for name in ("bearerbox", "opensmppbox") if not shutil.which(name)]
    if missing:
        pytest.skip(f"OPENSMPPBOX IS NOT TESTED, there is no {' and no '.join(missing)}")


@pytest.fixture(scope="module")
def kannel(installed: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Run the boxes and the SMSC behind them; give their ports."""
    folder = tmp_path_factory.mktemp("opensmppbox")
    names = ("admin", "boxes", "smsc", "upstream")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    (folder / "logins.txt").write_text(f"bridge {PASSWORD} bridge *.*.*.*\n")
    for name, text in (("kannel", BOXES), ("box", SMPP_BOX)):
        written = text.format(**ports, password=PASSWORD, folder=folder)
        (folder / f"{name}.conf").write_text(written)
    with ExitStack() as stack:
        simulator = running("simulate", "smsc", "--port", ports["smsc"], "--delay", "0.05")
        stack.enter_context(simulator).until("is played")
        bearerbox = stack.enter_context(
            box("bearerbox", folder / "kannel.conf", "entering mainloop")
        )
        smpp_box = stack.enter_context(box("opensmppbox", folder / "box.conf", "Waiting for SMPP"))
        yield ports
        assert "PANIC" not in bearerbox.said + smpp_box.said


WAYS = ["udh all", "udh last", "udh first", "udh16 all", "sar last", "payload all"]


@pytest.fixture(scope="module", params=WAYS)
def esme(
    request: pytest.FixtureRequest,
    kannel: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Esme]:
    """An ESME that is bound to a bridge, which is bound to opensmppbox."""
    (smpp,) = free_ports(1)
    folder = tmp_path_factory.mktemp("bridge")
    path: Path = folder / "bridge.yaml"
    segments, delivered_by = request.param.split()
    terms = {"segments": segments, "delivered_by": delivered_by, "password": PASSWORD}
    path.write_text(SETTINGS.format(smpp=smpp, folder=folder, upstream=kannel["upstream"], **terms))
    with running("run", "--config", str(path)) as bridge:
        bridge.until("upstream_bound")
        esme = Esme(smpp)
        yield esme
        esme.client.unbind()
        esme.client.disconnect()
        assert bridge.end() == 0
        assert "unhandled_error" not in bridge.said
        refused = [line for line in bridge.said.splitlines() if "pdu_refused" in line]
        # a receipt of another segment may be on its way while we unbind
        assert [line for line in refused if "not allowed in UNBOUND" not in line] == []


def test_texts_arrive_and_their_receipts_return(esme: Esme) -> None:
    """A long message has one id a segment, and is what all of its segments are."""
    expected = {
        esme.submit(text, number): state for number, state in STATES.items() for text in TEXTS
    }
    receipts = [RECEIPT.match(esme.hear().short_message) for _ in expected]
    assert {found[1]: found[2] for found in receipts if found} == expected

"""Every operation with node-smpp and Net::SMPP: their own encoders, and their own parsers."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from smppbridge.simulators.keccel import KeccelSimulator
from smppbridge.smpp.constants import EsmClass
from tests.cli.processes import Program
from tests.interop import operations
from tests.interop.bridged import PASSWORD, Place, in_thread, settle
from tests.interop.operations import Part
from tests.interop.tapped import tapped
from tests.interop.test_net_smpp import perl_with_net_smpp
from tests.interop.test_node_smpp import modules
from tests.patience import PATIENCE
from tests.ports import kept_ports

__all__ = ["modules"]  # a fixture

NODE = Path(__file__).parent / "node_esme.js"
CALLED, LISTEN = kept_ports(2)  # where the bridge calls, and where the script is behind a tap
KINDS = [
    "_data, receipts: {by: data_sm}",
    f"_called, outbind: {{to: 127.0.0.1:{CALLED}, password: outpw}}",
]
PERL = NODE.with_name("net_smpp_esme.pl")
NUMBER = "243810000001"
Command = list[str | Path]


@pytest.fixture(scope="module")
def place(simulator: KeccelSimulator, tmp_path_factory: pytest.TempPathFactory) -> Place:
    accounts = [f"{stack}{kind}" for stack in ("node", "perl") for kind in ("", *KINDS)]
    return settle(tmp_path_factory.mktemp("operations"), simulator, accounts)


@pytest.fixture(scope="module")
def bridge(place: Place) -> Iterator[Program]:
    with place.served() as bridge:
        yield bridge


@pytest.fixture
def perl() -> Command:
    """The command of an ESME of Net::SMPP."""
    return [perl_with_net_smpp(), PERL]


@pytest.fixture
def node(modules: str, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command of an ESME of node-smpp."""
    monkeypatch.setenv("NODE_PATH", modules)
    return ["node", NODE]


def said(command: Command, port: str, parts: Sequence[Part], **job: Any) -> Mapping[str, Any]:
    """Run a conversation; return what the script has printed."""
    whole = {"port": int(port), "password": PASSWORD, "kind": "transceiver", **job}
    whole["steps"] = operations.written(parts)
    done = subprocess.run(
        [*command, json.dumps(whole)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    found: Mapping[str, Any] = json.loads(done.stdout)
    return found


PARTS = [
    operations.queried(NUMBER),
    operations.cancelled("243810000002"),
    operations.superseded("243810000003"),
    operations.replaced("243810000004"),
    operations.failing("243810000090"),
    operations.on_its_way(),
    operations.by_data_sm("243810000005"),
    operations.in_transactions("243810000006"),
]


def check_every_operation(command: Command, name: str, place: Place, simulator: Any) -> None:
    simulator.taken.clear()
    operations.check(PARTS, said(command, place.port, PARTS, system_id=name))
    assert simulator.taken == operations.taken(PARTS)


def check_data_sm_both_ways(command: Command, name: str, place: Place) -> None:
    parts = [operations.by_data_sm(NUMBER), operations.cancelled("243810000002")]
    found = said(command, place.port, parts, system_id=name)
    operations.check(parts, found, by="data_sm")
    assert {receipt["esm_class"] for receipt in found["receipts"]} == {EsmClass.RECEIPT}


def check_that_it_is_called(command: Command, name: str, place: Place, folder: Path) -> None:
    """A transmitter is owed receipts, and the ESME is called for them."""
    parts = [operations.queried(NUMBER), operations.cancelled("243810000002")]
    job = {"kind": "transmitter", "listen": LISTEN, "system_id": name}
    with tapped(CALLED, LISTEN, folder, called=True):
        found = said(command, place.port, parts, **job)
    operations.check(parts, found)
    assert found["called"] == [{"system_id": "SMPPBRIDGE", "password": "outpw", "status": 0}]


@in_thread
def test_node_smpp_has_every_operation(
    node: Command, bridge: Program, place: Place, simulator: KeccelSimulator
) -> None:
    check_every_operation(node, "node", place, simulator)


@in_thread
def test_net_smpp_has_every_operation(
    perl: Command, bridge: Program, place: Place, simulator: KeccelSimulator
) -> None:
    check_every_operation(perl, "perl", place, simulator)


@in_thread
def test_node_smpp_has_data_sm_both_ways(node: Command, bridge: Program, place: Place) -> None:
    check_data_sm_both_ways(node, "node_data", place)


@in_thread
def test_net_smpp_has_data_sm_both_ways(perl: Command, bridge: Program, place: Place) -> None:
    check_data_sm_both_ways(perl, "perl_data", place)


@in_thread
def test_node_smpp_is_called(node: Command, bridge: Program, place: Place, tmp_path: Path) -> None:
    check_that_it_is_called(node, "node_called", place, tmp_path)


@in_thread
def test_net_smpp_is_called(perl: Command, bridge: Program, place: Place, tmp_path: Path) -> None:
    check_that_it_is_called(perl, "perl_called", place, tmp_path)

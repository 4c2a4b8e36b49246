"""Profiles with the stacks that they are for: what each makes of the same submissions."""

from __future__ import annotations

from pathlib import Path

import pytest

from smppbridge.simulators.keccel import KeccelSimulator
from tests.cli.processes import Program
from tests.interop.bridged import Place, in_thread, settle
from tests.interop.test_node_smpp import NUMBER, RECEIPT, modules, said, submissions

__all__ = ["modules"]  # a fixture

TEXT = "Ça va? @£$_é"  # GSM 03.38 has all of it: node-smpp chooses data_coding 1


def placed(simulator: KeccelSimulator, folder: Path, rights: str) -> Place:
    return settle(folder, simulator, ["node"], f"binds: 4, {rights}")


def submitted(modules: str, place: Place, bridge: Program, receipts: int = 1) -> list[dict]:  # type: ignore[type-arg]
    bridge.until("started")
    found = said(modules, place, "transceiver", submissions("whole", [TEXT]), receipts)
    assert found["responses"]["submit_sm"] == 0
    return [*found["receipts"], {"submitted": found["submitted"]}]


@pytest.mark.parametrize(("rights", "read"), [("profile: node_smpp", True), ("window: 9", False)])
@in_thread
def test_what_node_smpp_calls_ascii_is_gsm(
    modules: str, simulator: KeccelSimulator, tmp_path: Path, rights: str, read: bool
) -> None:
    simulator.taken.clear()
    place = placed(simulator, tmp_path, rights)
    with place.bridge() as bridge:
        submitted(modules, place, bridge)
        assert bridge.end() == 0
    assert (simulator.taken == {(NUMBER, TEXT): 1}) is read


@in_thread
def test_a_stack_of_smpp_33_gets_no_tlvs_though_it_binds_as_50(
    modules: str, simulator: KeccelSimulator, tmp_path: Path
) -> None:
    place = placed(simulator, tmp_path, "profile: smpp33_hex")
    with place.bridge() as bridge:
        receipt, answered = submitted(modules, place, bridge)
        assert bridge.end() == 0
    assert "id" not in receipt
    assert "message_state" not in receipt
    words = RECEIPT.match(receipt["text"])
    assert words is not None
    assert int(words[1]) == int(answered["submitted"][0], 16)


@in_thread
def test_receipts_may_be_forced_on_a_stack_that_asks_for_none(
    modules: str, simulator: KeccelSimulator, tmp_path: Path
) -> None:
    place = placed(simulator, tmp_path, "registered_delivery: always")
    with place.bridge() as bridge:
        bridge.until("started")
        asked = submissions("whole", ["no receipt, please"], registered_delivery=0)
        found = said(modules, place, "transceiver", asked, 1)
        assert bridge.end() == 0
    assert [receipt["id"] for receipt in found["receipts"]] == found["submitted"]

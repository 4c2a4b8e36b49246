from __future__ import annotations

from pathlib import Path

from smppbridge.simulators.keccel import KeccelSimulator
from tests.interop.bridged import settle


def test_a_simulator_calls_the_place_whose_bridge_runs(
    simulator: KeccelSimulator, tmp_path: Path
) -> None:
    """Whichever place was settled last: that one was called once, and the other waited."""
    (tmp_path / "one").mkdir()
    one, other = settle(tmp_path / "one", simulator, ["a"]), settle(tmp_path, simulator, ["b"])
    with one.called_back():
        assert simulator.callback_url == one.callback_url
        with other.called_back():
            assert simulator.callback_url == other.callback_url
        assert simulator.callback_url == one.callback_url
    assert one.callback_url != other.callback_url

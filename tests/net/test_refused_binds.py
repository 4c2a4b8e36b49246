"""The last refused binds are kept: bounded, the newest first."""

from __future__ import annotations

from smppbridge.net.refused_binds import MOST_REFUSED, RefusedBinds


def test_the_oldest_gives_way_and_a_long_name_is_cut() -> None:
    refused = RefusedBinds()
    for number in range(MOST_REFUSED + 1):
        refused.add(
            float(number), "x" * 100, "10.0.0.1", "receiver", command_status=14, reason="binds"
        )
    found = refused.listed()
    assert len(found) == MOST_REFUSED
    assert (found[0].at, found[-1].at) == (float(MOST_REFUSED), 1.0)
    assert len(found[0].system_id) == 64

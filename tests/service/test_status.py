"""The line for whoever looks at the unit."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from smppbridge.relay.lanes.lane import LaneRules
from smppbridge.relay.lanes.lanes import Lanes
from smppbridge.service.bridge import Bridge
from tests.relay.fakes import FakeClock, FakeProvider


def test_the_status_names_the_lanes_that_pause() -> None:
    lanes = Lanes(FakeClock())
    names = ("first", "second", "third")
    providers = {name: FakeProvider(name) for name in names}
    lanes.change(providers, dict.fromkeys(names, LaneRules()))
    smsc = SimpleNamespace(bound_counts=lambda: {("bank", "trx"): 2.0, ("shop", "rx"): 1.0})
    bridge: Any = Bridge.__new__(Bridge)
    bridge.relay, bridge.doors = SimpleNamespace(lanes=lanes), SimpleNamespace(smsc=smsc)
    assert bridge.status() == "bound 3, waiting 0"
    lanes.by_name["first"].pause(3.0)
    lanes.by_name["third"].pause(600.0)
    assert bridge.status() == "bound 3, waiting 0, first paused 3 s, third paused 600 s"

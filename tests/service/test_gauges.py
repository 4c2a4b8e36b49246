"""Gauges have a 0 for what is configured and not there: an alert cannot fire on nothing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from smppbridge.service.gauges import _owed, _owed_for


def test_every_account_has_its_deliveries_and_their_age() -> None:
    bridge: Any = SimpleNamespace(
        doors=SimpleNamespace(binds=SimpleNamespace(rights={"idle": 1, "bank": 2, "pbx": 3})),
        relay=SimpleNamespace(deliver=SimpleNamespace(outboxes={"bank": SimpleNamespace(depth=3)})),
        clock=SimpleNamespace(wall=lambda: 1_000.0),
        clockwork=SimpleNamespace(oldest_owed={"bank": 400.0, "gone": 1_001.0}),
    )
    assert _owed(bridge) == {("idle",): 0, ("bank",): 3, ("pbx",): 0}
    assert _owed_for(bridge) == {("idle",): 0, ("bank",): 600, ("pbx",): 0, ("gone",): 0}

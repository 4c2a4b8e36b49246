from __future__ import annotations

from typing import Any

import pytest_twisted
from twisted.internet import reactor

from smppbridge.simulators.keccel import KeccelSimulator


@pytest_twisted.async_yield_fixture(scope="module")
async def simulator() -> Any:
    """Keccel, played in this process."""
    simulator = KeccelSimulator(reactor, delay=0.05)
    yield simulator
    await simulator.close()

"""Questions that tests ask a store."""

from __future__ import annotations

from typing import Any

from smppbridge.model.message import (
    Attempt,
)
from smppbridge.store.port import (
    Found,
)
from tests.store.opened import (
    NOW,
    Opened,
)


def found(opened: Opened, message_id: int = 1) -> Found:
    result: Found = opened.wait(opened.store.find([message_id]))[message_id]
    return result


def ids(attempts: list[Attempt]) -> list[int]:
    return [attempt.message.message_id for attempt in attempts]


def owed(opened: Opened, now: float = NOW + 10, **more: Any) -> list[tuple[int, int]]:
    deliveries = opened.wait(opened.store.owed("bank", now, more.pop("limit", 100), **more))
    return [(d.message_id, d.state) for d in deliveries]

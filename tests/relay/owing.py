"""Deliveries that are owed, and receivers that are bound, answer and are lost."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from smppbridge.model.report import Delivery
from tests.relay.fakes import FakeReceiver, World, delivery


def owe(world: World, *ids: int, **about: Any) -> list[Delivery]:
    """Owe receipts: written down, then handed on."""
    made = [delivery(n, **about) for n in ids]
    world.store.deliveries.update({(d.message_id, d.state): replace(d) for d in made})
    world.deliver.owe(made)
    return made


def bound(world: World, window: int = 10, system_id: str = "bank") -> FakeReceiver:
    receiver = FakeReceiver(window)
    world.deliver.bound(system_id, receiver)
    return receiver


def answer(world: World, receiver: FakeReceiver, status: int = 0, count: int = 1_000) -> None:
    world.deliver.answered("bank", [(d, status) for d in receiver.take(count)])


def lose(world: World, receiver: FakeReceiver) -> None:
    world.deliver.lost("bank", receiver, receiver.take())

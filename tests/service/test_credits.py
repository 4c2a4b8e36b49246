"""Balances that providers tell are written into the store, once an hour each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred

from smppbridge.providers.exchange import Balance
from smppbridge.service.credits import Credits
from smppbridge.store.credit import HOUR, Credit
from smppbridge.store.port import StoreFailure
from tests.store.opened import NOW, Opened
from tests.store.test_credit import read


class Told:
    """The balances of a bridge, as they are told."""

    def __init__(self, opened: Opened) -> None:
        self.opened = opened
        self.balances: dict[str, Balance] = {}
        self.at: dict[str, float] = {}
        self.credits = Credits(opened.store, lambda: self.balances, self.at.get)

    def tell(self, name: str, amount: float, at: float) -> None:
        self.balances[name], self.at[name] = Balance(amount, "SMS"), at

    def keep(self, now: float) -> None:
        self.opened.wait(Deferred.fromCoroutine(self.credits.keep(now)))


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    opened = Opened(tmp_path)
    yield Told(opened)
    opened.store.stop()


def test_a_balance_of_an_hour_is_written_once(told: Told) -> None:
    start = NOW // HOUR * HOUR
    told.keep(start)
    told.tell("keccel", 100.0, start)
    told.balances["never"] = Balance(1.0, "SMS")  # nobody knows of when
    for second in range(0, 3_600, 600):
        told.tell("keccel", 100.0 - second, start + second)
        told.keep(start + second)
    told.tell("keccel", 7.0, start + HOUR)
    told.tell("d7", 3.0, start + HOUR)
    told.keep(start + HOUR)
    assert read(told.opened, "keccel") == [
        Credit("keccel", start, 100.0, "SMS"),
        Credit("keccel", start + HOUR, 7.0, "SMS"),
    ]
    assert read(told.opened, "d7") == [Credit("d7", start + HOUR, 3.0, "SMS")]
    assert read(told.opened, "never") == []


def test_an_old_balance_is_not_written_again(told: Told) -> None:
    told.tell("keccel", 100.0, NOW)
    told.keep(NOW)
    told.keep(NOW + 5 * HOUR)  # the provider has not answered since
    assert len(read(told.opened, "keccel")) == 1


def test_what_could_not_be_written_is_written_later(told: Told) -> None:
    told.tell("keccel", 100.0, NOW)
    told.opened.fail(True)
    with pytest.raises(StoreFailure):
        told.keep(NOW)
    told.opened.fail(False)
    told.keep(NOW + 10.0)
    assert len(read(told.opened, "keccel")) == 1

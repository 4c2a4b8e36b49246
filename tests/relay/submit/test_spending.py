"""Credit in days: what is spent counts, what is paid in does not."""

from __future__ import annotations

import pytest

from smppbridge.providers.exchange import Balance
from smppbridge.relay.submit.rounds import RoundRules
from smppbridge.relay.submit.spending import DAY, Spending
from tests.relay.staged import World

HOUR = 3_600.0


def told(*amounts: float, every: float = HOUR) -> dict[str, float]:
    spending = Spending()
    for number, amount in enumerate(amounts):
        spending.add("one", amount, 1_000.0 + number * every)
    return spending.days()


@pytest.mark.parametrize(
    ("amounts", "days"),
    [
        ((), {}),
        ((100,), {}),
        ((100, 100), {}),  # nothing was spent
        ((100, 99), {"one": 99 / 24}),
        ((100, 99, 199, 198), {"one": 198 / (2 / 3 * 24)}),  # a top-up of 100
        ((5, -1), {"one": 0.0}),
    ],
)
def test_days(amounts: tuple[float, ...], days: dict[str, float]) -> None:
    assert told(*amounts) == pytest.approx(days)


def test_less_than_an_hour_says_nothing() -> None:
    assert told(100, 50, every=HOUR - 1) == {}


def test_only_the_last_day_counts_and_little_is_remembered() -> None:
    spending = Spending()
    amount = 1_000_000.0
    for second in range(0, int(3 * DAY), 30):
        amount -= 100 if second < DAY else 1
        spending.add("one", amount, float(second))
    assert spending.days()["one"] == pytest.approx(amount / (DAY / 30), rel=0.01)
    assert len(spending._seen["one"]) < 580


def test_a_provider_that_is_asked_no_more_is_forgotten() -> None:
    spending = Spending()
    for name in ("odd", "one", "last"):
        spending.add(name, 10, 0.0)
        spending.add(name, 5, HOUR)
    spending.keep(["one", "new"])
    assert list(spending.days()) == ["one"]


def test_a_balance_that_a_provider_told_counts() -> None:
    world = World(rounds=RoundRules(balance_every=HOUR))
    for amount in (48.0, 24.0):
        world.rounds.tick()
        world.wire.answer(("one", Balance(amount, "SMS")), operation="balance")
        world.clock.now += HOUR
    assert world.rounds.spending.days() == {"one": pytest.approx(1 / 24)}

"""How long a provider took is counted from the moment at which a request left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from smppbridge.model.message import Attempt
from smppbridge.model.outcome import Accepted, Outcome, Refused, Uncertain
from smppbridge.relay.lanes.batch import Batch, Load
from smppbridge.relay.lanes.conclusions import adjust, sorted_out
from smppbridge.relay.lanes.lane import Lane, LaneRules
from tests.relay.fakes import NOW, FakeProvider, Recorder, message

REFUSED, UNCERTAIN = Refused("no"), Uncertain("silence")
LONG_AGO = 1_000.0


class Timed(Recorder):
    """Keeps the seconds of the exchanges with a provider."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def asked(self, provider: str, operation: str, outcome: str, seconds: Sequence[float]) -> None:
        self.seconds += seconds


def attempt(message_id: int) -> Attempt:
    return Attempt(message(message_id), "one", 1, begun_at=NOW - LONG_AGO)


def batch(number: int) -> Batch:
    return Batch(f"key {number}", [attempt(2 * number), attempt(2 * number + 1)])


def repeated(number: int) -> Batch:
    found = batch(number)
    ids = frozenset(each.message.message_id for each in found.attempts)
    return Batch(found.key, found.attempts, True, ids)


@pytest.mark.parametrize("made", [attempt, batch, repeated])
@pytest.mark.parametrize("outcome", [Accepted("p"), REFUSED, UNCERTAIN])
def test_seconds_count_from_the_moment_at_which_a_request_left(
    made: Callable[[int], Load], outcome: Outcome
) -> None:
    lane, meters = Lane("one", FakeProvider(), LaneRules(concurrency=1), 0.0), Timed()
    lane.begun([made(number) for number in range(3)])
    for left_at in (10.0, 20.0, 30.0):  # one after another: the others are begun, and wait
        [load] = lane.leave(left_at)
        conclusion: Any = [outcome] * 2 if isinstance(load, Batch) else outcome
        accepted, others = sorted_out([(load, conclusion)])
        lane.out -= 1
        adjust(lane, accepted, others, now=left_at + 0.5, wall=NOW, meters=meters)
    assert meters.seconds == [0.5] * 3
    assert {error.seconds for error in lane.errors} <= {0.5}

from __future__ import annotations

import pytest

from smppbridge.simulators import SIMULATORS, magic, simulator_type
from smppbridge.simulators.magic import DELIVERED, Behaviour, Remembered, Throttle, behaviour_of
from smppbridge.smpp.constants import MessageState


@pytest.mark.parametrize(
    ("number", "behaviour"),
    [
        ("243810000090", Behaviour("accept", MessageState.UNDELIVERABLE)),
        ("243810000091", Behaviour("reject", None)),
        ("243810000092", Behaviour(answer_after=5.0)),
        ("243810000093", Behaviour("error", None)),
        ("243810000094", Behaviour("throttle")),
        ("243810000095", Behaviour("silence", None)),
        ("243810000096", Behaviour(early=True)),
        ("243810000097", Behaviour(reports=2)),
        ("243810000098", Behaviour(state=None)),
        ("243810000099", Behaviour(state=MessageState.EXPIRED)),
        ("243810000089", DELIVERED),
        ("243810009000", DELIVERED),
        ("", DELIVERED),
    ],
)
def test_the_last_two_digits_say_what_to_do(number, behaviour):
    assert behaviour_of(number) == behaviour


def test_each_message_is_throttled_twice_and_then_passes():
    throttle = Throttle()
    assert [throttle.refuses("a") for _ in range(4)] == [True, True, False, True]
    assert throttle.refuses("b")


def test_what_is_remembered_is_bounded(monkeypatch):
    monkeypatch.setattr(magic, "REMEMBERED", 2)
    remembered = Remembered()
    for number in range(4):
        remembered[number] = number
    assert dict(remembered) == {2: 2, 3: 3}


def test_every_simulator_can_be_found():
    for name in SIMULATORS:
        assert callable(simulator_type(name))
    with pytest.raises(KeyError):
        simulator_type("nobody")

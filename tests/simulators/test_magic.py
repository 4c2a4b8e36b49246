from __future__ import annotations

import pytest

from smppbridge.simulators import SIMULATORS, magic, simulator_type
from smppbridge.simulators.magic import DELIVERED, Remembered, Role, Throttle, role_of
from smppbridge.smpp.constants import MessageState


@pytest.mark.parametrize(
    ("number", "role"),
    [
        ("243810000090", Role("accept", MessageState.UNDELIVERABLE)),
        ("243810000091", Role("reject", None)),
        ("243810000092", Role(answer_after=5.0)),
        ("243810000093", Role("error", None)),
        ("243810000094", Role("throttle")),
        ("243810000095", Role("silence", None)),
        ("243810000096", Role(early=True)),
        ("243810000097", Role(reports=2)),
        ("243810000098", Role(state=None)),
        ("243810000099", Role(state=MessageState.EXPIRED)),
        ("243810000089", DELIVERED),
        ("243810009000", DELIVERED),
        ("", DELIVERED),
    ],
)
def test_the_last_two_digits_say_what_to_do(number, role):
    assert role_of(number) == role


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

"""Which nodes a phone's request goes to, in which order."""

from __future__ import annotations

from collections import Counter

import pytest

from smppbridge.relay.ussd.whereabouts import Stop, Whereabouts

PHONES = [str(254_722_000_000 + n) for n in range(600)]
LONG_AGO, SINCE, NOW = 0.0, 100.0, 200.0


def known(*slots: int, at: float = LONG_AGO) -> Whereabouts:
    made = Whereabouts()
    made.see("bank", slots, at)
    return made


def stops(made: Whereabouts, phone: str, *reachable: int) -> list[Stop]:
    return made.stops("bank", phone, SINCE, reachable or (1, 2, 3, 4))


def test_all_nodes_rank_alike_whatever_they_saw_first() -> None:
    one, other = known(1, 2, 3), Whereabouts()
    for slots in ([3], [3, 1], [2, 1, 3]):
        other.see("bank", slots, LONG_AGO)
    assert all(stops(one, phone) == stops(other, phone) for phone in PHONES)


def test_phones_are_spread_and_each_has_one_first_node() -> None:
    firsts = Counter(stops(known(1, 2, 3), phone)[0] for phone in PHONES)
    assert {stop.begins for stop in firsts} == {True}
    assert min(firsts.values()) > len(PHONES) / 3 * 0.8


def test_the_others_follow_where_the_first_declines() -> None:
    assert sorted(stops(known(1, 2, 3), PHONES[0])) == [(slot, True) for slot in (1, 2, 3)]


@pytest.mark.parametrize("reachable", [(), (4,)])
def test_nowhere(reachable: tuple[int, ...]) -> None:
    assert known(1, 2, 3).stops("bank", PHONES[0], SINCE, reachable) == []
    assert Whereabouts().stops("bank", PHONES[0], SINCE, (1,)) == []


def test_a_node_that_came_takes_no_dialogue_that_is_open() -> None:
    """Only the phones that it is first for ask another node before, and no more than needed."""
    made = known(1, 2)
    made.see("bank", (1, 2, 3), NOW)
    before = {phone: stops(known(1, 2), phone)[0].slot for phone in PHONES}
    moved = 0
    for phone in PHONES:
        found = stops(made, phone)
        if found[0].slot != 3:
            assert found[0] == (before[phone], True)
            continue
        moved += 1
        assert found[:3] == [(3, False), (before[phone], False), (3, True)]
    assert 100 < moved < 300
    later = [made.stops("bank", phone, NOW + 1, (1, 2, 3))[0] for phone in PHONES]
    assert {stop.begins for stop in later} == {True}


def test_a_node_without_receivers_goes_on_with_its_dialogues_for_a_while() -> None:
    made = known(1, 2)
    made.see("bank", (1,), NOW)
    for phone in PHONES:
        was_first = stops(known(1, 2), phone)[0].slot == 2
        wanted = [(2, False), (1, False), (1, True)] if was_first else [(1, True)]
        assert stops(made, phone) == wanted
        assert stops(made, phone, 1) == [(1, True)]  # it is dead
        assert made.stops("bank", phone, NOW + 1, (1, 2)) == [(1, True)]


def test_a_node_that_went_and_came_again_is_no_stranger_and_not_sure() -> None:
    made = known(1, 2)
    made.see("bank", (1,), NOW)
    made.see("bank", (1, 2), NOW)
    first = next(p for p in PHONES if stops(known(1, 2), p)[0].slot == 2)
    assert stops(made, first)[:3] == [(2, False), (1, False), (2, True)]


def test_other_accounts_are_forgotten() -> None:
    made = known(1)
    made.see("shop", (2,), LONG_AGO)
    made.forget({"shop"})
    assert stops(made, PHONES[0]) == []
    assert made.stops("shop", PHONES[0], SINCE, (2,)) == [(2, True)]

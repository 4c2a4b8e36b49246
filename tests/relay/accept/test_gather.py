from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smppbridge.model.address import Address
from smppbridge.model.message import GatheringKey, Segment
from smppbridge.relay.accept import gather as gathering
from smppbridge.relay.accept.gather import RECYCLED_AFTER, Gather, in_order
from smppbridge.relay.accept.reading import Refusal
from smppbridge.smpp.constants import CommandStatus as Status
from tests.relay.fakes import NOW, segment


def key_of(
    total: int = 2, reference: int = 7, source: str = "BANK", system_id: str = "bank"
) -> GatheringKey:
    return GatheringKey(
        system_id, Address(source, 5, 0), Address("243810000001", 1, 1), "udh8", reference, total
    )


def part(message_id: int, number: int, octets: bytes = b"x", at: float = 0.0) -> Segment:
    return segment(message_id, number, octets=octets, received_at=NOW + at)


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 2, 1), (2, 3, 1)])
def test_segments_come_in_any_order(order: tuple[int, ...]) -> None:
    gather, key = Gather(), key_of(3)
    whole = [gather.add(key, part(10 + n, n)) for n in order]
    assert whole[:2] == [(), ()]
    assert [s.message_id for s in whole[2]] == [11, 12, 13]
    assert len(gather) == 0
    assert not gather._rooms


@pytest.mark.parametrize(
    "other",
    [
        key_of(source="SHOP"),
        key_of(reference=8),
        key_of(total=3),
        key_of(system_id="shop"),
        replace(key_of(), kind="udh16"),
        replace(key_of(), udh=b"\x02\x70\x00"),
        replace(key_of(), destination=Address("243810000002", 1, 1)),
    ],
)
def test_what_differs_is_another_message(other: GatheringKey) -> None:
    gather = Gather()
    assert gather.add(key_of(), part(1, 1)) == gather.add(other, part(2, 2)) == ()
    assert len(gather) == 2


def test_the_same_segment_again_is_known() -> None:
    gather, key, first = Gather(), key_of(), part(1, 1, b"hello")
    assert gather.known(key, first) is None
    gather.add(key, first)
    assert gather.known(key, part(2, 1, b"hello")) is first
    assert gather.known(key, part(2, 1, b"other")) is None
    assert gather.known(key, part(2, 2, b"hello")) is None


def test_a_recycled_reference_is_another_message_after_a_minute() -> None:
    gather, key = Gather(), key_of(3)
    gather.add(key, part(1, 1, b"old"))
    gather.add(key, part(2, 2, b"old", at=30))
    assert gather.superseded(key, part(3, 3, at=999)) is None
    with pytest.raises(Refusal) as caught:
        gather.superseded(key, part(3, 1, b"new", at=30 + RECYCLED_AFTER - 1))
    assert caught.value.status == Status.ESME_RSUBMITFAIL
    old = gather.superseded(key, part(3, 1, b"new", at=30 + RECYCLED_AFTER))
    assert old is not None
    assert [s.message_id for s in in_order(old)] == [1, 2]
    assert len(gather) == 0


def test_time_runs_from_the_latest_segment() -> None:
    gather = Gather()
    gather.add(key_of(3), part(1, 1))
    gather.add(key_of(3), part(2, 2, at=50))
    gather.add(key_of(2, system_id="gone"), part(3, 1, at=100))
    assert gather.expired(NOW + 99, {"bank": 50.0, "gone": 50.0}) == []
    late = gather.expired(NOW + 100, {"bank": 50.0})
    assert [[s.message_id for s in in_order(g)] for g in late] == [[1, 2], [3]]
    assert gather.expired(NOW + 1e9, {}) == []


@pytest.mark.parametrize(("most", "size"), [("MOST_OPEN", 1), ("MOST_OCTETS", 100)])
def test_an_account_has_so_much_room_and_no_more(
    monkeypatch: pytest.MonkeyPatch, most: str, size: int
) -> None:
    monkeypatch.setattr(gathering, most, 3 * size)
    gather = Gather()
    for n in range(3):
        gather.add(key_of(reference=n), part(n, 1, b"x" * size))
    with pytest.raises(Refusal) as caught:
        gather.add(key_of(reference=3), part(3, 1, b"x" * size))
    assert caught.value.status == Status.ESME_RMSGQFUL
    gather.add(key_of(system_id="shop"), part(4, 1, b"x" * size))  # others are not concerned
    if most == "MOST_OPEN":
        assert gather.add(key_of(reference=0), part(5, 2))
    else:
        gather.expired(NOW + 400, {})
    gather.add(key_of(reference=3), part(3, 1, b"x" * size))


def test_what_the_store_kept_is_taken_back() -> None:
    gather = Gather()
    gather.restore([(key_of(), part(1, 1))])
    assert [s.message_id for s in gather.add(key_of(), part(2, 2))] == [1, 2]


def test_a_segment_that_was_not_written_is_as_if_it_never_came() -> None:
    gather, key = Gather(), key_of(3)
    one, two, three = (part(n, n) for n in (1, 2, 3))
    gather.add(key, one)
    gather.take_back(key, one, ())
    assert len(gather) == 0
    assert not gather._rooms
    gather.add(key, one)
    gather.add(key, two)
    whole = gather.add(key, three)
    two.message_id = three.message_id = 0  # written neither
    gather.take_back(key, three, whole)
    assert gather.known(key, one) is one
    assert gather.known(key, two) is None
    gather.take_back(key, two, ())
    assert gather.known(key, one) is one
    assert gather.add(key, part(4, 2)) == ()
    assert len(gather.add(key, part(5, 3))) == 3


@given(st.data())
def test_any_interleaving_joins_each_message_once(data: st.DataObject) -> None:
    totals = data.draw(st.lists(st.integers(2, 4), min_size=1, max_size=4))
    keys = [key_of(total, reference) for reference, total in enumerate(totals)]
    parts = [(n, number) for n, total in enumerate(totals) for number in range(1, total + 1)]
    repeated = parts + data.draw(st.lists(st.sampled_from(parts), max_size=4))
    gather, joined = Gather(), {}
    came: set[tuple[int, int]] = set()
    for message_id, (n, number) in enumerate(data.draw(st.permutations(repeated)), 1):
        made = part(message_id, number, b"%d.%d" % (n, number))
        known = gather.known(keys[n], made)
        assert (known is not None) == ((n, number) in came and n not in joined)
        if known is not None or n in joined:
            continue
        came.add((n, number))
        whole = gather.add(keys[n], made)
        if whole:
            assert n not in joined
            joined[n] = b" ".join(s.octets for s in whole)
    assert joined == {
        n: b" ".join(b"%d.%d" % (n, number) for number in range(1, total + 1))
        for n, total in enumerate(totals)
    }
    assert len(gather) == 0
    assert not gather._rooms


def test_an_account_has_a_thousand_long_messages_open_and_no_more() -> None:
    gather = Gather()
    for n in range(1_000):
        gather.add(key_of(3, n), part(n, 1))
    with pytest.raises(Refusal):
        gather.add(key_of(3, 1_000), part(1_000, 1))
    assert gather.add(key_of(3, 999), part(1_001, 2)) == ()  # none of its own is held up
    assert len(gather) == 1_000


def test_an_account_has_eight_mebibytes_open_and_no_more() -> None:
    gather, most = Gather(), 8 * 1024 * 1024
    gather.add(key_of(reference=1), part(1, 1, bytes(most - 1)))
    gather.add(key_of(reference=2), part(2, 1, b"x"))
    with pytest.raises(Refusal):
        gather.add(key_of(reference=2), part(3, 2, b"y"))


def test_the_octets_of_a_message_that_is_whole_are_room_again() -> None:
    gather, big = Gather(), bytes(8 * 1024 * 1024 - 2)
    gather.add(key_of(reference=1), part(1, 1, b"x"))
    gather.add(key_of(reference=2), part(2, 1, big))
    assert gather.add(key_of(reference=2), part(3, 2, b"y"))
    gather.add(key_of(reference=3), part(4, 1, big))


def test_the_octets_of_a_segment_that_was_not_written_are_room_again() -> None:
    gather, big = Gather(), part(2, 2, bytes(8 * 1024 * 1024 - 1))
    gather.add(key_of(3), part(1, 1, b"x"))
    for _ in range(2):  # the store fails, the ESME sends it again
        gather.add(key_of(3), big)
        gather.take_back(key_of(3), big, ())
    gather.add(key_of(3), big)
    with pytest.raises(Refusal):
        gather.add(key_of(reference=8), part(3, 1, b"y"))


def test_a_reference_is_used_again_after_sixty_seconds_and_not_before() -> None:
    gather, key = Gather(), key_of(3)
    gather.add(key, part(1, 1, b"old"))
    with pytest.raises(Refusal):
        gather.superseded(key, part(2, 1, b"new", at=59.5))
    assert gather.superseded(key, part(2, 1, b"new", at=60.0)) is not None


def test_segments_of_an_account_that_is_gone_do_not_wait() -> None:
    gather = Gather()
    gather.add(key_of(3), part(1, 1))
    assert gather.expired(NOW - 0.5, {}) == []
    assert len(gather.expired(NOW, {})) == 1

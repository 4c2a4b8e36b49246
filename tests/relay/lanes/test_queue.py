from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from smppbridge.model.message import Attempt
from smppbridge.relay.lanes.queue import Queue
from tests.relay.fakes import message


def attempt(
    message_id: int, system_id: str = "bank", priority: int = 0, **about: object
) -> Attempt:
    said = {"system_id": system_id, "priority": priority, **about}
    return Attempt(message(message_id, **said), "one")


def put(turns: Queue, *attempts: Attempt) -> None:
    for each in attempts:
        turns.put(turns.line(each), each)


def taken(turns: Queue, most: int = 1) -> list[list[int]]:
    """Take all there is."""
    found = []
    while some := turns.take(most):
        found.append([a.message.message_id for a in some])
    return found


def by_text(attempt: Attempt) -> str:
    return attempt.message.text


def test_accounts_take_turns_whoever_came_first() -> None:
    turns = Queue()
    put(turns, *[attempt(n) for n in range(1, 6)], attempt(11, "shop"), attempt(12, "shop"))
    assert taken(turns) == [[1], [11], [2], [12], [3], [4], [5]]


def test_the_highest_priority_goes_first() -> None:
    turns = Queue()
    put(turns, attempt(1), attempt(2, priority=1), attempt(3, "shop", 3), attempt(4, priority=3))
    assert taken(turns) == [[3], [4], [2], [1]]


def test_what_may_go_together_goes_together_in_its_order() -> None:
    turns = Queue(by_text)
    numbers = [f"24381000{n}" for n in range(10)]
    texts = "ababbaa"
    put(turns, *[attempt(n, text=t, number=numbers[n]) for n, t in enumerate(texts)])
    assert taken(turns, 3) == [[0, 2, 5], [1, 3, 4], [6]]


def test_no_number_is_in_a_batch_twice() -> None:
    turns = Queue(by_text)
    put(turns, *[attempt(n, number="24381"[: 4 + n % 2]) for n in range(5)])
    assert taken(turns, 9) == [[0, 1], [2, 3], [4]]


def test_accounts_share_no_batch() -> None:
    turns = Queue(by_text)
    put(turns, attempt(1, number="1"), attempt(2, "shop", number="2"), attempt(3, number="3"))
    assert taken(turns, 9) == [[1, 3], [2]]


def test_what_is_put_back_is_first_again() -> None:
    turns = Queue()
    put(turns, *[attempt(n) for n in (1, 2)], attempt(11, "shop"))
    first = turns.take() + turns.take()
    turns.put_back(first)
    assert taken(turns) == [[1], [11], [2]]


def test_the_oldest_is_the_oldest_of_all_lines() -> None:
    turns = Queue(by_text)
    assert turns.oldest() is None
    put(turns, attempt(1, accepted_at=5.0), attempt(2, "shop", accepted_at=3.0, text="b"))
    assert turns.oldest() == 3.0


def test_attempts_are_removed_wherever_they_stand() -> None:
    turns = Queue(by_text)
    put(turns, *[attempt(n, "bank" if n % 3 else "shop", n % 2, number=str(n)) for n in range(9)])
    gone = turns.remove(lambda a: a.message.message_id < 5)
    assert sorted(a.message.message_id for a in gone) == [0, 1, 2, 3, 4]
    assert sorted(n for some in taken(turns, 2) for n in some) == [5, 6, 7, 8]
    assert turns.remove(lambda a: True) == []


WORK = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from("abc"), st.integers(0, 3), st.sampled_from("xy")),
        st.tuples(st.just("take"), st.integers(1, 3)),
        st.tuples(st.just("back"), st.integers(1, 3)),
        st.tuples(st.just("remove"), st.sampled_from("abc")),
    ),
    max_size=60,
)


@given(WORK)
def test_nothing_is_lost_or_doubled(work: list[tuple[Any, ...]]) -> None:
    turns, inside, last = Queue(by_text), set(), 0
    for what, *about in work:
        if what == "put":
            last += 1
            system_id, priority, text = about
            put(turns, attempt(last, system_id, priority, text=text, number=str(last)))
            inside.add(last)
        elif what == "remove":
            gone = turns.remove(lambda a, who=about[0]: a.message.system_id == who)  # type: ignore[misc]
            inside -= {a.message.message_id for a in gone}
        else:
            some = turns.take(about[0])
            best = max((line.priority for line in turns.lines.values() if line.waiting), default=0)
            assert all(a.message.priority >= best for a in some)
            if what == "back":
                turns.put_back(some)
            else:
                inside -= {a.message.message_id for a in some}
        assert turns.waiting == len(inside) == sum(x.waiting for x in turns.lines.values())
    assert {n for some in taken(turns) for n in some} == inside

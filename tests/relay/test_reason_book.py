from __future__ import annotations

from smppbridge.relay.reason_book import KEPT_FOR, MOST_KEPT, ReasonBook
from tests.relay.fakes import FakeClock, Recorder


def made() -> tuple[ReasonBook, FakeClock, Recorder]:
    clock, said = FakeClock(), Recorder()
    return ReasonBook(clock, said, said.journal), clock, said


def test_the_first_of_a_minute_is_a_line_and_the_others_are_one_more() -> None:
    book, clock, said = made()
    assert book.count("no_route", "bank")
    assert not book.count("no_route", "bank", 2)
    assert book.count("no_route", "shop", detail="to 999")
    book.tick()
    first = {"act": "refusal", "reason": "no_route", "about": "bank"}
    other = {"act": "refusal", "reason": "no_route", "about": "shop", "detail": "to 999"}
    assert said.events == [("said_no", first), ("said_no", other)]
    clock.now += 60.0
    book.tick()
    again = {"reason": "no_route", "about": "bank", "count": 2}
    assert said.events[2:] == [("said_no_again", again)]
    assert book.count("no_route", "bank")
    assert said.events[3:] == [("said_no", first)]
    assert said.counts["reasoned", "refusal", "no_route"] == 5


def test_what_the_caller_logs_is_not_logged_twice() -> None:
    book, clock, said = made()
    assert book.count("binds", "bank", first=False)
    assert not book.count("binds", "bank", first=False)
    assert book.count("throttled", "bank", first=False, others=False)
    assert not book.count("throttled", "bank", first=False, others=False)
    clock.now += 61.0
    book.tick()
    assert said.events == [("said_no_again", {"reason": "binds", "about": "bank", "count": 1})]


def test_the_latest_comes_first_and_keeps_its_details() -> None:
    book, clock, _ = made()
    book.count("binds", "bank", detail="from 10.0.0.1")
    book.count("no_route", "bank")
    clock.now += 5.0
    book.count("binds", "bank", 3)
    binds, route = book.listed()
    assert (binds.reason, binds.count, binds.detail) == ("binds", 4, "from 10.0.0.1")
    assert binds.last_at - binds.first_at == 5.0
    assert (route.reason, route.count) == ("no_route", 1)


def test_the_book_is_bounded_and_forgets_after_a_day() -> None:
    book, clock, _ = made()
    for number in range(MOST_KEPT * 2):
        book.count("unknown_system_id", f"guess{number}")
    found = book.listed()
    assert len(found) <= MOST_KEPT + MOST_KEPT // 16
    assert found[0].about == f"guess{MOST_KEPT * 2 - 1}"
    clock.now += KEPT_FOR - 1
    book.count("binds", "bank")
    clock.now += 2.0
    book.tick()
    assert [each.about for each in book.listed()] == ["bank"]


def test_the_next_program_goes_on_with_the_counts() -> None:
    book, clock, _ = made()
    for reason, count in (("no_route", 2), ("binds", 1), ("no_route", 3)):
        clock.now += 1
        book.count(reason, "bank", count, detail=f"{count}")
    first_at = book.listed()[0].first_at
    after, _, said = made()
    after._clock = clock
    clock.now += 1
    after.count("binds", "bank", 4)
    after.count("throttled", "bank")
    after.adopt(book.handed())
    found = [(each.reason, each.count, each.detail) for each in after.listed()]
    assert found == [("throttled", 1, ""), ("binds", 5, ""), ("no_route", 5, "3")]
    assert after.listed()[2].first_at == first_at
    assert [event for event, _ in said.events] == ["said_no", "said_no"]  # only its own
    clock.now += KEPT_FOR
    after.tick()
    assert after.listed() == []


def test_what_is_adopted_is_bounded() -> None:
    book, after = made()[0], made()[0]
    for n in range(MOST_KEPT):
        book.count("unknown_system_id", f"{n}")
        after.count("binds", f"{n}")
    after.adopt(book.handed())
    found = [each.reason for each in after.listed()]
    assert (len(found), set(found)) == (MOST_KEPT, {"binds"})

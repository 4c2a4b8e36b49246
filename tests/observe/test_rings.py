"""Rings: by the second and by the minute, of a fixed size, gaps stay gaps."""

from __future__ import annotations

from smppbridge.observe.rings import MINUTES, MOST_SERIES, SECONDS, Rings

T0 = 1_800_000_000 // 60 * 60


def fold(name: str):
    return max if name == "p99" else (lambda numbers: sum(numbers) / len(numbers))


def filled(seconds: int) -> Rings:
    rings = Rings(fold)
    for second in range(seconds):
        rings.add(T0 + second, {"rate": second, "p99": second})
    return rings


def test_seconds_are_read_as_they_were_added() -> None:
    rings = filled(5)
    found = rings.history(["rate", "none"], T0, T0 + 100)
    assert (found.t0, found.step, found.series) == (T0, 1, {"rate": [0, 1, 2, 3, 4]})
    assert rings.history(["rate"], T0 + 1, T0 + 2).series == {"rate": [1, 2]}
    assert rings.names == ["rate", "p99"]


def test_a_gap_and_an_absent_figure_are_unknown() -> None:
    rings = Rings()
    rings.add(T0, {"rate": 1.0})
    rings.add(T0 + 5, {"rate": None, "late": 7.0})
    rings.add(T0 + 6, {})
    rings.add(T0 + 1, {"rate": 9.0})  # the clock was set back
    assert rings.history(["rate", "late"], T0, T0 + 9).series == {
        "rate": [1.0, None, None, None, None, None, None],
        "late": [None, None, None, None, None, 7.0, None],
    }


def test_a_timer_that_is_late_leaves_no_gap() -> None:
    rings = Rings()
    rings.add(T0 + 58.9, {"rate": 4.0})
    rings.add(T0 + 61.0, {"rate": 2.0})
    assert rings.history(["rate"], T0 + 58, T0 + 99).series == {"rate": [4.0, 2.0, 2.0, 2.0]}


def test_a_minute_is_the_mean_or_the_worst_of_its_seconds() -> None:
    rings = filled(SECONDS + 180)
    found = rings.history(["rate", "p99"], T0, T0 + SECONDS + 180)
    assert (found.t0, found.step) == (T0, 60)
    assert found.series["rate"][:2] == [29.5, 89.5]
    assert found.series["p99"][:2] == [59, 119]
    assert len(found.series["rate"]) == (SECONDS + 180) // 60 - 1  # the last one is not over
    found = rings.history(["rate"], T0 + 180, T0 + SECONDS + 180)
    assert (found.t0, found.step, len(found.series["rate"])) == (T0 + 180, 1, SECONDS)


def test_the_oldest_give_way_and_no_more_is_read_than_there_is() -> None:
    rings = filled(SECONDS + 10)
    assert rings.history(["rate"], T0 + 10, T0 + 10).series == {"rate": [10]}
    rings.add(T0 + 86_400 * 3, {"rate": 5})
    found = rings.history(["rate"], 0, T0 + 86_400 * 3)
    assert len(found.series["rate"]) == MINUTES - 1
    assert set(found.series["rate"]) == {None}
    assert rings.history(["rate"], T0 + 86_400 * 3, 2e12).series == {"rate": [5]}
    assert rings.history(["rate"], 2e12, 0).series == {"rate": []}


def test_series_are_bounded_and_forgotten() -> None:
    rings = Rings()
    rings.add(T0, {f"s{number}": number for number in range(MOST_SERIES + 1)})
    assert len(rings.names) == MOST_SERIES
    rings.keep(lambda name: name == "s3")
    assert rings.names == ["s3"]


def test_nothing_was_added_yet() -> None:
    assert Rings().history(["rate"], 0, T0).series == {}

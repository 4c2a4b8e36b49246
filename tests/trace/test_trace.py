from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.trace.counted import Call, Turn, counted, stretches, way

# Calls, modules, returns of one message: no more.  Lower them when the house gets simpler.
BOUNDS = {
    "accept": (69, 26, 16),  # what its fields say, and what its account means, are two modules
    "submit": (52, 24, 13),
    "report": (78, 23, 18),  # 8 of them for the connection: the trace calls back over a new one
    "deliver": (57, 20, 15),  # which responses end a delivery is a module
}


@pytest.fixture(scope="module")
def found():
    command = [sys.executable, "-m", "tests.trace", "--messages=12", "--json"]
    output = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    return json.loads(output.stdout)


@pytest.mark.parametrize("stretch", BOUNDS)
def test_the_way_of_a_message_is_no_longer_than_it_was(found, stretch):
    calls, modules, returns = found[stretch]
    most_calls, most_modules, most_returns = BOUNDS[stretch]
    assert 0 < calls <= most_calls
    assert 0 < modules <= most_modules
    assert returns <= most_returns, f"see: python -m tests.trace --way, {stretch}"


def calls(*modules: str) -> list[Call]:
    return [Call(0, module, "f") for module in modules]


def test_a_return_is_a_call_into_a_module_that_was_left():
    assert counted(calls("a", "a", "b", "a", "a", "c", "b")) == (7, 3, 2)
    assert counted(calls("a", "b", "c")) == (3, 3, 0)
    assert counted([]) == (0, 0, 0)


def test_comprehensions_and_what_goes_on_are_no_calls():
    inside = [Call(1, "b", "f.<locals>.<genexpr>"), Call(1, "c", "g", fresh=False)]
    assert counted([*calls("a"), *inside, *calls("a")]) == (2, 1, 0)


def test_a_stretch_ends_where_the_next_room_is_called_after_the_answer():
    accept = [
        Call(0, "net/smpp_protocol", "f"),
        Call(1, "relay/submit/submit", "depth"),  # before the answer: accept asks
        Call(1, "", "", True, b"\0\0\0\x10\x80\0\0\x04"),
        Call(1, "observe/metrics", "g"),
    ]
    submit = [Call(1, "relay/submit/submit", "begun"), Call(2, "net/http_client", "send")]
    later = [Call(0, "relay/submit/carry", "answered")]
    turns = [Turn("0 submit", False, [*accept, *submit]), Turn("0 submit", False, later)]
    found = stretches(turns, 1)
    assert found["accept"] == [accept]
    assert found["submit"] == [submit, later]


def test_a_receipt_that_is_made_while_a_report_is_settled_is_delivers():
    report = [Call(0, "web/hearing", "f"), Call(1, "relay/report/report", "told")]
    deliver = [Call(2, "relay/deliver", "owe"), Call(3, "smpp/receipt", "text")]
    after = [Call(2, "observe/metrics", "finished")]
    found = stretches([Turn("0 report", False, [*report, *deliver, *after])], 1)
    assert found["report"] == [[*report, *after]]
    assert found["deliver"] == [deliver]


def test_turns_that_an_idle_bridge_makes_too_and_those_of_the_clock_are_nobodys():
    beat = [Call(0, "service/clockwork", "tick"), Call(1, "relay/deliver", "flush")]
    wrote = [*beat, Call(2, "store/sqlite", "finish")]
    turns = [
        Turn("idle", False, calls("a")),
        Turn("0 acknowledge", False, calls("a")),
        Turn("0 acknowledge", True, beat),
        Turn("0 acknowledge", True, wrote),
    ]
    assert stretches(turns, 1)["deliver"] == [wrote[1:]]


def test_the_shortest_way_counts():
    short, long = calls("a"), calls("a", "b")
    turns = [Turn(f"{number} report", False, way) for number, way in enumerate((long, short, long))]
    assert stretches(turns, 3)["report"] == [short]


def test_the_way_marks_the_modules_it_returns_to():
    assert [line.split() for line in way([calls("a", "b", "a")])] == [
        ["--"],
        ["a", "f"],
        ["b", "f"],
        ["<", "a", "f"],
    ]

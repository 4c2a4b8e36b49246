from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from smppbridge.cli.optouts import optouts
from tests.store.opened import NOW, Opened

Run = Callable[..., Result]
SINCE = ("2027-01-15T08:00:00.000Z", "2027-01-15T08:00:01.000Z", "2027-01-15T08:00:02.000Z")


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    opened = Opened(tmp_path)
    numbers = ("243810000001", "243810000002", "243810000001")
    told = [("d7", number, NOW + n) for n, number in enumerate(numbers[:2])]
    opened.wait(opened.store.keep_optouts([*told, ("smscx", numbers[2], NOW + 2)]))
    yield opened
    opened.store.stop()


@pytest.fixture
def run(opened: Opened) -> Run:
    def run(*words: object) -> Result:
        return CliRunner().invoke(optouts, ["--store", str(opened.path), *map(str, words)])

    return run


def test_people_get_a_line_a_number(run: Run) -> None:
    assert run("list").stdout.splitlines() == [
        f"{SINCE[2]}  2438*****001     smscx",
        f"{SINCE[1]}  2438*****002     d7",
        f"{SINCE[0]}  2438*****001     d7",
    ]
    assert run("list", "--limit", 1).stdout.count("\n") == 1
    whole = run("list", "--number", "+243 810 000 002", "--show-numbers").stdout
    assert whole == f"{SINCE[1]}  243810000002     d7\n"
    assert run("list", "--number", 7).stdout == "nobody opted out\n"


def test_programs_get_a_line_of_json_a_number(run: Run) -> None:
    first, *_ = run("list", "--json", "--show-numbers").stdout.splitlines()
    assert json.loads(first) == {"since": SINCE[2], "number": "243810000001", "provider": "smscx"}
    assert run("list", "--json", "--number", 7).stdout == ""


def test_a_number_may_have_messages_again(opened: Opened, run: Run) -> None:
    result = run("remove", "00243810000001")
    assert (result.exit_code, result.stdout[:32]) == (0, "Ended the opt-out at d7, smscx. ")
    assert run("list").stdout.count("\n") == 1
    taken = opened.wait(opened.store.ended_optouts())
    assert sorted(taken) == [("d7", "243810000001"), ("smscx", "243810000001")]
    again = run("remove", "243810000001")
    assert (again.exit_code, again.stderr) == (1, "Error: this number has not opted out\n")


def test_it_may_be_at_one_provider_alone(opened: Opened, run: Run) -> None:
    assert run("remove", "243810000001", "--provider", "keccel").exit_code == 1
    assert run("remove", "243810000001", "--provider", "d7").exit_code == 0
    assert opened.wait(opened.store.ended_optouts()) == [("d7", "243810000001")]


def test_a_store_that_is_not_there_is_told_of(tmp_path: Path) -> None:
    result = CliRunner().invoke(optouts, ["list", "--store", str(tmp_path / "no.db")])
    assert (result.exit_code, "there is no store" in result.stderr) == (1, True)

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from smppbridge.cli import listing
from smppbridge.cli.messages import messages
from smppbridge.cli.moments import digits_of, moment
from smppbridge.cli.stopped_bridge import StoppedBridge
from smppbridge.model.address import Address
from smppbridge.model.message import Traits
from smppbridge.model.notes import Note, RefusedSubmission, Unmatched
from smppbridge.store.port import Entry
from tests.store.opened import (
    NOW,
    Opened,
    accept,
    key,
    message,
    segment,
    taken,
    told,
    tried,
    unknown,
)

Run = Callable[..., Result]
TEXT = "[bold]secret\x1b[2J"


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    """Return a store with 1 WAITING, 2 and 3 Uncertain, 4 DELIVERED, 5 REJECTED, and its writer."""
    opened = Opened(tmp_path)
    accept(opened, [message(1, text=TEXT)])
    begun = accept(opened, [message(i) for i in (2, 3, 4)], begun=True)
    begun += accept(
        opened, [message(5, text="", binary=b"\xff", source=Address("243820000002", 1))], begun=True
    )
    two, three, four, five = begun
    reason = "no answer about 243810000001"
    verdicts = [unknown(two, reason=reason), unknown(three), taken(four, "X4"), taken(five, "X5")]
    opened.wait(opened.store.record(verdicts))
    opened.wait(opened.store.settle([told(four, 2), told(five, 8)]))
    yield opened
    opened.store.stop()


@pytest.fixture
def run(opened: Opened) -> Run:
    def run(*words: object, **more: Any) -> Result:
        arguments = ["--store", str(opened.path), *map(str, words)]
        return CliRunner().invoke(messages, arguments, **more)

    return run


def decisions(opened: Opened) -> dict[int, str]:
    taken = opened.wait(opened.store.decisions())
    return {found.attempt.message.message_id: verb for found, verb in taken}


# -- looking up ---------------------------------------------------------------------------------


def test_people_get_a_table(run: Run) -> None:
    result = run()
    rows = [line.split() for line in result.stdout.splitlines()]
    assert result.exit_code == 0
    assert rows[0] == ["message_id", "accepted", "account", "to", "provider", "state"]
    at = "2027-01-15T08:00:00.000Z"
    assert [(row[0], row[5]) for row in rows[1:]] == [
        ("5", "REJECTED"),
        ("4", "DELIVERED"),
        ("3", "Uncertain"),
        ("2", "Uncertain"),
        ("1", "WAITING"),
    ]
    assert rows[1][1:5] == [at, "bank", "2438*****001", "keccel"]


def test_what_is_typed_again_is_whole_on_a_narrow_terminal(
    opened: Opened, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = StoppedBridge(str(opened.path)).ask("GET", "/messages/5")
    changed = {"account": "marketing", "provider": "mspace_legacy"}
    long = found | changed | {"message_id": "1795258148710116"}
    console = Console(force_terminal=True, color_system=None, width=80)
    monkeypatch.setattr(listing, "_console", lambda: console)
    listing.as_table([long], more=False)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    row = next(line for line in lines if line.startswith("1795258148710116  01-15 08:00:00  "))
    assert "  2438*****001  " in row
    assert row.endswith("REJECTED")


def test_programs_get_a_line_of_json_a_message(run: Run) -> None:
    lines = [json.loads(line) for line in run("--json", "--limit", 2).stdout.splitlines()]
    assert lines[0] == {
        "message_id": "5",
        "answered_id": None,
        "system_id": "bank",
        "stage": "FINISHED",
        "state": "REJECTED",
        "uncertain": False,
        "source": "2438*****002",
        "destination": "2438*****001",
        "route": ["keccel", "d7"],
        "provider": "keccel",
        "provider_message_id": "X5",
        "attempts": 1,
        "segments": 1,
        "error": 0,
        "accepted_at": "2027-01-15T08:00:00.000Z",
        "expires_at": "2027-01-15T08:08:20.000Z",
        "due": None,
        "done_at": "2027-01-15T08:00:02.000Z",
    }
    assert [line["message_id"] for line in lines] == ["5", "4"]


def test_a_submit_multi_is_looked_up_whole_by_the_id_of_its_response(
    opened: Opened, run: Run
) -> None:
    multi = Traits(multi=10, destinations=3)
    accept(opened, [message(i, traits=multi) for i in (10, 11, 12)])
    accept(opened, [message(13)])
    lines = [json.loads(line) for line in run("--id", 10, "--json").stdout.splitlines()]
    assert [(one["message_id"], one["answered_id"]) for one in lines] == [
        ("10", "10"),
        ("11", "10"),
        ("12", "10"),
    ]
    shown = run("--id", 10, "--limit", 2).stdout
    assert shown.count("answered_id") == 2
    assert shown.endswith("1 more of this submit_multi: --limit 3\n")
    assert run("--id", 11).stdout.count("answered_id") == 1


@pytest.mark.parametrize("form", [[], ["--json"], ["--id", "1"], ["--id", "1", "--json"]])
def test_texts_and_numbers_are_shown_only_when_asked_for(run: Run, form: list[str]) -> None:
    hidden = run(*form).stdout
    assert "secret" not in hidden
    assert "243810000001" not in hidden
    assert "243810000001" in run(*form, "--show-numbers").stdout
    if form != ["--id", "1"]:
        shown = run(*form, "--show-text").stdout
        assert "[bold]secret" in shown
        assert "\x1b" not in shown


def test_octets_are_shown_in_hex(run: Run) -> None:
    assert json.loads(run("--id", 5, "--json", "--show-text").stdout)["octets"] == "ff"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--uncertain"], "32"),
        (["--state", "delivered"], "4"),
        (["--state", "WAITING"], "1"),
        (["--state", "finished", "--limit", "1"], "5"),
        (["--before", "3"], "21"),
        (["--number", "+243 (81) 000-0001", "--limit", "2"], "54"),
        (["--number", "00243810000001", "--limit", "1"], "5"),
        (["--number", "243"], ""),
        (["--account", "bank", "--limit", "1"], "5"),
        (["--account", "shop"], ""),
        (["--prefix", "+24381", "--limit", "1"], "5"),
        (["--prefix", "24382"], ""),
        (["--provider", "keccel", "--limit", "1"], "5"),
        (["--provider", "d7"], ""),
        (["--sender", "BANK"], "4321"),
        (["--sender", "243820000002"], "5"),
        (["--state", "DELIVRD"], "4"),
        (["--state", "rejectd"], "5"),
        (["--since", "2027-01-15T08:00"], "54321"),
        (["--since", "2027-01-15T09:00:00+01:00", "--until", "2027-01-15T08:00:01Z"], "54321"),
        (["--until", "2027-01-15"], ""),
    ],
)
def test_options_narrow_the_search(run: Run, options: list[str], expected: str) -> None:
    lines = run("--json", *options).stdout.splitlines()
    assert "".join(json.loads(line)["message_id"] for line in lines) == expected


def test_a_full_page_says_how_to_see_the_next(run: Run) -> None:
    assert run("--limit", 2).stdout.splitlines()[-1] == "there may be more: --before 4"
    assert "--before" not in run("--limit", 50).stdout
    assert run("--account", "nobody").stdout == "no such messages\n"


def test_one_message_is_told_as_a_timeline(run: Run) -> None:
    (line,) = map(json.loads, run("--id", "x4", "--json").stdout.splitlines())
    names = ["received", "routed", "attempt_accepted", "state_final", "receipt_owed", "now_waiting"]
    assert [event["event"] for event in line["timeline"]] == names
    assert line["timeline"][2]["provider_message_id"] == "X4"
    assert line["timeline"][3]["state"] == "DELIVERED"
    told = run("--id", 2).stdout
    assert "attempt_uncertain" in told
    assert 'reason="no answer about 2438*****001" seconds=1.0' in told
    assert "via=keccel,d7" in told


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("now", NOW),
        ("yesterday", NOW - 32 * 3600),
        ("08:00", NOW),
        ("07:59:30", NOW - 30),
        ("10:00", NOW - 22 * 3600),
        ("today", NOW - 8 * 3600),
        ("10m", NOW - 600),
        ("2h", NOW - 7200),
        ("2027-01-15", NOW - 8 * 3600),
        ("2027-01-15T08:00:00", NOW),
        ("2027-01-15T10:00+02:00", NOW),
    ],
)
def test_times(word: str, expected: float) -> None:
    assert moment(word, NOW) == expected


@pytest.mark.parametrize("word", ["", "tomorrow", "10 miles", "25:00", "2027-13-01", "-5m"])
def test_what_is_no_time_is_refused(run: Run, word: str) -> None:
    with pytest.raises(ValueError):
        moment(word, NOW)
    result = run("--since", word)
    assert result.exit_code == 2
    assert "write 2026-11-20T14:00, 14:00, 10m, 2h, today or yesterday" in result.stderr


@pytest.mark.parametrize(
    ("written", "digits"),
    [("+243810000001", "243810000001"), ("00243-81", "24381"), ("1414", "1414"), ("+00", "00")],
)
def test_numbers_are_taken_as_people_write_them(written: str, digits: str) -> None:
    assert digits_of(written) == digits


# -- deciding -----------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["resend", "fail"])
def test_a_decision_is_asked_about_and_written_down(run: Run, opened: Opened, verb: str) -> None:
    result = run(verb, 2, 3, input="y\n")
    assert result.exit_code == 0
    assert f"{verb}: 2, 3. The bridge does it within a second" in result.stdout
    assert "if the provider did take it, its phone gets" in result.stderr
    assert decisions(opened) == {2: verb, 3: verb}


def test_nothing_is_written_when_the_answer_is_no(run: Run, opened: Opened) -> None:
    assert run("resend", 2, input="n\n").exit_code == 1
    assert decisions(opened) == {}


def test_yes_does_not_ask(run: Run, opened: Opened) -> None:
    result = run("resend", "--yes", 2)
    assert "Go on?" not in result.output
    assert decisions(opened) == {2: "resend"}


def test_what_is_not_uncertain_is_left_alone_and_said_why(run: Run, opened: Opened) -> None:
    result = run("fail", "--yes", 1, 2, 4, 77)
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == (
        "Error: 1 is not Uncertain but WAITING; 4 is not Uncertain but DELIVERED; 77 is no message"
    )
    assert decisions(opened) == {2: "fail"}
    result = run("resend", 1)
    assert (result.exit_code, decisions(opened)) == (1, {})
    assert "Go on?" not in result.output


# -- where the store is -------------------------------------------------------------------------


def test_the_configuration_says_where_the_store_is(opened: Opened, tmp_path: Path) -> None:
    path = tmp_path / "bridge.yaml"
    path.write_text(f"store: sqlite:{opened.path}\naccounts:\n  - password: ${{NOT_SET}}\n")
    for words in (["--config", path, "--id", 2], ["fail", "--config", path, "--yes", 2]):
        result = CliRunner().invoke(messages, [str(word) for word in words])
        assert result.exit_code == 0, result.output
    assert decisions(opened) == {2: "fail"}


def test_a_bad_configuration_is_told_of(tmp_path: Path) -> None:
    path = tmp_path / "bridge.yaml"
    path.write_text("store: [")
    result = CliRunner().invoke(messages, ["--config", str(path)])
    assert result.exit_code == 78
    assert result.output.startswith(f"{path}:1: is not YAML")


def test_what_is_wrong_with_a_store_is_one_line(run: Run, opened: Opened, tmp_path: Path) -> None:
    with closing(sqlite3.connect(opened.path)) as db:
        db.execute("pragma user_version = 999")
    (tmp_path / "text").write_text("x" * 5_000)
    for path, why in (
        (opened.path, "has schema 999"),
        (tmp_path / "nothing", "there is no store"),
        (tmp_path / "text", "file is not a database"),
    ):
        for words in ([], ["--id", "1"], ["fail", "--yes", "1"]):
            result = CliRunner().invoke(messages, ["--store", str(path), *words])
            assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1)
            assert result.stderr.startswith("Error: ")
            assert why in result.stderr


def test_an_unknown_id_is_an_error(run: Run) -> None:
    result = run("--id", "nothing")
    assert (result.exit_code, result.stderr) == (1, "Error: there is no message nothing\n")


# -- why ----------------------------------------------------------------------------------------


def test_one_message_has_its_fields_as_sent_and_a_verdict(run: Run, opened: Opened) -> None:
    line = json.loads(run("--json", "--id", 4).stdout)
    assert (line["registered_delivery"], line["data_coding"], line["esm_class"]) == (
        1,
        "0x00",
        "0x00",
    )
    assert line["verdict"]["code"] == "receipt_no_receiver"
    assert "bank has not been told" in line["verdict"]["says"]
    lines = run("--id", 4).stdout.splitlines()
    assert "The phone has it. bank has not been told." in lines
    assert any(each.startswith("- Ask bank to bind as a receiver") for each in lines)
    assert "registered_delivery" in run("--id", 4).stdout


def test_an_uncertain_message_says_so_with_its_numbers_masked(run: Run) -> None:
    said = run("--id", 2).stdout
    assert "Nobody knows whether the phone has it." in said
    assert "no answer about 2438*****001" in said
    assert "243810000001" not in said


def test_a_diversion_is_in_the_timeline_and_a_rejection_in_the_verdict(
    opened: Opened, run: Run
) -> None:
    accept(opened, [message(6), message(7)])
    facts = {"provider": "keccel", "to": "d7", "why": "breaker_open"}
    rejection = Note(7, NOW, "rejected", {"why": "no_route", "detail": "x"})
    opened.wait(
        opened.store.keep_noted([Note(6, NOW, "diverted", facts), rejection], [], []),
        opened.store.settle([told(tried(message(7)), 8)]),
    )
    timeline = json.loads(run("--json", "--id", 6).stdout)["timeline"]
    assert {"at": "2027-01-15T08:00:00.000Z", "event": "diverted", **facts} in timeline
    found = json.loads(run("--json", "--id", 7).stdout)["verdict"]
    assert (found["code"], found["tone"]) == ("rejected_no_route", "bad")
    assert "Add a route" in found["do"][0]


def test_a_message_that_is_gathered_says_which_segments_are_missing(
    opened: Opened, run: Run
) -> None:
    lone = replace(segment(8, 2), opened_by=8, traits=Traits(esm_class=0x40))
    other = replace(segment(9, 1), opened_by=9)
    opened.wait(
        opened.store.accept([Entry(None, key(), lone), Entry(None, key(8), other)]),
    )
    found = json.loads(run("--json", "--id", 8).stdout)
    assert found["verdict"]["says"] == "Segment 1 of 2 has not come."
    assert (found["stage"], found["data_coding"]) == ("GATHERING", "0x08")
    assert found["segments_missing"] == [1]
    assert [each["message_id"] for each in found["segments_received"]] == ["8"]
    assert "segments_missing     1" in run("--id", 8).stdout


REFUSED = RefusedSubmission(NOW, "bank", "\x1b[2J", "2438*****001", 11, "no_route", "detail")
STRAY = Unmatched(NOW + 1, "report", "d7", "X\x1b1", "unknown_id", state=2, error=7)


@pytest.fixture
def noted(opened: Opened) -> Opened:
    more = replace(REFUSED, at=NOW + 1, source="", destination="", reason="throttled", count=40)
    opened.wait(opened.store.keep_noted([], [REFUSED, more], [STRAY]))
    return opened


def test_refused_submissions_are_found_with_their_reasons(noted: Opened, run: Run) -> None:
    rows = [json.loads(line) for line in run("refused", "--json").stdout.splitlines()]
    assert [(row["reason"], row["count"], row["to"]) for row in rows] == [
        ("throttled", 40, ""),
        ("no_route", 1, "2438*****001"),
    ]
    assert rows[1]["why"].endswith("and the number. (detail)")
    assert rows[1]["do"].startswith("Add a route")
    assert rows[1]["status"] == "ESME_RINVDSTADR"
    said = run("refused").stdout
    assert "\x1b" not in said
    assert "no_route" in said


@pytest.mark.parametrize(
    ("options", "count"),
    [
        (["--number", "243810000001"], 1),
        (["--number", "+243 81 000 0001"], 1),
        (["--number", "243810000002"], 0),
        (["--number", "243820000001", "--account", "bank"], 1),  # masked alike
        (["--number", "254700000001"], 0),
        (["--account", "shop"], 0),
        (["--reason", "throttled"], 1),
        (["--since", "2027-01-15T08:00:01"], 1),
        (["--limit", "1"], 1),
    ],
)
def test_refused_submissions_are_looked_up(
    noted: Opened, run: Run, options: list[str], count: int
) -> None:
    result = run("refused", "--json", *options)
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) == count


def test_strays_are_looked_up(noted: Opened, run: Run) -> None:
    (row,) = [json.loads(line) for line in run("unmatched", "--json").stdout.splitlines()]
    assert (row["kind"], row["state"], row["error"]) == ("report", "DELIVERED", 7)
    assert row["why"] == "No message of d7 has this id."
    assert run("unmatched", "--provider", "keccel").stdout == "everything belongs to something\n"
    assert "\x1b" not in run("unmatched", "--provider", "d7").stdout
    assert run("unmatched", "--id", "nothing", "--json").stdout == ""

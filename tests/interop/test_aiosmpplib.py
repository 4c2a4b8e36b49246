"""aiosmpplib against the bridge: binds, alphabets, long texts, and receipts that it parses."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from smppbridge.simulators.keccel import KeccelSimulator
from tests.cli.processes import Program
from tests.interop.bridged import PASSWORD, Place, in_thread, settle
from tests.interop.venvs import python_with
from tests.patience import PATIENCE

SCRIPT = Path(__file__).parent / "aiosmpplib_esme.py"
NUMBER = "243810000001"
LONG = "Дa 😀 " * 30
OK = "00000000"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a venv that has aiosmpplib."""
    return python_with(tmp_path_factory.mktemp("aiosmpplib"), "aiosmpplib==0.7.4")


@pytest.fixture(scope="module")
def place(
    python: Path, simulator: KeccelSimulator, tmp_path_factory: pytest.TempPathFactory
) -> Place:
    folder = tmp_path_factory.mktemp("aio")
    return settle(folder, simulator, ["aio"], "binds: 4")


@pytest.fixture(scope="module")
def bridge(place: Place) -> Iterator[Program]:
    with place.served() as bridge:
        yield bridge


def said(
    python: Path,
    place: Place,
    kind: str,
    submissions: Sequence[dict[str, Any]] = (),
    answers: int = 0,
    receipts: int = 0,
) -> dict[str, Any]:
    """Run the ESME until it has all its answers and receipts."""
    job = {
        "port": int(place.port),
        "kind": kind,
        "password": PASSWORD,
        "number": NUMBER,
        "submissions": submissions,
        "answers": answers,
        "receipts": receipts,
    }
    done = subprocess.run(
        [python, SCRIPT, json.dumps(job)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["errors"] == []
    return found


@pytest.mark.parametrize(
    ("fields", "segments"),
    [
        ({"short_message": "Café @ € 3"}, 1),
        ({"short_message": "Café ñ", "encoding": "latin_1"}, 1),
        ({"short_message": "Дa 😀", "encoding": "ucs2"}, 1),
        ({"short_message": LONG, "encoding": "ucs2"}, 1),  # as message_payload, by itself
        (
            {"short_message": LONG, "auto_message_payload": False, "esm_class": 0x40},
            3,
        ),
    ],
    ids=["gsm", "latin1", "ucs2", "message_payload", "udh"],
)
@in_thread
def test_texts_are_whole_and_receipts_are_parsed(
    fields: dict[str, Any],
    segments: int,
    python: Path,
    place: Place,
    bridge: Program,
    simulator: KeccelSimulator,
) -> None:
    simulator.taken.clear()
    found = said(python, place, "TRANSCEIVER", [fields], segments, segments)
    assert [status for _, status in found["answers"]] == [OK] * segments
    assert simulator.taken == {(NUMBER, fields["short_message"]): 1}
    told = sorted((each["id"], each["stat"], each["dlvrd"]) for each in found["receipts"])
    assert told == sorted((message_id, "DELIVRD", "1") for message_id, _ in found["answers"])


@in_thread
def test_receipts_of_a_transmitter_wait_for_a_receiver(
    python: Path, place: Place, bridge: Program
) -> None:
    sent = said(python, place, "TRANSMITTER", [{"short_message": "odd"}], 1)
    ((message_id, status),) = sent["answers"]
    assert (status, sent["receipts"]) == (OK, [])
    heard = said(python, place, "RECEIVER", receipts=1)
    told = [(each["id"], each["stat"]) for each in heard["receipts"]]
    assert (heard["answers"], told) == ([], [(message_id, "DELIVRD")])

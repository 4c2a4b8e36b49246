"""Every provider through the daemon: from submit_sm to deliver_sm, its simulator beside it.

All daemons are started at once and play the same messages; the tests then look at what came of it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any

import pytest
import pytest_twisted
import yaml
from twisted.internet import reactor as installed
from twisted.internet.defer import gatherResults
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

from smppbridge.model.message import Stage
from smppbridge.simulators import simulator_type
from tests.contracts.roster import PLAYED
from tests.system.daemon import KEY
from tests.system.esme import Receipt
from tests.system.rows import CASES, MESSAGES, ROWS, Row
from tests.system.simulated import (
    PASSWORD,
    Written,
    ends,
    last_receipts,
    submit_all,
    taken,
    transcript,
)

reactor: Any = installed

SECRET = "hush-key"
_STARTING = BoundedSemaphore(4)  # daemons that start at once


@dataclass(repr=False)
class Played:
    """What one daemon and its simulator did: message_ids by case, and all that was told of them."""

    row: Row
    daemon: Written
    simulator: Any
    ids: dict[str, list[str]] = field(default_factory=dict)
    receipts: list[Receipt] = field(default_factory=list)
    stages: list[int] = field(default_factory=list)
    owed: int = 0
    status: int | None = None
    trouble: Exception | None = None

    def play(self) -> None:
        """Submit everything and wait for what is told of it; called in a thread."""
        try:
            self._play()
        except Exception as error:  # which a test of this row is to show, and no other
            error.add_note(self.transcript)
            self.trouble = error
        finally:
            self.daemon.close()

    def _play(self) -> None:
        daemon, row = self.daemon, self.row
        with _STARTING:
            daemon.start()
        if row.sessions:
            daemon.await_event("upstream_bound", row.sessions)
        with daemon.bound() as esme:
            asked = {name: case.requests(row.number) for name, case in CASES.items()}
            answers = submit_all(esme, [each for some in asked.values() for each in some])
            assert {each.command_status for each in answers} == {0}
            given = iter([each.message_id.decode() for each in answers])
            self.ids = {name: [next(given) for _ in some] for name, some in asked.items()}
            self.receipts = esme.receipts
            esme.await_receipts(len(answers))
            if self.is_told:  # then the second report of the same is to have come, too
                daemon.await_value(f'{_REPEATED}kind="same",provider="{self.provider}"}}', 1)
            last_receipts(daemon, esme)
        self.status = daemon.end()
        self.stages = [stage for (stage,) in daemon.rows("select stage from message")]
        ((self.owed,),) = daemon.rows("select count(*) from delivery")

    @property
    def provider(self) -> str:
        """The name of the provider."""
        (name,) = yaml.safe_load(self.row.text)["providers"]
        return str(name)

    @property
    def is_told(self) -> bool:
        """Whether it is the provider that tells, so that it may tell twice."""
        return bool(self.row.sessions) or "callback_key:" in self.row.text

    def stats(self, case: str) -> list[str]:
        return ends(self.receipts, self.ids.get(case, []))

    @property
    def transcript(self) -> str:
        """Who got what."""
        numbers = {each: name for name, some in self.ids.items() for each in some}
        told = [f"{numbers.get(r.message_id)} {r.message_id}: {r.stat}" for r in self.receipts]
        return transcript(
            {
                "submitted": [f"{name}: {some}" for name, some in self.ids.items()],
                "taken": [f"{to} {text[:20]!r} x{n}" for (to, text), n in self.taken().items()],
                "receipts": told,
                "the daemon": self.daemon.lines,
            }
        )

    def taken(self) -> Counter[tuple[str, str]]:
        return taken(self.simulator)


_REPEATED = "smppbridge_reports_repeated_total{"


@pytest_twisted.async_yield_fixture(scope="module")
async def stage(request: Any, tmp_path_factory: Any) -> Any:
    """What came of every row that is wanted."""
    here = [item for item in request.session.items if item.path == request.path]
    wanted = dict.fromkeys(filter(None, map(_row_of, here)))
    played = {name: made(ROWS[name], tmp_path_factory.mktemp("played")) for name in wanted}
    pool = ThreadPool(1, len(ROWS), "daemons")
    pool.start()
    try:
        await gatherResults(
            [deferToThreadPool(reactor, pool, each.play) for each in played.values()]
        )
    finally:
        pool.stop()
    yield played
    for each in played.values():
        await each.simulator.close()


def _row_of(item: Any) -> Any:
    return getattr(getattr(item, "callspec", None), "params", {}).get("played")


def made(row: Row, folder: Path) -> Played:
    simulator = simulator_type(row.simulator)(reactor, delay=0.1, **row.options)
    daemon = Written(
        folder,
        row.text,
        PORT=str(simulator.listen()),
        SECRET=SECRET,
        KECCEL_TOKEN=SECRET,
        KECCEL_CALLBACK_KEY=KEY,
        D7_TOKEN=SECRET,
        D7_CALLBACK_KEY=KEY,
    )
    if row.calls:
        simulator.callback_url = daemon.callback_of(row.calls)
    return Played(row, daemon, simulator)


@pytest.fixture(scope="module", params=list(ROWS))
def played(request: pytest.FixtureRequest, stage: dict[str, Played]) -> Played:
    """What came of one row; its trouble is one failure, however many tests look at the row."""
    found = stage[request.param]
    if found.trouble:
        raise found.trouble
    return found


def test_every_provider_of_the_contracts_is_here() -> None:
    assert set(PLAYED) <= set(ROWS)


@pytest.mark.parametrize("case", list(CASES))
def test_an_esme_is_told_what_became_of_it(played: Played, case: str) -> None:
    row, endings = played.row, CASES[case].endings
    expected = [row.stat(ending) for ending in endings]
    if case == "long":
        expected *= len(CASES[case].requests(row.number))
    assert played.stats(case) == expected, played.transcript


def test_every_segment_has_an_id_of_its_own(played: Played) -> None:
    assert len(set(played.ids.get("long", ()))) == 3, played.transcript


def test_the_provider_took_each_message_once_and_letter_by_letter(
    played: Played,
) -> None:
    assert played.taken() == played.row.takes(), played.transcript


def test_nothing_more_is_owed_and_every_message_has_ended(
    played: Played,
) -> None:
    ids = [each for some in played.ids.values() for each in some]
    assert sorted(r.message_id for r in played.receipts) == sorted(ids), played.transcript
    assert (played.owed, len(played.stages)) == (len(ids), MESSAGES)
    assert set(played.stages) == {Stage.FINISHED}


@pytest.mark.parametrize(
    "played", [name for name, row in ROWS.items() if row.batches], indirect=True
)
def test_what_can_go_together_does(played: Played) -> None:
    apart = MESSAGES + 2  # for the one that is throttled
    assert played.simulator.requests <= apart - 4, played.transcript


def test_the_log_keeps_secrets_texts_and_numbers(played: Played) -> None:
    assert played.status == 0, played.transcript
    log = "\n".join(played.daemon.lines)
    tokens = list(played.simulator.access._tokens) if played.row is ROWS["smscx, OAuth"] else []
    hidden = (SECRET, PASSWORD, KEY, "hush", "жук", played.row.number, *tokens)
    assert [word for word in hidden if word in log] == [], played.transcript
    assert played.daemon.events("unhandled_error") == []
    assert played.daemon.events("message_accepted")
    assert all(line.startswith("{") for line in played.daemon.lines)

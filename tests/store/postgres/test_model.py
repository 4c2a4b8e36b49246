"""Any sequence of verbs on PostgreSQL, against a store that is a few dicts."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import rule

from smppbridge.model.message import Stage
from tests.store.opened import again, taken, unknown
from tests.store.postgres.opened import OpenedPostgres
from tests.store.test_model import TIMES, Sequences


class SequencesOnPostgres(Sequences):
    forget = None  # it forgets by the day

    def __init__(self) -> None:
        super().__init__(OpenedPostgres)

    @rule(picked=Sequences.picks, due=TIMES, outcome=st.sampled_from(("taken", "again", "unknown")))
    def record(self, picked: set[int], due: float, outcome: str) -> None:
        """Record outcomes: none about what a provider has accepted, "taken" of what is out."""
        some = [each for each in self.attempts(picked) if each[0].stage is not Stage.SUBMITTED]
        if outcome == "taken":
            some = [each for each in some if each[0].stage is Stage.SUBMITTING]
        verdicts = {
            "taken": lambda a: taken(a, f"X{a.message.message_id}", due),
            "again": lambda a: again(a, due),
            "unknown": lambda a: unknown(a, due),
        }
        decided = [verdicts[outcome](attempt) for _, attempt in some]
        self.opened.wait(self.opened.store.record(decided))
        for known, attempt in self.open(some):
            known.stage, known.due, known.out = decided[0].stage, due, False
            if outcome == "taken":
                known.name = f"X{attempt.message.message_id}"


SequencesOnPostgres.TestCase.settings = settings(
    max_examples=10, stateful_step_count=20, deadline=None
)
TestSequencesOnPostgres = SequencesOnPostgres.TestCase

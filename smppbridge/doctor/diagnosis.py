"""Diagnoses, and examinations that run side by side within a time limit."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from threading import Thread
from typing import Literal

Verdict = Literal["good", "look", "fault"]
LIMIT = 10.0


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A finding about one *subject*, and the *advice* on the finding."""

    check: str
    subject: str
    verdict: Verdict
    says: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Examination:
    """One examination: it returns its diagnoses, and is given up after a while."""

    check: str
    subject: str
    run: Callable[[], Iterable[Diagnosis]]


class _Running:
    """An examination in a thread of its own; the thread alone writes the diagnoses."""

    def __init__(self, examination: Examination) -> None:
        self.examination = examination
        self._found: list[Diagnosis] | None = None
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def found(self, limit: float) -> list[Diagnosis]:
        """Return the diagnoses, waited for up to *limit* seconds."""
        self._thread.join(max(0.0, limit))
        if self._found is None:
            what = self.examination
            return [Diagnosis(what.check, what.subject, "fault", f"no answer within {LIMIT:.0f} s")]
        return self._found

    def _run(self) -> None:
        what = self.examination
        try:
            self._found = list(what.run())
        except Exception as error:  # its message could hold a secret
            kind = type(error).__name__
            says = f"could not be examined: {kind}"
            self._found = [Diagnosis(what.check, what.subject, "look", says)]


def examine(examinations: Sequence[Examination], limit: float = LIMIT) -> list[Diagnosis]:
    """Run all examinations side by side; return their diagnoses in the order given."""
    ends = time.monotonic() + limit
    running = [_Running(each) for each in examinations]
    found = [found for each in running for found in each.found(ends - time.monotonic())]
    return _compared(found)


def _compared(found: list[Diagnosis]) -> list[Diagnosis]:
    """Compare a provider that fails with the others: the fault may be this machine's."""
    verdicts = {each.verdict for each in found if each.check == "provider"}
    if not {"fault", "good"} <= verdicts:
        return found
    says = "; other providers answer: it is not this machine"
    return [
        replace(each, says=each.says + says)
        if (each.check, each.verdict) == ("provider", "fault")
        else each
        for each in found
    ]


def status_of(found: Iterable[Diagnosis]) -> int:
    """Return the exit status: 0 good, 1 a fault, 2 worth a look."""
    verdicts = {each.verdict for each in found}
    return 1 if "fault" in verdicts else 2 if "look" in verdicts else 0

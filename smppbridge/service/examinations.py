"""examinations: `doctor` as a child of the daemon, one at a time; the last result is kept."""

from __future__ import annotations

import json
from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from smppbridge.doctor.diagnosis import LIMIT, Diagnosis
from smppbridge.service.child import Child, ChildFailed

LONGEST = 6 * LIMIT  # seconds: the command has a limit of its own
_ENDED = (0, 1, 2)  # exit statuses of `doctor`


class Examinations:
    """Runs `doctor` when asked; only the instance writes the last result.

    *ended* are UNIX seconds, None before the first end; *failed* says why the last one came to
    nothing, empty if that is not so.
    """

    def __init__(self, reactor: IReactorTime, wall: Callable[[], float]) -> None:
        self._child, self._wall = Child(reactor), wall
        self.found: list[Diagnosis] = []
        self.ended: float | None = None
        self.failed = ""

    @property
    def running(self) -> bool:
        """Whether an examination is under way."""
        return self._child.running

    def start(self, config: str) -> None:
        """Begin an examination with a configuration's file; raises Busy, ChildFailed."""
        words = ["doctor", "--config", config, "--json"]
        examined = self._child.run(words, _ENDED, LONGEST)
        examined.addCallback(self._keep).addErrback(self._fail)

    def stop(self) -> None:
        """End an examination; its diagnoses so far are lost."""
        self._child.stop()

    def _keep(self, octets: bytes) -> None:
        try:
            found = [Diagnosis(**each) for each in json.loads(octets)]
        except (ValueError, TypeError):
            raise ChildFailed("its diagnoses cannot be read") from None
        self.found, self.failed, self.ended = found, "", self._wall()

    def _fail(self, failure: Failure) -> None:
        failure.trap(ChildFailed)
        self.found, self.failed, self.ended = [], str(failure.value), self._wall()

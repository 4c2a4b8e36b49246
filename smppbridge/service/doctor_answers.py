"""doctor_answers: the examinations of a bridge, as the API answers them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from smppbridge.service.child import ChildFailed, ChildRunning
from smppbridge.web.api.doctor import Diagnoses, DiagnosisItem
from smppbridge.web.api.shapes import maybe
from smppbridge.web.problems import RequestRefused

if TYPE_CHECKING:
    from smppbridge.service.bridge import Bridge


class DoctorAnswers:
    """The examinations of a bridge, as the API answers them."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge

    def last(self) -> Diagnoses:
        """Return the diagnoses of the last examination."""
        examinations = self._bridge.beside.examinations
        return Diagnoses(
            at=maybe(examinations.ended),
            running=examinations.running,
            failed=examinations.failed or None,
            items=[DiagnosisItem(**asdict(each)) for each in examinations.found],
        )

    def start(self) -> None:
        """Begin an examination; raises RequestRefused."""
        file = self._bridge.settings.document.file
        if not file:
            raise RequestRefused(409, "the bridge runs without a configuration file")
        try:
            self._bridge.beside.examinations.start(file)
        except ChildRunning:
            raise RequestRefused(409, "an examination is under way") from None
        except ChildFailed as error:
            raise RequestRefused(409, str(error)) from None

"""doctor: the machine and all that the bridge needs, examined by a process of its own."""

from __future__ import annotations

from typing import Literal, Protocol

from pydantic import Field

from smppbridge.web.api.shapes import Moment
from smppbridge.web.keyring import OPERATOR, VIEWER
from smppbridge.web.operations import API, Answer, ApiRequest


class DiagnosisItem(Answer):
    """A diagnosis, and the advice what to do."""

    check: str
    subject: str
    verdict: Literal["good", "look", "fault"]
    says: str
    advice: str


class Diagnoses(Answer):
    """The diagnoses of the last examination, and whether one is under way."""

    at: Moment | None = Field(description="When the last one ended; absent: none has")
    running: bool
    failed: str | None = Field(description="Why the last one came to nothing; absent: it did not")
    items: list[DiagnosisItem]


class DoctorPort(Protocol):
    """The examinations of a bridge."""

    def last(self) -> Diagnoses:
        """Return the diagnoses of the last examination."""

    def start(self) -> None:
        """Begin an examination; raises RequestRefused."""


@API.operation("GET", "/doctor", VIEWER, returns=Diagnoses)
async def read_diagnoses(call: ApiRequest) -> Diagnoses:
    """The diagnoses of the last examination."""
    found: Diagnoses = call.ports.doctor.last()
    return found


@API.operation("POST", "/doctor", OPERATOR, returns=Diagnoses, status=202, refusals=(409,))
async def start_doctor(call: ApiRequest) -> Diagnoses:
    """Begin an examination, which takes some seconds; one at a time."""
    call.ports.doctor.start()
    found: Diagnoses = call.ports.doctor.last()
    return found

"""restart: the next version takes over the sessions; whether the last restart came about."""

from __future__ import annotations

from typing import Protocol

from pydantic import Field

from smppbridge.web.api.shapes import Moment
from smppbridge.web.keyring import ADMIN, VIEWER
from smppbridge.web.operations import API, Answer, ApiRequest


class TakenUp(Answer):
    """The sessions that a program took over from the one before."""

    sessions: int
    lost: int = Field(description="They had to bind again")
    gap_seconds: float = Field(description="How long the sessions stood still")


class RestartState(Answer):
    """The program that answers, and the outcome of the last restart."""

    instance: str = Field(description="Another one after a restart")
    version: str
    started_at: Moment
    possible: bool = Field(description="Whether this program can be restarted in place")
    under_way: bool
    refused: str | None = Field(description="Why the last restart did not come about")
    refused_at: Moment | None
    taken_up: TakenUp | None = Field(description="Absent: no restart came before this program")


class RestartPort(Protocol):
    """Restarts of a bridge."""

    def state(self) -> RestartState:
        """Return the result of the last restart."""

    async def start(self) -> None:
        """Check whether the next version would start, then restart; raises RequestRefused."""


@API.operation("GET", "/restart", VIEWER, returns=RestartState)
async def get_restart(call: ApiRequest) -> RestartState:
    """The program that answers, and the outcome of the last restart."""
    found: RestartState = call.ports.restart.state()
    return found


@API.operation("POST", "/restart", ADMIN, returns=RestartState, status=202, refusals=(409,))
async def start_restart(call: ApiRequest) -> RestartState:
    """Become the version that is installed; sessions without TLS stay bound.

    The answer comes when the new version has checked the configuration, and before it runs: ask
    again until another instance answers, or until the restart is refused.
    """
    await call.ports.restart.start()
    found: RestartState = call.ports.restart.state()
    return found

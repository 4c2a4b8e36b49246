"""restart_answers: the restarts of a bridge, as the API answers them."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from twisted.internet.task import deferLater

from smppbridge import __version__
from smppbridge.service.handover import Adopted
from smppbridge.service.restart import NotRestarted, Restart
from smppbridge.web.api.restart import RestartState, TakenUp
from smppbridge.web.api.shapes import moment
from smppbridge.web.problems import RequestRefused

if TYPE_CHECKING:
    from smppbridge.service.bridge import Bridge

ANSWERED_FIRST = 0.1
"""Seconds for the answer to leave before the connection ends."""


class RestartAnswers:
    """The restarts of a bridge, as the API answers them."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._instance, self._started_at = secrets.token_hex(8), bridge.clock.wall()

    def state(self) -> RestartState:
        """Return what came of the last restart."""
        restart, adopted = self._bridge.restart, self._bridge.adopted
        refused = restart.refused if restart else ""
        return RestartState(
            instance=self._instance,
            version=__version__,
            started_at=moment(self._started_at),
            possible=restart is not None,
            under_way=restart is not None and restart.under_way,
            refused=refused or None,
            refused_at=moment(restart.refused_at) if restart and refused else None,
            taken_up=None if adopted is None else _taken_up(adopted),
        )

    async def start(self) -> None:
        """Check whether the next version would start, then restart; raises RequestRefused."""
        restart = self._bridge.restart
        if restart is None:
            raise RequestRefused(409, "this bridge cannot be restarted in place")
        try:
            await restart.prepare()
        except NotRestarted as error:
            raise RequestRefused(409, str(error)) from None
        self._bridge.spawn(self._carry_out(restart))

    async def _carry_out(self, restart: Restart) -> None:
        await deferLater(self._bridge.reactor, ANSWERED_FIRST)
        await restart.carry_out()


def _taken_up(adopted: Adopted) -> TakenUp:
    gap = round(adopted.gap, 3)
    return TakenUp(sessions=adopted.sessions, lost=adopted.lost, gap_seconds=gap)

"""kept_figures: counts of a day that a bridge goes on with after a cold start: the reasons, and the
messages that have finished.

They are written into the store once a minute at most, and at the end: a process that is killed
loses the counts of its last minute.  On a store that several bridges share each has its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from smppbridge.observe.pulse import Seen
from smppbridge.relay.reason_book import CountedReason
from smppbridge.settings.node import NodeSection
from smppbridge.store import figures

if TYPE_CHECKING:
    from smppbridge.service.bridge import Bridge

WRITTEN_EVERY = 60.0
_DAY = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DayFigures:
    """Counts of a day; the times of *finished* are UNIX seconds."""

    reasons: tuple[CountedReason, ...]
    finished: tuple[Seen, ...]


_FIGURES = TypeAdapter(DayFigures)


class KeptFigures:
    """The row of a bridge's counts; only the instance writes the row."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        settings = bridge.settings
        node = settings.node or NodeSection()
        self._node = node.called if settings.store.is_shared else ""
        self._written = ""
        self._at = bridge.clock.monotonic()

    async def restore(self) -> None:
        """Go on with the counts of the process before, of a day at most; raises StoreFailure.

        Counts that another version has written in another form are left out.
        """
        bridge, wall = self._bridge, self._bridge.clock.wall()
        text = await bridge.store.by_hand(lambda db: figures.kept(db, self._node, wall - _DAY))
        if text is None:
            return
        try:
            found = _FIGURES.validate_json(text)
        except ValidationError:
            return
        bridge.reasons.adopt([each for each in found.reasons if each.last_at > wall - _DAY])
        bridge.live.pulse.go_on(_moved(found.finished, bridge.clock.monotonic() - wall))

    async def keep(self, *, at_once: bool = False) -> None:
        """Write the counts if they have changed, and a minute has passed or *at_once*.

        Raises StoreFailure; then they are written a minute later.
        """
        bridge, now, wall = self._bridge, self._bridge.clock.monotonic(), self._bridge.clock.wall()
        if now - self._at < WRITTEN_EVERY and not at_once:
            return
        self._at = now
        seen = _moved(bridge.live.pulse.finished_of_day(), wall - now)
        text = _FIGURES.dump_json(
            DayFigures(reasons=tuple(map(_sound, bridge.reasons.handed())), finished=seen)
        ).decode()
        if text != self._written:
            await bridge.store.by_hand(lambda db: figures.keep(db, self._node, wall, text))
            self._written = text


def _moved(seen: Iterable[Seen], seconds: float) -> tuple[Seen, ...]:
    return tuple((round(at + seconds, 1), counts) for at, counts in seen)


def _sound(each: CountedReason) -> CountedReason:
    """Return an entry whose texts can be written: a provider's words may be half a character."""
    return replace(each, about=_whole(each.about), detail=_whole(each.detail))


def _whole(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")

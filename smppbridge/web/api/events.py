"""events: the overview as it changes, alarms and notes, once a second to everybody who listens."""

from __future__ import annotations

import json
from collections.abc import Sequence

from smppbridge.web.api.alarms import Alarm
from smppbridge.web.api.overview import note_items, overview_of
from smppbridge.web.api.ports import ApiPorts
from smppbridge.web.keyring import VIEWER
from smppbridge.web.operations import API, ApiRequest, Streamed
from smppbridge.web.problems import RequestRefused
from smppbridge.web.streams import event

MEDIA = "text/event-stream"


@API.operation("GET", "/events", VIEWER, returns=None, media=MEDIA, refusals=(429,))
async def get_events(call: ApiRequest) -> Streamed:
    """A stream: `overview` (as /overview) each second, `alarm` (raised, cleared), `note`."""
    streams = call.ports.live.streams
    if streams.is_full:
        raise RequestRefused(
            429, "as many streams as may be are open", headers=b"Retry-After: 10\r\n"
        )
    return Streamed(lambda outflow: streams.open(outflow, call.still))


class Broadcast:
    """Makes the events of each second, if anybody listens; only `tick` writes what was told."""

    def __init__(self, ports: ApiPorts) -> None:
        self._ports, self._streams = ports, ports.live.streams
        self._alarms: dict[tuple[str, str | None], Alarm] | None = (
            None  # None, and *_noted*: nobody listened
        )
        self._noted: int | None = None
        self._busy = False

    async def tick(self) -> None:
        """Send the events of this second; called once a second."""
        self._streams.check()
        if not self._streams:
            self._alarms = self._noted = None
            return
        if self._busy:  # the store is slow: the next second will do
            return
        self._busy = True
        try:
            overview = await overview_of(self._ports)
        finally:
            self._busy = False
        pieces = [event("overview", overview.model_dump_json())]
        pieces += self._alarms_changed(overview.alarms)
        pieces += self._noted_since()
        self._streams.send(b"".join(pieces))

    def _alarms_changed(self, alarms: Sequence[Alarm]) -> list[bytes]:
        before, now = self._alarms, {(alarm.code, alarm.about): alarm for alarm in alarms}
        self._alarms = now
        if before is None or before.keys() == now.keys():
            return []
        changes = {
            "raised": [alarm.model_dump() for key, alarm in now.items() if key not in before],
            "cleared": [alarm.model_dump() for key, alarm in before.items() if key not in now],
        }
        return [event("alarm", json.dumps(changes))]

    def _noted_since(self) -> list[bytes]:
        last, self._noted = self._noted, self._ports.live.noted
        if last is None:  # the overview has them
            return []
        fresh = [note for note in note_items(self._ports) if note.id > last]
        return [event("note", note.model_dump_json()) for note in reversed(fresh)]

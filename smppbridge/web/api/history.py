"""history: the figures of the last minutes and of the last day, for charts."""

from __future__ import annotations

from pydantic import Field

from smppbridge.web.api.shapes import Moment, Rfc3339, moment
from smppbridge.web.keyring import VIEWER
from smppbridge.web.operations import API, Answer, ApiRequest, Sent

QUARTER = 900.0
MOST_ASKED = 48


class HistoryQuery(Sent):
    """Which series, and of which time: the last quarter of an hour by default."""

    series: str = Field(
        default="",
        pattern=r"^[!-~]{0,4096}$",
        max_length=4_096,
        description="Names with commas between them, as accepted,provider.keccel.p99; absent: all",
    )
    from_: Rfc3339 | None = Field(default=None, alias="from")
    to: Rfc3339 | None = None


class Figures(Answer):
    """Series of figures: one each *step* seconds, the first of *t0*; null where none is known."""

    t0: Moment
    step: int
    series: dict[str, list[float | None]]


@API.operation("GET", "/history", VIEWER, query=HistoryQuery, returns=Figures)
async def get_history(call: ApiRequest) -> Figures:
    """Figures by the second if they are of the last quarter of an hour, else by the minute.

    A series that is not known is left out.
    """
    query, live, now = call.query, call.ports.live, call.ports.clock.wall()
    names = query.series.split(",") if query.series else live.series()
    until = now if query.to is None else query.to.timestamp()
    since = until - QUARTER + 1 if query.from_ is None else query.from_.timestamp()
    found = live.history(list(dict.fromkeys(names))[:MOST_ASKED], since, until)
    return Figures(t0=moment(found.t0), step=found.step, series=dict(found.series))

"""The quiet hours of a route."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator, Field, create_model, model_validator

from smppbridge.routing.quiet import DESTINATION, QuietHours, read
from smppbridge.settings.section import Section, wrong
from smppbridge.settings.values import Off, suggestion

_TIME = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")


def _time_of_day(value: str) -> str:
    if not _TIME.fullmatch(value):
        raise ValueError("must be a time of the day, 00:00 to 23:59")
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        near = suggestion(value, available_timezones())
        raise ValueError(f"is not a time zone such as Africa/Kinshasa{near}") from None
    return value


def _zone_or_destination(value: str) -> str:
    return value if value == DESTINATION else _zone(value)


TimeOfDay = Annotated[str, AfterValidator(_time_of_day)]
Zone = Annotated[str, AfterValidator(_zone)]
_BEGINS = 'When the quiet time begins, as "21:00"; absent: the route has none'
_FROM: Any = (Annotated[TimeOfDay | None, Off], Field(default=None, description=_BEGINS))
_Beginning = create_model("_Beginning", __base__=Section, **{"from": _FROM})  # no name in Python


class QuietSection(_Beginning):
    """The hours at which no message of a route leaves, but for priority_flag 3."""

    to: Annotated[TimeOfDay | None, Off] = Field(
        default=None, description='When the quiet time ends, as "08:00", perhaps on the next day'
    )
    zone: Annotated[str, AfterValidator(_zone_or_destination)] = Field(
        default=DESTINATION,
        description="Whose clock counts: destination (that of the number; of several zones all must"
        " be awake) or an IANA name such as Africa/Kinshasa",
    )
    default_zone: Zone = Field(
        default="UTC", description="Zone of numbers whose own is unknown, as that of short codes"
    )

    @model_validator(mode="after")
    def _is_a_span(self) -> Self:
        if faults := list(self._faults()):
            raise wrong(faults)
        return self

    def _faults(self) -> Iterator[tuple[str, str]]:
        if self.begins is None and self.to is None:
            if self.zone != DESTINATION:
                yield "zone", "is for a quiet time, which needs from and to"
        elif self.begins is None or self.to is None:
            yield "to" if self.begins else "from", "is required: from and to go together"
        elif self.begins == self.to:
            yield "to", "is the same as from: that is no time at all, or all day"

    @property
    def begins(self) -> str | None:
        """The beginning, as 21:00."""
        found: str | None = getattr(self, "from")
        return found

    def hours(self) -> QuietHours | None:
        """Return the quiet hours for routing; None if the route has none."""
        if self.begins is None:
            return None
        return read(f"{self.begins} {self.to} {self.zone} {self.default_zone}")


QUIET: Any = Field(
    default=QuietSection(),
    description="Hours at which none of them leaves but those of priority_flag 3; the others wait,"
    " and expire if their validity ends meanwhile",
)
"""The key of a route."""

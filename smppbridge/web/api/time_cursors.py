"""time_cursors: cursors of lists in the order of time: a time, and a number among equal times."""

from __future__ import annotations

import math
import re
from struct import pack, unpack
from typing import Annotated

from pydantic import AfterValidator, Field

Place = tuple[float, int]
_PLACE = re.compile(r"[0-9a-f]{16}-[0-9a-f]{1,15}")


def place_of(cursor: str) -> Place:
    """Return the place that a cursor names."""
    at, _, number = cursor.partition("-")
    return unpack(">d", bytes.fromhex(at))[0], int(number, 16)


def place_cursor(place: Place) -> str:
    """Return the cursor that names a place."""
    return f"{pack('>d', place[0]).hex()}-{place[1]:x}"


def _only_places(text: str) -> str:
    if not math.isfinite(place_of(text)[0]):
        raise ValueError("is no cursor of this list")
    return text


PlaceCursor = Annotated[str, Field(pattern=rf"^{_PLACE.pattern}$"), AfterValidator(_only_places)]

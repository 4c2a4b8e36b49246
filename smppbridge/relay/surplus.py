"""surplus: the oldest keys of a dict that has grown above its bound; pure."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any, TypeVar

K = TypeVar("K")


def surplus(mapping: Mapping[K, Any], most: int) -> list[K]:
    """Return the oldest keys above *most*, or none while there are few of them.

    A dict finds its first key by passing all places of deleted keys: for one key at a time, that
    costs more than all else that is done about a message.
    """
    count = len(mapping) - most
    return list(islice(mapping, count)) if count > most // 16 else []

"""MSpace (Kenya, Uganda) over HTTP: the older API, all in the path, and version 2."""

from smppbridge.providers.mspace.legacy import MSpaceLegacy
from smppbridge.providers.mspace.v2 import MSpaceV2

__all__ = ["MSpaceLegacy", "MSpaceV2"]

"""streams: the streams of events that are open (Server-Sent Events), bounded in number and octets.

A piece is made once and written to all of them.  A peer that does not read misses pieces, and is
cut off when it has not read for a while; a stream ends with the right of its caller.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from smppbridge.web.request import Outflow

MOST_STREAMS = 32
PATIENCE = 15
"""Pieces in a row that a peer may miss; then it is cut off."""
HELLO = b"retry: 2000\n\n"
"""Opens a stream: a browser whose stream was lost comes back after two seconds."""


@dataclass(slots=True, eq=False)
class OpenStream:
    """A stream, and whether its caller may listen still; *missed* are pieces in a row."""

    outflow: Outflow
    still: Callable[[], bool]
    missed: int = 0


class Streams:
    """The open streams; only the instance writes them."""

    def __init__(self, most: int = MOST_STREAMS) -> None:
        self._most = most
        self._open: dict[OpenStream, None] = {}

    def __len__(self) -> int:
        return len(self._open)

    @property
    def is_full(self) -> bool:
        """Whether there is no room for one more."""
        return len(self._open) >= self._most

    def open(self, outflow: Outflow, still: Callable[[], bool]) -> None:
        """Begin a stream; *still* returns whether its caller may listen."""
        stream = OpenStream(outflow, still)
        self._open[stream] = None
        outflow.watch(lambda: self._leave(stream))
        outflow.push(HELLO)

    def check(self) -> None:
        """End the streams whose callers may listen no more, and those that nobody reads."""
        for stream in list(self._open):
            if stream.missed >= PATIENCE:
                self._leave(stream)
                stream.outflow.cut()
            elif not stream.still():
                self._end(stream)

    def send(self, piece: bytes) -> None:
        """Write a piece to all streams whose peers have read the pieces before."""
        for stream in list(self._open):
            if stream.outflow.is_full:
                stream.missed += 1
            else:
                stream.missed = 0
                stream.outflow.push(piece)

    def close(self) -> None:
        """End all streams."""
        for stream in list(self._open):
            self._end(stream)

    def _end(self, stream: OpenStream) -> None:
        self._leave(stream)
        stream.outflow.end()

    def _leave(self, stream: OpenStream) -> None:
        self._open.pop(stream, None)


def event(name: str, data: str) -> bytes:
    """Return an event; *data* is one line."""
    return f"event: {name}\ndata: {data}\n\n".encode()

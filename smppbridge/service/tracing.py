"""tracing: the traces of a running bridge: started, read, ended, and where they listen."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from twisted.logger import Logger

from smppbridge import __version__
from smppbridge.model.account import Secret
from smppbridge.net.esme_session import EsmeSession
from smppbridge.net.smpp_protocol import SmppProtocol
from smppbridge.net.upstream.link import UpstreamSession
from smppbridge.tracing.callback_tap import CallbackTap
from smppbridge.tracing.exchange_tap import US, ExchangeTap
from smppbridge.tracing.pcapng import pcapng
from smppbridge.tracing.recording import Kind, Order, Packet, PacketEnd, Recording
from smppbridge.tracing.session_tap import SessionTap, TracedSession
from smppbridge.tracing.traces import Traces

if TYPE_CHECKING:
    from smppbridge.observe.log import EventLog
    from smppbridge.service.build import Relay
    from smppbridge.service.doors import PeerListeners
    from smppbridge.settings.schema import Settings

READ_AT_ONCE = 500
"""Packets in one answer."""


@dataclass(frozen=True, slots=True)
class TraceView:
    """A trace as operators see it: its subject, how far it is, why it ended ("": it runs)."""

    id: int
    of: Kind
    value: str
    texts: bool
    by: str
    began: float
    seconds_left: float
    packets: int
    octets: int
    ended: str


@dataclass(frozen=True, slots=True)
class TracePage:
    """Packets of a trace; *more*: there may be further ones."""

    packets: Sequence[Packet]
    more: bool


class Tracing:
    """The traces of a bridge.

    While one runs, every session, the HTTP client and the callbacks have a tap; else none has.
    Only the instance writes the taps.
    """

    _log = Logger()

    def __init__(self, relay: Relay, doors: PeerListeners, reactor: Any, journal: EventLog) -> None:
        self._smsc, self._callbacks, self._ussd = doors.smsc, doors.callbacks, doors.ussd
        self._wires, self._reactor, self._journal = relay.wires, reactor, journal
        self._number = 0
        self._tapping = False
        self._by: dict[int, str] = {}
        self._traces = Traces(time.time_ns, reactor.seconds, self._changed, self._failed)

    def hide(self, settings: Settings) -> None:
        """Hide the secrets of these settings from now on, and those of earlier ones."""
        self._traces.hide(secrets_of(settings))

    # -- for operators --------------------------------------------------------------------------

    def start(self, order: Order, by: str) -> TraceView:
        """Begin a trace, which *by* has asked for.  Raises NotTraced."""
        recording = self._traces.start(order)
        self._by[recording.number] = by
        self._tap()
        self._journal("trace_started", trace=recording.number, by=by, **_of(recording))
        return self._view(recording)

    def stop(self, number: int) -> TraceView:
        """End a trace; it can be read for an hour.  Raises NotTraced."""
        return self._view(self._traces.stop(number))

    def forget(self, number: int) -> None:
        """End a trace and drop it.  Raises NotTraced."""
        self._traces.forget(number)

    def all(self) -> list[TraceView]:
        """Return the traces that can be read."""
        return [self._view(recording) for recording in self._traces.all()]

    def view(self, number: int) -> TraceView:
        """Return the state of a trace.  Raises NotTraced."""
        return self._view(self._traces.read(number))

    def read(self, number: int, after: int = 0, most: int = READ_AT_ONCE) -> TracePage:
        """Return packets from *after* on, at most *most*.  Raises NotTraced."""
        recording = self._traces.read(number)
        packets = recording.after(after, most)
        reached = after + len(packets)
        return TracePage(packets, recording.running or reached < len(recording.packets))

    def pcapng(self, number: int) -> Callable[[], bytes]:
        """Return how to make a file for Wireshark of a trace, on any thread.  Raises NotTraced."""
        recording = self._traces.read(number)
        order = recording.order
        hidden = "secrets masked" if order.texts else "texts and secrets masked, numbers in part"
        words = (
            f"trace {number} of {order.kind} {order.value}, started by"
            f" {self._by.get(number, '')}: {hidden}, all lengths kept. HTTP is as before TLS:"
            " a note on unencrypted HTTP over an encrypted port means nothing"
        )
        return partial(pcapng, list(recording.packets), words, f"smppbridge {__version__}")

    @property
    def running(self) -> int:
        """How many traces run."""
        return len(self._traces.running)

    def tick(self) -> None:
        """End traces whose time is over."""
        self._traces.tick()

    def _view(self, recording: Recording) -> TraceView:
        left = max(0.0, recording.deadline - self._reactor.seconds())
        return TraceView(
            id=recording.number,
            of=recording.order.kind,
            value=recording.order.value,
            texts=recording.order.texts,
            by=self._by.get(recording.number, ""),
            began=recording.began / 1e9,
            seconds_left=left if recording.running else 0.0,
            packets=len(recording.packets),
            octets=recording.octets,
            ended=recording.ended,
        )

    # -- taps -----------------------------------------------------------------------------------

    def _changed(self, recording: Recording) -> None:
        if recording.running:
            return
        self._journal(
            "trace_ended",
            trace=recording.number,
            by=self._by.get(recording.number, ""),
            reason=recording.ended,
            packets=len(recording.packets),
            **_of(recording),
        )
        if not self._traces.running:
            self._untap()

    def _failed(self) -> None:
        self._log.failure("trace")

    def _tap(self) -> None:
        if self._tapping:
            return
        self._tapping = True
        self._smsc.tapped = self._tap_esme
        for session in self._smsc.sessions:
            self._tap_esme(session)
        for name, upstream in self._wires.smpp.sessions():
            self._tap_upstream(name, upstream)
        self._wires.http.tap = ExchangeTap(self._traces)
        self._callbacks.tap = self._ussd.tap = CallbackTap(self._traces)

    def _untap(self) -> None:
        self._tapping = False
        self._smsc.tapped = self._wires.http.tap = None
        self._callbacks.tap = self._ussd.tap = None
        for session in self._smsc.sessions:
            session.tap = None
        for _, upstream in self._wires.smpp.sessions():
            upstream.tap = None

    def tapped(self, provider: str, session: UpstreamSession) -> None:
        """Listen to a new session with an upstream SMSC, if a trace runs."""
        if self._tapping:
            self._tap_upstream(provider, session)

    def _tap_esme(self, session: EsmeSession) -> None:
        line = TracedSession(
            name=self._name(session.host),
            ends=lambda: (_end(session, session.host), _ours(session)),
            account=lambda: session.rights.account.system_id if session.bound_as else "",
            asked=lambda number: _asked(session, number),
        )
        session.tap = SessionTap(self._traces, line, session.session.frames.rest())

    def _tap_upstream(self, provider: str, session: UpstreamSession) -> None:
        line = TracedSession(
            name=self._name(provider),
            ends=lambda: (_end(session, provider), _ours(session)),
            provider=provider,
            account=lambda: "",
            asked=lambda number: _asked(session, number),
        )
        session.tap = SessionTap(self._traces, line, session.session.frames.rest())

    def _name(self, of: str) -> str:
        self._number += 1
        return f"{of}#{self._number}"


def _of(recording: Recording) -> dict[str, object]:
    order = recording.order
    value = {"number": order.value} if order.kind == "number" else {"value": order.value}
    return {"of": order.kind, **value, "texts": order.texts, "seconds": order.seconds}


def _end(session: SmppProtocol, host: str) -> PacketEnd:
    """Return the peer's end; the host of an ESME is the one behind its balancer."""
    peer = session.transport.getPeer() if session.transport else None
    shown = host if isinstance(session, EsmeSession) else getattr(peer, "host", host)
    return PacketEnd(shown, getattr(peer, "port", 0))


def _ours(session: SmppProtocol) -> PacketEnd:
    """Return our end of a connection; without an address if the connection is lost."""
    try:
        us = session.transport.getHost() if session.transport else None
    except AttributeError:  # Twisted has deleted the socket before it says that it is lost
        us = None
    return PacketEnd(getattr(us, "host", US), getattr(us, "port", 0))


def _asked(session: SmppProtocol, number: int) -> object:
    found = session.session.asked.open.get(number)
    return None if found is None else found[2]


def secrets_of(settings: BaseModel) -> set[str]:
    """Return the texts of all keys that must not be shown."""
    return {secret for secret in _secrets(settings, hidden=False) if secret}


def _secrets(value: object, *, hidden: bool) -> Iterator[str]:
    if isinstance(value, Secret):
        yield from (value.clear, value.hashed)
    elif isinstance(value, BaseModel):
        for name, key in type(value).model_fields.items():
            yield from _secrets(getattr(value, name), hidden=hidden or not key.repr)
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _secrets(each, hidden=hidden)
    elif isinstance(value, list | tuple | set | frozenset):
        for each in value:
            yield from _secrets(each, hidden=hidden)
    elif hidden and isinstance(value, str):
        yield value
        yield from _in_url(value)


def _in_url(value: str) -> Iterator[str]:
    """Yield the password in the URL of a proxy, alone and behind its user."""
    user, at, _ = value.partition("://")[2].rpartition("@")
    if at:
        yield from (user, user.partition(":")[2])

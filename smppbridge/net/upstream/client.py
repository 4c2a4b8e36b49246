"""The ESME that we are to upstream SMSCs: one upstream for each provider that is an SMSC."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.protocol import Factory

from smppbridge.net import tls
from smppbridge.net.upstream.link import NAMES, UpstreamSession
from smppbridge.net.upstream.sessions import (
    RecordReceived,
    SmppAnswers,
    Terms,
    Upstream,
    UpstreamPorts,
)
from smppbridge.providers.exchange import NotSent
from smppbridge.providers.smpp.binding import SmppRequest

__all__ = ["RecordReceived", "SmppAnswers", "Terms", "UpstreamPorts", "Upstreams", "connector"]


class Upstreams:
    """The upstreams by provider: each submit_sm is sent at most once, each has one answer.

    A submit_sm that was lost with its session is answered by NoAnswer, one that never left by
    NotSent.  Only `change`, `stop` and the end of an upstream write which upstreams there are.
    """

    def __init__(self, ports: UpstreamPorts, *, shared: bool = False) -> None:
        """Make upstreams; *shared* ones have no binds until `confine` gives each a part."""
        self.tapped: Callable[[str, UpstreamSession], None] | None = None
        self._ports = replace(ports, tapped=self._tap)
        self._upstreams: dict[str, Upstream] = {}
        self._leaving: dict[Upstream, Deferred[None]] = {}
        self._shared, self._parts = shared, dict[str, int]()

    def change(self, terms: Mapping[str, Terms]) -> None:
        """Be bound to the SMSCs of these providers and no others.

        Sessions whose binding has not changed stay bound; the others end before new ones begin, for
        many an SMSC counts sessions.
        """
        for name in self._upstreams.keys() - terms.keys():
            self._leave(self._upstreams.pop(name))
        for name, new in terms.items():
            known = self._upstreams.get(name)
            if known is not None and known.terms.binds_as(new):
                known.change(new)
                continue
            part = self._parts.get(name, 0) if self._shared else None
            upstream = self._upstreams[name] = Upstream(name, new, self._ports, part)
            if known is not None:
                self._leave(known)
            before = [d for old, d in self._leaving.items() if old.name == name]
            DeferredList(before).addCallback(_start, upstream)

    def confine(self, provider: str, part: int) -> None:
        """Keep a part of the binds with a provider, and after `change` too."""
        self._parts[provider] = part
        if upstream := self._upstreams.get(provider):
            upstream.rebindings.confine(part)

    def binds(self, provider: str) -> int:
        """Return how many binds with a provider there are or may be, of those that end too."""
        return sum(one.rebindings.binds for one in self._all() if one.name == provider)

    def send(self, provider: str, requests: list[tuple[Any, SmppRequest]]) -> None:
        """Send each submit_sm; the value beside a submit_sm comes back with its answer."""
        upstream = self._upstreams.get(provider)
        if upstream is None:
            gone: SmppAnswers = [(about, NotSent("the provider is gone")) for about, _ in requests]
            self._ports.clock.callLater(0, self._ports.answered, gone)
        else:
            upstream.send(requests)

    async def stop(self, seconds: float) -> None:
        """Unbind all sessions; unanswered submit_sm may take *seconds*."""
        for upstream in list(self._leaving):
            upstream.hurry(seconds)
        for upstream in self._upstreams.values():
            self._leave(upstream, seconds)
        self._upstreams.clear()
        await DeferredList(list(self._leaving.values()))

    def may_submit(self, provider: str) -> bool:
        """Return whether a session with a provider is bound; True for a provider without any."""
        upstream = self._upstreams.get(provider)
        return upstream is None or upstream.is_bound

    def bound_counts(self) -> dict[tuple[str, ...], float]:
        """Return how many sessions are bound, by provider and kind."""
        counts: dict[tuple[str, ...], float] = {}
        for upstream in self._all():
            for session in upstream.sessions:
                if session.session.bound:
                    key = (upstream.name, NAMES[session.kind])
                    counts[key] = counts.get(key, 0) + 1
        return counts

    def windows(self) -> dict[tuple[str, ...], float]:
        """Return how many submit_sm are unanswered, by provider."""
        counts: dict[tuple[str, ...], float] = {}
        for upstream in self._all():
            out = sum(session.out for session in upstream.sessions)
            counts[(upstream.name,)] = counts.get((upstream.name,), 0) + out
        return counts

    def waiting(self) -> dict[tuple[str, ...], float]:
        """Return how many submit_sm wait for room, by provider."""
        return {(name,): upstream.waiting for name, upstream in self._upstreams.items()}

    def sessions(self) -> list[tuple[str, UpstreamSession]]:
        """Return all sessions, each with the name of its provider."""
        return [(one.name, session) for one in self._all() for session in one.sessions]

    def _tap(self, provider: str, session: UpstreamSession) -> None:
        if self.tapped is not None:
            self.tapped(provider, session)

    def _all(self) -> list[Upstream]:
        return [*self._upstreams.values(), *self._leaving]

    def _leave(self, upstream: Upstream, seconds: float | None = None) -> None:
        wait = upstream.terms.timeout if seconds is None else seconds
        leaving = Deferred.fromCoroutine(upstream.stop(wait))
        self._leaving[upstream] = leaving

        def left(_: object) -> None:
            self._leaving.pop(upstream, None)

        leaving.addBoth(left)


def _start(_: object, upstream: Upstream) -> None:
    upstream.start()


def connector(reactor: Any) -> Any:
    """Return `UpstreamPorts.connect`: its Deferred fails as those of endpoints do."""

    def connect(terms: Terms, factory: Factory[Any]) -> Deferred[Any]:
        provider = terms.provider
        endpoint = tls.endpoint(
            reactor,
            provider.host,
            provider.port,
            terms.connect_timeout,
            tls=provider.tls,
            ca_file=terms.ca_file,
        )
        return endpoint.connect(factory)

    return connect

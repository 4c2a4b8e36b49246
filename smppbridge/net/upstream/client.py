"""The ESME that we are to upstream SMSCs: one upstream for each provider that is one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.protocol import Factory

from smppbridge.net import tls
from smppbridge.net.upstream.sessions import NAMES, Answers, Terms, World
from smppbridge.net.upstream.upstream import Ask, Upstream
from smppbridge.providers.exchange import NotSent

__all__ = ["Answers", "Ask", "SmppClient", "Terms", "World", "connector"]

Counts = dict[tuple[str, ...], float]


class SmppClient:
    """Sends each submit_sm at most once, and tells what came of it.

    What was lost with a session is told as NoAnswer, what never left as NotSent.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._upstreams: dict[str, Upstream] = {}
        self._leaving: dict[Upstream, Deferred[None]] = {}

    def configure(self, wanted: Mapping[str, Terms]) -> None:
        """Be bound to these and no others: what has not changed stays bound as it is.

        Where the way it is bound has changed, the old sessions end first: many an SMSC counts them.
        """
        for name in self._upstreams.keys() - wanted.keys():
            self._leave(self._upstreams.pop(name))
        for name, terms in wanted.items():
            known = self._upstreams.get(name)
            if known is not None and known.terms.binds_as(terms):
                known.terms = terms
                continue
            upstream = self._upstreams[name] = Upstream(name, terms, self._world)
            if known is not None:
                self._leave(known)
            before = [d for old, d in self._leaving.items() if old.name == name]
            DeferredList(before).addCallback(_start, upstream)

    def send(self, provider: str, asks: list[Ask]) -> None:
        """Send each submit_sm; what stands beside it comes back with its answer."""
        upstream = self._upstreams.get(provider)
        if upstream is None:
            gone = [(about, NotSent("the provider is gone")) for about, _ in asks]
            self._world.clock.callLater(0, self._world.answered, gone)
        else:
            upstream.send(asks)

    async def stop(self, seconds: float) -> None:
        """Unbind everywhere; what is out may take *seconds*."""
        for upstream in list(self._leaving):
            upstream.hurry(seconds)
        for upstream in self._upstreams.values():
            self._leave(upstream, seconds)
        self._upstreams.clear()
        await DeferredList(list(self._leaving.values()))

    def bound_counts(self) -> Counts:
        """Return how many sessions are bound, by provider and kind."""
        counts: Counts = {}
        for upstream in self._all():
            for link in upstream.links:
                if link.session.bound:
                    key = (upstream.name, NAMES[link.kind])
                    counts[key] = counts.get(key, 0) + 1
        return counts

    def windows(self) -> Counts:
        """Return how many submit_sm are unanswered, by provider."""
        counts: Counts = {}
        for upstream in self._all():
            out = sum(link.out for link in upstream.links)
            counts[(upstream.name,)] = counts.get((upstream.name,), 0) + out
        return counts

    def waiting(self) -> Counts:
        """Return how many submit_sm wait for room, by provider."""
        return {(name,): upstream.waiting for name, upstream in self._upstreams.items()}

    def _all(self) -> Iterable[Upstream]:
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
    """Return how connections are opened, for `World`; its Deferred fails as endpoints do."""

    def connect(terms: Terms, factory: Factory) -> Deferred[Any]:
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

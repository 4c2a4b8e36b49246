"""Drives exchanges: the only loop that does, for every provider and every wire."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from smppbridge.providers.exchange import NOW, Exchange, Once

Conclusions = list[tuple[Any, Any]]
Conclude = Callable[[Conclusions], None]


@dataclass(slots=True)
class Carried:
    """An exchange on its way; *about* is whose it is, and *conclude* is told how it ended."""

    about: Any
    provider: str
    exchange: Exchange[Any] = field(repr=False)
    conclude: Conclude = field(repr=False)


class Carrier:
    """Starts exchanges, sends what they want sent, feeds them the answers.

    A conclusion is what the exchange returned, or the exception that ended it: NotSent, NoAnswer,
    BadReply, or whatever a faulty provider raised.  Answers come in lists, and so do conclusions.
    """

    def __init__(
        self,
        send: Callable[[str, list[tuple[Carried, Any]]], None],
        wall: Callable[[], float],
    ) -> None:
        self._send, self._wall = send, wall
        self._sharing: dict[tuple[str, str], list[Carried]] = {}

    def carry(
        self,
        provider: str,
        about: Iterable[Any],
        start: Callable[[Any], Exchange[Any]],
        conclude: Conclude,
    ) -> None:
        """Start an exchange with one provider about each of *about*."""
        steps: list[tuple[Carried, Any]] = []
        failed: Conclusions = []
        for one in about:
            try:
                steps.append((Carried(one, provider, start(one), conclude), None))
            except Exception as error:  # a provider's fault must not stop its lane
                failed.append((one, error))
        self.answered(steps)
        if failed:
            conclude(failed)

    def answered(self, answers: Iterable[tuple[Carried, Any]]) -> None:
        """Go on with exchanges whose answers (or NotSent, NoAnswer) have come."""
        asks: dict[str, list[tuple[Carried, Any]]] = {}
        ended: dict[Conclude, Conclusions] = {}
        for carried, answer in answers:
            exchange = carried.exchange
            try:
                throw = isinstance(answer, Exception)
                wanted = exchange.throw(answer) if throw else exchange.send(answer)
                while wanted is NOW:
                    wanted = exchange.send(self._wall())
            except StopIteration as stop:
                ended.setdefault(carried.conclude, []).append((carried.about, stop.value))
            except Exception as error:  # a provider's fault must not stop its lane
                ended.setdefault(carried.conclude, []).append((carried.about, error))
            else:
                if type(wanted) is Once:
                    self._share(carried, wanted)
                else:
                    asks.setdefault(carried.provider, []).append((carried, wanted))
        for provider, some in asks.items():
            self._send(provider, some)
        if ended:
            self._conclude(iter(ended.items()))

    def _conclude(self, ended: Iterator[tuple[Conclude, Conclusions]]) -> None:
        """Tell how exchanges ended; a fault in one place keeps no other from hearing of its own."""
        for conclude, conclusions in ended:
            try:
                conclude(conclusions)
            except Exception:
                self._conclude(ended)
                raise

    def _share(self, carried: Carried, wanted: Once) -> None:
        """Let an exchange wait for one that all who want it share; the first one starts it."""
        key = (carried.provider, wanted.name)
        waiting = self._sharing.get(key)
        if waiting is not None:
            waiting.append(carried)
            return
        self._sharing[key] = [carried]
        self.carry(carried.provider, [key], lambda _: wanted.exchange(), self._shared)

    def _shared(self, conclusions: Conclusions) -> None:
        for key, came_to in conclusions:
            self.answered([(carried, came_to) for carried in self._sharing.pop(key)])

"""carry: the only loop that drives exchanges, for every provider and every wire."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from smppbridge.providers.exchange import NOW, Exchange, NoAnswerYet, Once

Conclusions = list[tuple[Any, Any]]
Conclude = Callable[[Conclusions], None]


@dataclass(slots=True)
class Carried:
    """An exchange on its way about an attempt, a batch or a provider; *conclude* concludes it."""

    about: Any
    provider: str
    exchange: Exchange[Any] = field(repr=False)
    conclude: Conclude = field(repr=False)


class Carrier:
    """Starts exchanges, sends their requests, and gives them the answers.

    A conclusion is the value that an exchange returned, or the exception that ended it: NotSent,
    NoAnswer, BadReply, or any exception of a faulty provider.  Answers and conclusions come in
    lists.  Only Carrier writes the exchanges that wait for a shared exchange.
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
        """Start an exchange with a provider about each of *about*."""
        steps: list[tuple[Carried, Any]] = []
        failed: Conclusions = []
        for each in about:
            try:
                steps.append((Carried(each, provider, start(each), conclude), None))
            except Exception as error:  # a provider's fault must not stop its lane
                failed.append((each, error))
        try:
            self.answered(steps)
        finally:  # a `conclude` that raises keeps no other exchange from its conclusion
            if failed:
                conclude(failed)

    def answered(self, answers: Iterable[tuple[Carried, Any]]) -> None:
        """Continue exchanges by their answers (or NotSent, NoAnswer)."""
        asks: dict[str, list[tuple[Carried, Any]]] = {}
        ended: dict[Conclude, Conclusions] = {}
        for carried, answer in answers:
            exchange = carried.exchange
            if type(answer) is NoAnswerYet:  # the exchange waits on, for `late` to go on with
                ended.setdefault(carried.conclude, []).append((carried.about, answer))
                continue
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
        for provider, requests in asks.items():
            self._send(provider, requests)
        if ended:
            self._conclude(iter(ended.items()))

    def _conclude(self, ended: Iterator[tuple[Conclude, Conclusions]]) -> None:
        """Conclude exchanges; a `conclude` that raises keeps no other from its conclusions."""
        for conclude, conclusions in ended:
            try:
                conclude(conclusions)
            except Exception:
                self._conclude(ended)
                raise

    def _share(self, carried: Carried, wanted: Once) -> None:
        """Let an exchange wait for a shared exchange, which the first that wants it starts."""
        key = (carried.provider, wanted.name)
        waiting = self._sharing.get(key)
        if waiting is not None:
            waiting.append(carried)
            return
        self._sharing[key] = [carried]
        self.carry(carried.provider, [key], lambda _: wanted.exchange(), self._shared)

    def _shared(self, conclusions: Conclusions) -> None:
        for key, conclusion in conclusions:
            self.answered([(carried, conclusion) for carried in self._sharing.pop(key)])

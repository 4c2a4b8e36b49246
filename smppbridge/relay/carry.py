"""Drives exchanges: the only loop that does, for every provider and every wire."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from smppbridge.providers.exchange import Exchange

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

    def __init__(self, send: Callable[[str, list[tuple[Carried, Any]]], None]) -> None:
        self._send = send

    def carry(
        self,
        provider: str,
        about: Iterable[Any],
        start: Callable[[Any], Exchange[Any]],
        conclude: Conclude,
    ) -> None:
        """Start an exchange with one provider about each of *about*."""
        asks: list[tuple[Carried, Any]] = []
        ended: Conclusions = []
        for one in about:
            try:
                exchange = start(one)
                asks.append((Carried(one, provider, exchange, conclude), next(exchange)))
            except StopIteration as stop:
                ended.append((one, stop.value))
            except Exception as error:  # a provider's fault must not stop its lane
                ended.append((one, error))
        if asks:
            self._send(provider, asks)
        if ended:
            conclude(ended)

    def answered(self, answers: Iterable[tuple[Carried, Any]]) -> None:
        """Go on with exchanges whose answers (or NotSent, NoAnswer) have come."""
        more: dict[str, list[tuple[Carried, Any]]] = {}
        ended: dict[Conclude, Conclusions] = {}
        for carried, answer in answers:
            exchange = carried.exchange
            try:
                throw = isinstance(answer, Exception)
                request = exchange.throw(answer) if throw else exchange.send(answer)
                more.setdefault(carried.provider, []).append((carried, request))
            except StopIteration as stop:
                ended.setdefault(carried.conclude, []).append((carried.about, stop.value))
            except Exception as error:
                ended.setdefault(carried.conclude, []).append((carried.about, error))
        for provider, asks in more.items():
            self._send(provider, asks)
        for conclude, conclusions in ended.items():
            conclude(conclusions)

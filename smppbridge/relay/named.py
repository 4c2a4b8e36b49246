"""named: the messages that an ESME names in a query, a cancellation or a replacement; pure.

A message is an account's own, and its addresses are as they were submitted (SMPP 3.4, 4.8.1,
4.9.1): any other message is answered for as if it did not exist.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from smppbridge.model.address import Address
from smppbridge.model.message import Attempt, GatheringKey, KnownState, Message
from smppbridge.model.reasons import Reason
from smppbridge.relay.accept.intake import Observed, Rights
from smppbridge.relay.ports import Around, Journal
from smppbridge.smpp.constants import status_name
from smppbridge.smpp.oddities import Oddity
from smppbridge.smpp.pdus import CancelSm, Pdu, QuerySm, ReplaceSm, refusal
from smppbridge.store.port import EarlyKey, Found, Named, Settlement, Stoppable

Naming = QuerySm | CancelSm | ReplaceSm


class NamedStore(Protocol):
    """The verbs about messages that an ESME names: query, cancel and replace call them.

    A message is named by its message_id, by that of any of its segments, or, with all messages of
    the same submit_multi, by the message_id that the submit_multi was answered.
    """

    def states(self, message_ids: Sequence[int]) -> Awaitable[dict[int, tuple[KnownState, ...]]]:
        """Return the states of the messages that each of the ids names; no row of an unknown id."""

    def named(self, message_ids: Sequence[int]) -> Awaitable[dict[int, tuple[Named, ...]]]:
        """Return the messages that each of the ids names; no row of an unknown id."""

    def stoppable(
        self, queries: Sequence[tuple[str, str]], before: int | None = None
    ) -> Awaitable[dict[tuple[str, str], Stoppable]]:
        """Return messages that can be stopped yet, by (system_id, number), a page of each.

        They are WAITING, or SUBMITTED to a provider that keeps them until their time.  *before* is
        that of the page before: None for the page of the newest.
        """

    def rewrite(self, attempts: Sequence[Attempt]) -> Awaitable[None]:
        """Write new contents of messages, which are WAITING and stay so.

        Written are text or octets, registered_delivery, times, route and traits of the message, and
        the attempt's provider and place in the route.
        """

    def settle(
        self, settlements: Sequence[Settlement], used: Sequence[EarlyKey] = ()
    ) -> Awaitable[None]:
        """Write the states of messages, as `ReportStore.settle` does."""


class NamingSession(Observed, Protocol):
    """A session that names messages."""

    rights: Rights
    interface_version: int  # the peer's

    @property
    def answer(self) -> Callable[[Any], None]:
        """Put a response in line."""

    def flush(self) -> None:
        """Write the responses that are in line."""


Conclude = Callable[[Pdu, Reason | None, str], None]
"""Is given a response, why it is an error, if it is one, and the detail of that."""


@dataclass(slots=True, eq=False)
class FarSession:
    """The session of an ESME at another bridge, or one that other bridges are asked for too.

    Its response is not counted: whoever answers the ESME does so.
    """

    rights: Rights
    interface_version: int
    conclude: Conclude

    def odd(self, oddity: Oddity) -> None:
        """Count nothing: the session's own bridge has seen the request."""

    def answer(self, response: Pdu) -> None:
        """Conclude with a response that needs no reason."""
        self.conclude(response, None, "")

    def flush(self) -> None:
        """Write nothing."""


@dataclass(frozen=True, slots=True)
class Replies:
    """Answers the requests of one operation, counts them and logs those that are refused.

    *event* is the name of a refusal in the log; *log* is None while single messages are not logged.
    """

    operation: str
    event: str
    around: Around
    log: Journal | None = None

    def give(
        self, asker: NamingSession, response: Pdu, why: Reason | None = None, detail: str = ""
    ) -> None:
        """Put a response in line; count why it is an error, if it is one."""
        if isinstance(asker, FarSession):
            asker.conclude(response, why, detail)
            return
        asker.answer(response)
        status, system_id = response.command_status, asker.rights.account.system_id
        self.around.meters.operated(system_id, self.operation, status, 1)
        if why is not None:
            self.around.notes.reason(why.value, system_id, detail=detail or self.operation)
        if status and self.log is not None:
            known = {} if why is None else {"reason": why.value}
            named = status_name(status)
            self.log(self.event, system_id=system_id, command_status=named, **known)

    def refuse(
        self, asker: NamingSession, request: Pdu, status: int, why: Reason, detail: str = ""
    ) -> None:
        """Put the error response to a request in line, and count why."""
        self.give(asker, refusal(request, status), why, detail)


def names_state(request: QuerySm, system_id: str, known: KnownState) -> bool:
    """Return whether a query names a message: an account's own, from the same source."""
    source = Address(known.source, known.plan >> 8, known.plan & 0xFF)
    return known.system_id == system_id and is_source(request, source)


def names(request: CancelSm | ReplaceSm, system_id: str, named: Named) -> bool:
    """Return whether a request names a message, or one that is GATHERING."""
    of: Message | GatheringKey = named.attempt.message if isinstance(named, Found) else named
    return of.system_id == system_id and is_source(request, of.source)


def is_source(request: Naming, source: Address) -> bool:
    """Return whether the source of a request is that of a message.

    TON and NPI are 0 where the ESME does not know them; a plus sign in front of digits says
    nothing.
    """
    ton, npi = request.source_addr_ton, request.source_addr_npi
    if (ton and ton != source.ton) or (npi and npi != source.npi):
        return False
    return _digits(request.source_addr.decode("latin-1")) == _digits(source.addr)


def _digits(addr: str) -> str:
    return addr[1:] if addr[:1] == "+" and addr[1:].isdecimal() else addr

"""The interface of every provider: exchanges, requests and answers, abilities, operations.

A provider never opens a socket, reads a clock or touches the store.  An exchange yields the
requests to be made, receives the answers, and returns its result.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeVar

from smppbridge.model.identifiers import Tolerance
from smppbridge.model.message import Message
from smppbridge.model.mo import Mo, OptOut
from smppbridge.model.outcome import Outcome
from smppbridge.model.report import Report
from smppbridge.smpp.constants import MessageState

T = TypeVar("T")


@dataclass(slots=True)
class HttpRequest:
    """A request to a provider, or a callback from a provider.

    Only the method and the *operation* (for logs and metrics) show in the repr: the rest may hold
    credentials or text.  *headers* of ours is one tuple for all requests of a kind, so that the
    HTTP client need not set the headers anew.
    """

    method: str
    url: str = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    operation: str = "submit"


@dataclass(slots=True)
class HttpResponse:
    """The answer to a request; header names are in lower case."""

    status: int
    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


Exchange = Generator[Any, Any, T]
HttpExchange = Generator[HttpRequest, HttpResponse, T]
Received = Report | Mo | OptOut
EVERY_TAG: Final = range(0x10000)


class Now:
    """Yielded for the time: the driver answers with UNIX seconds."""


NOW: Final = Now()


@dataclass(slots=True)
class Once:
    """Yielded for an *exchange* that all askers of *name* share if they ask at the same time.

    The driver answers with the exchange's result, or raises its error.  Names are a provider's own.
    """

    name: str
    exchange: Callable[[], Exchange[Any]] = field(repr=False)


class NotSent(Exception):
    """The request never left: a repetition is safe."""


class NoAnswer(Exception):
    """The request left and no complete answer came: the provider may have acted on the request."""


class NoAnswerYet(NoAnswer):
    """No answer came in time; the exchange is not ended, for its answer may come late."""


class BadReply(Exception):
    """The provider's answer is none that its documentation describes.

    *reason* is in our own words and can be logged; the message holds the provider's *words* too.
    """

    def __init__(self, reason: str = "", words: str = "") -> None:
        super().__init__(f"{reason}: {words}" if words else reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """The abilities of a provider; settings, routing and relay depend on them.

    The ways of reports: with *callbacks* the provider calls us, with *polling* we query one
    message, with *pulling* we ask for everything new.  *idempotent* is the time in seconds during
    which a request may be repeated under its key (0: no repetition).  *batch* is the number of
    messages in one request, at most.  *schedules*: the provider keeps a message until its time.
    *phones*: the provider delivers messages from phones.  *optouts*: the provider reports by
    callback the phones that opted out.  *needs_callback_url*: each request names our callback URL.
    *callback_answer* is the body with which we have to answer a callback; *longest_answer* and
    *longest_callback* are octets of a body.  *bound*: the provider is kept connected, and reports
    come over that connection, not by HTTP.  *ids*: how ids in reports may differ from those in
    answers.  *prices*: the provider tells the price of a message before the message is sent.
    *cancels*: the provider can be told to drop a scheduled message.
    *classes* and *indications*: the provider has a field for the message class (flash) and for the
    message waiting indication.  *tags* are those of the TLVs that it takes.
    """

    binary: bool = False
    callbacks: bool = False
    polling: bool = False
    pulling: bool = False
    balance: bool = False
    idempotent: float = 0.0
    batch: int = 1
    schedules: bool = False
    phones: bool = False
    optouts: bool = False
    needs_callback_url: bool = False
    callback_answer: bytes = b""
    longest_answer: int = 1_048_576
    longest_callback: int = 65_536
    bound: bool = False
    ids: Tolerance = "exact"
    prices: bool = False
    cancels: bool = False
    classes: bool = False
    indications: bool = False
    tags: frozenset[int] | range = frozenset()

    @property
    def keyed(self) -> bool:
        """Whether messages are submitted by `submit_batch`, under a key of ours."""
        return self.batch > 1 or self.idempotent > 0


@dataclass(frozen=True, slots=True)
class Balance:
    """Credit left at a provider, in *unit*; *expires_at* (UNIX seconds) is None for good."""

    amount: float
    unit: str
    expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """The price of a message in *unit* ("": the account's currency), for *parts* segments."""

    amount: float
    unit: str
    parts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A further operation on the account at the provider, for `smppbridge account`.

    *run* is called with one text for each of *arguments* (an argument whose name ends with ``?``
    may be left out, the last one with ``...`` gets all remaining texts as a list) and returns an
    exchange. The exchange returns a mapping, or a sequence of mappings of plain values.  It raises
    BadReply, with words for an operator, if the provider did not perform the operation, and
    NoAnswer if nobody knows.
    """

    run: Callable[..., Exchange[Any]]
    description: str
    arguments: tuple[str, ...] = ()
    moves_money: bool = False


class ReportWord(NamedTuple):
    """The meaning of a provider's status: its state, and the error that a receipt has of it.

    The *error* is None where the provider's report has a number of its own.
    """

    state: MessageState
    error: int | None


class Provider:
    """The relay's view of a provider, on any wire.

    `submit` and *abilities* are always there; of the other methods a provider has those that its
    abilities name.  A provider is a frozen dataclass: its fields are the keys of its section in the
    configuration.
    """

    __slots__ = ()

    @property
    def abilities(self) -> Abilities:
        """The abilities of the provider, as it is configured."""
        raise NotImplementedError

    @property
    def operations(self) -> Mapping[str, Operation]:
        """The further operations of the provider's API, by name."""
        return MappingProxyType({})

    def submit(self, message: Message) -> Exchange[Outcome]:
        """Submit one message."""
        raise NotImplementedError

    def submit_batch(self, messages: Sequence[Message], key: str) -> Exchange[Sequence[Outcome]]:
        """Submit messages of one group in one request; return one outcome for each, in their order.

        *key* is a random UUID.  A repeated request has the same key, messages and order.  Only
        where *abilities* are keyed; no number is twice in one request.
        """
        raise NotImplementedError

    def group_of(self, message: Message) -> Hashable:
        """Return the properties that all messages of one request must share."""
        return None

    def query(self, message: Message, provider_message_id: str) -> Exchange[Report]:
        """Query the report of a message; only with *polling*.  Raises BadReply.

        The report has the id as the provider answers it: the caller judges another spelling.
        """
        raise NotImplementedError

    def pull(self) -> Exchange[Sequence[Received]]:
        """Fetch new reports, messages and opt-outs; only with *pulling*.  Raises BadReply."""
        raise NotImplementedError

    def read_callback(self, request: HttpRequest) -> Sequence[Received]:
        """Read reports, messages and opt-outs from a provider's request to us; raises BadReply."""
        raise BadReply("this provider does not call back")

    def report_words(self) -> Mapping[str, ReportWord]:
        """Return the statuses that its reports may have, as it spells them; none if none is known.

        The table is for people: a status that is not there can be known as well.
        """
        return MappingProxyType({})

    def balance(self) -> Exchange[Balance]:
        """Query the credit left; only with *balance*.  Raises BadReply."""
        raise NotImplementedError

    def price(self, message: Message) -> Exchange[Price]:
        """Query the price of a message, and send nothing; only with *prices*.  Raises BadReply."""
        raise NotImplementedError

    def cancel(self, message: Message, provider_message_id: str) -> Exchange[bool]:
        """Have a scheduled message dropped; return whether it is.  Only with *cancels*.

        False: the provider says that the message has been sent, or is none of its scheduled ones.
        Raises BadReply.
        """
        raise NotImplementedError

    def call(self, method: str, path: str, body: bytes = b"") -> HttpExchange[HttpResponse]:
        """Make any request of the provider's API, with the credentials added."""
        raise NotImplementedError


def alone(exchange: Exchange[T], wall: Callable[[], float]) -> Exchange[T]:
    """Drive *exchange* without other exchanges to share with: answer NOW and Once, yield requests.

    *wall* returns UNIX seconds.
    """
    answer: Any = None
    step: Callable[[Any], Any] = exchange.send
    while True:
        try:
            wanted = step(answer)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        step = exchange.send
        try:
            if wanted is NOW:
                answer = wall()
            elif isinstance(wanted, Once):
                answer = yield from alone(wanted.exchange(), wall)
            else:
                answer = yield wanted
        except Exception as error:
            step, answer = exchange.throw, error

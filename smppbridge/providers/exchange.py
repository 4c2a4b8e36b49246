"""The shape every provider has, and the little it is built from.

A provider never opens a socket, reads a clock or touches the store.  It yields the requests it
wants made, is sent the answers, and returns what they mean.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, TypeVar

from smppbridge.model.message import Message
from smppbridge.model.mo import Mo, OptOut
from smppbridge.model.outcome import Outcome
from smppbridge.model.report import Report

T = TypeVar("T")


@dataclass(slots=True)
class HttpRequest:
    """A request to be made of a provider, or one that a provider made of us.

    Only the method and the *operation* (for logs and metrics) show in its repr: the rest may hold
    credentials or text.  *headers* of ours is one tuple for all requests of a kind, so that the
    client need not set it anew.
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
Heard = Report | Mo | OptOut


class Now:
    """Yielded to learn the time: the answer is UNIX seconds."""


NOW: Final = Now()


@dataclass(slots=True)
class Once:
    """Yielded to have *exchange* carried out once for all who want *name* at the same time.

    The answer is what it returned; what it raised is raised.  Names are a provider's own.
    """

    name: str
    exchange: Callable[[], Exchange[Any]] = field(repr=False)


class NotSent(Exception):
    """The request never left: asking again is safe."""


class NoAnswer(Exception):
    """The request left and no complete answer came: it may have been heeded."""


class BadReply(Exception):
    """The provider said something its documentation does not describe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """What a provider can do; settings, routing and relay go by it.

    *callbacks*, *polling* and *pulling* tell how reports can come: it calls us, it is asked about
    one message, it is asked for whatever is new.  *idempotent* is for how many seconds a request
    may be repeated under its key (0: not at all).  *batch* is how many messages one request may
    carry.  *schedules* says that it can keep a message until its time, *phones* that it brings
    messages from phones, *optouts* that it tells by callback who wants no more of them.
    *told_where* says that it must be told our callback URL with each request, *callback_answer* is
    the body that it wants in return for a callback; *longest_answer* is in octets.  *bound* is one
    that is kept connected: what it has to tell comes over that, not by HTTP.
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
    told_where: bool = False
    callback_answer: bytes = b""
    longest_answer: int = 1_048_576
    bound: bool = False

    @property
    def keyed(self) -> bool:
        """Whether messages are handed over by `submit_batch`, under a key of ours."""
        return self.batch > 1 or self.idempotent > 0


@dataclass(frozen=True, slots=True)
class Balance:
    """Credit left at a provider, in *unit*; *expires_at* (UNIX seconds) if it can lapse."""

    amount: float
    unit: str
    expires_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """Something else that an account at the provider can be asked, for `smppbridge account`.

    *run* is called with one text for each of *arguments* (one whose name ends with ``?`` may be
    left out, one that ends with ``...`` takes all that remain as a list) and returns an exchange:
    it comes to a mapping, or a sequence of mappings of plain values.  It raises BadReply, with
    words an operator can use, if the provider did not do it, and NoAnswer if nobody knows.
    """

    run: Callable[..., Exchange[Any]]
    description: str
    arguments: tuple[str, ...] = ()
    moves_money: bool = False


class Provider:
    """What the relay needs of a provider, whatever wire it is on.

    `submit` and *abilities* are always there; of the rest a provider has what its abilities say.
    A provider is a frozen dataclass: its fields are the keys of its section in the configuration.
    """

    __slots__ = ()

    @property
    def abilities(self) -> Abilities:
        """What it can do, as it is configured."""
        raise NotImplementedError

    @property
    def operations(self) -> Mapping[str, Operation]:
        """What else its API offers, by name."""
        return MappingProxyType({})

    def submit(self, message: Message) -> Exchange[Outcome]:
        """Hand one message over."""
        raise NotImplementedError

    def submit_batch(self, messages: Sequence[Message], key: str) -> Exchange[Sequence[Outcome]]:
        """Hand messages of one group over in one request; one outcome for each, in their order.

        *key* is a random UUID.  A request that is repeated has the same key, messages and order.
        Only where *abilities* are keyed; no number is in it twice.
        """
        raise NotImplementedError

    def group_of(self, message: Message) -> Hashable:
        """Return what messages that may share a request have in common."""
        return None

    def query(self, message: Message, provider_message_id: str) -> Exchange[Report]:
        """Ask what became of a message; only where it has *polling*.  Raises BadReply."""
        raise NotImplementedError

    def pull(self) -> Exchange[Sequence[Heard]]:
        """Ask for what is new; only where it has *pulling*.  Raises BadReply."""
        raise NotImplementedError

    def read_callback(self, request: HttpRequest) -> Sequence[Heard]:
        """Read what a request says that the provider made of us; raises BadReply."""
        raise BadReply("this provider does not call back")

    def balance(self) -> Exchange[Balance]:
        """Ask for the credit left; only where it has *balance*.  Raises BadReply."""
        raise NotImplementedError

    def call(self, method: str, path: str, body: bytes = b"") -> HttpExchange[HttpResponse]:
        """Make any request of its API, with the credentials that it wants."""
        raise NotImplementedError


def alone(exchange: Exchange[T], wall: Callable[[], float]) -> Exchange[T]:
    """Answer what *exchange* asks of its driver, for one that has nobody to share with.

    What remains to be answered are requests.  *wall* returns UNIX seconds.
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

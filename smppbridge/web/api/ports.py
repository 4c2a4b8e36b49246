"""ports: the parts of a running bridge that operations use."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from smppbridge.model.account import Account
from smppbridge.providers.exchange import Balance
from smppbridge.relay.deliver import Outbox
from smppbridge.relay.lanes.lanes import Lanes
from smppbridge.relay.ports import Clock
from smppbridge.store.database import Database
from smppbridge.store.lookup import NotAStore
from smppbridge.store.port import StoreFailure
from smppbridge.store.readers import TooBusy, TooSlow
from smppbridge.web.api.cdr import CdrPort
from smppbridge.web.api.configuration import ConfigurationPort
from smppbridge.web.api.doctor import DoctorPort
from smppbridge.web.api.live import Live
from smppbridge.web.api.reasons import ReasonPort
from smppbridge.web.api.relay_ports import RelayPorts
from smppbridge.web.api.restart import RestartPort
from smppbridge.web.api.traces import TracePort
from smppbridge.web.keyring import Keyring
from smppbridge.web.logins import Logins
from smppbridge.web.operations import ApiRequest
from smppbridge.web.problems import RequestRefused

T = TypeVar("T")
StoreQuestion = Callable[[Database], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFacts:
    """A session with an ESME, as it is now; *kind* is empty before its bind, *age* is seconds."""

    id: str
    account: str
    kind: str
    address: str
    tls: bool
    age: float
    silent: float
    interface_version: int
    window_in: int
    window_in_of: int
    window_out: int
    window_out_of: int
    faults: int
    oddities: tuple[str, ...]


class Sessions(Protocol):
    """The sessions with ESMEs."""

    def listed(self) -> Sequence[SessionFacts]:
        """Return all sessions."""

    def unbind(self, id: str, reason: str) -> bool:
        """Unbind a session; return whether there is such a session."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiPorts:
    """The parts of a running bridge.

    *ask* asks the store on a thread for readers, *act* changes the store by hand, *note* writes an
    act down.  *ready* are the conditions for messages to be accepted, *figures* the measurements;
    *node* is the name of this bridge among those that share its store, None where it is alone.
    """

    version: str
    clock: Clock
    keyring: Keyring
    logins: Logins
    ask: Callable[[StoreQuestion], Awaitable[Any]]
    act: Callable[[StoreQuestion], Awaitable[Any]]
    note: Callable[[ApiRequest, str, str, Mapping[str, Any]], Awaitable[None]]
    lanes: Lanes
    upstream_up: Callable[[str], bool]
    balances: Callable[[], Mapping[str, Balance]]
    types: Callable[[], Mapping[str, str]]
    accounts: Callable[[], Mapping[str, Account]]
    outboxes: Mapping[str, Outbox]
    sessions: Sessions
    gathering: Callable[[], int]
    ready: Callable[[], Mapping[str, bool]]
    figures: Callable[[], Mapping[str, float]]
    relay: RelayPorts
    origin: Callable[[], str]
    traces: TracePort
    configuration: ConfigurationPort
    doctor: DoctorPort
    restart: RestartPort
    cdr: CdrPort
    live: Live
    reasons: ReasonPort
    node: str | None = None


async def read(call: ApiRequest, question: Callable[[Database], T]) -> T:
    """Return the store's answer to a question; raises RequestRefused if it cannot be had."""
    try:
        answer: T = await call.ports.ask(question)
    except TooSlow:
        raise RequestRefused(
            504, "the search took too long: ask for a shorter time or a number"
        ) from None
    except TooBusy:
        raise RequestRefused(503, "too many searches at once") from None
    except NotAStore:
        raise RequestRefused(503, "the store cannot be read now") from None
    return answer


async def write(call: ApiRequest, act: Callable[[Database], T]) -> T:
    """Carry out an act in the store; raises RequestRefused if nothing could be written."""
    try:
        done: T = await call.ports.act(act)
    except StoreFailure:
        raise RequestRefused(503, "the store cannot be written now") from None
    return done

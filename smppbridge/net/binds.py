"""Binds judged: credentials, addresses, numbers of sessions, and which session gives way."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from smppbridge.model.account import Account, Network, Secret, in_networks
from smppbridge.model.channel import CLEAR, Channel
from smppbridge.net.password_checks import PasswordChecks
from smppbridge.net.penalties import Penalties
from smppbridge.net.room import origin_of
from smppbridge.relay.accept.intake import Rights
from smppbridge.smpp.constants import CommandId
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.oddities import FORGIVABLE
from smppbridge.smpp.pdus import Bind

PROBE = 2.0  # seconds for a silent session to show that it lives
CHECKS = 2  # password checks at once: each takes a core and 64 MiB
UNKNOWN, PASSWORD, ALLOW_FROM = "unknown_system_id", "wrong_password", "allow_from"
BINDS, RELOADED, STOPPING = "binds", "reloaded", "stopping"
PLACES_UNKNOWN = "places_unknown"
NOT_FORGIVEN = "not_forgiven"
"""Why a bind is refused, beside what `model.channel` has; the peer cannot tell the first three from
each other."""
REPLACED = "silent, and gave way to a new session"
_STAND_IN = (  # of no password: an unknown system_id takes as long as a known one
    "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$"
    "dGhpcyBpcyB0aGUgaGFzaCBvZiBubyBwYXNzd29yZC4"
)


class BoundSession(Protocol):
    """A session, as far as binds are concerned; *bound_as* is the command_id of its bind."""

    bound_as: int

    def probe(self) -> None:
        """Send an enquire_link."""

    def last_heard(self) -> float:
        """Return when the peer's last octet came (monotonic seconds)."""

    def replace(self, reason: str) -> None:
        """Cut the connection: a new session takes its place."""


class PlacesUnknown(Exception):
    """The database that counts the sessions of all nodes does not answer."""


class BindPlaces(Protocol):
    """The places that accounts have for their sessions at all nodes of a cluster together."""

    async def take(self, account: Account, command_id: int, host: str) -> int:
        """Take a place for a session; return the number of the place, 0 if there is none.

        A silent session gives its place up, at whichever node.  Raises PlacesUnknown; a call that
        is cancelled leaves nothing behind.
        """

    def adopt(self, system_id: str, command_id: int) -> int:
        """Return the place of a session that was bound before a restart, whatever their number."""

    def leave(self, place: int) -> None:
        """Free a place."""


@dataclass(frozen=True, slots=True)
class JudgedBind:
    """A bind that is judged: its account's rights, or the status and the reason of a refusal.

    *known_by* is the password of the account that the bind had.
    """

    rights: Rights | None
    status: int = Status.ESME_ROK
    reason: str = ""
    known_by: Secret | None = None


def verify_password(hashed: str, password: str) -> bool:
    """Return whether *password* has an argon2id hash (blocks: for a worker thread)."""
    try:
        return PasswordHasher().verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False


class Binds:
    """Judges binds.

    *verified* is `verify_password` on a worker thread, *wait* resolves after seconds, *places* are
    None for a bridge that has its accounts alone.  `change`
    writes *rights* and *forgives*, the oddities that some account is forgiven; `bound` and
    `unbound` write *sessions*; all are read by the Smsc.
    """

    def __init__(
        self,
        *,
        verified: Callable[[str, str], Awaitable[bool]],
        wait: Callable[[float], Awaitable[None]],
        seconds: Callable[[], float],
        places: BindPlaces | None = None,
    ) -> None:
        self.rights: dict[str, Rights] = {}
        self.forgives: frozenset[str] = frozenset()
        self.sessions: dict[str, list[BoundSession]] = {}
        self.penalties = Penalties()
        self._checks = PasswordChecks(
            verified, CHECKS, lambda who: self.penalties.guessed(who, seconds())
        )
        self._wait, self._seconds = wait, seconds
        self._expected: frozenset[Network] = frozenset()
        self._reserved: dict[str, list[tuple[int, int]]] = {}  # command_id and place of each
        self._places = places
        self._places_of: dict[BoundSession, int] = {}
        self._probed: list[BoundSession] = []
        self._key = secrets.token_bytes(32)
        self._remembered: dict[tuple[str, str], bytes] = {}  # by system_id and hash

    def change(self, rights: Mapping[str, Rights]) -> None:
        """Judge by new accounts from now on."""
        self.rights = dict(rights)
        self._remembered.clear()
        forgiven = [each.account.habits.forgives for each in rights.values()]
        self.forgives = FORGIVABLE.intersection(frozenset[str]().union(*forgiven))
        allowed = [each.account.allow_from or () for each in rights.values()]
        self._expected = frozenset(network for networks in allowed for network in networks)

    def expects(self, host: str) -> bool:
        """Return whether some account names *host* in its allow_from."""
        return bool(self._expected) and in_networks(host, self._expected)

    async def judge(self, bind: Bind, host: str, channel: Channel = CLEAR) -> JudgedBind:
        """Judge a bind from *host* over *channel*; a cancelled one leaves nothing behind.

        A place for the session is reserved: `release` gives the place up, `bound` fills it.
        """
        system_id, origin = bind.system_id.decode("latin-1"), origin_of(host)
        if delay := self.penalties.delay(origin, system_id, self._seconds()):
            await self._wait(delay)
        rights = self.rights.get(system_id)
        reason = UNKNOWN if rights is None else ""
        if rights is not None and not rights.account.allows_address(host):
            rights, reason = None, ALLOW_FROM
        password = bind.password.decode("latin-1")
        # One answer for all three, after the same time: who guesses learns from none of them.
        known_by = await self._known_by(system_id, password, rights, host)
        if known_by is None or rights is None:
            self.penalties.count(origin, system_id, self._seconds())
            return JudgedBind(None, Status.ESME_RINVPASWD, reason or PASSWORD)
        self.penalties.forgive(origin, system_id)
        if why := rights.account.refuses(channel):
            return JudgedBind(None, Status.ESME_RBINDFAIL, why)
        if not await self._has_place(rights.account, bind.command_id):
            return JudgedBind(None, Status.ESME_RBINDFAIL, BINDS)
        place = 0
        if self._places is not None:
            try:
                place = await self._places.take(rights.account, bind.command_id, host)
            except PlacesUnknown:
                return JudgedBind(None, Status.ESME_RBINDFAIL, PLACES_UNKNOWN)
            if not place:
                return JudgedBind(None, Status.ESME_RBINDFAIL, BINDS)
        if self.rights.get(system_id) is not rights:  # a reload came between: bind again
            self._leave(place)
            return JudgedBind(None, Status.ESME_RBINDFAIL, RELOADED)
        self._reserved.setdefault(system_id, []).append((bind.command_id, place))
        return JudgedBind(rights, known_by=known_by)

    def release(self, system_id: str, command_id: int) -> None:
        """Give up a reserved place."""
        self._leave(self._take_reserved(system_id, command_id))

    def bound(self, system_id: str, session: BoundSession) -> None:
        """Fill a reserved place with a bound session."""
        place = self._take_reserved(system_id, session.bound_as)
        self._fill(system_id, session, place)

    def adopt(self, system_id: str, session: BoundSession) -> None:
        """Give a place to a session that was bound before a restart."""
        place = self._places.adopt(system_id, session.bound_as) if self._places else 0
        self._fill(system_id, session, place)

    def unbound(self, system_id: str, session: BoundSession) -> None:
        """Free the place of a session that is gone, if the session still has one."""
        sessions = self.sessions.get(system_id, [])
        if session in sessions:
            sessions.remove(session)
            self._leave(self._places_of.pop(session, 0))
        if not sessions:
            self.sessions.pop(system_id, None)

    def _take_reserved(self, system_id: str, command_id: int) -> int:
        reserved = self._reserved[system_id]
        found = next(each for each in reserved if each[0] == command_id)
        reserved.remove(found)
        if not reserved:
            del self._reserved[system_id]
        return found[1]

    def _fill(self, system_id: str, session: BoundSession, place: int) -> None:
        self.sessions.setdefault(system_id, []).append(session)
        if place:
            self._places_of[session] = place

    def _leave(self, place: int) -> None:
        if place and self._places is not None:
            self._places.leave(place)

    async def _known_by(
        self, system_id: str, password: str, rights: Rights | None, host: str
    ) -> Secret | None:
        """Return the account's password that *password* is; None after the same time for all."""
        valid, origin, taken = rights.account.passwords if rights else (), origin_of(host), 0
        known = [secret for secret in valid if self._is_known(system_id, password, secret)]
        if known:
            return known[0]
        for secret in valid:
            if secret.hashed:
                taken += 1
                if await self._checks.verified(origin, secret.hashed, password):
                    key = system_id, secret.hashed
                    self._remembered[key] = self._digest(password, secret)
                    return secret
        for _ in range(taken, self._checks_from(host)):
            await self._checks.verified(origin, _STAND_IN, password)
        return None

    def _is_known(self, system_id: str, password: str, secret: Secret) -> bool:
        """Return whether *secret* is *password*, as far as that takes no password check."""
        if not secret.hashed:
            return hmac.compare_digest(secret.clear.encode(), password.encode())
        remembered = self._remembered.get((system_id, secret.hashed), b"")
        return hmac.compare_digest(remembered, self._digest(password, secret))

    def _digest(self, password: str, secret: Secret) -> bytes:
        return hmac.digest(self._key, f"{secret.hashed}\0{password}".encode(), "sha256")

    def _checks_from(self, host: str) -> int:
        """Return how many password checks some bind from *host* takes: then all do that fail."""
        accounts = [each.account for each in self.rights.values()]
        return max(
            (sum(bool(s.hashed) for s in a.passwords) for a in accounts if a.allows_address(host)),
            default=0,
        )

    async def _has_place(self, account: Account, command_id: int) -> bool:
        """Return whether one more session fits; the longest silent session gives way if dead."""
        if self._fits(account, command_id):
            return True
        found = await self._probe(account.system_id, self._in_the_way(account, command_id))
        return found and self._fits(account, command_id)

    async def probe(self, system_id: str, command_id: int) -> None:
        """Let the longest silent session of an account give way if dead; 0: of any kind.

        For a bind at another node that found all places taken.
        """
        sessions = self.sessions.get(system_id, [])
        await self._probe(system_id, [s for s in sessions if command_id in (0, s.bound_as)])

    async def _probe(self, system_id: str, sessions: list[BoundSession]) -> bool:
        """Cut the longest silent of *sessions* unless it answers; False: all are probed already."""
        sessions = [s for s in sessions if s not in self._probed]
        if not sessions:
            return False
        silent = min(sessions, key=_last_heard)
        asked_at = self._seconds()
        self._probed.append(silent)
        silent.probe()
        try:
            await self._wait(PROBE)
        finally:
            self._probed.remove(silent)
        if silent.last_heard() < asked_at and silent in self.sessions.get(system_id, ()):
            self.unbound(system_id, silent)
            silent.replace(REPLACED)
        return True

    def _in_the_way(self, account: Account, command_id: int) -> list[BoundSession]:
        sessions = self.sessions.get(account.system_id, [])
        if self._count(account.system_id) >= account.binds:
            return sessions
        return [s for s in sessions if s.bound_as == command_id]

    def _fits(self, account: Account, command_id: int) -> bool:
        of_kind = most_of_kind(account, command_id)
        if self._count(account.system_id) >= account.binds:
            return False
        return of_kind is None or self._count(account.system_id, command_id) < of_kind

    def _count(self, system_id: str, command_id: int | None = None) -> int:
        taken = [s.bound_as for s in self.sessions.get(system_id, [])]
        taken += [command_id for command_id, _ in self._reserved.get(system_id, ())]
        return len(taken) if command_id is None else taken.count(command_id)


def most_of_kind(account: Account, command_id: int) -> int | None:
    """Return how many sessions an account may have that are bound by *command_id*; None: any."""
    return {
        CommandId.BIND_TRANSMITTER: account.binds_transmitter,
        CommandId.BIND_RECEIVER: account.binds_receiver,
        CommandId.BIND_TRANSCEIVER: account.binds_transceiver,
    }[CommandId(command_id)]


def _last_heard(session: BoundSession) -> float:
    return session.last_heard()

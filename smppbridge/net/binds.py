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

    *verified* is `verify_password` on a worker thread, *wait* resolves after seconds.  `change`
    writes *rights* and *forgives*, the oddities that some account is forgiven; `bound` and
    `unbound` write *sessions*; all are read by the Smsc.
    """

    def __init__(
        self,
        *,
        verified: Callable[[str, str], Awaitable[bool]],
        wait: Callable[[float], Awaitable[None]],
        seconds: Callable[[], float],
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
        self._reserved: dict[str, list[int]] = {}
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
        if self.rights.get(system_id) is not rights:  # a reload came between: bind again
            return JudgedBind(None, Status.ESME_RBINDFAIL, RELOADED)
        self._reserved.setdefault(system_id, []).append(bind.command_id)
        return JudgedBind(rights, known_by=known_by)

    def release(self, system_id: str, command_id: int) -> None:
        """Give up a reserved place."""
        reserved = self._reserved[system_id]
        reserved.remove(command_id)
        if not reserved:
            del self._reserved[system_id]

    def bound(self, system_id: str, session: BoundSession) -> None:
        """Fill a reserved place with a bound session."""
        self.release(system_id, session.bound_as)
        self.sessions.setdefault(system_id, []).append(session)

    def adopt(self, system_id: str, session: BoundSession) -> None:
        """Give a place to a session that was bound before a restart."""
        self.sessions.setdefault(system_id, []).append(session)

    def unbound(self, system_id: str, session: BoundSession) -> None:
        """Free the place of a session that is gone, if the session still has one."""
        sessions = self.sessions.get(system_id, [])
        if session in sessions:
            sessions.remove(session)
        if not sessions:
            self.sessions.pop(system_id, None)

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
        sessions = self._in_the_way(account, command_id)
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
        if silent.last_heard() < asked_at and silent in self.sessions.get(account.system_id, ()):
            self.unbound(account.system_id, silent)
            silent.replace(REPLACED)
        return self._fits(account, command_id)

    def _in_the_way(self, account: Account, command_id: int) -> list[BoundSession]:
        sessions = self.sessions.get(account.system_id, [])
        if self._count(account.system_id) >= account.binds:
            return sessions
        return [s for s in sessions if s.bound_as == command_id]

    def _fits(self, account: Account, command_id: int) -> bool:
        of_kind = {
            CommandId.BIND_TRANSMITTER: account.binds_transmitter,
            CommandId.BIND_RECEIVER: account.binds_receiver,
            CommandId.BIND_TRANSCEIVER: account.binds_transceiver,
        }[CommandId(command_id)]
        if self._count(account.system_id) >= account.binds:
            return False
        return of_kind is None or self._count(account.system_id, command_id) < of_kind

    def _count(self, system_id: str, command_id: int | None = None) -> int:
        taken = [s.bound_as for s in self.sessions.get(system_id, [])]
        taken += self._reserved.get(system_id, [])
        return len(taken) if command_id is None else taken.count(command_id)


def _last_heard(session: BoundSession) -> float:
    return session.last_heard()

"""Binds judged: credentials, addresses, numbers of sessions, and which session gives way."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from smppbridge.model.account import Account, Secret
from smppbridge.relay.accept.accept import Rights
from smppbridge.smpp.constants import CommandId
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.pdus import Bind

PROBE = 2.0  # seconds for a silent session to show that it lives
FIRST_DELAY, LONGEST_DELAY = 0.25, 8.0  # seconds an address waits after a wrong password
FORGIVEN_AFTER = 300.0
MOST_ADDRESSES = 10_000
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

    def close(self) -> None:
        """Cut the connection."""


@dataclass(slots=True)
class _Offence:
    failures: int
    at: float


class Penalties:
    """Delays for addresses that give wrong credentials; bounded, forgiving after a while.

    Only the instance writes its counts.
    """

    def __init__(self) -> None:
        self._offences: dict[str, _Offence] = {}

    def delay(self, host: str, now: float) -> float:
        """Return the seconds that *host* has to wait for the answer to its next bind."""
        offence = self._offences.get(host)
        if offence is None:
            return 0.0
        if offence.at + FORGIVEN_AFTER < now:
            del self._offences[host]
            return 0.0
        return float(min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(offence.failures - 1, 10)))

    def count(self, host: str, now: float) -> None:
        """Count a bind with wrong credentials."""
        offence = self._offences.pop(host, _Offence(0, now))
        self._offences[host] = _Offence(offence.failures + 1, now)
        if len(self._offences) > MOST_ADDRESSES:
            del self._offences[next(iter(self._offences))]

    def forgive(self, host: str) -> None:
        """Forget the failures of *host*: it gave a right password."""
        self._offences.pop(host, None)


def verify_password(hashed: str, password: str) -> bool:
    """Return whether *password* has an argon2id hash (blocks: for a worker thread)."""
    try:
        return PasswordHasher().verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False


class Binds:
    """Judges binds.

    *verified* is `verify_password` on a worker thread, *wait* resolves after seconds.  `change`
    writes *rights*, `bound` and `unbound` write *sessions*; both are read by the Smsc.
    """

    def __init__(
        self,
        *,
        verified: Callable[[str, str], Awaitable[bool]],
        wait: Callable[[float], Awaitable[None]],
        seconds: Callable[[], float],
    ) -> None:
        self.rights: dict[str, Rights] = {}
        self.sessions: dict[str, list[BoundSession]] = {}
        self.penalties = Penalties()
        self._verified, self._wait, self._seconds = verified, wait, seconds
        self._reserved: dict[str, list[int]] = {}
        self._probed: list[BoundSession] = []
        self._key = secrets.token_bytes(32)
        self._remembered: dict[str, bytes] = {}

    def change(self, rights: Mapping[str, Rights]) -> None:
        """Judge by new accounts from now on."""
        self.rights = dict(rights)
        self._remembered.clear()

    async def judge(self, bind: Bind, host: str) -> tuple[Rights | None, int]:
        """Return the rights of a bind's account and ESME_ROK, or None and the refusal's status.

        A place for the session is reserved: `release` gives the place up, `bound` fills it.
        """
        delay = self.penalties.delay(host, self._seconds())
        if delay:
            await self._wait(delay)
        system_id = bind.system_id.decode("latin-1")
        rights = self.rights.get(system_id)
        if not await self._knows_password(system_id, bind.password.decode("latin-1"), rights):
            self.penalties.count(host, self._seconds())
            return None, Status.ESME_RINVPASWD
        self.penalties.forgive(host)
        if rights is None or not rights.account.allows_address(host):
            return None, Status.ESME_RBINDFAIL
        if not await self._has_place(rights.account, bind.command_id):
            return None, Status.ESME_RBINDFAIL
        if self.rights.get(system_id) is not rights:  # a reload came between: bind again
            return None, Status.ESME_RBINDFAIL
        self._reserved.setdefault(system_id, []).append(bind.command_id)
        return rights, Status.ESME_ROK

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

    def unbound(self, system_id: str, session: BoundSession) -> None:
        """Free the place of a session that is gone, if the session still has one."""
        sessions = self.sessions.get(system_id, [])
        if session in sessions:
            sessions.remove(session)
        if not sessions:
            self.sessions.pop(system_id, None)

    async def _knows_password(self, system_id: str, password: str, rights: Rights | None) -> bool:
        secret = rights.account.password if rights else Secret()
        if not secret.hashed:
            known = hmac.compare_digest(secret.clear.encode(), password.encode())
            if known and rights:
                return True
            if any(r.account.password.hashed for r in self.rights.values()):
                await self._verified(_STAND_IN, password)
            return False
        digest = hmac.digest(self._key, f"{secret.hashed}\0{password}".encode(), "sha256")
        if hmac.compare_digest(self._remembered.get(system_id, b""), digest):
            return True
        if not await self._verified(secret.hashed, password):
            return False
        self._remembered[system_id] = digest
        return True

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
        await self._wait(PROBE)
        self._probed.remove(silent)
        if silent.last_heard() < asked_at and silent in self.sessions.get(account.system_id, ()):
            self.unbound(account.system_id, silent)
            silent.close()
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

"""keyring: who may come in: sessions, tokens, one-time links.  Secrets are kept as digests only."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from typing import Literal

from smppbridge.model.account import Network, in_networks

Role = Literal["viewer", "operator", "billing", "admin"]
Via = Literal["session", "token", "socket"]

ANYBODY: frozenset[Role] = frozenset(("viewer", "operator", "billing", "admin"))
VIEWER: frozenset[Role] = frozenset(("viewer", "operator", "admin"))
OPERATOR: frozenset[Role] = frozenset(("operator", "admin"))
ADMIN: frozenset[Role] = frozenset(("admin",))
BILLING: frozenset[Role] = frozenset(("billing", "admin"))
"""The roles that may carry out an operation."""

IDLE, WHOLE = 12 * 3_600.0, 7 * 86_400.0
"""Seconds that a session may do nothing, and that it may last."""
SESSIONS, LINKS = 10, 10
"""Sessions of one user at a time, and links that wait to be used."""
LINK = 60.0
"""Seconds that a one-time link works."""


@dataclass(frozen=True, slots=True)
class User:
    """A person who may log in; *hashed* is an argon2id hash."""

    name: str
    role: Role
    hashed: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Token:
    """A program that may call; *digest* is the SHA-256 of the token in hexadecimal digits."""

    name: str
    role: Role
    digest: str = field(repr=False)
    allow_from: tuple[Network, ...] | None = None
    expires: float | None = None


@dataclass(frozen=True, slots=True)
class Requester:
    """The person or program that makes a request; *csrf* is that of a session."""

    name: str
    role: Role
    via: Via
    csrf: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class HandedLogin:
    """A session that passes to the next program; *digest* is its cookie's, times are ages.

    *user* is a digest of the user in the configuration, empty for a user of a link.
    """

    digest: str = field(repr=False)
    name: str
    role: Role
    csrf: str = field(repr=False)
    user: str = field(repr=False)
    lasting: float
    idle: float


@dataclass(slots=True)
class _Login:
    who: Requester
    since: float
    used: float
    configured: bool  # a user of the configuration, not the one of a link


def digest_of(secret: str) -> str:
    """Return the SHA-256 of a secret in hexadecimal digits."""
    return sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


class Keyring:
    """The sessions, tokens and links in force.  Only the instance writes which they are.

    Sessions are in memory: the end of the process logs everybody out.  *now* are monotonic seconds,
    *wall* is UNIX time.
    """

    def __init__(self, now: Callable[[], float], wall: Callable[[], float]) -> None:
        self._now, self._wall = now, wall
        self.users: Mapping[str, User] = {}
        self._tokens: Mapping[str, Token] = {}
        self._logins: dict[str, _Login] = {}  # by the digest of the cookie
        self._links: dict[str, tuple[Requester, float]] = {}  # by the digest of the code

    def change(self, users: Sequence[User], tokens: Sequence[Token]) -> None:
        """Go by new users and tokens: sessions of users that are gone or changed end."""
        old, self.users = self.users, {user.name: user for user in users}
        self._tokens = {token.digest: token for token in tokens}
        for key, login in list(self._logins.items()):
            name = login.who.name
            if login.configured and old.get(name) != self.users.get(name):
                del self._logins[key]

    def token(self, secret: str, address: str) -> Requester | None:
        """Return who a token stands for; None if it is unknown, expired or not for the address."""
        token = self._tokens.get(digest_of(secret))
        if token is None or (token.expires is not None and token.expires <= self._wall()):
            return None
        if token.allow_from is not None and not in_networks(address, token.allow_from):
            return None
        return Requester(token.name, token.role, "token")

    def session(self, cookie: str, *, used: bool = True) -> Requester | None:
        """Return whose session a cookie stands for, None if there is no such session any more.

        A look at a session that is not *used* does not keep it from being idle.
        """
        key, now = digest_of(cookie), self._now()
        login = self._logins.get(key)
        if login is None:
            return None
        if now - login.used > IDLE or now - login.since > WHOLE:
            del self._logins[key]
            return None
        if used:
            login.used = now
        return login.who

    def log_in(self, name: str, role: Role) -> tuple[str, Requester]:
        """Begin a session of a user; return its cookie and who it stands for."""
        own = [key for key, login in self._logins.items() if login.who.name == name]
        for key in own[: max(0, len(own) - SESSIONS + 1)]:
            del self._logins[key]
        cookie, now = secrets.token_urlsafe(32), self._now()
        who = Requester(name, role, "session", secrets.token_urlsafe(32))
        self._logins[digest_of(cookie)] = _Login(who, now, now, name in self.users)
        return cookie, who

    def handed(self) -> list[HandedLogin]:
        """Return the sessions for the next program."""
        now = self._now()
        return [
            HandedLogin(
                digest=digest,
                name=login.who.name,
                role=login.who.role,
                csrf=login.who.csrf,
                user=self._known(login.who.name) if login.configured else "",
                lasting=now - login.since,
                idle=now - login.used,
            )
            for digest, login in self._logins.items()
        ]

    def adopt(self, handed: Iterable[HandedLogin]) -> None:
        """Go on with sessions of the program before, but for those of users who changed."""
        now = self._now()
        for each in handed:
            if not each.user or each.user == self._known(each.name):
                who = Requester(each.name, each.role, "session", each.csrf)
                since, used = now - each.lasting, now - each.idle
                self._logins[each.digest] = _Login(who, since, used, bool(each.user))

    def _known(self, name: str) -> str:
        user = self.users.get(name)
        return digest_of(f"{user.role} {user.hashed}") if user else "nobody"

    def log_out(self, cookie: str) -> None:
        """End a session."""
        self._logins.pop(digest_of(cookie), None)

    def link(self, name: str, seconds: float = LINK) -> str:
        """Return a code that logs its bearer in as an admin of that name, once and soon."""
        code, now = secrets.token_urlsafe(32), self._now()
        self._links = {k: v for k, v in self._links.items() if v[1] > now}
        while len(self._links) >= LINKS:
            del self._links[next(iter(self._links))]
        self._links[digest_of(code)] = (Requester(name, "admin", "socket"), now + seconds)
        return code

    def redeem(self, code: str) -> tuple[str, Requester] | None:
        """Use a code up; return the cookie of a new session and who it stands for."""
        who, until = self._links.pop(digest_of(code), (None, 0.0))
        if who is None or until <= self._now():
            return None
        return self.log_in(who.name, who.role)


def is_csrf(who: Requester, given: bytes) -> bool:
    """Return whether a request that changes something comes from a page of ours."""
    return who.via != "session" or compare_digest(who.csrf.encode(), given)

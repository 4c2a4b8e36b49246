"""session: who am I; log in with a password or a one-time link; log out."""

from __future__ import annotations

from pydantic import Field

from smppbridge.web.api.shapes import Done
from smppbridge.web.door import cookie_name
from smppbridge.web.keyring import ADMIN, ANYBODY, LINK, WHOLE, Requester, Role
from smppbridge.web.operations import API, Answer, ApiRequest, Sent
from smppbridge.web.problems import RequestRefused


class Me(Answer):
    """The person or program that asks."""

    user: str
    role: Role
    csrf: str | None = Field(description="What X-CSRF-Token has to be; absent for a token")


class Password(Sent):
    """A name and a password."""

    user: str = Field(min_length=1, max_length=64)
    password: str = Field(min_length=1, max_length=1024)


class LoginCode(Sent):
    """The code of a one-time link."""

    code: str = Field(min_length=1, max_length=128)


class LoginLink(Answer):
    """A link that logs its bearer in, once."""

    url: str
    seconds: float = Field(description="How long the link works")
    node: str | None = Field(description="Of several that share a store: the one that it is for")


@API.operation("GET", "/session", ANYBODY, returns=Me)
async def get_session(call: ApiRequest) -> Me:
    """The person or program that asks, and its role."""
    return _me(call.who)


@API.operation(
    "POST",
    "/session",
    frozenset(),
    body=Password,
    returns=Me,
    refusals=(401, 429, 503),
    audited=False,
)
async def log_in(call: ApiRequest) -> Me:
    """Log in with a password."""
    body: Password = call.body
    user = await call.ports.logins.judge(body.user, body.password, call.address)
    if user is None:
        await call.ports.note(call, "login_refused", body.user, {})
        raise RequestRefused(401, "wrong user or password")
    await call.ports.note(call, "login", user.name, {"role": user.role})
    return _begun(call, *call.ports.keyring.log_in(user.name, user.role))


@API.operation(
    "POST",
    "/session/link",
    frozenset(),
    body=LoginCode,
    returns=Me,
    refusals=(401, 503),
    audited=False,
)
async def use_link(call: ApiRequest) -> Me:
    """Log in with a one-time link."""
    found = call.ports.keyring.redeem(call.body.code)
    if found is None:
        await call.ports.note(call, "login_refused", "link", {})
        raise RequestRefused(401, "this link has been used, or is too old")
    await call.ports.note(call, "login", found[1].name, {"role": found[1].role})
    return _begun(call, *found)


@API.operation("POST", "/session/links", ADMIN, returns=LoginLink, socket_only=True)
async def make_link(call: ApiRequest) -> LoginLink:
    """Make a one-time link; only over the admin socket."""
    code = call.ports.keyring.link(call.actor)
    url = f"{call.ports.origin()}/#link={code}"
    return LoginLink(url=url, seconds=LINK, node=call.ports.node)


@API.operation("DELETE", "/session", ANYBODY, returns=Done)
async def log_out(call: ApiRequest) -> Done:
    """Log out."""
    call.ports.keyring.log_out(call.cookie)
    call.headers += _set_cookie(call, "", 0)
    return Done()


def _begun(call: ApiRequest, cookie: str, who: Requester) -> Me:
    call.headers += _set_cookie(call, cookie, int(WHOLE))
    return _me(who)


def _me(who: Requester | None) -> Me:
    if who is None:
        raise RequestRefused(401, "log in, or send a token")
    return Me(user=who.name, role=who.role, csrf=who.csrf or None)


def _set_cookie(call: ApiRequest, value: str, age: int) -> bytes:
    secure = "; Secure" if call.secure else ""
    return (
        f"Set-Cookie: {cookie_name(call.secure)}={value}; Path=/; Max-Age={age}; HttpOnly"
        f"; SameSite=Strict{secure}\r\n"
    ).encode()

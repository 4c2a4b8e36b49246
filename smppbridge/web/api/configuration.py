"""configuration: the settings in force, and those of the file: compared, checked, applied."""

from __future__ import annotations

from typing import Literal, Protocol

from pydantic import Field

from smppbridge.web.api.shapes import Cursor, Moment
from smppbridge.web.keyring import ADMIN, VIEWER
from smppbridge.web.operations import API, Answer, ApiRequest, Sent

Takes = Literal["now", "new_sessions", "restart"]


class SettingItem(Answer):
    """A setting in force."""

    key: str = Field(description="As accounts[0].window")
    value: str = Field(description="As a file has it, with its variables; of a secret: secret")
    origin: str = Field(
        description="Where it comes from: file:line, env (a variable is in it), profile (of the"
        " account), default, or program (without a file)"
    )


class ConfigurationPage(Answer):
    """Settings in force, in the order of the schema."""

    items: list[SettingItem]
    next: str | None
    file: str | None = Field(description="Absent: the bridge runs without one")
    applied_at: Moment
    changed: bool = Field(description="The file was written after it was applied")


class ConfigurationQuery(Sent):
    """A choice of settings."""

    limit: int = Field(default=5_000, ge=1, le=5_000, description="Most items of the page")
    cursor: Cursor | None = Field(default=None, description="`next` of the page before")
    defaults: bool = Field(default=True, description="Also those that nobody has set")


class ChangeItem(Answer):
    """A setting in which the file differs; no value of a secret is shown."""

    key: str = Field(description="With names for places, as accounts[bank].window")
    old: str | None = Field(serialization_alias="from", description="Absent: there is none")
    new: str | None = Field(serialization_alias="to", description="Absent: there is none")
    takes: Takes = Field(
        description="When it would take effect: now, for sessions that bind from now on, or not"
        " before a restart"
    )


class FaultItem(Answer):
    """A fault or a warning, and its place in the file."""

    file: str
    line: int = Field(description="0: of the whole file")
    key: str
    message: str
    warning: bool


class ConfigurationChanges(Answer):
    """The settings in which the file differs from those in force."""

    changes: list[ChangeItem]
    refused: str | None = Field(description="Why the file cannot be applied; absent: it can")
    faults: list[FaultItem] = Field(description="Those of a file that cannot be read as settings")
    node: str | None = Field(
        default=None, description="Of several that share a store: the one whose file it is"
    )


class ConfigurationCheck(Answer):
    """The faults of the file."""

    ok: bool = Field(description="There are no faults, but maybe warnings")
    faults: list[FaultItem]


class IfMatch(Sent):
    """The changes that were looked at."""

    if_match: str = Field(
        pattern=r'^"[0-9a-f]{16}"$', description="The ETag of /config/diff, which was looked at"
    )


class ConfigurationPort(Protocol):
    """The configuration of a bridge; each method raises RequestRefused."""

    async def page(self, query: ConfigurationQuery) -> ConfigurationPage:
        """Return settings in force."""

    async def changes(self) -> tuple[str | None, ConfigurationChanges]:
        """Return a tag, None for a file that has faults, and the changes that the file makes."""

    async def check(self) -> ConfigurationCheck:
        """Return the faults of the file."""

    async def apply(self, tag: str | None) -> ConfigurationChanges:
        """Apply the file that a tag stands for, the file as it is now without a tag."""


@API.operation(
    "GET", "/config", VIEWER, query=ConfigurationQuery, returns=ConfigurationPage, refusals=(503,)
)
async def list_settings(call: ApiRequest) -> ConfigurationPage:
    """The settings in force, and where each comes from; no secrets."""
    page: ConfigurationPage = await call.ports.configuration.page(call.query)
    return page


@API.operation("GET", "/config/diff", VIEWER, returns=ConfigurationChanges, refusals=(409,))
async def compare_settings(call: ApiRequest) -> ConfigurationChanges:
    """The settings in which the file differs from those in force; the ETag stands for both."""
    tag, changes = await call.ports.configuration.changes()
    if tag is not None:
        call.headers += f'ETag: "{tag}"\r\n'.encode()
    return _of_node(call, changes)


@API.operation("POST", "/config/check", ADMIN, returns=ConfigurationCheck, refusals=(409,))
async def check_settings(call: ApiRequest) -> ConfigurationCheck:
    """Check the file as start-up would; nothing is changed."""
    found: ConfigurationCheck = await call.ports.configuration.check()
    return found


@API.operation(
    "POST",
    "/config/apply",
    ADMIN,
    header=IfMatch,
    returns=ConfigurationChanges,
    refusals=(409, 412),
)
async def apply_settings(call: ApiRequest) -> ConfigurationChanges:
    """Apply the file, as SIGHUP does: all of it, or nothing and the reason."""
    tag = call.header.if_match.strip('"')
    return _of_node(call, await call.ports.configuration.apply(tag))


@API.operation("POST", "/config/reload", ADMIN, returns=ConfigurationChanges, refusals=(409,))
async def reload_settings(call: ApiRequest) -> ConfigurationChanges:
    """Apply the file as it is now, as SIGHUP does: all of it, or nothing and the reason."""
    return _of_node(call, await call.ports.configuration.apply(None))


def _of_node(call: ApiRequest, changes: ConfigurationChanges) -> ConfigurationChanges:
    return changes.model_copy(update={"node": call.ports.node})

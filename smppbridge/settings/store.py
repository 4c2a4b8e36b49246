"""The store in the configuration: a file of SQLite, or a database that several bridges share."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import quote, unquote

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, model_validator

from smppbridge.settings import secrets
from smppbridge.settings.section import Section, wrong
from smppbridge.settings.values import Text, context_of

DEFAULT: Final = "sqlite:/var/lib/smppbridge/bridge.db"
_SHARED: Final = ("postgresql://", "postgres://")
_USER: Final = re.compile(r"(postgres(?:ql)?://[^/?#@:]*)(?::([^?#]*))?@")
_HOSTS: Final = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[^\[\]:@,]*)(:[0-9]{1,5})?")
_PARAMETER: Final = re.compile(r"(?<=[?&])password=([^&]*)(?:&|\Z)")
_REST: Final = re.compile(r"[?#].*\Z", re.DOTALL)
_MOST_DAYS: Final = 60


def is_database(address: str) -> bool:
    """Return whether a store is a database of PostgreSQL, by its URL."""
    return address.startswith(_SHARED)


def _url(value: str) -> str:
    path = value.removeprefix("sqlite:")
    if not value.isprintable() or (is_database(value) and " " in value):
        raise ValueError("must be printable, and a URL has no blanks: write %20")
    if value.startswith(("postgresql:", "postgres:")) and not is_database(value):
        raise ValueError("must be as postgresql://bridge@db1,db2/smppbridge")
    if is_database(value):
        authority = re.split("[/?#]", value.partition("://")[2], maxsplit=1)[0]
        if not all(map(_HOSTS.fullmatch, authority.rpartition("@")[2].split(","))):
            raise ValueError("has no hosts; of a password % @ : / ? # are %25 %40 %3A %2F %3F %23")
    elif path == value or not path or path.startswith(":"):
        raise ValueError("must be sqlite: and the path of a file, or postgresql:// and a database")
    return value


def _read(value: Any) -> Any:
    """Return the keys of a store that is given as a URL, and the password out of the URL."""
    keys = {"url": value} if isinstance(value, str) else value
    if not isinstance(keys, dict) or not isinstance(url := keys.get("url"), str):
        return keys
    bare, password = _without_password(url)
    if password is None:
        return {**keys, "url": bare}
    if keys.get("password") is not None:
        raise wrong([("password", "is in the URL too")])
    return {**keys, "url": bare, "password": password}


def _without_password(url: str) -> tuple[str, str | None]:
    if not is_database(url):
        return url, None
    password = None
    if (found := _USER.match(url)) and found[2] is not None:
        url, password = f"{found[1]}@{url[found.end() :]}", unquote(found[2]) or None
    if found := _PARAMETER.search(url):
        url = (url[: found.start()] + url[found.end() :]).rstrip("?&")
        password = unquote(found[1])
    return url, password


def _secret(value: Any, info: ValidationInfo) -> str | None:
    return None if value is None else secrets.clear_text(value, context_of(info).folder)


class StoreSection(Section):
    """Where messages are kept."""

    url: Annotated[Text, AfterValidator(_url)] = Field(
        description="sqlite:PATH, or postgresql://bridge@db1,db2/smppbridge and its parameters"
        " (with the extra `postgresql` of the package), which several bridges may share"
    )
    password: Annotated[str | None, BeforeValidator(_secret)] = Field(
        default=None,
        repr=False,
        description="For PostgreSQL: text or {file: PATH}; absent: as PGPASSWORD, .pgpass or the"
        " server's trust have it",
    )
    synchronous: Literal["require", "warn", "off"] = Field(
        default="require",
        description="For PostgreSQL: whether a standby must have what is committed. require: no"
        " start without one; warn: said at every start; off: a fail-over may lose answered messages"
        " and send others twice",
    )
    partitions_ahead: Annotated[int, Field(ge=3, le=_MOST_DAYS)] = Field(
        default=14, description="For PostgreSQL: days for which tables are made beforehand"
    )

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        if faults := list(self._needless()):
            raise wrong(faults)
        return self

    def _needless(self) -> Iterator[tuple[str, str]]:
        if not self.is_shared:
            for key in sorted(self.model_fields_set - {"url"}):
                yield key, "is only for a store on PostgreSQL"

    @property
    def is_shared(self) -> bool:
        """Whether several bridges may share the store: whether the store is on PostgreSQL."""
        return is_database(self.url)

    @property
    def address(self) -> str:
        """The path of the file; of a database the URL, with the password: never to be shown."""
        if not self.is_shared:
            return self.url.removeprefix("sqlite:")
        joint = "&" if "?" in self.url else "?"
        secret = "" if self.password is None else f"password={quote(self.password, safe='')}&"
        return f"{self.url}{joint}{secret}client_encoding=UTF8"

    @property
    def place(self) -> str:
        """The path of the file, or the URL without its parameters: for people."""
        return place_of(self.address)


def place_of(address: str) -> str:
    """Return the address of a store without password and parameters."""
    if not is_database(address):
        return address
    return _REST.sub("", _USER.sub(r"\1@", address))


ReadStore = BeforeValidator(_read)
"""Reads a store that is given as a URL, or as keys and values."""

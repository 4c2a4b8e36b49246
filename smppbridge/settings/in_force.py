"""Every setting in force with its value and where the value comes from; no secret is a value.

A key in a list of things with names has the name beside: ``accounts[0].window`` is of ``bank``, and
two configurations are compared by names, so that a new account does not change all that follow.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic.fields import FieldInfo

from smppbridge.model.account import Secret
from smppbridge.settings.document import Document, join
from smppbridge.settings.example import written, yaml_of
from smppbridge.settings.schema import Settings
from smppbridge.settings.section import Section
from smppbridge.settings.store import StoreSection

SECRET: Final = "secret"
DEFAULT, ENVIRONMENT, PROFILE, PROGRAM = "default", "env", "profile", "program"
_ABSENT: Final = object()
_NAMES: Final = ("system_id", "name")
_LONGEST: Final = 500  # characters of a value
_FREE: Final = frozenset(("headers", "parameters", "body", "each", "auth"))
"""Keys of templates in which people may have written a credential as it is."""
_IN_URL: Final = re.compile(r"((?<=://)(?=[^/@\s]*@)|\?(?=[^\s]*=))[^/@\s\"]*")


@dataclass(frozen=True, slots=True)
class ListedSetting:
    """A setting in force, its value as a file has it, and where the value comes from.

    *origin* is file:line, env (a variable is in it), profile, default, or program for settings that
    are of no file; *named* is the key with names instead of places in lists; *value* is ``secret``
    for a secret that is set.  *effect* is the value as the bridge goes by it, secrets too.
    """

    key: str
    named: str
    value: str
    origin: str
    effect: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class ChangedSetting:
    """A setting in which two configurations differ; None stands for no such setting."""

    key: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a section stands: its key, the key by names, and whether it is within a secret."""

    key: str = ""
    named: str = ""
    hidden: bool = False

    def step(self, key: str | int, name: str = "", *, hidden: bool = False) -> _Place:
        named = f"{self.named}[{name}]" if name else join(self.named, key)
        return _Place(join(self.key, key), named, self.hidden or hidden)


def listed(settings: Settings) -> Iterator[ListedSetting]:
    """Yield all settings, in the order of the schema."""
    document = settings.document
    yield from _Listing(document).section(settings, document.values, _Place())


def differences(old: Settings, new: Settings) -> list[ChangedSetting]:
    """Return the settings in which two configurations differ, in the order of the new one.

    Of an account, a provider or a list item that only one of them has, the keys that are set.
    """
    before = {each.named: each for each in listed(old)}
    after = {each.named: each for each in listed(new)}
    named = [*after, *(name for name in before if name not in after)]
    found = (_difference(name, before.get(name), after.get(name)) for name in named)
    return [each for each in found if each is not None]


def _difference(
    name: str, old: ListedSetting | None, new: ListedSetting | None
) -> ChangedSetting | None:
    one = new or old
    if one is None or (old and new and old.effect == new.effect):
        return None
    if not (old and new) and one.origin == DEFAULT:
        return None
    return ChangedSetting(name, old.value if old else None, new.value if new else None)


class _Listing:
    """Walks through settings beside the values of their document."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._file = Path(document.file).name
        self._spelled = document.spelled

    def section(self, section: Section, raw: Any, place: _Place) -> Iterator[ListedSetting]:
        """Yield the settings of a section; *raw* is the section in the document."""
        had = raw if isinstance(raw, Mapping) else {}
        for name, each in type(section).model_fields.items():
            hidden = not each.repr or name in _FREE
            inner, value = place.step(name, hidden=hidden), getattr(section, name)
            given = name in section.model_fields_set
            yield from self._value(each, value, had.get(name, _ABSENT), inner, given=given)

    def _value(
        self, each: FieldInfo, value: Any, raw: Any, place: _Place, *, given: bool
    ) -> Iterator[ListedSetting]:
        if isinstance(value, Section) and (raw is _ABSENT or isinstance(raw, Mapping)):
            yield from self.section(value, raw, place)
        elif _is_list(value) and isinstance(raw, list | tuple) and len(raw) == len(value):
            for index, (inner, own) in enumerate(zip(value, raw, strict=True)):
                yield from self.section(inner, own, place.step(index, _name(inner)))
        elif _is_mapping(value) and isinstance(raw, Mapping) and len(raw) == len(value):
            for (name, inner), own in zip(value.items(), raw.values(), strict=True):
                yield from self.section(inner, own, place.step(name))
        else:
            shown = self._shown(each, value, raw, place)
            origin = self._origin(raw, place.key, given=given)
            yield ListedSetting(place.key, place.named, shown, origin, value)

    def _shown(self, each: FieldInfo, value: Any, raw: Any, place: _Place) -> str:
        if isinstance(value, StoreSection) and not isinstance(raw, Mapping):
            return yaml_of(value.place if value.is_shared else value.url)
        if _holds(value) and (place.hidden or _has_secret(value)):
            return SECRET
        if raw is _ABSENT or not self._document.file:
            shown = written(each, value)
        else:
            shown = yaml_of(self._as_in_file(raw, place.key))
        shown = _IN_URL.sub(r"\1...", shown)
        return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}..."

    def _origin(self, raw: Any, key: str, *, given: bool) -> str:
        if not self._document.file:
            return PROGRAM if given else DEFAULT
        if raw is _ABSENT:
            return PROFILE if given else DEFAULT
        if any(each == key or each.startswith((f"{key}.", f"{key}[")) for each in self._spelled):
            return ENVIRONMENT
        return f"{self._file}:{self._document.lines[self._document.nearest(key)]}"

    def _as_in_file(self, raw: Any, key: str) -> Any:
        """Return a value with the variables that the file has in the place of their values."""
        if isinstance(raw, Mapping):
            return {name: self._as_in_file(each, join(key, name)) for name, each in raw.items()}
        if isinstance(raw, list | tuple):
            return [self._as_in_file(each, join(key, n)) for n, each in enumerate(raw)]
        return self._spelled.get(key, raw)


def _is_list(value: Any) -> bool:
    return bool(value) and isinstance(value, tuple) and all(isinstance(v, Section) for v in value)


def _is_mapping(value: Any) -> bool:
    if not isinstance(value, Mapping) or not value:
        return False
    return all(isinstance(each, Section) for each in value.values())


def _holds(value: Any) -> bool:
    """Return whether a setting has a value at all, which may be a secret."""
    return value is not None and value != "" and value != () and value != {}


def _has_secret(value: Any) -> bool:
    """Return whether a value that is written as a whole has a secret in it."""
    if isinstance(value, Secret):
        return True
    if isinstance(value, Section):
        fields = type(value).model_fields.items()
        return any(
            _holds(inner) and (not each.repr or name in _FREE or _has_secret(inner))
            for name, each in fields
            for inner in (getattr(value, name),)
        )
    if isinstance(value, Mapping):
        return any(map(_has_secret, value.values()))
    return isinstance(value, list | tuple) and any(map(_has_secret, value))


def _name(section: Section) -> str:
    """Return the name of an item of a list, empty if such items have none."""
    found = (getattr(section, key, "") for key in _NAMES)
    return next((str(each) for each in found if each), "")

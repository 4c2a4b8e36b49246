"""configuration_answers: the configuration of a bridge, as the API answers it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING

from smppbridge.service.apply import NotApplied, check_change, read_certificates, takes_effect
from smppbridge.service.configuration import ConfigurationChanged, NoFile
from smppbridge.settings.document import BadSettings, Fault
from smppbridge.settings.in_force import DEFAULT, ChangedSetting
from smppbridge.settings.schema import Settings
from smppbridge.web.api.configuration import (
    ChangeItem,
    ConfigurationChanges,
    ConfigurationCheck,
    ConfigurationPage,
    ConfigurationQuery,
    FaultItem,
    SettingItem,
)
from smppbridge.web.api.shapes import cursor, moment
from smppbridge.web.problems import Blame, RequestRefused

if TYPE_CHECKING:
    from smppbridge.service.bridge import Bridge

_MOST_BLAMES = 20
_FAULTY = "the file has faults"


class ConfigurationAnswers:
    """The configuration of a bridge, as the API answers it."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge

    async def page(self, query: ConfigurationQuery) -> ConfigurationPage:
        """Return settings in force."""
        bridge = self._bridge
        found = await bridge.configuration.listed()
        if not query.defaults:
            found = [each for each in found if each.origin != DEFAULT]
        first = 0 if query.cursor is None else int(query.cursor, 16)
        shown = found[first : first + query.limit]
        last = first + len(shown)
        file = bridge.settings.document.file
        return ConfigurationPage(
            items=[SettingItem(key=s.key, value=s.value, origin=s.origin) for s in shown],
            next=cursor(last) if last < len(found) else None,
            file=file or None,
            applied_at=moment(bridge.applied_at),
            changed=_written(file) > bridge.applied_at,
        )

    async def changes(self) -> tuple[str | None, ConfigurationChanges]:
        """Return a tag, None for a file that has faults, and the changes; raises RequestRefused."""
        try:
            with _no_file():
                compared = await self._bridge.configuration.compare()
        except BadSettings as error:
            faults = [_fault(each) for each in error.faults]
            return None, ConfigurationChanges(changes=[], refused=_FAULTY, faults=faults)
        return compared.tag, _changes(compared.changes, await self._objection(compared.new))

    async def _objection(self, new: Settings) -> str | None:
        """Return why settings could not be applied now."""
        bridge = self._bridge
        try:
            read_certificates(new)
            await check_change(bridge.settings, new, bridge.relay, bridge.store)
        except NotApplied as error:
            return str(error)
        return None

    async def check(self) -> ConfigurationCheck:
        """Return the faults of the file; raises RequestRefused."""
        with _no_file():
            _, faults = await self._bridge.configuration.check()
        items = [_fault(each) for each in faults]
        return ConfigurationCheck(ok=all(each.warning for each in items), faults=items)

    async def apply(self, tag: str | None) -> ConfigurationChanges:
        """Apply the file that a tag stands for, or as it is now; raises RequestRefused."""
        with _refused():
            return _changes(await self._bridge.configuration.apply(tag), None)


def _changes(found: Iterable[ChangedSetting], refused: str | None) -> ConfigurationChanges:
    items = [
        ChangeItem(key=each.key, old=each.old, new=each.new, takes=takes_effect(each.key))
        for each in found
    ]
    return ConfigurationChanges(changes=items, refused=refused, faults=[])


def _fault(fault: Fault) -> FaultItem:
    return FaultItem(**asdict(fault))


@contextmanager
def _no_file() -> Iterator[None]:
    try:
        yield
    except NoFile:
        raise RequestRefused(409, "the bridge runs without a configuration file") from None


@contextmanager
def _refused() -> Iterator[None]:
    try:
        with _no_file():
            yield
    except ConfigurationChanged:
        detail = "the file or the configuration in force has changed: look at /config/diff again"
        raise RequestRefused(412, detail) from None
    except NotApplied as error:
        raise RequestRefused(409, str(error)) from None
    except BadSettings as error:
        raise RequestRefused(409, _FAULTY, _blames(error.faults)) from None


def _blames(faults: Sequence[Fault]) -> list[Blame]:
    return [
        Blame(loc=f"{each.file}:{each.line}", msg=f"{each.key}: {each.message}".removeprefix(": "))
        for each in faults[:_MOST_BLAMES]
    ]


def _written(file: str) -> float:
    """Return when a file was written, UNIX seconds; 0 if that is not known."""
    try:
        return os.stat(file).st_mtime
    except OSError:
        return 0.0

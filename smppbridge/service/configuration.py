"""configuration: the file of a running bridge: read anew, compared, checked, applied.

One at a time, whether at SIGHUP or over the API; the file is read on a thread.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from twisted.internet.defer import DeferredLock
from twisted.internet.threads import deferToThreadPool

from smppbridge.service.apply import NotApplied, verify, warnings
from smppbridge.settings.configuration import load
from smppbridge.settings.document import BadSettings, Fault
from smppbridge.settings.in_force import ChangedSetting, ListedSetting, differences, listed
from smppbridge.settings.schema import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from smppbridge.service.bridge import Bridge

T = TypeVar("T")


class NoFile(Exception):
    """The bridge runs without a configuration file: there is none to be read anew."""


class ConfigurationChanged(Exception):
    """The file, or the configuration in force, has changed since the two were compared."""


@dataclass(frozen=True, slots=True)
class Compared:
    """The settings in which the file differs from those in force; *tag* stands for the two."""

    tag: str
    changes: list[ChangedSetting]
    old: Settings
    new: Settings


class Configuration:
    """The configuration in force and its file.  Only the instance writes the last comparison."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._lock = DeferredLock()
        self._compared: Compared | None = None

    async def reload(self) -> None:
        """Apply the file, or log why the configuration in force stays."""
        bridge = self._bridge
        bridge.notify.reloading(bridge.clock.monotonic())
        try:
            await self._locked_apply(None)
        except (BadSettings, NotApplied, NoFile):
            pass  # the log has the reason
        finally:
            bridge.notify.ready(bridge.status())

    async def apply(self, tag: str | None) -> list[ChangedSetting]:
        """Apply the file as it was compared, as it is now without a tag; return the changes.

        Raises BadSettings, NotApplied, NoFile, ConfigurationChanged.
        """
        return await self._locked_apply(tag)

    async def compare(self) -> Compared:
        """Compare the file with the settings in force; raises BadSettings, NoFile."""
        await self._lock.acquire()
        try:
            return await self._compare(await self._read())
        finally:
            self._lock.release()

    async def check(self) -> tuple[Settings | None, list[Fault]]:
        """Return the settings of the file, and its faults and warnings; raises NoFile."""
        try:
            settings = await self._read()
        except BadSettings as error:
            return None, list(error.faults)
        return settings, list(doubts(settings, self._bridge.reactor))

    async def listed(self) -> list[ListedSetting]:
        """Return the settings in force."""
        settings = self._bridge.settings
        return await self._on_thread(lambda: list(listed(settings)))

    async def _locked_apply(self, tag: str | None) -> list[ChangedSetting]:
        bridge = self._bridge
        await self._lock.acquire()
        try:
            settings = await self._read()
            found = await self._compare(settings)
            if tag not in (None, found.tag):
                raise ConfigurationChanged
            for fault in verify(settings, bridge.reactor):
                raise NotApplied(f"{fault.key}: {fault.message}")
            await bridge.apply(settings)
        except BadSettings as error:
            for each in error.faults:
                where = f"{each.file}:{each.line}: {each.key}"
                bridge.journal("configuration_refused", where=where, reason=each.message)
            bridge.refused()
            raise
        except NotApplied as error:
            bridge.journal("configuration_refused", reason=str(error))
            bridge.refused()
            raise
        finally:
            self._lock.release()
        bridge.journal("configuration_applied")
        return found.changes

    async def _read(self) -> Settings:
        file = self._bridge.settings.document.file
        if not file:
            raise NoFile
        return await self._on_thread(lambda: load(Path(file)))

    async def _compare(self, new: Settings) -> Compared:
        """Compare settings with those in force; as long as both are the same, so is the tag."""
        old, before = self._bridge.settings, self._compared
        if before is None or before.old is not old or before.new != new:
            changes = await self._on_thread(lambda: differences(old, new))
            self._compared = before = Compared(secrets.token_hex(8), changes, old, new)
        return before

    async def _on_thread(self, work: Callable[[], T]) -> T:
        bridge = self._bridge
        done: T = await deferToThreadPool(bridge.reactor, bridge.pool, work)
        return done


def doubts(settings: Settings, reactor: Any) -> Iterator[Fault]:
    """Yield the faults and warnings of settings that can be read, as `check` has them."""
    yield from settings.warnings()
    store = settings.store
    folder = Path(store.address).parent
    given = "store" in settings.document.lines and not store.is_shared
    if given and not os.path.isdir(folder):
        message = f"the folder {folder} is not there, or may not be looked into"
        yield settings.fault("store", message, warning=True)
    found = [settings.fault(each.key, each.message) for each in verify(settings, reactor)]
    yield from found
    for each in () if found else warnings(settings, time.time()):
        yield settings.fault(each.key, each.message, warning=True)

"""cdr_answers: the CDR files of a bridge, as the API answers them."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from twisted.internet.interfaces import IReactorTime
from twisted.internet.threads import deferToThreadPool

from smppbridge.cdr.export import hour_of
from smppbridge.cdr.folder import BadFolder, Folder, ManifestEntry
from smppbridge.service.child import ChildFailed, ChildRunning
from smppbridge.web.api.cdr import CdrFile, CdrFiles, CdrReconciliation
from smppbridge.web.api.shapes import cursor
from smppbridge.web.operations import ApiRequest, Streamed
from smppbridge.web.problems import RequestRefused
from smppbridge.web.request import Outflow

if TYPE_CHECKING:
    from smppbridge.service.bridge import Bridge

LONGEST = 60.0
"""Seconds that a reconciliation may take over the API."""
DOWNLOADS = 4
PIECE = 1 << 18
"""Octets of a file that are read at a time."""
PAUSE = 0.02
"""Seconds until a peer that reads too slowly is looked at again."""
PATIENCE = 60.0
"""Seconds that a peer may read nothing at all."""
_RECONCILED = (0, 1)  # exit statuses of `export --reconcile`


class CdrAnswers:
    """The CDR files of a bridge; only the instance writes how many downloads go on."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._downloads = 0

    async def files(self, limit: int, before: int | None) -> CdrFiles:
        """Return a page of the files, the newest first; raises RequestRefused."""
        if self._bridge.settings.cdr.folder is None:
            return CdrFiles(items=[], next=None, folder=None)
        folder, entries = self._folder(), await self._manifest()
        newest = sorted(entries.values(), key=lambda e: (hour_of(e.file), e.file), reverse=True)
        first = len(newest) - before if before is not None and before <= len(newest) else 0
        shown = newest[first : first + limit]
        left = len(newest) - first - len(shown)
        items = await self._on_thread(lambda: [_item(folder.path, entry) for entry in shown])
        return CdrFiles(items=items, next=cursor(left) if left else None, folder=str(folder.path))

    async def download(self, call: ApiRequest, name: str) -> Streamed:
        """Return a file that the manifest names; raises RequestRefused."""
        folder, entries = self._folder(), await self._manifest()
        if name not in entries:
            raise RequestRefused(404, "no such file is in the manifest")
        if self._downloads >= DOWNLOADS:
            raise RequestRefused(503, f"{DOWNLOADS} files are being downloaded")
        path = folder.path / name
        try:
            with open(path, "rb") as file:
                size = os.fstat(file.fileno()).st_size
        except OSError as error:
            raise RequestRefused(404, f"the file cannot be read: {error.strerror}") from None
        call.headers += f'Content-Disposition: attachment; filename="{name}"\r\n'.encode()
        return Streamed(lambda outflow: self._begin(path, outflow), size)

    def _begin(self, path: Path, outflow: Outflow) -> None:
        try:
            file = open(path, "rb")  # noqa: SIM115  # closed by the download
        except OSError:
            outflow.cut()
            return
        self._downloads += 1
        Download(file, outflow, self._bridge.reactor, self._done)

    async def reconcile(self, since: datetime | None, until: datetime | None) -> CdrReconciliation:
        """Compare the files with the store, by a process of its own; raises RequestRefused."""
        bridge, folder = self._bridge, self._folder()
        words = ["export", "--reconcile", "--json", *bridge.beside.store]
        words += ["--folder", str(folder.path)]
        for option, at in (("--since", since), ("--until", until)):
            words += [option, at.isoformat()] if at else []
        try:
            octets = await bridge.beside.reconciling.run(words, _RECONCILED, LONGEST)
        except ChildRunning:
            raise RequestRefused(503, "a reconciliation is under way") from None
        except ChildFailed as error:
            raise RequestRefused(504, f"no reconciliation: {error}") from None
        return CdrReconciliation(**json.loads(octets))

    def _done(self) -> None:
        self._downloads -= 1

    def _folder(self) -> Folder:
        path = self._bridge.settings.cdr.folder
        if path is None:
            raise RequestRefused(409, "the bridge writes no CDR files: cdr.folder is not set")
        return Folder(path)

    async def _manifest(self) -> dict[str, ManifestEntry]:
        try:
            found: dict[str, ManifestEntry] = await self._on_thread(self._folder().manifest)
        except (BadFolder, OSError) as error:
            raise RequestRefused(409, f"the manifest cannot be read: {error}") from None
        return found

    async def _on_thread(self, work: Any) -> Any:
        return await deferToThreadPool(self._bridge.reactor, self._bridge.pool, work)


class Download:
    """A file on its way, as fast as its peer reads.  Only the instance writes how far it is."""

    def __init__(self, file: BinaryIO, outflow: Outflow, reactor: IReactorTime, done: Any) -> None:
        self._file, self._outflow, self._reactor, self._done = file, outflow, reactor, done
        self._open = True
        self._read_at = reactor.seconds()
        outflow.watch(self._close)
        self._go_on()

    def _go_on(self) -> None:
        if not self._open:
            return
        if self._outflow.is_full and self._reactor.seconds() - self._read_at > PATIENCE:
            self._close()
            self._outflow.cut()
            return
        if not self._outflow.is_full:
            self._read_at = self._reactor.seconds()
            piece = self._file.read(PIECE)
            if not piece:
                self._close()
                self._outflow.end()
                return
            self._outflow.push(piece)
        self._reactor.callLater(PAUSE if self._outflow.is_full else 0, self._go_on)

    def _close(self) -> None:
        if self._open:
            self._open = False
            self._file.close()
            self._done()


def _item(folder: Path, entry: ManifestEntry) -> CdrFile:
    try:
        octets = (folder / entry.file).stat().st_size
    except OSError:
        octets = None
    return CdrFile(
        file=entry.file,
        records=entry.records,
        segments=entry.segments,
        sha256=entry.sha256,
        octets=octets,
    )

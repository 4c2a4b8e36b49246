"""The folder of CDR files: whole files only, a manifest of them, and their contents.

A file counts once the manifest names it.  The order of the writes is: the message_ids in a file,
the file, the manifest, the mark.  A process that dies in between leaves files that the next run
makes again, octet for octet.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from array import array
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from smppbridge.store.cdr import Exported

MANIFEST, MARK, LOCK = "manifest.jsonl", ".exported.json", ".lock"
_MODE = 0o640  # numbers are in it


class BadFolder(Exception):
    """The folder of CDR files cannot be read as such."""


class FolderBusy(Exception):
    """Another process writes CDR files into this folder."""


@dataclass(frozen=True, slots=True)
class ManifestEntry:
    """A file of the manifest: how many records, how many segments to bill, and its digest."""

    file: str
    records: int
    segments: int
    sha256: str


class Folder:
    """A folder of CDR files.  Only the process that has it `locked` writes into it."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Make the folder, and keep other processes from writing; raises FolderBusy, OSError."""
        self.path.mkdir(mode=0o750, parents=True, exist_ok=True)
        lock = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            raise FolderBusy(f"another process writes into {self.path}") from None
        try:
            yield
        finally:
            os.close(lock)

    # -- reading --------------------------------------------------------------------------------

    def manifest(self) -> dict[str, ManifestEntry]:
        """Return the entries by the names of their files; raises BadFolder, OSError."""
        try:
            lines = (self.path / MANIFEST).read_text("utf-8").splitlines()
        except FileNotFoundError:
            return {}
        entries: dict[str, ManifestEntry] = {}
        for number, line in enumerate(lines, 1):
            try:
                entry = ManifestEntry(**json.loads(line))
            except (ValueError, TypeError):
                raise BadFolder(
                    f"{self.path / MANIFEST}, line {number}, is no entry of it"
                ) from None
            entries[entry.file] = entry
        return entries

    def exported(self) -> Exported:
        """Return the mark: which messages surely have their record; raises BadFolder, OSError."""
        try:
            found = json.loads((self.path / MARK).read_text("utf-8"))
            besides = frozenset(map(int, found["besides"]))
            return Exported(int(found["below"]), besides, float(found["until"]))
        except FileNotFoundError:
            return Exported()
        except (ValueError, TypeError, KeyError):
            raise BadFolder(f"{self.path / MARK} is no mark: remove it, it is made anew") from None

    def ids(self, name: str) -> array[int]:
        """Return the message_ids in a file; none if the mark covers them all."""
        found: array[int] = array("q")
        with suppress(FileNotFoundError):
            found.frombytes(self._ids(name).read_bytes())
        return found

    # -- writing --------------------------------------------------------------------------------

    def write(self, name: str, lines: Iterable[bytes]) -> str:
        """Write a whole file; return its SHA-256."""
        part, digest = self.path / f".{name}.part", hashlib.sha256()
        with open(part, "wb", opener=_opener) as file:
            for line in lines:
                file.write(line)
                digest.update(line)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, self.path / name)
        self._sync()
        return digest.hexdigest()

    def write_ids(self, name: str, ids: array[int]) -> None:
        """Write which message_ids a file holds."""
        self.write(self._ids(name).name, [ids.tobytes()])

    def write_manifest(self, entries: Iterable[ManifestEntry]) -> None:
        """Write the manifest anew, in order of the names."""
        ordered = sorted(entries, key=lambda entry: entry.file)
        self.write(MANIFEST, (json.dumps(asdict(entry)).encode() + b"\n" for entry in ordered))

    def write_mark(self, exported: Exported) -> None:
        """Write the mark, and delete the message_ids that it covers."""
        fields = {
            "below": exported.below,
            "besides": sorted(exported.besides),
            "until": exported.until,
        }
        self.write(MARK, [json.dumps(fields).encode()])
        for path in self.path.glob(".*.ids"):
            ids = array("q", path.read_bytes())
            if all(i < exported.below and i not in exported.besides for i in ids):
                path.unlink()

    def _ids(self, name: str) -> Path:
        return self.path / f".{name}.ids"

    def _sync(self) -> None:
        folder = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _opener(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, _MODE)

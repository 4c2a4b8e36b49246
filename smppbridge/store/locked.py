"""The lock that keeps a second process off a store's file."""

from __future__ import annotations

import fcntl
import os


class StoreLocked(Exception):
    """Another process has this store open for writing."""


def lock(path: str) -> int:
    """Lock a store's file for writing until the descriptor is closed; raises StoreLocked."""
    descriptor = os.open(f"{path}-lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise StoreLocked(f"{path} is in use by another process") from error
    return descriptor

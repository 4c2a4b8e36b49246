"""descriptors: how many file descriptors a bridge may need, and how many its process may have."""

from __future__ import annotations

import resource
from contextlib import suppress

from smppbridge.service.rules import NODE_CONNECTIONS, WEB_CONNECTIONS
from smppbridge.settings.schema import Settings

_OWN = 64  # listeners, the store and its readers, epolls, pipes, the log


def needed(settings: Settings) -> int:
    """Return how many descriptors are open when every limit in *settings* is reached."""
    connections = settings.smpp.max_connections * (2 if settings.smpp.proxies else 1)
    connections += WEB_CONNECTIONS if settings.web else 0
    connections += settings.callbacks.max_connections if settings.callbacks else 0
    connections += NODE_CONNECTIONS if settings.node and settings.node.listen else 0
    requests = sum(provider.lane.concurrency for provider in settings.providers.values())
    return _OWN + connections + requests


def allowed() -> int | None:
    """Return how many descriptors the process may have, at most; None is no limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if hard == resource.RLIM_INFINITY else hard


def claim() -> None:
    """Take as many descriptors as the process may have: its soft limit is for those who select."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with suppress(ValueError, OSError):  # a kernel that knows better than its own limit
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

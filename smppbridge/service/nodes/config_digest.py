"""config_digest: by which nodes see that their configurations differ, and people too."""

from __future__ import annotations

from hashlib import sha256

from smppbridge.settings.schema import Settings

_OWN = {"node", "store", "smpp", "web", "callbacks", "admin_socket", "log", "cdr"}
"""The sections that differ between nodes for good reason."""


def digest_of(settings: Settings) -> str:
    """Return the digest of a configuration, by which nodes see that theirs differ."""
    shared = settings.model_dump_json(exclude=_OWN, warnings=False)
    return sha256(shared.encode()).hexdigest()[:12]

from __future__ import annotations

from tests.system.conftest import daemon, provider

__all__ = ["daemon", "provider"]

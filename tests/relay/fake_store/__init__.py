"""fake_store: a store in memory that commits when a test does, by the rules of the real stores.

tests/contracts holds all stores to the same suite.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.relay.fake_store.messages import Messages
from tests.relay.fake_store.questions import Questions
from tests.relay.fake_store.rows import OTHER

__all__ = ["OTHER", "FakeStore"]


@dataclass
class FakeStore(Messages, Questions):
    """A store in memory: what it has is in rows, when it commits in transactions."""

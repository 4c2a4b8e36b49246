"""The store's fixtures."""

from tests.store.conftest import opened

__all__ = ["opened"]

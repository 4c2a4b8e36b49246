"""How long a test waits for others, all of it bounded by one number."""

from __future__ import annotations

PATIENCE = 60.0
"""Seconds for a process, a thread or a peer on a slow machine: nobody waits as long on any other.

A wait that ends as soon as what it waits for is there costs nothing by being allowed more.
"""

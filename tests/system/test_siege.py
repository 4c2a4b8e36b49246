"""A short siege; the long one is a command: see siege."""

from __future__ import annotations

from pathlib import Path

from tests.system.siege import ATTACKERS, ROUND, besiege


def test_any_octets_leave_the_daemon_up_and_other_sessions_unharmed(tmp_path: Path) -> None:
    siege = besiege(tmp_path, seconds=4.0, seed=7)
    assert siege.connections > ATTACKERS
    assert siege.submitted >= 2 * ROUND

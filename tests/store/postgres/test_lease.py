"""Leases, observations and the marks of processes: without a database."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from smppbridge.store.postgres.lease import Lease
from smppbridge.store.postgres.observed import NodeRow, Observations
from smppbridge.store.postgres.process import is_dead, this_process


def test_a_lease_is_renewed_from_when_its_transaction_was_sent() -> None:
    lease = Lease(10.0)
    assert not lease.holds(0.0)
    lease.renew(100.0)
    assert lease.holds(107.9)
    assert not lease.holds(108.0)
    lease.renew(103.0)
    lease.renew(101.0)  # an answer that comes late takes nothing back
    assert lease.holds(110.9)
    assert not lease.holds(111.0)


def row(slot: int, epoch: int = 1, txn: int = 1, *, ended: bool = False) -> NodeRow:
    return NodeRow(slot, f"n{slot}", epoch, txn, ended, None)


def test_a_node_that_stands_still_for_a_lease_is_given_up() -> None:
    seen = Observations(2.0, 0.5)
    for tick in range(5):
        assert seen.look([row(1), row(2, txn=tick), row(3, ended=True)], tick * 0.5) == []
    assert seen.look([row(1), row(2, txn=9), row(3, ended=True)], 2.5) == [row(1)]
    assert seen.look([row(1), row(2, txn=9)], 3.0) == [row(1)]
    assert seen.look([row(1, epoch=2), row(2, txn=9)], 3.5) == []


def test_a_node_that_restarts_in_place_has_as_long_as_it_said() -> None:
    seen = Observations(2.0, 1.0)
    restarting, hasty = row(1)._replace(silent_for=5.0), row(2)._replace(silent_for=1.0)
    silent = [seen.look([restarting, hasty], float(at)) for at in range(7)]
    assert silent == [[], [], [], [hasty], [hasty], [hasty], [restarting, hasty]]
    assert seen.look([row(1), row(2, txn=2)], 7.0) == [row(1)]  # a lease is enough again


def test_a_node_is_observed_anew_after_it_was_gone() -> None:
    seen = Observations(2.0, 0.5)
    assert seen.look([row(1)], 0.0) == []
    assert seen.look([], 0.5) == []
    for at in (1.0, 1.5, 2.0, 2.5, 3.0):
        assert seen.look([row(1)], at) == []
    assert seen.look([row(1)], 3.5) == [row(1)]


@pytest.mark.parametrize("how", ["forgets", "slept"])
def test_nobody_is_given_up_for_what_stood_still_while_nobody_looked(how: str) -> None:
    seen = Observations(2.0, 0.5)
    for at in (0.0, 0.5, 1.0):
        seen.look([row(1)], at)
    if how == "forgets":
        seen.forget()
        later = 2.5
    else:
        later = 3.0
    for at in (0.0, 0.5, 1.0, 1.5, 2.0):
        assert seen.look([row(1)], later + at) == []
    assert seen.look([row(1)], later + 2.5) == [row(1)]


def test_a_process_is_known_to_be_dead_only_where_it_can_be_looked_for() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    mark = this_process(child.pid)
    assert mark.count("/") == 3
    assert not is_dead(mark)
    assert not is_dead(this_process())
    boot, namespace, pid, started = mark.split("/")
    assert is_dead(f"{boot}/{namespace}/{pid}/{int(started) - 1}")  # the pid is another's since
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert is_dead(mark)  # it is not reaped yet
    child.communicate()
    assert is_dead(mark)
    for elsewhere in ("", "x", f"other/{namespace}/{pid}/{started}", f"{boot}/pid:[1]/{pid}/1"):
        assert not is_dead(elsewhere)
    assert not is_dead(f"{boot}/{namespace}/../{started}")

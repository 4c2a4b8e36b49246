"""The writer thread and the reactor take turns: what follows from a commit is in the next one."""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred

from smppbridge.store import thread as module
from tests.patience import PATIENCE
from tests.store.opened import NOW, Opened


def optout(opened: Opened, number: int) -> Deferred[None]:
    return opened.store.keep_optouts([("d7", str(number), NOW)])


def test_what_follows_from_a_commit_is_in_the_next_commit(
    waiting: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAITED_FOR", PATIENCE)
    following: list[Deferred[None]] = []
    first = optout(waiting, 1)
    first.addCallback(lambda _: following.append(optout(waiting, 3)))
    waiting.start()
    acting, args = waiting._calls.get(timeout=PATIENCE)  # the first is on disk: nobody knows yet
    second = optout(waiting, 2)
    acting(*args)
    waiting.wait(second, *following)
    assert following
    assert len(waiting.commits) == 2


def test_a_reactor_that_does_not_act_holds_up_no_commit(waiting: Opened) -> None:
    waiting.start()
    acts = []
    for number in (1, 2, 3):
        optout(waiting, number)
        acts.append(waiting._calls.get(timeout=PATIENCE))
    for act, args in acts:
        act(*args)
    assert len(waiting.commits) == 3
    waiting.wait(optout(waiting, 4))  # acts that came too late confuse nobody
    assert len(waiting.commits) == 4


def test_a_reactor_that_acts_now_and_then_is_never_waited_for_in_vain(
    waiting: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAITED_FOR", 0.00001)  # over before the wait has begun
    waiting.start()
    late = []
    for number in range(4_000):
        optout(waiting, number % 9)
        act, args = waiting._calls.get(timeout=PATIENCE)
        if number % 2:
            act(*args)
        else:
            late.append((act, args))
    for act, args in late:
        act(*args)
    assert len(waiting.commits) == 4_000

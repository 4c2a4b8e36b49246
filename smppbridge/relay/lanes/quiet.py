"""quiet: messages that wait for the end of their route's quiet hours; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from smppbridge.model.message import Attempt, Message
from smppbridge.relay.lanes.batch import Load, attempts_of, is_repeated
from smppbridge.routing.quiet import QuietHours, read

URGENT = 3  # the priority_flag of a message that goes at any hour


def impose(hours: QuietHours, message: Message) -> bool:
    """Give a message the quiet hours of its route; return whether the message is held by them.

    A message that is due in its quiet hours is due at their end, or when its validity ends.
    """
    if message.priority >= URGENT:
        return False
    message.traits = replace(message.traits, quiet=str(hours))
    due = max(message.due, message.accepted_at)
    end = hours.leaves(message.number, due)
    if end > due:
        message.due = min(end, message.expires_at)
    return end > due


def leaves_at(message: Message, wall: float) -> float:
    """Return when a message may leave (UNIX seconds): *wall*, or the end of its quiet hours.

    A message that its provider keeps until a later time leaves at that time.
    """
    traits = message.traits
    if not traits.quiet:
        return wall
    at = max(wall, traits.scheduled or wall)
    end = read(traits.quiet).leaves(message.number, at)
    return end if end > at else wall


def sort(taken: Sequence[Attempt], wall: float) -> tuple[list[Attempt], list[Attempt], bool]:
    """Return the attempts that may leave now, and the others: expired, or in their quiet hours.

    The third value is whether any of them has quiet hours.
    """
    live = [a for a in taken if (m := a.message).expires_at > wall and not m.traits.quiet]
    if len(live) == len(taken):
        return live, [], False
    live = []
    others: list[Attempt] = []
    watched = False
    for attempt in taken:
        message = attempt.message
        may_leave = message.expires_at > wall
        if message.traits.quiet and may_leave:
            watched, may_leave = True, leaves_at(message, wall) <= wall
        (live if may_leave else others).append(attempt)
    return live, others, watched


def late(loads: Iterable[Load], wall: float) -> list[Load]:
    """Return the requests that were begun before the quiet hours of one of their messages.

    A repeated request is none of them: its messages were looked at before.
    """
    return [
        load
        for load in loads
        if not is_repeated(load)
        and any(leaves_at(attempt.message, wall) > wall for attempt in attempts_of(load))
    ]

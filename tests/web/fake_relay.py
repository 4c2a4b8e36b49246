"""The relay as operations of the API see it, played."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.defer import Deferred

from smppbridge.model.account import Account
from smppbridge.model.message import Message
from smppbridge.model.reasons import Reason
from smppbridge.relay.accept.composed import Composed, message_of
from smppbridge.relay.accept.fields import Refusal
from smppbridge.relay.accept.intake import Rights, rights_of
from smppbridge.relay.others import FarAnswers
from smppbridge.relay.report.rematch import Renamed
from smppbridge.relay.submit.redirect import Abandoned, Obstacle, Redirected
from smppbridge.relay.ussd.pdus import DialogueFacts
from smppbridge.routing.explain import NumberedRule
from smppbridge.routing.mo import MoRule
from smppbridge.routing.rules import Rule
from smppbridge.routing.table import Table
from smppbridge.smpp.constants import CommandStatus
from smppbridge.store.port import StoreFailure
from smppbridge.web.api.relay_ports import RelayPorts
from smppbridge.web.idempotency import IdempotencyKeys
from tests.store.opened import NOW

RULES = [
    NumberedRule(0, Rule("2438", ("keccel", "d7"))),
    NumberedRule(1, Rule("24399", ("d7",), accounts=frozenset(("shop",)))),
    NumberedRule(2, Rule("44", ("d7",), senders=("BANK*",))),
]


@dataclass
class PlayedDialogues:
    """Dialogues that a test opens."""

    open: list[DialogueFacts] = field(default_factory=list)

    def listed(self, most: int) -> Sequence[DialogueFacts]:
        return self.open[:most]

    def open_counts(self) -> Mapping[tuple[str, ...], float]:
        return {("bank",): len(self.open)}


@dataclass
class PlayedCompose:
    """Judges texts as accept does; a test refuses them, or holds their commits."""

    rules: list[NumberedRule]
    taken: list[tuple[int, Composed]] = field(default_factory=list)
    refusal: Refusal | None = None
    commit: Deferred[None] | None = None
    written: Callable[[Message], None] = lambda message: None
    last: int = 5_000

    def reserve(self) -> int:
        self.last += 1
        return self.last

    def foresee(self, rights: Rights, composed: Composed) -> Message:
        message = message_of(rights.reader, composed, NOW)
        table = Table(each.rule for each in self.rules)
        choice = table.find(message.system_id, message.source.addr, message.number)
        if choice is None:
            raise Refusal(CommandStatus.ESME_RINVDSTADR, Reason.NO_ROUTE)
        message.route = choice.via
        return message

    async def take(self, rights: Rights, composed: Composed, message_id: int) -> Message:
        if self.refusal is not None:
            raise self.refusal
        message = self.foresee(rights, composed)
        message.message_id = message_id
        if self.commit is not None:
            await self.commit
        self.written(message)
        self.taken.append((message_id, composed))
        return message


@dataclass
class PlayedRedirect:
    """Moves messages, but for those that a test gives an obstacle."""

    asked: list[tuple[list[int], str, bool]] = field(default_factory=list)
    obstacles: dict[int, Obstacle] = field(default_factory=dict)
    failing: bool = False
    silent: Sequence[str] = ()

    async def move(self, message_ids: Sequence[int], to: str, *, off_route: bool) -> Redirected:
        if self.failing:
            raise StoreFailure("full")
        self.asked.append(([*message_ids], to, off_route))
        moved = [each for each in message_ids if each not in self.obstacles]
        obstacles = {k: v for k, v in self.obstacles.items() if k in message_ids}
        return Redirected(moved, obstacles, silent=self.silent)

    async def give_up(self, message_ids: Sequence[int]) -> Abandoned:
        if self.failing:
            raise StoreFailure("full")
        ended = [each for each in message_ids if each not in self.obstacles]
        elsewhere = [k for k, v in self.obstacles.items() if v is Obstacle.ELSEWHERE]
        return Abandoned(ended, elsewhere, silent=self.silent)


@dataclass
class PlayedOthers:
    """The other bridges of the store; keeps what they were asked for, and gives *answers*."""

    asked: list[tuple[Any, ...]] = field(default_factory=list)
    answers: FarAnswers = field(default_factory=lambda: FarAnswers({}))
    failing: bool = False
    alone: bool = False

    async def ask(self, *asked: Any) -> FarAnswers:
        self.asked.append(asked)
        if self.failing:
            raise StoreFailure("full")
        return self.answers


@dataclass
class PlayedRematch:
    """Keeps the reports that it is to settle."""

    settled: list[Renamed] = field(default_factory=list)
    failing: bool = False

    async def settle(self, provider: str, renamed: Sequence[Renamed]) -> None:
        if self.failing:
            raise StoreFailure("full")
        self.settled += renamed


class PlayedRelay:
    """The parts of a relay."""

    def __init__(self, account: Account, act: Any) -> None:
        self.dialogues = PlayedDialogues()
        self.redirect = PlayedRedirect()
        self.rematch = PlayedRematch()
        self.rules = list(RULES)
        self.compose = PlayedCompose(self.rules)
        self.mo_rules = [MoRule("bank", "12345", "bal"), MoRule("bank")]
        self.rights = {account.system_id: rights_of(account, 0.0)}
        self.wall = NOW
        self.others = PlayedOthers()
        self.keys = IdempotencyKeys(act, lambda: self.wall, lambda: 3_600.0, self.others, 3)

    def ports(self) -> RelayPorts:
        return RelayPorts(
            compose=self.compose,
            dialogues=self.dialogues,
            keys=self.keys,
            mo_rules=lambda: self.mo_rules,
            others=self.others,
            redirect=self.redirect,
            rematch=self.rematch,
            rights=self.rights.get,
            rules=lambda: self.rules,
        )

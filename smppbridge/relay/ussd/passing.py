"""passing: the dialogues of several nodes: each request goes to the node that has its dialogue.

ask -> open or beginning here    -> Dialogues
    -> open or beginning there   -> that node's screen
       that node declines        -> the next node, at last Dialogues here
       its connection is lost    -> a last screen of our own
       it is silent              -> the same, GRACE after the deadline; that node's ESME learns it
An ESME's screen goes the same way if its dialogue is not open here.  No text is kept here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import Final, Protocol

from smppbridge.model.reasons import Reason
from smppbridge.relay.accept.fields import Refusal
from smppbridge.relay.accept.intake import Submitter
from smppbridge.relay.ports import Around
from smppbridge.relay.ussd import words
from smppbridge.relay.ussd.dialogues import Dialogues
from smppbridge.relay.ussd.pdus import AnswerScreen, Dialled, Dialogue, Screen, UssdRules, msisdn_of
from smppbridge.relay.ussd.whereabouts import Stop, Whereabouts
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.pdus import SubmitSm

GRACE: Final = 0.5
"""Seconds after the deadline: by then the node that was asked has answered of its own accord."""
REMEMBERED: Final = 10
"""Lifetimes after which no dialogue is left that began before a node came or went."""
NOT_SENT: Final = 0
"""The status of a request that never left, or that is none of the other node's."""
NO_ANSWER: Final = -1
"""The status of a request that left, and whose answer did not come."""
_DECLINED: Final = int(HTTPStatus.CONFLICT)

Answered = Callable[[int, bytes], None]
"""Goes by the HTTP status of an answer, or NOT_SENT or NO_ANSWER, and by its body."""


class NodeWire(Protocol):
    """The way to the other nodes."""

    def ask(self, slot: int, path: str, body: bytes, answered: Answered) -> None:
        """Make a request of a node; *answered* is called later, once."""


@dataclass(slots=True, eq=False)
class Passage:
    """A phone's request on its way.  Only NodeDialogues writes it.

    *stops* are the nodes that are left, *slot* the node that is being asked (0: none), *due* in
    monotonic seconds.  *dialogue* is the dialogue of a request that stays here.
    """

    request: Dialled = field(repr=False)
    answer: AnswerScreen
    system_id: str
    stops: Iterator[Stop]
    due: float
    slot: int = 0
    dialogue: Dialogue | None = None


class NodeDialogues:
    """The dialogues of all nodes, as phones and ESMEs at the node of *slot* see them.

    *reachable* returns the slots of the nodes that can be asked, ours too if others can ask us,
    *receiving* those of the nodes with a receiver of an account; *changed* is given new rules.
    Only its own methods write its fields.
    """

    def __init__(
        self,
        dialogues: Dialogues,
        wire: NodeWire,
        around: Around,
        *,
        slot: int,
        reachable: Callable[[], Collection[int]],
        receiving: Callable[[str], Collection[int]],
        changed: Callable[[UssdRules], None],
    ) -> None:
        self._dialogues, self._wire, self._slot = dialogues, wire, slot
        self._reachable, self._receiving, self._changed = reachable, receiving, changed
        self._clock, self._meters = around.clock, around.meters
        self._passages: dict[Passage, None] = {}  # the oldest first
        self._whereabouts = Whereabouts()
        dialogues.elsewhere = self.show

    def change(self, rules: UssdRules) -> None:
        """Go by other rules; dialogues of codes that these rules do not know end."""
        self._dialogues.change(rules)
        self._changed(rules)
        owners = {*rules.codes.values()}
        self._whereabouts.forget(owners)
        for system_id in owners:
            self.see(system_id)

    def see(self, system_id: str) -> None:
        """See which nodes have receivers of an account, if it owns a service code."""
        if self._dialogues.serves(system_id):
            slots = self._receiving(system_id)
            self._whereabouts.see(system_id, slots, self._clock.monotonic())

    @property
    def waiting(self) -> int:
        """How many requests wait for their ESME, here and at other nodes."""
        return self._dialogues.waiting + len(self._passages)

    # -- phones ---------------------------------------------------------------------------------

    def ask(self, request: Dialled, answer: AnswerScreen) -> Passage:
        """Ask the ESME a phone's request, wherever it is bound; *answer* receives a screen."""
        system_id = self._dialogues.owner_of(request.service_code)
        stops: list[Stop] = []
        if system_id and not self._dialogues.has(request):
            stops = self._stops(system_id, request.msisdn)
        due = self._clock.monotonic() + self._dialogues.rules.deadline + GRACE
        passage = Passage(request, answer, system_id, iter(stops), due)
        self._go_on(passage)
        return passage

    def left(self, passage: Passage, answer: AnswerScreen) -> None:
        """End the dialogue of a request whose provider no longer waits for *answer*."""
        if passage.dialogue is not None:
            self._dialogues.left(passage.dialogue, answer)
        elif passage in self._passages:
            self._leave(passage, "gone")

    def tick(self) -> None:
        """End the dialogues that have waited too long."""
        self._dialogues.tick()
        now = self._clock.monotonic()
        while (first := next(iter(self._passages), None)) is not None and first.due <= now:
            self._leave(first, "timeout")
            first.answer(Screen(self._dialogues.rules.timeout, True))

    def _stops(self, system_id: str, msisdn: str) -> list[Stop]:
        rules = self._dialogues.rules
        since = self._clock.monotonic() - REMEMBERED * rules.lifetime
        return self._whereabouts.stops(system_id, msisdn, since, self._reachable())

    def _go_on(self, passage: Passage) -> None:
        """Ask the next node; if there is none, or ours is the next, ask here."""
        dialogues, request = self._dialogues, passage.request
        for stop in passage.stops:
            if stop.slot != self._slot:
                self._pass_on(passage, stop)
                return
            if dialogues.has(request) or (stop.begins and dialogues.begins(request)):
                break
        self._passages.pop(passage, None)
        passage.dialogue = dialogues.ask(request, passage.answer)

    def _pass_on(self, passage: Passage, stop: Stop) -> None:
        rules = self._dialogues.rules
        if len(self._passages) >= rules.most and passage not in self._passages:
            self._meters.ussd_passed(passage.system_id, "full")
            passage.answer(Screen(rules.unavailable, True))
            return
        self._passages[passage] = None
        passage.slot = stop.slot
        body = words.ask_of(passage.request, begins=stop.begins)
        self._wire.ask(stop.slot, words.ASK, body, partial(self._asked, passage))

    def _asked(self, passage: Passage, status: int, body: bytes) -> None:
        """Go by the answer of a node, unless nobody waits for it any more."""
        if passage not in self._passages:
            return
        if status in (_DECLINED, NOT_SENT):
            word = "declined" if status == _DECLINED else "unreachable"
            self._meters.ussd_passed(passage.system_id, word)
            self._go_on(passage)
            return
        del self._passages[passage]
        screen, word = Screen(self._dialogues.rules.unavailable, True), "lost"
        if status == HTTPStatus.OK:
            with suppress(words.BadWords):
                screen, word = words.read_screen(body), "answered"
        self._meters.ussd_passed(passage.system_id, word)
        passage.answer(screen)

    def _leave(self, passage: Passage, word: str) -> None:
        del self._passages[passage]
        self._meters.ussd_passed(passage.system_id, word)
        body = words.ask_of(passage.request, begins=False)
        self._wire.ask(passage.slot, words.LEAVE, body, lambda *_: None)

    # -- ESMEs ----------------------------------------------------------------------------------

    def show(self, session: Submitter, pdu: SubmitSm) -> None:
        """Answer a screen whose dialogue is not open here: as the node that has it would."""
        stops = self._stops(session.rights.account.system_id, msisdn_of(pdu))
        others = dict.fromkeys(stop.slot for stop in stops if stop.slot != self._slot)
        self._show_next(session, pdu, iter(others))

    def _show_next(self, session: Submitter, pdu: SubmitSm, slots: Iterator[int]) -> None:
        slot = next(slots, None)
        if slot is None:
            self._respond(session, pdu, Refusal(Status.ESME_RINVDSTADR, Reason.NO_DIALOGUE))
            return
        body = words.show_of(session.rights.account.system_id, pdu)
        self._wire.ask(slot, words.SHOW, body, partial(self._shown, session, pdu, slots))

    def _shown(
        self, session: Submitter, pdu: SubmitSm, slots: Iterator[int], status: int, body: bytes
    ) -> None:
        if status in (_DECLINED, NOT_SENT):
            self._show_next(session, pdu, slots)
            return
        refusal: Refusal | None = Refusal(
            Status.ESME_RSUBMITFAIL, Reason.NO_DIALOGUE, "its node does not answer"
        )
        if status == HTTPStatus.OK:
            with suppress(words.BadWords):
                refusal = words.read_refusal(body)
        self._respond(session, pdu, refusal)

    def _respond(self, session: Submitter, pdu: SubmitSm, refusal: Refusal | None) -> None:
        if session.gone:
            return
        if refusal is None:
            self._dialogues.responses.accept(session, pdu)
        else:
            self._dialogues.responses.refuse(session, pdu, refusal)
        session.flush()

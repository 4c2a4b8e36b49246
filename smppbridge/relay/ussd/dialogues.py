"""dialogues: a phone's request -> deliver_sm -> the ESME's submit_sm -> the next screen.

ask (within a session's window) -> take -> shown
                                -> refused, lost, too late -> a last screen of our own
No dialogue is on disk, and no text outlives its dialogue.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from smppbridge.model.identifiers import Identifiers, written
from smppbridge.model.reasons import Reason
from smppbridge.relay.accept.fields import Refusal
from smppbridge.relay.accept.intake import Submitter
from smppbridge.relay.ports import Around, Journal
from smppbridge.relay.ussd.pdus import (
    BadInput,
    Dialled,
    Dialogue,
    DialogueDelivery,
    Op,
    Screen,
    UssdRules,
    UssdSession,
    as_packed,
    bare,
    deliver_sm,
    dialled,
    echo_of,
    is_ussd,
    msisdn_of,
    next_sequence,
    screen_of,
    session_of,
    typed,
)
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.pdus import DeliverSm, SubmitSm, SubmitSmResp

AnswerScreen = Callable[[Screen], None]
"""Answers a phone's request with a screen."""


class DialogueFacts(NamedTuple):
    """A dialogue as it is now; it *waits* for its ESME or for its phone.  Monotonic seconds."""

    code: str
    msisdn: str
    system_id: str
    step: int
    waits: bool
    asked_at: float
    due: float


class Dialogues:
    """All dialogues, one for each phone.  Only Dialogues writes a dialogue.

    An `answer` is called once, as the last step, and may ask the next request at once.
    """

    def __init__(
        self,
        rules: UssdRules,
        *,
        identifiers: Identifiers,
        around: Around,
        log: Journal | None = None,
    ) -> None:
        self._draining = False
        self._identifiers, self._clock = identifiers, around.clock
        self._meters, self._notes, self._log = around.meters, around.notes, log
        self._last_number = 0
        self._open: dict[str, Dialogue] = {}
        self._waiting: dict[Dialogue, None] = {}  # for their ESME, the oldest first
        self._idle: dict[Dialogue, None] = {}  # for their phone
        self._unsent: dict[str, dict[Dialogue, DeliverSm]] = {}  # deliver_sm that wait for a window
        self._sessions: dict[str, list[UssdSession]] = {}
        self._rules = rules
        self.change(rules)

    def change(self, rules: UssdRules) -> None:
        """Go by other rules; dialogues of codes that these rules do not know end."""
        renamed = rules.by_reference != self._rules.by_reference
        for dialogue in list(self._open.values()):  # by the rules that it began with
            if renamed or rules.codes.get(dialogue.code) != dialogue.system_id:
                self._end(dialogue, "unknown")
        self._rules = rules
        self._codes = {bare(code): (code, owner) for code, owner in rules.codes.items()}
        self._owners = frozenset(rules.codes.values())

    def drain(self, draining: bool = True) -> None:
        """Begin no dialogue any more: the bridge is stopping; or begin dialogues again."""
        self._draining = draining

    @property
    def waiting(self) -> int:
        """How many requests wait for their ESME."""
        return len(self._waiting)

    def open_counts(self) -> dict[tuple[str, ...], float]:
        """Return how many dialogues are open, by system_id."""
        counts: dict[tuple[str, ...], float] = {(owner,): 0 for owner in self._owners}
        for dialogue in self._open.values():
            key = (dialogue.system_id,)
            counts[key] = counts.get(key, 0) + 1
        return counts

    def listed(self, most: int) -> list[DialogueFacts]:
        """Return the facts of open dialogues, those first that wait for their ESME."""
        return [
            DialogueFacts(d.code, d.msisdn, d.system_id, d.step, waits, d.asked_at, d.due)
            for line, waits in ((self._waiting, True), (self._idle, False))
            for d in line
        ][:most]

    # -- the phone ------------------------------------------------------------------------------

    def ask(self, request: Dialled, answer: AnswerScreen) -> Dialogue:
        """Ask the ESME a phone's request; *answer* receives a screen within the deadline."""
        while (old := self._open.get(request.msisdn)) and old.session_id != request.session_id:
            self._end(old, "superseded")  # a phone has one dialogue: it hung up the old one
        dialogue = old or self._begin(request)
        if dialogue.answer is not None:  # two requests at a time: a screen could answer either
            self._end(dialogue, "malformed")
            answer(self._last_screen("malformed"))
            return dialogue
        self._await(dialogue, answer)
        before, dialogue.text = dialogue.text, request.text
        obstacle = self._obstacle(dialogue)
        if obstacle:
            self._end(dialogue, obstacle)
            return dialogue
        op, text = Op.USSR_CONFIRM, request.text
        if dialogue.step == 1:
            op, text = Op.PSSR_INDICATION, dialled(dialogue.code, request.text)
        elif self._rules.cumulative:
            text = typed(before, request.text)
        try:
            pdu = deliver_sm(dialogue, op, text, by_reference=self._rules.by_reference)
        except BadInput:
            self._end(dialogue, "malformed")
            return dialogue
        self._unsent.setdefault(dialogue.system_id, {})[dialogue] = pdu
        self.go_on(dialogue.system_id)
        return dialogue

    def left(self, dialogue: Dialogue, answer: AnswerScreen) -> None:
        """End a dialogue whose provider no longer waits for *answer*."""
        if dialogue.answer is answer:
            self._end(dialogue, "gone")

    def _begin(self, request: Dialled) -> Dialogue:
        code, system_id = self._codes.get(bare(request.service_code), (request.service_code, ""))
        numbers = 1 << (16 if self._rules.by_reference else 8)
        self._last_number = (self._last_number + 1) % numbers
        dialogue = Dialogue(system_id, request.msisdn, request.session_id, code, self._last_number)
        self._open[request.msisdn] = dialogue
        return dialogue

    def _await(self, dialogue: Dialogue, answer: AnswerScreen) -> None:
        now = self._clock.monotonic()
        self._idle.pop(dialogue, None)
        self._waiting[dialogue] = None
        dialogue.answer, dialogue.asked_at = answer, now
        dialogue.due = now + self._rules.deadline
        dialogue.step += 1

    def _obstacle(self, dialogue: Dialogue) -> str:
        """Return the outcome of a dialogue whose ESME cannot be asked; empty: the ESME can."""
        if not dialogue.system_id:
            return "unknown"
        if self._draining:
            return "draining"
        if len(self._open) > self._rules.most:
            return "full"
        return "" if self._sessions.get(dialogue.system_id) else "unbound"

    # -- the ESME -------------------------------------------------------------------------------

    def bound(self, system_id: str, session: UssdSession) -> None:
        """Ask a session just bound as RX or TRX the requests that wait for a window."""
        self._sessions.setdefault(system_id, []).append(session)
        self.go_on(system_id)

    def lost(
        self, system_id: str, session: UssdSession, unanswered: Sequence[DialogueDelivery]
    ) -> None:
        """End the dialogues whose answer a lost session owes, or that have no session any more."""
        sessions = self._sessions.get(system_id, [])
        if session in sessions:
            sessions.remove(session)
        ended = [asked.dialogue for asked in unanswered if _is_current(asked)]
        if not sessions:
            self._sessions.pop(system_id, None)
            ended += [each for each in self._waiting if each.system_id == system_id]
        for dialogue in ended:
            self._end(dialogue, "lost")

    def go_on(self, system_id: str) -> None:
        """Send the deliver_sm that wait for a window: before receipts, for a person waits."""
        unsent = self._unsent.get(system_id)
        while unsent:
            dialogue = next(iter(unsent))
            session = self._session_for(dialogue)
            if session is None:
                return
            dialogue.session = session
            request = unsent.pop(dialogue)
            if session.rights.account.packed:
                request = as_packed(request)
            session.ask(request, DialogueDelivery(dialogue, dialogue.step))
            session.flush()

    def answered(self, answers: Iterable[tuple[DialogueDelivery, int]]) -> None:
        """End dialogues by the command_status of their deliver_sm_resp; 0 is ESME_ROK."""
        for asked, status in answers:
            if status and _is_current(asked):
                self._end(asked.dialogue, "refused")

    def serves(self, system_id: str) -> bool:
        """Return whether an account owns a service code: only then `take` reads its submit_sm."""
        return system_id in self._owners

    def take(self, session: Submitter, pdus: Iterable[SubmitSm]) -> list[SubmitSm]:
        """Answer the submit_sm that are USSD; return the other submit_sm."""
        others: list[SubmitSm] = []
        system_id = session.rights.account.system_id
        for pdu in pdus:
            if not is_ussd(pdu):
                others.append(pdu)
                continue
            try:
                dialogue, screen = self._judge(session, pdu)
            except Refusal as refusal:
                session.answer(SubmitSmResp(refusal.status, pdu.sequence_number))
                self._meters.refused(system_id, refusal.status, refusal.reason.value)
                self._notes.reason(refusal.reason.value, system_id, detail=refusal.detail)
                continue
            # of no message: clients expect a message_id
            message_id = written(self._identifiers.take(), session.rights.account)
            session.answer(SubmitSmResp(0, pdu.sequence_number, message_id))
            self._meters.accepted(system_id, 1)
            self._show(dialogue, screen)
        return others

    def _session_for(self, dialogue: Dialogue) -> UssdSession | None:
        """Return the session that has the dialogue, or else the session with most room."""
        sessions = [s for s in self._sessions.get(dialogue.system_id, ()) if s.room() > 0]
        if dialogue.session in sessions:
            return dialogue.session
        return max(sessions, key=_room, default=None)

    def _judge(self, session: Submitter, pdu: SubmitSm) -> tuple[Dialogue, Screen]:
        """Return the dialogue of a submit_sm, and its screen; raises Refusal."""
        by_reference = self._rules.by_reference
        number, ends = session_of(pdu, by_reference=by_reference)
        dialogue = self._open.get(msisdn_of(pdu))
        if dialogue is None or dialogue.system_id != session.rights.account.system_id:
            raise Refusal(Status.ESME_RINVDSTADR, Reason.NO_DIALOGUE)
        if number not in (None, dialogue.number):
            raise Refusal(Status.ESME_RSUBMITFAIL, Reason.NO_DIALOGUE, "it is over")
        if dialogue.answer is None or dialogue in self._unsent.get(dialogue.system_id, ()):
            raise Refusal(Status.ESME_RSUBMITFAIL, Reason.BAD_SCREEN, "nothing was asked")
        try:
            screen = screen_of(pdu, session.rights.reader, self._rules.longest, ends=ends)
        except Refusal:
            self._end(dialogue, "malformed", abort=False)
            raise
        dialogue.sequence = next_sequence(pdu, dialogue.sequence)
        dialogue.echoed = echo_of(pdu, by_reference=by_reference)
        return dialogue, screen

    def _show(self, dialogue: Dialogue, screen: Screen) -> None:
        now = self._clock.monotonic()
        self._meters.ussd_answered(dialogue.system_id, now - dialogue.asked_at)
        if screen.ends:
            self._end(dialogue, "ended", screen, abort=False)
            return
        self._waiting.pop(dialogue)
        self._idle[dialogue] = None
        dialogue.due = now + self._rules.lifetime
        answer, dialogue.answer = dialogue.answer, None
        if answer is not None:
            answer(screen)

    # -- the end --------------------------------------------------------------------------------

    def tick(self) -> None:
        """End the dialogues that have waited too long."""
        now = self._clock.monotonic()
        for line, outcome in ((self._waiting, "timeout"), (self._idle, "lapsed")):
            while (first := next(iter(line), None)) is not None and first.due <= now:
                self._end(first, outcome)

    def _end(
        self, dialogue: Dialogue, outcome: str, screen: Screen | None = None, *, abort: bool = True
    ) -> None:
        """Forget a dialogue; with *abort* send its ESME the end, and answer the phone last."""
        if self._open.get(dialogue.msisdn) is not dialogue:
            return
        del self._open[dialogue.msisdn]
        self._waiting.pop(dialogue, None)
        self._idle.pop(dialogue, None)
        self._unsent.get(dialogue.system_id, {}).pop(dialogue, None)
        answer, dialogue.answer = dialogue.answer, None
        if abort and dialogue.session is not None:
            self._abort(dialogue)
        self._meters.ussd_ended(dialogue.system_id, outcome)
        if self._log is not None:
            self._log(
                "ussd_ended", system_id=dialogue.system_id, outcome=outcome, requests=dialogue.step
            )
        if answer is not None:
            answer(screen or self._last_screen(outcome))

    def _last_screen(self, outcome: str) -> Screen:
        rules = self._rules
        return Screen(rules.timeout if outcome == "timeout" else rules.unavailable, True)

    def _abort(self, dialogue: Dialogue) -> None:
        """Send the ESME the end of a dialogue; without room its late submit_sm is refused."""
        session = self._session_for(dialogue)
        if session is None:
            return
        rules = self._rules
        request = deliver_sm(
            dialogue, rules.abort_op, "", by_reference=rules.by_reference, ends=True
        )
        session.ask(request, DialogueDelivery(dialogue, 0))
        session.flush()


def _is_current(asked: DialogueDelivery) -> bool:
    """Return whether the phone still waits for the answer to a deliver_sm."""
    return asked.dialogue.answer is not None and asked.step == asked.dialogue.step


def _room(session: UssdSession) -> int:
    return session.room()

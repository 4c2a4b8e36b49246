"""dialogues: a phone's request -> deliver_sm -> the ESME's submit_sm -> the next screen.

ask (within a session's window) -> take -> shown
                                -> refused, lost, too late -> a last screen of our own
No dialogue is on disk, and no text outlives its dialogue.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from smppbridge.model.identifiers import Identifiers
from smppbridge.model.reasons import Reason
from smppbridge.relay.accept.fields import Refusal
from smppbridge.relay.accept.intake import Rights, Submitter
from smppbridge.relay.ports import Around, Journal
from smppbridge.relay.ussd.pdus import (
    AnswerScreen,
    BadInput,
    Dialled,
    Dialogue,
    DialogueDelivery,
    DialogueFacts,
    Screen,
    UssdRules,
    UssdSession,
    as_packed,
    asked,
    bare,
    deliver_sm,
    echo_of,
    is_ussd,
    msisdn_of,
    next_sequence,
    screen_of,
    session_of,
)
from smppbridge.relay.ussd.responses import Elsewhere, ScreenResponses
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.pdus import DeliverSm, SubmitSm


class Dialogues:
    """All dialogues, one for each phone.  Only Dialogues writes a dialogue, and *rules*.

    An `answer` is called once, as the last step, and may ask the next request at once.
    *elsewhere* is written by the dialogues of several nodes: it answers screens of their dialogues.
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
        self.responses = ScreenResponses(identifiers, around)
        self.elsewhere: Elsewhere | None = None
        self._clock, self._meters, self._log = around.clock, around.meters, log
        self._last_number = 0
        self._open: dict[str, Dialogue] = {}
        self._waiting: dict[Dialogue, None] = {}  # for their ESME, the oldest first
        self._idle: dict[Dialogue, None] = {}  # for their phone
        self._unsent: dict[str, dict[Dialogue, DeliverSm]] = {}  # deliver_sm that wait for a window
        self._sessions: dict[str, list[UssdSession]] = {}
        self.rules = rules
        self.change(rules)

    def change(self, rules: UssdRules) -> None:
        """Go by other rules; dialogues of codes that these rules do not know end."""
        renamed = rules.by_reference != self.rules.by_reference
        for dialogue in list(self._open.values()):  # by the rules that it began with
            if renamed or rules.codes.get(dialogue.code) != dialogue.system_id:
                self._end(dialogue, "unknown")
        self.rules = rules
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

    def has(self, request: Dialled) -> bool:
        """Return whether the dialogue of a request is open."""
        open_ = self._open.get(request.msisdn)
        return open_ is not None and open_.session_id == request.session_id

    def owner_of(self, service_code: str) -> str:
        """Return the account that owns a service code; empty: none does."""
        return self._codes.get(bare(service_code), ("", ""))[1]

    def begins(self, request: Dialled) -> bool:
        """Return whether the ESME is there for a dialogue that begins with a request."""
        return not self._draining and self.owner_of(request.service_code) in self._sessions

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
        op, text = asked(dialogue, before, cumulative=self.rules.cumulative)
        try:
            pdu = deliver_sm(dialogue, op, text, by_reference=self.rules.by_reference)
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
        numbers = 1 << (16 if self.rules.by_reference else 8)
        self._last_number = (self._last_number + 1) % numbers
        dialogue = Dialogue(system_id, request.msisdn, request.session_id, code, self._last_number)
        self._open[request.msisdn] = dialogue
        return dialogue

    def _await(self, dialogue: Dialogue, answer: AnswerScreen) -> None:
        now = self._clock.monotonic()
        self._idle.pop(dialogue, None)
        self._waiting[dialogue] = None
        dialogue.answer, dialogue.asked_at = answer, now
        dialogue.due = now + self.rules.deadline
        dialogue.step += 1

    def _obstacle(self, dialogue: Dialogue) -> str:
        """Return the outcome of a dialogue whose ESME cannot be asked; empty: the ESME can."""
        if not dialogue.system_id:
            return "unknown"
        if self._draining:
            return "draining"
        if len(self._open) > self.rules.most:
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
        ended = [each.dialogue for each in unanswered if _is_current(each)]
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
        for about, status in answers:
            if status and _is_current(about):
                self._end(about.dialogue, "refused")

    def serves(self, system_id: str) -> bool:
        """Return whether an account owns a service code: only then `take` reads its submit_sm."""
        return system_id in self._owners

    def take(self, session: Submitter, pdus: Iterable[SubmitSm]) -> list[SubmitSm]:
        """Answer the submit_sm that are USSD; return the other submit_sm."""
        others: list[SubmitSm] = []
        for pdu in pdus:
            if not is_ussd(pdu):
                others.append(pdu)
            elif self.elsewhere is not None and self.dialogue_of(session.rights, pdu) is None:
                self.elsewhere(session, pdu)
            else:
                self._answer(session, pdu)
        return others

    def _answer(self, session: Submitter, pdu: SubmitSm) -> None:
        try:
            dialogue, screen = self._judge(session.rights, pdu)
        except Refusal as refusal:
            self.responses.refuse(session, pdu, refusal)
        else:
            self.responses.accept(session, pdu)
            self._show(dialogue, screen)

    def show(self, rights: Rights, pdu: SubmitSm) -> None:
        """Answer a phone's request with the screen in a submit_sm; raises Refusal."""
        dialogue, screen = self._judge(rights, pdu)
        self._show(dialogue, screen)

    def dialogue_of(self, rights: Rights, pdu: SubmitSm) -> Dialogue | None:
        """Return the open dialogue that a submit_sm is for, None without one."""
        dialogue, system_id = self._open.get(msisdn_of(pdu)), rights.account.system_id
        return dialogue if dialogue and dialogue.system_id == system_id else None

    def _session_for(self, dialogue: Dialogue) -> UssdSession | None:
        """Return the session that has the dialogue, or else the session with most room."""
        sessions = [s for s in self._sessions.get(dialogue.system_id, ()) if s.room() > 0]
        if dialogue.session in sessions:
            return dialogue.session
        return max(sessions, key=_room, default=None)

    def _judge(self, rights: Rights, pdu: SubmitSm) -> tuple[Dialogue, Screen]:
        """Return the dialogue of a submit_sm, and its screen; raises Refusal."""
        by_reference = self.rules.by_reference
        number, ends = session_of(pdu, by_reference=by_reference)
        dialogue = self.dialogue_of(rights, pdu)
        if dialogue is None:
            raise Refusal(Status.ESME_RINVDSTADR, Reason.NO_DIALOGUE)
        if number not in (None, dialogue.number):
            raise Refusal(Status.ESME_RSUBMITFAIL, Reason.NO_DIALOGUE, "it is over")
        if dialogue.answer is None or dialogue in self._unsent.get(dialogue.system_id, ()):
            raise Refusal(Status.ESME_RSUBMITFAIL, Reason.BAD_SCREEN, "nothing was asked")
        try:
            screen = screen_of(pdu, rights.reader, self.rules.longest, ends=ends)
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
        dialogue.due = now + self.rules.lifetime
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
        rules = self.rules
        return Screen(rules.timeout if outcome == "timeout" else rules.unavailable, True)

    def _abort(self, dialogue: Dialogue) -> None:
        """Send the ESME the end of a dialogue; without room its late submit_sm is refused."""
        session = self._session_for(dialogue)
        if session is None:
            return
        rules = self.rules
        request = deliver_sm(
            dialogue, rules.abort_op, "", by_reference=rules.by_reference, ends=True
        )
        session.ask(request, DialogueDelivery(dialogue, 0))
        session.flush()


def _is_current(about: DialogueDelivery) -> bool:
    """Return whether the phone still waits for the answer to a deliver_sm."""
    return about.dialogue.answer is not None and about.step == about.dialogue.step


def _room(session: UssdSession) -> int:
    return session.room()

"""A phone, its provider and its ESME around Dialogues, on a clock of their own."""

from __future__ import annotations

from collections import Counter
from typing import Any, cast

from smppbridge.model.identifiers import Identifiers
from smppbridge.relay.accept.intake import rights_of
from smppbridge.relay.ports import Around
from smppbridge.relay.ussd.dialogues import Dialogues
from smppbridge.relay.ussd.pdus import Dialled, Dialogue, DialogueDelivery, Op, Screen, UssdRules
from smppbridge.smpp import tlvs
from smppbridge.smpp.constants import Tag
from smppbridge.smpp.pdus import DeliverSm, SubmitSm, SubmitSmResp
from tests.relay.fakes import FakeClock, FakeNotes, account

PHONE, CODE = "254722000001", "*384*77#"
TIMEOUT, UNAVAILABLE = "too late", "not there"
LATE, AWAY = Screen(TIMEOUT, True), Screen(UNAVAILABLE, True)


class Meters:
    def __init__(self) -> None:
        self.ends: Counter[tuple[str, str]] = Counter()
        self.seconds: list[float] = []
        self.accepts = 0
        self.refusals: list[int] = []

    def accepted(self, system_id: str, count: int) -> None:
        self.accepts += count

    def refused(self, system_id: str, command_status: int, reason: str) -> None:
        self.refusals.append(command_status)

    def ussd_answered(self, system_id: str, seconds: float) -> None:
        self.seconds.append(seconds)

    def ussd_ended(self, system_id: str, outcome: str) -> None:
        self.ends[system_id, outcome] += 1


class Session:
    """A TRX session of the ESME's: takes deliver_sm, submits."""

    failure, gone, parting = 0x45, False, False

    def __init__(self, window: int = 10, system_id: str = "bank") -> None:
        self.rights: Any = rights_of(account(system_id=system_id), 0.0)
        self.interface_version, self.window = 0x34, window
        self.asked: list[tuple[DeliverSm, DialogueDelivery]] = []
        self.unanswered: list[DialogueDelivery] = []
        self.flushed = 0
        self.responses: list[SubmitSmResp] = []
        self.oddities: list[str] = []

    def odd(self, oddity: str) -> None:
        self.oddities.append(oddity)

    def room(self) -> int:
        return self.window - len(self.unanswered)

    def ask(self, request: DeliverSm, about: DialogueDelivery) -> None:
        assert self.room() > 0, "the window is full"
        self.asked.append((request, about))
        self.unanswered.append(about)

    def flush(self) -> None:
        self.flushed = len(self.asked)

    def answer(self, response: SubmitSmResp) -> None:
        self.responses.append(response)

    @property
    def last(self) -> DeliverSm:
        assert self.flushed == len(self.asked)
        return self.asked[-1][0]


class Request:
    """One HTTP request of the provider's; *screens* are what it was answered."""

    def __init__(self) -> None:
        self.screens: list[Screen] = []
        self.dialogue: Dialogue | None = None
        self.going: object = None  # where several nodes have dialogues

    def __call__(self, screen: Screen) -> None:
        self.screens.append(screen)


def _silent(*_: Any, **__: Any) -> None:
    """Take the place of a log and of spawn: dialogues use neither."""


class World:
    """Dialogues of one account, ``bank``, with one session unless *bound* is off."""

    def __init__(self, *, bound: bool = True, **rules: Any) -> None:
        self.clock, self.meters, self.noted = FakeClock(), Meters(), FakeNotes()
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.rules = {"codes": {CODE: "bank"}, "timeout": TIMEOUT, "unavailable": UNAVAILABLE}
        self.dialogues = Dialogues(
            UssdRules(**{**self.rules, **rules}),
            identifiers=Identifiers(0, 1.0, slots=1),
            around=Around(self.clock, cast(Any, self.meters), _silent, _silent, self.noted),
            log=lambda event, /, **fields: self.events.append((event, fields)),
        )
        self.session = Session()
        if bound:
            self.bind(self.session)

    def bind(self, session: Session) -> Session:
        self.dialogues.bound("bank", session)
        return session

    def lose(self, session: Session) -> None:
        self.dialogues.lost("bank", session, session.unanswered)

    def phone(
        self, text: str = "", phone: str = PHONE, session_id: str = "s1", code: str = CODE
    ) -> Request:
        """Be the provider: bring what a phone sent."""
        request = Request()
        request.dialogue = self.dialogues.ask(Dialled(phone, session_id, code, text), request)
        return request

    def esme(self, text: bytes = b"Menu", op: int | None = Op.USSR_REQUEST, **changes: Any) -> int:
        """Be the ESME: submit a screen; return the command_status."""
        session: Session = changes.pop("session", self.session)
        submit_sm = screen_sm(text, op, **changes)
        assert self.dialogues.take(session, [submit_sm]) == []
        response = session.responses[-1]
        assert response.sequence_number == submit_sm.sequence_number
        assert bool(response.message_id) == (response.command_status == 0)
        return response.command_status

    def acknowledge(self, status: int = 0, session: Session | None = None) -> None:
        """Be the ESME: answer all deliver_sm."""
        session = session or self.session
        told = [(about, status) for about in session.unanswered]
        session.unanswered.clear()
        self.dialogues.answered(told)
        self.dialogues.go_on("bank")

    def wait(self, seconds: float) -> None:
        self.clock.now += seconds
        self.dialogues.tick()

    def ended(self) -> dict[str, int]:
        """What ended dialogues so far."""
        return {outcome: count for (_, outcome), count in self.meters.ends.items()}


def info(number: int, sequence: int = 0, ends: bool = False) -> tuple[int, bytes]:
    return tlvs.make_octets(Tag.ITS_SESSION_INFO, bytes((number, sequence << 1 | ends)))


def screen_sm(text: bytes = b"Menu", op: int | None = Op.USSR_REQUEST, **changes: Any) -> SubmitSm:
    """A submit_sm of an ESME that names the dialogue by nothing but the phone."""
    tagged = changes.pop("tlvs", ())
    if op is not None:
        tagged = (tlvs.make_integer(Tag.USSD_SERVICE_OP, op), *tagged)
    return SubmitSm(
        sequence_number=changes.pop("sequence_number", 7),
        **{
            "service_type": b"USSD",
            "source_addr": CODE.encode(),
            "dest_addr_ton": 1,
            "dest_addr_npi": 1,
            "destination_addr": PHONE.encode(),
            "data_coding": 0x0F,
            "short_message": text,
            "tlvs": tagged,
            **changes,
        },
    )


def op_of(pdu: DeliverSm) -> int | None:
    return tlvs.integer(pdu.tlvs, Tag.USSD_SERVICE_OP)


def session_info(pdu: DeliverSm) -> tuple[int, int, bool]:
    """Number, sequence and end bit."""
    number, rest = tlvs.find(pdu.tlvs, Tag.ITS_SESSION_INFO) or b""
    return number, rest >> 1, bool(rest & 1)

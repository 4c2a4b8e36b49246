"""Two nodes with dialogues, an ESME bound at one or both, and the wire between them in the test."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, cast

import pytest

from smppbridge.relay.ports import Around
from smppbridge.relay.ussd import words
from smppbridge.relay.ussd.passing import GRACE, NO_ANSWER, NOT_SENT, Answered, NodeDialogues
from smppbridge.relay.ussd.pdus import Dialled, Screen, UssdRules
from smppbridge.relay.ussd.served import Asked, Declined, ServedDialogues
from smppbridge.smpp.constants import CommandStatus as Status
from tests.relay.fakes import FakeNotes
from tests.relay.ussd.world import AWAY, CODE, LATE, PHONE, Request, Session, World, screen_sm

MENU = Screen("Menu", False)


class Wire:
    """Carries requests to the other node when the test says so."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, str, bytes, Answered]] = []

    def ask(self, slot: int, path: str, body: bytes, answered: Answered) -> None:
        self.asked.append((slot, path, body, answered))

    def fails(self, status: int, body: bytes = b"") -> None:
        """Answer the oldest request without its node."""
        self.asked.pop(0)[3](status, body)


class Node:
    """A node: its dialogues and its ESME, as itself and as the others see them."""

    def __init__(self, house: House, slot: int, **rules: Any) -> None:
        self.world = World(bound=False, **rules)
        self.wire = Wire()
        self.passed: Counter[str] = Counter()
        meters: Any = self.world.meters
        meters.ussd_passed = lambda system_id, result: self.passed.update([result])
        self.shared = NodeDialogues(
            self.world.dialogues,
            self.wire,
            Around(self.world.clock, meters, _silent, _silent, FakeNotes()),
            slot=slot,
            reachable=lambda: house.reachable,
            receiving=lambda system_id: house.receiving,
            changed=house.changed.append,
        )
        self.rights = {"bank": Session().rights}
        self.served = ServedDialogues(self.world.dialogues, lambda: self.rights)

    def phone(self, text: str = "", session_id: str = "s1", code: str = CODE) -> Request:
        request = Request()
        request.going = self.shared.ask(Dialled(PHONE, session_id, code, text), request)
        return request


class House:
    """Node 1, which is called, and node 2; the phone's first node is 2."""

    def __init__(self, **rules: Any) -> None:
        self.reachable, self.receiving = {1, 2}, set[int]()
        self.changed: list[UssdRules] = []
        self.one, self.two = Node(self, 1, **rules), Node(self, 2, **rules)
        self.nodes = {1: self.one, 2: self.two}

    def bind(self, *slots: int) -> None:
        """Bind the ESME; that is long ago for all nodes."""
        for slot in slots:
            world = self.nodes[slot].world
            world.bind(world.session)
        self.receiving = {*slots}
        for node in self.nodes.values():
            node.shared.see("bank")
            node.world.clock.now += 10_000.0

    def carry(self, from_: Node) -> Asked | None:
        """Let the oldest request of a node reach the other, and the answer come back."""
        slot, path, body, answered = from_.wire.asked.pop(0)
        served = self.nodes[slot].served
        try:
            if path == words.SHOW:
                answered(200, words.refusal_of(served.show(words.read_show(body))))
                return None
            ask = words.read_ask(body)
            if path == words.LEAVE:
                served.leave(ask.dialled)
                answered(200, b"")
                return None
            return served.ask(ask, lambda screen: answered(200, words.screen_of(screen)))
        except Declined:
            answered(409, b"")
            return None


def _silent(*_: Any, **__: Any) -> None:
    """Take the place of a log and of spawn."""


@pytest.fixture
def house() -> House:
    return House()


def test_a_dialogue_goes_on_from_either_node(house: House) -> None:
    house.bind(2)
    esme = house.two.world
    first = house.one.phone()
    assert (first.screens, house.one.shared.waiting) == ([], 1)
    house.carry(house.one)
    assert esme.session.last.short_message == CODE.encode()
    assert esme.esme(b"Menu") == 0
    assert (first.screens, house.one.shared.waiting) == ([MENU], 0)
    second = house.two.phone("1")
    assert esme.session.last.short_message == b"1"
    assert esme.esme(b"Menu") == 0
    third = house.one.phone("1*2")
    house.carry(house.one)
    assert esme.session.last.short_message == b"2"
    assert esme.esme(b"Bye", op=17) == 0
    assert (second.screens, third.screens) == ([MENU], [Screen("Bye", True)])
    assert house.one.passed == {"answered": 2}
    assert esme.ended() == {"ended": 1}


def test_an_account_that_is_bound_here_alone_asks_nobody(house: House) -> None:
    house.bind(1)
    request = house.one.phone()
    assert house.one.world.esme(b"Menu") == 0
    assert (request.screens, house.one.wire.asked) == ([MENU], [])


@pytest.mark.parametrize("code", [CODE, "*999#"])
def test_bound_nowhere_and_a_code_of_nobody(house: House, code: str) -> None:
    assert house.one.phone(code=code).screens == [AWAY]
    assert house.one.wire.asked == []
    assert house.one.world.ended() == {"unbound" if code == CODE else "unknown": 1}


def test_a_node_without_an_address_is_never_asked(house: House) -> None:
    house.bind(2)
    house.reachable = {1}
    assert house.one.phone().screens == [AWAY]
    assert house.one.wire.asked == []


def test_the_next_node_where_one_declines_or_is_away(house: House) -> None:
    house.bind(1, 2)
    house.two.world.dialogues.drain()
    request = house.one.phone()
    house.carry(house.one)
    assert house.one.passed == {"declined": 1}
    assert house.one.world.esme(b"Menu") == 0
    assert request.screens == [MENU]

    goes_on = house.one.phone("1")  # where it is, not where it would have begun
    assert house.one.world.esme(b"Menu") == 0
    assert (goes_on.screens, house.one.wire.asked) == ([MENU], [])

    again = house.one.phone(session_id="s2")
    house.one.wire.fails(NOT_SENT)
    assert house.one.passed == {"declined": 1, "unreachable": 1}
    assert house.one.world.esme(b"Menu") == 0
    assert again.screens == [MENU]


def test_the_first_node_itself_passes_on_what_it_cannot_ask(house: House) -> None:
    house.bind(1, 2)
    house.two.world.dialogues.drain()
    request = house.two.phone()
    house.carry(house.two)
    assert house.one.world.esme(b"Menu") == 0
    assert request.screens == [MENU]


def test_no_node_is_left(house: House) -> None:
    """The phone is told as on one node: nobody is bound here."""
    house.bind(2)
    request = house.one.phone()
    house.one.wire.fails(NOT_SENT)
    assert request.screens == [AWAY]
    assert house.one.world.ended() == {"unbound": 1}
    assert house.one.shared.waiting == 0


@pytest.mark.parametrize(("status", "body"), [(NO_ANSWER, b""), (500, b""), (200, b"CON x")])
def test_an_answer_that_is_none_ends_the_dialogue(house: House, status: int, body: bytes) -> None:
    house.bind(2)
    request = house.one.phone()
    house.one.wire.fails(status, body)
    assert request.screens == [AWAY]
    assert (house.one.passed, house.one.wire.asked) == ({"lost": 1}, [])
    assert house.one.shared.waiting == 0


def test_a_node_that_is_silent(house: House) -> None:
    """The phone has its last screen in time; what comes later is nobody's."""
    house.bind(2)
    first, clock = house.one.phone(), house.one.world.clock
    house.carry(house.one)
    clock.now += 8.0
    house.one.shared.tick()
    assert first.screens == []
    clock.now += GRACE
    house.one.shared.tick()
    assert (first.screens, house.one.passed) == ([LATE], {"timeout": 1})
    assert house.two.world.dialogues.waiting == 1
    assert house.two.world.esme(b"late") == 0
    house.carry(house.one)  # it is over: nothing to leave
    assert first.screens == [LATE]


def test_the_esme_learns_that_nobody_waits(house: House) -> None:
    house.bind(2)
    esme, request = house.two.world, house.one.phone()
    house.carry(house.one)
    house.one.shared.left(cast(Any, request.going), request)
    assert house.one.passed == {"gone": 1}
    house.carry(house.one)
    assert esme.ended() == {"gone": 1}
    assert esme.session.last.short_message == b""
    assert request.screens == []
    house.one.shared.left(cast(Any, request.going), request)
    assert house.one.wire.asked == []


def test_the_connection_of_the_other_node_is_lost(house: House) -> None:
    house.bind(2)
    house.one.phone()
    asked = house.carry(house.one)
    assert asked is not None
    house.two.served.left(asked)
    assert house.two.world.ended() == {"gone": 1}
    house.two.served.left(asked)
    assert house.two.served._asked == {}


def test_a_gateway_that_leaves_a_dialogue_of_this_node(house: House) -> None:
    house.bind(1)
    request = house.one.phone()
    house.one.shared.left(cast(Any, request.going), request)
    assert house.one.world.ended() == {"gone": 1}


def test_more_requests_than_dialogues_are_allowed(house: House) -> None:
    house = House(most=1)
    house.bind(2)
    first = house.one.phone()
    more = house.one.phone(session_id="s2")
    assert (more.screens, first.screens, house.one.passed) == ([AWAY], [], {"full": 1})
    assert len(house.one.wire.asked) == 1


def test_a_dialogue_stays_where_it_began(house: House) -> None:
    """Node 2, where the phone's dialogues begin from now on, does not have it."""
    house.bind(1)
    house.one.phone()
    assert house.one.world.esme(b"Menu") == 0
    house.two.world.bind(house.two.world.session)
    house.receiving = {1, 2}
    for node in house.nodes.values():
        node.shared.see("bank")
    second = house.two.phone("1")
    assert house.two.world.session.asked == []
    house.carry(house.two)
    assert house.one.world.esme(b"Menu") == 0
    assert second.screens == [MENU]

    anew = house.two.phone(session_id="s2")
    house.carry(house.two)
    assert house.two.passed == {"answered": 1, "declined": 1}
    assert house.two.world.esme(b"Menu") == 0
    assert anew.screens == [MENU]


# -- screens --------------------------------------------------------------------------------------


def show(node: Node, session: Session, text: bytes = b"Menu", **changes: Any) -> list[int]:
    """Submit a screen at a node; return the statuses of all responses."""
    assert node.world.dialogues.take(session, [screen_sm(text, **changes)]) == []
    return [response.command_status for response in session.responses]


def test_a_screen_is_shown_from_another_node(house: House) -> None:
    house.bind(2)
    transmitter, request = Session(), house.two.phone()
    assert show(house.one, transmitter) == []
    house.carry(house.one)
    assert [r.command_status for r in transmitter.responses] == [0]
    assert transmitter.responses[0].message_id
    assert (request.screens, house.one.world.meters.accepts) == ([MENU], 1)
    show(house.one, transmitter)
    house.carry(house.one)
    assert transmitter.responses[-1].command_status == Status.ESME_RSUBMITFAIL
    assert house.one.world.meters.refusals == [Status.ESME_RSUBMITFAIL]


@pytest.mark.parametrize(
    ("spoil", "status"),
    [
        (lambda house: house.two.world.dialogues.change(UssdRules()), Status.ESME_RINVDSTADR),
        (lambda house: house.two.rights.clear(), Status.ESME_RINVDSTADR),
        (None, Status.ESME_RINVDSTADR),
    ],
)
def test_a_screen_for_no_dialogue(
    house: House, spoil: Callable[[House], object] | None, status: int
) -> None:
    house.bind(2)
    if spoil is not None:
        house.two.phone()
        spoil(house)
    transmitter = Session()
    show(house.one, transmitter)
    house.carry(house.one)
    assert [r.command_status for r in transmitter.responses] == [status]


@pytest.mark.parametrize(
    ("status", "body", "answer"),
    [
        (NOT_SENT, b"", Status.ESME_RINVDSTADR),
        (NO_ANSWER, b"", Status.ESME_RSUBMITFAIL),
        (500, b"", Status.ESME_RSUBMITFAIL),
        (200, b"{}", Status.ESME_RSUBMITFAIL),
    ],
)
def test_the_node_of_a_screen_does_not_answer(
    house: House, status: int, body: bytes, answer: int
) -> None:
    house.bind(2)
    transmitter = Session()
    show(house.one, transmitter)
    house.one.wire.fails(status, body)
    assert [r.command_status for r in transmitter.responses] == [answer]


def test_a_session_that_is_gone_is_not_answered(house: House) -> None:
    house.bind(2)
    transmitter = Session()
    show(house.one, transmitter)
    transmitter.gone = True
    house.carry(house.one)
    assert transmitter.responses == []


def test_a_screen_without_any_other_node_is_refused_at_once(house: House) -> None:
    house.bind(1)
    assert show(house.one, Session()) == [Status.ESME_RINVDSTADR]


# -- rules ----------------------------------------------------------------------------------------


def test_new_rules_see_the_accounts_that_own_codes_now(house: House) -> None:
    house.receiving = {2}
    rules = UssdRules(codes={"*1#": "shop"})
    house.one.shared.change(rules)
    assert house.changed == [rules]
    house.one.shared.see("bank")
    assert house.one.phone(code=CODE).screens != []
    assert house.one.wire.asked == []
    house.one.phone(code="*1#")
    assert [asked[0] for asked in house.one.wire.asked] == [2]

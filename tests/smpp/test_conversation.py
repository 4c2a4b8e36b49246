"""Two sessions of ours in conversation, in any order of their owners' acts: nothing is lost.

Every request of either end comes back once: answered, unanswered, or when the connection is lost.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from smppbridge.smpp.constants import CommandStatus
from smppbridge.smpp.errors import LocalError
from smppbridge.smpp.events import Answered, FaultyPdu, LateResponse, Unanswered
from smppbridge.smpp.fields import DistributionList
from smppbridge.smpp.matrix import DELIVERS, SUBMITS, Role, State
from smppbridge.smpp.pdus import (
    Bind,
    BindReceiver,
    BindTransceiver,
    BindTransmitter,
    CancelSm,
    DataSm,
    DeliverSm,
    Pdu,
    QuerySm,
    ReplaceSm,
    SubmitMulti,
    SubmitSm,
    is_answered,
    refusal,
)
from smppbridge.smpp.session import Session

WINDOW = 3
ENDS = st.sampled_from([Role.ESME, Role.SMSC])
REQUESTS: dict[Role, list[Callable[[], Pdu]]] = {
    Role.ESME: [SubmitSm, DataSm, QuerySm, CancelSm, ReplaceSm],
    Role.SMSC: [DeliverSm, DataSm],
}
REQUESTS[Role.ESME].append(lambda: SubmitMulti(dest_address=(DistributionList(b"staff"),)))


class Conversation(RuleBasedStateMachine):
    """An ESME and an SMSC, the octets on their way, and what their owners have still to answer."""

    def __init__(self) -> None:
        super().__init__()
        self.now, self.count = 0.0, 0
        self.ends = {
            role: Session(role, 0.0, window=WINDOW, receive_window=WINDOW) for role in Role
        }
        self.wire: dict[Role, bytearray] = {role: bytearray() for role in Role}  # from that end
        self.open: dict[Role, deque[Pdu]] = {role: deque() for role in Role}
        self.binds: list[Bind] = []
        self.asked: Counter[str] = Counter()
        self.returned: Counter[str] = Counter()
        self.lost = False

    @initialize(
        kind=st.sampled_from([BindTransmitter, BindReceiver, BindTransceiver, BindTransceiver]),
        at_once=st.sampled_from([True, True, False]),
    )
    def bind(self, kind: type[Bind], at_once: bool) -> None:
        """Send a bind; the SMSC has accepted it already, or not yet."""
        self.asked["bind"] += 1
        self.ends[Role.ESME].ask(kind(0, 1, b"bank", b"secret"), "bind", self.now)
        if at_once:
            self.carry(Role.ESME, 400)
            self.judge(welcome=True)
            self.carry(Role.SMSC, 400)

    # -- the owners -----------------------------------------------------------------------------

    @rule(role=ENDS, data=st.data())
    def ask(self, role: Role, data: st.DataObject) -> None:
        session = self.ends[role]
        request = data.draw(st.sampled_from(REQUESTS[role]))()
        about = f"{role.name} {self.count}"
        self.count += 1
        may = session.state in (SUBMITS if role is Role.ESME else DELIVERS)
        try:
            session.ask(request, about, self.now)
        except LocalError:
            assert not may or not session.room()
        else:
            assert may
            self.asked[about] += 1

    @precondition(lambda self: self.binds)
    @rule(welcome=st.booleans())
    def judge(self, welcome: bool) -> None:
        session, request = self.ends[Role.SMSC], self.binds.pop()
        if welcome:
            session.accept_bind(request, b"SMSC", self.now)
        else:
            session.refuse_bind(request, CommandStatus.ESME_RBINDFAIL)

    @rule(role=ENDS)
    def answer(self, role: Role) -> None:
        if self.open[role]:
            request = self.open[role].popleft()
            self.ends[role].answer(refusal(request, CommandStatus.ESME_RSYSERR))
            self._take(role, self.ends[role].resume(self.now))

    @rule(role=ENDS)
    def unbind(self, role: Role) -> None:
        self.ends[role].unbind(self.now, "enough")

    @rule(role=ENDS)
    def probe(self, role: Role) -> None:
        self.ends[role].probe(self.now)

    # -- the world ------------------------------------------------------------------------------

    @rule(role=ENDS, size=st.integers(1, 400) | st.just(4_000))
    def carry(self, role: Role, size: int) -> None:
        """Carry octets from an end to the other."""
        if self.lost:
            return
        self.wire[role] += self.ends[role].octets_to_send()
        octets = bytes(self.wire[role][:size])
        del self.wire[role][:size]
        self._take(role.peer, self.ends[role.peer].receive(octets, self.now))

    @rule(role=ENDS)
    def catch_up(self, role: Role) -> None:
        """Let the other end receive and answer all that an end has sent."""
        self.carry(role, 100_000)
        for _ in list(self.open[role.peer]):
            self.answer(role.peer)
        self.carry(role.peer, 100_000)

    @rule(role=ENDS, seconds=st.sampled_from([0.1, 5.0, 31.0, 61.0]))
    def wait(self, role: Role, seconds: float) -> None:
        self.now += seconds
        for each in (role, role.peer):
            self._take(each, self.ends[each].tick(self.now))

    @rule()
    def lose(self) -> None:
        self.lost = True
        for session in self.ends.values():
            self.returned.update(map(str, session.lost()))

    def _take(self, role: Role, events: object) -> None:
        for event in events:  # type: ignore[attr-defined]
            if isinstance(event, Answered | Unanswered):
                self.returned[str(event.about)] += 1
            elif isinstance(event, Bind):
                self.binds.append(event)
            elif isinstance(event, Pdu) and is_answered(event.command_id):
                self.open[role].append(event)
            else:
                # A response that comes after its time is about a request that was given back.
                late = isinstance(event, FaultyPdu) and event.why == "answers no request of ours"
                misplaced = isinstance(event, FaultyPdu) and "not allowed in" in event.why
                assert late or misplaced or not isinstance(event, FaultyPdu), event
                assert not isinstance(event, LateResponse) or self.returned[str(event.about)] == 1

    # -- what holds -----------------------------------------------------------------------------

    @invariant()
    def every_request_comes_back_once_at_most(self) -> None:
        assert not [about for about, times in self.returned.items() if times > self.asked[about]]

    @invariant()
    def a_session_is_over_for_a_reason(self) -> None:
        for session in self.ends.values():
            assert bool(session.end_reason) == (session.state is State.CLOSED)
            assert 0 <= session.unanswered <= WINDOW
            assert 0 <= session.room() <= WINDOW

    def teardown(self) -> None:
        for session in self.ends.values():
            self.returned.update(map(str, session.lost()))
        assert self.returned == self.asked


TestConversation = Conversation.TestCase
TestConversation.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)

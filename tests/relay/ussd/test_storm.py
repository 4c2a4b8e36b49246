"""Whatever phones, ESMEs and time do, in whatever order: every request is answered, and once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from smppbridge.relay.ussd.pdus import DialogueDelivery
from tests.relay.ussd.world import Request, Session, World, info

PHONES = ["1", "2", "3"]
phones, small = st.sampled_from(PHONES), st.integers(0, 3)
STEPS = st.one_of(
    st.tuples(st.just("phone"), phones, st.sampled_from(["", "1", "1*2", "x" * 300]), small),
    st.tuples(st.just("esme"), phones, st.sampled_from([2, 17, 3, 1]), small),
    st.tuples(st.just("resp"), st.sampled_from([0, 0, 0, 0x64])),
    st.tuples(st.just("wait"), st.sampled_from([1.0, 8.0, 180.0])),
    st.tuples(st.just("lose")),
    st.tuples(st.just("bind"), small),
    st.tuples(st.just("left"), small),
)


class Storm:
    """A world that checks itself after each step."""

    def __init__(self) -> None:
        self.world = World(most=2)
        self.sessions: list[Session] = [self.world.session]
        self.requests: list[Request] = []

    def phone(self, phone: str, text: str, session_id: int) -> None:
        self.requests.append(self.world.phone(text, phone, f"s{session_id}"))

    def esme(self, phone: str, op: int, number: int) -> None:
        session = self.sessions[-1] if self.sessions else Session(window=0)
        tlvs = (info(number),) if number else ()
        self.world.esme(op=op, session=session, destination_addr=phone.encode(), tlvs=tlvs)

    def resp(self, status: int) -> None:
        told: list[tuple[DialogueDelivery, int]] = []
        for session in self.sessions:
            told += [(about, status) for about in session.unanswered]
            session.unanswered.clear()
        self.world.dialogues.answered(told)
        self.world.dialogues.go_on("bank")

    def wait(self, seconds: float) -> None:
        self.world.wait(seconds)

    def lose(self) -> None:
        if self.sessions:
            self.world.lose(self.sessions.pop())

    def bind(self, window: int) -> None:
        self.sessions.append(self.world.bind(Session(window)))

    def left(self, which: int) -> None:
        if which < len(self.requests):
            request = self.requests[-1 - which]
            assert request.dialogue
            self.world.dialogues.left(request.dialogue, request)

    def sound(self) -> None:
        dialogues = self.world.dialogues
        assert all(len(request.screens) <= 1 for request in self.requests)
        unanswered = sum(not request.screens for request in self.requests)
        assert dialogues.waiting == unanswered
        assert len(dialogues._open) == unanswered + len(dialogues._idle) <= 2
        assert set(dialogues._unsent.get("bank", ())) <= set(dialogues._waiting)
        assert self.sessions or not unanswered


@given(st.lists(STEPS, max_size=30))
def test_every_request_is_answered_once(steps: list[tuple[str, ...]]) -> None:
    storm = Storm()
    for name, *arguments in steps:
        getattr(storm, name)(*arguments)
        storm.sound()
    storm.wait(8.0)
    storm.wait(180.0)
    assert all(len(request.screens) == 1 for request in storm.requests)
    assert storm.world.dialogues._open == {}

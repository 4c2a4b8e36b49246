"""What nodes say to each other about dialogues."""

from __future__ import annotations

import json
from base64 import b64encode

import pytest

from smppbridge.model.reasons import Reason
from smppbridge.relay.accept.fields import Refusal
from smppbridge.relay.ussd import words
from smppbridge.relay.ussd.pdus import Dialled, Screen
from smppbridge.smpp.pdus import EnquireLink
from tests.relay.ussd.world import screen_sm

SAID = Dialled("254722000001", "s1", "*384*77#", "1*é€\ud800\x00")


def changed(body: bytes, **fields: object) -> bytes:
    return json.dumps({**json.loads(body), **fields}).encode()


def without(body: bytes, name: str) -> bytes:
    read = json.loads(body)
    del read[name]
    return json.dumps(read).encode()


@pytest.mark.parametrize("begins", [True, False])
def test_a_request_comes_as_it_was(begins: bool) -> None:
    body = words.ask_of(SAID, begins=begins)
    assert words.read_ask(body) == (SAID, begins)
    assert words.read_ask(changed(body, newer=1)) == (SAID, begins)


def test_a_screen_comes_as_it_was() -> None:
    for screen in (Screen("Menu\n1. é", False), Screen("", True)):
        assert words.read_screen(words.screen_of(screen)) == screen


def test_a_submit_sm_comes_as_it_was() -> None:
    pdu = screen_sm(b"Menu", sequence_number=9)
    assert words.read_show(words.show_of("bank", pdu)) == ("bank", pdu)


def test_a_refusal_comes_as_it_was() -> None:
    assert words.read_refusal(words.refusal_of(None)) is None
    read = words.read_refusal(words.refusal_of(Refusal(0x45, Reason.BAD_SCREEN, "too long")))
    assert read is not None
    assert (read.status, read.reason, read.detail) == (0x45, Reason.BAD_SCREEN, "too long")


ASK, SCREEN = words.ask_of(SAID, begins=True), words.screen_of(Screen("x", True))
SHOW = words.show_of("bank", screen_sm())
NO = words.refusal_of(Refusal(0x45, Reason.BAD_SCREEN))
NONSENSE = [b"", b"[]", b"{", b"null", b"\xff", b"[" * 100_000]


@pytest.mark.parametrize(
    ("read", "body"),
    [
        *((words.read_ask, body) for body in NONSENSE),
        *((words.read_ask, without(ASK, name)) for name in json.loads(ASK)),
        (words.read_ask, changed(ASK, msisdn=5)),
        (words.read_ask, changed(ASK, begins=1)),
        *((words.read_screen, body) for body in NONSENSE),
        (words.read_screen, changed(SCREEN, text=None)),
        (words.read_screen, changed(SCREEN, ends="no")),
        *((words.read_show, body) for body in NONSENSE),
        (words.read_show, without(SHOW, "system_id")),
        (words.read_show, changed(SHOW, pdu="é")),
        (words.read_show, changed(SHOW, pdu="AAAA")),
        (words.read_show, changed(SHOW, pdu=b64encode(EnquireLink(1).encode()).decode())),
        *((words.read_refusal, body) for body in NONSENSE),
        *((words.read_refusal, changed(NO, status=n)) for n in (-1, 2**32, "0", True, None)),
        (words.read_refusal, changed(NO, reason="nonsense")),
        (words.read_refusal, without(NO, "detail")),
    ],
)
def test_nonsense_is_none(read: object, body: bytes) -> None:
    with pytest.raises(words.BadWords):
        read(body)  # type: ignore[operator]


def test_no_text_is_shown_by_a_repr() -> None:
    assert "é" not in repr(words.read_ask(ASK))

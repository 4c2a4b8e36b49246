from __future__ import annotations

from collections.abc import Iterable

import pytest

from smppbridge.smpp.events import PeerAlive
from smppbridge.smpp.matrix import State
from smppbridge.smpp.pdus import (
    BindTransceiver,
    CancelSm,
    DeliverSm,
    DeliverSmResp,
    EnquireLink,
    EnquireLinkResp,
    SubmitSm,
    Unbind,
)
from smppbridge.smpp.session import Session, Timers
from smppbridge.smpp.tally import Tally
from tests.smpp.sessions import consume, feed, smsc

UNKNOWN = bytes.fromhex("00000010 00770077 00000000 00000009")
SHORT = bytes.fromhex("00000011 00000004 00000000 00000009 00")
GOOD = [
    *(SubmitSm(0, number).encode() for number in (1, 2, 3)),
    EnquireLink(0, 4).encode(),
    CancelSm(0, 5).encode(),
]


def totals(tally: Tally) -> dict[str, float]:
    return {" ".join(names): count for names, count in tally.totals().items()}


def say(session: Session, pdus: Iterable[bytes]) -> None:
    """Let the peer say everything at once, to an owner that answers."""
    consume(session, session.receive(b"".join(pdus), 0.0))
    session.octets_to_send()


@pytest.mark.parametrize("pdus", [[UNKNOWN, *GOOD, SHORT], [SHORT, *GOOD, UNKNOWN]])
def test_every_pdu_of_a_list_is_counted_whatever_is_odd_in_it(pdus: list[bytes]) -> None:
    tally = Tally()
    session = smsc(State.OPEN, tally=tally)
    say(session, [BindTransceiver(0, 1, b"bank").encode()])
    say(session, pdus)
    for number in (1, 2, 3):
        session.ask(DeliverSm(), number, 0.0)
    say(session, [DeliverSmResp(status, n).encode() for n, status in ((1, 0x64), (2, 0), (3, 0))])
    say(session, [Unbind(0, 6).encode()])
    assert totals(tally) == {
        "in bind_transceiver ESME_ROK": 1,
        "in other ESME_ROK": 1,
        "in submit_sm ESME_ROK": 4,
        "in enquire_link ESME_ROK": 1,
        "in cancel_sm ESME_ROK": 1,
        "in deliver_sm_resp ESME_RX_T_APPN": 1,
        "in deliver_sm_resp ESME_ROK": 2,
        "in unbind ESME_ROK": 1,
        "out bind_transceiver_resp ESME_ROK": 1,
        "out generic_nack ESME_RINVCMDID": 1,
        "out submit_sm_resp ESME_ROK": 3,
        "out submit_sm_resp ESME_RINVCMDLEN": 1,
        "out enquire_link_resp ESME_ROK": 1,
        "out cancel_sm_resp ESME_RSYSERR": 1,
        "out deliver_sm ESME_ROK": 3,
        "out unbind_resp ESME_ROK": 1,
    }


def test_a_stream_that_is_lost_is_answered_and_that_is_counted() -> None:
    tally = Tally()
    say(smsc(State.OPEN, tally=tally), [b"\0\0\0\5" * 4])
    assert totals(tally) == {"out generic_nack ESME_RINVCMDLEN": 1}
    tally = Tally()
    say(smsc(State.OPEN, tally=tally), [b"GET / HTTP/1.1\r\n\r\n"])
    assert totals(tally) == {}


def test_sessions_share_a_tally_and_numbers_of_a_peers_own_do_not_make_it_grow() -> None:
    tally = Tally()
    one, other = smsc(tally=tally), smsc(tally=tally)
    for number in range(1, 500):
        say(one, [DeliverSmResp(0x1000 + number, number).encode()])
        say(other, [UNKNOWN[:6] + number.to_bytes(2, "big") + UNKNOWN[8:]])
        say(other, [SubmitSm(number, number).encode()])
    assert totals(tally) == {
        "in bind_transceiver ESME_ROK": 2,
        "in deliver_sm_resp other": 499,
        "in other ESME_ROK": 499,
        "in submit_sm ESME_ROK": 499,
        "out bind_transceiver_resp ESME_ROK": 2,
        "out generic_nack ESME_RINVCMDID": 499,
        "out submit_sm_resp ESME_ROK": 499,
    }


# -- enquire_link, from us -----------------------------------------------------------------------


def test_the_answer_to_an_enquire_link_is_timed_once() -> None:
    session = smsc()
    session.probe(10.0)
    assert feed(session, EnquireLinkResp(0, 2), now=10.5) == []
    assert feed(session, EnquireLinkResp(0, 1), now=10.75) == [PeerAlive(0.75)]
    assert feed(session, EnquireLinkResp(0, 1), now=11.0) == []


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_a_late_answer_is_timed_from_its_own_enquire_link(order: tuple[int, int]) -> None:
    session = smsc(timers=Timers(enquire_link=50, enquire_link_resp=15))
    assert list(session.tick(50.0)) == list(session.tick(65.0)) == []
    waited = {1: 16.0, 2: 1.0}
    answers = [EnquireLinkResp(0, number) for number in order]
    assert feed(session, *answers, now=66.0) == [PeerAlive(waited[number]) for number in order]


def test_enquire_links_that_are_never_answered_are_forgotten() -> None:
    session = smsc()
    for number in range(1, 1_000):
        session.probe(float(number))
    assert feed(session, EnquireLinkResp(0, 1), now=1_000.0) == []
    assert feed(session, EnquireLinkResp(0, 999), now=1_000.0) == [PeerAlive(1.0)]

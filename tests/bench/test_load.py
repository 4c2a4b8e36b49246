from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from smppbridge.bench.load import LoadFailed, LoadGenerator
from smppbridge.bench.tally import Traffic, TrafficTally, percentile
from smppbridge.smpp import pdus
from smppbridge.smpp.codec import FrameBuffer, decode
from smppbridge.smpp.constants import CommandStatus


class Peer:
    """An SMSC of few words: answers PDU by PDU what it is told, keeps what it got."""

    def __init__(self, answer):
        self._answer = answer
        self.got = []

    def serve(self, listening):
        connected, _ = listening.accept()
        buffer = FrameBuffer()
        with connected:
            while octets := connected.recv(65_536):
                buffer.feed(octets)
                start = buffer.position
                while buffer.next_frame():
                    pdu = decode(buffer.octets[start : buffer.position])
                    start = buffer.position
                    self.got.append(pdu)
                    connected.sendall(b"".join(p.encode() for p in self._answer(pdu)))


@contextmanager
def serving(peer: Peer) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=peer.serve, args=(listening,))
        thread.start()
        yield listening.getsockname()[1]
        thread.join(10)


def loaded(peer: Peer, **options) -> TrafficTally:
    with serving(peer) as port:
        esme = LoadGenerator(Traffic(port=port, binds=1, silence=0.2, **options))
        try:
            esme.bind()
            return esme.run()
        finally:
            esme.close()


def receipt(message_id: str, number: int) -> pdus.DeliverSm:
    text = f"id:{message_id} sub:001 dlvrd:001 stat:DELIVRD err:000".encode()
    return pdus.DeliverSm(sequence_number=number, esm_class=4, short_message=text)


def answered(pdu, status=0):
    match pdu:
        case pdus.Bind():
            return [pdus.BIND_RESPS[pdu.command_id](sequence_number=pdu.sequence_number)]
        case pdus.SubmitSm(sequence_number=number):
            message_id = b"" if status else b"%d" % (1000 + number)
            return [pdus.SubmitSmResp(status, number, message_id)]
    return []


def test_every_message_is_sent_once_within_the_window():
    peer = Peer(answered)
    tally = loaded(peer, messages=25, window=4)
    bind, *submitted = peer.got
    assert isinstance(bind, pdus.BindTransmitter)
    assert (bind.system_id, bind.password) == (b"bench", b"bench")
    assert [s.sequence_number for s in submitted] == list(range(2, 27))
    assert [s.short_message[:11] for s in submitted] == [b"tk%09d" % n for n in range(25)]
    assert {s.registered_delivery for s in submitted} == {0}
    figures = tally.figures()
    assert (figures["sent"], figures["accepted"], figures["refused"]) == (25, 25, {})
    assert 0 < figures["p50_ms"] <= figures["p99_ms"]


def test_a_load_at_a_rate_sends_nothing_before_its_time_and_says_when_that_was():
    peer = Peer(answered)
    tally = loaded(peer, messages=4, window=10, rate=100.0)
    times = [float(s.short_message.split(b" at ")[1][:15]) for s in peer.got[1:]]
    assert len(times) == 4
    assert all(at >= tally.began + n / 100.0 - 1e-6 for n, at in enumerate(times))


def test_no_more_are_unanswered_than_the_window_holds():
    def answer(pdu):
        return answered(pdu) if pdu.sequence_number < 4 else []

    assert loaded(Peer(answer), messages=25, window=4).sent == 2 + 4


def test_refusals_are_counted_by_status():
    def answer(pdu):
        return answered(pdu, CommandStatus.ESME_RTHROTTLED if pdu.sequence_number % 5 == 0 else 0)

    figures = loaded(Peer(answer), messages=10, window=10).figures()
    assert figures["answered"] == 10
    assert (figures["accepted"], figures["refused"]) == (8, {"ESME_RTHROTTLED": 2})


def test_receipts_are_acknowledged_and_counted_even_before_the_answer():
    def answer(pdu):
        if not isinstance(pdu, pdus.SubmitSm):
            return answered(pdu)
        number = pdu.sequence_number
        return [receipt(str(1000 + number), 70 + number), *answered(pdu)]

    peer = Peer(answer)
    figures = loaded(peer, messages=10, window=3, receipts=True).figures()
    found = figures["receipts"], figures["missing"], figures["doubled"], figures["unknown"]
    assert found == (10, 0, 0, 0)
    acknowledged = [p for p in peer.got if isinstance(p, pdus.DeliverSmResp)]
    assert [p.sequence_number for p in acknowledged] == list(range(72, 82))
    assert isinstance(peer.got[0], pdus.BindTransceiver)


def test_enquire_link_is_answered():
    def answer(pdu):
        more = [pdus.EnquireLink(sequence_number=9)] if isinstance(pdu, pdus.Bind) else []
        return [*answered(pdu), *more]

    peer = Peer(answer)
    loaded(peer, messages=1)
    assert pdus.EnquireLinkResp(sequence_number=9) in peer.got


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda pdu: [pdus.BindTransmitterResp(CommandStatus.ESME_RINVPASWD, 1)], "ESME_RINVPASWD"),
        (lambda pdu: [], "0 of 1 sessions"),
    ],
)
def test_a_bind_that_fails_fails_the_load(answer, words):
    with pytest.raises(LoadFailed, match=words):
        loaded(Peer(answer))


def test_receipts_missing_doubled_and_unknown_are_told_apart():
    tally = TrafficTally(accepted={b"1", b"2", b"3"}, receipts=Counter({b"1": 3, b"2": 1, b"9": 1}))
    figures = tally.figures()
    assert (figures["missing"], figures["doubled"], figures["unknown"]) == (1, 2, 1)
    assert figures["receipts"] == 5


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ([], 50, 0.0),
        ([7.0], 99, 7.0),
        ([1.0, 2.0], 50, 1.0),
        ([1.0, 2.0, 3.0], 50, 2.0),
        (list(range(1, 101)), 99, 99),
        (list(range(1, 101)), 100, 100),
        (list(range(1, 1001)), 99, 990),
    ],
)
def test_percentile_is_the_nearest_rank(values, percent, expected):
    assert percentile(values, percent) == expected

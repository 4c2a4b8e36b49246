"""data_sm from an ESME: accepted as a submit_sm with message_payload, answered by data_sm_resp."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from smppbridge.model.outcome import Refused
from smppbridge.model.report import Report
from smppbridge.relay.accept.data import AcceptData, submit_sm_of
from smppbridge.relay.accept.fields import Refusal
from smppbridge.smpp import tlvs
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.constants import MessageState as M
from smppbridge.smpp.constants import Tag
from smppbridge.smpp.pdus import DECODE, DataSm, DataSmResp
from tests.relay.fakes import NOW, FakeStore, World, sar, submit_sm
from tests.vectors.vectors import MALFORMED, VECTORS


class Session:
    """A session that takes part in a world; *answers* are the data_sm_resp."""

    def __init__(self, world: World) -> None:
        self.rights, self.interface_version = world.rights, 0x34
        self.gone = self.parting = False
        self.answers: list[DataSmResp] = []
        self.flushes = 0

    def answer(self, response: Any) -> None:
        assert type(response) is DataSmResp
        self.answers.append(response)

    def odd(self, oddity: Any) -> None:
        pass

    def flush(self) -> None:
        self.flushes += 1

    def told(self) -> list[tuple[int, int]]:
        return [(each.sequence_number, each.command_status) for each in self.answers]


class Data:
    """A world to which data_sm are sent."""

    def __init__(self, **about: Any) -> None:
        self.world = World(**about)
        self.operation = AcceptData(self.world.accept, self.world.accept.refused)
        self.session = Session(self.world)

    def send(self, *requests: DataSm, session: Session | None = None) -> None:
        for request in requests:
            self.world.spawn(self.operation(session or self.session, request))
        self.world.sound()


def data_sm(payload: bytes | None = b"hello", /, number: int = 1, **changes: Any) -> DataSm:
    fields: dict[str, Any] = {
        "source_addr": b"BANK",
        "source_addr_ton": 5,
        "destination_addr": b"243810000001",
        "dest_addr_ton": 1,
        "dest_addr_npi": 1,
        "registered_delivery": 1,
    }
    more = changes.pop("more", ())
    carried = () if payload is None else (tlvs.make_octets(Tag.MESSAGE_PAYLOAD, payload),)
    return DataSm(sequence_number=number, **{**fields, **changes, "tlvs": (*carried, *more)})


def decoded(octets: bytes) -> DataSm:
    return DECODE[DataSm.command_id](octets, 16, len(octets), 0, int.from_bytes(octets[12:16]))


def test_a_data_sm_is_the_submit_sm_that_says_the_same() -> None:
    data, other = Data(), World()
    more = (tlvs.make_integer(Tag.USER_MESSAGE_REFERENCE, 7),)
    about: Any = {"data_coding": 8, "service_type": b"WAP", "registered_delivery": 0x12}
    data.send(data_sm("héllo".encode("utf-16-be"), more=more, **about))
    payload = tlvs.make_octets(Tag.MESSAGE_PAYLOAD, "héllo".encode("utf-16-be"))
    other.sent(submit_sm(b"", tlvs=(payload, *more), **about))
    (ours,), (theirs,) = data.world.store.messages.values(), other.store.messages.values()
    assert ours.message == theirs.message
    (answer,) = data.session.answers
    assert answer == DataSmResp(0, 1, b"%d" % ours.message.message_id)
    assert data.session.flushes


def test_rok_means_on_disk() -> None:
    data = Data(store=FakeStore(at_once=False))
    data.send(data_sm(number=1), data_sm(number=2))
    assert data.session.answers == []
    data.world.store.fail()
    assert data.session.told() == [(1, Status.ESME_RSYSERR), (2, Status.ESME_RSYSERR)]
    data.send(data_sm(number=3))
    data.world.store.commit()
    assert data.session.told()[2:] == [(3, 0)]


BAD = {
    Status.ESME_RMISSINGOPTPARAM: data_sm(None, 2),
    Status.ESME_RINVSRCADR: data_sm(number=2, source_addr=b"1" * 21, source_addr_ton=1),
    Status.ESME_RINVDSTADR: data_sm(number=2, destination_addr=b"2" * 64),
    Status.ESME_RINVMSGLEN: data_sm(b"", 2),
    Status.ESME_RINVESMCLASS: data_sm(b"\x05x", 2, esm_class=0x40),
    Status.ESME_RINVDSTTON: data_sm(number=2, destination_addr=b"24381", dest_addr_ton=9),
    Status.ESME_RINVEXPIRY: data_sm(number=2, more=((Tag.QOS_TIME_TO_LIVE, bytes(4)),)),
}


@pytest.mark.parametrize("status", BAD, ids=lambda status: status.name)
@pytest.mark.parametrize("first", [True, False])
def test_an_odd_one_beside_a_good_one(status: Status, first: bool) -> None:
    data = Data()
    odd, good = BAD[status], data_sm(number=1)
    data.send(*((odd, good) if first else (good, odd)))
    assert sorted(data.session.told()) == [(1, 0), (2, status)]
    assert data.world.said.counts["refused", "bank", status] == 1
    assert len(data.world.store.messages) == 1
    refused = next(a for a in data.session.answers if a.command_status)
    assert len(refused.encode()) == 17  # a NUL, without which three stacks cannot read it


def test_addresses_of_20_octets_are_within_bounds() -> None:
    pdu = submit_sm_of(data_sm(source_addr=b"1" * 20, destination_addr=b"2" * 20))
    assert (len(pdu.source_addr), len(pdu.destination_addr)) == (20, 20)
    with pytest.raises(Refusal):
        submit_sm_of(data_sm(source_addr=b"1" * 21))


@pytest.mark.parametrize(
    ("seconds", "lives"), [(None, 86_400.0), (90, 90.0), (0xFFFFFFFF, float(0xFFFFFFFF))]
)
def test_it_lives_as_long_as_it_says(seconds: int | None, lives: float) -> None:
    data = Data()
    more = () if seconds is None else (tlvs.make_integer(Tag.QOS_TIME_TO_LIVE, seconds),)
    data.send(data_sm(more=more))
    (row,) = data.world.store.messages.values()
    assert row.message.expires_at == NOW + lives


@pytest.mark.parametrize("by", ["sar", "udh"])
def test_segments_are_gathered_with_those_of_submit_sm(by: str) -> None:
    data = Data()
    submitting = data.world.session()
    for number, text in ((1, b"one "), (2, b"two "), (3, b"three")):
        if by == "udh":
            octets, more, esm_class = bytes((5, 0, 3, 9, 3, number)) + text, (), 0x40
        else:
            octets, more, esm_class = text, sar(9, 3, number), 0
        if number == 2:
            data.world.take(submitting, submit_sm(octets, esm_class=esm_class, tlvs=more))
        else:
            data.send(data_sm(octets, number, more=more, esm_class=esm_class))
            gc.collect()
    (row,) = data.world.store.messages.values()
    assert row.message.text == "one two three"
    ids = [int(a.message_id) for a in data.session.answers] + submitting.ids()
    assert sorted(ids) == [s.message_id for s in row.message.segments]


def test_a_session_is_known_as_one_by_its_segments() -> None:
    """Two sessions send messages of one reference at once: each goes on with its own."""
    data = Data()
    one, two = data.session, Session(data.world)
    for number in (1, 2):
        for session, name in ((one, b"a"), (two, b"b")):
            octets = bytes((5, 0, 3, 9, 2, number)) + name * 5
            data.send(data_sm(octets, number, esm_class=0x40), session=session)
            gc.collect()
    texts = sorted(row.message.text for row in data.world.store.messages.values())
    assert texts == ["aaaaaaaaaa", "bbbbbbbbbb"]


def test_no_session_is_kept_alive() -> None:
    data = Data()
    session = Session(data.world)
    data.send(data_sm(), session=session)
    assert len(data.operation._submitters) == 1
    del session
    gc.collect()
    assert len(data.operation._submitters) == 0


def test_in_transaction_mode_it_says_that_delivery_failed() -> None:
    data = Data()
    data.send(data_sm(esm_class=0x02), data_sm(number=2, esm_class=0x02))
    refused, failed = data.world.store.messages
    data.world.wire.answer((refused, Refused("bad", Status.ESME_RINVDSTADR)))
    data.world.told(Report("", M.UNDELIVERABLE, message_id=failed))
    assert data.session.told() == [
        (1, Status.ESME_RINVDSTADR),
        (2, Status.ESME_RDELIVERYFAILURE),
    ]


def test_the_vectors() -> None:
    data = Data()
    data.send(decoded(MALFORMED["data_sm_without_payload"].octets))
    (answer,) = data.session.answers
    assert answer.encode() == MALFORMED["data_sm_without_payload"].answer
    pdu = submit_sm_of(decoded(VECTORS["data_sm_payload"].octets))
    assert (pdu.source_addr, pdu.registered_delivery) == (b"447700900001", 1)
    assert data.world.rights.reader.content(pdu).octets == b"data message"

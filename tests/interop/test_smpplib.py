"""smpplib against the bridge, as strict as it is by default: an unknown TLV would be its end."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count as count_from
from typing import Any

import pytest
from smpplib.client import Client
from smpplib.exceptions import PDUError
from smpplib.gsm import ENCODINGS, make_parts, split_sequence
from smpplib.smpp import make_pdu

from smppbridge.simulators.keccel import KeccelSimulator
from smppbridge.smpp.constants import CommandStatus, EsmClass, MessageState
from tests.cli.processes import Program
from tests.interop.bridged import PASSWORD, Place, in_thread, settle
from tests.patience import PATIENCE

REFERENCES = count_from(258)
NUMBER = "243810000001"
RECEIPT = re.compile(rb"id:(\d+) sub:001 dlvrd:001 submit date:\d{10} done date:\d{10} stat:(\w+) ")
# smpplib cuts octets: in both, a cut is within a character, however they are joined
LONG_GSM = "é@$ " + "€" * 200
LONG_UCS2 = "Да" + "😀" * 80


@pytest.fixture(scope="module")
def place(simulator: KeccelSimulator, tmp_path_factory: pytest.TempPathFactory) -> Place:
    return settle(tmp_path_factory.mktemp("smpplib"), simulator, ["python"])


@pytest.fixture(scope="module")
def bridge(place: Place) -> Iterator[Program]:
    with place.served() as bridge:
        yield bridge


class Esme:
    """A client that keeps the message_ids it is given, and what receipts say."""

    def __init__(self, port: str) -> None:
        self.submitted: list[bytes] = []
        self.receipts: Counter[tuple[Any, ...]] = Counter()
        self.client = Client("127.0.0.1", port, PATIENCE, allow_unknown_opt_params=False)
        self.client.set_message_sent_handler(lambda pdu: self.submitted.append(pdu.message_id))
        self.client.set_message_received_handler(self.take)

    def take(self, pdu: Any) -> None:
        found = RECEIPT.match(pdu.short_message)
        assert found, pdu.short_message
        assert found[1] == pdu.receipted_message_id
        self.receipts[(*found.groups(), pdu.esm_class, pdu.message_state, pdu.source_addr)] += 1

    def submit(self, submissions: list[dict[str, Any]]) -> None:
        for fields in submissions:
            self.client.send_message(
                source_addr_ton=5,
                source_addr="ACME",
                dest_addr_ton=1,
                dest_addr_npi=1,
                destination_addr=NUMBER,
                registered_delivery=1,
                **fields,
            )
        while len(self.submitted) < len(submissions):
            self.client.read_once(auto_send_enquire_link=False)

    def hear(self, count: int) -> None:
        while self.receipts.total() < count:
            self.client.read_once(auto_send_enquire_link=False)


@contextmanager
def bound(place: Place, kind: str, password: str = PASSWORD) -> Iterator[Esme]:
    """Bind, and unbind at the end, when there must be nothing more to be read."""
    esme = Esme(place.port)
    esme.client.connect()
    try:
        getattr(esme.client, f"bind_{kind}")(system_id="python", password=password)
        yield esme
        assert esme.client.unbind().command == "unbind_resp"
    finally:
        esme.client.disconnect()


def submissions(way: str, text: str, data_coding: int) -> list[dict[str, Any]]:
    """Return what is particular to each submit_sm of *text*, to be joined in a *way*."""
    encode, _, size = ENCODINGS[data_coding]
    fields = {"data_coding": data_coding}
    if way == "message_payload":
        return [fields | {"message_payload": encode(text)}]
    if way == "udh16":
        parts = split_sequence(encode(text), size - 4)
        headers = [bytes((6, 8, 4, 1, 2, len(parts), n)) for n in range(1, len(parts) + 1)]
        parts = [header + part for header, part in zip(headers, parts, strict=True)]
        return [fields | {"esm_class": EsmClass.UDHI, "short_message": part} for part in parts]
    parts, _, esm_class = make_parts(text, data_coding, use_udhi=way == "udh8")
    found = [fields | {"esm_class": esm_class, "short_message": part} for part in parts]
    if way == "sar":
        reference = next(REFERENCES)  # under the same one the text would be the same message again
        for number, each in enumerate(found, 1):
            each |= {"sar_msg_ref_num": reference, "sar_total_segments": len(parts)}
            each["sar_segment_seqnum"] = number
    return found


def delivered(submitted: list[bytes]) -> Counter[tuple[Any, ...]]:
    """Return the receipts that must come: one for each message_id."""
    rest = (b"DELIVRD", EsmClass.RECEIPT, MessageState.DELIVERED, NUMBER.encode())
    return Counter((message_id, *rest) for message_id in set(submitted))


@pytest.mark.parametrize(
    ("count", "way", "text", "data_coding"),
    [
        (1, "whole", "Ça va? [é@$_] 5 €", 0),
        (1, "whole", "déjà vu ÿ", 3),
        (1, "whole", "Привет 😀", 8),
        *((3, way, LONG_GSM, 0) for way in ("udh8", "udh16", "sar")),
        *((3, way, LONG_UCS2, 8) for way in ("udh8", "udh16", "sar")),
        (1, "message_payload", LONG_GSM, 0),
        (1, "message_payload", LONG_UCS2, 8),
    ],
)
@in_thread
def test_every_segment_has_one_receipt_and_the_provider_the_whole(
    bridge: Program,
    place: Place,
    simulator: KeccelSimulator,
    count: int,
    way: str,
    text: str,
    data_coding: int,
) -> None:
    simulator.taken.clear()
    with bound(place, "transceiver") as esme:
        esme.submit(submissions(way, text, data_coding))
        esme.hear(count)
    assert len(set(esme.submitted)) == count
    assert esme.receipts == delivered(esme.submitted)
    assert simulator.taken == {(NUMBER, text): 1}


@in_thread
def test_the_receiver_hears_of_what_the_transmitter_sent(bridge: Program, place: Place) -> None:
    with bound(place, "receiver") as rx, bound(place, "transmitter") as tx:
        tx.submit(submissions("udh8", LONG_GSM, 0))
        rx.hear(3)
    assert (tx.receipts, rx.receipts) == (Counter(), delivered(tx.submitted))


@in_thread
def test_receipts_of_a_transmitter_wait_for_a_receiver(bridge: Program, place: Place) -> None:
    with bound(place, "transmitter") as tx:
        tx.submit(submissions("sar", LONG_UCS2, 8))
        bridge.until(f"message_delivered message_id={tx.submitted[0].decode()}")
    with bound(place, "receiver") as rx:
        rx.hear(3)
    assert (tx.receipts, rx.receipts) == (Counter(), delivered(tx.submitted))


@pytest.mark.parametrize("kind", ["transmitter", "receiver", "transceiver"])
@in_thread
def test_a_wrong_password_is_refused_and_enquire_link_answered(
    bridge: Program, place: Place, kind: str
) -> None:
    with pytest.raises(PDUError) as refused, bound(place, kind, "wrong"):
        pass
    assert refused.value.args[1] == CommandStatus.ESME_RINVPASWD
    with bound(place, kind) as esme:
        esme.client.send_pdu(make_pdu("enquire_link", client=esme.client))
        assert esme.client.read_pdu().command == "enquire_link_resp"


@in_thread
def test_the_state_of_a_message_is_told(bridge: Program, place: Place) -> None:
    with bound(place, "transceiver") as esme:
        fields = {"source_addr_ton": 5, "source_addr_npi": 0, "source_addr": "ACME"}
        later = {"schedule_delivery_time": "000000010000000R", "short_message": b"later"}
        esme.submit([later | {"data_coding": 0}, {"short_message": b"now", "data_coding": 0}])
        esme.hear(1)
        states = []
        for message_id in esme.submitted:
            esme.client.query_message(message_id=message_id.decode(), **fields)
            found = esme.client.read_pdu()
            assert (found.command, found.message_id) == ("query_sm_resp", message_id)
            states.append((found.message_state, bool(found.final_date)))
        assert states == [(MessageState.ENROUTE, False), (MessageState.DELIVERED, True)]
        esme.client.query_message(message_id="1", **fields)
        assert esme.client.read_pdu().status == CommandStatus.ESME_RQUERYFAIL


@in_thread
def test_a_data_sm_is_a_submission(
    bridge: Program, place: Place, simulator: KeccelSimulator
) -> None:
    simulator.taken.clear()
    with bound(place, "transceiver") as esme:
        to = {"dest_addr_ton": 1, "dest_addr_npi": 1, "destination_addr": NUMBER}
        more = {"registered_delivery": 1, "data_coding": 8, "esm_class": 0}
        text = "Да 😀"
        fields = {**to, **more, "source_addr_ton": 5, "source_addr": "ACME"}
        payload = text.encode("utf-16-be")
        client = esme.client
        client.send_pdu(make_pdu("data_sm", client=client, **fields, message_payload=payload))
        answer = client.read_pdu()
        assert (answer.command, answer.status) == ("data_sm_resp", 0)
        esme.hear(1)
    assert esme.receipts == delivered([answer.message_id])
    assert simulator.taken == {(NUMBER, text): 1}

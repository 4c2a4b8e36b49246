"""Jasmin, which D7's /secure/ API is: the bridge submits to it, it submits to the bridge.

ESME -> bridge -> REST API -> Jasmin -> an SMSC (ours, in this process), and everything back
REST API -> Jasmin -> bridge -> Keccel (ours), and everything back
"""

from __future__ import annotations

import calendar
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import Any, cast

import pytest
import pytest_twisted
from smpplib.client import Client
from twisted.internet import reactor as installed_reactor
from twisted.internet.threads import blockingCallFromThread, deferToThread

from smppbridge.simulators.keccel import KeccelSimulator
from smppbridge.simulators.smsc import SmscSimulator
from smppbridge.smpp.constants import EsmClass
from smppbridge.smpp.pdus import SubmitSm
from smppbridge.text import gsm7
from tests.cli.processes import running
from tests.interop.bridged import PASSWORD, in_thread
from tests.interop.jasmin_servers import GOT, POSTED, Place, jasmin, missing, settle
from tests.interop.test_kannel import hearing
from tests.patience import PATIENCE

reactor: Any = installed_reactor
PHONE = "971500000001"
HOUR = "000000010000000R"
RECEIPT = re.compile(rb"id:(\d+) .*done date:(\d{10}) stat:(\w+) err:(\d{3}) ")
UDHI = EsmClass.UDHI
UCS2 = "\u041f\u0440\u0438\u0432\u0435\u0442".encode("utf-16-be")
BASIC = gsm7.decode(bytes(octet for octet in range(0x80) if octet != 0x1B))
TEXTS = {
    "gsm": BASIC,
    "extension": "\x0c^{}\\[~]|\u20ac",
    "ucs2": "\u041f\u0440\u0438\u0432\u0435\u0442 \U0001f600",
    "long": "0123456789" * 40,
    "long ucs2": "\u041f\u0440\u0438\u0432\u0435\u0442! " * 20,
}


class Esme:
    """smpplib, bound; it keeps receipts by message_id, and messages from phones."""

    def __init__(self, port: str) -> None:
        self.ids: list[bytes] = []
        self.receipts: dict[bytes, tuple[bytes, ...]] = {}
        self.heard: list[Any] = []
        self.client = Client("127.0.0.1", port, PATIENCE, allow_unknown_opt_params=False)
        self.client.set_message_sent_handler(lambda pdu: self.ids.append(pdu.message_id))
        self.client.set_message_received_handler(self.take)
        self.client.connect()
        self.client.bind_transceiver(system_id="python", password=PASSWORD)

    def take(self, pdu: Any) -> None:
        if not pdu.esm_class & 4:
            self.heard.append(pdu)
            return
        found = RECEIPT.match(pdu.short_message)
        assert found, pdu.short_message
        assert found[1] not in self.receipts
        self.receipts[found[1]] = found.groups()[1:]

    def submit(
        self, text: str, number: str = PHONE, *, priority: int = 0, lasts: str = ""
    ) -> bytes:
        """Submit a text as UCS2, whole; return its message_id."""
        before = len(self.ids)
        self.client.send_message(
            source_addr_ton=5,
            source_addr="ACME",
            dest_addr_ton=1,
            dest_addr_npi=1,
            destination_addr=number,
            registered_delivery=1,
            data_coding=8,
            message_payload=text.encode("utf-16-be"),
            priority_flag=priority,
            validity_period=lasts,
        )
        self.read(lambda: len(self.ids) > before)
        return self.ids[-1]

    def ends(self, *message_ids: bytes) -> list[bytes]:
        """Return the states in the receipts of messages."""
        self.read(lambda: self.receipts.keys() >= set(message_ids))
        return [self.receipts[each][1] for each in message_ids]

    def hear(self, count: int) -> list[Any]:
        """Return the messages from phones that come next."""
        self.read(lambda: len(self.heard) >= count)
        heard, self.heard = self.heard, []
        return heard

    def read(self, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE  # enquire_link comes meanwhile
        while not done():
            assert time.monotonic() < deadline, (self.receipts, self.heard)
            self.client.read_once(auto_send_enquire_link=False)


@pytest.fixture(scope="module")
def installed() -> None:
    if lacking := missing():
        pytest.skip(f"JASMIN IS NOT TESTED, there is no {' and no '.join(lacking)}")


@pytest_twisted.async_yield_fixture(scope="module")
async def smsc(installed: None) -> Any:
    """The SMSC behind Jasmin."""
    smsc = SmscSimulator(reactor, delay=0.05)
    yield smsc
    await smsc.close()


@pytest_twisted.async_yield_fixture(scope="module")
async def keccel(installed: None) -> Any:
    """The provider behind the bridge, where Jasmin is an ESME."""
    keccel = KeccelSimulator(reactor, delay=0.05)
    yield keccel
    await keccel.close()


@pytest_twisted.async_yield_fixture(scope="module")
async def place(
    smsc: SmscSimulator, keccel: KeccelSimulator, tmp_path_factory: pytest.TempPathFactory
) -> Any:
    """The bridge and Jasmin, each bound to the other or to what stands behind."""
    folder = tmp_path_factory.mktemp("jasmin")
    place = settle(folder, keccel, smsc.listen())
    with ExitStack() as stack:
        bridge = stack.enter_context(running("run", "--config", str(place.settings)))
        await deferToThread(bridge.until, "started")
        await deferToThread(stack.enter_context, jasmin(folder, place))
        yield place
        assert await deferToThread(bridge.end) == 0
    assert "unhandled_error" not in bridge.said
    assert "pdu_refused" not in bridge.said


@pytest.fixture
def esme(place: Place) -> Iterator[Callable[[], Esme]]:
    """Binds an ESME, in whatever thread."""
    bound: list[Esme] = []

    def bind() -> Esme:
        bound.append(Esme(place.smpp))
        return bound[-1]

    yield bind
    for each in bound:
        each.client.unbind()
        each.client.disconnect()


@in_thread
def test_texts_arrive_whole_and_their_receipts_return(
    esme: Callable[[], Esme], smsc: SmscSimulator
) -> None:
    smsc.submitted.clear()
    python = esme()
    begun = time.time()
    ids = [python.submit(text) for text in TEXTS.values()]
    assert python.ends(*ids) == [b"DELIVRD"] * len(TEXTS)
    arrived = Counter(text_of(list(smsc.submitted)))
    assert arrived == Counter(TEXTS.values())
    for date, *_ in python.receipts.values():
        done = calendar.timegm(time.strptime(date.decode(), "%y%m%d%H%M"))
        assert begun - 60 <= done <= time.time()


@in_thread
def test_messages_of_every_twentieth_of_a_second_are_delivered_with_their_traits(
    esme: Callable[[], Esme], smsc: SmscSimulator
) -> None:
    """With validity-period Jasmin loses what it takes in the last tenth of each second.

    Four in each twentieth: Jasmin carries some thirty a second, so all of a second are too many.
    """
    python = esme()
    smsc.submitted.clear()
    ids: list[bytes] = []
    taken: Counter[int] = Counter()
    while len(ids) < 4 * 20:
        instant = int(time.time() * 20) % 20
        if taken[instant] < 4:
            taken[instant] += 1
            ids.append(python.submit(f"{len(ids)}", priority=len(ids) % 4, lasts=HOUR))
    assert set(python.ends(*ids)) == {b"DELIVRD"}
    arrived = Counter((gsm7.decode(s.short_message), s.priority_flag) for s in smsc.submitted)
    assert arrived == Counter((str(number), number % 4) for number in range(len(ids)))


@in_thread
def test_throttled_and_then_delivered_is_delivered(
    esme: Callable[[], Esme], smsc: SmscSimulator
) -> None:
    python = esme()
    smsc.taken.clear()
    assert python.ends(python.submit("later", "971600000094")) == [b"DELIVRD"]
    assert smsc.taken == {("971600000094", b"later"): 1}


@in_thread
def test_throttled_is_no_end_where_jasmin_reports_it_and_nothing_after_it(
    esme: Callable[[], Esme], smsc: SmscSimulator
) -> None:
    """Level 3: Jasmin forgets whom to report to, and delivers; the deadline ends the message."""
    python = esme()
    smsc.taken.clear()
    message_id = python.submit("later", "971700000094")
    assert python.ends(message_id) == [b"UNKNOWN"]
    assert smsc.taken == {("971700000094", b"later"): 1}


@in_thread
def test_a_refusal_of_the_smsc_is_reported(esme: Callable[[], Esme]) -> None:
    python = esme()
    message_id = python.submit("nobody", "971500000091")
    assert python.ends(message_id) == [b"REJECTD"]
    assert python.receipts[message_id][2] == b"011"  # ESME_RINVDSTADR


PHONES = [  # data_coding and octets from the phone, data_coding and octets to the ESME
    (0, b"STOP", 0, b"STOP"),
    (0, gsm7.encode("@\u20ac \u00e9"), 0, gsm7.encode("@\u20ac \u00e9")),
    (0, gsm7.encode("sch\u00f6n {\u00c4}"), 0, gsm7.encode("sch\u00f6n {\u00c4}")),
    (8, UCS2, 8, UCS2),
    (3, b"caf\xe9", 0, gsm7.encode("caf\u00e9")),
    (4, b"\x00\xff\x01", 4, b"\x00\xff\x01"),
    (0xF1, b"class 1", 0, b"class 1"),
    (0xF5, b"\x01\x02", 0xF5, b"\x01\x02"),
]


@pytest.mark.parametrize("short_code", [POSTED, GOT])
@in_thread
def test_messages_from_phones_keep_their_coding(
    esme: Callable[[], Esme], smsc: SmscSimulator, short_code: str
) -> None:
    python = esme()
    for data_coding, octets, *_ in PHONES:
        from_phone(smsc, short_code, octets, data_coding)
    heard = [(pdu.data_coding, pdu.short_message) for pdu in python.hear(len(PHONES))]
    assert Counter(heard) == Counter((coded, octets) for *_, coded, octets in PHONES)


@pytest.mark.parametrize("short_code", [POSTED, GOT])
@in_thread
def test_long_messages_from_phones_are_joined_or_keep_their_headers(
    esme: Callable[[], Esme], smsc: SmscSimulator, short_code: str
) -> None:
    """Jasmin joins references of 8 bits; of 16 bits it hands on the segments, header and all."""
    python = esme()
    octets = ("\u041f\u0440\u0438\u0432\u0435\u0442! " * 12).encode("utf-16-be")
    for reference in (b"\x05\x00\x03\x07", b"\x06\x08\x04\x00\x07"):
        for number, segment in enumerate((octets[:120], octets[120:]), 1):
            from_phone(smsc, short_code, reference + bytes((2, number)) + segment, 8, UDHI)
    heard = [pdu.short_message for pdu in python.hear(4)]
    wide = sorted(each for each in heard if each[:3] == b"\x06\x08\x04")
    assert [each[:7] for each in wide] == [
        b"\x06\x08\x04\x00\x07\x02" + bytes((n,)) for n in (1, 2)
    ]
    assert b"".join(each[7:] for each in wide) == octets
    joined = sorted(each for each in heard if each[:3] == b"\x05\x00\x03")
    assert b"".join(each[6:] for each in joined) == octets


@in_thread
def test_jasmin_submits_to_the_bridge_and_gets_its_receipts(
    place: Place, keccel: KeccelSimulator
) -> None:
    keccel.taken.clear()
    texts = {"short": "Caf\u00e9 \u20ac", "long": "0123456789" * 40}
    with hearing() as heard:
        for name, text in texts.items():
            url = f"http://127.0.0.1:{heard.port}/?name={name}"
            place.send(
                **{"to": "243810000001", "from": "ACME", "content": text, "coding": 0},
                **{"dlr-url": url, "dlr-level": 3, "dlr-method": "GET"},
            )
        said = {name: [] for name in texts}
        while sum(map(len, said.values())) < 4:
            call = heard.calls.get(timeout=PATIENCE)
            said[call["name"]].append(call["message_status"])
    # Jasmin calls from several threads: either may come first
    assert {name: set(calls) for name, calls in said.items()} == {
        name: {"DELIVRD", "ESME_ROK"} for name in texts
    }
    assert keccel.taken == {("243810000001", text): 1 for text in texts.values()}


def from_phone(
    smsc: SmscSimulator, to: str, octets: bytes, data_coding: int, esm_class: int = 0
) -> None:
    """Deliver a message from a phone to Jasmin."""

    coded, receive = {"data_coding": data_coding, "esm_class": esm_class}, cast(Any, smsc.receive)
    blockingCallFromThread(reactor, receive, "jasmin", PHONE, to, octets, **coded)


def text_of(submitted: Iterable[SubmitSm]) -> list[str]:
    """Return the texts of messages whose segments follow each other."""
    texts: list[str] = []
    for each in submitted:
        octets, number = each.short_message, 1
        if each.esm_class & UDHI:
            number, octets = octets[5], octets[6:]
        text = octets.decode("utf-16-be") if each.data_coding == 8 else gsm7.decode(octets)
        texts += [text] if number == 1 else []
        texts[-1:] = [texts[-1] + text] if number > 1 else texts[-1:]
    return texts

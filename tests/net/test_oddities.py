"""Binds and sessions of stacks with habits: what they are forgiven, and what is said of them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from smppbridge.model.habits import Habits
from smppbridge.model.reasons import Reason
from smppbridge.net.binds import NOT_FORGIVEN
from smppbridge.net.esme_session import MOST_UNANSWERED
from smppbridge.net.oddities import REMEDIES, timers_of
from smppbridge.settings.account import AccountSection
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.matrix import State
from smppbridge.smpp.oddities import FORGIVABLE, Oddity
from smppbridge.smpp.pdus import BindTransceiver, BindTransceiverResp, EnquireLink, SubmitSm
from smppbridge.smpp.timers import Timers
from tests.net.house import BANK, House, deliver, say, wire_of
from tests.net.wires import lose, pdus
from tests.vectors.vectors import MALFORMED, answers_match


def short_bind(system_id: bytes = b"bank", password: bytes = b"secret") -> bytes:
    body = system_id + b"\0" + password + b"\0"
    return b"".join(n.to_bytes(4, "big") for n in (16 + len(body), 9, 0, 1)) + body


def forgiving(*words: str, system_id: str = "bank") -> Any:
    return replace(BANK, system_id=system_id, habits=Habits(forgives=frozenset(words)))  # type: ignore[arg-type]


def bound(house: House, octets: bytes) -> tuple[Any, int]:
    """Return the session of a bind, and the status of the answer."""
    link = house.connect()
    assert link is not None
    link.dataReceived(octets)
    house.clock.advance(1)
    (answer,) = pdus(wire_of(link).value())
    return link, answer.command_status


def told(house: House) -> list[tuple[str, str, str]]:
    """Return what was said of oddities: system_id, kind and setting."""
    found = [fields for event, fields in house.events if event == "session_oddity"]
    return [(each["system_id"], each["kind"], each["setting"]) for each in found]


def test_a_bind_that_lacks_its_last_fields_is_forgiven_to_its_account() -> None:
    house = House()
    house.use(forgiving("short_body"))
    link, status = bound(house, short_bind())
    assert (status, link.session.state) == (0, State.BOUND_TRX)
    assert link.interface_version == 0x34  # absent as 0
    assert told(house) == [("", "short_body", "")]


def test_a_bind_is_not_forgiven_to_an_account_that_is_not() -> None:
    house = House()
    house.use(BANK, forgiving("short_body", system_id="shop"))
    link, status = bound(house, short_bind())
    assert (status, link.session.state) == (Status.ESME_RINVCMDLEN, State.CLOSED)
    assert house.meters.binds == [NOT_FORGIVEN] == [Reason.NOT_FORGIVEN]
    assert house.smsc.binds._reserved == {}
    assert bound(house, short_bind(b"shop"))[1] == 0


@pytest.mark.parametrize("system_id", [b"bank", b"shop", b"nobody"])
def test_who_has_no_password_learns_of_no_account(system_id: bytes) -> None:
    house = House()
    house.use(BANK, forgiving("short_body", system_id="shop"))
    assert bound(house, short_bind(system_id, b"guess"))[1] == Status.ESME_RINVPASWD


def test_no_account_with_habits_no_bind_is_read_leniently() -> None:
    house = House()
    house.use(forgiving("half_ucs2", "priority"))
    for name in ("bind_truncated_after_system_id", "bind_no_nul_anywhere"):
        link = house.connect()
        assert link is not None
        link.dataReceived(MALFORMED[name].octets)
        assert answers_match(wire_of(link).value(), MALFORMED[name].answer)
    assert told(house) == [
        ("", "short_body", "forgives: [short_body]"),
        ("", "no_nul", "forgives: [no_nul]"),
    ]


def test_a_session_goes_by_what_its_own_account_is_forgiven() -> None:
    house = House()
    house.use(BANK, forgiving("sm_length", system_id="shop"))
    cut = bytearray(SubmitSm(0, 7, destination_addr=b"243810000001", short_message=b"hi").encode())
    cut[-3] = 200
    for system_id, expected in (("bank", Status.ESME_RINVMSGLEN), ("shop", 0)):
        link, _ = bound(house, BindTransceiver(0, 1, system_id.encode(), b"secret").encode())
        wire_of(link).read()
        link.dataReceived(bytes(cut))
        (answer,) = pdus(wire_of(link).value())
        assert answer.command_status == expected
    house.use(forgiving("sm_length"), forgiving(system_id="shop"))
    wire_of(link).read()
    link.dataReceived(bytes(cut))
    (answer,) = pdus(wire_of(link).value())
    assert answer.command_status == Status.ESME_RINVMSGLEN


def test_an_oddity_is_logged_once_a_session_and_counted_each_time() -> None:
    house = House()
    for _ in range(2):
        link = house.bind()
        for oddity in (Oddity.UCS2, Oddity.PRIORITY, Oddity.UCS2):
            link.odd(oddity)
    once = [
        ("bank", "ucs2_as_default", "detect_ucs2: true"),
        ("bank", "priority", "forgives: [priority]"),
    ]
    assert told(house) == once * 2
    assert house.meters.oddities.count(("bank", "ucs2_as_default")) == 4
    assert house.meters.oddities.count(("bank", "priority")) == 2


def test_a_refused_pdu_tells_which_setting_helps() -> None:
    house = House()
    link = house.bind()
    link.dataReceived(MALFORMED["tlv_stray_3_octets"].octets)
    assert told(house) == [("bank", "broken_tlvs", "forgives: [broken_tlvs]")]
    assert house.meters.errors == [Status.ESME_RINVOPTPARSTREAM]


@pytest.mark.parametrize(
    ("password", "odd"), [("12345678", []), ("123456789", ["password_over_8"])]
)
def test_a_long_password_is_read_and_noted(password: str, odd: list[str]) -> None:
    house = House()
    house.use(replace(BANK, password=replace(BANK.password, clear=password)))
    house.bind(password=password.encode())
    assert [kind for _, kind, _ in told(house)] == odd


def test_a_peer_that_answers_no_deliver_sm_is_told_what_helps() -> None:
    house = House(response=10)
    link = house.bind()
    deliver(house, link, MOST_UNANSWERED)
    house.clock.advance(11)
    assert told(house) == [("bank", "deliver_sm_unanswered", "response: 5m")]


def test_a_peer_that_answers_no_enquire_link_is_told_what_helps() -> None:
    house = House(enquire_link=10)
    link = house.bind()
    house.clock.pump([10, 15, 10, 15, 10])
    lose(link)
    assert told(house) == [("bank", "enquire_link_unanswered", "enquire_link: off")]


def test_a_session_has_the_timers_of_its_account() -> None:
    house = House(enquire_link=10)
    house.use(replace(BANK, habits=Habits(enquire_link=math.inf, inactivity=60.0)))
    link = house.bind()
    wire_of(link).read()
    house.clock.pump([10, 15, 10, 15])
    assert wire_of(link).value() == b""
    assert link.session.state is State.BOUND_TRX
    house.use(BANK)
    say(link, EnquireLink(0, 9))
    house.clock.advance(11)
    assert EnquireLink.command_id in {one.command_id for one in pdus(wire_of(link).value())}


@pytest.mark.parametrize(
    "habits", [Habits(inactivity=30.0, enquire_link=math.inf), Habits(enquire_link=30.0)]
)
def test_a_session_that_says_nothing_has_new_timers_from_the_reload_on(habits: Habits) -> None:
    house = House(enquire_link=math.inf)
    link = house.bind()
    wire_of(link).read()
    house.clock.advance(60)
    house.use(replace(BANK, habits=habits))
    house.clock.advance(0)
    assert len(pdus(wire_of(link).value())) == 1  # an unbind, or an enquire_link


def test_timers_that_are_common_are_those_of_all_accounts() -> None:
    common = Timers(enquire_link=50, inactivity=None, response=60)
    assert timers_of(common, Habits()) is common
    found = timers_of(common, Habits(response=300.0, inactivity=math.inf))
    assert (found.enquire_link, found.inactivity, found.response) == (50, math.inf, 300)


@pytest.mark.parametrize(
    ("said", "wanted", "version", "tlvs"),
    [
        (0x34, 0, 0x34, True),
        (0x34, 0x33, 0x33, False),
        (0x33, 0x34, 0x34, True),
        (0x00, 0x33, 0x33, False),
        (0x34, 0x50, 0x50, True),
    ],
)
def test_an_account_may_speak_another_version_than_its_bind_says(
    said: int, wanted: int, version: int, tlvs: bool
) -> None:
    house = House()
    house.use(replace(BANK, habits=Habits(interface_version=wanted)))
    link = house.connect()
    assert link is not None
    link.dataReceived(BindTransceiver(0, 1, b"bank", b"secret", interface_version=said).encode())
    (answer,) = pdus(wire_of(link).value())
    assert isinstance(answer, BindTransceiverResp)
    assert (link.interface_version, bool(answer.tlvs)) == (version, tlvs)


def test_every_oddity_has_a_remedy_that_is_a_key_or_is_harmless() -> None:
    assert set(REMEDIES) == set(Oddity)
    keys = {text.partition(":")[0] for text in REMEDIES.values() if text}
    assert keys <= set(AccountSection.model_fields)
    for oddity in FORGIVABLE:
        assert REMEDIES[oddity] == f"forgives: [{oddity}]"

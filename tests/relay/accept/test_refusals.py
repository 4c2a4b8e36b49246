from __future__ import annotations

from typing import Any

import pytest

from smppbridge.model.reasons import MEANINGS, Act, Reason
from smppbridge.relay.accept.fields import Refusal
from smppbridge.relay.accept.refusals import MOST_A_MINUTE, RefusalLog
from smppbridge.routing.rules import Rule
from smppbridge.smpp.constants import CommandStatus as Status
from tests.relay.accept.test_data import Data, data_sm
from tests.relay.accept.test_multi import answered, sme, submit_multi
from tests.relay.fakes import FakeProvider, World, segment_sm, submit_sm

NO_ROUTE = Refusal(Status.ESME_RINVDSTADR, Reason.NO_ROUTE)
ENDS = b"BANK", b"254700000001"


def refusals(world: World) -> list[tuple[str, str, str, int]]:
    return [(r.source, r.destination, r.reason, r.count) for r in world.noted.refusals]


@pytest.mark.parametrize(
    ("changes", "reason", "detail"),
    [
        ({"destination_addr": b"254700000001"}, Reason.NO_ROUTE, ""),
        ({"destination_addr": b"24381000x"}, Reason.BAD_NUMBER, "not digits"),
        ({"destination_addr": b"0810000001", "dest_addr_ton": 2}, Reason.NO_COUNTRY, ""),
        ({"dest_addr_ton": 7}, Reason.RESERVED_TON, "type of number 7"),
        ({"source_addr": b"OTHER"}, Reason.SENDER_NOT_ALLOWED, ""),
        ({"short_message": b""}, Reason.NO_TEXT, ""),
        ({"priority_flag": 4}, Reason.BAD_FLAG, "priority_flag"),
        ({"validity_period": b"x"}, Reason.BAD_VALIDITY, ""),
        ({"schedule_delivery_time": b"x"}, Reason.BAD_SCHEDULE, ""),
        ({"validity_period": b"200101000000000+"}, Reason.VALIDITY_PASSED, ""),
        ({"data_coding": 8, "short_message": b"abc"}, Reason.BAD_CHARACTERS, "half a UCS2"),
        ({"esm_class": 0x40, "short_message": b"\x09"}, Reason.BAD_HEADER, ""),
    ],
)
def test_a_refused_submission_says_why(
    changes: dict[str, Any], reason: Reason, detail: str
) -> None:
    world = World(senders=("BANK",))
    world.sent(submit_sm(**{"source_addr": b"BANK", **changes}))
    (found,) = world.noted.refusals
    assert (found.system_id, found.reason) == ("bank", reason)
    assert found.detail.startswith(detail)
    assert world.said.counts["refused", "bank", found.command_status, reason.value] == 1
    assert MEANINGS[reason].act is Act.REFUSAL


def test_numbers_are_masked_and_names_are_not() -> None:
    world = World(rules=[Rule("1", ("one",))])
    world.sent(submit_sm(source_addr=b"BANK", destination_addr=b"243810000001"))
    world.sent(submit_sm(source_addr=b"243820000002", destination_addr=b"24381 000-0001x"))
    assert refusals(world) == [
        ("BANK", "2438*****001", "no_route", 1),
        ("2438*****002", "2438********01x", "bad_number", 1),
    ]


def test_an_account_that_is_too_fast_leaves_room_for_the_others() -> None:
    world = World()
    refused = RefusalLog(world.around)
    too_fast = Refusal(Status.ESME_RTHROTTLED, Reason.THROTTLED)
    for _ in range(MOST_A_MINUTE + 40):
        refused.count("bank", ENDS, too_fast)
    refused.count("bank", ENDS, NO_ROUTE)
    refused.count("shop", ENDS, NO_ROUTE)
    refused.tick()
    assert len(world.noted.refusals) == MOST_A_MINUTE + 2
    world.clock.now += 60.0
    refused.tick()
    assert refusals(world)[MOST_A_MINUTE + 2 :] == [("", "", "throttled", 40)]
    assert world.said.counts["refused", "bank", Status.ESME_RTHROTTLED] == MOST_A_MINUTE + 40
    events = [
        (event, f["system_id"], f["reason"], f.get("count")) for event, f in world.said.events
    ]
    assert events == [
        ("submit_refused", "bank", "throttled", None),
        ("submit_refused", "bank", "no_route", None),
        ("submit_refused", "shop", "no_route", None),
        ("submits_refused", "bank", "throttled", MOST_A_MINUTE + 40),
    ]
    refused.count("bank", ENDS, NO_ROUTE)
    assert world.said.events[-1][0] == "submit_refused"  # of a new minute


def test_each_destination_of_a_submit_multi_has_its_reason() -> None:
    world = World()
    answered(world, submit_multi(sme("254700000001"), sme("243810000001"), sme("x")))
    assert [(d, reason) for _, d, reason, _ in refusals(world)] == [
        ("2547*****001", "no_route"),
        ("x", "bad_number"),
    ]


def test_a_data_sm_has_a_reason_too() -> None:
    data = Data()
    data.send(data_sm(None))
    assert [(r.reason, r.detail) for r in data.world.noted.refusals] == [
        ("missing_tlv", "message_payload")
    ]


def test_a_long_message_that_is_rejected_says_why_in_its_timeline() -> None:
    world = World(rules=[Rule("254", ("one",))])
    world.sent(*(segment_sm(n, 2, b"a", sequence_number=n) for n in (1, 2)))
    ((message_id, code, facts),) = world.noted.notes
    assert (code, facts) == ("rejected", {"why": "no_route"})
    assert message_id in world.store.messages
    assert world.noted.refusals == []


def test_a_long_message_that_expires_says_which_segments_are_missing() -> None:
    world = World()
    world.sent(segment_sm(2, 3, b"a", sequence_number=1), segment_sm(1, 3, b"b", sequence_number=2))
    world.wait(301.0)
    world.expire_segments()
    ((message_id, code, facts),) = world.noted.notes
    assert (code, facts) == ("expired", {"why": "segments_missing", "missing": [3], "total": 3})
    assert message_id in world.store.messages


def test_a_message_that_skips_a_provider_says_which_and_why() -> None:
    world = World(providers={"one": FakeProvider("one"), "two": FakeProvider("two")})
    world.sent(submit_sm())
    assert world.noted.notes == []
    world.lanes["one"].watch_credit(is_low=True)
    ((_, _, message_id),) = world.sent(submit_sm())
    assert world.noted.notes == [
        (message_id, "provider_skipped", {"provider": "one", "to": "two", "why": "credit_low"})
    ]

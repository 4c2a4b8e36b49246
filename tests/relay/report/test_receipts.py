from __future__ import annotations

import pytest

from smppbridge.model.message import Attempt
from smppbridge.relay.report.receipts import is_wanted, settlement
from smppbridge.smpp.constants import MessageState as M
from tests.relay.fakes import NOW, message, segment

FINAL = {M.DELIVERED, M.EXPIRED, M.DELETED, M.UNDELIVERABLE, M.UNKNOWN, M.REJECTED, M.SKIPPED}
TOLD = {M.ENROUTE, M.ACCEPTED}  # on its way; SCHEDULED is never told
BY_RECEIPT = {0: set(), 1: FINAL, 2: FINAL - {M.DELIVERED}, 3: {M.DELIVERED}}


@pytest.mark.parametrize("state", list(M))
@pytest.mark.parametrize("registered_delivery", range(32))
def test_who_asked_to_hear_of_a_state(registered_delivery: int, state: M) -> None:
    wanted = state in BY_RECEIPT[registered_delivery & 3]
    wanted |= bool(registered_delivery & 0x10) and state in TOLD
    assert is_wanted(registered_delivery, state, state.is_final) is wanted


def test_a_state_that_is_made_final_is_told_to_who_asked_for_a_receipt() -> None:
    made = [
        settlement(Attempt(message(1), "one"), M.ACCEPTED, 0, NOW, source="own", keep=1.0, final=f)
        for f in (False, True)
    ]
    assert [(s.final, len(s.deliveries)) for s in made] == [(False, 0), (True, 1)]


def test_one_receipt_for_each_segment_that_asked() -> None:
    segments = tuple(
        segment(n, n, registered_delivery=asked) for n, asked in enumerate((1, 0, 2, 0x11), 1)
    )
    attempt = Attempt(message(1, segments=segments, registered_delivery=1), "one")

    def ids(state: M) -> list[int]:
        made = settlement(attempt, state, 0, NOW, source="push", keep=10.0)
        assert all((d.parent, d.expires_at, d.due) == (1, NOW + 10, NOW) for d in made.deliveries)
        return [d.message_id for d in made.deliveries]

    assert ids(M.DELIVERED) == [1, 4]
    assert ids(M.UNDELIVERABLE) == [1, 3, 4]
    assert ids(M.ENROUTE) == [4]


def test_what_smpp_34_has_no_word_for_is_told_in_another() -> None:
    attempt = Attempt(message(1), "one")
    made = settlement(attempt, M.SKIPPED, 0, NOW, source="push", keep=10.0)
    assert (made.state, made.final) == (M.SKIPPED, True)
    assert [d.state for d in made.deliveries] == [M.UNDELIVERABLE]

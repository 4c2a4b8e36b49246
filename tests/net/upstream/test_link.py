from __future__ import annotations

import pytest

from smppbridge.net.upstream.link import SessionEnd
from smppbridge.net.upstream.rebinding import Pauses
from smppbridge.smpp.constants import CommandStatus as Status


def pauses_after(random, *ends):
    pauses = Pauses(lambda: random)
    return [pauses.after(SessionEnd("", refused, lasted)) for refused, lasted in ends]


def test_pauses_double_up_to_a_minute():
    assert pauses_after(0.5, *[(0, 0.0)] * 8) == [1, 2, 4, 8, 16, 32, 60, 60]


def test_pauses_vary_by_a_fifth():
    assert pauses_after(0.0, (0, 0.0)) == [pytest.approx(0.8)]
    assert pauses_after(1.0, (0, 0.0)) == [pytest.approx(1.2)]


def test_a_session_that_lasted_begins_anew():
    assert pauses_after(0.5, (0, 0.0), (0, 59.0), (0, 60.0), (0, 1.0)) == [1, 2, 1, 2]


@pytest.mark.parametrize(
    "status", [Status.ESME_RINVPASWD, Status.ESME_RINVSYSID, Status.ESME_RINVSYSTYP]
)
def test_wrong_credentials_are_tried_again_slowly_but_within_a_minute(status):
    assert pauses_after(0.0, (status, 0.0)) == [40]
    assert pauses_after(1.0, (status, 0.0), (status, 0.0)) == [60, 60]


def test_a_session_that_is_still_bound_there_is_given_time():
    assert pauses_after(0.0, (Status.ESME_RALYBND, 0.0)) == [30]
    assert pauses_after(1.0, (Status.ESME_RALYBND, 0.0)) == [60]


def test_any_other_refusal_is_like_no_connection():
    assert pauses_after(0.5, (Status.ESME_RBINDFAIL, 0.0), (Status.ESME_RSYSERR, 0.0)) == [1, 2]

"""The dialogue that tests begin, and its end."""

from __future__ import annotations

from smppbridge.relay.ussd.pdus import Dialled
from tests.relay.ussd.world import (
    CODE,
    PHONE,
    Session,
    session_info,
)

DIALLED = Dialled(PHONE, "s1", CODE, "")


def is_abort(session: Session) -> bool:
    last = session.last
    return last.short_message == b"" and session_info(last)[2]

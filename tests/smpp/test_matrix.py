from __future__ import annotations

import pytest

from smppbridge.smpp.constants import RESPONSE, CommandId
from smppbridge.smpp.matrix import BOUND_AS, DELIVERS_TO_ALL, MAY_SEND, Role, State
from smppbridge.smpp.pdus import (
    BY_COMMAND_ID,
    is_answered,
)
from smppbridge.smpp.window import Window


def test_numbers_wrap_and_skip_what_is_outstanding() -> None:
    window = Window()
    window.put(window.next_number(), CommandId.DELIVER_SM, "first", 60.0)
    window._last = 0x7FFFFFFE
    assert [window.next_number() for _ in range(2)] == [0x7FFFFFFF, 2]
    window.take(1)
    window._last = 0x7FFFFFFF
    assert window.next_number() == 1


def test_the_matrix_is_total_and_both_ends_agree() -> None:
    assert set(MAY_SEND) == {(role, state) for role in Role for state in State}
    bound = (*BOUND_AS.values(),)
    for (role, state), commands in MAY_SEND.items():
        assert commands <= set(BY_COMMAND_ID)
        for command in commands:
            if state in bound and not command & RESPONSE and is_answered(command):
                assert command | RESPONSE in MAY_SEND[role.peer, state]
    everything = set().union(*MAY_SEND.values())
    assert everything == set(BY_COMMAND_ID)


@pytest.mark.parametrize(
    ("role", "state", "command", "may"),
    [
        (Role.ESME, State.BOUND_RX, CommandId.QUERY_SM, False),
        (Role.ESME, State.BOUND_TRX, CommandId.REPLACE_SM, True),
        (Role.ESME, State.BOUND_TX, CommandId.DATA_SM_RESP, False),
        (Role.SMSC, State.BOUND_TX, CommandId.DELIVER_SM, False),
        (Role.SMSC, State.BOUND_RX, CommandId.DATA_SM, True),
        (Role.SMSC, State.OPEN, CommandId.OUTBIND, True),
        (Role.SMSC, State.BOUND_TRX, CommandId.SUBMIT_SM, False),
        (Role.ESME, State.OPEN, CommandId.ENQUIRE_LINK, True),
    ],
)
def test_the_matrix(role: Role, state: State, command: int, may: bool) -> None:
    assert (command in MAY_SEND[role, state]) == may


def test_a_transmitter_may_be_delivered_to_where_its_account_says_so() -> None:
    assert DELIVERS_TO_ALL.keys() == MAY_SEND.keys()
    more = {key: sent - MAY_SEND[key] for key, sent in DELIVERS_TO_ALL.items()}
    assert {key: sent for key, sent in more.items() if sent} == {
        (Role.SMSC, State.BOUND_TX): {CommandId.DELIVER_SM, CommandId.DATA_SM},
        (Role.ESME, State.BOUND_TX): {CommandId.DELIVER_SM_RESP, CommandId.DATA_SM_RESP},
    }
    assert all(DELIVERS_TO_ALL[key] >= sent for key, sent in MAY_SEND.items())

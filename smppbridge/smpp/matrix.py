"""The PDUs that each role may send in each state (SMPP 3.4, 2.3).

Only *sending* is tabled: a peer may receive a PDU if the other role may send that PDU. So both
roles keep one law, and neither is laxer with itself. A session has the law of the specification,
`MAY_SEND`, unless it was bound under `DELIVERS_TO_ALL`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto

from smppbridge.smpp.constants import CommandId


class Role(Enum):
    """The two ends of a session."""

    ESME = auto()
    SMSC = auto()

    @property
    def peer(self) -> Role:
        """Return the other end."""
        return Role.SMSC if self is Role.ESME else Role.ESME


class State(Enum):
    """SMPP 3.4, 2.2; BINDING: a bind is unanswered; UNBOUND: an unbind is under way."""

    OPEN = auto()
    BINDING = auto()
    BOUND_TX = auto()
    BOUND_RX = auto()
    BOUND_TRX = auto()
    UNBOUND = auto()
    CLOSED = auto()


BOUND_AS: dict[int, State] = {
    int(CommandId.BIND_TRANSMITTER): State.BOUND_TX,
    int(CommandId.BIND_RECEIVER): State.BOUND_RX,
    int(CommandId.BIND_TRANSCEIVER): State.BOUND_TRX,
}

BOUND = tuple(BOUND_AS.values())
ENDS_IF_EARLY = frozenset({*BOUND_AS, int(CommandId.UNBIND)})
"""Requests that end a session which is not bound, if they are refused."""
NOT_WORK = ENDS_IF_EARLY | frozenset(
    map(int, (CommandId.ENQUIRE_LINK, CommandId.OUTBIND, CommandId.ALERT_NOTIFICATION))
)
"""Requests that the owner of a session has no answer to give to, but for binds."""
CARRIES = frozenset(map(int, (CommandId.SUBMIT_SM, CommandId.SUBMIT_MULTI, CommandId.DATA_SM)))
"""Requests that carry a message: no pace bounds them."""
NAMES = frozenset(map(int, (CommandId.QUERY_SM, CommandId.CANCEL_SM, CommandId.REPLACE_SM)))
"""Requests about messages that were carried before."""
SUBMITS = (State.BOUND_TX, State.BOUND_TRX)
DELIVERS = (State.BOUND_RX, State.BOUND_TRX)

_C = CommandId
_ALWAYS = {_C.ENQUIRE_LINK, _C.ENQUIRE_LINK_RESP, _C.GENERIC_NACK}
_BINDS = {_C.BIND_TRANSMITTER, _C.BIND_RECEIVER, _C.BIND_TRANSCEIVER}
_BIND_RESPS = {_C.BIND_TRANSMITTER_RESP, _C.BIND_RECEIVER_RESP, _C.BIND_TRANSCEIVER_RESP}
_PARTING = _ALWAYS | {_C.UNBIND, _C.UNBIND_RESP}
_SUBMIT = {_C.SUBMIT_SM, _C.SUBMIT_MULTI, _C.QUERY_SM, _C.CANCEL_SM, _C.REPLACE_SM, _C.DATA_SM}
_SUBMIT_RESPS = {
    _C.SUBMIT_SM_RESP,
    _C.SUBMIT_MULTI_RESP,
    _C.QUERY_SM_RESP,
    _C.CANCEL_SM_RESP,
    _C.REPLACE_SM_RESP,
    _C.DATA_SM_RESP,
}
_DELIVER = {_C.DELIVER_SM, _C.DATA_SM, _C.ALERT_NOTIFICATION}
_DELIVER_RESPS = {_C.DELIVER_SM_RESP, _C.DATA_SM_RESP}

_TABLE: dict[State, tuple[set[CommandId], set[CommandId]]] = {
    # state: (sent by an ESME, sent by an SMSC)
    State.OPEN: (_ALWAYS | _BINDS, _ALWAYS | {_C.OUTBIND}),
    State.BINDING: (_ALWAYS, _ALWAYS | _BIND_RESPS),
    State.BOUND_TX: (_PARTING | _SUBMIT, _PARTING | _SUBMIT_RESPS),
    State.BOUND_RX: (_PARTING | _DELIVER_RESPS, _PARTING | _DELIVER),
    State.BOUND_TRX: (
        _PARTING | _SUBMIT | _DELIVER_RESPS,
        _PARTING | _DELIVER | _SUBMIT_RESPS,
    ),
    State.UNBOUND: (_PARTING | _DELIVER_RESPS, _PARTING | _SUBMIT_RESPS),
    State.CLOSED: (set(), set()),
}

Law = Mapping[tuple[Role, State], frozenset[int]]
"""The command_ids that each role may send in each state."""

MAY_SEND: Law = {
    (role, state): frozenset(map(int, sent))  # IntEnum members are slow keys
    for state, by_role in _TABLE.items()
    for role, sent in zip((Role.ESME, Role.SMSC), by_role, strict=True)
}

DELIVERS_TO_ALL: Law = {
    **MAY_SEND,
    (Role.SMSC, State.BOUND_TX): MAY_SEND[Role.SMSC, State.BOUND_TX]
    | {int(_C.DELIVER_SM), int(_C.DATA_SM)},
    (Role.ESME, State.BOUND_TX): MAY_SEND[Role.ESME, State.BOUND_TX]
    | {int(each) for each in _DELIVER_RESPS},
}
"""MAY_SEND, but for an ESME that wants its receipts on transmitters too, as Kannel's boxes do."""

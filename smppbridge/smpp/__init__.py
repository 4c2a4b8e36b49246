"""SMPP 3.4 as a library.

The package knows the forms of PDUs, the PDUs that each role may send, the life of a session, the
forms of times and receipts. The package never reads a clock, opens a socket or judges a *value* (an
address, a text, an account): unknown values are kept as they came. A faulty request is refused;
`lenient` reads one afterwards, field by field, where the owner of its session forgives the fault.
It imports nothing of ours.

The names below are the face of the package: `Session` with its two roles, its timers and its
events, the codec, the numbers, and the modules `pdus` (a class for each PDU) and `receipt`.
smppbridge/docs/smpp.md explains them with an example.

Where docstrings and comments say "SMPP 3.4, 5.2.12", they name a section of the SMPP 3.4
specification, issue 1.2.
"""

from smppbridge.smpp import pdus, receipt
from smppbridge.smpp.codec import decode, encode
from smppbridge.smpp.constants import CommandId, CommandStatus
from smppbridge.smpp.errors import PduError, SmppError
from smppbridge.smpp.events import Answered, FaultyPdu, PeerAlive, Unanswered
from smppbridge.smpp.matrix import Role, State
from smppbridge.smpp.session import Session
from smppbridge.smpp.timers import Timers

__all__ = [
    "Answered",
    "CommandId",
    "CommandStatus",
    "FaultyPdu",
    "PduError",
    "PeerAlive",
    "Role",
    "Session",
    "SmppError",
    "State",
    "Timers",
    "Unanswered",
    "decode",
    "encode",
    "pdus",
    "receipt",
]

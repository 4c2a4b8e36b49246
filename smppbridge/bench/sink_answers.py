"""The shortest answer of each provider, written by hand: ``bench.sink`` uses these answers.

Each answer is for messages whose ids count up from *first*; all the messages are accepted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

MakeBody = Callable[[Sequence[bytes], int], bytes]

_KECCEL = b'{"status":"SENT","messageID":"%016d","description":"Message submitted to the network"}'
_SMSCX = b'{"msgId":"%016d","status":"ACCEPTED","statusCode":1,"cost":0.041,"to":"+%b","parts":1}'
_MSPACE = b'{"messageId":"%016d","recipient":"%b","status":111,"statusDescription":"Sent"}'
_PENDING = b'{"message":[{"messageId":"%b","status":1,"statusDescription":"Pending"}]}'


def _keccel(numbers: Sequence[bytes], first: int) -> bytes:
    return _KECCEL % first


def _smscx(numbers: Sequence[bytes], first: int) -> bytes:
    return b'{"info":{"invalid":[]},"data":[%b]}' % _listed(_SMSCX, numbers, first)


def _mspace(numbers: Sequence[bytes], first: int) -> bytes:
    return b'{"message":[%b]}' % _listed(_MSPACE, numbers, first)


def _d7(numbers: Sequence[bytes], first: int) -> bytes:
    return b'{"data":"Success \\"%b"}' % _uuid(first)


def _d7_batch(numbers: Sequence[bytes], first: int) -> bytes:
    return b'{"data":{"batchId":"%b","messageCount":%d}}' % (_uuid(first), len(numbers))


def pending(provider_message_id: bytes) -> bytes:
    """Answer MSpace's question about a message that has not arrived yet."""
    return _PENDING % provider_message_id


def _listed(item: bytes, numbers: Sequence[bytes], first: int) -> bytes:
    return b",".join([item % pair for pair in enumerate(numbers, first)])


def _uuid(number: int) -> bytes:
    return b"00000000-0000-4000-%04x-%012x" % (number >> 48, number & (1 << 48) - 1)


ANSWERS: Mapping[bytes, MakeBody] = MappingProxyType(
    {
        b"message.asp": _keccel,
        b"sms": _smscx,
        b"sendtext": _mspace,
        b"send": _d7,
        b"sendbatch": _d7_batch,
    }
)
"""By the last segment of the path."""

"""as_sent: the fields of a submit_sm that its message does not have as they came; pure.

The values of a usual submit_sm are those of its message: nothing is kept of them.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from smppbridge.model.message import PLAIN, AsSent, Traits
from smppbridge.relay.accept.fields import Submitted


def with_sent(
    traits: Traits, sent: AsSent | None, pdu: Submitted, registered_delivery: int
) -> Traits:
    """Return the traits of a message with the fields that the ESME sent, where they differ.

    *sent* are the fields before the PDU was amended, None if it was not; *registered_delivery* is
    the message's.
    """
    if sent is None:
        sent = AsSent(pdu.registered_delivery, pdu.data_coding, pdu.esm_class)
    if sent == (registered_delivery, pdu.data_coding, traits.esm_class):
        return traits
    return _plain(sent) if traits is PLAIN else replace(traits, sent=sent)


def asking(traits: Traits, asked: int, registered_delivery: int, data_coding: int) -> Traits:
    """Return the traits of a message whose replacement *asked* for other receipts.

    *registered_delivery* and *data_coding* are the message's.
    """
    own = AsSent(registered_delivery, data_coding, traits.esm_class)
    sent = (traits.sent or own)._replace(registered_delivery=asked)
    return replace(traits, sent=None if sent == own else sent)


@lru_cache(maxsize=64)
def _plain(sent: AsSent) -> Traits:
    """Return the traits of a message that has no others: the same for all messages of a stack.

    Some stacks name the messaging mode in each esm_class.
    """
    return Traits(sent=sent)

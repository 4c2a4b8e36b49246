"""The operations other than submit_sm, each with the movement that carries the operation out."""

from __future__ import annotations

from smppbridge.net.esme_session import Operations
from smppbridge.relay.accept.accept import Accept
from smppbridge.relay.accept.data import AcceptData
from smppbridge.relay.accept.multi import Multi
from smppbridge.relay.cancel import Cancel
from smppbridge.relay.query import Query
from smppbridge.relay.replace import Replace
from smppbridge.smpp.constants import CommandId


def build_operations(
    accept: Accept,
    multi: Multi,
    query: Query,
    cancel: Cancel,
    replace: Replace,
) -> Operations:
    """Return the operations that are served, by command_id."""
    return {
        CommandId.DATA_SM: AcceptData(accept, accept.refused),
        CommandId.SUBMIT_MULTI: multi.take,
        CommandId.QUERY_SM: query.take,
        CommandId.CANCEL_SM: cancel.take,
        CommandId.REPLACE_SM: replace.take,
    }

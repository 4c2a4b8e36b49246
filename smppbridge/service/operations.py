"""The operations other than submit_sm, each with the movement that carries the operation out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from smppbridge.net.esme_session import Operations
from smppbridge.relay.accept.accept import Accept
from smppbridge.relay.accept.data import AcceptData
from smppbridge.relay.accept.multi import Multi
from smppbridge.relay.across import Across, Movement
from smppbridge.relay.cancel import Cancel
from smppbridge.relay.ports import Journal
from smppbridge.relay.query import Query
from smppbridge.relay.replace import Replace
from smppbridge.smpp.constants import CommandId

if TYPE_CHECKING:
    from smppbridge.service.build import Surroundings


def build_operations(
    accept: Accept,
    multi: Multi,
    naming: Mapping[int, Movement],
    world: Surroundings,
    log: Journal | None,
) -> Operations:
    """Return the operations that are served, by command_id; *naming* name messages."""
    movements: dict[int, Any] = {
        CommandId.DATA_SM: AcceptData(accept, accept.refused),
        CommandId.SUBMIT_MULTI: multi.take,
        **naming,
    }
    if world.membership is not None:
        across = Across(world.store, world.others, naming, world.around, log)
        movements |= dict.fromkeys(naming, across.take)
    return movements


def naming_movements(query: Query, cancel: Cancel, replace: Replace) -> dict[int, Movement]:
    """Return the movements about messages that this bridge has, by command_id."""
    return {
        CommandId.QUERY_SM: query.take,
        CommandId.CANCEL_SM: cancel.take,
        CommandId.REPLACE_SM: replace.take,
    }

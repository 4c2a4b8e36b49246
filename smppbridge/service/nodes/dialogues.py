"""dialogues: the USSD dialogues of a bridge that is one node of several, built."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smppbridge.relay.ussd.dialogues import Dialogues
from smppbridge.relay.ussd.passing import GRACE, NodeDialogues
from smppbridge.relay.ussd.pdus import UssdRules

if TYPE_CHECKING:
    from smppbridge.relay.ports import Around
    from smppbridge.service.nodes.membership import Membership

BACKSTOP = 1.0
"""Seconds after the deadline of a phone, until which the answer of a node is awaited."""


def node_dialogues(membership: Membership, dialogues: Dialogues, around: Around) -> NodeDialogues:
    """Build the dialogues of all nodes around those of this node."""
    client, between = membership.client, membership.between

    def changed(rules: UssdRules) -> None:
        client.answered_within(rules.deadline + GRACE + BACKSTOP)

    made = NodeDialogues(
        dialogues,
        client,
        around,
        slot=membership.store.tenure.slot,
        reachable=client.reachable,
        receiving=between.receiving,
        changed=changed,
    )
    between.watchers.append(made.see)
    return made

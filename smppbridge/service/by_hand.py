"""by_hand: the movements of messages that people begin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from smppbridge.model.identifiers import Identifiers
from smppbridge.relay.accept.accept import Accept
from smppbridge.relay.accept.compose import Compose
from smppbridge.relay.accept.optouts import Optouts
from smppbridge.relay.others import OtherBridges
from smppbridge.relay.ports import Around, Journal
from smppbridge.relay.report.rematch import Rematch
from smppbridge.relay.submit.everywhere import RedirectEverywhere
from smppbridge.relay.submit.redirect import Redirect
from smppbridge.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from smppbridge.store.postgres.store import PostgresStore

if TYPE_CHECKING:
    from smppbridge.service.build import Core


@dataclass(frozen=True, slots=True, kw_only=True)
class ByHand:
    """Texts that people send, messages that they move, reports that they settle after all."""

    compose: Compose
    redirect: RedirectEverywhere
    rematch: Rematch


def build_by_hand(
    store: SqliteStore | PostgresStore,
    accept: Accept,
    core: Core,
    *,
    optouts: Optouts,
    identifiers: Identifiers,
    around: Around,
    others: OtherBridges,
    log: Journal | None,
) -> ByHand:
    """Build the movements that people begin."""
    lanes, submit, reports = core.lanes, core.submit, core.reports
    return ByHand(
        compose=Compose(
            accept, store, lanes, submit, identifiers=identifiers, around=around, log=log
        ),
        redirect=RedirectEverywhere(
            Redirect(store, lanes, submit.backlog, reports, optouts, around=around), others
        ),
        rematch=Rematch(reports, reports.strays),
    )

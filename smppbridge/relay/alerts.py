"""alerts: an alert_notification of an upstream SMSC is passed on (SMPP 3.4, 4.12).

receive -> the account of its esme_addr -> a session bound as RX or TRX
        -> nobody's, or nobody bound: counted, and gone

An alert_notification says that a phone is there (again).  The bridge itself has no such knowledge,
so ESMEs are sent those of upstream SMSCs and no others.  An alert_notification concerns the account
that messages from phones to its esme_addr are delivered to (`mo`): an address names an account
nowhere else.  It has no response and is about this moment, so it is neither kept nor repeated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from smppbridge.relay.deliver import Outbox
from smppbridge.relay.ports import Meters
from smppbridge.routing.mo import MoTable
from smppbridge.smpp.pdus import AlertNotification


class Outboxes(Protocol):
    """The outboxes of all accounts, with their receivers."""

    @property
    def outboxes(self) -> Mapping[str, Outbox]:
        """The outboxes by system_id."""


class Alerts:
    """Passes alert_notifications on; only `change` writes by which table."""

    def __init__(self, deliver: Outboxes, meters: Meters) -> None:
        self._deliver, self._meters = deliver, meters
        self._table = MoTable()

    def change(self, table: MoTable) -> None:
        """Go by another table of MO messages from now on."""
        self._table = table

    def receive(self, provider: str, alert: AlertNotification) -> None:
        """Pass an alert_notification of a provider on to one session of its account."""
        self._meters.alert(provider, self._passed(provider, alert), 1)

    def _passed(self, provider: str, alert: AlertNotification) -> str:
        written = alert.esme_addr.decode("latin-1").strip()
        digits = written.removeprefix("+")
        system_id = self._table.account(provider, digits if digits.isdecimal() else written, "")
        if system_id is None:
            return "unrouted"
        outbox = self._deliver.outboxes.get(system_id)
        receivers = outbox.receivers if outbox is not None else []
        receiver = next((each for each in receivers if each.alertable and each.room()), None)
        if receiver is None:
            return "unbound"
        receiver.notify(replace(alert))
        receiver.flush()
        return "passed"

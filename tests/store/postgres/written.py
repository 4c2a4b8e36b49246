"""A store with messages of every kind and at every stage."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from smppbridge.model.message import Traits
from smppbridge.model.notes import Note, RefusedSubmission, Unmatched
from smppbridge.smpp.constants import MessageState as State
from smppbridge.store import audit, credit
from smppbridge.store.audit import AuditEntry
from smppbridge.store.credit import Credit
from smppbridge.store.port import EarlyReport, Entry, PartEnd
from tests.store.opened import (
    NOW,
    Opened,
    accept,
    again,
    in_parts,
    key,
    message,
    mo_entry,
    segment,
    taken,
    told,
    tried,
    unknown,
)

LATE = NOW + 1_000


def written(opened: Opened) -> None:
    """Write messages of every kind and at every stage, and all that is kept about them."""
    store, wait = opened.store, opened.wait
    accept(opened, [message(1, number="243999999999"), message(2, system_id="shop", priority=3)])
    accept(opened, [message(3, text="", binary=b"\0\xff", data_coding=4, due=NOW - 5)])
    multi = Traits(multi=10, destinations=3, service_type="CMT")
    accept(opened, [message(n, traits=multi, accepted_at=NOW + n) for n in (10, 11, 12)])
    out = [message(n, accepted_at=NOW + n, text=f"é\0😀 {n}") for n in range(20, 30)]
    tries = accept(opened, out, begun=True)
    wait(
        store.record(
            [
                unknown(tries[1]),
                taken(tries[2], "0aB", NOW + 9),
                in_parts(tries[3], "P1", "0P2"),
                taken(tries[4], "X5"),
                taken(tries[5], "x5"),
                again(tries[6], NOW + 400, "d7", 1),
                taken(tries[7], "12AB"),
                unknown(tries[8], NOW + 7),
            ]
        )
    )
    wait(store.end_parts([PartEnd(23, 2, State.EXPIRED, 7)]))
    wait(store.settle([told(tries[4], State.DELIVERED), told(tries[5], State.REJECTED)]))
    wait(store.settle([told(tries[7], State.ENROUTE, final=False)]))
    wait(store.begin([replace(tries[8], number=2, batch="key", begun_at=NOW + 33)]))
    later = message(31, traits=Traits(scheduled=NOW + 99, esm_class=0x40, quiet="21:00 08:00"))
    (scheduled,) = accept(opened, [later], begun=True)
    wait(store.record([taken(scheduled, "S")]))
    parts = segment(40, 1, received_at=NOW + 40), segment(41, 2, received_at=NOW + 41)
    wait(store.accept([Entry(None, key=key(), segment=part) for part in parts]))
    long = message(40, segments=parts, accepted_at=NOW + 41)
    wait(store.accept([Entry(long)]))
    wait(store.settle([told(tried(long), State.DELIVERED, NOW + 42)]))
    wait(store.accept([Entry(None, key=key(8), segment=segment(43, 2, received_at=NOW + 43))]))
    wait(store.keep_mos([mo_entry(50, "MO", 2, at=NOW + 50), mo_entry(60, "", system_id="shop")]))
    one, *_, last = wait(store.owed("bank", LATE, 99))
    wait(store.finish([(one, 0x65)], NOW + 90))
    wait(store.postpone([replace(last, due=NOW + 95, attempts=2, postponed_by=8)]))
    kept(opened)


def kept(opened: Opened) -> None:
    """Write what is kept beside messages."""
    store, wait = opened.store, opened.wait
    wait(store.keep_optouts([("d7", "1", NOW), ("d7", "2", NOW + 1), ("smscx", "1", NOW + 1)]))
    wait(store.keep_early([EarlyReport("keccel", "AB9", 2, 0, NOW + 70)]))
    strays = [
        Unmatched(NOW + 71, "report", "keccel", "AB", "unknown_id", state=2, error=7),
        Unmatched(NOW + 72, "report", "keccel", "zz00X5", "unknown_id", state=2),
        Unmatched(NOW + 73, "report", "keccel", "4779", "unknown_id", state=5),
        Unmatched(NOW + 74, "mo", "d7", "", "no_owner", source="2439*****007", destination="123"),
    ]
    refused = RefusedSubmission(NOW, "bank", "BANK", "2438*****001", 11, "no_route", "to", 1)
    notes = [Note(20, NOW + 21, "diverted", {"why": "breaker_open"}), Note(40, NOW, "odd", {})]
    wait(store.keep_noted(notes, [refused, replace(refused, at=NOW + 9)], strays))
    entry = AuditEntry(
        at=NOW, actor="ann", via="token", address="::1", action="pause", object="d7", detail="{}"
    )
    for at in (NOW, NOW + 1):
        wait(store.by_hand(partial(audit.note, entry=replace(entry, at=at))))
    wait(store.by_hand(lambda db: audit.pause(db, "d7", NOW, "ann")))
    told = [Credit("d7", NOW + at, 9.5 - at, "USD") for at in (0, 60, 3_700)]
    wait(store.by_hand(lambda db: credit.keep(db, told, NOW)))

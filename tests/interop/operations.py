"""Conversations that have every operation, for stacks that are not ours.

A script runs steps one after the other, each when the one before is answered.  A step is a command
of SMPP with its fields; a value "@name" means the message_id that the step of this name was
answered.  The command "until" waits for the receipts of *ids*.  Of an answer a script prints
*status*, *message_id*, and of a query_sm *message_state* and *final_date*; of a receipt *by* (its
command), *id* and *state*.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.constants import MessageState as State

HOUR = "000000010000000R"
PAST = "200101000000000+"  # a time that is over: at once
TRANSACTION = 0x02
FROM: Mapping[str, Any] = {"source_addr_ton": 5, "source_addr_npi": 0, "source_addr": "ACME"}
SILENT = "243810000098"
"""The provider never reports: a message to this number stays on its way."""
REFUSED = "243810000091"


@dataclass(frozen=True)
class Step:
    """A request, the status of its response, and for a query_sm the state of the message."""

    command: str
    fields: Mapping[str, Any]
    status: int = 0
    name: str = ""
    state: State | None = None


@dataclass(frozen=True)
class Part:
    """Steps, the states in the receipts of their messages, and what the provider has taken."""

    steps: Sequence[Step]
    receipts: Mapping[str, State] = field(default_factory=dict)
    taken: Sequence[tuple[str, str]] = ()


def to(number: str) -> dict[str, Any]:
    return {**FROM, "dest_addr_ton": 1, "dest_addr_npi": 1, "destination_addr": number}


def submit(name: str, number: str, status: int = 0, **fields: Any) -> Step:
    common = {**to(number), "registered_delivery": 1, "data_coding": 0, "short_message": name}
    return Step("submit_sm", common | fields, status, name)


def query(name: str, state: State) -> Step:
    return Step("query_sm", {**FROM, "message_id": f"@{name}"}, name="", state=state)


def cancel(name: str, status: int = 0) -> Step:
    nobody = {"service_type": "", "destination_addr": "", "dest_addr_ton": 0, "dest_addr_npi": 0}
    return Step("cancel_sm", {**FROM, **nobody, "message_id": f"@{name}"}, status)


def cancel_all(number: str, status: int = 0) -> Step:
    return Step("cancel_sm", {**to(number), "service_type": "", "message_id": ""}, status)


def replace(name: str, text: str, status: int = 0, due: str = PAST) -> Step:
    times = {"schedule_delivery_time": due, "validity_period": ""}
    more = {"registered_delivery": 1, "sm_default_msg_id": 0, "short_message": text}
    return Step("replace_sm", {**FROM, **times, **more, "message_id": f"@{name}"}, status)


def until(*names: str) -> Step:
    return Step("until", {"ids": [f"@{name}" for name in names]})


def queried(number: str) -> Part:
    """A query_sm before and after the end; a message that nobody knows."""
    unknown = {**FROM, "message_id": "1"}
    elsewhere = {**FROM, "source_addr": "OTHER", "message_id": "@queried"}
    steps = [
        submit("queried", number),
        until("queried"),
        query("queried", State.DELIVERED),
        Step("query_sm", elsewhere, Status.ESME_RQUERYFAIL),
        Step("query_sm", unknown, Status.ESME_RQUERYFAIL),
    ]
    return Part(steps, {"queried": State.DELIVERED}, [(number, "queried")])


def cancelled(number: str) -> Part:
    """A cancel_sm by message_id and by addresses, of what waits and of what has ended."""
    names = ("one", "two", "three")
    steps = [
        *(submit(name, number, schedule_delivery_time=HOUR) for name in names),
        query("one", State.ENROUTE),
        cancel("one"),
        cancel("one", Status.ESME_RCANCELFAIL),
        query("one", State.DELETED),
        cancel_all(number),
        cancel_all(number, Status.ESME_RCANCELFAIL),
        until(*names),
        query("three", State.DELETED),
    ]
    return Part(steps, dict.fromkeys(names, State.DELETED))


def superseded(number: str) -> Part:
    """A submit_sm with replace_if_present_flag takes the place of the message that waits."""
    steps = [
        submit("old", number, schedule_delivery_time=HOUR),
        submit("new", number, replace_if_present_flag=1, schedule_delivery_time=PAST),
        until("old", "new"),
        query("old", State.DELETED),
        query("new", State.DELIVERED),
    ]
    receipts = {"old": State.DELETED, "new": State.DELIVERED}
    return Part(steps, receipts, [(number, "new")])


def replaced(number: str) -> Part:
    """A replace_sm of what waits, twice, and of what has ended."""
    steps = [
        submit("text", number, schedule_delivery_time=HOUR),
        replace("text", "another", due=HOUR),
        query("text", State.ENROUTE),
        replace("text", "the last"),
        until("text"),
        replace("text", "too late", Status.ESME_RREPLACEFAIL),
    ]
    return Part(steps, {"text": State.DELIVERED}, [(number, "the last")])


def on_its_way(*, replaces: bool = True) -> Part:
    """A message that has left can be asked for, and neither cancelled nor replaced."""
    late = [replace("sent", "too late", Status.ESME_RREPLACEFAIL)] if replaces else []
    steps = [
        submit("sent", SILENT),
        query("sent", State.ENROUTE),
        *late,
        cancel("sent", Status.ESME_RCANCELFAIL),
    ]
    return Part(steps, {}, [(SILENT, "sent")])


def failing(number: str) -> Part:
    """A message to *number* is not delivered."""
    steps = [submit("lost", number), until("lost"), query("lost", State.UNDELIVERABLE)]
    return Part(steps, {"lost": State.UNDELIVERABLE}, [(number, "lost")])


def by_data_sm(number: str) -> Part:
    """A data_sm is a submission."""
    more = {"service_type": "", "esm_class": 0, "registered_delivery": 1, "data_coding": 0}
    fields = {**to(number), **more, "message_payload": "by data"}
    steps = [Step("data_sm", fields, name="data"), until("data"), query("data", State.DELIVERED)]
    return Part(steps, {"data": State.DELIVERED}, [(number, "by data")])


def in_transactions(number: str) -> Part:
    """A submit_sm_resp in transaction mode has the verdict of the provider."""
    steps = [
        submit("verdict", number, esm_class=TRANSACTION),
        submit("refused", REFUSED, Status.ESME_RINVDSTADR, esm_class=TRANSACTION),
        until("verdict"),
    ]
    return Part(steps, {"verdict": State.DELIVERED}, [(number, "verdict")])


def of(parts: Iterable[Part]) -> Iterator[Step]:
    for part in parts:
        yield from part.steps


def written(parts: Sequence[Part]) -> list[dict[str, Any]]:
    """Return the steps as a job in JSON has them."""
    return [{"command": s.command, "fields": s.fields, "name": s.name} for s in of(parts)]


def check(parts: Sequence[Part], said: Mapping[str, Any], by: str = "deliver_sm") -> None:
    """Compare what a script has printed with what is right."""
    asked = [step for step in of(parts) if step.command != "until"]
    wanted = [(s.command, s.status, s.state, s.state not in (None, State.ENROUTE)) for s in asked]
    answers = said["answers"]
    found = [
        (step.command, a["status"], a.get("message_state"), bool(a.get("final_date")))
        for step, a in zip(asked, answers, strict=True)
    ]
    refused = [number for number, step in enumerate(asked) if step.status]
    for number in refused:  # a body after an error is nobody's concern
        found[number] = (*found[number][:2], None, False)
    assert found == wanted
    ids = {
        step.name: a.get("message_id") for step, a in zip(asked, answers, strict=True) if step.name
    }
    states = {name: state for part in parts for name, state in part.receipts.items()}
    owed = sorted((by, ids[name], int(state)) for name, state in states.items())
    assert sorted((r["by"], r["id"], r["state"]) for r in said["receipts"]) == owed


def taken(parts: Iterable[Part]) -> dict[tuple[str, str], int]:
    return dict.fromkeys((each for part in parts for each in part.taken), 1)

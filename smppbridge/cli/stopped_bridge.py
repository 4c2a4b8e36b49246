"""stopped_bridge: the API of a bridge that does not run, as far as the store alone can answer.

The operations are the same, so a command prints the same whether the bridge runs or not.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import closing, suppress
from typing import Any, TypeVar
from urllib.parse import unquote

from pydantic import ValidationError

from smppbridge.cli.bridge_client import refusal
from smppbridge.cli.store_option import failing_plainly
from smppbridge.model.account import Account
from smppbridge.model.verdict_facts import BridgeFacts
from smppbridge.settings.store import place_of
from smppbridge.store import audit
from smppbridge.store.audit import AuditEntry
from smppbridge.store.database import Database
from smppbridge.store.lookup import ListedMessage, NotAStore, open_store
from smppbridge.web.api.operations import API
from smppbridge.web.door import facts_of
from smppbridge.web.keyring import Requester
from smppbridge.web.operations import PREFIX, ApiOperation, ApiRequest, read_places
from smppbridge.web.problems import RequestRefused, unfit

T = TypeVar("T")


class StorePorts:
    """The parts of a bridge that its store has; every other part refuses."""

    def __init__(self, address: str) -> None:
        self._address = address
        self.clock = self.live = self

    def meanwhile(self, message: ListedMessage) -> BridgeFacts:
        """Return None: only a bridge that runs has facts about a waiting message."""
        return BridgeFacts()

    def wall(self) -> float:
        """Return the time in UNIX seconds."""
        return time.time()

    def accounts(self) -> Mapping[str, Account]:
        """Return no account: they are in the configuration."""
        return {}

    async def ask(self, question: Callable[[Database], T]) -> T:
        """Ask the store."""
        with failing_plainly(), closing(open_store(self._address)) as db:
            return question(db)

    async def act(self, act: Callable[[Database], T]) -> T:
        """Change the store by hand."""
        with failing_plainly(), closing(open_store(self._address, "rw")) as db:
            return act(db)

    async def note(
        self, call: ApiRequest, action: str, about: str, facts: Mapping[str, Any]
    ) -> None:
        """Write an act down, if the store can be written by who may read it."""
        entry = AuditEntry(
            at=self.wall(),
            actor=call.actor,
            via="store",
            address=call.address,
            action=action,
            object=about,
            detail=json.dumps(facts),
        )
        with suppress(sqlite3.Error, NotAStore), closing(open_store(self._address, "rw")) as db:
            audit.note(db, entry)

    def __getattr__(self, name: str) -> Any:
        raise RequestRefused(503, "no bridge runs")


class StoppedBridge:
    """The store of a bridge, at *place*, that answers operations of the API.

    *address* has a password in it, if the store is a database.
    """

    def __init__(self, address: str) -> None:
        self.place, self._ports = place_of(address), StorePorts(address)

    def ask(
        self,
        method: str,
        operation: str,
        query: Mapping[str, object] | None = None,
        body: object = None,
    ) -> dict[str, Any]:
        """Return an operation's answer; raises OperationRefused, click.ClickException."""
        methods, words = API.find(PREFIX + unquote(operation))
        found = methods[method]
        try:
            answer: dict[str, Any] = _concluded(self._answer(found, words, query or {}, body))
        except RequestRefused as error:
            faults = [(each.loc, each.msg) for each in error.errors]
            raise refusal(error.status, error.detail, faults) from None
        return answer

    async def _answer(
        self,
        operation: ApiOperation,
        words: Mapping[str, str],
        query: Mapping[str, object],
        body: object,
    ) -> Any:
        uid = f"uid:{os.getuid()}"
        who = Requester(uid, "admin", "socket")
        call = ApiRequest(ports=self._ports, who=who, address=uid, secure=True)
        named = read_places(operation, words)
        if named is None:
            raise RequestRefused(404, "there is nothing here")
        try:
            call.named = named
            call.query = operation.query.model_validate_strings(_written(query))
            if operation.body is not None:
                call.body = operation.body.model_validate_json(json.dumps(body))
        except ValidationError as error:
            raise unfit(error) from None
        if operation.audited:
            about = "/".join(map(str, named.values()))
            await self._ports.note(call, operation.name, about, facts_of(call))
        answer = await operation.act(call)
        return json.loads(answer.model_dump_json())


def _written(query: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in query.items()}


def _concluded(answer: Coroutine[Any, Any, T]) -> T:
    """Return the result of a coroutine that waits for nothing."""
    try:
        answer.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    answer.close()
    raise RuntimeError("the operation waits for a bridge")

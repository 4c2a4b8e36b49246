"""across: query_sm, cancel_sm and replace_sm about messages that other bridges of the store have.

received -> named, by the store -> ours: carried out here alone
                                -> another bridge's: carried out there -> answered as there
                                -> by addresses, or GATHERING: here and everywhere -> one answer
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, NamedTuple, Protocol

from smppbridge.model.identifiers import read_id
from smppbridge.model.message import GatheringKey, Stage
from smppbridge.model.reasons import Reason
from smppbridge.relay.accept.intake import Rights
from smppbridge.relay.lanes.limits import Throughput
from smppbridge.relay.named import FarSession, NamedStore, Naming, NamingSession, Replies
from smppbridge.relay.others import OtherBridges
from smppbridge.relay.ports import Around, Journal
from smppbridge.smpp.constants import CommandId
from smppbridge.smpp.constants import CommandStatus as Status
from smppbridge.smpp.pdus import BY_COMMAND_ID, Pdu, refusal
from smppbridge.store.port import Found, StoreFailure

ANSWERED_WITHIN = 7.0
"""Seconds that an answer waits for another bridge, which may wait for a provider itself."""
_FAILED: Final[Mapping[int, tuple[Status, Reason]]] = {
    CommandId.CANCEL_SM: (Status.ESME_RCANCELFAIL, Reason.NOT_CANCELLABLE),
    CommandId.REPLACE_SM: (Status.ESME_RREPLACEFAIL, Reason.NOT_REPLACEABLE),
    CommandId.QUERY_SM: (Status.ESME_RQUERYFAIL, Reason.UNKNOWN_MESSAGE),
}
ACT: Final = "named"
"""The act that a bridge has others carry out: the request of an ESME."""
Movement = Callable[[NamingSession, Any], Awaitable[None]]
RightsOf = Callable[[str], Rights | None]
Json = Mapping[str, Any]


class Response(NamedTuple):
    """A response to a request, why it is an error, if it is one, and the detail of that."""

    pdu: Pdu
    why: Reason | None
    detail: str


class Where(NamedTuple):
    """Who carries a request out: *here* this bridge, the owners of *shards* (None: all others)."""

    here: bool
    shards: Collection[int] | None = ()


class TakesResponse(Protocol):
    """Takes the response of a bridge to a request."""

    def __call__(self, response: Response, /) -> None:
        """Take a response."""


@dataclass(slots=True, eq=False)
class _Shared:
    """A request that several bridges carry out: their responses, and how many are *left*."""

    session: NamingSession
    request: Naming
    left: int
    responses: list[Response] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)


class Across:
    """Carries out the requests of ESMEs wherever the messages are that they name.

    *here* are the movements of this bridge by command_id.  It has no state of its own: a request
    that waits for other bridges is in their hands.
    """

    def __init__(
        self,
        store: NamedStore,
        others: OtherBridges,
        here: Mapping[int, Movement],
        around: Around,
        log: Journal | None = None,
    ) -> None:
        self._store, self._others, self._here = store, others, here
        self._clock, self._spawn = around.clock, around.spawn
        self._replies = {
            CommandId.QUERY_SM: Replies("query", "query_refused", around, log),
            CommandId.CANCEL_SM: Replies("cancel", "cancel_refused", around, log),
            CommandId.REPLACE_SM: Replies("replace", "replace_refused", around, log),
        }

    async def take(self, session: NamingSession, request: Naming) -> None:
        """Carry out a request here, elsewhere, or both, and answer."""
        where = await self._where(session, request)
        movement = self._here[request.command_id]
        if where.shards is not None and not where.shards:
            await movement(session, request)
            return
        if not where.here and not self._may(session, request):
            failed = refusal(request, Status.ESME_RTHROTTLED)
            self._answer(session, request, Response(failed, Reason.THROTTLED, ""))
            return
        shared = _Shared(session, request, 1 + where.here)
        self._spawn(self._ask(shared, where.shards))
        if where.here:
            conclude = _concluding(lambda response: self._took(shared, response))
            far = FarSession(session.rights, session.interface_version, conclude)
            await movement(far, request)

    # -- who has the messages ---------------------------------------------------------------------

    async def _where(self, session: NamingSession, request: Naming) -> Where:
        account, query = session.rights.account, request.command_id == CommandId.QUERY_SM
        if query and account.query != "ask":
            return Where(here=True)  # the store knows
        if not request.message_id:
            return Where(True, () if self._others.alone else None)
        message_id = read_id(request.message_id, account)
        if message_id is None:
            return Where(here=True)  # where the refusal is answered
        try:
            named = (await self._store.named([message_id])).get(message_id, ())
        except StoreFailure:
            return Where(here=True)
        if any(isinstance(each, GatheringKey) for each in named):
            return Where(True, () if query or self._others.alone else None)
        found = [each for each in named if isinstance(each, Found)]
        shards = {each.shard for each in found if not each.ours}
        here = any(each.ours and each.stage is not Stage.FINISHED for each in found)
        return Where(here or not shards, shards)

    def _may(self, session: NamingSession, request: Naming) -> bool:
        """Take a replace_sm off the throughput of its account, as the movement itself would."""
        if request.command_id != CommandId.REPLACE_SM:
            return True
        return session.rights.throughput.take(self._clock.monotonic())

    # -- the answers of all -----------------------------------------------------------------------

    async def _ask(self, shared: _Shared, shards: Collection[int] | None) -> None:
        session, request = shared.session, shared.request
        body = {
            "account": session.rights.account.system_id,
            "version": session.interface_version,
            "request": _written(request),
        }
        try:
            found = await self._others.ask(shards, ACT, body, ANSWERED_WITHIN)
        except StoreFailure:
            failed = refusal(request, Status.ESME_RSYSERR)
            shared.responses.append(Response(failed, Reason.STORE_FAILED, ""))
        else:
            shared.silent += found.silent
            shared.responses += map(read_response, found.by_name.values())
        self._count(shared)

    def _took(self, shared: _Shared, response: Response) -> None:
        shared.responses.append(response)
        self._count(shared)

    def _count(self, shared: _Shared) -> None:
        shared.left -= 1
        if shared.left:
            return
        session, request = shared.session, shared.request
        if request.command_id == CommandId.QUERY_SM and not shared.responses:
            self._spawn(self._last(session, request))
        else:
            self._answer(session, request, _joint(shared))

    async def _last(self, session: NamingSession, request: Naming) -> None:
        """Answer a query from the store: the bridge that has the message is silent."""
        await self._here[CommandId.QUERY_SM](session, request)

    def _answer(self, session: NamingSession, request: Naming, response: Response) -> None:
        pdu = response.pdu
        pdu.sequence_number = request.sequence_number
        replies = self._replies[CommandId(request.command_id)]
        replies.give(session, pdu, response.why, response.detail)
        session.flush()


async def carry_out(
    body: Json,
    here: Mapping[int, Movement],
    rights_of: RightsOf,
    now: float,
    concluded: TakesResponse,
) -> None:
    """Carry out a request that an ESME has made at another bridge, *here* by command_id."""
    request, rights = _read(body["request"]), rights_of(body["account"])
    if rights is None:  # a configuration that has not been reloaded yet
        failed, why = _FAILED[request.command_id]
        concluded(Response(refusal(request, failed), why, "its bridge has no such account"))
        return
    rights = Rights(rights.account, Throughput(None, now), rights.reader)  # its own bridge counts
    await here[request.command_id](
        FarSession(rights, body["version"], _concluding(concluded)), request
    )


def _joint(shared: _Shared) -> Response:
    """Return the answer to a request: success if one bridge has had it."""
    responses = shared.responses
    for wanted in (0, int(Status.ESME_RSYSERR)):
        for each in responses:
            if each.pdu.command_status == wanted:
                return each
    if responses and not shared.silent:
        return responses[0]
    status, why = _FAILED[shared.request.command_id]
    silent = ", ".join(shared.silent)
    detail = f"no answer in time from {silent}" if silent else "no bridge has it just now"
    return Response(refusal(shared.request, status), why, detail)


def _concluding(concluded: TakesResponse) -> Callable[[Pdu, Reason | None, str], None]:
    return lambda pdu, why, detail: concluded(Response(pdu, why, detail))


# -- as other bridges read it ---------------------------------------------------------------------


def written_response(response: Response) -> dict[str, Any]:
    """Return a response as JSON has it."""
    why = None if response.why is None else response.why.value
    return {"response": _written(response.pdu), "why": why, "detail": response.detail}


def read_response(body: Json) -> Response:
    """Return the response that `written_response` wrote."""
    why = None if body["why"] is None else Reason(body["why"])
    return Response(_read(body["response"]), why, body["detail"])


def _written(pdu: Pdu) -> dict[str, Any]:
    known = {each.name: getattr(pdu, each.name) for each in fields(pdu)}
    values = {
        name: value.decode("latin-1") if isinstance(value, bytes) else int(value)
        for name, value in known.items()
        if isinstance(value, bytes | int)
    }
    return {"command_id": int(pdu.command_id), **values}


def _read(values: Json) -> Any:
    pdu = BY_COMMAND_ID[values["command_id"]]()
    for each in fields(pdu):
        if each.name in values:
            value = values[each.name]
            setattr(pdu, each.name, value.encode("latin-1") if isinstance(value, str) else value)
    return pdu

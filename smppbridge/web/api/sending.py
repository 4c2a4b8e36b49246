"""sending: a text sent as an account would send it, or what would become of it if it were sent."""

from __future__ import annotations

from hashlib import sha256
from typing import Literal

from pydantic import Field

from smppbridge.model.masking import masked
from smppbridge.model.message import Message
from smppbridge.model.reasons import Reason, remedy, sentence
from smppbridge.relay.accept.composed import Composed
from smppbridge.relay.accept.fields import Refusal
from smppbridge.relay.accept.intake import Rights
from smppbridge.relay.lanes.addressing import NotAddressable
from smppbridge.routing.explain import explained
from smppbridge.smpp.constants import status_name
from smppbridge.text.coding import Alphabet
from smppbridge.text.measured import counterpart, culprits, measured
from smppbridge.text.transliteration import transliterated
from smppbridge.web.api.routing import (
    ProviderNow,
    RuleHit,
    as_written_source,
    first_of,
    hit_of,
    now,
    rights_of,
)
from smppbridge.web.api.shapes import MessageId, Name
from smppbridge.web.keyring import OPERATOR
from smppbridge.web.operations import API, Answer, ApiRequest, Sent
from smppbridge.web.problems import RequestRefused

LONGEST_TEXT = 40_000
"""Characters: 255 segments of GSM 03.38 have fewer."""
MOST_CULPRITS, MOST_PLACES = 50, 20
_ALPHABETS: dict[Alphabet, Literal["gsm7", "ucs2"]] = {
    Alphabet.GSM7: "gsm7",
    Alphabet.UCS2: "ucs2",
}
_BUSY = frozenset((Reason.BACKLOG_FULL, Reason.STOPPING, Reason.STORE_FAILED))
_SECOND = b"Retry-After: 1\r\n"


class Submission(Sent):
    """A message to be sent as one of an account."""

    account: Name
    source: str = Field(min_length=1, max_length=20)
    destination: str = Field(min_length=1, max_length=20)
    text: str = Field(min_length=1, max_length=LONGEST_TEXT)
    registered_delivery: int = Field(
        default=0, ge=0, le=3, description="Above 0 the account gets a receipt: see submit_sm"
    )
    validity: int | None = Field(
        default=None, ge=1, le=2_592_000, description="Seconds; absent: as the account has it"
    )
    dry_run: bool = Field(default=False, description="Send nothing")


class SubmissionHeader(Sent):
    """The key of a request that may come again."""

    idempotency_key: str | None = Field(
        default=None,
        pattern=r"^[!-~]{1,64}$",
        description="Requests with one key send one message; kept for a day",
    )


class Culprit(Answer):
    """A character that GSM 03.38 lacks: because of it the text is UCS-2."""

    character: str
    positions: list[int] = Field(description="From 1; the first of them")
    instead: str | None = Field(description="Its counterpart in GSM 03.38, if it has one")


class PreviewRefusal(Answer):
    """Why a message would be refused."""

    status: str = Field(description="The command_status by name")
    reason: str = Field(description="A word of the list of reasons")
    detail: str | None
    says: str
    remedy: str


class MessagePreview(Answer):
    """What becomes of a message, or would become of it."""

    message_id: MessageId | None = Field(description="Absent in a dry run")
    replayed: bool = Field(description="Sent before, by the same Idempotency-Key")
    would_send: bool
    refusal: PreviewRefusal | None
    alphabet: Literal["gsm7", "ucs2"] = Field(description="Of the text as its route wants it")
    characters: int
    segments: int
    characters_left: int = Field(description="That fit into the last segment yet")
    culprits: list[Culprit]
    transliterated_segments: int | None = Field(
        description="Segments of the text in GSM 03.38, where that can be"
    )
    route: RuleHit | None
    providers: list[ProviderNow] = Field(description="In order")
    provider: str | None = Field(description="The first that gets the message")
    source_as_sent: str | None = Field(description="The source address that this provider gets")
    why: list[str] = Field(description="How it comes to this, sentence by sentence")


@API.operation(
    "POST",
    "/messages",
    OPERATOR,
    body=Submission,
    header=SubmissionHeader,
    returns=MessagePreview,
    refusals=(404, 429, 503),
    audited=False,  # by itself: with the message_id, and not if nothing is sent
)
async def send_message(call: ApiRequest) -> MessagePreview:
    """Send a text as a message of an account, or only say what would become of it."""
    body: Submission = call.body
    rights = rights_of(call, body.account)
    composed = Composed(
        source=body.source,
        destination=body.destination,
        text=body.text,
        registered_delivery=body.registered_delivery,
        validity=body.validity,
    )
    if body.dry_run:
        return _foreseen(call, rights, composed)
    message_id, message = await _sent(call, rights, composed)
    foreseen = _foreseen(call, rights, composed, message)
    now_sent = {"message_id": str(message_id), "replayed": message is None, "would_send": True}
    return foreseen.model_copy(update=now_sent)


async def _sent(call: ApiRequest, rights: Rights, composed: Composed) -> tuple[int, Message | None]:
    """Accept a message, once for a key; return its message_id and the message, or None.

    None: the message was sent before, by the same key.
    """
    relay, body, key = call.ports.relay, call.body, call.header.idempotency_key
    accepted: list[Message] = []

    async def send(message_id: int) -> None:
        facts = {
            "account": body.account,
            "source": masked(body.source),
            "destination": masked(body.destination),
            "registered_delivery": body.registered_delivery,
        }
        await call.ports.note(call, "send_message", str(message_id), facts)
        try:
            accepted.append(await relay.compose.take(rights, composed, message_id))
        except Refusal as refusal:
            raise _refused(refusal) from None

    if key is None:
        message_id = relay.compose.reserve()
        await send(message_id)
        return message_id, accepted[0]
    fingerprint = sha256(body.model_dump_json().encode()).hexdigest()
    name = call.actor, key
    message_id = await relay.keys.once(name, fingerprint, relay.compose.reserve, send)
    return message_id, accepted[0] if accepted else None


def _refused(refusal: Refusal) -> RequestRefused:
    reason = Reason(refusal.reason)
    detail = f"{sentence(reason)} {remedy(reason)}"
    status = 503 if reason in _BUSY else 429 if reason is Reason.THROTTLED else 422
    headers = _SECOND if status == 429 else b""
    return RequestRefused(status, detail, headers=headers, reason=reason.value)


def _foreseen(
    call: ApiRequest, rights: Rights, composed: Composed, message: Message | None = None
) -> MessagePreview:
    """Return what becomes of a text: of a *message* that is accepted, or that would be."""
    refusal = None
    if message is None:
        try:
            message = call.ports.relay.compose.foresee(rights, composed)
        except Refusal as error:
            refusal = error
    rules, text = call.ports.relay.rules(), composed.text
    hit = None
    if message is not None:
        source = as_written_source(composed.source)
        hit = hit_of(explained(rules, rights.account.system_id, source, message.number))
        if message.traits.transliterate:
            text = transliterated(text)
    there = call.ports.lanes.by_name  # a reload may have removed one since
    names = [name for name in message.route if name in there] if message else []
    providers = [now(call, name, message) for name in names]
    provider = first_of(providers)
    found, in_gsm = measured(text), transliterated(composed.text)
    can_be = found.alphabet is Alphabet.UCS2 and in_gsm != composed.text
    return MessagePreview(
        message_id=None,
        replayed=False,
        would_send=refusal is None,
        refusal=None if refusal is None else _not_taken(refusal),
        alphabet=_ALPHABETS[found.alphabet],
        characters=found.characters,
        segments=found.segments,
        characters_left=found.left,
        culprits=_culprits(text),
        transliterated_segments=measured(in_gsm).segments if can_be else None,
        route=hit,
        providers=providers,
        provider=provider,
        source_as_sent=_source_as_sent(call, message, provider),
        why=list(_why(hit, providers, provider)),
    )


def _not_taken(refusal: Refusal) -> PreviewRefusal:
    return PreviewRefusal(
        status=status_name(refusal.status),
        reason=refusal.reason.value,
        detail=refusal.detail or None,
        says=sentence(refusal.reason),
        remedy=remedy(refusal.reason),
    )


def _culprits(text: str) -> list[Culprit]:
    found = list(culprits(text).items())[:MOST_CULPRITS]
    return [
        Culprit(
            character=character,
            positions=places[:MOST_PLACES],
            instead=counterpart(character),
        )
        for character, places in found
    ]


def _source_as_sent(call: ApiRequest, message: Message | None, provider: str | None) -> str | None:
    if message is None or provider is None:
        return None
    try:
        addressed: Message = call.ports.lanes.by_name[provider].addressed(message)
    except NotAddressable:
        return None
    return addressed.source.addr


def _why(hit: RuleHit | None, providers: list[ProviderNow], provider: str | None) -> list[str]:
    said = []
    if hit is not None:
        numbers = f"numbers that begin with {hit.to}" if hit.to else "any number"
        said.append(f"routes[{hit.rule}] is for {numbers}: by {', '.join(hit.via)}.")
    for each in providers:
        if each.name == provider:
            break
        said.append(f"{each.name} is passed over: {each.says}")
    if provider is not None:
        said.append(f"So {provider} gets it.")
    return said

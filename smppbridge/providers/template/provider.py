"""The provider that a template describes."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from smppbridge.model.message import Message
from smppbridge.model.outcome import Outcome
from smppbridge.model.report import Report
from smppbridge.model.tlvs import named_values
from smppbridge.providers.exchange import (
    Abilities,
    BadReply,
    Balance,
    Exchange,
    HttpRequest,
    HttpResponse,
    Provider,
    Received,
    ReportWord,
)
from smppbridge.providers.message_class import class_of, waiting_of
from smppbridge.providers.oauth import LoginFailed
from smppbridge.providers.template.called import received
from smppbridge.providers.template.compiled import Compiled, compiled
from smppbridge.providers.template.placeholders import TLV
from smppbridge.providers.template.sections import Described
from smppbridge.providers.template.written import joined_url, url_fault
from smppbridge.text.coding import Alphabet, smallest
from smppbridge.text.errors import Unencodable

_FORM_OR_JSON = (b"{", b"[")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Template(Described, Provider):
    """A provider described in YAML; its settings explain the keys."""

    _compiled: Compiled = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_compiled", compiled(self))

    def __repr__(self) -> str:
        return f"Template({self._compiled.origin})"

    @property
    def abilities(self) -> Abilities:
        """The abilities that the template describes."""
        return self._compiled.abilities

    def submit(self, message: Message) -> Exchange[Outcome]:
        """Submit one message."""
        keyed = "key" in self._compiled.submit.written.names
        return self._submit(message, str(UUID(int=message.message_id)) if keyed else "")

    def submit_batch(self, messages: Sequence[Message], key: str) -> Exchange[Sequence[Outcome]]:
        """Submit messages of one group in one request; return their outcomes, in order."""
        batch = self._compiled.batch
        if batch is None or len(messages) == 1:
            return (yield from self._submit_alone(messages, key))
        first = self._values(messages[0], key)
        first["numbers"] = [message.number for message in messages]
        if batch.each is not None:
            first["messages"] = [batch.each.fill(self._values(m, key)) for m in messages]
        try:
            response = yield from self._answer(batch.written.request(first))
        except LoginFailed as fault:
            return [fault.outcome] * len(messages)
        return batch.read.outcomes(response, messages)

    def group_of(self, message: Message) -> Hashable:
        """Return the values that messages must share to go in one request."""
        batch = self._compiled.batch
        if batch is None:
            return None
        values = self._values(message, "")
        return tuple(values[name] for name in batch.shared)

    def query(self, message: Message, provider_message_id: str) -> Exchange[Report]:
        """Ask for the report of a message; raises BadReply."""
        asked = self._compiled.query
        if asked is None:
            raise BadReply("this provider cannot be asked")
        values = self._values(message, "") | {"provider_message_id": provider_message_id}
        response = yield from self._answer(asked.written.request(values))
        return asked.read.report(response, provider_message_id)

    def report_words(self) -> Mapping[str, ReportWord]:
        """Return the statuses of reports."""
        return self._compiled.words

    def balance(self) -> Exchange[Balance]:
        """Ask for the credit left; raises BadReply."""
        asked = self._compiled.balance
        if asked is None:
            raise BadReply("this provider cannot be asked for its credit")
        response = yield from self._answer(asked.written.request({}))
        return asked.read.balance(response)

    def read_callback(self, request: HttpRequest) -> Sequence[Received]:
        """Return the reports and messages in a request that the provider made; raises BadReply."""
        return received(request, self._compiled.phones, self._compiled.reports)

    def call(self, method: str, path: str, body: bytes = b"") -> Exchange[HttpResponse]:
        """Make any request below base_url, JSON or a form by its looks.  Raises BadReply."""
        compiled = self._compiled
        url = joined_url(compiled.base_url, path)
        if not url.startswith(f"{compiled.origin}/") or url_fault(url):
            raise BadReply("not a URL of this provider")
        headers = compiled.headers
        if body:
            is_json = body.lstrip().startswith(_FORM_OR_JSON)
            kind = "application/json" if is_json else "application/x-www-form-urlencoded"
            headers = (("Content-Type", kind), *headers)
        return (yield from self._answer(HttpRequest(method, url, headers, body, operation="call")))

    def _submit_alone(self, messages: Sequence[Message], key: str) -> Exchange[list[Outcome]]:
        outcomes = []
        for message in messages:
            outcomes.append((yield from self._submit(message, key)))
        return outcomes

    def _submit(self, message: Message, key: str) -> Exchange[Outcome]:
        submit = self._compiled.submit
        try:
            response = yield from self._answer(submit.written.request(self._values(message, key)))
        except LoginFailed as fault:
            return fault.outcome
        return submit.read.outcome(response, message)

    def _answer(self, request: HttpRequest) -> Exchange[HttpResponse]:
        login = self._compiled.login
        if login is not None:
            return (yield from login.authorized(request))
        response: HttpResponse = yield request
        return response

    def _values(self, message: Message, key: str) -> dict[str, Any]:
        values: dict[str, Any] = {
            "number": message.number,
            "sender": message.source.addr,
            "text": message.text,
            "message_id": str(message.message_id),
            "key": key,
        }
        if self._compiled.wants_alphabet:
            values["alphabet"] = self._alphabet(message.text)
        if self._compiled.wants_marks:
            values |= self._marks(message)
        if named := self._compiled.tlvs:
            tlvs = named_values(named, message.traits.tlvs)
            values |= {TLV + name: value for name, value in tlvs.items()}
        return values

    def _marks(self, message: Message) -> dict[str, str]:
        tlvs = message.traits.tlvs
        found = class_of(message.data_coding, tlvs)
        waiting = waiting_of(message.data_coding, tlvs)
        return {
            "flash": self.flash.on if found == 0 else self.flash.off,
            "message_class": "" if found is None else str(found),
            "mwi": "" if waiting is None else str(waiting.kind + (0 if waiting.active else 4)),
        }

    def _alphabet(self, text: str) -> str:
        try:
            plain = smallest(text) is Alphabet.GSM7
        except Unencodable:  # a lone surrogate
            plain = False
        return self.alphabets.gsm if plain else self.alphabets.unicode

"""A template made ready: every text compiled, every fault found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Generic, TypeVar

from smppbridge.model.tlvs import NamedTlv
from smppbridge.providers.exchange import Abilities, ReportWord
from smppbridge.providers.oauth import ClientCredentials, Headers
from smppbridge.providers.template.answered import Credited, Queried, Submitted
from smppbridge.providers.template.called import PhoneCallbacks, ReportCallbacks
from smppbridge.providers.template.faults import Faults
from smppbridge.providers.template.identity import Identity
from smppbridge.providers.template.meanings import meanings_of
from smppbridge.providers.template.placeholders import (
    MEANINGS,
    PLAIN_NAME,
    SHARED,
    TLV,
    Pattern,
    Scope,
)
from smppbridge.providers.template.sections import (
    BatchSection,
    CallbackSection,
    Described,
    QuerySection,
    RequestSection,
    SubmitSection,
)
from smppbridge.providers.template.written import Writing, Written, origin_of

R = TypeVar("R", Submitted, Queried, Credited)

_MOST_IN_BATCH = 10_000
_CLASSES = frozenset(("flash", "message_class"))
_LONGEST_CALLBACK, _LONGEST_LIST = 65_536, 1 << 20  # octets: of one report, of a list of reports


@dataclass(frozen=True, slots=True)
class WrittenExchange(Generic[R]):
    """A written request with the reader of its answer."""

    written: Written
    read: R


@dataclass(frozen=True, slots=True)
class WrittenBatch:
    """The written request for a batch, with the reader of its answer.

    *each* writes one of {messages}; the values of *shared* are the same in all messages.
    """

    written: Written
    read: Submitted
    each: Pattern | None
    shared: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """The requests, readers and abilities of a provider, compiled from its template."""

    abilities: Abilities
    origin: str
    base_url: str = field(repr=False)
    headers: Headers = field(repr=False)
    login: ClientCredentials | None
    submit: WrittenExchange[Submitted]
    batch: WrittenBatch | None
    query: WrittenExchange[Queried] | None
    balance: WrittenExchange[Credited] | None
    reports: ReportCallbacks | None
    words: Mapping[str, ReportWord]
    phones: PhoneCallbacks | None
    wants_alphabet: bool
    wants_marks: bool
    tlvs: tuple[NamedTlv, ...]


def compiled(described: Described) -> Compiled:
    """Compile a template; raises BadTemplate with every fault of the template."""
    return _Compiler(described).compiled()


class _Compiler:
    def __init__(self, described: Described) -> None:
        self._described = described
        self._faults = Faults()
        self._used: set[str] = set()
        self._fixed = {**described.secrets, "callback_url": described.callback_url}
        self._check_secrets()
        scope = self._scope("anything")
        self._identity = Identity(described, scope)
        self._used |= scope.used
        self._meanings = meanings_of(described, self._identity.hidden, self._faults)

    def compiled(self) -> Compiled:
        described, faults = self._described, self._faults
        submit = self._submit(described.submit_)
        batch = self._batch(described.batch, submit.read) if described.batch else None
        query = self._query(described.query_) if described.query_ else None
        balance = None
        if described.balance_:
            written = self._written("balance", "anything", described.balance_)
            balance = WrittenExchange(written, Credited(described.balance_, faults))
        reports = self._reports(described.callback) if described.callback else None
        phones = PhoneCallbacks(described.mo, faults) if described.mo else None
        self._check_callbacks()
        self._check_keys(submit.written, batch)
        self._check_unused()
        faults.close()
        identity = self._identity
        origin = origin_of(identity.base_url) if identity.base_url else submit.written.origin
        return Compiled(
            abilities=self._abilities(),
            origin=origin,
            base_url=identity.base_url or origin,
            headers=tuple((name, pattern.fill({})) for name, pattern in identity.headers.items()),
            login=identity.login,
            submit=submit,
            batch=batch,
            query=query,
            balance=balance,
            reports=reports,
            words=self._meanings.report_words(),
            phones=phones,
            wants_alphabet="alphabet" in self._used,
            wants_marks=bool(self._used & {*_CLASSES, "mwi"}),
            tlvs=self._tlvs(),
        )

    # -- requests -------------------------------------------------------------------------------

    def _submit(self, section: SubmitSection) -> WrittenExchange[Submitted]:
        written = self._written("submit", "submit", section)
        for name in ("number", "text"):
            if name not in written.names:
                self._faults.add("submit", f"has no {{{name}}}")
        self._check_id("submit", section.id)
        self._check_parts(section)
        return WrittenExchange(written, Submitted("submit", section, self._meanings, self._faults))

    def _batch(self, batch: BatchSection, alone: Submitted) -> WrittenBatch:
        section, add = _merged(batch, self._described.submit_), self._faults.add
        written = self._written("batch", "batch", section, join=batch.join)
        each = self._each(batch, section)
        many = written.names & {"numbers", "messages"}
        if not many:
            add("batch", "has neither {numbers} nor {messages}: where is the list?")
        if ("messages" in many) != (each is not None):
            add("batch.each", "and {messages} go together: how one message is written")
        inside = each.names if each else frozenset()
        if "text" not in written.names | inside:
            add("batch", "has no {text}")
        if each and "number" not in inside:
            add("batch.each", "has no {number}")
        if not 2 <= batch.max <= _MOST_IN_BATCH:
            add("batch.max", f"must be 2 to {_MOST_IN_BATCH}")
        if batch.items is None and self._has_reports:
            add("batch.items", "is required where reports come: each message needs an id")
        if batch.items is None and batch.number is not None:
            add("batch.number", "is a place within items, and there are none")
        self._check_id("batch", section.id)
        read = Submitted("batch", section, self._meanings, self._faults, batch=batch, alone=alone)
        return WrittenBatch(written, read, each, tuple(sorted(filter(_is_shared, written.names))))

    def _each(self, batch: BatchSection, section: SubmitSection) -> Pattern | None:
        if batch.each is None:
            return None
        scope = self._scope("each")
        if section.send == "form":
            self._faults.add("batch.each", "cannot stand in a form: only {numbers} can")
            return None
        pattern = Pattern(Writing("batch", section.send).body(batch.each, "batch.each", scope))
        self._used |= scope.used
        return pattern

    def _query(self, section: QuerySection) -> WrittenExchange[Queried]:
        written = self._written("query", "query", section)
        if not written.names & {"provider_message_id", "message_id"}:
            self._faults.add("query", "does not say which message: it has no {provider_message_id}")
        return WrittenExchange(written, Queried(section, self._meanings, self._faults))

    def _written(
        self, key: str, operation: str, section: RequestSection, join: str | None = None
    ) -> Written:
        scope = self._scope(operation, "," if join is None else join)
        writing = Writing(
            key,
            section.send,
            base_url=self._identity.base_url,
            common=self._identity.headers.items(),
            join=join,
        )
        written = Written(key, scope, section, writing)
        self._used |= scope.used
        return written

    def _scope(self, operation: str, join: str = ",") -> Scope:
        names = [each.name for each in self._described.named_tlvs]
        return Scope(operation, self._fixed, self._faults, join, tlvs=names)

    def _tlvs(self) -> tuple[NamedTlv, ...]:
        return tuple(each for each in self._described.named_tlvs if TLV + each.name in self._used)

    # -- what comes of it ----------------------------------------------------------------------

    def _reports(self, section: CallbackSection) -> ReportCallbacks:
        if section.id is None and section.message_id is None:
            self._faults.add("callback.id", "is required (or message_id, where that comes back)")
        return ReportCallbacks(section, self._meanings, self._faults)

    def _abilities(self) -> Abilities:
        described = self._described
        callback, batch = described.callback, described.batch
        return Abilities(
            callbacks=callback is not None,
            polling=described.query_ is not None,
            balance=described.balance_ is not None,
            idempotent=described.idempotent,
            batch=batch.max if batch else 1,
            phones=described.mo is not None,
            needs_callback_url="callback_url" in self._used,
            classes=bool(self._used & _CLASSES),
            indications="mwi" in self._used,
            tags=frozenset(each.tag for each in self._tlvs()),
            callback_answer=callback.answer.encode() if callback else b"",
            longest_callback=_LONGEST_LIST if callback and callback.items else _LONGEST_CALLBACK,
        )

    # -- what does not fit together -------------------------------------------------------------

    @property
    def _has_reports(self) -> bool:
        """Whether reports come that name messages by the provider's id."""
        callback = self._described.callback
        return self._described.query_ is not None or bool(callback and callback.id is not None)

    def _check_id(self, key: str, place: str | None) -> None:
        if place is None and self._has_reports:
            self._faults.add(f"{key}.id", "is required where reports come: where the answer has it")

    def _check_parts(self, section: SubmitSection) -> None:
        callback, add = self._described.callback, self._faults.add
        if section.parts is None:
            if section.delivered_by != "all":
                add("submit.delivered_by", "is about parts: where is their list?")
        elif section.id is None:
            add("submit.id", "is required with parts: each has one of its own")
        elif callback and callback.id is None:
            add("callback.id", "is required with submit.parts: which part is it about?")

    def _check_secrets(self) -> None:
        for name in self._described.secrets:
            if not PLAIN_NAME.fullmatch(name):
                self._faults.add(f"secrets.{name}", "must be letters, digits and _")
            elif name in MEANINGS:
                self._faults.add(f"secrets.{name}", "is the name of a placeholder")

    def _check_unused(self) -> None:
        for name in self._described.secrets.keys() - self._used:
            self._faults.add(f"secrets.{name}", f"is used nowhere: write {{{name}}} where it goes")

    def _check_callbacks(self) -> None:
        described, used, add = self._described, self._used, self._faults.add
        callback = described.callback
        if "callback_url" in used and callback is None:
            add("callback", "is required: the provider is told {callback_url}")
        if described.mo and callback is None:
            add("mo", "needs callback beside it: only who reports is listened to")
        if callback and callback.message_id is not None and "message_id" not in used:
            add("callback.message_id", "cannot come back: no request has {message_id}")

    def _check_keys(self, submit: Written, batch: WrittenBatch | None) -> None:
        if not self._described.idempotent:
            return
        for key, written in (("submit", submit), ("batch", batch and batch.written)):
            if written and "key" not in written.names:
                self._faults.add(
                    "idempotent", f"needs {{key}} in {key}: how else could it know a repetition?"
                )


def _is_shared(name: str) -> bool:
    """Return whether all messages of a batch have one value of a placeholder."""
    return name in SHARED or name.startswith(TLV)


def _merged(batch: BatchSection, submit: SubmitSection) -> SubmitSection:
    """Return *batch* with its absent keys filled from *submit*, but for places within items."""
    own: dict[str, Any] = {
        each.name: value
        for each in fields(SubmitSection)
        if (value := getattr(batch, each.name, None)) not in (None, ())
    }
    if batch.items is not None:
        own |= {"parts": None, "id": batch.id, "status": batch.status, "error": batch.error}
        if batch.status is None:
            own |= {"accepted": batch.accepted, "refused": batch.refused}
    return replace(submit, **own)

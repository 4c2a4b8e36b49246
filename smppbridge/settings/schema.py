"""The configuration as a whole: every key, its default and its description.

The descriptions become the comments of the example file and the tables of settings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BeforeValidator,
    Field,
    PrivateAttr,
    StringConstraints,
    model_validator,
)

from smppbridge.model.account import Account as Record
from smppbridge.model.lists import NumberList
from smppbridge.providers.exchange import Provider as Built
from smppbridge.routing.mo import MoTable
from smppbridge.routing.rules import Rule
from smppbridge.routing.senders import ANY_SENDER
from smppbridge.routing.table import Table
from smppbridge.settings import provider
from smppbridge.settings.account import AccountSection
from smppbridge.settings.cdr import CdrSection
from smppbridge.settings.document import Document, Fault
from smppbridge.settings.doubts import doubts_of
from smppbridge.settings.listeners import (
    CallbacksSection,
    SmppSection,
    is_tls,
    listened,
    listened_by,
)
from smppbridge.settings.lists import NumberLists
from smppbridge.settings.mo import MoRoutes
from smppbridge.settings.node import NodeSection
from smppbridge.settings.provider import ProviderSection
from smppbridge.settings.quiet import QUIET, QuietSection
from smppbridge.settings.section import Section, wrong
from smppbridge.settings.source import Source
from smppbridge.settings.store import DEFAULT, ReadStore, StoreSection
from smppbridge.settings.tlvs import (
    GivenTlvs,
    NamedTlvs,
    RequiredTlvs,
    checked_tlvs,
    known_tlvs,
    written,
)
from smppbridge.settings.ussd import UssdSection
from smppbridge.settings.values import (
    AdminSocket,
    Context,
    Count,
    Duration,
    KnownAccount,
    KnownProvider,
    Off,
    OneOrList,
    Patterns,
    Prefix,
    Transliterate,
)
from smppbridge.settings.web import WebSection

_LONGEST = 20  # characters of a source address: SMPP 3.4, 4.4.1


class ReceiptsSection(Section):
    """Receipts that wait for their ESME."""

    keep: Duration = Field(
        default=172_800.0, description="How long a receipt waits for its ESME to bind"
    )


class LogSection(Section):
    """The log, on standard error."""

    format: Literal["json", "text"] = Field(
        default="json", description="json or text, a line an event"
    )
    level: Literal["debug", "info", "warn", "error", "critical"] = Field(
        default="info",
        description="debug (with all that is counted), info, warn, error or critical",
    )
    messages: Literal["failures", "all"] = Field(
        default="failures",
        description="Which messages get a line: failures or all; never their text",
    )
    words: bool = Field(
        default=False,
        description="Whether a provider's own words stand beside our reason, without what they"
        " quote of a text",
    )


class Route(Section):
    """The providers of messages: the longest prefix counts, then the route that names accounts."""

    to: Annotated[tuple[Prefix, ...], Field(min_length=1), OneOrList] = Field(
        default=("",),
        description="First digits of the destination, one or a list; absent: any number",
    )
    via: Annotated[tuple[KnownProvider, ...], Field(min_length=1), OneOrList] = Field(
        description="Providers, the first that can; the rest is failover"
    )
    accounts: Annotated[tuple[KnownAccount, ...], Field(min_length=1)] | None = Field(
        default=None, description="Only messages of these accounts; absent: of all"
    )
    senders: Annotated[Patterns, Field(min_length=1)] | None = Field(
        default=None,
        description="Only from these source addresses, as [BANK, 1234*]; absent: from all",
    )
    source: Source = Field(default=Source(), description="What becomes of their source addresses")
    transliterate: Annotated[Transliterate | None, Off] = Field(
        default=None,
        description="gsm: their texts are written in GSM 03.38 where every character can be"
        " (quotes, dashes, accents; Greek, Cyrillic), for whichever provider; absent: as they came",
    )
    quiet: QuietSection = QUIET
    require: RequiredTlvs = Field(
        default=(),
        description="TLVs that they must have, as [dlt_entity_id]; else ESME_RMISSINGOPTPARAM",
    )
    tlvs: GivenTlvs = Field(
        default={}, description="TLVs for those that lack them, as in an account, which goes first"
    )

    def rules(self) -> Iterator[Rule]:
        """Yield one rule for each prefix."""
        accounts, senders = frozenset(self.accounts or ()), self.senders or ()
        for prefix in self.to:
            yield Rule(
                prefix,
                self.via,
                accounts,
                senders,
                self.source.policy(),
                transliterates=self.transliterate is not None,
                required=self.require,
                tlvs=written(self.tlvs),
                quiet=self.quiet.hours(),
            )


ProviderName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
ReadProvider = BeforeValidator(provider.read)


class Settings(Section):
    """The whole configuration."""

    smpp: SmppSection = Field(default=SmppSection(), description="Where ESMEs connect")
    web: WebSection | None = Field(
        default=None,
        description="/healthz, /readyz, /metrics and the API: never public; absent: not there",
    )
    admin_socket: Annotated[AdminSocket | None, Off] = Field(
        default="/run/smppbridge/admin.sock",
        description="Where commands on this machine ask the bridge: a path; whoever may open it,"
        " the bridge's user and root, is admin; off: nowhere",
    )
    callbacks: CallbacksSection | None = Field(
        default=None, description="Where providers call, and nothing else; absent: not there"
    )
    store: Annotated[StoreSection, ReadStore] = Field(
        default=StoreSection(url=DEFAULT),
        description="Where messages are kept: sqlite:PATH; or, for several bridges,"
        " postgresql://..., or keys and values",
    )
    node: NodeSection | None = Field(
        default=None,
        description="This bridge among those that share a store on PostgreSQL; absent: by defaults",
    )
    retention: Duration = Field(
        default=604_800.0, description="How long finished messages are kept"
    )
    cdr: CdrSection = Field(
        default=CdrSection(), description="Files with a record of every message at its end"
    )
    receipts: ReceiptsSection = Field(
        default=ReceiptsSection(), description="Receipts that wait for their ESME"
    )
    backlog: Count = Field(
        default=5_000_000, description="Messages waiting in all; one more gets ESME_RMSGQFUL"
    )
    log: LogSection = Field(default=LogSection(), description="What is told to standard error")
    drain: Duration = Field(
        default=30.0, description="How long to finish what is under way at SIGTERM"
    )
    tlvs: NamedTlvs = Field(
        default={},
        description="TLVs by name, to be checked, required, echoed, and passed to providers",
    )
    accounts: tuple[AccountSection, ...] = Field(default=(), description="ESMEs that may bind")
    providers: dict[ProviderName, Annotated[ProviderSection, ReadProvider]] = Field(
        default={}, description="Who takes our messages, by name"
    )
    routes: tuple[Route, ...] = Field(
        default=(), description="Which messages go where: the longest prefix counts"
    )
    mo: MoRoutes = Field(
        default=(), description="Which account the messages from phones (MO) are delivered to"
    )
    lists: NumberLists = Field(
        default={},
        description="Distribution lists for submit_multi, by name (1 to 20 characters)",
    )
    ussd: UssdSection = Field(default=UssdSection(), description="Dialogues of phones with ESMEs")

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        if self.node is not None and not self.store.is_shared:
            raise wrong([("node", "is only for a store on PostgreSQL")])
        return self

    _document: Document = PrivateAttr(default_factory=lambda: Document(""))

    @classmethod
    def read(cls, values: Any, document: Document | None = None) -> Self:
        """Check *values* together; paths are relative to the document's folder.

        Raises pydantic's ValidationError.
        """
        document = document or Document("")
        context = _context(values, Path(document.file).parent)
        settings = cls.model_validate(values, context=context)
        settings._document = document
        return settings

    def fault(self, key: str, message: str, *, warning: bool = False) -> Fault:
        """Return a fault of *key* (as ``accounts[0].password``) with its file and line."""
        return self._document.fault(key, message, warning=warning)

    @property
    def document(self) -> Document:
        """The document that the settings were read from."""
        return self._document

    def warnings(self) -> Iterator[Fault]:
        """Yield warnings: settings that are allowed and probably a mistake."""
        for key, message in doubts_of(self):
            yield self.fault(key, message, warning=True)

    def records(self) -> dict[str, Record]:
        """Return the accounts' records, by system_id."""
        sources = [each.source for each in self.routes]
        sources += [each.source for each in self.providers.values()]
        longest = _LONGEST if any(each.takes_long for each in sources) else ANY_SENDER.longest
        named = checked_tlvs(self.tlvs, self.accounts, self.routes)
        accounts = [replace(each.account(longest), named_tlvs=named) for each in self.accounts]
        return {each.system_id: each for each in accounts}

    def built_providers(self) -> dict[str, Built]:
        """Return the providers, by name."""
        return {
            name: entry.build(self._callback_url(name, entry))
            for name, entry in self.providers.items()
        }

    def callback_urls(self) -> Iterator[tuple[str, str]]:
        """Yield each provider that calls, and the URL for it to call: its key by name only."""
        public = self.callbacks.public_url if self.callbacks else None
        base = public.rstrip("/") if public else "<callbacks.public_url>"
        for name, entry in self.providers.items():
            if self.callbacks and entry.lane.pushes and entry.callback_key:
                yield name, f"{base}/callbacks/{name}/<providers.{name}.callback_key>"
        if self.callbacks and self.ussd.key:
            yield "ussd", f"{base}/ussd/<ussd.key>"

    def _callback_url(self, name: str, entry: ProviderSection) -> str:
        public = self.callbacks.public_url if self.callbacks else None
        if not (public and entry.lane.pushes):
            return ""
        return f"{public.rstrip('/')}/callbacks/{name}/{entry.callback_key}"

    def table(self) -> Table:
        """Return the routing table."""
        given = {each.system_id: written(each.tlvs) for each in self.accounts if each.tlvs}
        return Table((rule for route in self.routes for rule in route.rules()), given)

    def number_lists(self) -> dict[str, NumberList]:
        """Return the distribution lists' records, by name."""
        return {name: each.record() for name, each in self.lists.items()}

    def mo_table(self) -> MoTable:
        """Return the routing table of MO messages."""
        return MoTable(rule for route in self.mo for rule in route.rules())


def _context(values: Any, folder: Path) -> Context:
    """Collect the names that parts of the file use of each other, even if the file has faults."""
    if not isinstance(values, Mapping):
        return Context(folder)
    accounts, providers = values.get("accounts"), values.get("providers")
    callbacks = values.get("callbacks")
    listed = accounts if isinstance(accounts, list | tuple) else ()
    smpp = values.get("smpp")
    return Context(
        folder,
        system_ids=tuple(
            str(each.get("system_id")) for each in listed if isinstance(each, Mapping)
        ),
        providers=tuple(providers) if isinstance(providers, Mapping) else (),
        endpoints=tuple(listened(values)),
        callbacks=callbacks is not None,
        tlvs=known_tlvs(values.get("tlvs")),
        public_url=isinstance(callbacks, Mapping) and bool(callbacks.get("public_url")),
        tls=any(is_tls(each) for each in listened_by("smpp", SmppSection, values)),
        client_ca=isinstance(smpp, Mapping) and bool(smpp.get("client_ca")),
    )

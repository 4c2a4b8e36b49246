"""The configuration as a whole: every key, its default and its description.

The descriptions become the comments of the example file and the tables of settings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, StringConstraints

from smppbridge.model.account import Account as Record
from smppbridge.providers.exchange import Provider as Built
from smppbridge.routing.mo import MoTable
from smppbridge.routing.rules import Rule
from smppbridge.routing.senders import ANY_SENDER
from smppbridge.routing.table import Table
from smppbridge.settings import provider
from smppbridge.settings.account import AccountSection
from smppbridge.settings.document import Document, Fault
from smppbridge.settings.doubts import doubts_of
from smppbridge.settings.mo import MoRoutes
from smppbridge.settings.provider import ProviderSection
from smppbridge.settings.section import Section
from smppbridge.settings.source import Source
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
    Context,
    Count,
    Duration,
    Endpoints,
    KnownAccount,
    KnownProvider,
    Off,
    OneOrList,
    Patterns,
    PublicUrl,
    Store,
    SystemId,
    Text,
    Transliterate,
)

_LONGEST = 20  # characters of a source address: SMPP 3.4, 4.4.1


class SmppSection(Section):
    """The listener and the timers for ESMEs."""

    system_id: SystemId = Field(default="SMPPBRIDGE", description="Our name in bind responses")
    listen: Endpoints = Field(
        default=("tcp:2775",),
        description="Twisted endpoint strings, one or a list: tcp: tcp6: ssl: systemd: unix:",
    )
    enquire_link: Annotated[Duration | None, Off] = Field(
        default=50.0,
        description="Silence before enquire_link is sent; two unanswered end the session",
    )
    session_init: Duration = Field(
        default=30.0, description="How long a connection may take to bind"
    )
    inactivity: Annotated[Duration | None, Off] = Field(
        default=None,
        description="How long a session may do nothing but enquire_link; absent: for ever",
    )
    response: Duration = Field(default=60.0, description="How long a response may take")
    max_connections: Count = Field(default=2000, description="Connections at once")
    max_unbound: Count = Field(
        default=200,
        description="Connections that have not bound, in all; one more cuts off another",
    )
    max_unbound_per_address: Count = Field(
        default=20, description="The same, from one address, or from 64 bits of IPv6"
    )


class WebSection(Section):
    """Health, metrics and console; never public."""

    listen: Endpoints = Field(
        default=("tcp:8775:interface=127.0.0.1",), description="Endpoint strings, one or a list"
    )


class CallbacksSection(Section):
    """The listener for providers' callbacks, and for nothing else."""

    listen: Endpoints = Field(default=("tcp:8776",), description="Endpoint strings, one or a list")
    public_url: Annotated[PublicUrl | None, Off] = Field(
        default=None,
        description="What providers call, as seen from outside: https://sms.example.org",
    )
    keep_unmatched: Duration = Field(
        default=3_600.0, description="How long a report waits for the message it is about"
    )
    max_unmatched: Count = Field(default=100_000, description="How many such reports wait, at most")
    max_connections: Count = Field(
        default=500, description="Connections at once; one more cuts off an idle one"
    )
    max_idle_per_address: Count = Field(
        default=100,
        description="Connections from one address on which no request is being answered",
    )


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


def _prefix(value: str) -> str:
    if value and not (value.isascii() and value.isdecimal() and len(value) <= 15):
        raise ValueError("must be the first digits of numbers, as 243, or empty for any")
    return value


class Route(Section):
    """The providers of messages: the longest prefix counts, then the route that names accounts."""

    to: Annotated[
        tuple[Annotated[Text, AfterValidator(_prefix)], ...], Field(min_length=1), OneOrList
    ] = Field(
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
            )


ProviderName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
ReadProvider = BeforeValidator(provider.read)


class Settings(Section):
    """The whole configuration."""

    smpp: SmppSection = Field(default=SmppSection(), description="Where ESMEs connect")
    web: WebSection | None = Field(
        default=None,
        description="/healthz, /readyz and /metrics: never public; absent: not there",
    )
    callbacks: CallbacksSection | None = Field(
        default=None, description="Where providers call, and nothing else; absent: not there"
    )
    store: Store = Field(
        default="sqlite:/var/lib/smppbridge/bridge.db",
        description="Where messages are kept: sqlite:PATH",
    )
    retention: Duration = Field(
        default=604_800.0, description="How long finished messages are kept"
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
    ussd: UssdSection = Field(default=UssdSection(), description="Dialogues of phones with ESMEs")

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
    return Context(
        folder,
        system_ids=tuple(
            str(each.get("system_id")) for each in listed if isinstance(each, Mapping)
        ),
        providers=tuple(providers) if isinstance(providers, Mapping) else (),
        endpoints=tuple(_endpoints(values)),
        callbacks=callbacks is not None,
        tlvs=known_tlvs(values.get("tlvs")),
        public_url=isinstance(callbacks, Mapping) and bool(callbacks.get("public_url")),
    )


def _endpoints(values: Mapping[str, Any]) -> Iterator[str]:
    for name, section in (
        ("smpp", SmppSection),
        ("web", WebSection),
        ("callbacks", CallbacksSection),
    ):
        given = values.get(name, {} if name == "smpp" else None)
        if isinstance(given, Mapping):
            listen = given.get("listen", section.model_fields["listen"].default)
            listen = listen if isinstance(listen, list | tuple) else [listen]
            yield from (each for each in listen if isinstance(each, str))

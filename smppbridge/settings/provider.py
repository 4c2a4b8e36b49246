"""A provider in the configuration: keys that every lane has, and those of its own class."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import Field as DataclassField
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Annotated, Any, Literal, Self, get_args, get_type_hints

from pydantic import Field, PrivateAttr, ValidationInfo, create_model, model_validator

from smppbridge.model.identifiers import Tolerance
from smppbridge.model.tlvs import NamedTlv
from smppbridge.providers.exchange import Abilities
from smppbridge.providers.exchange import Provider as Built
from smppbridge.providers.registry import TYPES, UnknownType, known_types, provider_type
from smppbridge.settings.described import built, fields_of, key_of, name_of
from smppbridge.settings.section import Section, wrong
from smppbridge.settings.source import Source
from smppbridge.settings.values import (
    Certificates,
    Context,
    Count,
    CreditLimit,
    Duration,
    Off,
    PollRate,
    ProxyUrl,
    Rate,
    SecretText,
    Text,
    Transliterate,
    context_of,
    suggestion,
)

WhenUncertain = Literal["hold", "retry", "fail"]
ReportsBy = Literal["push", "poll", "both", "none"]
WithoutReports = Literal["unknown", "acceptd", "delivrd"]
NumberForm = Literal["digits", "plus", "local"]
OptoutPolicy = Literal["ignore", "refuse"]
CALLBACK_URL, NAMED_TLVS = "callback_url", "named_tlvs"  # fields that follow from other settings
_KEY = re.compile(r"[A-Za-z0-9._~-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneSettings:
    """The settings of one lane, with every default settled; rates a second, times seconds."""

    concurrency: int
    rate: float | None
    when_uncertain: WhenUncertain
    uncertain_deadline: float
    reports: ReportsBy
    poll_rate: float
    first_poll: float
    longest_poll: float
    report_deadline: float
    report_grace: float | None
    callback_key: str | None = field(repr=False)
    ca_file: str | None
    proxy: str | None = field(repr=False)
    connect_timeout: float
    timeout: float
    idle_connection: float | None
    attempts: int | None
    balance_every: float | None
    low_balance: float | None
    pull_every: float
    without_reports: WithoutReports
    after: float
    failover_after: float
    breaker: int | None
    breaker_pause: float
    number_form: NumberForm
    transliterate: Transliterate | None
    optouts: OptoutPolicy
    ids: Tolerance

    @property
    def pushes(self) -> bool:
        """Whether the provider calls us."""
        return self.reports in ("push", "both")

    @property
    def polls(self) -> bool:
        """Whether we query the provider."""
        return self.reports in ("poll", "both")


class ProviderSection(Section):
    """One provider; subclasses made by `section_for` add the keys of its type."""

    type: Text = Field(
        description=f"Which provider it is: {', '.join(sorted(TYPES))}, or one that is installed"
    )
    concurrency: Count = Field(default=64, description="Requests that may be under way at once")
    rate: Annotated[Rate | None, Off] = Field(
        default=None, description="Segments a second, at most; absent: no limit"
    )
    when_uncertain: WhenUncertain | None = Field(
        default=None,
        description="What becomes of a message whose request went unanswered: hold (wait for a"
        " report, then UNKNOWN), retry (only where the provider knows a repeated request) or fail;"
        " absent: retry where that is safe, else hold",
    )
    uncertain_deadline: Duration = Field(
        default=600.0, description="How long to hold before UNKNOWN"
    )
    reports: ReportsBy | None = Field(
        default=None,
        description="How delivery reports come: push (it calls us), poll (we ask), both or none;"
        " absent: push where there is a callback_key, else poll where it can be asked",
    )
    poll_rate: PollRate = Field(default=10.0, description="Questions a second, at most 500")
    first_poll: Duration = Field(
        default=10.0, description="When to ask first; the pauses then double"
    )
    longest_poll: Duration = Field(
        default=600.0, description="The longest pause between two questions"
    )
    report_deadline: Duration = Field(
        default=259_200.0,
        description="How long to wait for a report before UNKNOWN; where it can be asked, not"
        " before a last question is answered, and not in the first 5m after a start",
    )
    report_grace: Annotated[Duration | None, Off] = Field(
        default=10.0,
        description="How long after the end of its validity_period a message without a report ends"
        " EXPIRED; off: report_deadline alone counts",
    )
    callback_key: Annotated[SecretText | None, Off] = Field(
        default=None,
        repr=False,
        description="Secret part of the URL that it calls, /callbacks/<name>/<key>: at least 16"
        " letters and digits",
    )
    ca_file: Annotated[Certificates | None, Off] = Field(
        default=None, description="Certificates to trust instead of certifi's, a PEM file"
    )
    proxy: Annotated[ProxyUrl | None, Off] = Field(
        default=None,
        repr=False,
        description="Proxy to go through: http://, https://, socks5://, socks5h://",
    )
    connect_timeout: Duration = Field(default=10.0, description="How long connecting may take")
    timeout: Duration = Field(default=30.0, description="How long a request may take in all")
    idle_connection: Duration | None = Field(
        default=None,
        description="How long an idle connection may be used again, up to 30s (below 2s: not at"
        " all, for a server that closes without notice); absent: a second less than its Keep-Alive"
        " header says, 4s without one",
    )
    attempts: Annotated[Count | None, Off] = Field(
        default=None,
        description="Tries in all, with those at providers before it on the route; absent: until"
        " the message's validity ends",
    )
    balance_every: Annotated[Duration | None, Off] = Field(
        default=300.0, description="How often to ask for the credit left, where that can be asked"
    )
    low_balance: Annotated[CreditLimit | None, Off] = Field(
        default=None,
        description="Credit at which messages begin to take the next provider of their route, and"
        " an alarm is raised",
    )
    pull_every: Duration = Field(
        default=60.0, description="How often to ask for what is new, where that can be asked"
    )
    without_reports: WithoutReports = Field(
        default="unknown",
        description="What an ESME is told of a message that no report can come for: unknown,"
        " acceptd or delivrd",
    )
    after: Duration = Field(
        default=60.0, description="How long after the provider took the message it is told so"
    )
    failover_after: Duration = Field(
        default=60.0,
        description="How long a message may be put off here before the next provider of its route"
        " gets it",
    )
    breaker: Annotated[Count | None, Off] = Field(
        default=10,
        description="Failures in a row after which messages take the next provider of their route,"
        " and this one is only probed",
    )
    breaker_pause: Duration = Field(
        default=5.0, description="Pause before the first probe; it doubles, up to 5m"
    )
    number_form: NumberForm = Field(
        default="digits",
        description="How numbers are written for it: digits (254722000001), plus (+254722000001) or"
        " local (0722000001)",
    )
    transliterate: Annotated[Transliterate | None, Off] = Field(
        default=None,
        description="gsm: what it gets is written in GSM 03.38 where every character of a text can"
        " be (quotes, dashes, accents; Greek, Cyrillic), as on a route; absent: as it came",
    )
    ids: Tolerance | None = Field(
        default=None,
        description="How ids in its reports may differ from those it gave: exact (not at all), case"
        " (letter case) or zeros (leading zeros, and letter case); absent: as its type is known to"
        " do",
    )
    source: Source = Field(default=Source(), description="Which source addresses it takes")
    optouts: OptoutPolicy = Field(
        default="ignore",
        description="What becomes of messages to numbers that opted out there: ignore (it is for"
        " the provider to know) or refuse (ESME_RINVDSTADR)",
    )

    _built: Built | None = PrivateAttr(default=None)
    _named_tlvs: tuple[NamedTlv, ...] = PrivateAttr(default=())

    @property
    def abilities(self) -> Abilities:
        """The abilities of the provider, as it is configured."""
        if self._built is None:
            self._built = self.build()
        return self._built.abilities

    @property
    def lane(self) -> LaneSettings:
        """The settings of the provider's lane."""
        settled: dict[str, Any] = {
            "when_uncertain": self._when_uncertain(),
            "reports": self._reports(),
            "ids": self.ids if self.ids in get_args(Tolerance) else self.abilities.ids,
        }
        names = [each.name for each in fields(LaneSettings)]
        return LaneSettings(**{name: settled.get(name, getattr(self, name)) for name in names})

    @classmethod
    def secret_keys(cls) -> tuple[str, ...]:
        """Return the keys whose values must not be shown."""
        return tuple(key for key, each in cls.model_fields.items() if not each.repr)

    def secret_places(self) -> Iterator[str]:
        """Yield the keys of the secrets; a mapping of secrets gives one key for each entry."""
        for key in self.secret_keys():
            value = getattr(self, key)
            yield from (f"{key}.{name}" for name in value) if isinstance(value, Mapping) else [key]

    def build(self, callback_url: str = "") -> Built:
        """Make the provider; raises the errors of its class.

        *callback_url* goes to a provider whose class has a field of that name.
        """
        made = provider_type(self.type)
        own = {each.name: built(getattr(self, name_of(each))) for each in _own_fields(made)}
        names = {each.name for each in fields_of(made)}
        derived = ((CALLBACK_URL, callback_url), (NAMED_TLVS, self._named_tlvs))
        own |= {name: value for name, value in derived if value and name in names}
        return made(**own)

    def _when_uncertain(self) -> WhenUncertain:
        return self.when_uncertain or ("retry" if self.abilities.idempotent else "hold")

    def _reports(self) -> ReportsBy:
        if self.reports:
            return self.reports
        if self.abilities.callbacks and (self.callback_key or not self.abilities.polling):
            return "push"
        return "poll" if self.abilities.polling else "none"

    def _secrets(self) -> list[str]:
        values = [value for key in self.secret_keys() if (value := getattr(self, key))]
        named = [value.values() if isinstance(value, Mapping) else [value] for value in values]
        return [value for some in named for value in some]

    @model_validator(mode="after")
    def _suits_its_type(self, info: ValidationInfo) -> Self:
        self._named_tlvs = context_of(info).tlvs
        faults = list(self._build_faults()) or list(self._lane_faults(context_of(info)))
        if faults:
            raise wrong(faults)
        return self

    def _lane_faults(self, context: Context) -> Iterator[tuple[str, str]]:
        abilities, lane = self.abilities, self.lane
        if lane.when_uncertain == "retry" and not abilities.idempotent:
            yield "when_uncertain", "retry could send twice: this provider has no idempotency keys"
        if lane.pushes and not abilities.callbacks:
            yield "reports", "this provider does not call back"
        elif abilities.bound:
            yield from self._needless_faults()
        elif lane.pushes and not context.callbacks:
            yield "reports", "this provider calls back, and there is no section callbacks"
        elif lane.pushes and not self.callback_key:
            yield "callback_key", "is required where reports are pushed (or say reports: none)"
        elif lane.pushes and abilities.needs_callback_url and not context.public_url:
            yield "reports", "it must be told where to call: callbacks.public_url is missing"
        if lane.polls and not abilities.polling:
            yield "reports", "this provider cannot be asked"
        if self.callback_key and not _KEY.fullmatch(self.callback_key):
            yield "callback_key", "must be letters, digits, . _ ~ or -, to stand in a URL as it is"
        if self.first_poll > self.longest_poll:
            yield "first_poll", "is longer than longest_poll"

    def _needless_faults(self) -> Iterator[tuple[str, str]]:
        for key in ("callback_key", "proxy", "idle_connection"):
            if getattr(self, key):
                yield key, "is for providers that are reached over HTTP"

    def _build_faults(self) -> Iterator[tuple[str, str]]:
        try:
            self.build()
        except (ValueError, TypeError) as error:
            for key, message in getattr(error, "faults", [("", str(error))]):
                if any(value in message for value in self._secrets()):
                    message = "its type refuses these settings"
                first = message.partition(" ")[0]
                yield key or (first if first in type(self).model_fields else ""), message


@cache
def section_for(name: str) -> type[ProviderSection]:
    """Return the section of a type of provider: lane keys and its own; raises UnknownType."""
    made = provider_type(name)
    hints = get_type_hints(made, include_extras=True)
    own: dict[str, Any] = {
        name_of(each): key_of(hints[each.name], each)
        for each in _own_fields(made)
        if each.name not in ProviderSection.model_fields or each.metadata.get("own")
    }
    return create_model(f"{made.__name__}Section", __base__=ProviderSection, **own)


def read(value: Any, info: ValidationInfo) -> Any:
    """Read a provider by the section of its type."""
    if not isinstance(value, Mapping):
        return value
    name = value.get("type")
    if not isinstance(name, str):
        raise wrong([("type", f"is required: one of {', '.join(known_types())}")])
    if name not in known_types():
        message = f"no such provider; there are {', '.join(known_types())}"
        raise wrong([("type", message + suggestion(name, known_types()))])
    try:
        section = section_for(name)
    except UnknownType as error:
        raise wrong([("type", str(error))]) from None
    return section.model_validate(value, context=info.context)


def _own_fields(made: type[Built]) -> tuple[DataclassField[Any], ...]:
    return tuple(each for each in fields_of(made) if each.name not in (CALLBACK_URL, NAMED_TLVS))

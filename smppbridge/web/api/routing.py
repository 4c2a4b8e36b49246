"""routing: the rules of messages, and why a message goes by one of them and to which provider."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from smppbridge.model.address import BadAddress, as_written
from smppbridge.model.masking import mask
from smppbridge.model.message import Message
from smppbridge.model.reasons import Reason, sentence
from smppbridge.relay.accept.fields import Refusal
from smppbridge.relay.accept.intake import Rights
from smppbridge.relay.lanes.addressing import NotAddressable
from smppbridge.relay.lanes.lane import Lane
from smppbridge.relay.lanes.skipped import why_shut
from smppbridge.routing.explain import Explanation, Miss, MissedRule, NumberedRule, explained
from smppbridge.web.api.providers import LaneState, state_of
from smppbridge.web.api.shapes import Name
from smppbridge.web.keyring import VIEWER
from smppbridge.web.operations import API, Answer, ApiRequest, Sent
from smppbridge.web.problems import RequestRefused

MOST_MISSED = 100
"""Rules, the nearest first, of which it is said why they do not have a message."""
_SAYS = {
    Miss.PREFIX: "It is for other numbers.",
    Miss.ACCOUNT: "It is for other accounts.",
    Miss.SENDER: "It is for other source addresses.",
    Miss.SHORTER: "Its beginning of the number is shorter.",
    Miss.LESS_EXACT: "The other rule names an account or a source address, and it does not.",
    Miss.LATER: "It is written after a rule that is its equal.",
}


class RouteItem(Answer):
    """A route of the configuration; an empty list means any."""

    rule: int = Field(description="Its place in `routes`, from 0")
    to: list[str] = Field(description="The first digits of numbers")
    accounts: list[str]
    senders: list[str]
    via: list[str] = Field(description="Providers, in order")
    transliterates: bool
    quiet: str | None = Field(description="Its quiet hours, as 22:00 07:00 destination UTC")
    changes_senders: bool


class RoutesList(Answer):
    """The routes of the configuration in force, in their order."""

    items: list[RouteItem]


class MoRuleItem(Answer):
    """A rule for MO messages."""

    to: str = Field(description="A number, or with * at its end the beginning of numbers")
    keyword: str | None
    provider: str | None
    account: str


class MoRulesList(Answer):
    """The rules for MO messages of the configuration in force, in their order."""

    items: list[MoRuleItem]


class RouteQuery(Sent):
    """A message whose route is asked for."""

    account: Name
    source: str = Field(min_length=1, max_length=20)
    destination: str = Field(min_length=1, max_length=20)


class RuleHit(Answer):
    """The rule that has a message."""

    rule: int = Field(description="Its place in `routes`, from 0")
    to: str = Field(description="The first digits of numbers; empty: any")
    via: list[str]


class RuleMissed(Answer):
    """A rule that does not have a message."""

    rule: int
    to: str
    via: list[str]
    why: Literal[
        "other_prefix",
        "other_account",
        "other_sender",
        "shorter_prefix",
        "less_exact",
        "written_later",
    ]
    says: str


class ProviderNow(Answer):
    """A provider of a route, and what is against it now."""

    name: str
    state: LaneState
    takes: bool = Field(description="Whether a message would go to it if no other came first")
    why: str | None = Field(description="A word of the list of reasons")
    says: str | None


class ExplainedRoute(Answer):
    """The route of a message, its providers in order, and why it has no other rule."""

    destination: str = Field(description="E.164 digits; their middle is hidden")
    hit: RuleHit | None
    providers: list[ProviderNow]
    first: str | None = Field(description="The provider that a message would go to now")
    missed: list[RuleMissed]
    more: int = Field(description="Rules that are further away, and not listed")


@API.operation("GET", "/routes", VIEWER, returns=RoutesList)
async def list_routes(call: ApiRequest) -> RoutesList:
    """The routes of the configuration in force."""
    by_route: dict[int, list[NumberedRule]] = {}
    for each in call.ports.relay.rules():
        by_route.setdefault(each.index, []).append(each)
    return RoutesList(items=[_route(rules) for rules in by_route.values()])


@API.operation("GET", "/mo/rules", VIEWER, returns=MoRulesList)
async def list_mo_rules(call: ApiRequest) -> MoRulesList:
    """The rules for MO messages of the configuration in force."""
    return MoRulesList(
        items=[
            MoRuleItem(
                to=rule.to,
                keyword=rule.keyword or None,
                provider=rule.provider or None,
                account=rule.account,
            )
            for rule in call.ports.relay.mo_rules()
        ]
    )


@API.operation(
    "POST",
    "/routes/explain",
    VIEWER,
    body=RouteQuery,
    returns=ExplainedRoute,
    refusals=(404,),
    audited=False,  # it changes nothing
)
async def explain_route(call: ApiRequest) -> ExplainedRoute:
    """The rule that a message would go by, its providers, and why no other rule."""
    body: RouteQuery = call.body
    rights = rights_of(call, body.account)
    try:
        number = rights.reader.number(as_written(body.destination))
    except BadAddress as error:
        raise RequestRefused(422, str(error), reason=Reason.BAD_NUMBER) from None
    except Refusal as refusal:
        raise RequestRefused(422, sentence(refusal.reason), reason=refusal.reason) from None
    rules = call.ports.relay.rules()
    found = explained(rules, body.account, as_written_source(body.source), number)
    providers = [] if found.hit is None else [now(call, name) for name in found.hit.rule.via]
    return ExplainedRoute(
        destination=mask(number),
        hit=hit_of(found),
        providers=providers,
        first=first_of(providers),
        missed=[_missed(each) for each in found.missed[:MOST_MISSED]],
        more=max(0, len(found.missed) - MOST_MISSED),
    )


def rights_of(call: ApiRequest, account: str) -> Rights:
    """Return an account with its limits; raises RequestRefused without such an account."""
    rights: Rights | None = call.ports.relay.rights(account)
    if rights is None:
        raise RequestRefused(404, "there is no such account")
    return rights


def as_written_source(source: str) -> str:
    """Return a source address as routes are chosen by it."""
    try:
        return as_written(source).addr
    except BadAddress:
        return source


def hit_of(found: Explanation) -> RuleHit | None:
    """Return the rule that has a message, as the API shows it."""
    if found.hit is None:
        return None
    index, rule = found.hit
    return RuleHit(rule=index, to=rule.to, via=list(rule.via))


def first_of(providers: list[ProviderNow]) -> str | None:
    """Return the provider that a message begins at: the first that takes it, else the first."""
    return next((each.name for each in providers if each.takes), None) or next(
        (each.name for each in providers), None
    )


def now(call: ApiRequest, name: str, message: Message | None = None) -> ProviderNow:
    """Return a provider of a route, and what is against it now, also for a *message*."""
    lane: Lane = call.ports.lanes.by_name[name]
    at = call.ports.clock.monotonic()
    why: str | None = None
    says: str | None = None
    if lane.is_shut(at):
        why = why_shut(lane).value
        says = sentence(why, {"provider": name})
    elif lane.refusing:
        says = f"It refuses every message: {lane.refusing}"
    if message is not None:
        try:
            lane.addressed(message)
        except NotAddressable as error:
            why, says = Reason.SENDER_NOT_ON_ROUTE.value, str(error)
    return ProviderNow(
        name=name,
        state=state_of(call.ports, lane, at),
        takes=why is None,
        why=why,
        says=says,
    )


def _route(rules: list[NumberedRule]) -> RouteItem:
    index, first = rules[0]
    return RouteItem(
        rule=index,
        to=[rule.to for _, rule in rules if rule.to],
        accounts=sorted(first.accounts),
        senders=list(first.senders),
        via=list(first.via),
        transliterates=first.transliterates,
        quiet=None if first.quiet is None else str(first.quiet),
        changes_senders=first.sender.allowed is not None or bool(first.sender.numeric),
    )


def _missed(missed: MissedRule) -> RuleMissed:
    (index, rule), why = missed
    return RuleMissed(
        rule=index,
        to=rule.to,
        via=list(rule.via),
        why=why.value,
        says=_SAYS[why],
    )

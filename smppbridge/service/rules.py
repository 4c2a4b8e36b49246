"""rules: the settings, turned into the rules of each part of the bridge."""

from __future__ import annotations

import math
from collections.abc import Mapping

from smppbridge.net.http_client import Connection
from smppbridge.net.room import Limits
from smppbridge.net.upstream.sessions import Terms
from smppbridge.providers.exchange import Provider as Built
from smppbridge.providers.smpp.provider import Smpp
from smppbridge.relay.lanes.addressing import Addressing
from smppbridge.relay.lanes.breaker import BreakerRules
from smppbridge.relay.lanes.lane import LaneRules
from smppbridge.relay.lanes.retry import Policy
from smppbridge.relay.report.early import EarlyRules
from smppbridge.relay.submit.overdue import PollRules
from smppbridge.relay.submit.rounds import RoundRules
from smppbridge.relay.ussd.pdus import UssdRules
from smppbridge.service.listeners import Balancers
from smppbridge.settings.provider import ProviderSection
from smppbridge.settings.schema import Settings
from smppbridge.smpp.constants import MessageState
from smppbridge.smpp.session import Timers
from smppbridge.web.callbacks import Caller

WEB_CONNECTIONS, NODE_CONNECTIONS = 200, 4_000
_END_STATES = {
    "unknown": MessageState.UNKNOWN,
    "acceptd": MessageState.ACCEPTED,
    "delivrd": MessageState.DELIVERED,
}


def lane_rules_of(provider: ProviderSection) -> LaneRules:
    """Return the limits of a provider's lane."""
    lane = provider.lane
    policy = Policy(
        when_uncertain=lane.when_uncertain,
        uncertain_deadline=lane.uncertain_deadline,
        idempotent=provider.abilities.idempotent,
        first_look=poll_rules_of(provider).first_look(),
        report_grace=lane.report_grace if lane.reports != "none" else None,
        attempts=lane.attempts,
        failover_after=lane.failover_after,
    )
    senders = provider.source.policy()
    return LaneRules(
        concurrency=_concurrency(provider),
        rate=lane.rate,
        policy=policy,
        breaker=BreakerRules(failures=lane.breaker, pause=lane.breaker_pause),
        addressing=Addressing(
            number_form=lane.number_form,
            senders=senders,
            transliterates=lane.transliterate is not None,
        ),
        failover_after=lane.failover_after,
    )


def _concurrency(provider: ProviderSection) -> int:
    """Return how many requests may be out: for an upstream as many as its windows hold.

    A submit_sm that waited for a window could not be held back any more when the SMSC throttles.
    """
    built, most = provider.build(), provider.lane.concurrency
    return min(most, built.binds * built.window) if isinstance(built, Smpp) else most


def poll_rules_of(provider: ProviderSection) -> PollRules:
    """Return how a provider is asked."""
    lane = provider.lane
    reported = lane.reports != "none"
    return PollRules(
        polls=lane.polls,
        rate=lane.poll_rate,
        first=lane.first_poll,
        longest=lane.longest_poll,
        report_deadline=lane.report_deadline if reported else lane.after,
        report_grace=lane.report_grace,
        end_state=MessageState.UNKNOWN if reported else _END_STATES[lane.without_reports],
        reported=reported,
        ids=lane.ids,
    )


def round_rules_of(provider: ProviderSection) -> RoundRules:
    """Return the intervals at which a provider is asked for its credit and its reports."""
    lane = provider.lane
    return RoundRules(
        balance_every=lane.balance_every,
        low_balance=lane.low_balance,
        pull_every=lane.pull_every,
    )


def connection_of(provider: ProviderSection) -> Connection:
    """Return how a provider is reached."""
    lane = provider.lane
    return Connection(
        ca_file=lane.ca_file,
        proxy=lane.proxy,
        connect_timeout=lane.connect_timeout,
        timeout=lane.timeout,
        max_response=provider.abilities.longest_answer,
        idle=lane.idle_connection,
    )


def terms_of(settings: Settings, built: Mapping[str, Built]) -> dict[str, Terms]:
    """Return how the providers that are kept bound are reached."""
    lanes = {name: provider.lane for name, provider in settings.providers.items()}
    return {
        name: Terms(one, lanes[name].ca_file, lanes[name].connect_timeout, lanes[name].timeout)
        for name, one in built.items()
        if isinstance(one, Smpp)
    }


def caller_of(name: str, provider: ProviderSection) -> Caller | None:
    """Return the rules for a provider's callbacks; None if it may not call."""
    key, abilities = provider.lane.callback_key, provider.abilities
    if not key:
        return None
    return Caller(
        provider=name,
        key=key.encode(),
        answer=abilities.callback_answer,
        most=abilities.longest_callback,
    )


def early_rules_of(settings: Settings) -> EarlyRules:
    """Return how long reports without a message are kept."""
    callbacks = settings.callbacks
    if callbacks is None:
        return EarlyRules()
    return EarlyRules(callbacks.keep_unmatched, callbacks.max_unmatched)


def ussd_rules_of(settings: Settings) -> UssdRules:
    """Return how dialogues go."""
    ussd = settings.ussd
    return UssdRules(
        codes=ussd.codes,
        deadline=ussd.deadline,
        lifetime=ussd.lifetime,
        most=ussd.max_dialogues,
        cumulative=ussd.input == "cumulative",
        by_reference=ussd.session == "user_message_reference",
        longest=ussd.max_characters,
        abort_op=ussd.abort_op,
        timeout=ussd.timeout_text,
        unavailable=ussd.unavailable_text,
    )


def timers_of(settings: Settings) -> Timers:
    """Return the timers of ESMEs' sessions."""
    smpp = settings.smpp
    return Timers(
        session_init=smpp.session_init,
        enquire_link=smpp.enquire_link or math.inf,
        inactivity=smpp.inactivity,
        response=smpp.response,
    )


def passing_of(settings: Settings, listener: str) -> Balancers | None:
    """Return the balancers that pass clients on to a listener, None without any."""
    if listener != "smpp" or not settings.smpp.proxies:
        return None
    return Balancers(settings.smpp.proxies, settings.smpp.max_connections)


def limits_of(settings: Settings) -> dict[str, Limits]:
    """Return how many connections each listener has: smpp, web, callbacks and node."""
    smpp, callbacks = settings.smpp, settings.callbacks
    limits = {
        "smpp": Limits(smpp.max_connections, smpp.max_unbound, smpp.max_unbound_per_address),
        "web": Limits(WEB_CONNECTIONS, WEB_CONNECTIONS, WEB_CONNECTIONS),  # one proxy has them all
    }
    if callbacks is not None:
        most = callbacks.max_connections
        limits["callbacks"] = Limits(most, most, callbacks.max_idle_per_address)
    if settings.node is not None and settings.node.listen:
        limits["node"] = Limits(NODE_CONNECTIONS, NODE_CONNECTIONS, NODE_CONNECTIONS)
    return limits

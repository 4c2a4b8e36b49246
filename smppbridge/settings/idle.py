"""Keys that are set without effect: allowed, and probably a mistake."""

from __future__ import annotations

from collections.abc import Iterator

from smppbridge.settings.provider import ProviderSection

_UNREPORTED = "nobody asks it for reports"
_TOLD = "its reports tell what becomes of messages"


def idle_keys(section: ProviderSection, *, callbacks: bool) -> Iterator[tuple[str, str]]:
    """Yield the idle keys of a provider with the reason; *callbacks*: providers can call us."""
    abilities, lane = section.abilities, section.lane
    called = callbacks and lane.callback_key is not None
    for key, does, why in (
        ("callback_key", callbacks, "there is no section callbacks"),
        ("low_balance", abilities.balance, "this provider cannot be asked for its credit"),
        ("low_balance", lane.balance_every is not None, "balance_every is off"),
        ("balance_every", abilities.balance, "this provider cannot be asked for its credit"),
        ("pull_every", abilities.pulling, "nothing is pulled from it"),
        ("poll_rate", lane.polls, _UNREPORTED),
        ("first_poll", lane.polls, _UNREPORTED),
        ("longest_poll", lane.polls, _UNREPORTED),
        ("without_reports", lane.reports == "none", _TOLD),
        ("after", lane.reports == "none", _TOLD),
        ("optouts", lane.optouts == "ignore" or (abilities.optouts and called), "it tells of none"),
        ("batch", _batches(section), "each message goes alone where reports are not pushed"),
    ):
        if key in section.model_fields_set and getattr(section, key) is not None and not does:
            yield key, f"does nothing: {why}"


def brings_phones(section: ProviderSection, *, callbacks: bool) -> bool:
    """Return whether messages from phones can come from a provider."""
    abilities = section.abilities
    called = callbacks and section.callback_key is not None
    return abilities.phones and (abilities.bound or abilities.pulling or called)


def _batches(section: ProviderSection) -> bool:
    wanted = section.build("https://bridge.invalid/").abilities.batch
    return section.lane.pushes or section.abilities.batch == wanted

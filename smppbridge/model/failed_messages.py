"""The provider's part in a message that failed, and the questions to be asked there; pure."""

from __future__ import annotations

from smppbridge.model.verdict_facts import VerdictFacts
from smppbridge.smpp.constants import MessageState

_OFTEN = "a number out of service, a phone that is off or full, a sender that the operator blocks"


def told_there(case: VerdictFacts) -> str:
    """Return the provider's words about a message that failed as a sentence, empty without any."""
    if case.provider_message_id is None:
        asked = case.state == MessageState.UNKNOWN and case.provider
        return "They were asked for it, and gave no clear answer." if asked else ""
    if case.state == MessageState.UNDELIVERABLE:
        return "They took it, and report that the phone did not get it."
    if case.state == MessageState.UNKNOWN:
        return "They took it, and no report of its end came in time."
    return ""


def asked_there(case: VerdictFacts) -> tuple[str, ...]:
    """Return the advice about a message that failed at its provider."""
    provider, name = case.provider, case.provider_message_id
    if case.state == MessageState.UNDELIVERABLE and name is not None:
        return (f"Ask {provider} what became of {name}: {_OFTEN}.",)
    if case.state == MessageState.UNKNOWN and name is not None:
        return (
            f"See whether the callbacks of {provider} come in: `smppbridge doctor {provider}`.",
            f"Ask {provider} what became of {name}.",
        )
    if case.state == MessageState.UNKNOWN and provider:
        return (f"Ask {provider} whether they have it: they gave no id of it.",)
    return ()

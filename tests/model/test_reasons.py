from __future__ import annotations

import string

import pytest

from smppbridge.model import channel
from smppbridge.model.reasons import MEANINGS, Act, Reason, remedy, sentence
from smppbridge.net import binds


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_a_sentence_with_a_remedy(reason: Reason) -> None:
    meaning = MEANINGS[reason]
    for text in (meaning.says, meaning.remedy):
        assert text[0].isupper() or text[0] == "{" or text.startswith(("schedule_", "validity_"))
        assert text.endswith(".")
        assert {name for _, name, _, _ in string.Formatter().parse(text) if name} <= {"provider"}


def test_every_bind_that_is_refused_has_a_word_of_the_list() -> None:
    words = {
        binds.UNKNOWN, binds.PASSWORD, binds.ALLOW_FROM, binds.BINDS, binds.RELOADED,
        binds.STOPPING, binds.NOT_FORGIVEN, binds.PLACES_UNKNOWN,
        channel.TLS_REQUIRED, channel.NO_CERTIFICATE, channel.OTHER_CERTIFICATE,
    }  # fmt: skip
    assert words <= set(Reason)
    of_binds = {reason.value for reason, meaning in MEANINGS.items() if meaning.act is Act.BIND}
    assert of_binds == words - {binds.STOPPING}


def test_facts_are_in_the_sentence_and_missing_ones_do_no_harm() -> None:
    assert sentence("credit_low", {"provider": "d7"}) == "The credit at d7 is low."
    assert sentence(Reason.BREAKER_OPEN, {"provider": "d7"}).startswith("d7 does not answer")
    assert sentence("credit_low") == "The credit at the provider is low."
    assert remedy("credit_low", {"provider": "d7", "more": 1}) == "Top up the account at d7."


def test_a_word_of_a_newer_bridge_is_shown_as_it_is() -> None:
    assert (sentence("sunspots"), remedy("sunspots")) == ("sunspots", "")

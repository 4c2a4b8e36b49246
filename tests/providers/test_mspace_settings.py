"""MSpace as a configuration has it."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from smppbridge.providers.mspace.legacy import MSpaceLegacy
from smppbridge.providers.mspace.v2 import MSpaceV2
from smppbridge.settings.schema import Settings

LEGACY = {"type": "mspace_legacy", "username": "acme", "password": "s3same"}
V2 = {"type": "mspace_v2", "username": "acme", "apikey": "s3same"}


def read(**keys):
    return Settings.read({"providers": {"m": keys}}).providers["m"]


def test_what_has_to_be_said_is_the_account():
    legacy, v2 = read(**LEGACY), read(**V2)
    assert legacy.build() == MSpaceLegacy(username="acme", password="s3same")
    assert v2.build() == MSpaceV2(username="acme", apikey="s3same")
    assert (legacy.lane.reports, v2.lane.reports) == ("none", "poll")


def test_statuses_may_be_written_as_numbers_or_words():
    v2 = read(**V2, states={6: "expired", "in limbo": "unknown"}, accepted=[111, "ok"]).build()
    assert dict(v2.states) == {6: "expired", "in limbo": "unknown"}
    assert v2.accepted == (111, "ok")


@pytest.mark.parametrize("keys", [LEGACY, V2], ids=["legacy", "v2"])
def test_the_credential_is_a_secret(keys):
    assert "s3same" not in repr(read(**keys))
    assert {"password", "apikey"} & set(read(**keys).secret_keys())


@pytest.mark.parametrize(
    ("keys", "key"),
    [
        ({**LEGACY, "password": ""}, "password"),
        ({**LEGACY, "reports": "poll"}, "reports"),
        ({**V2, "batch": 2_000}, "batch"),
        ({**V2, "style": "get", "batch": 2}, "batch"),
        ({**V2, "style": "soap"}, "style"),
        ({**V2, "states": {"6": "lost"}}, "states"),
    ],
)
def test_what_makes_no_sense_is_refused_under_its_key(keys, key):
    with pytest.raises(ValidationError) as fault:
        read(**keys)
    assert fault.value.errors()[0]["loc"][2] == key
    assert "s3same" not in str(fault.value.errors()[0]["msg"])

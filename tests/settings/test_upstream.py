"""A provider that is kept bound, in the configuration."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from smppbridge.providers.smpp.provider import Smpp
from smppbridge.service.rules import lane_rules_of
from smppbridge.settings.provider import ProviderSection
from smppbridge.settings.schema import Settings

MSPACE = {"type": "smpp", "host": "smsc.test", "system_id": "bank", "password": "sesame"}


def read(**keys: Any) -> ProviderSection:
    return Settings.read({"providers": {"mspace": MSPACE | keys}}).providers["mspace"]


def test_reports_come_by_themselves_without_a_callbacks_listener() -> None:
    lane = read().lane
    assert (lane.reports, lane.callback_key, lane.when_uncertain) == ("push", None, "hold")
    assert read(reports="none").lane.reports == "none"


def test_keys_reach_it_with_their_types() -> None:
    made = read(
        tls="on",
        bind="tx+rx",
        enquire_link="45s",
        statuses={0x0401: "later", "ESME_RSUBMITFAIL": "provider"},
        source_ton=None,
        source={"replace": "INFO"},
    ).build()
    assert isinstance(made, Smpp)
    assert (made.tls, made.bind, made.enquire_link, made.source_ton) == (True, "tx+rx", 45, None)
    assert made.statuses == {0x0401: "later", "ESME_RSUBMITFAIL": "provider"}


def test_the_password_does_not_show() -> None:
    assert "sesame" not in repr(read())
    assert "password" in type(read()).secret_keys()


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({"callback_key": "callbackkeycallbackkey"}, "callback_key"),
        ({"proxy": "http://proxy.test:3128"}, "proxy"),
        ({"windw": 5}, "windw"),
        ({"host": "smpp://smsc.test"}, "host"),
        ({"reports": "poll"}, "reports"),
        ({"when_uncertain": "retry"}, "when_uncertain"),
        ({"statuses": {"ESME_NONE": "later"}}, "statuses"),
        ({"statuses": {"ESME_RSYSERR": "maybe"}}, "statuses"),
        ({"states": {"LOST": "nowhere"}}, "states"),
        ({"bind": "rx"}, "bind"),
        ({"binds": 0}, "binds"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(keys: dict[str, Any], named: str) -> None:
    with pytest.raises(ValidationError) as fault:
        read(**keys)
    assert any(named in error["loc"] for error in fault.value.errors())
    assert "sesame" not in str(fault.value)


@pytest.mark.parametrize(
    ("keys", "most"),
    [
        ({}, 10),
        ({"window": 5}, 5),
        ({"window": 5, "binds": 3, "bind": "tx+rx"}, 15),
        ({"window": 100, "binds": 2}, 64),
        ({"window": 100, "concurrency": 300}, 100),
        ({"window": 50, "concurrency": 7}, 7),
    ],
)
def test_no_more_is_out_than_all_windows_hold(keys: dict[str, Any], most: int) -> None:
    assert lane_rules_of(read(**keys)).concurrency == most

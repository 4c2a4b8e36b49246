"""Profiles, and the settings that they set."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, get_args

import pytest

from smppbridge.model import habits as model
from smppbridge.model.habits import Habits, NumberingPlan
from smppbridge.model.receipts import FORMS
from smppbridge.settings.account import AccountSection
from smppbridge.settings.profiles import NEED_NONE, PROFILES, effects, known_profile, merged
from smppbridge.smpp.oddities import FORGIVABLE, Oddity
from tests.settings.test_configuration import account, faults_of, loaded


def section(**keys: Any) -> AccountSection:
    return AccountSection.model_validate({"system_id": "bank", "password": "secret", **keys})


def value_of(part: Any, key: str) -> Any:
    for step in key.split("."):
        part = getattr(part, step)
    return part


CHOSEN = [(name, each) for name, profile in PROFILES.items() for each in profile.choices]


@pytest.mark.parametrize(("name", "choice"), CHOSEN, ids=lambda each: getattr(each, "key", each))
def test_every_value_of_a_profile_is_valid_and_not_the_default(name: str, choice: Any) -> None:
    plain, changed = section(), section(profile=name)
    if choice.key == "receipts.id":  # the form of receipts alone, beside another one of responses
        assert (plain.receipts.id, changed.receipts.id) == (None, "decimal")
        assert changed.message_id != "decimal"
        return
    assert value_of(changed, choice.key) != value_of(plain, choice.key)
    assert changed.account() != plain.account()
    assert choice.why
    assert choice.source


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_sets_its_keys_and_no_others(name: str) -> None:
    keys = {"profile", *PROFILES[name].values()}
    plain, changed = section(), section(profile=name)
    for key in set(AccountSection.model_fields) - keys:
        assert getattr(plain, key) == getattr(changed, key)
    assert len({choice.key for choice in PROFILES[name].choices}) == len(PROFILES[name].choices)


def test_no_profile_is_among_those_that_need_none() -> None:
    assert not PROFILES.keys() & NEED_NONE.keys()
    assert {each.value for _, each in CHOSEN if each.key == "receipts.form"} <= set(FORMS)


def test_a_key_of_the_account_wins_over_its_profile(tmp_path: Path) -> None:
    text = account(profile="php_smpp", response="2m", deliver_window="3")
    record = loaded(tmp_path, text).records()["bank"]
    assert record.deliver_window == 3
    habits = record.habits
    assert (habits.response, habits.enquire_link, habits.inactivity) == (120.0, math.inf, 3_600.0)


def test_a_section_of_the_account_is_laid_over_the_profile_s(tmp_path: Path) -> None:
    text = account(profile="opensmppbox", receipts='{utc_offset: "+01:00"}')
    receipts = loaded(tmp_path, text).accounts[0].receipts
    assert (receipts.form, receipts.utc_offset) == ("kannel", 3_600.0)
    text = account(profile="opensmppbox", receipts="{form: spec}")
    assert loaded(tmp_path, text).accounts[0].receipts.form == "spec"


def test_a_value_of_another_form_wins_whole() -> None:
    assert merged({"profile": "jasmin", "receipts": None})["receipts"] is None
    assert merged({"profile": "nobody", "window": 1}) == {"profile": "nobody", "window": 1}
    assert merged("text") == "text"


def test_merging_changes_no_table() -> None:
    before = {name: profile.values() for name, profile in PROFILES.items()}
    own = {"profile": "jasmin", "receipts": {"utc_offset": "+01:00"}}
    merged(own)["receipts"]["form"] = "changed"
    assert {name: profile.values() for name, profile in PROFILES.items()} == before
    assert own == {"profile": "jasmin", "receipts": {"utc_offset": "+01:00"}}


def test_effects_say_which_choices_hold() -> None:
    own = {"profile": "smpp33_hex", "receipts": {"id": "hex"}}
    found = {choice.key: holds for choice, holds in effects("smpp33_hex", own)}
    assert found == {"interface_version": True, "message_id": True, "receipts.id": False}
    assert [holds for _, holds in effects("jasmin", {"receipts": None})] == [False]


@pytest.mark.parametrize(
    ("keys", "key", "message"),
    [
        ({"profile": "jsmp"}, "profile", "is no profile; did you mean jsmpp?"),
        ({"profile": "zzz"}, "profile", f"is no profile: there are {', '.join(PROFILES)}"),
        ({"profile": "kannel"}, "profile", f"kannel needs no profile: {NEED_NONE['kannel']}"),
        (
            {"profile": "jsmpp", "data_coding_0": "utf8"},
            "profile",
            (
                "jsmpp sets detect_utf8, which needs data_coding_0: gsm7, latin1, ia5; or set"
                " detect_utf8 here"
            ),
        ),
        (
            {"profile": "jsmpp", "data_coding_0": "utf8", "detect_ucs2": "true"},
            "detect_ucs2",
            "needs data_coding_0: gsm7, latin1, ia5",
        ),
        ({"profile": "smpp33", "interface_version": "4"}, "interface_version", None),
        ({"data_codings": "{4: 256}"}, "data_codings", None),
        ({"data_codings": "{256: 4}"}, "data_codings", None),
        (
            {"data_codings": "{0xG: 4}"},
            "data_codings",
            "0xG is not a number from 0 to 255, as 8 or 0xF1",
        ),
        ({"data_codings": "{0x10: 4, 16: 3}"}, "data_codings", "has 16 twice"),
        ({"forgives": "[priority, nul]"}, "forgives[1]", None),
        ({"addresses": "{source: {ton: 7}}"}, "addresses.source.ton", None),
        ({"enquire_link": "5 parsecs"}, "enquire_link", None),
        ({"response": "off"}, "response", None),
        ({"registered_delivery": "maybe"}, "registered_delivery", None),
    ],
)
def test_a_fault_names_its_key_and_line(
    tmp_path: Path, keys: dict[str, str], key: str, message: str | None
) -> None:
    [fault] = faults_of(tmp_path, account(**keys))
    assert fault.key == f"accounts[0].{key}"
    assert fault.line == 4 + list(keys).index(key.partition("[")[0].partition(".")[0])
    assert message is None or fault.message == message
    assert fault.message


def test_the_settings_of_habits_are_read_from_the_forms_that_people_write(tmp_path: Path) -> None:
    text = account(
        interface_version="3.3",
        forgives="no_nul",
        two_texts="short_message",
        detect_udh="true",
        registered_delivery="failure",
        addresses="{source: {ton: 1, npi: 1}, destination: {ton: 2}}",
        data_codings="{0xF1: 8, 4: 0, 0Xff: 0x03}",
        enquire_link="off",
        inactivity="null",
        response="90",
        message_id="hex",
    )
    record = loaded(tmp_path, text).records()["bank"]
    assert record.habits == Habits(
        interface_version=0x33,
        forgives=frozenset(["no_nul"]),
        two_texts="short_message",
        detect_udh=True,
        registered_delivery="failure",
        source=NumberingPlan(1, 1),
        destination=NumberingPlan(2, 0),
        data_codings={0xF1: 8, 4: 0, 0xFF: 3},
        enquire_link=math.inf,
        inactivity=math.inf,
        response=90.0,
    )
    assert record.id_form % 255 == b"ff"


@pytest.mark.parametrize("written", ["5.0", '"5.0"'])
def test_a_version_may_be_a_number(tmp_path: Path, written: str) -> None:
    record = loaded(tmp_path, account(interface_version=written)).records()["bank"]
    assert record.habits.interface_version == 0x50


def test_an_account_without_any_of_it_has_no_habits() -> None:
    assert section().account().habits == model.NO_HABITS


def test_habits_are_a_value_that_may_be_a_key() -> None:
    habits = section(data_codings={"4": 0}).account().habits
    assert {habits: 1}[section(data_codings={"4": 0}).account().habits] == 1


def test_the_words_that_may_be_forgiven_are_oddities() -> None:
    words = set(get_args(model.Forgiven))
    assert words <= set(Oddity)
    assert words >= FORGIVABLE


@pytest.mark.parametrize("name", PROFILES)
def test_a_known_profile_is_its_name(name: str) -> None:
    assert known_profile(name) == name

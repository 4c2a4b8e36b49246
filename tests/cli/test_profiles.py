"""``smppbridge profiles``: the settings that suit a stack."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from smppbridge.cli.main import main
from smppbridge.cli.profiles import profiles, written
from smppbridge.settings.profiles import NEED_NONE, PROFILES


def test_all_profiles_are_listed_with_what_they_set() -> None:
    result = CliRunner().invoke(main, ["profiles"])
    assert result.exit_code == 0
    for name, profile in PROFILES.items():
        assert f"{name}" in result.output
        assert profile.suits in result.output
        for choice in profile.choices:
            assert f"{choice.key}: {written(choice.value)}" in result.output
    for name in NEED_NONE:
        assert name in result.output


@pytest.mark.parametrize("name", PROFILES)
def test_one_profile_is_explained_with_its_sources(name: str) -> None:
    result = CliRunner().invoke(profiles, [name])
    assert result.exit_code == 0
    for choice in PROFILES[name].choices:
        assert choice.why in result.output
        assert f"source: {choice.source}" in result.output


def test_the_json_of_all_and_of_one() -> None:
    everything = json.loads(CliRunner().invoke(profiles, ["--json"]).output)
    assert list(everything) == list(PROFILES)
    one = json.loads(CliRunner().invoke(profiles, ["smpp33", "--json"]).output)
    assert one == {"smpp33": everything["smpp33"]}
    assert one["smpp33"]["values"] == {"interface_version": "3.3"}
    assert one["smpp33"]["choices"][0]["key"] == "interface_version"


@pytest.mark.parametrize(
    ("name", "words"), [("jsmp", "did you mean jsmpp?"), ("smpplib", "smpplib needs no profile")]
)
def test_an_unknown_profile_is_a_mistake_of_usage(name: str, words: str) -> None:
    result = CliRunner().invoke(profiles, [name])
    assert result.exit_code == 2
    assert words in result.output


@pytest.mark.parametrize(
    ("value", "text"), [(True, "true"), (1, "1"), ("3.3", "3.3"), (["a", "b"], "[a, b]")]
)
def test_a_value_is_written_as_in_a_file(value: object, text: str) -> None:
    assert written(value) == text

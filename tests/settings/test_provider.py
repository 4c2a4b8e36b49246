"""Providers of types that are not ours: their classes decide on the keys of the section."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest
from pydantic import ValidationError

from smppbridge.providers.exchange import Abilities
from smppbridge.providers.registry import UnknownType
from smppbridge.settings import provider
from smppbridge.settings.schema import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Pigeon:
    abilities: ClassVar[Abilities] = Abilities(idempotent=True)

    legs: int
    ring: str | None = field(default=None, repr=False)
    names: tuple[str, ...] = ()
    grain: dict[str, int] = field(default_factory=dict)
    speed: int = field(init=False, default=1)

    def __post_init__(self) -> None:
        if self.legs != 2:
            raise ValueError(f"legs are two, {self.ring}" if self.ring else "legs are two")


@pytest.fixture(autouse=True)
def pigeons(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def provider_type(name: str) -> Any:
        if name == "pigeon":
            return Pigeon
        raise UnknownType("it cannot be loaded")

    monkeypatch.setattr(provider, "provider_type", provider_type)
    monkeypatch.setattr(provider, "known_types", lambda: ("broken", "pigeon"))
    provider.section_for.cache_clear()
    yield
    provider.section_for.cache_clear()


def read(**keys: Any) -> provider.ProviderSection:
    values = {"providers": {"p": {"type": "pigeon", "legs": 2} | keys}}
    return Settings.read(values).providers["p"]


def test_keys_of_the_class_reach_it_with_their_types() -> None:
    made: object = read(legs="2", ring="gold", names=["a"], grain={"rye": "3"}).build()
    assert made == Pigeon(legs=2, ring="gold", names=("a",), grain={"rye": 3})


def test_defaults_follow_from_abilities() -> None:
    lane = read().lane
    assert (lane.when_uncertain, lane.reports) == ("retry", "none")


@pytest.mark.parametrize("ids", ["exact", "case", "zeros"])
def test_a_lane_tolerates_ids_as_it_is_set_and_else_as_the_type_does(ids: Any) -> None:
    assert read().lane.ids == "exact"
    assert read(ids=ids).lane.ids == ids


@pytest.mark.parametrize(
    ("ids", "tolerance"),
    [
        (None, "zeros"),
        ("same", "zeros"),
        ("hex_to_decimal", "zeros"),
        ("decimal_to_hex", "zeros"),
        ("zeros", "zeros"),
        ("case", "case"),
        ("exact", "exact"),
    ],
)
def test_an_upstream_has_one_setting_for_ids_and_their_number_base(
    ids: Any, tolerance: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    keys = {} if ids is None else {"ids": ids}
    smpp = {"type": "smpp", "host": "smsc.test", "system_id": "us", "password": "x", **keys}
    section = Settings.read({"providers": {"up": smpp}}).providers["up"]
    assert section.lane.ids == tolerance
    assert getattr(section.build(), "ids") == (ids or "zeros")  # noqa: B009
    with pytest.raises(ValidationError, match="ids"):
        Settings.read({"providers": {"up": {**smpp, "ids": "guess"}}})


@pytest.mark.parametrize("ids", ["same", "hex_to_decimal", "guess"])
def test_other_types_have_no_number_base(ids: str) -> None:
    with pytest.raises(ValidationError, match="ids"):
        read(ids=ids)


@pytest.mark.parametrize(
    ("keys", "place", "said"),
    [
        ({"legs": "many"}, "legs", "valid integer"),
        ({"speed": 2}, "speed", "Extra inputs"),
        ({"reports": "push"}, "reports", "does not call back"),
        ({"reports": "poll"}, "reports", "cannot be asked"),
        ({"legs": 3}, "legs", "legs are two"),
        ({"type": "broken"}, "type", "cannot be loaded"),
        ({"type": 5}, "type", "is required: one of broken, pigeon"),
    ],
)
def test_what_does_not_suit_the_class(keys: dict[str, Any], place: str, said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        read(**keys)
    (found,) = caught.value.errors()
    assert found["loc"] == ("providers", "p", place)
    assert said in found["msg"]


def test_what_a_class_says_is_not_shown_if_a_secret_is_in_it() -> None:
    with pytest.raises(ValidationError, match="its type refuses these settings") as caught:
        read(legs=3, ring="gold")
    assert all("gold" not in found["msg"] for found in caught.value.errors())

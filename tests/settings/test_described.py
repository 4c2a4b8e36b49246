"""Dataclasses within the class of a provider are sections within its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest

from smppbridge.providers.exchange import Abilities
from smppbridge.settings import provider
from smppbridge.settings.configuration import load
from smppbridge.settings.document import BadSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Wing:
    from_: str
    feathers: int = 10


class BadWings(ValueError):
    faults = (("wing.feathers", "are too few"), ("", "cannot fly, says hidden-1"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bird:
    abilities: ClassVar[Abilities] = Abilities()

    wing: Wing
    spare: Wing | None = None
    import_: int = 1
    names: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if self.wing.feathers < 2:
            raise BadWings


@pytest.fixture(autouse=True)
def birds(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(provider, "provider_type", lambda name: Bird)
    monkeypatch.setattr(provider, "known_types", lambda: ("bird",))
    provider.section_for.cache_clear()
    yield
    provider.section_for.cache_clear()


def read(folder: Path, keys: str) -> Any:
    path = folder / "bridge.yaml"
    path.write_text(f"providers:\n  b:\n    type: bird\n{keys}")
    path.chmod(0o644)
    return load(path, {"NAME": "hidden-1"})


def faults(folder: Path, keys: str) -> list[str]:
    with pytest.raises(BadSettings) as caught:
        read(folder, keys)
    return [f"{fault.line} {fault.key} {fault.message}" for fault in caught.value.faults]


def test_the_class_gets_its_own_dataclasses(tmp_path: Path) -> None:
    settings = read(tmp_path, "    wing: {from: left}\n    spare: {from: right, feathers: 3}\n")
    made: object = settings.providers["b"].build()
    assert made == Bird(wing=Wing(from_="left"), spare=Wing(from_="right", feathers=3))


def test_faults_within_are_told_at_their_lines(tmp_path: Path) -> None:
    keys = "    wing:\n      form: left\n      feathers: many\n    spare:\n      {from: 1}\n"
    assert faults(tmp_path, keys) == [
        "4 providers.b.wing.from is required",
        "5 providers.b.wing.form unknown key; did you mean from?",
        "6 providers.b.wing.feathers must be a whole number",
        "8 providers.b.spare.from must be text: put it in quotes",
    ]


def test_a_class_can_blame_keys_within_and_shows_no_secret(tmp_path: Path) -> None:
    keys = "    names: {a: $$x, b: '${NAME}'}\n    wing:\n      from: left\n      feathers: 1\n"
    assert faults(tmp_path, keys) == [
        "2 providers.b its type refuses these settings",
        "7 providers.b.wing.feathers are too few",
    ]


def test_each_of_several_secrets_can_be_in_a_file_and_one_in_clear_is_told(tmp_path: Path) -> None:
    (tmp_path / "name").write_text("hidden-2\n")
    names = "    names: {a: {file: name}, b: '${NAME}', c: hidden-3}\n"
    settings = read(tmp_path, "    wing: {from: left}\n" + names)
    section = settings.providers["b"]
    assert section.names == {"a": "hidden-2", "b": "hidden-1", "c": "hidden-3"}
    assert "hidden" not in repr(section)
    assert list(section.secret_places())[-3:] == ["names.a", "names.b", "names.c"]
    assert "providers.b.names.c stands there in clear" in "".join(map(str, settings.warnings()))
    assert faults(tmp_path, "    wing: {from: left}\n    names: {a: ''}\n") == [
        "5 providers.b.names.a is empty"
    ]

"""Dataclasses of providers as parts of the configuration: a field is a key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Annotated, Any, ClassVar, Union, get_args, get_origin, get_type_hints

from pydantic import BeforeValidator, ValidationInfo, create_model
from pydantic import Field as Key

from smppbridge.settings.section import Section
from smppbridge.settings.values import Duration, SecretText, UtcOffset, secret_text

_KINDS: Mapping[str, Any] = {"duration": Duration, "offset": UtcOffset}
"""Types of keys that a provider's field has as metadata: providers import no settings."""


class DescribedSection(Section):
    """A section that stands for the dataclass *made* within another section."""

    made: ClassVar[type[Any]]


def built(value: Any) -> Any:
    """Return the dataclass of a part, and any other value unchanged."""
    if not isinstance(value, DescribedSection):
        return value
    names = {each.name: name_of(each) for each in fields_of(value.made)}
    return value.made(**{name: built(getattr(value, key)) for name, key in names.items()})


def fields_of(made: type[Any]) -> tuple[Field[Any], ...]:
    """Return the fields that the constructor of a dataclass accepts."""
    return tuple(each for each in fields(made) if each.init)


def name_of(each: Field[Any]) -> str:
    """Return the key of a field: a name that Python reserves has an underscore after it."""
    return each.name.removesuffix("_")


def key_of(hint: Any, each: Field[Any]) -> tuple[Any, Any]:
    """Return the type and the options with which pydantic checks a dataclass's field."""
    kinds = [kind for word, kind in _KINDS.items() if each.metadata.get(word)]
    hint = kinds[0] if kinds else _with_parts(hint)
    options: dict[str, Any] = {"repr": each.repr, "description": each.metadata.get("description")}
    if each.default is not MISSING:
        options["default"] = each.default
    elif each.default_factory is not MISSING:
        options["default_factory"] = each.default_factory
    if each.repr:
        return hint, Key(**options)
    if get_origin(hint) is Mapping:
        return Mapping[str, SecretText], Key(**options)
    return Annotated[hint, BeforeValidator(_secret_or_none)], Key(**options)


def _with_parts(hint: Any) -> Any:
    if isinstance(hint, type) and is_dataclass(hint):
        return _part(hint)
    if get_origin(hint) in (Union, UnionType):
        return Union[tuple(map(_with_parts, get_args(hint)))]  # noqa: UP007
    return hint


@cache
def _part(made: type[Any]) -> type[DescribedSection]:
    hints = get_type_hints(made, include_extras=True)
    keys: dict[str, Any] = {
        name_of(each): key_of(hints[each.name], each) for each in fields_of(made)
    }
    part = create_model(
        f"{made.__name__}Part", __base__=DescribedSection, __doc__=made.__doc__, **keys
    )
    part.made = made
    return part


def _secret_or_none(value: Any, info: ValidationInfo) -> str | None:
    return None if value is None else secret_text(value, info)

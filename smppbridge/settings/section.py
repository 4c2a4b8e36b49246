"""The base of all sections of the configuration."""

from __future__ import annotations

from collections.abc import Iterable
from typing import get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError


class Section(BaseModel):
    """A mapping of the file, frozen; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def wrong(faults: Iterable[tuple[str | int, str]]) -> ValidationError:
    """Return the error that blames keys of a section, or items of a list, each with its message."""
    return ValidationError.from_exception_data(
        "section",
        [
            InitErrorDetails(
                type=PydanticCustomError("wrong", "{message}", {"message": message}),
                loc=() if key == "" else (key,),
                input=None,
            )
            for key, message in faults
        ],
    )


def section_of(annotation: object) -> type[Section] | None:
    """Return the section within an annotation such as ``tuple[Route, ...]``; None without one."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next(filter(None, map(section_of, get_args(annotation))), None)

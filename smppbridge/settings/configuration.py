"""The one entry to the configuration: a file becomes Settings, or all its faults at once."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from smppbridge.settings.document import BadSettings, Document, join, read
from smppbridge.settings.provider import ProviderSection, section_for
from smppbridge.settings.schema import Settings
from smppbridge.settings.section import Section, section_of
from smppbridge.settings.values import suggestion

_MESSAGES = {
    "missing": "is required",
    "string_type": "must be text: put it in quotes",
    "model_type": "must be keys and values",
    "dict_type": "must be keys and values",
    "tuple_type": "must be a list",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "too_short": "must not be empty",
    "string_pattern_mismatch": "must be a-z 0-9 _ -, at most 32 of them",
}


def load(path: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """Read the configuration; raises BadSettings with every fault of the file.

    *environment* holds the variables of ``${NAME}``; None stands for the process's own.
    """
    return settled(read(path, os.environ if environment is None else environment))


def settled(document: Document) -> Settings:
    """Return the settings of a document; raises BadSettings with every fault of the document."""
    try:
        settings = Settings.read(document.values, document)
    except ValidationError as error:
        for details in error.errors(include_url=False, include_input=False):
            _blame(document, details)
    if document.faults:
        raise BadSettings(tuple(sorted(document.faults.values(), key=lambda fault: fault.line)))
    return settings


def words_of(details: ErrorDetails) -> str:
    """Return pydantic's error in our words; a value is not quoted."""
    if details["type"] == "value_error":
        return str(details["ctx"]["error"])
    return _MESSAGES.get(details["type"], details["msg"].replace("Input should be", "must be"))


def _blame(document: Document, details: ErrorDetails) -> None:
    """Add a fault in our words for pydantic's error, at a key that the file has."""
    key, kind = "", details["type"]
    for step in details["loc"]:
        key = join(key, step)
    if kind == "extra_forbidden":
        *within, last = details["loc"]
        message = "unknown key" + suggestion(str(last), _known_keys(document.values, within))
    else:
        message = words_of(details)
    # These two name keys that may be absent; others can name steps that only pydantic knows.
    document.blame(key if kind in ("missing", "wrong") else document.nearest(key), message)


def _known_keys(values: Any, within: Iterable[int | str]) -> Iterable[str]:
    """Return the keys that the section at *within* may have."""
    section: type[Section] | None = Settings
    is_name = False
    for step in within:
        if isinstance(step, int) or section is None:
            continue
        if section is ProviderSection:
            section, is_name = section_for(values["providers"][step]["type"]), False
        elif is_name:
            is_name = False
        else:
            annotation = section.model_fields[step].annotation
            section, is_name = section_of(annotation), get_origin(annotation) is dict
    return section.model_fields if section else ()

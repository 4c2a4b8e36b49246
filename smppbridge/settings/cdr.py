"""CDR files in the configuration."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo

from smppbridge.settings.section import Section
from smppbridge.settings.values import Off, Text, context_of


def _folder(value: str, info: ValidationInfo) -> str:
    if not value.strip() or "\0" in value:
        raise ValueError("must be the path of a folder")
    return str(context_of(info).folder / value)


class CdrSection(Section):
    """A record of every message at its end, in a file for each hour."""

    folder: Annotated[Annotated[Text, AfterValidator(_folder)] | None, Off] = Field(
        default=None,
        description="Where the files are written, hour by hour (UTC), as /var/lib/smppbridge/cdr;"
        " absent: none are. A message is not deleted before it is in a file",
    )
    format: Literal["jsonl", "csv"] = Field(
        default="jsonl", description="jsonl (an object a line) or csv (RFC 4180)"
    )
    numbers: Literal["whole", "masked"] = Field(
        default="whole", description="Whether numbers are whole or masked"
    )
    interim: bool = Field(
        default=False,
        description="Whether the hour that runs has a file too, cdr-interim, made anew every five"
        " minutes",
    )

"""Distribution lists in the configuration: names, and their numbers or the file of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    Field,
    PlainValidator,
    ValidationInfo,
    model_validator,
)

from smppbridge.model.address import Address, BadAddress, number_of
from smppbridge.model.lists import MOST_NUMBERS, NumberList
from smppbridge.settings.section import Section, wrong
from smppbridge.settings.values import KnownAccount, OneOrList, Text, context_of

MOST_OCTETS = 1024 * 1024
"""Of a file of numbers."""
MOST_IN_ALL = 100_000
"""Numbers of all lists: they are read while nothing else happens, at the start and at a reload."""
_NAMED = 5  # faulty lines that one message names


def _number(value: str) -> str:
    try:
        return number_of(Address(value))
    except BadAddress:
        raise ValueError("must be an E.164 number, as +243810000001") from None


def _file(value: Any, info: ValidationInfo) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError("must be the name of a file")
    name = Path(value).name
    numbers: list[str] = []
    faulty: list[str] = []
    for place, line in enumerate(_text(context_of(info).folder / value).split("\n"), 1):
        written = line.partition("#")[0].strip()
        if not written:
            continue
        try:
            numbers.append(_number(written))
        except ValueError:
            faulty.append(f"{name}:{place}")
    if faulty:
        more = f" and {len(faulty) - _NAMED} lines more" if len(faulty) > _NAMED else ""
        raise ValueError(f"{', '.join(faulty[:_NAMED])}{more}: not an E.164 number")
    return tuple(numbers)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            octets = file.read(MOST_OCTETS + 1)
    except OSError as error:
        raise ValueError(f"the file cannot be read: {error.strerror}") from None
    except ValueError:
        raise ValueError("is not the name of a file") from None
    if len(octets) > MOST_OCTETS:
        raise ValueError(f"the file has over {MOST_OCTETS:,} octets")
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("the file is not UTF-8 text") from None


def _name(value: str) -> str:
    if not (value.isascii() and value.isprintable() and 1 <= len(value) <= 20):
        raise ValueError("must be 1 to 20 printable ASCII characters")
    return value


class ListSection(Section):
    """One distribution list."""

    numbers: tuple[Annotated[Text, AfterValidator(_number)], ...] | None = Field(
        default=None, repr=False, description='Its numbers in E.164, as ["+243810000001"]'
    )
    file: Annotated[tuple[str, ...] | None, PlainValidator(_file)] = Field(
        default=None,
        repr=False,
        description="Or a file of them, one a line, # before a comment; read at the start and at"
        " SIGHUP",
    )
    accounts: Annotated[tuple[KnownAccount, ...], Field(min_length=1), OneOrList] | None = Field(
        default=None, description="Only these accounts may send to it; absent: all"
    )

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        given = [key for key in ("numbers", "file") if getattr(self, key) is not None]
        if len(given) != 1:
            raise wrong([("", "must have numbers, or a file of them")])
        found = self.count
        if not 1 <= found <= MOST_NUMBERS:
            raise wrong([(given[0], f"has {found:,} numbers, and may have 1 to {MOST_NUMBERS:,}")])
        return self

    @property
    def count(self) -> int:
        """How many numbers the list has as it is written."""
        return len(self.numbers or ()) + len(self.file or ())

    def record(self) -> NumberList:
        """Return the list's record: each number once."""
        numbers = tuple(dict.fromkeys((*(self.numbers or ()), *(self.file or ()))))
        return NumberList(numbers, None if self.accounts is None else frozenset(self.accounts))


def _in_bounds(lists: dict[str, ListSection]) -> dict[str, ListSection]:
    found = sum(each.count for each in lists.values())
    if found > MOST_IN_ALL:
        raise ValueError(f"have {found:,} numbers in all, and may have {MOST_IN_ALL:,}")
    return lists


ListName = Annotated[Text, AfterValidator(_name)]
NumberLists = Annotated[dict[ListName, ListSection], AfterValidator(_in_bounds)]

"""Environment files: the variables of a configuration, as systemd's EnvironmentFile has them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from smppbridge.settings.document import BadSettings, Fault

_BLANKS = " \t"
_ENDS = "\n"


def read_variables(path: Path) -> dict[str, str]:
    """Return the variables of a file; raises BadSettings.

    systemd.exec(5): a line is NAME=value; # and ; begin comments; quotes are taken off, and a
    backslash takes the meaning off the next character, except in single quotes.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        why = getattr(error, "strerror", None) or "is not UTF-8"
        raise BadSettings((Fault(str(path), 0, "", f"cannot be read: {why}"),)) from None
    variables: dict[str, str] = {}
    faults = []
    for number, line in _lines(text):
        name, equals, value = line.partition("=")
        if not (equals and name.strip(_BLANKS).isidentifier()):
            faults.append(Fault(str(path), number, "", "is not NAME=value"))
            continue
        variables[name.strip(_BLANKS)] = _value(value)
    if faults:
        raise BadSettings(tuple(faults))
    return variables


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield lines with their numbers, continued ones as one, without blank lines and comments."""
    begun, held = 0, ""
    for number, line in enumerate(text.split(_ENDS), 1):
        begun = begun or number
        held += line.rstrip("\r")
        if held.endswith("\\"):
            held = held[:-1]
            continue
        bare = held.strip(_BLANKS)
        if bare and bare[0] not in "#;":
            yield begun, held
        begun, held = 0, ""


def _value(written: str) -> str:
    value, quote, kept = "", "", 0  # *kept*: characters that no blank at the end is cut from
    letters = iter(written.strip(_BLANKS))
    for letter in letters:
        if letter == quote:
            quote = ""
        elif not quote and letter in "\"'":
            quote = letter
        elif letter == "\\" and quote != "'":
            value += next(letters, "")
        else:
            value += letter
            continue
        kept = len(value)
    return value[:kept] + value[kept:].rstrip(_BLANKS)

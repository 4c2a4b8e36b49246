"""Straight-line code that decodes and encodes one PDU class, made at import as dataclasses do.

The code only reads well-formed PDUs: at the first oddity decoding starts again with the kinds of
smppbridge.smpp.fields, field by field, which know the status of each oddity.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any

from smppbridge.smpp import tlvs
from smppbridge.smpp.constants import RESPONSE
from smppbridge.smpp.errors import LocalError, Malformed, PduError
from smppbridge.smpp.fields import COctets, Integer, Kind, Octets, TlvArea, layout

HEADER = struct.Struct(">4L")

Decode = Callable[[bytes, int, int, int, int], Any]
"""decode(octets, start, end, command_status, sequence_number): the body is octets[start:end]."""


def compile_decode(cls: type[Any]) -> Decode:
    """Make the function that reads a body of *cls*; it raises PduError (of responses: never)."""
    fields = layout(cls)
    lines = [line for names, kind in _runs(fields) for line in _reading(names, kind)]
    if fields and not isinstance(fields[-1][1], TlvArea):
        lines.append("if p > end: raise ValueError")
    source = [
        "def decode(octets, start, end, command_status, sequence_number):",
        "    p = start",
        "    try:",
        *(f"        {line}" for line in lines or ["pass"]),
        "    except (IndexError, ValueError, Malformed):",
        "        return decode_slowly(octets, start, end, command_status, sequence_number)",
        f"    return cls(command_status, sequence_number{''.join(f', {n}' for n, _ in fields)})",
    ]
    known = {"cls": cls, "decode_slowly": field_by_field(cls), "Malformed": Malformed}
    return _made("decode", source, known | _kinds(fields))  # type: ignore[no-any-return]


def field_by_field(cls: type[Any]) -> Decode:
    """Make a slow decode of *cls*: requests are held to the letter, responses may lack parts."""
    fields = layout(cls)

    def decode(octets: bytes, at: int, end: int, command_status: int, sequence_number: int) -> Any:
        values = []
        for name, kind in fields:
            try:
                read = kind.read_leniently if cls.command_id & RESPONSE else kind.read
                value, at = read(octets, at, end)
            except Malformed as error:
                why = f"{name}: {error.why}"
                fault = (error.status, cls.command_id, sequence_number, why, error.oddity)
                raise PduError(*fault) from None
            values.append(value)
        return cls(command_status, sequence_number, *values)

    return decode


def compile_encode(cls: type[Any]) -> Callable[[Any], bytes]:
    """Make the method that writes a PDU of *cls*; LocalError for a value that does not fit."""
    fields = layout(cls)
    written = [_writing(name, kind) for name, kind in fields]
    template = "".join(part for part, _, _ in written)
    values = "".join(f"{value}, " for _, value, _ in written)
    header = f"{int(cls.command_id)}, self.command_status, self.sequence_number"
    source = [
        "def encode(self):",
        "    try:",
        *(f"        {name} = self.{name}" for name, _ in fields),
        *(f"        {check}" for _, _, check in written if check),
        f"        body = b'{template}' % ({values})",
        f"        return pack(16 + len(body), {header}) + body",
        "    except (ValueError, OverflowError, struct_error) as error:",
        "        raise LocalError(f'{type(self).__name__}: {error}') from None",
    ]
    if cls.bare_on_error:
        empty = " or ".join(name for name, _ in fields)
        line = f"        if self.command_status and not ({empty}): return pack(16, {header})"
        source.insert(2 + len(fields), line)
    known = {"struct_error": struct.error, "pack": HEADER.pack, "write_tlvs": tlvs.write}
    known |= {"LocalError": LocalError} | _kinds(fields)
    return _made("encode", source, known)  # type: ignore[no-any-return]


def _runs(fields: tuple[tuple[str, Kind], ...]) -> Iterator[tuple[list[str], Kind]]:
    """Yield neighbouring single octets together, so that one statement reads them."""
    for kind, group in groupby(fields, key=lambda one: one[1]):
        names = [name for name, _ in group]
        if kind == Integer(1):
            yield names, kind
        else:
            yield from (([name], kind) for name in names)


def _reading(names: list[str], kind: Kind) -> list[str]:
    name = names[0]
    match kind:
        case Integer(1) if len(names) == 1:
            return [f"{name} = octets[p]; p += 1"]
        case Integer(1):
            return [f"{', '.join(names)} = octets[p:p + {len(names)}]; p += {len(names)}"]
        case COctets(size):
            return [
                "if octets[p]:",  # most service_types and times are empty
                "    i = octets.index(0, p, end)",
                f"    if i - p >= {size}: raise ValueError",
                f"    {name} = octets[p:i]; p = i + 1",
                "else:",
                f"    {name} = b''; p += 1",
            ]
        case Octets():
            return [f"i = p + 1; p = i + octets[p]; {name} = octets[i:p]"]
        case TlvArea():
            return [
                f"{name} = ()",
                "if p != end:",
                "    if p > end: raise ValueError",
                f"    {name}, p = kind_{name}.read(octets, p, end)",
            ]
    return [f"{name}, p = kind_{name}.read(octets, p, end)"]


def _writing(name: str, kind: Kind) -> tuple[str, str, str]:
    """Return a field's place in the template, its value, and a check before the value."""
    match kind:
        case Integer(1):
            return "%c", name, ""
        case COctets(size):
            check = (
                f"if {name} and (len({name}) >= {size} or 0 in {name}): kind_{name}.write({name})"
            )
            return "%b\\0", name, check
        case Octets(size):
            check = f"if len({name}) > {size}: kind_{name}.write({name})"
            return "%c%b", f"len({name}), {name}", check
        case TlvArea():
            return "%b", f"write_tlvs({name}) if {name} else b''", ""
    return "%b", f"kind_{name}.write({name})", ""


def _kinds(fields: tuple[tuple[str, Kind], ...]) -> dict[str, Any]:
    return {f"kind_{name}": kind for name, kind in fields}


def _made(name: str, source: list[str], known: dict[str, Any]) -> Any:
    exec("\n".join(source), known)
    return known[name]

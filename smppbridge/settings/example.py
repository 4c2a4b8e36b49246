"""The schema as people read it: the example file and the tables of the pages in docs.

``python -m smppbridge.settings.example`` writes config/bridge.yaml to standard output.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from textwrap import wrap
from typing import Any, NamedTuple, get_args, get_origin

from pydantic.fields import FieldInfo

from smppbridge.providers.registry import TYPES
from smppbridge.settings.provider import ProviderSection, section_for
from smppbridge.settings.schema import Settings
from smppbridge.settings.section import Section, section_of
from smppbridge.settings.values import seconds, spelled, utc_offset

_WIDTH = 100
_PLAIN = re.compile(r"[A-Za-z/$][\w$./:={}*-]*")
_WORDS = ("true", "false", "null")

_HEADER = """\
# smppbridge: every setting there is. A line that begins with #key: is what holds without it.
#
# Durations are seconds or 10s, 5m, 48h, 7d; off or null takes a limit away. ${NAME} stands for an
# environment variable, $$ for a dollar sign; a secret may also be {file: PATH}. After a change run
# `smppbridge check --config FILE`, then send SIGHUP (accounts, providers, routes, mo,
# lists, tlvs, ussd, cdr; of web all but listen) or restart."""

_WORKED: Mapping[str, Any] = {
    "smpp": {"listen": "tcp:2775"},
    "web": {"listen": "tcp:8775:interface=127.0.0.1"},
    "callbacks": {"listen": "tcp:8776", "public_url": "https://sms.example.org"},
    "store": "sqlite:/var/lib/smppbridge/bridge.db",
    "tlvs": {"campaign": {"tag": "0x1502", "type": "digits", "max": 20}},
    "accounts": [
        {
            "system_id": "bank",
            "password": "${BANK_PASSWORD}",
            "binds": 4,
            "throughput": 200,
            "allow_from": ["127.0.0.0/8", "10.0.0.0/8"],
            "country": "CD",
        }
    ],
    "providers": {
        "keccel": {
            "type": "keccel",
            "token": "${KECCEL_TOKEN}",
            "base_url": "https://api.keccel.com/sms/v2",
            "callback_key": "${KECCEL_CALLBACK_KEY}",
            "concurrency": 64,
            "rate": 50,
        }
    },
    "routes": [{"to": "243", "via": ["keccel"]}, {"via": ["keccel"], "accounts": ["bank"]}],
    "mo": [{"to": "243810000001", "account": "bank"}],
    "lists": {"branches": {"numbers": ["+243810000001", "+243820000001"]}},
}


class SettingRow(NamedTuple):
    """One setting in a table of settings."""

    key: str
    default: str
    meaning: str


def text() -> str:
    """Return the example file."""
    return "\n".join([_HEADER, *_section(Settings.model_fields, _WORKED, "")]) + "\n"


def tables() -> dict[str, tuple[SettingRow, ...]]:
    """Return the rows of all settings, by section.

    The file's own keys are under ``""``, those of a type of provider under ``type keccel``.
    """
    whole: dict[str, Any] = dict(Settings.model_fields)
    parts = {key: section_of(each.annotation) for key, each in whole.items()}
    own = {"": tuple(_row(key, whole[key]) for key, part in parts.items() if part is None)}
    named = {key: tuple(_rows(part.model_fields)) for key, part in parts.items() if part}
    return own | named | {f"type {name}": tuple(_rows(_own_fields(name))) for name in sorted(TYPES)}


def _rows(fields: Mapping[str, FieldInfo], within: str = "") -> Iterator[SettingRow]:
    for key, each in fields.items():
        inner = section_of(each.annotation)
        if inner:
            yield from _rows(inner.model_fields, f"{within}{key}.")
        else:
            yield _row(within + key, each)


def _row(key: str, each: FieldInfo) -> SettingRow:
    default = "required" if each.is_required() else _default(each)
    return SettingRow(key, "" if default == "null" else default, each.description or "")


def _own_fields(name: str) -> dict[str, FieldInfo]:
    fields = section_for(name).model_fields
    return {key: each for key, each in fields.items() if key not in ProviderSection.model_fields}


def _section(
    fields: Mapping[str, FieldInfo], worked: Mapping[str, Any] | None, indent: str
) -> Iterator[str]:
    """Yield the lines of a section; *worked* holds the set values, None for defaults only."""
    for key, each in fields.items():
        if not indent:
            yield ""
        yield from wrap(
            each.description or "",
            _WIDTH,
            initial_indent=f"{indent}# ",
            subsequent_indent=f"{indent}# ",
        )
        value = worked.get(key) if worked else None
        yield from _setting(key, each, value, indent)


def _setting(key: str, each: FieldInfo, value: Any, indent: str) -> Iterator[str]:
    inner = section_of(each.annotation)
    mark = "#" if value is None else ""
    if inner is None or not isinstance(value, Mapping | list | None):
        word = "required" if value is None and each.is_required() else ""
        written_value = _default(each) if value is None else yaml_of(value)
        yield f"{indent}{mark}{key}: {word or written_value}"
        if inner is not None and _has_required(inner):  # in the short form of its one required key
            yield from _commented(f" {key}", inner, "", indent)
        return
    if value is None and (_has_required(inner) or each.default is None):
        yield from _commented(key, inner, f" {_default(each)}", indent)
        return
    yield f"{indent}{mark}{key}:"
    if isinstance(value, list):
        first, *others = value
        yield from _item(list(_section(inner.model_fields, first, indent + "    ")), indent)
        for other in others:
            yield from _item([f"{indent}    {k}: {yaml_of(v)}" for k, v in other.items()], indent)
    elif get_origin(each.annotation) is dict and value:
        for name, entry in value.items():
            fields = _arranged(entry["type"]) if inner is ProviderSection else inner.model_fields
            yield f"{indent}  {name}:"
            yield from _section(fields, entry, indent + "    ")
    else:
        yield from _section(inner.model_fields, value, indent + "  ")


def _has_required(section: type[Section]) -> bool:
    return any(each.is_required() for each in section.model_fields.values())


def _commented(key: str, inner: type[Section], default: str, indent: str) -> Iterator[str]:
    """Yield a section that is not there, its keys behind a comment mark."""
    yield f"{indent}#{key}:{default}"
    shown = _section(inner.model_fields, None, f"{indent}      ")
    yield from (f"{indent}#{line[len(indent) + 1 :]}" for line in shown)


def _item(lines: list[str], indent: str) -> Iterator[str]:
    """Put the dash of a list before the first line that is set."""
    start = f"{indent}    "
    place = next(n for n, line in enumerate(lines) if not line.startswith(f"{start}#"))
    for number, line in enumerate(lines):
        yield f"{indent}  - {line.removeprefix(start)}" if number == place else line


def _arranged(name: str) -> dict[str, FieldInfo]:
    """Return the keys of a provider, its own before those of all lanes."""
    lane = dict(ProviderSection.model_fields)
    return {"type": lane.pop("type")} | _own_fields(name) | lane


def _default(each: FieldInfo) -> str:
    return written(each, each.get_default(call_default_factory=True, validated_data={}))


def written(each: FieldInfo, value: Any) -> str:
    """Return the value of a setting as a file may have it."""
    if isinstance(value, float) and _read_by(seconds, each):
        return spelled(value)
    if isinstance(value, float) and _read_by(utc_offset, each):
        hours, rest = divmod(abs(round(value)), 3_600)
        return yaml_of(f"{'-' if value < 0 else '+'}{hours:02}:{rest // 60:02}")
    if isinstance(value, tuple) and len(value) == 1:
        return yaml_of(value[0])
    return yaml_of(value)


def _read_by(function: Any, hint: Any) -> bool:
    if isinstance(hint, FieldInfo):
        return any(_reads(function, each) for each in hint.metadata) or _read_by(
            function, hint.annotation
        )
    marks = getattr(hint, "__metadata__", ())
    return any(_reads(function, each) for each in marks) or any(
        _read_by(function, each) for each in get_args(hint)
    )


def _reads(function: Any, mark: Any) -> bool:
    return getattr(mark, "func", None) is function


def yaml_of(value: Any) -> str:
    """Return a value in the flow form of YAML; of a type that YAML has none of, its text."""
    match value:
        case list() | tuple():
            return f"[{', '.join(map(yaml_of, value))}]"
        case str() if _PLAIN.fullmatch(value) and value not in _WORDS:
            return value
        case float():
            return f"{value:g}"
        case _:
            return json.dumps(value, default=str)


if __name__ == "__main__":
    sys.stdout.write(text())

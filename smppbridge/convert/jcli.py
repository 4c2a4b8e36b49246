"""Commands and answers of Jasmin's console, read into records, each with file and line.

Jasmin 0.11, jasmin/protocols/cli: ``user -a`` and the like begin a dialogue that ``ok`` ends;
``user -s UID`` and ``smppccm -s CID`` show keys and values; ``mtrouter -l`` and the like show rows
that begin with #.  Prompts (``jcli :`` and ``>``) may stand before a command.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from smppbridge.convert.conversion import Conversion, FileLine
from smppbridge.convert.groups import Files

MODULES = frozenset(
    [
        "user",
        "group",
        "filter",
        "smppccm",
        "httpccm",
        "mtrouter",
        "morouter",
        "mtinterceptor",
        "mointerceptor",
    ]
)
_OTHERS = frozenset(["persist", "load", "stats", "help", "quit"])
_PROMPT = re.compile(r"^\s*(?:jcli\s*:|>)\s?")
_ADD, _UPDATE, _SHOW, _LIST = "add", "update", "show", "list"
_OPTIONS = (
    (_ADD, re.compile(r"-a|--add"), False),
    (_LIST, re.compile(r"-l|--list"), False),
    (_UPDATE, re.compile(r"-u|--update"), True),
    (_SHOW, re.compile(r"-s|--show"), True),
)
_NAMES = {
    "user": "uid",
    "group": "gid",
    "filter": "fid",
    "smppccm": "cid",
    "httpccm": "cid",
    "mtrouter": "order",
    "morouter": "order",
}
_CREDENTIALS = ("mt_messaging_cred", "smpps_cred")
_SAID = (
    "Adding ",
    "Updating ",
    "Successfully ",
    "Total ",
    "jasmin.routing.",
    "<class ",
    "You must ",
    "Welcome to ",
    "Type help ",
    "Session ref",
    "Authentication",
    "Connected to ",
    "Trying ",
    "Escape character",
    "Username:",
    "Password:",
)
_DONE = re.compile(r" configuration (?:persisted|loaded) ")
_ROW = re.compile(r"#\s*(\S+)\s*(.*)")
_EQUATED = ("filter", "httpccm")  # -s shows key = value of these, key value of the others
_HEADING = re.compile(r"(?:id|Type)(?:\s|$)")  # as in #User id, #Order Type
_CONNECTOR = re.compile(r"\b(smppc|smpps|http)\(([^()\s]+)\)")
_FILTER = re.compile(r"<([A-Za-z]+)(?: \((.*?)\))?>(?=,|\s|$)")
_KINDS = {
    "T": "TransparentFilter",
    "C": "ConnectorFilter",
    "U": "UserFilter",
    "G": "GroupFilter",
    "SA": "SourceAddrFilter",
    "DA": "DestinationAddrFilter",
    "SM": "ShortMessageFilter",
    "DI": "DateIntervalFilter",
    "TI": "TimeIntervalFilter",
    "Ev": "EvalPyFilter",
    "TG": "TagFilter",
}


@dataclass(slots=True)
class JasminRecord:
    """One thing that Jasmin knows: its *values* and their *places* by key."""

    module: str
    place: FileLine
    values: dict[str, str] = field(default_factory=dict, repr=False)
    places: dict[str, FileLine] = field(default_factory=dict)
    filters: list[JasminRecord] = field(default_factory=list)

    def text(self, key: str, default: str = "") -> str:
        """Return the value of *key*; None and ND, which Jasmin shows for none, are none."""
        value = self.values.get(key, default)
        return default if value in ("None", "none", "ND") else value

    def at(self, key: str) -> FileLine:
        """Return the place of *key*, or that of the record."""
        return self.places.get(key, self.place)

    def set(self, key: str, value: str, place: FileLine) -> None:
        """Set the value of *key*."""
        self.values[key], self.places[key] = value, place


class JasminConsole:
    """Reads the lines that a console took and showed; *records* holds each once, by name."""

    def __init__(self, conversion: Conversion) -> None:
        self.records: dict[tuple[str, str], JasminRecord] = {}
        self._conversion = conversion
        self._open: JasminRecord | None = None
        self._module, self._mode = "", ""

    def read(self, path: Path, files: Files) -> None:
        """Read a file; raises BadSettings."""
        for place, line in files.lines(path):
            typed = _PROMPT.sub("", line).strip()
            if typed and not self._command(typed, place):
                self._line(typed, place)
        self._close()

    def of(self, module: str) -> list[JasminRecord]:
        """Return the records of a module."""
        return [record for (its, _), record in self.records.items() if its == module]

    def _command(self, typed: str, place: FileLine) -> bool:
        """Read the line as a command; returns whether it is one."""
        word, _, rest = typed.partition(" ")
        if word in _OTHERS and (not rest or rest.startswith("-")):
            self._close()
            return True
        if word not in MODULES or not rest.lstrip().startswith("-"):
            return False
        self._close()
        self._module, self._mode = word, ""
        for mode, option, named in _OPTIONS:
            flag, _, name = rest.strip().replace("=", " ", 1).partition(" ")
            if option.fullmatch(flag):
                self._mode = mode
                self._open = JasminRecord(word, place)
                if named and name.strip():
                    self._open.set(_NAMES.get(word, "fid"), name.strip(), place)
        if not self._mode and not rest.strip().startswith(("-1", "-0", "--start", "--stop")):
            self._conversion.note(place, word, f"{rest.strip()[:40]} is not followed")
        return True

    def _line(self, typed: str, place: FileLine) -> None:
        if typed.startswith(_SAID) or _DONE.search(typed):
            return
        if self._mode == _LIST:
            self._row(typed, place)
        elif self._mode == _SHOW:
            self._shown(typed, place)
        elif self._open is None:
            self._conversion.note(place, "", "is nothing that Jasmin's console takes or shows")
        elif typed == "ok":
            self._close()
        elif typed == "ko":
            self._open = None
        else:
            key, _, value = typed.partition(" ")
            self._set(self._open, key, value.strip(), place)

    def _set(self, record: JasminRecord, key: str, value: str, place: FileLine) -> None:
        if key in _CREDENTIALS:
            section, _, rest = value.partition(" ")
            inner, _, value = rest.partition(" ")
            key = f"{key} {section} {inner}"
        record.set(key, value.strip(), place)

    def _shown(self, typed: str, place: FileLine) -> None:
        """Read a line that -s shows: ``key value``, or ``key = value`` of a connector."""
        record = self._open
        if record is None:
            return
        if record.module in ("mtrouter", "morouter"):
            self._route(record, typed, place)
            return
        if record.module == "filter" and typed.endswith(":"):
            record.set("type", typed[:-1], place)
            return
        sign = " = " if record.module in _EQUATED else " "
        key, _, value = (part.strip() for part in typed.partition(sign))
        if record.module not in _EQUATED:
            self._set(record, key, value, place)
        elif "=" in typed:
            record.set("url" if key == "baseurl" else key, value, place)

    def _route(self, record: JasminRecord, typed: str, place: FileLine) -> None:
        kind = typed.partition(" ")[0]
        if kind.endswith("Route"):
            record.set("type", kind, place)
        found = ";".join(f"{type_}({name})" for type_, name in _CONNECTOR.findall(typed))
        if found:
            together = ";".join(filter(None, (record.text("connectors"), found)))
            record.set("connectors", together, place)

    def _row(self, typed: str, place: FileLine) -> None:
        row = _ROW.fullmatch(typed)
        if row is None or _HEADING.match(row[2]):
            return
        reader = _ROWS.get(self._module)
        if reader:
            record = JasminRecord(self._module, place)
            reader(record, row[1], row[2], place)
            self._keep(record)

    def _close(self) -> None:
        record, self._open = self._open, None
        if record is not None and record.values:
            self._keep(record)
        self._module, self._mode = "", ""

    def _keep(self, record: JasminRecord) -> None:
        key = _NAMES.get(record.module, "fid")
        default = "0" if record.text("type").lower() == "defaultroute" else ""
        name = record.text(key) or default
        if not name:
            self._conversion.note(record.place, record.module, f"has no {key}: left out")
            return
        record.values[key] = name
        known = self.records.setdefault((record.module, name), record)
        if known is not record:
            known.values |= record.values
            known.places |= record.places
            known.filters = record.filters or known.filters


def _user_row(record: JasminRecord, name: str, rest: str, place: FileLine) -> None:
    words = rest.split()
    record.set("uid", name.removeprefix("!"), place)
    if name.startswith("!"):
        record.set("disabled", "yes", place)
    if len(words) >= 2:
        record.set("gid", words[0].removeprefix("!"), place)
        record.set("username", words[1], place)
    if len(words) >= 5 and "/" in words[-1]:
        record.set("mt_messaging_cred quota smpps_throughput", words[-1].split("/")[1], place)


def _group_row(record: JasminRecord, name: str, rest: str, place: FileLine) -> None:
    record.set("gid", name.removeprefix("!"), place)


def _connector_row(record: JasminRecord, name: str, rest: str, place: FileLine) -> None:
    record.set("cid", name, place)


def _http_row(record: JasminRecord, name: str, rest: str, place: FileLine) -> None:
    record.set("cid", name, place)
    record.set("url", rest.split()[-1] if rest.split() else "", place)


def _filter_row(record: JasminRecord, name: str, rest: str, place: FileLine) -> None:
    record.set("fid", name, place)
    record.set("type", rest.partition(" ")[0], place)
    for shown in _filters(rest, place):
        record.values |= {k: v for k, v in shown.values.items() if k != "type"}


def _route_row(record: JasminRecord, name: str, rest: str, place: FileLine) -> None:
    record.set("order", name, place)
    record.set("type", rest.partition(" ")[0], place)
    found = _CONNECTOR.findall(rest)
    record.set("connectors", ";".join(f"{kind}({cid})" for kind, cid in found), place)
    record.filters = _filters(rest, place)


def _filters(text: str, place: FileLine) -> list[JasminRecord]:
    """Return the filters of a row, as <DA (dst_addr=^243)>."""
    found = []
    for kind, inner in _FILTER.findall(text):
        record = JasminRecord("filter", place)
        record.set("type", _KINDS.get(kind, kind), place)
        key, equals, value = inner.partition("=")
        if equals:
            record.set(key, value, place)
        found.append(record)
    return found


_ROWS: dict[str, Callable[[JasminRecord, str, str, FileLine], None]] = {
    "user": _user_row,
    "group": _group_row,
    "smppccm": _connector_row,
    "httpccm": _http_row,
    "filter": _filter_row,
    "mtrouter": _route_row,
    "morouter": _route_row,
}

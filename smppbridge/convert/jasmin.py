"""A configuration of Jasmin, as its console takes or shows it, as one of the bridge."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smppbridge.convert import addresses
from smppbridge.convert.conversion import Conversion
from smppbridge.convert.groups import Files
from smppbridge.convert.jcli import JasminConsole, JasminRecord
from smppbridge.convert.routes import routes_of

_IDS = {"1": "hex_to_decimal", "2": "decimal_to_hex"}
_TONS = (
    ("src_ton", "source_ton", "2"),
    ("src_npi", "source_npi", "1"),
    ("dst_ton", "destination_ton", "1"),
    ("dst_npi", "destination_npi", "1"),
)
# The defaults of keys that have no counterpart: only other values are worth a note.
_DEFAULTS = {
    "validity": ("", "write validity: at the accounts"),
    "priority": ("0", "an ESME's own priority_flag goes on"),
    "addr_range": ("", "the bridge sends none"),
    "bind_ton": ("0", "the bridge sends 0"),
    "bind_npi": ("1", "the bridge sends 0"),
    "proto_id": ("", "an ESME's own protocol_id goes on"),
    "coding": ("0", "see alphabet and data_coding of the provider"),
    "def_msg_id": ("0", "has no counterpart"),
    "ripf": ("0", "an ESME's own goes on"),
    "con_loss_retry": ("yes", "the bridge always binds again"),
    "con_fail_retry": ("yes", "the bridge always binds again"),
}
_TRUE = ("true", "1", "t", "y", "yes", "")
_CRED = "mt_messaging_cred"
_ANY = ("", ".*", "^.*$", "^.*")
_FREE = ("", "0", "0.0", "0.00")
_ROUND = "RandomRoundrobin"


class Unroutable(ValueError):
    """A route of Jasmin that the bridge cannot have; the message says why."""


@dataclass(frozen=True, slots=True)
class MtRoute:
    """One route of Jasmin's table: the messages that its filters pass, and where it leads."""

    order: int
    via: tuple[str, ...]
    prefixes: tuple[str, ...]
    accounts: frozenset[str] | None

    def takes(self, number: str, account: str | None) -> bool:
        """Return whether the route takes messages of an account to a prefix."""
        mine = self.accounts is None or account in self.accounts
        return mine and any(number.startswith(each) for each in self.prefixes)


class Jasmin:
    """Converts the records of a console, one module after the other."""

    def __init__(self) -> None:
        self.conversion = Conversion()
        self._console = JasminConsole(self.conversion)
        self._accounts: dict[str, str] = {}  # system_id by uid
        self._groups: dict[str, list[str]] = {}
        self._providers: dict[str, str] = {}  # names by cid

    def convert(self, path: Path) -> Conversion:
        """Convert the file *path*; raises BadSettings."""
        self._console.read(path, Files())
        for record in self._console.of("user"):
            self._user(record)
        for record in self._console.of("smppccm"):
            self._connector(record)
        self._mt_routes()
        for record in self._console.of("morouter"):
            self._mo_route(record)
        for module, key in (("httpccm", "url"), ("mtinterceptor", ""), ("mointerceptor", "")):
            for record in self._console.of(module):
                what = "there is no call of an application by HTTP" if key else "has no counterpart"
                self.conversion.note(record.place, module, what)
        self.conversion.notes.sort(key=lambda note: (note.file, note.line))
        return self.conversion

    # -- accounts -------------------------------------------------------------------------------

    def _user(self, record: JasminRecord) -> None:
        note = self.conversion.note
        name = record.text("username") or record.text("uid")
        if record.text("disabled"):
            note(record.place, name, "is disabled: left out")
            return
        if record.text("smpps_cred authorization bind").lower() not in _TRUE:
            note(record.at("smpps_cred authorization bind"), name, "may not bind: left out")
            return
        password = record.text("password")
        settings: dict[str, Any] = {"receipts": {"form": "jasmin"}}
        settings |= self._limits(record)
        if not self.conversion.add_account(record.place, name, password, **settings):
            return
        if not password:
            note(record.place, name, "Jasmin keeps a digest of its password: set another one")
        self._accounts[record.text("uid")] = name
        self._groups.setdefault(record.text("gid"), []).append(name)
        self._left_of_user(record, name)

    def _limits(self, record: JasminRecord) -> dict[str, Any]:
        found: dict[str, Any] = {}
        binds = _number(record.text("smpps_cred quota max_bindings"))
        if binds >= 1:
            found["binds"] = int(binds)
        rate = _number(record.text(f"{_CRED} quota smpps_throughput"))
        if rate > 0:
            found["throughput"] = rate
        key = f"{_CRED} valuefilter src_addr"
        pattern = record.text(key)
        if pattern not in _ANY:
            sender = addresses.sender(pattern)
            if sender is None:
                self.conversion.note(record.at(key), key, "write the source addresses as senders")
            else:
                found["senders"] = [sender]
        return found

    def _left_of_user(self, record: JasminRecord, name: str) -> None:
        quotas = {
            "balance": "the bridge does not charge",
            "sms_count": "the bridge does not charge",
            "early_percent": "the bridge does not charge",
        }
        for key, message in quotas.items():
            if record.text(f"{_CRED} quota {key}"):
                self.conversion.note(record.at(f"{_CRED} quota {key}"), name, f"{key}: {message}")
        if (source := record.text(f"{_CRED} defaultvalue src_addr")) and source != "None":
            place = record.at(f"{_CRED} defaultvalue src_addr")
            self.conversion.note(place, name, "write source.replace at a route of this account")
        for key in ("dst_addr", "content"):
            if record.text(f"{_CRED} valuefilter {key}") not in _ANY:
                place = record.at(f"{_CRED} valuefilter {key}")
                self.conversion.note(place, name, f"valuefilter {key} has no counterpart")
        for key in ("smpps_send", "src_addr", "priority", "validity_period", "dlr_level"):
            full = f"{_CRED} authorization {key}"
            if record.text(full).lower() not in _TRUE:
                message = f"authorization {key} has no counterpart: it is allowed"
                self.conversion.note(record.at(full), name, message)

    # -- providers ------------------------------------------------------------------------------

    def _connector(self, record: JasminRecord) -> None:
        cid = record.text("cid")
        name = self.conversion.named(cid, "smpp")
        self._providers[cid] = name
        port = int(_number(record.text("port", "2775")))
        bind = record.text("bind", "transceiver")
        found: dict[str, Any] = {
            "type": "smpp",
            "host": record.text("host", "127.0.0.1"),
            "port": port if 0 < port < 65_536 else 2775,
            "system_id": record.text("username", "smppclient"),
            "password": self.conversion.secret(name, "password", record.text("password")),
        }
        if not record.text("host"):
            self.conversion.note(record.place, cid, "has no host here: show it with smppccm -s")
        if bind != "transceiver":
            found["bind"] = "tx+rx"
            message = f"{cid} was a {bind} alone: it binds transmitter and receiver"
            self.conversion.note(record.at("bind"), "bind", message)
        found |= self._form(record, cid)
        self.conversion.providers[name] = found

    def _form(self, record: JasminRecord, cid: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if system_type := record.text("systype"):
            found["system_type"] = system_type
        if record.text("ssl").lower() in ("yes", "true"):
            found["tls"] = True
        if (rate := _number(record.text("submit_throughput", "1"))) > 0:
            found["rate"] = rate
        for key, ours in (("elink_interval", "enquire_link"), ("res_to", "timeout")):
            if (seconds := _number(record.text(key))) > 0:
                found[ours] = f"{seconds:g}s"
        found |= _types_of_numbers(record)
        if record.text("dlr_msgid") in _IDS:
            found["ids"] = _IDS[record.text("dlr_msgid")]
        if 1 <= len(record.text("src_addr")) <= 20:
            found["source"] = {"replace": record.text("src_addr")}
        for key, (default, message) in _DEFAULTS.items():
            if record.text(key, default) != default:
                self.conversion.note(record.at(key), cid, f"{key}: {message}")
        return found

    # -- routes ---------------------------------------------------------------------------------

    def _mt_routes(self) -> None:
        routes: list[MtRoute] = []
        for record in self._console.of("mtrouter"):
            try:
                routes.append(self._mt_route(record))
            except Unroutable as error:
                self._lost(record, str(error))
        ordered = sorted(routes, key=lambda each: -each.order)
        prefixes = [prefix for each in ordered for prefix in each.prefixes]
        named = [name for each in ordered for name in sorted(each.accounts or ())]

        def choose(number: str, account: str | None) -> tuple[str, ...]:
            return next((each.via for each in ordered if each.takes(number, account)), ())

        try:
            self.conversion.routes = routes_of(prefixes, named, choose)
        except ValueError as error:
            place = self._console.of("mtrouter")[0].place
            self.conversion.note(place, "mtrouter", f"no routes are written: it {error}")

    def _mt_route(self, record: JasminRecord) -> MtRoute:
        via = self._via(record)
        if not via:
            raise Unroutable("leads to no provider here")
        prefixes: tuple[str, ...] = ("",)
        accounts: frozenset[str] | None = None
        for each in self._filters(record):
            kind = each.text("type").lower()
            if kind == "destinationaddrfilter":
                pattern = each.text("destination_addr") or each.text("dst_addr")
                found = addresses.prefixes(pattern)
                if found is None or prefixes != ("",):
                    raise Unroutable("its destination_addr is no list of prefixes")
                prefixes = tuple(found)
            elif kind in ("userfilter", "groupfilter"):
                mine = self._who(each, kind)
                accounts = mine if accounts is None else accounts & mine
            elif kind != "transparentfilter":
                raise Unroutable(f"{each.text('type')} has no counterpart")
        if accounts is not None and not accounts:
            raise Unroutable("none of its users is an account")
        if record.text("rate") not in _FREE:
            self.conversion.note(record.at("rate"), "rate", "the bridge does not charge")
        if record.text("type").startswith(_ROUND):
            message = "its connectors do not take turns: the first one that can takes the message"
            self.conversion.note(record.place, "mtrouter", message)
        order = int(_number(record.text("order")))
        return MtRoute(order, via, prefixes, accounts)

    def _lost(self, record: JasminRecord, why: str) -> None:
        order = record.text("order")
        self.conversion.note(record.place, record.module, f"route {order}: {why}: left out")

    def _via(self, record: JasminRecord) -> tuple[str, ...]:
        given = record.text("connectors") or record.text("connector")
        found = []
        for each in filter(None, (part.strip() for part in given.split(";"))):
            kind, _, rest = each.partition("(")
            cid = rest.rstrip(")")
            if kind != "smppc" or cid not in self._providers:
                self.conversion.note(record.place, record.module, f"{each} is no provider here")
            elif self._providers[cid] not in found:
                found.append(self._providers[cid])
        return tuple(found)

    def _filters(self, record: JasminRecord) -> list[JasminRecord]:
        """Return the filters of a route: those it names, or those that its row shows."""
        named = [each.strip() for each in record.text("filters").split(";") if each.strip()]
        if not named:
            if not record.filters and record.text("type").lower() != "defaultroute":
                raise Unroutable(f"its filters are not told: {record.module} -l shows them")
            return record.filters
        found = []
        for fid in named:
            known = self._console.records.get(("filter", fid))
            if known is None:
                known = JasminRecord("filter", record.place)
                known.set("type", f"the unknown filter {fid}", record.place)
            found.append(known)
        return found

    def _who(self, each: JasminRecord, kind: str) -> frozenset[str]:
        if kind == "groupfilter":
            return frozenset(self._groups.get(each.text("gid"), ()))
        uid = each.text("uid")
        return frozenset({self._accounts[uid]} if uid in self._accounts else ())

    # -- messages from phones -------------------------------------------------------------------

    def _mo_route(self, record: JasminRecord) -> None:
        given = record.text("connectors") or record.text("connector")
        first = given.split(";")[0].strip()
        kind, _, rest = first.partition("(")
        account = rest.rstrip(")")
        if kind != "smpps" or account not in self._accounts.values():
            message = f"leads to {first or 'nothing'}, and not to an account"
            self._lost(record, message)
            return
        if ";" in given:
            self.conversion.note(record.place, "morouter", f"leads to several: {account} is taken")
        try:
            rule = {**self._mo_rule(record), "account": account}
        except Unroutable as error:
            self._lost(record, str(error))
            return
        if any({**each, "account": account} == rule for each in self.conversion.mo):
            self._lost(record, "another route has the same messages")
        else:
            self.conversion.mo.append(rule)

    def _mo_rule(self, record: JasminRecord) -> dict[str, Any]:
        rule: dict[str, Any] = {}
        for each in self._filters(record):
            kind = each.text("type").lower()
            if kind == "destinationaddrfilter":
                pattern = each.text("destination_addr") or each.text("dst_addr")
                to = addresses.sender(pattern)
                if to is None:
                    raise Unroutable("its destination_addr is no beginning of numbers")
                rule["to"] = to
            elif kind == "connectorfilter" and each.text("cid") in self._providers:
                rule["provider"] = self._providers[each.text("cid")]
            elif kind == "shortmessagefilter":
                word = addresses.sender(each.text("short_message") or each.text("msg"))
                if word is None or not word.rstrip("*").isalnum():
                    raise Unroutable("its short_message is no first word")
                rule["keyword"] = word.rstrip("*")
            elif kind != "transparentfilter":
                raise Unroutable(f"{each.text('type')} has no counterpart")
        return rule


def _types_of_numbers(record: JasminRecord) -> dict[str, int]:
    found = {}
    for key, ours, default in _TONS:
        value = record.text(key, default)
        if len(value) <= 3 and value.isascii() and value.isdecimal() and int(value) < 256:
            found[ours] = int(value)
    return found


def _number(text: str) -> float:
    """Return a number of Jasmin's; 0 for a text that is none."""
    try:
        value = float(text or 0)
    except ValueError:
        return 0.0
    return value if 0 <= value < 1e9 else 0.0

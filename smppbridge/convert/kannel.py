"""A configuration of Kannel, with or without opensmppbox, as one of the bridge."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import phonenumbers

from smppbridge.convert import boxes, http_smsc, smsc
from smppbridge.convert.addresses import prefix
from smppbridge.convert.conversion import Conversion
from smppbridge.convert.groups import Files, Group, Groups
from smppbridge.convert.routes import routes_of

# What the bridge does its own way, and what only Kannel's boxes need among themselves.
_NEEDLESS = frozenset(
    [
        "log-file",
        "log-level",
        "syslog-level",
        "syslog-facility",
        "log-format",
        "access-log",
        "access-log-time",
        "access-log-format",
        "access-log-clean",
        "store-file",
        "store-type",
        "store-location",
        "store-dump-freq",
        "dlr-storage",
        "dlr-spool",
        "smsbox-port",
        "smsbox-port-ssl",
        "smsbox-interface",
        "smsbox-max-pending",
        "smsbox-id",
        "opensmppbox-id",
        "bearerbox-host",
        "bearerbox-port",
        "bearerbox-port-ssl",
        "wapbox-port",
        "wapbox-port-ssl",
        "wdp-interface-name",
        "admin-port",
        "admin-port-ssl",
        "admin-interface",
        "admin-password",
        "status-password",
        "admin-deny-ip",
        "admin-allow-ip",
        "box-deny-ip",
        "box-allow-ip",
        "udp-deny-ip",
        "udp-allow-ip",
        "smsc-id",
        "smsc-admin-id",
        "reconnect-delay",
        "connection-timeout",
        "max-error-count",
        "keepalive",
        "connect-allow-ip",
        "sendsms-chars",
        "mo-recode",
        "generic-message-sent",
        "generic-status-sent",
        "generic-status-error",
        "max-sms-octets",
        "sms-resend-freq",
    ]
)
_NEEDLESS_GROUPS = frozenset(
    [
        "wapbox",
        "wtls",
        "modems",
        "dlr-db",
        "store-db",
        "mysql-connection",
        "pgsql-connection",
        "mssql-connection",
        "oracle-connection",
        "sdb-connection",
        "sqlite-connection",
        "sqlite3-connection",
        "redis-connection",
        "cassandra-connection",
    ]
)
_HOW = {
    "sms-service": "messages from phones go to an account, by SMPP: write a rule under mo",
    "smsbox-route": "messages from phones go to an account, by SMPP: write a rule under mo",
    "smsc-route": "messages from phones go to an account, by SMPP: write a rule under mo",
    "smpp-tlv": "write a TLV by name under tlvs",
    "ppg": "there is no WAP push",
    "wap-push-user": "there is no WAP push",
    "white-list": "write routes, or accounts.senders",
    "black-list": "write routes, or accounts.senders",
    "sms-resend-retry": "see attempts of a provider",
    "http-proxy-host": "see proxy of a provider",
    "http-proxy-port": "see proxy of a provider",
    "dlr-url": "an account gets receipts by SMPP",
    "sendsms-port": "there is no /cgi-bin/sendsms: accounts bind by SMPP",
    **smsc.HOW,
}
_REGEX = "-regex"
_NO_PROVIDERS = (
    "there is no SMSC here that the bridge can use: write providers and routes, or include Kannel's"
    " own file"
)


@dataclass(slots=True)
class ConnectionReach:
    """The messages that a connection of Kannel takes: by prefix, and by the smsc-id they name."""

    name: str
    allowed: list[str] = field(default_factory=list)
    denied: list[str] = field(default_factory=list)
    preferred: list[str] = field(default_factory=list)
    allowed_ids: list[str] = field(default_factory=list)
    denied_ids: list[str] = field(default_factory=list)
    preferred_ids: list[str] = field(default_factory=list)

    def takes(self, number: str, smsc_id: str) -> bool:
        """Return whether messages to a prefix may go by the connection (gw/smscconn.c)."""
        if self.allowed_ids and smsc_id not in self.allowed_ids:
            return False
        if smsc_id and smsc_id in self.denied_ids:
            return False
        allowed, denied = _hits(number, self.allowed), _hits(number, self.denied)
        if self.allowed and not self.denied:
            return allowed
        return allowed or not denied

    def likes(self, number: str, smsc_id: str) -> bool:
        """Return whether the connection goes before others."""
        named = bool(smsc_id) and smsc_id in self.preferred_ids
        return named or _hits(number, self.preferred)


def _hits(number: str, prefixes: list[str]) -> bool:
    return any(number.startswith(each) for each in prefixes)


class Kannel:
    """Converts the groups of a configuration, one kind after the other."""

    def __init__(self) -> None:
        self.conversion = Conversion()
        self._files = Files()
        self._reach: list[ConnectionReach] = []
        self._smsc_of: dict[str, str] = {}
        self._sources: dict[str, dict[str, Any]] = {}
        self._halves: dict[str, Group] = {}

    def convert(self, path: Path) -> Conversion:
        """Convert the configuration that begins with the file *path*; raises BadSettings."""
        groups = Groups(self.conversion, self._files).read(path)
        for group in groups:
            self._convert(group, path.parent)
        for name, group in self._halves.items():
            self._complete(name, group)
        for group in groups:
            if group.kind in ("core", "smsbox"):
                self._common(group)
        if self.conversion.providers:
            self._routes(groups)
        elif groups:
            self.conversion.note(groups[0].place, "smsc", _NO_PROVIDERS)
        for group in groups:
            self._left(group)
        self.conversion.notes.sort(key=lambda note: (note.file, note.line))
        return self.conversion

    def _convert(self, group: Group, folder: Path) -> None:
        if group.kind == "smsc":
            self._smsc(group)
        elif group.kind == "opensmppbox":
            self._smsc_of |= boxes.box(group, self.conversion, self._files, folder)
        elif group.kind == "sendsms-user":
            found = boxes.sendsms_user(group, self.conversion)
            if found:
                self._smsc_of[found["system_id"]] = found["smsc"]
                if found["source"]:
                    self._sources[found["system_id"]] = found["source"]

    # -- connections ----------------------------------------------------------------------------

    def _smsc(self, group: Group) -> None:
        kind = group.text("smsc").lower()
        name = group.text("smsc-id") or group.text("host") or kind
        if kind == "smpp":
            self._upstream(group, name)
        elif kind == "http":
            name = self.conversion.named(name, "http")
            page = http_smsc.template(group, name, self.conversion)
            if page:
                self.conversion.providers[name] = page
                self._add_reach(group, name)
                if (rate := group.number("throughput") or 0) > 0:
                    page["rate"] = rate
        else:
            group.taken |= set(group.settings)
            message = f"{kind or 'nothing'} is no way to a provider here: left out"
            self.conversion.note(group.at("smsc"), "smsc", message)

    def _upstream(self, group: Group, name: str) -> None:
        found = smsc.upstream(group, self.conversion)
        if found is None:
            group.taken |= set(group.settings)
            return
        providers = self.conversion.providers
        receives = found.get("only") == "receiver"
        secret = group.text("smsc-password")
        for other, known in providers.items():
            same = smsc.joined({k: v for k, v in known.items() if k != "password"}, found)
            reference = str(known.get("password", ""))[2:-1]
            if same and self.conversion.variables.get(reference) == secret:
                providers[other] = {**same, "password": known["password"]}
                self._add_reach(group, other, receives=receives)
                return
        name = self.conversion.named(name, "smpp")
        providers[name] = {**found, "password": self.conversion.secret(name, "password", secret)}
        self._halves[name] = group
        self._add_reach(group, name, receives=receives)

    def _complete(self, name: str, group: Group) -> None:
        """Take the mark off an upstream that is one half of a pair, with a note."""
        settings = self.conversion.providers[name]
        if only := settings.pop("only", None):
            other = "receiver, for receipts" if only == "transmitter" else "transmitter"
            message = f"{name} was a {only} alone: it binds a {other} too"
            self.conversion.note(group.place, "smsc", message)

    def _add_reach(self, group: Group, name: str, *, receives: bool = False) -> None:
        reach = ConnectionReach(
            name,
            allowed=self._prefixes(group, "allowed-prefix"),
            denied=self._prefixes(group, "denied-prefix"),
            preferred=self._prefixes(group, "preferred-prefix"),
            allowed_ids=group.listed("allowed-smsc-id"),
            denied_ids=group.listed("denied-smsc-id"),
            preferred_ids=group.listed("preferred-smsc-id"),
        )
        if not receives:  # a receiver sends nothing
            self._reach.append(reach)

    def _prefixes(self, group: Group, key: str) -> list[str]:
        found = []
        for text in group.listed(key):
            digits = prefix(text)
            if digits is None:
                message = f"{text} is no beginning of international numbers: left out"
                self.conversion.note(group.at(key), key, message)
            else:
                found.append(digits)
        return found

    # -- what all share -------------------------------------------------------------------------

    def _common(self, group: Group) -> None:
        self._country(group)
        sender = group.text("global-sender")
        if 1 <= len(sender) <= 20 and sender.isascii():
            for settings in self.conversion.providers.values():
                settings["source"] = {"replace": sender}

    def _country(self, group: Group) -> None:
        """Take the country of national numbers from unified-prefix: +243,00243,0;+,00."""
        for entry in group.text("unified-prefix").split(";"):
            official, *others = (each.strip() for each in entry.split(","))
            code = official.lstrip("+0")
            if "0" not in others or not (code.isascii() and code.isdecimal() and len(code) <= 3):
                continue
            region = phonenumbers.region_code_for_country_code(int(code))
            if region in ("ZZ", "001"):
                continue
            for account in self.conversion.accounts:
                account["country"] = region
            message = f"national numbers are taken for those of {region}"
            self.conversion.note(group.at("unified-prefix"), "unified-prefix", message)

    def _routes(self, groups: list[Group]) -> None:
        prefixes = [
            each for one in self._reach for each in (*one.allowed, *one.denied, *one.preferred)
        ]
        tagged = [each for each, smsc_id in self._smsc_of.items() if smsc_id]
        named = dict.fromkeys([*tagged, *self._sources])
        try:
            found = routes_of(prefixes, named, self._via)
        except ValueError as error:
            self.conversion.note(groups[0].place, "smsc", f"no routes are written: it {error}")
            return
        self.conversion.routes = [each for route in found for each in self._with_sources(route)]
        reached = {name for route in found for name in route["via"]}
        for name in self.conversion.providers:
            if name not in reached:
                place = next(each.place for each in groups if each.kind == "smsc")
                self.conversion.note(place, "smsc", f"no route leads to {name}: write one")

    def _via(self, number: str, account: str | None) -> tuple[str, ...]:
        smsc_id = self._smsc_of.get(account or "", "")
        able = [each for each in self._reach if each.takes(number, smsc_id)]
        able.sort(key=lambda each: not each.likes(number, smsc_id))
        return tuple(dict.fromkeys(each.name for each in able))

    def _with_sources(self, route: dict[str, Any]) -> list[dict[str, Any]]:
        """Return a route, after one for each account that has a source address of its own."""
        asked = route.get("accounts", list(self._sources))
        own = [each for each in asked if each in self._sources]
        others = [each for each in route.get("accounts", ()) if each not in self._sources]
        found = [
            {**route, "accounts": [each], "source": self._sources[each]}
            for each in own
            if "accounts" in route or not self._named_at(route, each)
        ]
        if "accounts" not in route:
            return [*found, route]
        return [*found, {**route, "accounts": others}] if others else found

    def _named_at(self, route: dict[str, Any], account: str) -> bool:
        return self._via(route.get("to", ""), account) != tuple(route["via"])

    # -- what is left ---------------------------------------------------------------------------

    def _left(self, group: Group) -> None:
        """Add a note for each setting that nobody has read."""
        if group.kind in _NEEDLESS_GROUPS:
            return
        known = group.kind in ("core", "smsc", "smsbox", "opensmppbox", "sendsms-user")
        if not known:
            keyword = group.settings.get("keyword")
            message = _HOW.get(group.kind, "has no counterpart")
            what = f"keyword {keyword}: " if keyword else ""
            self.conversion.note(group.place, group.kind, what + message)
            return
        for key in group.left():
            if key not in _NEEDLESS:
                own = boxes.HOW if group.kind == "opensmppbox" else _HOW
                message = own.get(key, "has no counterpart: left out")
                if key.endswith(_REGEX):
                    message = "prefixes are plain digits: write the routes"
                self.conversion.note(group.at(key), key, message)

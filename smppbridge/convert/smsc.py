"""Kannel's connections to SMSCs by SMPP, as upstreams of the bridge.

Kannel 1.4.5, gw/smsc/smsc_smpp.c: one connection that is no transceiver sends by port or receives
by receive-port; two groups of one SMSC and one user are a transmitter and a receiver.
"""

from __future__ import annotations

from typing import Any

from smppbridge.convert.conversion import Conversion
from smppbridge.convert.groups import Group

_IDS = {1: "hex_to_decimal", 2: "decimal_to_hex"}
_ALPHABETS = {"iso-8859-1": "latin1", "latin1": "latin1", "latin-1": "latin1", "ascii": "ia5"}
_GSM = ("gsm", "gsm-7", "gsm7", "gsm03.38")
_LONGEST_SERVICE = 5
_MOST_BINDS = 50
_TONS = {
    "source-addr-ton": "source_ton",
    "source-addr-npi": "source_npi",
    "dest-addr-ton": "destination_ton",
    "dest-addr-npi": "destination_npi",
}
_HOW = {
    "address-range": "the bridge sends none",
    "bind-addr-ton": "the bridge sends 0",
    "bind-addr-npi": "the bridge sends 0",
    "validityperiod": "write validity: at the accounts",
    "priority": "an ESME's own priority_flag goes on",
    "my-number": "messages from phones keep the number that they were sent to: see mo",
    "alt-addr-charset": "source addresses go as they came",
    "alt-dcs": "see data_coding of the provider",
    "esm-class": "the mode is the ESME's own",
    "wait-ack-expire": "an unanswered submit_sm is Uncertain and is not sent again by itself",
    "ssl-client-certkey-file": "the bridge shows no certificate to an SMSC",
    "reroute": "write a route",
    "our-port": "the bridge connects from any port",
    "our-receiver-port": "the bridge connects from any port",
    "our-host": "the bridge connects from any address",
    "alt-host": "one host can be named",
}
HOW = {**_HOW, "notification-pid": "there is none", "dead-start": "pause the provider instead"}


def upstream(group: Group, conversion: Conversion) -> dict[str, Any] | None:
    """Return the settings of an upstream, without its password; None if the group lacks a value."""
    user = group.text("smsc-username") or group.text("system-id")
    host = group.text("host")
    if not host or not user:
        missing = "smsc-username" if host else "host"
        conversion.note(group.place, missing, "is missing: this SMSC is left out")
        return None
    found: dict[str, Any] = {"type": "smpp", "host": host}
    found |= _port(group, conversion)
    found["system_id"] = user
    if system_type := group.text("system-type"):
        found["system_type"] = system_type
    if group.flag("use-ssl"):
        found["tls"] = True
    found |= _pace(group, conversion)
    found |= _form(group, conversion)
    return found


def joined(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any] | None:
    """Return two groups of one SMSC as one upstream with more sessions; None if they differ."""
    counted = ("binds", "rate", "window", "bind", "only")
    if any(first.get(key) != second.get(key) for key in {*first, *second} - {*counted}):
        return None
    halves = {first.get("only"), second.get("only")}
    if halves == {"transmitter", "receiver"}:
        return {**first, **second, **_kept(first, second), "only": None}
    if halves != {None} and len(halves) > 1:
        return None
    return {**first, "binds": min(_MOST_BINDS, first.get("binds", 1) + second.get("binds", 1))}


def _kept(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    sends = first if first.get("only") == "transmitter" else second
    return {key: sends[key] for key in ("rate", "window", "binds") if key in sends}


def _port(group: Group, conversion: Conversion) -> dict[str, Any]:
    """Return the port and the kind of sessions; *only* marks one half of a pair."""
    port, receiving = group.number("port") or 0, group.number("receive-port") or 0
    if group.flag("transceiver-mode"):
        return {"port": port or receiving or 2775}
    if port and receiving and port != receiving:
        conversion.note(group.at("receive-port"), "receive-port", "receivers bind to the same port")
    only = None if port and receiving else "receiver" if receiving else "transmitter"
    return {"port": port or receiving or 2775, "bind": "tx+rx", "only": only}


def _pace(group: Group, conversion: Conversion) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if (binds := group.number("instances") or 1) > 1:
        found["binds"] = min(binds, _MOST_BINDS)
    rate = group.text("throughput").strip()
    try:
        limit = float(rate or 0)
    except ValueError:
        conversion.note(group.at("throughput"), "throughput", "is not a number: no limit is set")
        limit = 0
    if 0 < limit < 1e9:
        found["rate"] = limit
    window = group.number("max-pending-submits") or 0
    if window > 0:
        found["window"] = min(window, 10_000)
    if (silence := group.number("enquire-link-interval") or 0) > 0:
        found["enquire_link"] = f"{silence}s"
    if (patience := group.number("wait-ack") or 0) > 0:
        found["timeout"] = f"{patience}s"
    return found


def _form(group: Group, conversion: Conversion) -> dict[str, Any]:
    """Return the form that messages have for the SMSC."""
    found: dict[str, Any] = {}
    for key, ours in _TONS.items():
        number = group.number(key)
        if number is not None and 0 <= number <= 255:
            found[ours] = number
    group.flag("source-addr-autodetect")  # sources that are letters are 5 (alphanumeric) anyway
    service = group.text("service-type")
    if len(service) > _LONGEST_SERVICE:
        conversion.note(group.at("service-type"), "service-type", "is longer than 5 characters")
    elif service:
        found["service_type"] = service
    kind = group.number("msg-id-type")
    if kind in _IDS:
        found["ids"] = _IDS[kind]
    if group.flag("no-dlr"):
        found["registered_delivery"] = 0
    version = group.number("interface-version")
    if version not in (None, 34):
        place = group.at("interface-version")
        conversion.note(place, "interface-version", "the bridge binds as SMPP 3.4")
    charset = group.text("alt-charset").strip().lower()
    if charset in _ALPHABETS:
        found["alphabet"] = _ALPHABETS[charset]
    elif charset and charset not in _GSM:
        place = group.at("alt-charset")
        conversion.note(place, "alt-charset", "no alphabet of the bridge has this name")
    return found

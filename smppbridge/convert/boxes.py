"""Who may submit to Kannel: opensmppbox's logins, and smsbox's users, as accounts.

opensmppbox of Kannel 1.4.5 reads its logins word by word: four words are one login.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from smppbridge.convert.addresses import networks
from smppbridge.convert.conversion import Conversion, FileLine
from smppbridge.convert.groups import Files, Group

_ALPHABETS = {
    "iso-8859-1": "latin1",
    "latin1": "latin1",
    "ascii": "ia5",
    "us-ascii": "ia5",
    "utf-8": "utf8",
    "utf8": "utf8",
    "ucs-2": "ucs2",
    "utf-16be": "ucs2",
}
_GSM = ("gsm", "gsm-7", "gsm7", "")
_RUN_ON = (
    "has no list of addresses: opensmppbox takes the next line's first word for that; here the"
    " account may bind from anywhere"
)
HOW = {
    "timeout": "sessions are asked by enquire_link, see smpp.enquire_link",
    "enable-pam": "accounts stand in the configuration",
    "pam-acl": "accounts stand in the configuration",
    "source-addr-ton": "receipts and messages from phones have TON and NPI by their addresses",
    "source-addr-npi": "receipts and messages from phones have TON and NPI by their addresses",
    "source-addr-auto": "receipts and messages from phones have TON and NPI by their addresses",
    "dest-addr-ton": "receipts and messages from phones have TON and NPI by their addresses",
    "dest-addr-npi": "receipts and messages from phones have TON and NPI by their addresses",
}


def box(group: Group, conversion: Conversion, files: Files, within: Path) -> dict[str, str]:
    """Convert opensmppbox's group; returns the smsc-id of each account's messages."""
    port = group.number("opensmppbox-port")
    if port is None or not 0 < port < 65_536:
        conversion.note(group.at("opensmppbox-port"), "opensmppbox-port", "is no port: 2775 is set")
    else:
        conversion.smpp["listen"] = f"tcp:{port}"
    name = group.text("our-system-id")
    if 0 < len(name) <= 15 and name.isascii() and name.isprintable():
        conversion.smpp["system_id"] = name
    settings: dict[str, Any] = {"receipts": {"form": "kannel"}}
    charset = group.text("alt-charset").strip().lower()
    if charset in _ALPHABETS:
        settings["data_coding_0"] = _ALPHABETS[charset]
    elif charset not in _GSM:
        conversion.note(group.at("alt-charset"), "alt-charset", "no data_coding_0 has this name")
    if not group.flag("use-systemid-as-smsboxid"):
        conversion.note(
            group.at("use-systemid-as-smsboxid"),
            "use-systemid-as-smsboxid",
            "the system_type of a bind is not compared",
        )
    before = len(conversion.accounts)
    _logins(group, conversion, files, within, settings)
    smsc = group.text("route-to-smsc")
    return {each["system_id"]: smsc for each in conversion.accounts[before:]}


def _logins(
    group: Group, conversion: Conversion, files: Files, within: Path, settings: dict[str, Any]
) -> None:
    name, place = group.text("smpp-logins"), group.at("smpp-logins")
    if not name:
        conversion.note(place, "smpp-logins", "is missing: there are no accounts")
        return
    here = within / name
    beside = within / Path(name).name
    for path in (here, beside):
        if _is_file(path):
            _read_logins(list(files.lines(path)), conversion, settings)
            return
    conversion.note(place, "smpp-logins", f"{name} is not there, nor beside it: no accounts")


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _read_logins(
    lines: list[tuple[FileLine, str]], conversion: Conversion, settings: dict[str, Any]
) -> None:
    filled = [(place, line.split()) for place, line in lines if line.strip()]
    for number, (place, words) in enumerate(filled):
        if not 3 <= len(words) <= 4:
            message = f"has {len(words)} words and not system_id, password, system_type, addresses"
            conversion.note(place, "", f"{message}: left out")
            continue
        if len(words) == 3 and number + 1 < len(filled):
            conversion.note(place, words[0], _RUN_ON)
        allowed = _allowed(words[3] if len(words) == 4 else "", place, words[0], conversion)
        conversion.add_account(place, words[0], words[1], allow_from=allowed, **settings)


def _allowed(text: str, place: FileLine, key: str, conversion: Conversion) -> list[str] | None:
    """Return the networks of a list of patterns; a pattern that cannot be written is a note."""
    found, odd = networks([each.strip() for each in text.split(";") if each.strip()])
    for pattern in odd:
        conversion.note(place, key, f"{pattern} is no network: write it under allow_from")
    return found if text and (found or odd) else None


def sendsms_user(group: Group, conversion: Conversion) -> dict[str, Any] | None:
    """Convert a user of smsbox; returns its system_id and the name by which its routes go."""
    name, password = group.text("username"), group.text("password")
    group.text("name"), group.text("concatenation"), group.text("omit-empty")
    group.text("user-deny-ip")
    allowed = None
    if "user-allow-ip" in group.settings:
        place = group.at("user-allow-ip")
        allowed = _allowed(group.text("user-allow-ip"), place, "user-allow-ip", conversion)
    parts = group.number("max-messages")
    if not conversion.add_account(
        group.at("username"),
        name,
        password,
        allow_from=allowed,
        max_parts=parts if parts and parts > 1 else None,
    ):
        return None
    conversion.note(
        group.place, "sendsms-user", f"{name} has to bind by SMPP: there is no /cgi-bin/sendsms"
    )
    source = group.text("faked-sender") or group.text("default-sender")
    return {
        "system_id": name,
        "smsc": group.text("forced-smsc") or group.text("default-smsc"),
        "source": _source(source, forced="faked-sender" in group.settings),
    }


def _source(sender: str, *, forced: bool) -> dict[str, Any] | None:
    if not (sender.isascii() and sender.isprintable() and 1 <= len(sender) <= 20):
        return None
    return {"allowed": [], "replace": sender} if forced else {"replace": sender}

"""Profiles: the account settings that suit a stack, by the stack's name.

A profile is a table and nothing else. Its values are those that a file would have; a key of the
account itself wins over its profile, within sections too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from smppbridge.settings.values import suggestion


@dataclass(frozen=True, slots=True)
class ProfileSetting:
    """One setting of a profile: its key (with a dot within a section), value, reason and source."""

    key: str
    value: Any
    why: str
    source: str


@dataclass(frozen=True, slots=True)
class Profile:
    """The choices for the stack that *suits* names."""

    suits: str
    choices: tuple[ProfileSetting, ...]

    def values(self) -> dict[str, Any]:
        """Return the settings as a file has them, sections within each other."""
        found: dict[str, Any] = {}
        for choice in self.choices:
            *sections, key = choice.key.split(".")
            within = found
            for section in sections:
                within = within.setdefault(section, {})
            within[key] = choice.value
        return found


_EVERY_FORM = ("short_body", "no_nul", "long_field", "sm_length", "broken_tlvs")
_EVERY_VALUE = ("half_ucs2", "sar_and_udh", "priority", "reserved_ton")

PROFILES: Mapping[str, Profile] = {
    "cloudhopper": Profile(
        "Programs on Cloudhopper (Twitter's, Fizzed's)",
        (
            ProfileSetting(
                "receipts.form",
                "cloudhopper",
                "its receipts have an id of ten digits or more, and it reads what it writes",
                "cloudhopper-smpp, DeliveryReceipt",
            ),
            ProfileSetting(
                "forgives",
                ["long_field"],
                "it sends texts that are longer than their fields",
                "cloudhopper-smpp, ChannelBufferUtil: no length is checked",
            ),
        ),
    ),
    "jasmin": Profile(
        "Clients that were bound to a Jasmin before",
        (
            ProfileSetting(
                "receipts.form",
                "jasmin",
                "they know receipts without sub, dlvrd and text",
                "jookies/jasmin issue 760",
            ),
        ),
    ),
    "jsmpp": Profile(
        "Programs on jSMPP whose texts are made by String.getBytes()",
        (
            ProfileSetting(
                "data_coding_0",
                "latin1",
                "the octets are those of the machine's character set, where @ is 0x40",
                "opentelecoms-org/jsmpp issue 83",
            ),
            ProfileSetting(
                "detect_utf8",
                True,
                "since Java 18 the machine's character set is UTF-8",
                "JEP 400; opentelecoms-org/jsmpp issue 83",
            ),
        ),
    ),
    "lenient": Profile(
        "Programs that somebody wrote by hand",
        (
            ProfileSetting(
                "forgives",
                [*_EVERY_FORM, *_EVERY_VALUE],
                "whatever can be read without a doubt is read",
                "each was met: see smppbridge help esme",
            ),
            ProfileSetting(
                "two_texts",
                "message_payload",
                "of two texts the longer field counts",
                "SMPP 5.0: message_payload",
            ),
            ProfileSetting(
                "detect_udh", True, "a header may lack its bit in esm_class", "SMPP 3.4, 5.2.12"
            ),
            ProfileSetting(
                "detect_ucs2",
                True,
                "UCS2 may be marked as data_coding 0",
                "praekelt/vumi issue 838",
            ),
            ProfileSetting(
                "detect_utf8", True, "and so may UTF-8", "opentelecoms-org/jsmpp issue 83"
            ),
        ),
    ),
    "node_smpp": Profile(
        "Programs on node-smpp",
        (
            ProfileSetting(
                "data_coding_1",
                "gsm7",
                "it chooses 1 for texts that GSM 03.38 has, and writes them so",
                "farhadi/node-smpp, lib/defs.js: encodings",
            ),
        ),
    ),
    "opensmpp": Profile(
        "Programs on OpenSMPP or Logica's API, without its charset on the class path",
        (
            ProfileSetting(
                "data_coding_0",
                "ia5",
                "without X-Gsm7Bit it writes ASCII, where @ is 0x40",
                "OpenSmpp/opensmpp, ShortMessage.setMessage",
            ),
        ),
    ),
    "opensmppbox": Profile(
        "Clients that were bound to Kannel's opensmppbox before",
        (
            ProfileSetting(
                "receipts.form",
                "kannel",
                "they know its words, and receipts on the sessions that transmit",
                "opensmppbox, its guide and source",
            ),
        ),
    ),
    "php_smpp": Profile(
        "Programs on php-smpp (onlinecity's and its heirs)",
        (
            ProfileSetting(
                "enquire_link",
                "off",
                "it answers an enquire_link only while the program reads",
                "onlinecity/php-smpp, SmppClient.respondEnquireLink",
            ),
            ProfileSetting(
                "inactivity",
                "1h",
                "without enquire_link a session that is dead has to end some time",
                "SMPP 3.4, 7.2",
            ),
            ProfileSetting(
                "response",
                "5m",
                "a deliver_sm waits in its queue until the program reads",
                "onlinecity/php-smpp, SmppClient.readSMS",
            ),
            ProfileSetting(
                "deliver_window",
                1,
                "it answers one deliver_sm after the other",
                "onlinecity/php-smpp, SmppClient.readSMS",
            ),
        ),
    ),
    "smpp33": Profile(
        "Stacks of SMPP 3.3, whatever version they bind with",
        (
            ProfileSetting(
                "interface_version",
                "3.3",
                "they know no TLV, and are sent none",
                "SMPP 3.4, 5.2.4",
            ),
        ),
    ),
    "smpp33_hex": Profile(
        "Stacks of SMPP 3.3 that turn the id of a response from hex into decimal",
        (
            ProfileSetting(
                "interface_version",
                "3.3",
                "they know no TLV, and are sent none",
                "SMPP 3.4, 5.2.4",
            ),
            ProfileSetting(
                "message_id",
                "hex",
                "in SMPP 3.3 a response has a hexadecimal id",
                "SMPP 3.3; Kannel's msg-id-type 0x01",
            ),
            ProfileSetting(
                "receipts.id",
                "decimal",
                "and a receipt the same one in decimal",
                "SMPP 3.3; Kannel's msg-id-type 0x01",
            ),
        ),
    ),
    "smpp_twisted": Profile(
        "Programs on smpp.twisted3",
        (
            ProfileSetting(
                "receipts.tlvs",
                False,
                "it writes again what it reads, and ends at a network_error_code or a"
                " message_payload that is followed by a longer or shorter TLV",
                "smpp.twisted3 0.8, PDUReceived; smpp.pdu3 0.6, OptionEncoder",
            ),
        ),
    ),
    "smpp50": Profile(
        "Stacks of SMPP 5.0, whatever version they bind with",
        (
            ProfileSetting(
                "interface_version",
                "5.0",
                "registered_delivery 3 asks for the receipts of success alone",
                "SMPP 5.0: registered_delivery",
            ),
            ProfileSetting(
                "two_texts",
                "message_payload",
                "where both are there, message_payload counts",
                "SMPP 5.0: message_payload",
            ),
        ),
    ),
}

NEED_NONE: Mapping[str, str] = {
    "aiosmpplib": "aiosmpplib speaks SMPP 3.4: segments with a header have no SAR TLVs",
    "kannel": "bearerbox speaks SMPP 3.4 by the letter, and reads the receipts of SMPP 3.4",
    "net_smpp": "Net::SMPP speaks SMPP 3.4 by the letter",
    "smpplib": "python-smpplib speaks SMPP 3.4, and knows the TLVs that receipts have",
    "larvitsmpp": "its interface_version 0 is read as 3.4 for every account",
}
"""Stacks for which the defaults are right, tested against the stacks themselves."""


def known_profile(name: str) -> str:
    """Return the name of a profile as it is; raises ValueError for any other."""
    if name in NEED_NONE:
        raise ValueError(f"{name} needs no profile: {NEED_NONE[name]}")
    if name not in PROFILES:
        near = suggestion(name, PROFILES)
        raise ValueError(f"is no profile{near or ': there are ' + ', '.join(PROFILES)}")
    return name


def merged(values: Any) -> Any:
    """Return the values of an account with those of its profile beneath them."""
    if not isinstance(values, dict):
        return values
    profile = PROFILES.get(str(values.get("profile")))
    return values if profile is None else _beneath(values, profile.values())


def _beneath(own: Mapping[str, Any], others: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(own)
    for key, value in others.items():
        if key not in found:
            found[key] = value
        elif isinstance(value, dict) and isinstance(found[key], dict):
            found[key] = _beneath(found[key], value)
    return found


def blamed(profile: str | None, key: str, message: str) -> tuple[str, str]:
    """Return the key at fault, and the message: the profile's own if the profile sets *key*."""
    if profile is None or key not in PROFILES[profile].values():
        return key, message
    return "profile", f"{profile} sets {key}, which {message}; or set {key} here"


def effects(name: str, own: Any) -> Iterator[tuple[ProfileSetting, bool]]:
    """Yield the choices of a profile, and whether each holds; a key of *own* values wins."""
    for choice in PROFILES[name].choices:
        within: Any = own
        for step in choice.key.split("."):
            within = within.get(step, _ABSENT) if isinstance(within, dict) else within
            if within is _ABSENT:
                break
        yield choice, within is _ABSENT


_ABSENT = object()

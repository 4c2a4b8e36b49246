"""The types of values in a configuration, each read from the form that people write."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, cast, get_args
from urllib.parse import urlsplit

import phonenumbers
from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, ValidationInfo

from smppbridge.model.account import Network, Secret
from smppbridge.model.channel import CertificateName, NameKind
from smppbridge.model.tlvs import DLT, NamedTlv
from smppbridge.settings import endpoints, secrets

_DURATION = re.compile(r"([0-9]{1,10}(?:\.[0-9]{1,6})?) *(ms|s|m|h|d|w)?")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0}
_OFFSET = re.compile(r"([+-])([0-9]{2}):(00|15|30|45)")
_OFF = ("off", "none")
_MOST_PASSWORDS = 2


@dataclass(frozen=True, slots=True)
class Context:
    """The rest of the configuration, against which a value is checked; None is not checked."""

    folder: Path = Path()
    system_ids: tuple[str, ...] | None = None
    providers: tuple[str, ...] | None = None
    endpoints: tuple[str, ...] = ()
    callbacks: bool = True
    public_url: bool = True
    tlvs: tuple[NamedTlv, ...] = tuple(DLT.values())
    tls: bool = True
    client_ca: bool = True


def context_of(info: ValidationInfo) -> Context:
    """Return the context of a validation, or a context that allows every value."""
    return info.context if isinstance(info.context, Context) else Context()


def seconds(value: Any) -> Any:
    """Read a duration: a number of seconds, or a number with its unit."""
    if isinstance(value, bool):
        raise ValueError("is not a duration")
    if not isinstance(value, str):
        return value
    found = _DURATION.fullmatch(value.strip())
    if found is None:
        raise ValueError("is not a duration: write 10s, 5m, 48h or 7d")
    return float(found[1]) * _UNITS[found[2] or "s"]


def spelled(duration: float) -> str:
    """Write a duration with its largest whole unit, as 10s, 5m or 7d."""
    for unit, least in (("d", 604_800.0), ("h", 3_600.0), ("m", 120.0)):
        if duration >= least and duration % _UNITS[unit] == 0:
            return f"{duration / _UNITS[unit]:.0f}{unit}"
    return f"{duration:g}s"


def is_off(value: Any) -> bool:
    """Return whether a value takes a limit away: off, none or false."""
    return value is False or (isinstance(value, str) and value.lower() in _OFF)


def _unless_off(value: Any) -> Any:
    return None if is_off(value) else value


def _exact_text(value: Any) -> Any:
    # Whole numbers come without sign and leading zeros (settings.document): nothing is lost.
    return str(value) if type(value) is int else value


def _listed(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


def _some(value: Any) -> Any:
    # min_length would also blame a list whose items have all been blamed
    if (listed := _listed(value)) in ([], ()):
        raise ValueError("must not be empty")
    return listed


def _network(value: Any) -> Network:
    if not isinstance(value, str):
        raise ValueError("must be an address or a network such as 10.0.0.0/8")
    try:
        return ip_network(value)
    except ValueError:
        pass
    try:
        meant = ip_network(value, strict=False)
    except ValueError:
        raise ValueError("is not an address or a network such as 10.0.0.0/8") from None
    raise ValueError(f"has bits set beyond its prefix; {meant} is the network")


def _country(value: str) -> str:
    if value.upper() not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError("is not a country (two letters, ISO 3166)")
    return value.upper()


def utc_offset(value: Any) -> float:
    found = _OFFSET.fullmatch(value) if isinstance(value, str) else None
    offset = int(found[2]) * 3_600 + int(found[3]) * 60 if found else 0
    if found is None or offset > 14 * 3_600:
        raise ValueError("is not an offset from UTC such as +01:00")
    return float(-offset if found[1] == "-" else offset)


def _pattern(value: str) -> str:
    if not value or "*" in value[:-1]:
        raise ValueError("must be an address, or its beginning and *")
    return value


def _prefix(value: str) -> str:
    if value and not (value.isascii() and value.isdecimal() and len(value) <= 15):
        raise ValueError("must be the first digits of numbers, as 243, or empty for any")
    return value


def _system_id(value: str) -> str:
    if not (value.isascii() and value.isprintable() and 1 <= len(value) <= 15):
        raise ValueError("must be 1 to 15 printable ASCII characters")
    return value


def _unique_system_id(value: str, info: ValidationInfo) -> str:
    if (context_of(info).system_ids or ()).count(value) > 1:
        raise ValueError("is the system_id of more than one account")
    return value


def _known_account(value: str, info: ValidationInfo) -> str:
    return _known(value, context_of(info).system_ids, "no account has this system_id")


def _known_provider(value: str, info: ValidationInfo) -> str:
    return _known(value, context_of(info).providers, "no provider has this name")


def _known(value: str, names: tuple[str, ...] | None, message: str) -> str:
    if names is not None and value not in names:
        raise ValueError(message + suggestion(value, names))
    return value


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return the known word nearest to *word*, as the end of a message; "" if none is near."""
    near = get_close_matches(word, list(known), 1)
    return f"; did you mean {near[0]}?" if near else ""


def _endpoint(value: str, info: ValidationInfo) -> str:
    here = endpoints.parse(value)
    for name in here.files:
        _readable(Path(name))
    if sum(_clash(here, other) for other in context_of(info).endpoints) > 1:
        raise ValueError("is listened on twice")
    return value


def _clash(here: endpoints.Endpoint, text: str) -> bool:
    try:
        return here.clashes(endpoints.parse(text))
    except endpoints.BadEndpoint:
        return False


def _readable(path: Path) -> str:
    """Return the first octets of a file as text; raises ValueError."""
    try:
        with path.open("rb") as file:
            return file.read(1_048_576).decode("ascii", "replace")
    except OSError as error:
        raise ValueError(f"the file cannot be read: {error.strerror}") from None


def _certificates(value: str, info: ValidationInfo) -> str:
    path = context_of(info).folder / value
    if "-----BEGIN CERTIFICATE-----" not in _readable(path):
        raise ValueError("the file holds no certificate in PEM")
    return str(path)


def _url(*schemes: str) -> Callable[[str], str]:
    starts = " or ".join(f"{scheme}://" for scheme in schemes)

    def check(value: str) -> str:
        try:
            parts = urlsplit(value)
            good = parts.scheme in schemes and parts.hostname and parts.port != 0
        except ValueError:
            good = False
        if not good or not value.isprintable() or " " in value:
            raise ValueError(f"must be a URL that begins with {starts}")
        return value

    return check


LONGEST_SOCKET = 100
"""Octets of the path of a unix socket: sockaddr_un has room for 108, zero included."""


def _socket(value: str) -> str:
    longest = LONGEST_SOCKET
    if not value.startswith("/") or not value.isprintable() or len(value.encode()) > longest:
        raise ValueError(f"must be a whole path of at most {longest} octets, or off")
    return value


def secret_text(value: Any, info: ValidationInfo) -> str:
    """Read a secret given as text or as {file: PATH}."""
    return secrets.clear_text(value, context_of(info).folder)


def _passwords(value: Any, info: ValidationInfo) -> tuple[Secret, ...]:
    given, folder = _listed(value), context_of(info).folder
    if not 1 <= len(given) <= _MOST_PASSWORDS:
        raise ValueError("must be one password, or two while it is changed: [new, old]")
    found = tuple(secrets.password(each, folder) for each in given)
    if len(set(found)) < len(found):
        raise ValueError("has the same password twice")
    return found


def _needs_tls(value: Any, info: ValidationInfo) -> Any:
    if value == "required" and not context_of(info).tls:
        raise ValueError("needs an ssl: listener in smpp.listen: nobody could bind")
    return value


def _certificate_name(value: Any, info: ValidationInfo) -> CertificateName:
    kind, _, text = value.partition(":") if isinstance(value, str) else ("", "", "")
    if kind not in get_args(NameKind) or not text.strip() or not text.isprintable():
        raise ValueError("must be a name such as cn:bank, subject:CN=bank,O=Bank, dns:..., uri:...")
    if not context_of(info).client_ca:
        raise ValueError("needs smpp.client_ca: who certifies clients")
    name = _subject(text) if kind == "subject" else text
    return CertificateName(cast(NameKind, kind), name)


def _subject(text: str) -> str:
    """Return a subject as it is read from a certificate."""
    from cryptography import x509  # most files have none

    try:
        return x509.Name.from_rfc4514_string(text).rfc4514_string()
    except ValueError:
        raise ValueError(
            "is no subject as `openssl x509 -noout -subject -nameopt RFC2253` prints it"
        ) from None


Off = BeforeValidator(_unless_off)
Text = Annotated[str, BeforeValidator(_exact_text)]
Transliterate = Literal["gsm"]
Count = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(gt=0)]
PollRate = Annotated[float, Field(gt=0, le=500)]  # the bridge asks once a second, 500 at most
CreditLimit = Annotated[float, Field(ge=0)]
Duration = Annotated[float, Field(gt=0, le=3_650 * 86_400), BeforeValidator(seconds)]
SystemId = Annotated[Text, AfterValidator(_system_id)]
UniqueSystemId = Annotated[SystemId, AfterValidator(_unique_system_id)]
KnownAccount = Annotated[Text, AfterValidator(_known_account)]
KnownProvider = Annotated[Text, AfterValidator(_known_provider)]
Passwords = Annotated[tuple[Secret, ...], PlainValidator(_passwords)]
TlsDemand = Annotated[Literal["required", "optional"], AfterValidator(_needs_tls)]
CertificateNames = Annotated[
    tuple[Annotated[CertificateName, PlainValidator(_certificate_name)], ...],
    BeforeValidator(_some),
]
SecretText = Annotated[str, PlainValidator(secret_text)]
Networks = tuple[Annotated[Network, PlainValidator(_network)], ...]
Prefix = Annotated[Text, AfterValidator(_prefix)]
Patterns = tuple[Annotated[Text, AfterValidator(_pattern)], ...]
Country = Annotated[str, AfterValidator(_country)]
UtcOffset = Annotated[float, PlainValidator(utc_offset)]
Endpoints = Annotated[
    tuple[Annotated[str, AfterValidator(_endpoint)], ...],
    Field(min_length=1),
    BeforeValidator(_listed),
]
Certificates = Annotated[str, AfterValidator(_certificates)]
PublicUrl = Annotated[str, AfterValidator(_url("https", "http"))]
ProxyUrl = Annotated[str, AfterValidator(_url("http", "https", "socks5", "socks5h"))]
AdminSocket = Annotated[str, AfterValidator(_socket)]
OneOrList = BeforeValidator(_listed)

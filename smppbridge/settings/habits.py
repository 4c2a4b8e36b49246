"""The settings of an account about the habits of its stack."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from smppbridge.model import habits as model
from smppbridge.settings.section import Section
from smppbridge.settings.values import Duration, OneOrList, is_off

if TYPE_CHECKING:
    from smppbridge.settings.account import AccountSection

_VERSIONS = {"as_bound": 0, "3.3": 0x33, "3.4": 0x34, "5.0": 0x50}
_HIGHEST = 255


def _version(value: Any) -> Any:
    return f"{value:.1f}" if isinstance(value, float) else value


def _octet(value: Any) -> Any:
    """Read an octet written in decimal, or in hex after 0x."""
    if not isinstance(value, str):
        return value
    try:
        return int(value, 16 if value[:2].lower() == "0x" else 10)
    except ValueError:
        raise ValueError(f"{value} is not a number from 0 to 255, as 8 or 0xF1") from None


def _octets(value: Any) -> Any:
    """Read a mapping of octets: the keys of a file are text."""
    if not isinstance(value, dict):
        return value
    found: dict[Any, Any] = {}
    for key, meant in value.items():
        octet = _octet(key)
        if octet in found:
            raise ValueError(f"has {key} twice")
        found[octet] = _octet(meant)
    return found


InterfaceVersion = Annotated[Literal["as_bound", "3.3", "3.4", "5.0"], BeforeValidator(_version)]
Octet = Annotated[int, Field(ge=0, le=_HIGHEST)]
DataCodings = Annotated[dict[Octet, Octet], BeforeValidator(_octets)]
Forgiven = Annotated[tuple[model.Forgiven, ...], OneOrList]
OwnTimer = Annotated[
    Duration | Literal["common", "off"],
    BeforeValidator(lambda value: "off" if value is None or is_off(value) else value),
]
OwnDuration = Duration | Literal["common"]


class NumberingPlanSection(Section):
    """The TON and NPI of addresses that come without."""

    ton: Annotated[int, Field(ge=0, le=6)] = Field(
        default=0, description="Type of number where the client says 0, as 1 (international)"
    )
    npi: Annotated[int, Field(ge=0, le=18)] = Field(
        default=0, description="Numbering plan where the client says 0, as 1 (ISDN)"
    )

    def plan(self) -> model.NumberingPlan:
        """Return the model's record."""
        return model.NumberingPlan(self.ton, self.npi)


class AddressesSection(Section):
    """The TON and NPI of source and destination addresses that come without."""

    source: NumberingPlanSection = Field(
        default=NumberingPlanSection(), description="Of source addresses that are digits"
    )
    destination: NumberingPlanSection = Field(
        default=NumberingPlanSection(), description="Of destination addresses"
    )


def habits_of(account: AccountSection) -> model.Habits:
    """Return the model's record of an account's habits."""
    return model.Habits(
        interface_version=_VERSIONS[account.interface_version],
        forgives=frozenset(account.forgives),
        two_texts=account.two_texts,
        detect_udh=account.detect_udh,
        registered_delivery=account.registered_delivery,
        source=account.addresses.source.plan(),
        destination=account.addresses.destination.plan(),
        data_codings=account.data_codings,
        enquire_link=_seconds(account.enquire_link),
        inactivity=_seconds(account.inactivity),
        response=_seconds(account.response),
    )


def _seconds(timer: float | str) -> float | None:
    return {"common": None, "off": math.inf}[timer] if isinstance(timer, str) else timer

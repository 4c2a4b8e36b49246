"""The paths of SMS.CX's simulator about an account: all but submissions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from twisted.web.server import Request

from smppbridge.simulators.serving import wall_of
from smppbridge.simulators.smscx.access import SCOPES
from smppbridge.simulators.smscx.bodies import (
    SmsCxFault,
    fields_of,
    invalid_param,
    moment,
    not_found,
    query_of,
    written,
)
from smppbridge.simulators.smscx.books import (
    CHARGED_LOOKUP,
    PRICE,
    BookedMessage,
    Books,
    country_of,
    number_in,
    page_of,
)
from smppbridge.simulators.smscx.submission import is_uuid

CURRENCY = "eur"
_APPLICATION = "5f1d7c3e-8a42-4b90-9e6d-2c7b1a0f4d01"
_OPERATORS = {"KE": ("Safaricom", "Airtel"), "FR": ("Orange", "SFR"), "GB": ("EE", "O2")}
_TRAFFIC = ("transactional", "promotional", "2way")
_PERIOD = re.compile(r"\d{4}(-\d\d)?", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_ORIGINATOR = re.compile(r"[0-9]{3,15}|(?=.*[A-Za-z])[A-Za-z0-9 ]{3,11}", re.ASCII)
_MOST_NUMBERS = 40_000


class AccountPaths:
    """Answers from the *books*; each method is one path, and raises SmsCxFault."""

    def __init__(self, reactor: Any, books: Books) -> None:
        self._wall, self._books = wall_of(reactor), books

    # -- reports --------------------------------------------------------------------------------

    def report(self, request: Request, msg_id: str) -> bytes:
        """Answer GET /reports/single/{msgId}."""
        if not is_uuid(msg_id):
            raise invalid_param(1165, "The msgId is not valid")
        sms = self._books.messages.get(msg_id)
        if sms is None:
            raise not_found(1160, "There is no such message")
        return written(request, {"data": sms.report(self._wall())})

    def reports(self, request: Request) -> bytes:
        """Answer GET /reports, newest first."""
        query, now = query_of(request), self._wall()
        found = [
            sms
            for sms in reversed(self._books.messages.values())
            if _in_days(sms, query) and _filtered(sms, query, now)
        ]
        page, paging = page_of(found, query)
        info = {
            "totalPhoneNumbers": len(found),
            "totalCost": round(sum(sms.cost for sms in found), 6),
            "totalParts": sum(sms.analysis["parts"] for sms in found),
        }
        short = query.get("short_response") == "true"
        data = [] if short else [sms.report(now) for sms in page]
        return written(request, {"info": info, "data": data, "paging": paging})

    # -- account --------------------------------------------------------------------------------

    def balance(self, request: Request) -> bytes:
        """Answer GET /account/balance."""
        credit = self._books.credit
        return written(request, {"balance": credit, "currency": CURRENCY, "billing": "prepaid"})

    def channels(self, request: Request) -> bytes:
        """Answer GET /account/channels/status."""
        closed = {"viber": False, "whatsapp": False, "multichannel": False}
        return written(request, {"sms": True, **closed})

    def pricing(self, request: Request, channel: str, traffic: str, country: str = "") -> bytes:
        """Answer GET /account/pricing/{channel}/{traffic}[/{countryIso}]."""
        if channel not in ("sms", "viber", "whatsapp"):
            raise invalid_param(1521, "The channel is not valid")
        if traffic not in _TRAFFIC:
            raise invalid_param(1522, "The traffic type is not valid")
        if channel != "sms":
            raise SmsCxFault(403, "access_denied", 1523, "The channel is not open")
        prices = {name: dict.fromkeys(operators, PRICE) for name, operators in _OPERATORS.items()}
        wanted = {country.upper()} if country else set(prices)
        return written(request, {name: prices[name] for name in prices if name in wanted})

    def applications(self, request: Request) -> bytes:
        """Answer GET /applications."""
        return written(request, {"data": [self._application()]})

    def application(self, request: Request, identifier: str) -> bytes:
        """Answer GET /applications/{id}."""
        if identifier != _APPLICATION:
            raise not_found(1500, "There is no such application")
        callbacks = {"dlrCallback": None, "receiveCallback": None, "quietHours": None}
        return written(request, {"data": {**self._application(), "settings": {"sms": callbacks}}})

    def scopes(self, request: Request) -> bytes:
        """Answer GET /applications/scopes."""
        return written(request, list(SCOPES))

    # -- numbers --------------------------------------------------------------------------------

    def validate(self, request: Request, number: str) -> bytes:
        """Answer GET /numbers/validate/{phoneNumber}."""
        valid = number_in(number)
        if valid is None:
            raise invalid_param(1207, "The phone number is invalid", [number])
        return written(request, {"data": {"phoneNumber": valid, **_plan_of(valid)}})

    def validate_all(self, request: Request) -> bytes:
        """Answer POST /numbers/validate, in the order asked."""
        listed, country = _numbers(fields_of(request))
        data: list[dict[str, Any]] = []
        for one in listed:
            valid = number_in(one, country)
            fields = {"invalid": True} if valid is None else {"invalid": False, **_plan_of(valid)}
            data.append({"phoneNumber": valid or one, **fields})
        bad = sum(item["invalid"] for item in data)
        info = {"totalPhoneNumbers": len(data), "totalValid": len(data) - bad, "totalInvalid": bad}
        return written(request, {"info": info, "data": data})

    def lookup(self, request: Request, number: str) -> bytes:
        """Answer GET /numbers/lookup/{phoneNumber}, which costs credit."""
        valid = number_in(number)
        if valid is None:
            raise invalid_param(1207, "The phone number is invalid", [number])
        if self._books.credit < CHARGED_LOOKUP:
            raise SmsCxFault(400, "insufficient_credit", 1113, "There is not enough credit")
        self._books.credit = round(self._books.credit - CHARGED_LOOKUP, 6)
        country = country_of(valid)
        nowhere = dict.fromkeys(("countryIso", "countryName", "mcc", "mnc", "name"))
        fields = {
            "phoneNumber": valid,
            "lookupId": str(uuid4()),
            "cost": CHARGED_LOOKUP,
            "mcc": "639",
            "mccmnc": "63902",
            "countryIso": country,
            "countryName": country,
            "countryNameLocale": country,
            "status": "ACTIVE",
            "statusDescription": "The number is in use",
            "ported": False,
            "roaming": False,
            "originalNetwork": {"name": _plan_of(valid)["networkOperator"], "mnc": "02"},
            "portedNetwork": {"name": None, "mnc": None},
            "roamingNetwork": nowhere,
            "datetime": moment(self._wall()),
        }
        return written(request, {"data": fields})

    def inbound(self, request: Request, rent_id: str) -> bytes:
        """Answer GET /numbers/rent/{rentId}/inbound, newest first."""
        number = self._books.rented.get(rent_id)
        if number is None:
            raise not_found(1270, "There is no such rented number")
        came = [mo for mo in reversed(self._books.inbox.values()) if mo["to"] == number]
        page, paging = page_of(came, query_of(request))
        info = {"rentId": rent_id, "phoneNumber": number, "countryIso": country_of(number)}
        return written(request, {"info": info, "data": page, "paging": paging})

    # -- opt-outs and originators ---------------------------------------------------------------

    def optouts(self, request: Request) -> bytes:
        """Answer GET /optouts."""
        rows = list(self._books.optouts.values())
        page, paging = page_of(rows, query_of(request))
        info = {"id": _APPLICATION, "link": "https://sms.example/o/1", "total": len(rows)}
        return written(request, {"info": info, "data": page, "paging": paging})

    def add_optouts(self, request: Request) -> bytes:
        """Answer POST /optouts."""
        fields = fields_of(request)
        listed, country = _numbers(fields)
        valid = [number for one in listed if (number := number_in(one, country))]
        invalid = [one for one in listed if number_in(one, country) is None]
        if invalid and fields.get("allowInvalid") is not True:
            raise invalid_param(1210, "The phone numbers provided are invalid", invalid)
        new = dict.fromkeys(number for number in valid if number not in self._books.optouts)
        for number in new:
            self._books.opted_out(number, self._wall())
        info = {
            "totalValid": len(valid),
            "totalInvalid": len(invalid),
            "totalDuplicates": len(valid) - len(new),
            "totalPhoneNumbers": len(listed),
            "invalid": invalid,
        }
        return written(request, {"info": info})

    def delete_optout(self, request: Request, identifier: str) -> bytes:
        """Answer DELETE /optouts/{id}."""
        entries = self._books.optouts.values()
        entry = next((one for one in entries if str(one["id"]) == identifier), None)
        if entry is None:
            raise not_found(1202, "There is no such opt-out")
        if entry["optoutFrom"] == "link":
            raise SmsCxFault(403, "access_denied", 1443, "The contact opted out through a link")
        number = entry["phoneNumber"]
        del self._books.optouts[number]
        # The client wants text here, and a number in the list.
        return written(request, {"info": {"id": identifier, "phoneNumber": number}})

    def originators(self, request: Request) -> bytes:
        """Answer GET /originators."""
        return written(request, {"data": list(self._books.originators.values())})

    def add_originator(self, request: Request) -> bytes:
        """Answer POST /originators."""
        name = fields_of(request).get("originator")
        if not isinstance(name, str) or not name:
            raise invalid_param(1301, "The parameter originator is missing")
        if not _ORIGINATOR.fullmatch(name):
            raise invalid_param(1303, "The originator is not valid")
        known = self._books.originators
        if any(entry["originator"] == name for entry in known.values()):
            raise SmsCxFault(400, "duplicate_value", 1306, "The originator exists")
        identifier = self._books.identifier()
        known[identifier] = {
            "id": identifier,
            "originator": name,
            "isDefault": not known,
            "approved": True,
            "createdAt": moment(self._wall()),
        }
        return written(request, {"info": {"id": identifier, "originator": name}})

    def delete_originator(self, request: Request, identifier: str) -> bytes:
        """Answer DELETE /originators/{id}."""
        known = self._books.originators
        entry = known.pop(int(identifier), None) if identifier.isdecimal() else None
        if entry is None:
            raise not_found(1300, "There is no such originator")
        info = {"id": entry["id"], "originator": entry["originator"]}
        return written(request, {"info": info})

    def _application(self) -> dict[str, Any]:
        return {"applicationId": _APPLICATION, "name": "Simulated", "createdAt": moment(0.0)}


def _numbers(fields: Mapping[str, Any]) -> tuple[list[str], str | None]:
    listed, country = fields.get("phoneNumbers"), fields.get("countryIso")
    if not isinstance(listed, list) or not listed:
        raise invalid_param(1203, "The parameter phoneNumbers is missing")
    if len(listed) > _MOST_NUMBERS:
        raise invalid_param(1208, f"More than {_MOST_NUMBERS} numbers")
    return [str(one) for one in listed], country if isinstance(country, str) else None


def _plan_of(number: str) -> dict[str, str]:
    country = country_of(number)
    operator = _OPERATORS.get(country, ("",))[0]
    return {"countryIso": country, "networkOperator": operator, "timezone": "UTC"}


def _in_days(sms: BookedMessage, query: Mapping[str, str]) -> bool:
    start, end, period = (query.get(name) for name in ("start_date", "end_date", "period"))
    day = moment(sms.created_at)[:10]
    if start and end:
        if not (_DAY.fullmatch(start) and _DAY.fullmatch(end)):
            raise invalid_param(1821, "start_date or end_date is not valid")
        return start <= day <= end
    if not period or not _PERIOD.fullmatch(period):
        raise invalid_param(1820, "The period is not valid")
    return day.startswith(period)


def _filtered(sms: BookedMessage, query: Mapping[str, str], now: float) -> bool:
    status = sms.status_at(now)[0].lower()
    wanted = {
        "channel": "sms",
        "source": "api",
        "delivery_report": status,
        "country_iso": country_of(sms.to),
    }
    return all(query.get(name, value).lower() == value.lower() for name, value in wanted.items())

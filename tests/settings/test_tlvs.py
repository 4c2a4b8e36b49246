"""TLVs by name in the configuration."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from smppbridge.model.tlvs import DLT, NamedTlv
from smppbridge.providers.smpp.provider import Smpp
from smppbridge.settings.schema import Settings

ACCOUNT = {"system_id": "bank", "password": "secret12"}
UPSTREAM = {"type": "smpp", "host": "smsc.test", "system_id": "bank", "password": "sesame"}
BASE: dict[str, Any] = {"accounts": [ACCOUNT], "providers": {"up": UPSTREAM}}


def read(**keys: Any) -> Settings:
    return Settings.read(BASE | keys)


def faults(**keys: Any) -> list[tuple[tuple[Any, ...], str]]:
    with pytest.raises(ValidationError) as caught:
        read(**keys)
    return [
        (each["loc"], str(each.get("ctx", {}).get("error", each["msg"])))
        for each in caught.value.errors()
    ]


def named(settings: Settings) -> tuple[NamedTlv, ...]:
    return settings.records()["bank"].named_tlvs


def test_names_have_a_tag_a_type_a_length_and_an_echo() -> None:
    found = named(
        read(
            tlvs={
                "dlt_entity_id": {"echo": True},
                "campaign": {"tag": "0x1502", "type": "integer"},
                "hash": {"tag": 5122, "max": 64},
            }
        )
    )
    assert found == (
        NamedTlv("dlt_entity_id", 0x1400, "digits", 30, echo=True),
        NamedTlv("campaign", 0x1502, "integer", 4),
        NamedTlv("hash", 0x1402, "text", 64),
    )


def test_the_ids_of_dlt_are_checked_only_where_they_are_used() -> None:
    assert named(read()) == ()
    route = {"via": "up", "require": "dlt_entity_id"}
    assert named(read(routes=[route])) == (DLT["dlt_entity_id"],)
    given = {"dlt_template_id": 1107}
    assert named(read(accounts=[ACCOUNT | {"tlvs": given}])) == (DLT["dlt_template_id"],)
    other = read(tlvs={"reference": {"tag": "0x1400"}})
    assert [each.name for each in named(other)] == ["reference"]
    up = other.built_providers()["up"]
    assert isinstance(up, Smpp)
    assert [each.name for each in up.named_tlvs] == ["dlt_template_id", "reference"]


def test_values_of_account_and_route_reach_the_table() -> None:
    settings = read(
        tlvs={"campaign": {"tag": "0x1502", "type": "integer", "max": 2}},
        accounts=[ACCOUNT | {"tlvs": {"dlt_entity_id": "1101"}}, ACCOUNT | {"system_id": "shop"}],
        routes=[
            {
                "to": "91",
                "via": "up",
                "require": ["dlt_entity_id"],
                "tlvs": {"campaign": 5, "dlt_entity_id": "99"},
            },
            {"via": "up"},
        ],
    )
    find = settings.table().find
    bank, shop = find("bank", "x", "9199"), find("shop", "x", "9199")
    assert bank is not None
    assert shop is not None
    assert dict(bank.demands.given) == {0x1502: b"\0\5", 0x1400: b"1101\0"}
    assert dict(shop.demands.given) == {0x1502: b"\0\5", 0x1400: b"99\0"}
    assert bank.demands.required == shop.demands.required == (DLT["dlt_entity_id"],)
    assert find("bank", "x", "243").demands.given == ((0x1400, b"1101\0"),)
    assert find("shop", "x", "243").demands is None


@pytest.mark.parametrize(
    ("keys", "place", "message"),
    [
        ({"tlvs": {"x": {}}}, ("tlvs", "x"), "needs a tag, as {tag: 0x1402}"),
        ({"tlvs": {"x": {"tag": "y"}}}, ("tlvs", "x", "tag"), "must be a number such as 0x1400"),
        (
            {"tlvs": {"x": {"tag": 0x0424}}},
            ("tlvs", "x", "tag"),
            "is message_payload, which the bridge uses itself",
        ),
        (
            {"tlvs": {"x": {"tag": 0x10000}}},
            ("tlvs", "x", "tag"),
            "must be 0x0100 to 0xFFFF: vendors have 0x1400 to 0x3FFF",
        ),
        (
            {"tlvs": {"x": {"tag": 0x1400}, "dlt_entity_id": {}}},
            ("tlvs", "dlt_entity_id"),
            "has the tag of x",
        ),
        (
            {"tlvs": {"x": {"tag": 0x1500, "type": "integer", "max": 3}}},
            ("tlvs", "x"),
            "max of an integer is 1, 2, 4 or 8 octets",
        ),
        (
            {"accounts": [ACCOUNT | {"tlvs": {"dlt_entity": "1"}}]},
            ("accounts", 0, "tlvs", "dlt_entity"),
            "no TLV has this name under tlvs; did you mean dlt_entity_id?",
        ),
        (
            {"accounts": [ACCOUNT | {"tlvs": {"dlt_entity_id": "x"}}]},
            ("accounts", 0, "tlvs", "dlt_entity_id"),
            "is no value of dlt_entity_id: 1 to 30 digits",
        ),
        (
            {"accounts": [ACCOUNT | {"tlvs": ["dlt_entity_id"]}]},
            ("accounts", 0, "tlvs"),
            "must be names and values, as {dlt_entity_id: '1101234567890123456'}",
        ),
        (
            {"routes": [{"via": "up", "require": ["dlt_entity_id", "campaign"]}]},
            ("routes", 0, "require", 1),
            "no TLV has this name under tlvs",
        ),
        (
            {"providers": {"up": UPSTREAM | {"tlvs": "pass", "tlv_tags": {"x": 5400}}}},
            ("providers", "up", "tlv_tags"),
            "tlv_tags names x, and there is dlt_entity_id, dlt_template_id",
        ),
    ],
)
def test_faults_stand_at_their_keys(keys: Any, place: tuple[Any, ...], message: str) -> None:
    assert faults(**keys) == [(place, message)]

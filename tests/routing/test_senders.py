from __future__ import annotations

import pytest

from smppbridge.model.address import Address, source_address
from smppbridge.routing.senders import ANY_SENDER, SenderPolicy

ACME, NUMBER, LONG = (
    Address("ACME", 5, 0),
    Address("254722000001", 1, 1),
    Address("ABCDEFGHIJKL", 5),
)
KENYA, CHINA = "254733000001", "8613900000001"
NUMERIC = SenderPolicy(numeric="447700900001", numeric_to=("1", "86"))

# policy, source, destination -> what goes out (None: refused)
POLICIES = [
    (ANY_SENDER, ACME, KENYA, "ACME"),
    (ANY_SENDER, Address(""), KENYA, ""),
    (ANY_SENDER, LONG, KENYA, None),
    (SenderPolicy(too_long="cut"), LONG, KENYA, "ABCDEFGHIJK"),
    (SenderPolicy(too_long="replace", replace="INFO"), LONG, KENYA, "INFO"),
    (SenderPolicy(longest=12), LONG, KENYA, "ABCDEFGHIJKL"),
    (SenderPolicy(longest=3), NUMBER, KENYA, "254722000001"),
    (SenderPolicy(longest=3, too_long="replace", replace="INFO"), LONG, KENYA, None),
    (SenderPolicy(allowed=("BANK", "AC*")), ACME, KENYA, "ACME"),
    (SenderPolicy(allowed=("BANK",)), ACME, KENYA, None),
    (SenderPolicy(allowed=("ACM",)), ACME, KENYA, None),
    (SenderPolicy(allowed=("BANK",), replace="BANK"), ACME, KENYA, "BANK"),
    (SenderPolicy(allowed=("BANK",)), NUMBER, KENYA, None),
    (SenderPolicy(replace="BANK"), Address(""), KENYA, "BANK"),
    (SenderPolicy(replace="BANK"), ACME, KENYA, "ACME"),
    (NUMERIC, ACME, CHINA, "447700900001"),
    (NUMERIC, ACME, KENYA, "ACME"),
    (NUMERIC, NUMBER, CHINA, "254722000001"),
    (NUMERIC, LONG, CHINA, "447700900001"),
]


@pytest.mark.parametrize(("policy", "source", "number", "addr"), POLICIES)
def test_what_becomes_of_a_source_address(
    policy: SenderPolicy, source: Address, number: str, addr: str | None
) -> None:
    found = policy.apply(source, number)
    assert (found and found.addr) == addr
    if found is not None and found.addr != source.addr and policy.too_long != "cut":
        assert found == source_address(found.addr)


@pytest.mark.parametrize(
    ("addr", "ton", "npi"),
    [("ACME", 5, 0), ("+254722000001", 1, 1), ("254722000001", 1, 1), ("12345", 3, 0)],
)
def test_what_is_written_tells_its_type(addr: str, ton: int, npi: int) -> None:
    found = source_address(addr)
    assert (found.addr, found.ton, found.npi) == (addr.removeprefix("+"), ton, npi)

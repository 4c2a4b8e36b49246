from __future__ import annotations

import resource
import time
from pathlib import Path
from typing import Any

import pytest

from smppbridge.service import apply, descriptors
from smppbridge.service.listeners import beneath
from smppbridge.settings.schema import Settings
from tests.net.certificates import certify

# Twisted's own way with certificates
pytestmark = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL:DeprecationWarning")


def settings(listen: str = "tcp:2775", **more: Any) -> Settings:
    smpp = {"listen": listen, "max_connections": 3_000}
    keccel = {"type": "keccel", "token": "t", "concurrency": 40}
    return Settings.read({"smpp": smpp, "providers": {"a": keccel, "b": keccel}, **more})


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """What the process may have, last; what is set is appended."""
    held = [(1_024, 4_000)]
    monkeypatch.setattr(resource, "getrlimit", lambda which: held[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda which, pair: held.append(pair))
    return held


def test_descriptors_are_counted_by_the_limits() -> None:
    alone = descriptors.needed(settings())
    assert 3_000 + 80 < alone < 3_200
    both: dict[str, Any] = {"web": {}, "callbacks": {"max_connections": 700}}
    assert descriptors.needed(settings(**both)) == alone + 700 + 200
    node: dict[str, Any] = {
        "store": "postgresql://b@db/x",
        "node": {"listen": "tcp:8777", "key": "k"},
    }
    assert descriptors.needed(settings(**node)) == alone + 4_000
    behind = Settings.read({"smpp": {"max_connections": 3_000, "proxies": ["10.0.0.5"]}})
    assert descriptors.needed(behind) == alone - 80 + 3_000  # as many wait for their header


def test_few_descriptors_are_a_warning_with_both_numbers(limits: list[tuple[int, int]]) -> None:
    assert apply.warnings(settings(), 0.0) == []
    limits.append((1_024, 2_000))
    (found,) = apply.warnings(settings(), 0.0)
    assert found.key == "smpp.max_connections"
    assert "3,144" in found.message
    assert "2,000" in found.message
    limits.append((1_024, resource.RLIM_INFINITY))
    assert apply.warnings(settings(), 0.0) == []


def test_what_is_allowed_is_taken(limits: list[tuple[int, int]]) -> None:
    descriptors.claim()
    descriptors.claim()
    assert limits == [(1_024, 4_000), (4_000, 4_000)]


@pytest.mark.parametrize(
    ("begins", "ends", "words"),
    [
        (-9, 31, []),
        (-9, 29.6, ["expires in 30 days"]),
        (-9, -2.2, ["expired 2 days ago"]),
        (2, 90, ["is not valid yet"]),
    ],
)
def test_a_certificate_that_will_not_do_is_a_warning(
    tmp_path: Path, begins: float, ends: float, words: list[str]
) -> None:
    key, certificate = certify(tmp_path, begins=begins, ends=ends)
    listen = f"ssl:1:privateKey={key}:certKey={certificate}"
    both = settings(listen, web={"listen": ["tcp:2", listen.replace("ssl:1", "ssl:3")]})
    found = apply.warnings(both, time.time())
    assert [each.key for each in found] == ["smpp.listen", "web.listen"][: 2 * len(words)]
    for each in found:
        assert each.message == f"the certificate {certificate} {words[0]}"


def test_what_lies_below_tls_is_verified_too(tmp_path: Path) -> None:
    key, certificate = certify(tmp_path)
    bad = settings(f"ssl:1:privateKey={key}:certKey={certificate}:backlog=many")
    (found,) = apply.verify(bad, None)
    assert (found.key, "many" in found.message) == ("smpp.listen", True)
    listen = f"ssl:1:privateKey={key}:interface=\\:\\:1:backlog=7"
    assert beneath(listen) == "tcp:port=1:interface=\\:\\:1:backlog=7"
    assert beneath("tcp:1") == "tcp:1"


def test_a_certificate_that_cannot_be_served_is_a_fault(tmp_path: Path) -> None:
    key, certificate = certify(tmp_path)
    good = f"ssl:1:privateKey={key}:certKey={certificate}"
    both = settings(good)
    assert apply.verify(both, None) == []
    certificate.write_text("broken")
    (found,) = apply.verify(both, None)
    assert found.key == "smpp.listen"
    assert found.message == f"{certificate} holds no certificate that can be read"
    with pytest.raises(apply.NotApplied, match=str(certificate)):
        apply.read_certificates(both)

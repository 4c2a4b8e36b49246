"""The keys of doors: two passwords, TLS demanded, client certificates, balancers."""

from __future__ import annotations

import json
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from smppbridge.model.account import Secret
from smppbridge.model.channel import CertificateName
from smppbridge.settings.configuration import load
from smppbridge.settings.document import BadSettings
from smppbridge.settings.schema import Settings
from tests.net.certificates import certify

HASH = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$dGhpcyBpcyB0aGUgaGFzaCBvZg"


def read(folder: Path, account: Any = None, smpp: Any = None, **environment: str) -> Settings:
    """Load a file (JSON is YAML) with one account and an ssl: listener."""
    key, certificate = certify(folder)
    listen = [f"ssl:3550:privateKey={key}:certKey={certificate}"]
    values = {
        "smpp": {"listen": listen} if smpp is None else {"listen": listen} | smpp,
        "accounts": [{"system_id": "bank", "password": "secret"} | (account or {})],
        "providers": {"keccel": {"type": "keccel", "token": "${T}"}},
        "routes": [{"via": ["keccel"]}],
    }
    file = folder / "bridge.yaml"
    file.write_text(json.dumps(values, indent=1))
    file.chmod(0o600)
    return load(file, {"T": "t", **environment})


def faults(folder: Path, account: Any = None, smpp: Any = None) -> list[tuple[str, str]]:
    with pytest.raises(BadSettings) as raised:
        read(folder, account, smpp)
    return [(fault.key, fault.message) for fault in raised.value.faults]


@pytest.mark.parametrize(
    ("password", "wanted"),
    [
        ("new", [Secret("new")]),
        (["new"], [Secret("new")]),
        (["new", "old"], [Secret("new"), Secret("old")]),
        (["${NEW}", {"hash": HASH}], [Secret("n"), Secret(hashed=HASH)]),
        ([{"hash": HASH}, {"file": "old"}], [Secret(hashed=HASH), Secret("from a file")]),
    ],
)
def test_a_password_may_be_two_in_any_form(tmp_path: Path, password: Any, wanted: Any) -> None:
    (tmp_path / "old").write_text("from a file\n")
    record = read(tmp_path, {"password": password}, NEW="n").records()["bank"]
    assert list(record.passwords) == wanted
    assert "new" not in repr(record)
    assert "from a file" not in repr(record)


@pytest.mark.parametrize(
    ("password", "said"),
    [
        ([], "one password, or two"),
        (["a", "b", "c"], "one password, or two"),
        (["same", "same"], "has the same password twice"),
        (["new", ""], "is empty"),
        ([4711, "old"], "looks like a number"),
        (["new", {"file": "nowhere"}], "the file cannot be read"),
        ([["new", "old"], "older"], "must be text or {file: PATH}"),
        ([{"hash": "$1$x"}, "old"], "is not an argon2id hash"),
    ],
)
def test_what_is_no_pair_of_passwords(tmp_path: Path, password: Any, said: str) -> None:
    ((key, message),) = faults(tmp_path, {"password": password})
    assert key == "accounts[0].password"
    assert said in message


def test_each_of_two_passwords_is_doubted(tmp_path: Path) -> None:
    settings = read(tmp_path, {"password": ["short", "too long for 3.4"]})
    found = [(fault.key, fault.message) for fault in settings.warnings()]
    assert found == [
        ("accounts[0].password[1]", "SMPP 3.4 clients cannot send more than 8 characters")
    ]
    (tmp_path / "bridge.yaml").chmod(0o644)
    open_to_all = load(tmp_path / "bridge.yaml", {"T": "t"}).warnings()
    clear = "accounts[0].password[0] stands there in clear"
    assert any(clear in each.message for each in open_to_all)


@pytest.mark.parametrize(
    ("certificate", "wanted"),
    [
        ("cn:bank", ["cn:bank"]),
        ("cn:a: b", ["cn:a: b"]),
        ("dns:smpp.bank.example", ["dns:smpp.bank.example"]),
        (["uri:spiffe://x/bank", "cn:bank"], ["uri:spiffe://x/bank", "cn:bank"]),
        ("subject:CN=bank,O=Bank\\, Sons,C=CD", ["subject:CN=bank,O=Bank\\, Sons,C=CD"]),
        ("subject:CN = bank", None),
        ("off", []),
    ],
)
def test_a_certificate_is_named_by_kind(tmp_path: Path, certificate: Any, wanted: Any) -> None:
    _, authority = certify(tmp_path)
    smpp = {"client_ca": authority.name}
    if wanted is None:
        ((_, message),) = faults(tmp_path, {"certificate": certificate}, smpp)
        assert "-nameopt RFC2253" in message
        return
    record = read(tmp_path, {"certificate": certificate}, smpp).records()["bank"]
    assert [str(each) for each in record.certificate] == wanted
    assert all(isinstance(each, CertificateName) for each in record.certificate)


@pytest.mark.parametrize(
    "certificate", ["bank", "cn:", "cn: ", ":bank", "CN=bank", "ip:192.0.2.1", 7, "cn:a\tb", ["x"]]
)
def test_what_names_no_certificate(tmp_path: Path, certificate: Any) -> None:
    _, authority = certify(tmp_path)
    found = faults(tmp_path, {"certificate": certificate}, {"client_ca": str(authority)})
    assert len(found) == 1
    assert found[0][1].startswith("must be a name such as cn:bank")


def test_an_empty_list_of_certificates_is_refused(tmp_path: Path) -> None:
    _, authority = certify(tmp_path)
    found = faults(tmp_path, {"certificate": []}, {"client_ca": str(authority)})
    assert found == [("accounts[0].certificate", "must not be empty")]


CLEAR = {"listen": "tcp:2775"}


@pytest.mark.parametrize(
    ("account", "smpp", "wanted"),
    [
        ({"certificate": "cn:bank"}, None, "accounts[0].certificate: needs smpp.client_ca"),
        ({"certificate": "cn:bank"}, {"client_ca": None},
         "accounts[0].certificate: needs smpp.client_ca"),
        ({"tls": "required"}, CLEAR, "accounts[0].tls: needs an ssl: listener"),
        ({}, CLEAR | {"client_ca": "certificate.pem"}, "smpp.client_ca: needs an ssl: listener"),
        ({}, {"client_ca": "key.pem"}, "smpp.client_ca: the file holds no certificate"),
        ({}, {"client_ca": "nowhere.pem"}, "smpp.client_ca: the file cannot be read"),
        ({"tls": "yes"}, None, "accounts[0].tls: must be 'required' or 'optional'"),
        ({}, {"proxies": ["10.0.0.5/8"]}, "smpp.proxies[0]: has bits set"),
        ({}, {"proxies": ["balancer.example"]}, "smpp.proxies[0]: is not an address"),
    ],
)  # fmt: skip
def test_a_door_that_nobody_could_come_through_is_a_fault(
    tmp_path: Path, account: Any, smpp: Any, wanted: str
) -> None:
    found = faults(tmp_path, account, smpp)
    ((key, message),) = found
    assert f"{key}: {message}".startswith(wanted)


def test_doors_are_open_as_they_were_unless_something_is_said(tmp_path: Path) -> None:
    settings = read(tmp_path)
    record = settings.records()["bank"]
    assert (record.tls, record.certificate, record.old_password) == (False, (), None)
    assert (settings.smpp.client_ca, settings.smpp.proxies) == (None, ())
    more = read(tmp_path, {"tls": "required"}, {"proxies": ["10.0.0.5", "2001:db8::/64"]})
    assert more.records()["bank"].tls
    assert more.smpp.proxies == (ip_network("10.0.0.5/32"), ip_network("2001:db8::/64"))


def test_everybody_as_a_balancer_is_doubted(tmp_path: Path) -> None:
    settings = read(tmp_path, smpp={"proxies": ["10.0.0.5/32", "0.0.0.0/0", "::/0"]})
    doubted = [fault.key for fault in settings.warnings()]
    assert doubted == ["smpp.proxies[1]", "smpp.proxies[2]"]

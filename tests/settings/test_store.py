"""The store in the configuration, and this bridge as a node of several."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from smppbridge.settings.configuration import load
from smppbridge.settings.document import BadSettings
from smppbridge.settings.in_force import differences, listed
from smppbridge.settings.schema import Settings
from smppbridge.settings.store import StoreSection, place_of

ENVIRONMENT = {"PW": "s3cr@t/x"}
SECRETS = ("geheim", "s3cr", "%40t", "@t")
DATABASE = "postgresql://bridge@db1,db2/sms"


def read(folder: Path, text: str) -> Settings:
    file = folder / "bridge.yaml"
    file.write_text(f"{text}\n")
    return load(file, ENVIRONMENT)


def faults(folder: Path, text: str) -> dict[str, str]:
    with pytest.raises(BadSettings) as caught:
        read(folder, text)
    return {fault.key: fault.message for fault in caught.value.faults}


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("retention: 1d", "/var/lib/smppbridge/bridge.db"),
        ("store: sqlite:/a b/c.db", "/a b/c.db"),
        ("store: sqlite:c.db", "c.db"),
        ("store: {url: 'sqlite:/c.db'}", "/c.db"),
    ],
)
def test_a_file_is_given_alone_or_as_its_url(tmp_path: Path, text: str, address: str) -> None:
    store = read(tmp_path, text).store
    assert (store.is_shared, store.address, store.place) == (False, address, address)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (f"store: {DATABASE}", DATABASE),
        ("store: postgres:///sms?host=/run/postgresql", "postgres:///sms?host=/run/postgresql"),
        ("store: 'postgresql://[::1]:5432,h:1/sms'", "postgresql://[::1]:5432,h:1/sms"),
        (
            "store: postgresql://bridge:geheim@db1,db2/sms?target_session_attrs=read-write",
            f"{DATABASE}?target_session_attrs=read-write&password=geheim",
        ),
        (
            f"store: {DATABASE}?password=geheim&sslmode=verify-full",
            f"{DATABASE}?sslmode=verify-full&password=geheim",
        ),
        ("store: postgresql://bridge:${PW}@db1,db2/sms", f"{DATABASE}?password=s3cr%40t%2Fx"),
        (
            "store: postgresql://bridge:s3cr%40t%2fx@db1,db2/sms",
            f"{DATABASE}?password=s3cr%40t%2Fx",
        ),
        (f"store: {{url: '{DATABASE}', password: '${{PW}}'}}", f"{DATABASE}?password=s3cr%40t%2Fx"),
        (f"store: {{url: '{DATABASE}', password: {{file: pw}}}}", f"{DATABASE}?password=geheim"),
        ("store: postgresql://bridge:@db1,db2/sms", DATABASE),
    ],
)
def test_a_database_has_its_password_in_the_address_alone(
    tmp_path: Path, text: str, address: str
) -> None:
    (tmp_path / "pw").write_text("geheim\n")
    settings = read(tmp_path, text)
    store = settings.store
    joint = "&" if "?" in address else "?"  # what is written is UTF-8, whatever the server prefers
    assert (store.is_shared, store.address) == (True, f"{address}{joint}client_encoding=UTF8")
    shown = [repr(settings), str(store), store.url, store.place]
    shown += [each.value for each in listed(settings)]
    shown += [repr(each) for each in listed(settings)]
    shown += [repr(each) for each in differences(Settings(), settings)]
    assert not [line for line in shown for secret in SECRETS if secret in line]


def test_the_settings_of_a_database_have_their_defaults(tmp_path: Path) -> None:
    store = read(tmp_path, f"store: {DATABASE}").store
    assert (store.synchronous, store.partitions_ahead) == ("require", 14)
    store = read(tmp_path, f"store: {{url: '{DATABASE}', synchronous: off}}").store
    assert store.synchronous == "off"


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        ("store: mysql://db/x", "store", "must be sqlite: and the path of a file, or postgresql:"),
        ("store: 'sqlite::memory:'", "store", "must be sqlite: and the path"),
        ("store: postgresql:sms", "store", "must be as postgresql://bridge@db1,db2/smppbridge"),
        ("store: 'postgresql://db /x'", "store", "has no blanks"),
        ("store: postgresql://bridge:gehe?im@db/x", "store", "%40"),
        ("store: postgresql://db:geheim/x", "store", "%40"),
        ("store: 5", "store", "must be keys and values"),
        ("store: {password: geheim}", "store.url", "is required"),
        (f"store: {{url: '{DATABASE}', passwort: x}}", "store.passwort", "did you mean password"),
        (f"store: {{url: '{DATABASE}', password: ''}}", "store.password", "is empty"),
        (f"store: {{url: '{DATABASE}', password: 5}}", "store.password", "put it in quotes"),
        (f"store: {{url: '{DATABASE}', password: {{file: no}}}}", "store.password", "cannot be"),
        ("store: {url: 'postgresql://a:geheim@db/x', password: y}", "store.password", "URL too"),
        (f"store: {{url: '{DATABASE}', synchronous: maybe}}", "store.synchronous", "must be"),
        (f"store: {{url: '{DATABASE}', partitions_ahead: 2}}", "store.partitions_ahead", "3"),
        ("store: {url: 'sqlite:/x', password: geheim}", "store.password", "only for a store on"),
        ("store: {url: 'sqlite:/x', synchronous: off}", "store.synchronous", "only for a store on"),
        ("node: {name: a}", "node", "is only for a store on PostgreSQL"),
        ("store: sqlite:/x\nnode: {}", "node", "is only for a store on PostgreSQL"),
        (f"store: {DATABASE}\nnode: {{name: a b}}", "node.name", "must be letters, digits"),
        (f"store: {DATABASE}\nnode: {{name: {'a' * 31}}}", "node.name", "30 at most"),
        (f"store: {DATABASE}\nnode: {{lease: 1s}}", "node.lease", "must be 2s to 300s"),
        (f"store: {DATABASE}\nnode: {{lease: 1h}}", "node.lease", "must be 2s to 300s"),
        (f"store: {DATABASE}\nnode: {{address: 'http://x:1'}}", "node.address", "needs a key"),
        (f"store: {DATABASE}\nnode: {{address: 'x:1', key: k}}", "node.address", "must be as http"),
        (
            f"store: {DATABASE}\nnode: {{address: 'http://geheim@x', key: k}}",
            "node.address",
            "user",
        ),
        (f"store: {DATABASE}\nnode: {{address: 'http://x/a', key: k}}", "node.address", "path"),
        (f"store: {DATABASE}\nnode: {{address: 'http://x', key: k}}", "node.address", "listen"),
        (f"store: {DATABASE}\nnode: {{listen: 'tcp:1'}}", "node.listen", "needs a key"),
        (f"store: {DATABASE}\nnode: {{listen: [], key: k}}", "node.listen", "empty"),
        (f"store: {DATABASE}\nnode: {{listen: 'tcp:2775', key: k}}", "node.listen", "twice"),
        (f"store: {DATABASE}\nnode: {{listen: x, key: k}}", "node.listen", "must begin with"),
        (f"store: {DATABASE}\nnode: {{key: k, ca_file: no}}", "node.ca_file", "no"),
    ],
)
def test_a_fault_names_its_key_and_quotes_no_secret(
    tmp_path: Path, text: str, key: str, message: str
) -> None:
    found = faults(tmp_path, text)
    assert list(found) == [key]
    assert message in found[key]
    assert "gehe" not in found[key]


def test_a_node_has_a_name_and_a_lease(tmp_path: Path) -> None:
    text = "node: {name: a-1, address: 'http://10.0.0.5:8777/', key: geheim, lease: 4s,"
    text += " listen: tcp:8777}"
    settings = read(tmp_path, f"store: {DATABASE}\n{text}")
    node = settings.node
    assert node is not None
    assert (node.called, node.address, node.lease) == ("a-1", "http://10.0.0.5:8777", 4.0)
    assert node.listen == ("tcp:8777",)
    assert "geheim" not in repr(settings)
    assert dict(_listed(settings))["node.key"] == "secret"


@pytest.mark.parametrize(
    ("host", "called"),
    [("db1.example.org", "db1"), ("bänk_1", "b-nk-1"), ("_", "node"), ("x" * 64, "x" * 30)],
)
def test_a_node_without_a_name_is_called_as_its_machine_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, called: str
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: host)
    node = read(tmp_path, f"store: {DATABASE}\nnode: {{lease: 2s}}").node
    assert node is not None
    assert (node.called, node.lease) == (called, 2.0)


@pytest.mark.parametrize(
    ("text", "origin", "value"),
    [
        ("store: sqlite:/c.db", "bridge.yaml:1", "sqlite:/c.db"),
        (f"store: {DATABASE}?sslmode=require", "bridge.yaml:1", f'"{DATABASE}"'),
        ("store: postgresql://bridge:${PW}@db1,db2/sms", "env", f'"{DATABASE}"'),
    ],
)
def test_a_store_given_as_a_url_is_listed_as_one(
    tmp_path: Path, text: str, origin: str, value: str
) -> None:
    found = [each for each in listed(read(tmp_path, text)) if each.key.startswith("store")]
    assert [(each.key, each.value, each.origin) for each in found] == [("store", value, origin)]


def test_a_store_given_by_keys_is_listed_by_keys(tmp_path: Path) -> None:
    settings = read(tmp_path, f"store: {{url: '{DATABASE}?sslmode=require', password: geheim}}")
    assert _listed(settings)[:2] == [
        ("store.url", '"postgresql://...@db1,db2/sms?..."'),
        ("store.password", "secret"),
    ]


def test_another_password_is_a_difference_that_does_not_show(tmp_path: Path) -> None:
    old = read(tmp_path, "store: postgresql://bridge:geheim@db1,db2/sms")
    new = read(tmp_path, "store: postgresql://bridge:geheim2@db1,db2/sms")
    [changed] = differences(old, new)
    assert (changed.key, changed.old, changed.new) == ("store", f'"{DATABASE}"', f'"{DATABASE}"')


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("/c.db", "/c.db"),
        ("/what?.db", "/what?.db"),
        ("postgresql://a:geheim@db/x?password=y", "postgresql://a@db/x"),
        ("postgres://db/x", "postgres://db/x"),
    ],
)
def test_the_place_of_a_store_has_no_secret(address: str, place: str) -> None:
    assert place_of(address) == place


def test_settings_of_a_program_have_a_store_by_its_url() -> None:
    settings = Settings.read({"store": "sqlite:x.db"})
    assert settings.store == StoreSection(url="sqlite:x.db")


def _listed(settings: Settings) -> list[tuple[str, Any]]:
    return [
        (each.key, each.value)
        for each in listed(settings)
        if each.key.startswith(("store", "node"))
    ]

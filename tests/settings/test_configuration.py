from __future__ import annotations

import stat
from collections.abc import Sequence
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smppbridge.model.account import Secret
from smppbridge.routing.table import Table
from smppbridge.service.rules import lane_rules_of, poll_rules_of
from smppbridge.settings.configuration import load
from smppbridge.settings.document import BadSettings, Fault
from smppbridge.settings.example import tables
from smppbridge.settings.schema import Settings

SECRET = "hunter2-hunter2"
ENVIRONMENT = {"SECRET": SECRET}


def route(table: Table, *about: str) -> tuple[str, ...]:
    """Return the providers that a message goes to."""
    choice = table.find(*about)
    return choice.via if choice else ()


def loaded(folder: Path, text: str) -> Settings:
    path = folder / "bridge.yaml"
    path.write_text(text)
    path.chmod(0o600)
    return load(path, ENVIRONMENT)


def faults_of(folder: Path, text: str) -> tuple[Fault, ...]:
    with pytest.raises(BadSettings) as caught:
        loaded(folder, text)
    return caught.value.faults


def account(**keys: str) -> str:
    given = {"system_id": "bank", "password": "secret"} | keys
    return "accounts:\n  - " + "\n    ".join(f"{key}: {value}" for key, value in given.items())


def keccel(**keys: str) -> str:
    given = {"type": "keccel", "token": "secret"} | keys
    return "providers:\n  k:\n" + "".join(f"    {key}: {value}\n" for key, value in given.items())


@pytest.mark.parametrize(("written", "wanted"), [("gsm", True), ("off", False), ("null", False)])
def test_transliteration_of_a_route_and_of_a_provider(
    written: str, wanted: bool, tmp_path: Path
) -> None:
    text = keccel(transliterate=written) + f"routes: [{{via: k, transliterate: {written}}}]"
    settings = loaded(tmp_path, text)
    choice = settings.table().find("bank", "BANK", "243810000001")
    assert choice is not None
    assert choice.transliterates is wanted
    assert lane_rules_of(settings.providers["k"]).addressing.transliterates is wanted


@pytest.mark.parametrize(("written", "grace"), [("90s", 90.0), ("off", None), ("", 10.0)])
def test_how_long_a_report_may_come_after_the_validity(
    written: str, grace: float | None, tmp_path: Path
) -> None:
    entry = loaded(tmp_path, keccel(**{"report_grace": written} if written else {}))
    provider = entry.providers["k"]
    assert (provider.lane.reports, poll_rules_of(provider).report_grace) == ("poll", grace)
    assert lane_rules_of(provider).policy.report_grace == grace
    silent = loaded(tmp_path, keccel(reports="none")).providers["k"]
    assert lane_rules_of(silent).policy.report_grace is None  # no report to wait for


def test_a_grace_that_is_none(tmp_path: Path) -> None:
    [fault] = faults_of(tmp_path, keccel(report_grace="soon"))
    assert (fault.line, fault.key) == (5, "providers.k.report_grace")
    assert fault.message.startswith("is not a duration")


@pytest.mark.parametrize("odd", ["ascii", "true", "GSM"])
def test_a_transliteration_that_is_none(odd: str, tmp_path: Path) -> None:
    text = keccel(transliterate=odd) + f"routes: [{{via: k, transliterate: {odd}}}]"
    faults = faults_of(tmp_path, text)
    assert {(f.key, f.message) for f in faults} == {
        ("providers.k.transliterate", "must be 'gsm'"),
        ("routes[0].transliterate", "must be 'gsm'"),
    }


def test_an_empty_file_is_all_defaults(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "")
    assert settings.smpp.listen == ("tcp:2775",)
    assert (settings.web, settings.callbacks) == (None, None)
    assert [fault.key for fault in settings.warnings()] == ["accounts", "providers", "routes"]


@pytest.mark.parametrize(
    ("keys", "alphabet", "packed"),
    [({}, "gsm7", False), ({"data_coding_0": "gsm7_packed"}, "gsm7", True)],
)
def test_packed_septets_are_gsm7(
    tmp_path: Path, keys: dict[str, str], alphabet: str, packed: bool
) -> None:
    record = loaded(tmp_path, account(**keys)).records()["bank"]
    assert (record.alphabet_0, record.packed) == (alphabet, packed)
    assert (record.detect_ucs2, record.detect_utf8) == (False, False)


def test_an_account_may_mislabel_its_texts(tmp_path: Path) -> None:
    record = loaded(tmp_path, account(detect_ucs2="true", detect_utf8="true")).records()["bank"]
    assert (record.detect_ucs2, record.detect_utf8) == (True, True)


def test_an_account_becomes_a_record(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("from file\n")
    text = account(
        password="{file: password}",
        binds="{total: 6, receiver: 2}",
        window="5",
        throughput="12.5",
        allow_from="[10.0.0.0/8, '2001:db8::/32']",
        senders="[1234, BANK*]",
        country="NO",
        data_coding_0="utf8",
        data_coding_8="utf8",
        gather="{timeout: 1m, when_incomplete: send}",
        receipts='{text: no, utc_offset: "-02:30"}',
        validity="2d",
    )
    record = loaded(tmp_path, text).records()["bank"]
    assert record.password == Secret(clear="from file")
    assert (record.binds, record.binds_receiver, record.binds_transmitter) == (6, 2, None)
    assert (record.window, record.deliver_window, record.throughput) == (5, 10, 12.5)
    assert record.allow_from == (ip_network("10.0.0.0/8"), ip_network("2001:db8::/32"))
    assert record.senders == ("1234", "BANK*")
    assert (record.country, record.alphabet_0, record.alphabet_3) == ("NO", "utf8", "latin1")
    assert (record.alphabet_1, record.alphabet_8) == ("ia5", "utf8")
    assert (record.gather_timeout, record.when_incomplete) == (60.0, "send")
    assert (record.receipts.quotes, record.receipts.utc_offset) == (False, -9_000)
    assert record.validity == 172_800.0


def test_absent_means_any_and_empty_means_none(tmp_path: Path) -> None:
    assert loaded(tmp_path, account()).records()["bank"].allow_from is None
    assert loaded(tmp_path, account(allow_from="[]")).records()["bank"].allow_from == ()
    assert loaded(tmp_path, account(binds="7")).records()["bank"].binds == 7


def test_routes_become_a_table(tmp_path: Path) -> None:
    text = (
        f"{account()}\n{keccel()}"
        "routes:\n"
        "  - {to: [243, '0'], via: [k]}\n"
        "  - {to: 25, via: k, accounts: [bank], senders: [BANK*]}\n"
    )
    table = loaded(tmp_path, text).table()
    assert route(table, "any", "X", "2431") == route(table, "any", "X", "01") == ("k",)
    assert route(table, "bank", "BANKER", "251") == ("k",)
    assert route(table, "bank", "X", "251") == route(table, "any", "BANK", "251") == ()


BAD = [
    ("smpp: 5", 1, "smpp", "must be keys and values"),
    ("[1, 2]", 0, "", "must be keys and values"),
    ("smpp:\n  lisen: x", 2, "smpp.lisen", "unknown key; did you mean listen?"),
    ("smpp:\n  zzzzz: x", 2, "smpp.zzzzz", "unknown key"),
    ("acounts: []", 1, "acounts", "unknown key; did you mean accounts?"),
    ("smpp:\n  listen: 2775", 2, "smpp.listen", "must be text"),
    ("smpp:\n  listen: []", 2, "smpp.listen", "must not be empty"),
    (
        "smpp:\n  listen: [tcp:1, 'haproxy:tcp:1']",
        2,
        "smpp.listen[1]",
        "list the balancers in smpp.proxies",
    ),
    ("smpp:\n  listen: ssl:1:privateKey=/nowhere", 2, "smpp.listen", "file cannot be read"),
    ("smpp:\n  listen: ssl:1:certKey=/nowhere", 2, "smpp.listen", "needs privateKey=FILE"),
    ("smpp:\n\n  listen: [tcp:1, tcp:01]", 3, "smpp.listen[0]", "listened on twice"),
    ("web: {listen: tcp:2775}", 1, "web.listen", "listened on twice"),
    ("smpp: {system_id: sixteen-letters!}", 1, "smpp.system_id", "1 to 15"),
    ("smpp: {enquire_link: soon}", 1, "smpp.enquire_link", "is not a duration"),
    ("smpp: {response: off}", 1, "smpp.response", "is not a duration"),
    ("smpp: {response: true}", 1, "smpp.response", "is not a duration"),
    ("smpp: {response: 0}", 1, "smpp.response", "greater than 0"),
    ("smpp: {response: 5000d}", 1, "smpp.response", "less than"),
    ("smpp: {max_connections: 0}", 1, "smpp.max_connections", "greater than or equal to 1"),
    ("smpp: {max_connections: 1.5}", 1, "smpp.max_connections", "whole number"),
    ("store: postgresql:x", 1, "store", "must be as postgresql://bridge@db1,db2/smppbridge"),
    ("store: /var/lib/x", 1, "store", "must be sqlite:"),
    ("store: 'sqlite::memory:'", 1, "store", "must be sqlite:"),
    ("log: {level: loud}", 1, "log.level", "must be 'debug', 'info'"),
    ("callbacks: {public_url: sms.example.org}", 1, "callbacks.public_url", "https://"),
    ("accounts: {system_id: a}", 1, "accounts", "must be a list"),
    ("accounts:\n  - password: x", 2, "accounts[0].system_id", "is required"),
    (account(password=""), 3, "accounts[0].password", "must be text"),
    (account(password="12345678"), 3, "accounts[0].password", "in quotes"),
    (account(password="${NOWHERE}"), 3, "accounts[0].password", "NOWHERE is not set"),
    (account(password="{file: none}"), 3, "accounts[0].password", "cannot be read"),
    (account(password="{hash: x}"), 3, "accounts[0].password", "argon2id"),
    (account(system_id="über"), 2, "accounts[0].system_id", "ASCII"),
    (account(binds="many"), 4, "accounts[0].binds", "whole number"),
    (account(binds="{totl: 4}"), 4, "accounts[0].binds.totl", "did you mean total?"),
    (account(throughput="-1"), 4, "accounts[0].throughput", "greater than 0"),
    (account(throughput="inf"), 4, "accounts[0].throughput", "must be a"),
    (account(allow_from="10.0.0.0/8"), 4, "accounts[0].allow_from", "must be a list"),
    (account(allow_from="[10.0.0.1/8]"), 4, "accounts[0].allow_from[0]", "10.0.0.0/8 is the"),
    (account(allow_from="[lan]"), 4, "accounts[0].allow_from[0]", "is not an address"),
    (account(senders="['*X']"), 4, "accounts[0].senders[0]", "its beginning and *"),
    (account(country="XX"), 4, "accounts[0].country", "ISO 3166"),
    (account(data_coding_0="gsm8"), 4, "accounts[0].data_coding_0", "'gsm7'"),
    (account(detect_ucs2="maybe"), 4, "accounts[0].detect_ucs2", ""),
    (
        account(data_coding_0="gsm7_packed", detect_ucs2="true"),
        5,
        "accounts[0].detect_ucs2",
        "needs data_coding_0: gsm7, latin1, ia5",
    ),
    (
        account(data_coding_0="utf8", detect_utf8="true"),
        5,
        "accounts[0].detect_utf8",
        "needs data_coding_0: gsm7",
    ),
    (account(data_coding_1="gsm7_packed"), 4, "accounts[0].data_coding_1", "'gsm7'"),
    (account(data_coding_8="gsm7"), 4, "accounts[0].data_coding_8", "'ucs2'"),
    (account(receipts="{utc_offset: 1}"), 4, "accounts[0].receipts.utc_offset", "+01:00"),
    (account(gather="{timout: 1}"), 4, "accounts[0].gather.timout", "did you mean timeout?"),
    ("providers:\n  K: {type: keccel}", 2, "providers.K", "a-z 0-9"),
    ("providers:\n  k: keccel", 2, "providers.k", "must be keys and values"),
    ("providers:\n  k: {}", 2, "providers.k.type", "is required: one of d7, keccel"),
    ("providers:\n  k:\n    type: kecel", 3, "providers.k.type", "did you mean keccel?"),
    ("providers:\n  k:\n    type: keccel", 2, "providers.k.token", "is required"),
    (keccel(tokn="x"), 5, "providers.k.tokn", "did you mean token?"),
    (keccel(concurency="x"), 5, "providers.k.concurency", "did you mean concurrency?"),
    (keccel(token="[x]"), 4, "providers.k.token", "must be text or {file: PATH}"),
    (keccel(base_url="ftp://x"), 5, "providers.k.base_url", "https://"),
    (keccel(arguments="both"), 5, "providers.k.arguments", "'body' or 'query'"),
    (keccel(rate="0"), 5, "providers.k.rate", "greater than 0"),
    (keccel(concurrency="0"), 5, "providers.k.concurrency", "greater than or equal to 1"),
    (keccel(when_uncertain="retry"), 5, "providers.k.when_uncertain", "could send twice"),
    (keccel(reports="push"), 5, "providers.k.reports", "no section callbacks"),
    (keccel(callback_key="k"), 2, "providers.k.reports", "no section callbacks"),
    (keccel(reports="both") + "callbacks: {}", 2, "providers.k.callback_key", "is required"),
    (keccel(callback_key="a/b") + "callbacks: {}", 5, "providers.k.callback_key", "in a URL"),
    (keccel(first_poll="1h"), 5, "providers.k.first_poll", "longer than longest_poll"),
    (keccel(ca_file="none.pem"), 5, "providers.k.ca_file", "cannot be read"),
    (keccel(ca_file="bridge.yaml"), 5, "providers.k.ca_file", "no certificate in PEM"),
    (keccel(proxy="proxy:3128"), 5, "providers.k.proxy", "socks5://"),
    ("routes:\n  - {}", 2, "routes[0].via", "is required"),
    ("routes:\n  - via: []", 2, "routes[0].via", "must not be empty"),
    ("routes:\n  - via: [k]", 2, "routes[0].via[0]", "no provider has this name"),
    (keccel() + "routes:\n  - {via: kk, to: 1}", 6, "routes[0].via", "did you mean k?"),
    (keccel() + "routes:\n  - {via: k, to: '+1'}", 6, "routes[0].to", "first digits"),
    (keccel() + "routes:\n  - {via: k, accounts: []}", 6, "routes[0].accounts", "not be empty"),
    (keccel() + "routes:\n  - {via: k, accounts: [x]}", 6, "routes[0].accounts[0]", "no account"),
]


@pytest.mark.parametrize(("text", "line", "key", "said"), BAD)
def test_a_bad_file_says_where_and_why(
    tmp_path: Path, text: str, line: int, key: str, said: str
) -> None:
    faults = [fault for fault in faults_of(tmp_path, text) if fault.key == key]
    assert [fault.line for fault in faults] == [line]
    assert said in faults[0].message


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    text = f"{account(system_id='x', country='XX')}\n  - system_id: x\n    password: y\n" + (
        keccel(rate="-1") + "routes:\n  - via: [k, q]\n    via: k\nretention: ${GONE}\n"
    )
    assert [(fault.line, fault.key) for fault in faults_of(tmp_path, text)] == [
        (2, "accounts[0].system_id"),
        (4, "accounts[0].country"),
        (5, "accounts[1].system_id"),
        (11, "providers.k.rate"),
        (13, "routes[0].via[1]"),
        (14, "routes[0].via"),
        (15, "retention"),
    ]


@pytest.mark.parametrize(
    ("keys", "reports", "uncertain"),
    [
        ({}, "poll", "hold"),
        ({"callback_key": "0123456789abcdef"}, "push", "hold"),
        ({"reports": "none", "when_uncertain": "fail"}, "none", "fail"),
    ],
)
def test_a_lane_has_its_defaults_settled(
    tmp_path: Path, keys: dict[str, str], reports: str, uncertain: str
) -> None:
    settings = loaded(tmp_path, keccel(**keys) + "callbacks: {}")
    lane = settings.providers["k"].lane
    assert (lane.reports, lane.when_uncertain) == (reports, uncertain)
    assert (lane.pushes, lane.polls) == (reports == "push", reports == "poll")
    assert settings.built_providers()["k"].abilities == settings.providers["k"].abilities


def test_a_token_can_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from file\n")
    settings = loaded(tmp_path, keccel(token="{file: token}"))
    assert getattr(settings.built_providers()["k"], "token", None) == "from file"


def test_warnings(tmp_path: Path) -> None:
    text = f"{account(password='ninechars')}\n{keccel(callback_key='short')}"
    settings = loaded(tmp_path, text + "callbacks: {}\nroutes: [{via: k}]\n")
    assert [(fault.line, fault.key) for fault in settings.warnings()] == [
        (3, "accounts[0].password"),
        (8, "providers.k.callback_key"),
    ]
    assert all(fault.warning for fault in settings.warnings())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (account(), True),
        (keccel(), True),
        (account(password="${SECRET}"), False),
        (account(password="{file: bridge.yaml}"), False),
    ],
)
def test_a_public_file_with_clear_secrets_is_warned_of(
    tmp_path: Path, text: str, told: bool
) -> None:
    loaded(tmp_path, text)
    path = tmp_path / "bridge.yaml"
    path.chmod(path.stat().st_mode | stat.S_IROTH)
    said = [fault.message for fault in load(path, ENVIRONMENT).warnings()]
    assert any("in clear" in message for message in said) is told


def secret_everywhere() -> list[str]:
    """Return files that have a secret where it does not belong."""
    keys = [row.key for row in tables()["accounts"] if "." not in row.key]
    lane = [row.key for row in (*tables()["providers"], *tables()["type keccel"])]
    top = [f"{section}: {{{row.key}: '${{SECRET}}'}}" for section, row in _top_rows()]
    return [
        *top,
        *(account(**{key: "${SECRET}"}) for key in keys),
        *(account(**{key: SECRET}) for key in keys),
        *(keccel(**{key: "${SECRET}"}) for key in lane),
        *(keccel(**{key: f"{{x: {SECRET}}}"}) for key in lane),
        keccel() + "routes: [{via: '${SECRET}', to: '${SECRET}', accounts: ['${SECRET}']}]",
        account(password=f"{{hash: {SECRET}}}"),
    ]


def _top_rows() -> list[tuple[str, Any]]:
    names = ("smpp", "web", "callbacks", "receipts", "log")
    return [(name, row) for name in names for row in tables()[name]]


@pytest.mark.parametrize("text", secret_everywhere())
def test_a_secret_is_in_no_message(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bridge.yaml"
    path.write_text(text)
    assert SECRET not in "".join(map(str, faults_or_warnings(path)))


def faults_or_warnings(path: Path) -> Sequence[Fault]:
    """Return the faults of a file, or its warnings; build the providers of a good file."""
    try:
        settings = load(path, ENVIRONMENT)
    except BadSettings as error:
        return error.faults
    settings.records(), settings.built_providers(), settings.table()
    return list(settings.warnings())


def test_secrets_are_in_no_repr(tmp_path: Path) -> None:
    keys = {"token": SECRET, "callback_key": SECRET, "proxy": f"http://u:{SECRET}@proxy"}
    settings = loaded(tmp_path, f"{account(password=SECRET)}\n{keccel(**keys)}callbacks: {{}}\n")
    assert SECRET in settings.records()["bank"].password.clear
    parts = (settings, settings.records(), settings.built_providers(), settings.providers["k"].lane)
    assert SECRET not in repr(parts)


KEYS = sorted(
    {row.key for table in tables().values() for row in table}
    | set(Settings.model_fields)
    | {"total", "text", "timeout", "file", "hash", "k", "<<"}
)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-10, 10**20),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        ["keccel", "${SECRET}", "${", "tcp:1", "\\", "bank", "push", "\0", "/", "1" * 9]
    ),
    st.dates(),
    st.binary(max_size=4),
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)
    ),
    max_leaves=12,
)
FILES = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(Settings.model_fields, TREES),
        "accounts": st.lists(st.dictionaries(st.sampled_from(KEYS), TREES, max_size=5), max_size=2),
        "providers": st.dictionaries(
            st.sampled_from(["k", "K", "é", ""]),
            st.dictionaries(st.sampled_from(KEYS), TREES, max_size=6).map(
                lambda keys: {"type": "keccel", "token": "secret"} | keys
            ),
            max_size=2,
        ),
    },
)
QUICK = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@QUICK
@given(st.text() | st.text("{}[]:,-#&*!|>'\"%@ \n\tab${}<?", max_size=40))
def test_junk_is_never_worse_than_bad_settings(tmp_path: Path, text: str) -> None:
    path = tmp_path / "junk.yaml"
    path.write_bytes(text.encode(errors="surrogatepass"))
    assert all(fault.message for fault in faults_or_warnings(path))


@QUICK
@given(FILES)
def test_well_formed_junk_is_never_worse_than_bad_settings(tmp_path: Path, tree: Any) -> None:
    path = tmp_path / "junk.yaml"
    path.write_text(yaml.safe_dump(tree, allow_unicode=False))
    assert all(fault.message for fault in faults_or_warnings(path))

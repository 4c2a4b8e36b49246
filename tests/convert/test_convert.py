"""Whole configurations, as their systems' documentation shows them, through the command."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from smppbridge.cli.check import check
from smppbridge.cli.convert import convert
from smppbridge.settings.configuration import load
from smppbridge.settings.schema import Settings
from smppbridge.settings.variables import read_variables

EXAMPLES = Path(__file__).parent / "examples"
SECRETS = ("foobar", "s3cr", "pw-1", "pa$$word", "pa%ss$1", "not-for-you", "s3krit-9")


class Converted:
    """The result of the command, and what it wrote."""

    def __init__(self, result: Result, folder: Path) -> None:
        self.result = result
        self.notes = result.stderr.splitlines()
        self.text = (folder / "bridge.yaml").read_text()
        self.values: dict[str, Any] = yaml.safe_load(self.text)
        self._folder = folder

    def note(self, line: int, name: str) -> str:
        """Return the note about a line of a file."""
        (found,) = [each for each in self.notes if f"{name}:{line}:" in each]
        return found

    def settings(self) -> Settings:
        """Return the settings, as the daemon reads them; unknown values are filled in."""
        variables = read_variables(self._folder / "env")
        filled = {name: value or "0123456789abcdef" for name, value in variables.items()}
        return load(self._folder / "bridge.yaml", filled)


@pytest.fixture
def run(tmp_path: Path):
    def run(system: str, file: Path) -> Converted:
        given = ["--output", str(tmp_path / "bridge.yaml"), "--env-file", str(tmp_path / "env")]
        result = CliRunner().invoke(convert, [system, str(file), *given])
        assert result.exit_code in (0, 3), result.output
        return Converted(result, tmp_path)

    return run


@pytest.mark.parametrize(
    ("system", "name"),
    [("kannel", "kannel.conf"), ("opensmppbox", "opensmppbox.conf"), ("jasmin", "jasmin.txt")],
)
def test_the_daemon_reads_what_is_written_and_no_secret_stands_there(
    run, system: str, name: str, tmp_path: Path
) -> None:
    found = run(system, EXAMPLES / name)
    assert found.result.exit_code == 3
    settings = found.settings()
    assert settings.accounts
    for secret in SECRETS:
        assert secret not in found.text
        assert secret not in found.result.output
    assert (tmp_path / "env").stat().st_mode & 0o777 == 0o600
    names = re.findall(r"\$\{(\w+)\}", found.text)
    assert set(names) == set(read_variables(tmp_path / "env"))
    assert all(f"#   {each}" in found.text for each in names)
    filled = tmp_path / "filled"
    filled.write_text("".join(f"{each}=0123456789abcdef\n" for each in names))
    given = ["--config", str(tmp_path / "bridge.yaml"), "--env-file", str(filled)]
    checked = CliRunner().invoke(check, given)
    assert checked.exit_code == 0, checked.output


def test_kannel(run) -> None:
    found = run("kannel", EXAMPLES / "kannel.conf")
    settings = found.settings()
    airtel, page, vodacom = (
        dict(settings.providers[name]) for name in ("airtel", "http_provider", "vodacom")
    )
    assert (airtel["type"], airtel["binds"], airtel["rate"], airtel["window"]) == (
        "smpp",
        2,
        20,
        10,
    )
    assert (airtel["ids"], airtel["alphabet"]) == ("hex_to_decimal", "latin1")
    assert airtel["password"] == 's3cr"t\\n'
    assert (vodacom["bind"], vodacom["port"], vodacom["binds"]) == ("tx+rx", 5016, 1)
    assert page["secrets"] == {"own_username": "shop", "own_password": "pa%ss$1"}
    assert page["submit"].parameters["text"] == "{text}"
    assert (settings.accounts[0].country, settings.accounts[0].max_parts) == ("CD", 3)
    routes = [(each.to, each.accounts, each.via) for each in settings.routes]
    assert (("24399",), None, ("airtel", "http_provider")) in routes
    assert (("24399",), ("tester",), ("airtel", "vodacom", "http_provider")) in routes
    assert routes[-1] == (("",), None, ("http_provider",))  # vodacom wants its own smsc-id
    assert "Modem" not in found.text
    assert "at is no way to a provider" in found.note(30, "kannel.conf")
    assert "keyword bal" in found.note(48, "kannel.conf")
    assert "0974" in found.note(19, "airtel.conf")
    assert "192.168.1.77-80" in found.note(43, "kannel.conf")


def test_opensmppbox(run) -> None:
    found = run("opensmppbox", EXAMPLES / "opensmppbox.conf")
    settings = found.settings()
    assert (settings.smpp.system_id, settings.smpp.listen) == ("ACME", ("tcp:2346",))
    accounts = {each.system_id: each for each in settings.accounts}
    assert list(accounts) == ["pbx", "bank", "meter"]
    assert accounts["bank"].password[0].clear == "pa$$word"
    assert list(map(str, accounts["bank"].allow_from or ())) == ["10.0.0.0/8", "192.168.1.20/32"]
    assert accounts["meter"].allow_from is None
    assert {each.data_coding_0 for each in settings.accounts} == {"utf8"}
    assert "next line's first word" in found.note(1, "logins.txt")
    assert "1 to 15 characters" in found.note(3, "logins.txt")
    assert "left out" in found.note(6, "logins.txt")
    assert "enquire_link" in found.note(12, "opensmppbox.conf")


def test_logins_that_are_nowhere(run, tmp_path: Path) -> None:
    file = tmp_path / "o.conf"
    file.write_text(
        "group = opensmppbox\nopensmppbox-port = no\nsmpp-logins = /x/y\n\n"
        "group = smsc\nsmsc = smpp\nhost = h\nsmsc-username = u\nsmsc-password = p\n"
        'system-type = ""\ntransceiver-mode = true\n'
    )
    found = run("opensmppbox", file)
    assert "is no port" in found.note(2, "o.conf")
    assert "no accounts" in found.note(3, "o.conf")
    assert found.values["routes"] == [{"via": ["h"]}]


def test_jasmin(run) -> None:
    found = run("jasmin", EXAMPLES / "jasmin.txt")
    settings = found.settings()
    foo, bob = settings.accounts
    assert (foo.system_id, foo.password[0].clear, foo.binds.total) == ("foo", "bar", 2)
    assert (foo.throughput, foo.senders) == (2, ("JASMIN",))
    assert bob.system_id == "bob"
    assert "set BOB_PASSWORD" in found.result.stderr
    demo = dict(settings.providers["demo"])
    assert (demo["host"], demo["port"], demo["tls"], demo["bind"]) == (
        "smsc.example.com",
        2776,
        True,
        "tx+rx",
    )
    assert (demo["rate"], demo["source_ton"], demo["ids"]) == (25, 2, "hex_to_decimal")
    routes = [(each.to, each.accounts, each.via) for each in settings.routes]
    assert routes == [
        (("244",), ("foo",), ("demo", "other")),
        (("244",), None, ("other",)),
        (("243",), ("foo",), ("demo", "other")),
        (("243",), None, ("other",)),
        (("",), ("foo",), ("demo", "other")),
        (("",), None, ("demo",)),
    ]
    assert [(each.to, each.keyword, each.provider) for each in settings.mo] == [
        (("12345",), "bal", None),
        (("*",), None, "demo"),
    ]
    assert "TimeIntervalFilter" in found.note(129, "jasmin.txt")
    assert "HTTP-01" in found.note(140, "jasmin.txt")
    assert "does not charge" in found.note(20, "jasmin.txt")
    assert "is disabled" in found.note(45, "jasmin.txt")
    assert len([each for each in found.notes if "is nothing that" in each]) == 0


def test_a_configuration_with_nothing_to_note(run, tmp_path: Path) -> None:
    file = tmp_path / "j.txt"
    file.write_text("user -a\nusername a\nuid a\ngid g\npassword p\nok\n")
    found = run("jasmin", file)
    assert (found.result.exit_code, found.notes) == (0, [])


def test_a_file_that_is_there_is_kept(tmp_path: Path) -> None:
    output = tmp_path / "bridge.yaml"
    output.write_text("mine")
    given = ["jasmin", str(EXAMPLES / "jasmin.txt"), "--output", str(output)]
    result = CliRunner().invoke(convert, given)
    assert (result.exit_code, output.read_text()) == (1, "mine")


def test_without_a_file_for_them_the_variables_are_named(tmp_path: Path) -> None:
    result = CliRunner().invoke(convert, ["opensmppbox", str(EXAMPLES / "opensmppbox.conf")])
    assert "variables to set: PBX_PASSWORD, BANK_PASSWORD, METER_PASSWORD" in result.stderr
    assert yaml.safe_load(result.stdout)["smpp"]["system_id"] == "ACME"


def test_what_is_no_such_configuration_exits_as_a_bad_file_does(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_text("group = core\n")
    result = CliRunner().invoke(convert, ["kannel", str(file)])
    assert (result.exit_code, result.stdout) == (os.EX_CONFIG, "")
    assert "neither accounts nor providers" in result.stderr


@pytest.mark.parametrize(
    ("answer", "section"),
    [
        (
            'status-success-regex = "^OK$"\nstatus-tempfail-regex = "(later|busy now)"\n',
            {
                "status": "(busy now|later|^OK$)",
                "accepted": ["OK"],
                "refused": ["busy now", "later"],
            },
        ),
        ('status-success-regex = "id=[0-9]+"\n', {}),
        ("", {}),
        ('status-success-regex = "OK"\ngeneric-foreign-id-regex = "(a)(b)"\n', {"status": "(OK)"}),
    ],
)
def test_what_an_answer_of_a_generic_provider_means(
    run, tmp_path: Path, answer: str, section: dict[str, Any]
) -> None:
    file = tmp_path / "k.conf"
    file.write_text(
        "group = smsc\nsmsc = http\nsystem-type = generic\nsmsc-id = h\n"
        f'send-url = "http://h.example/a%2Fb?to=%p&t=%b&{{x}}=%t"\n{answer}'
    )
    found = run("kannel", file)
    submit = dict(found.settings().providers["h"])["submit"]
    for key, value in section.items():
        given = getattr(submit, key)
        assert (given if isinstance(given, str) else sorted(given)) == value
    assert ("submit.status" in found.result.stderr) == (not section)
    assert submit.parameters["{{x}}"] == ""
    assert submit.url


def test_the_sendsms_of_another_kannel(run, tmp_path: Path) -> None:
    file = tmp_path / "k.conf"
    file.write_text(
        "group = smsc\nsmsc = http\nsystem-type = kannel\nsmsc-username = u%\n"
        "smsc-password = p\nsend-url = http://k.example:13013/cgi-bin/sendsms\n"
    )
    page = dict(run("kannel", file).settings().providers["http"])
    assert page["secrets"] == {"own_username": "u%", "own_password": "p"}
    assert page["submit"].accepted == ("0", "3")


def test_what_the_bridge_will_not_take_is_listed_by_the_line_of_the_new_file(
    run, tmp_path: Path
) -> None:
    file = tmp_path / "k.conf"
    file.write_text(
        "group = smsc\nsmsc = smpp\nhost = a b\nsmsc-username = a-name-that-is-too-long\n"
        'smsc-password = p\nsystem-type = "thirteen-long"\ntransceiver-mode = 1\n'
    )
    found = run("kannel", file)
    refused = [each for each in found.notes if each.startswith("bridge.yaml:")]
    assert len(refused) >= 1
    line = int(refused[0].split(":")[1])
    assert "providers.a_b" in refused[0]
    assert "a_b" in found.text.splitlines()[line - 1] or "host" in found.text.splitlines()[line - 1]


def test_one_file_has_all_that_a_big_installation_has_and_is_converted_within_a_moment(
    run, tmp_path: Path
) -> None:
    file = tmp_path / "k.conf"
    smscs = [
        f"group = smsc\nsmsc = smpp\nsmsc-id = s{n}\nhost = h{n}.example\nsmsc-username = u\n"
        f'smsc-password = p{n}\nsystem-type = ""\ntransceiver-mode = 1\nallowed-prefix = 2{n:03}\n'
        for n in range(100)
    ]
    users = [
        f"group = sendsms-user\nusername = user{n}\npassword = p\nforced-smsc = s{n}\n"
        for n in range(100)
    ]
    file.write_text("\n".join([*smscs, *users]))
    found = run("kannel", file)
    assert len(found.values["providers"]) == len(found.values["accounts"]) == 100
    assert len(found.values["routes"]) == 100


SHOWN = """\
smppccm -s A
cid A
host h
password a = b:
user -a
username u
uid u
gid g
password p
ok
filter -s To1
DestinationAddrFilter:
destination_addr = ^1
mtrouter -s 20
StaticMTRoute to smppc(A) NOT RATED
mtrouter -s 10
FailoverMTRoute to 2 connectors:
\t- smppc(A)
\t- smppc(B)
NOT RATED
mtrouter -s 0
DefaultRoute to smppc(A) NOT RATED
morouter -s 5
StaticMORoute to smpps(u)
{more}"""


@pytest.mark.parametrize(
    ("more", "routes"),
    [
        ("", [{"via": ["a"]}]),
        (
            "mtrouter -u 20\nfilters To1\nok\n",
            [{"via": ["a"]}],  # to 1 as to all others
        ),
    ],
)
def test_a_route_whose_filters_are_not_told_is_left_out(
    run, tmp_path: Path, more: str, routes: list[dict[str, Any]]
) -> None:
    file = tmp_path / "j.txt"
    file.write_text(SHOWN.format(more=more))
    found = run("jasmin", file)
    assert found.values["routes"] == routes
    assert found.settings().providers["a"].model_dump()["password"] == "a = b:"
    assert any("j.txt:16:" in each and "filters are not told" in each for each in found.notes)
    assert "its filters are not told" in found.note(23, "j.txt")
    told = [each for each in found.notes if "j.txt:14:" in each]
    assert bool(told) == (not more)


def test_a_user_that_no_list_and_no_line_gives_a_password(run, tmp_path: Path) -> None:
    file = tmp_path / "j.txt"
    file.write_text("jcli : user -l\n#User id  Group id  Username\n#odd\n#u g name ND ND ND/5.0\n")
    found = run("jasmin", file)
    assert [each["system_id"] for each in found.values["accounts"]] == ["odd", "name"]
    assert found.values["accounts"][1]["throughput"] == 5.0

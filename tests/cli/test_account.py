from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar
from urllib.parse import quote, quote_plus

import pytest
import yaml
from click.testing import CliRunner, Result

from smppbridge.cli import account as account_module
from smppbridge.cli import configured_provider
from smppbridge.cli.account import account
from smppbridge.providers import registry
from smppbridge.providers.exchange import (
    Abilities,
    BadReply,
    Balance,
    Exchange,
    HttpExchange,
    HttpRequest,
    HttpResponse,
    Operation,
    Provider,
)
from smppbridge.settings.schema import Settings
from tests.cli.processes import running
from tests.net.conftest import serve
from tests.net.fault_server import Asked, FaultServer, Wire

__all__ = ["serve"]

SECRET = "pa/ss word"
TOKEN = "TOKEN-0815"
MAYBE = "may have been done all the same"
ROWS = [{"name": "ann", "balance": 20.0, "note": None}, {"name": "b\x1b[2J", "open": True}]
Serve = Callable[..., FaultServer]
Run = Callable[..., Result]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bank(Provider):
    """A provider whose URLs hold its password, with an operation of each kind."""

    abilities: ClassVar[Abilities] = Abilities(balance=True)
    base_url: str
    password: str = field(repr=False)

    @property
    def operations(self) -> Mapping[str, Operation]:
        return MappingProxyType(
            {
                "subusers": Operation(run=self.subusers, description="Sub-users"),
                "topup": Operation(
                    run=self.topup,
                    description="Top a sub-user up",
                    arguments=("who", "count"),
                    moves_money=True,
                ),
                "find": Operation(
                    run=self.find, description="Find", arguments=("word", "page?", "more?...")
                ),
                "tag": Operation(run=self.tag, description="Tag", arguments=("tag", "numbers...")),
                "broken": Operation(run=self.broken, description="Broken", moves_money=True),
            }
        )

    def request(self, path: str) -> HttpRequest:
        return HttpRequest("GET", f"{self.base_url}/{self.password}/{path}")

    def subusers(self) -> Exchange[list[dict[str, Any]]]:
        return json.loads((yield self.request("subusers")).body)

    def topup(self, who: str, count: str) -> Exchange[dict[str, Any]]:
        if not count.isdecimal():
            raise BadReply("count must be a number")
        answer = yield self.request(f"topup/{who}/{count}")
        if answer.status != 200 or b"no credit" in answer.body:
            raise BadReply(f"HTTP {answer.status}: {self.password} {answer.body.decode()}")
        return {"name": who, "added": float(count)}

    def find(self, *given: Any) -> Exchange[dict[str, Any]]:
        yield self.request(f"find/{given[0]}")
        return {"given": given}

    def tag(self, *given: Any) -> Exchange[dict[str, Any]]:
        yield self.request("tag")
        return {"given": given}

    def broken(self) -> Exchange[dict[str, Any]]:
        answer = yield self.request("broken")
        raise KeyError(self.password, answer)

    def balance(self) -> Exchange[Balance]:
        yield self.request("balance")
        return Balance(float("inf"), "EUR", 86_400.0)

    def call(self, method: str, path: str, body: bytes = b"") -> HttpExchange[HttpResponse]:
        headers = (("X-Password", self.password),)
        return (yield HttpRequest(method, self.base_url + path, headers, body))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound(Provider):
    abilities: ClassVar[Abilities] = Abilities(bound=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Odd(Provider):
    abilities: ClassVar[Abilities] = Abilities(balance=True)

    def balance(self) -> Exchange[Balance]:
        yield "submit_sm"
        raise AssertionError


def answering(wire: Wire, asked: Asked) -> None:
    """Play the bank: what the target says, and 200 with JSON else."""
    if "silent" in asked.target:
        wire.reset()
        return
    status = int(found[0]) if (found := re.findall(r"status(\d+)", asked.target)) else 200
    body = asked.body or json.dumps(ROWS).encode()
    if "refused" in asked.target:
        body = b"no credit"
    wire.send(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body))


@dataclass
class House:
    server: FaultServer
    config: Path
    terminal: set[Any]

    def run(self, *words: str, **more: Any) -> Result:
        result = CliRunner().invoke(account, ["--config", str(self.config), *words], **more)
        shown = result.output + str(result.exception)
        for secret in (SECRET, "pa/ss%20word", "pa%2Fss", TOKEN):
            assert secret not in shown
        return result

    def bank(self, *words: str, **more: Any) -> Result:
        return self.run("bank", *words, **more)

    @property
    def targets(self) -> list[str]:
        return [asked.target.removeprefix("/pa/ss%20word") for asked in self.server.seen]


@pytest.fixture
def house(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    types = {**registry.TYPES, "bank": Bank, "boundtype": Bound, "oddtype": Odd}
    monkeypatch.setattr(registry, "TYPES", types)
    server = serve(answering)
    config = tmp_path / "bridge.yaml"
    providers = {
        "bank": {"type": "bank", "base_url": server.url, "password": SECRET},
        "keccel": {"type": "keccel", "base_url": server.url, "token": TOKEN},
        "upstream": {"type": "boundtype"},
        "odd": {"type": "oddtype"},
    }
    config.write_text(yaml.safe_dump({"providers": providers}))
    terminal: set[Any] = set()
    for module in (account_module, configured_provider):
        monkeypatch.setattr(module, "on_terminal", lambda stream: stream.name in terminal)
    return House(server, config, terminal)


def document(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


# -- which operation ----------------------------------------------------------------------------


def test_a_provider_alone_lists_its_operations(house: House) -> None:
    result = house.run("bank")
    rows = [re.split(r"\s{2,}", line.strip()) for line in result.stdout.splitlines()]
    assert result.exit_code == 0
    assert rows == [
        ["operation", "arguments", "description", "moves_money"],
        ["subusers", "Sub-users", "no"],
        ["topup", "WHO COUNT", "Top a sub-user up", "yes"],
        ["find", "WORD [PAGE] [MORE...]", "Find", "no"],
        ["tag", "TAG NUMBERS...", "Tag", "no"],
        ["broken", "Broken", "yes"],
        ["balance", "Credit left", "no"],
        ["call", "METHOD PATH [--json FILE]", "Any request of its API"],
    ]
    assert house.targets == []


def test_programs_get_the_list_too(house: House) -> None:
    listed = document(house.bank("--json"))
    assert [row["operation"] for row in listed][:2] == ["subusers", "topup"]
    assert listed[1] == {
        "operation": "topup",
        "arguments": "WHO COUNT",
        "description": "Top a sub-user up",
        "moves_money": True,
    }


def test_an_operation_that_is_none_is_told_the_nearest_and_all(house: House) -> None:
    result = house.bank("ballance")
    assert result.exit_code == 2
    assert (
        "bank has no operation ballance; did you mean balance?; there are subusers, topup, find, "
        "tag, broken, balance, call" in result.stderr
    )


def test_a_provider_that_is_none_is_told_the_nearest_and_all(house: House) -> None:
    result = house.run("kecel", "balance")
    assert result.exit_code == 2
    expected = "no provider is named kecel; did you mean keccel?; there are bank, keccel, odd"
    assert expected in result.stderr


def test_a_provider_without_http_has_nothing_to_ask(house: House) -> None:
    for words in (["upstream"], ["upstream", "balance"], ["upstream", "call", "GET", "/"]):
        result = house.run(*words)
        assert result.exit_code == 2
        assert "upstream has no operations: its type, boundtype, is reached over SMPP" in (
            result.stderr
        )
    result = house.run("odd", "balance")
    assert (result.exit_code, result.stderr) == (1, "Error: odd: this cannot be asked over HTTP\n")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--help"], ["PROVIDER", "--config FILE", "/etc/smppbridge/bridge.yaml"]),
        (["bank", "--help"], ["topup WHO COUNT", "Sub-users", "call METHOD PATH"]),
        (["bank", "topup", "--help"], ["topup [OPTIONS] WHO COUNT", "Top a sub-user up", "--yes"]),
        (["bank", "call", "--help"], ["call [OPTIONS] METHOD PATH", "--json FILE"]),
    ],
)
def test_help_is_useful(house: House, words: list[str], expected: list[str]) -> None:
    result = house.run(*words)
    assert result.exit_code == 0
    for text in expected:
        assert text in result.stdout


def test_the_configuration_may_be_named_last(house: House) -> None:
    for words in (["--config", str(house.config)], [f"--config={house.config}"]):
        result = CliRunner().invoke(account, ["bank", "subusers", *words, "--json"])
        assert document(result)[0]["name"] == "ann"


def test_a_bad_configuration_exits_with_78(house: House) -> None:
    house.config.write_text(f"providers:\n  bank: {{type: bank, passwort: {SECRET}}}\n")
    result = house.bank("balance")
    assert (result.exit_code, result.stdout) == (78, "")
    assert ":2: providers.bank.passwort: unknown key; did you mean password?" in result.stderr


@pytest.mark.parametrize(
    "words", [["topup", "ann"], ["topup", "ann", "5", "6"], ["subusers", "x"], ["tag", "t"]]
)
def test_arguments_too_few_or_too_many_are_usage(house: House, words: list[str]) -> None:
    assert house.bank(*words, "--yes").exit_code == 2
    assert house.targets == []


@pytest.mark.parametrize(
    ("words", "given"),
    [
        (["find", "w"], ["w", []]),
        (["find", "w", "2"], ["w", "2", []]),
        (["find", "w", "2", "x", "y"], ["w", "2", ["x", "y"]]),
        (["tag", "t", "1"], ["t", ["1"]]),
        (["tag", "--", "-t", "-1", "--config"], ["-t", ["-1", "--config"]]),
    ],
)
def test_arguments_may_be_left_out_or_many(
    house: House, words: list[str], given: list[Any]
) -> None:
    assert document(house.run("bank", words[0], "--json", *words[1:])) == [{"given": given}]


# -- what is shown ------------------------------------------------------------------------------


def test_people_get_a_table(house: House) -> None:
    lines = house.bank("subusers").stdout.splitlines()
    rows = [line.split() for line in lines]
    assert rows == [["name", "balance", "note", "open"], ["ann", "20"], [r"b\x1b[2J", "yes"]]


def test_programs_get_a_line_of_json_a_row(house: House) -> None:
    assert document(house.bank("subusers", "--json")) == ROWS


def test_no_rows_is_said(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "ROWS", [])
    assert house.bank("subusers").stdout == "none\n"
    assert house.bank("subusers", "--json").stdout == ""


def test_the_balance_of_any_provider_that_has_one_can_be_asked(house: House) -> None:
    rows = [line.split() for line in house.bank("balance").stdout.splitlines()]
    assert rows == [
        ["balance", "unlimited"],
        ["unit", "EUR"],
        ["expires", "1970-01-02T00:00:00+00:00"],
    ]


# -- what moves money ---------------------------------------------------------------------------


def test_nobody_to_be_asked_moves_no_money(house: House) -> None:
    result = house.bank("topup", "ann", "5")
    assert result.exit_code == 2
    assert "say --yes" in result.stderr
    assert house.targets == []


def test_money_is_asked_about_first(house: House) -> None:
    house.terminal.add("<stdin>")
    no = house.bank("topup", "ann", "5", input="n\n")
    assert (no.exit_code, house.targets) == (1, [])
    yes = house.bank("topup", "ann", "5", "--json", input="y\n")
    assert document(yes) == [{"name": "ann", "added": 5.0}]
    assert "bank: topup: Top a sub-user up, WHO ann, COUNT 5. This moves money." in yes.stderr
    assert house.targets == ["/topup/ann/5"]


def test_yes_is_not_asked(house: House) -> None:
    result = house.bank("topup", "ann", "5", "--yes")
    assert [line.split() for line in result.stdout.splitlines()] == [
        ["name", "ann"],
        ["added", "5"],
    ]
    assert (result.stderr, house.targets) == ("", ["/topup/ann/5"])


@pytest.mark.parametrize(
    ("words", "reason", "uncertain"),
    [
        (["topup", "silent", "5"], "the connection was lost", True),
        (["topup", "status500", "5"], "HTTP 500: ***", True),
        (["topup", "status404", "5"], "HTTP 404: ***", False),
        (["topup", "refused", "5"], "HTTP 200: *** no credit", False),
        (["topup", "ann", "many"], "count must be a number", False),
        (["broken"], "a fault of its code: KeyError at ", True),
    ],
)
def test_what_may_have_been_done_is_said(
    house: House, words: list[str], reason: str, uncertain: bool
) -> None:
    result = house.bank(*words, "--yes")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"Error: bank: {reason}")
    assert (MAYBE in result.stderr) == uncertain
    assert len(house.targets) <= 1


def test_what_never_left_was_not_done(house: House) -> None:
    house.config.write_text(
        house.config.read_text().replace(house.server.url, "http://127.0.0.1:1")
    )
    result = house.bank("topup", "ann", "5", "--yes")
    expected = "Error: bank: not reached: connection refused or unreachable\n"
    assert (result.exit_code, result.stderr) == (1, expected)


def test_an_interrupted_top_up_may_have_been_done(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr("smppbridge.cli.blocking._body", interrupted)
    result = house.bank("topup", "ann", "5", "--yes")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: bank: interrupted. It may have been done")
    monkeypatch.setattr("smppbridge.cli.blocking._prepared", interrupted)
    assert house.bank("topup", "ann", "5", "--yes").stderr == "Error: bank: interrupted\n"


def test_a_question_without_an_answer_is_nothing_to_repeat(house: House) -> None:
    result = house.bank("find", "silent")
    expected = "Error: bank: the connection was lost before the answer was complete\n"
    assert (result.exit_code, result.stderr) == (1, expected)


# -- calls --------------------------------------------------------------------------------------


def test_call_sends_json_with_the_credentials(house: House, tmp_path: Path) -> None:
    body = b'{"a":\r\n "\xc3\xa9\\u001b"}'
    file = tmp_path / "body.json"
    file.write_bytes(body)
    for source, given in ((str(file), None), ("-", body)):
        result = house.bank("call", "post", "/any/thing?x=%20y", "--json", source, input=given)
        assert (result.exit_code, result.stdout_bytes, result.stderr) == (0, body, "")
        asked = house.server.seen[-1]
        assert (asked.method, asked.target, asked.body) == ("POST", "/any/thing?x=%20y", body)
        assert asked.headers["x-password"] == SECRET


def test_call_prints_what_a_terminal_can_take(house: House) -> None:
    house.terminal.add("<stdout>")
    result = house.bank("call", "PUT", "/x", "--json", "-", input='{"a":"é\\u202e\\u001b","b":[1]}')
    assert result.stdout == '{\n  "a": "é\\u202e\\u001b",\n  "b": [\n    1\n  ]\n}\n'
    assert house.bank("call", "GET", "/refused").stdout == "no credit\n"


def test_call_tells_a_status_that_is_no_success(house: House) -> None:
    result = house.bank("call", "GET", "/refused/status404")
    assert (result.exit_code, result.stdout) == (1, "no credit")
    assert result.stderr == "Error: bank: HTTP 404\n"


@pytest.mark.parametrize(("method", "uncertain"), [("GET", False), ("POST", True)])
def test_call_says_what_may_have_been_done(house: House, method: str, uncertain: bool) -> None:
    result = house.bank("call", method, "/silent")
    assert result.exit_code == 1
    assert (MAYBE in result.stderr) == uncertain


@pytest.mark.parametrize(
    "words",
    [
        ["BREW", "/"],
        ["GET", "http://elsewhere.test/"],
        ["GET", "any"],
        ["GET", "/a b"],
        ["GET", "/a\r\n"],
        ["POST", "/", "--json", "/nonexistent"],
        ["POST", "/", "--json", "-"],
        ["POST", "/", "--json"],
    ],
)
def test_call_of_nonsense_is_usage(house: House, words: list[str]) -> None:
    assert house.bank("call", *words, input="{nonsense").exit_code == 2
    assert house.targets == []


# -- Keccel -------------------------------------------------------------------------------------


def test_keccel_as_it_is_simulated(tmp_path: Path) -> None:
    config = tmp_path / "bridge.yaml"
    keccel = "providers: {keccel: {type: keccel, token: %s, base_url: %s/sms/v2}}"
    with running("simulate", "keccel", "--port", "0") as simulator:
        (url,) = re.findall(r"http://127\.0\.0\.1:\d+", simulator.until("Ctrl-C"))

        def run(token: str, *words: str, **more: Any) -> Result:
            config.write_text(keccel % (token, url))
            return CliRunner().invoke(account, ["--config", str(config), "keccel", *words], **more)

        balance = {"balance": 1e6, "unit": "SMS", "expires": "2037-12-31T06:46:17+00:00"}
        assert document(run("T", "balance", "--json")) == [{**balance, "status": "active"}]
        body = '{"from": "ACME", "to": "243810000001", "message": "Hi"}'
        sent = run("T", "call", "POST", "/message.asp", "--json", "-", input=body)
        assert json.loads(sent.stdout)["status"] == "SENT"
        assert document(run("T", "balance", "--json"))[0]["balance"] == 999_999
        wrong = run("wrong", "balance")
    assert (wrong.exit_code, wrong.stderr) == (
        1,
        "Error: keccel: no balance: credentials refused: Invalid token\n",
    )


@pytest.mark.parametrize("secret", ['a"b/c', "é&<x> y", "a'b+c"])
def test_a_secret_is_hidden_in_whichever_way_it_is_written(secret: str) -> None:
    section = Settings.read({"providers": {"k": {"type": "keccel", "token": secret}}})
    asked = configured_provider.ConfiguredProvider(
        "k", section.providers["k"], section.built_providers()["k"]
    )
    written = [secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1]]
    written += [html.escape(secret), html.escape(secret, quote=False)]
    for each in written:
        assert asked.redacted(f"<{each}>") == "<***>"
        assert asked.without_secrets(f"<{each}>\n") == r"<***>\n"

"""MSpace's USSD gateway and a phone on it: dials a service code, shows screens, types answers.

``python -m smppbridge.simulators.ussd http://127.0.0.1:8776/ussd/KEY --code '*384*77#'`` is a phone
in a terminal.  Each request carries all answers typed so far, joined by ``*``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from random import randrange
from typing import TextIO
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

_PATIENCE = 20.0
_LONGEST_ANSWER = 65_536
_HEADERS = {"Content-Type": "application/json"}

Post = Callable[[str, bytes], bytes]
"""Posts JSON to a URL and returns the answer; raises Dropped."""


class Dropped(Exception):
    """The gateway has dropped the dialogue: the answer from the bridge was no screen."""


@dataclass(frozen=True, slots=True)
class PhoneScreen:
    """The text on the phone, and whether the dialogue is over."""

    text: str
    ends: bool


class Phone:
    """One phone; with *joined* a request repeats all answers typed before."""

    def __init__(
        self, url: str, code: str, msisdn: str, *, joined: bool = True, post: Post | None = None
    ) -> None:
        self.url, self.code, self.msisdn, self.joined = url, code, msisdn, joined
        self.session_id = ""
        self._typed: list[str] = []
        self._post = post or over_http

    def dial(self, extra: str = "") -> PhoneScreen:
        """Dial the service code, with *extra* behind the code; return the first screen."""
        self.session_id = str(randrange(10**8, 10**9))
        self._typed = [extra] if extra else []
        return self._ask(extra)

    def answer(self, text: str) -> PhoneScreen:
        """Type an answer and return the next screen."""
        self._typed.append(text)
        return self._ask("*".join(self._typed) if self.joined else text)

    def _ask(self, text: str) -> PhoneScreen:
        said = {
            "MSISDN": self.msisdn,
            "SESSION_ID": self.session_id,
            "CALLBACK_URL": self.url,
            "USSD_STRING": text,
            "USER_DATA": text,
            "SERVICE_CODE": self.code,
        }
        return screen_in(self._post(self.url, json.dumps(said).encode()))


def screen_in(body: bytes) -> PhoneScreen:
    """Read an answer as the gateway does: only ``CON `` and ``END `` begin screens."""
    word, text = body[:4], body[4:].decode("utf-8", "replace")
    if word not in (b"CON ", b"END "):
        raise Dropped("an answer that begins with neither CON nor END")
    return PhoneScreen(text, word == b"END ")


def over_http(url: str, body: bytes) -> bytes:
    """Post a request; any status but 200 drops the dialogue."""
    try:
        with urlopen(Request(url, body, _HEADERS), timeout=_PATIENCE) as response:
            status, answer = response.status, response.read(_LONGEST_ANSWER)
    except HTTPError as error:
        error.close()
        raise Dropped(f"HTTP {error.code}") from None
    except (URLError, OSError) as error:
        raise Dropped(str(getattr(error, "reason", error))) from None
    if status != 200:
        raise Dropped(f"HTTP {status}")
    return bytes(answer)


def converse(phone: Phone, typed: Iterable[str], screen: TextIO) -> None:
    """Continue a dialogue, with one line of *typed* for each screen; raises Dropped."""
    lines = iter(typed)
    now = phone.dial()
    screen.write(f"{now.text}\n")
    while not now.ends and (line := next(lines, None)) is not None:
        now = phone.answer(line.rstrip("\n"))
        screen.write(f"{now.text}\n")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a phone in a terminal."""
    parser = argparse.ArgumentParser(prog="ussd", description=__doc__)
    parser.add_argument("url", help="where the gateway calls: the bridge's /ussd/<key>")
    parser.add_argument("--code", default="*384*77#", help="the service code to dial")
    parser.add_argument("--msisdn", default="254722000001", help="whose phone it is")
    parser.add_argument("--last", action="store_true", help="send only what was typed last")
    given = parser.parse_args(arguments)
    phone = Phone(given.url, given.code, given.msisdn, joined=not given.last)
    try:
        converse(phone, sys.stdin, sys.stdout)
    except Dropped as why:
        raise SystemExit(f"ussd: dropped: {why}") from None


if __name__ == "__main__":
    main()

"""A daemon with odd messages in it, and a Chromium that looks at its console."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from select import select
from time import monotonic, time
from typing import Any, Literal

import pytest
from argon2 import PasswordHasher

from smppbridge.cli.bridge_client import ask
from smppbridge.smpp.pdus import DeliverSm, DeliverSmResp, Pdu
from tests.browser.callers import add_phones
from tests.patience import PATIENCE
from tests.system.daemon import Daemon
from tests.system.esme import NUMBER, Esme
from tests.system.provider import Provider

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
CHECKS = Path("axe-core", "axe.min.js")
HOSTILE = "<img src=x onerror=alert(1)>\"'</script><script>alert(2)</script>{{7*7}}=1+1"
"""Markup, a template and a formula: all of it is a text."""
HOSTILE_ID = "<b/id=x>&\"'=cmd"
HOSTILE_SENDER = "<s>=&\"'"
ANSWERS = r"/api/v1/messages/\d+"
"""Operations whose refusal is an answer that the page shows; Chromium logs each refusal."""
OWED = "select count(*) from delivery where finished_at is null and system_id = 'bank'"
LONGEST = PATIENCE / 2  # seconds that a page may take to show something
WIDE, NARROW = 1280, 400
Theme = Literal["light", "dark"]
PASSWORD = "correct horse"


def axe() -> str | None:
    """Return the source of axe-core, None if npm has not installed it."""
    for folder in filter(None, os.environ.get("NODE_PATH", "").split(os.pathsep)):
        path = Path(folder) / CHECKS
        if path.exists():
            return path.read_text()
    return None


@dataclass
class Heard:
    """Everything that a page complained of."""

    lines: list[str] = field(default_factory=list)

    def listen(self, page: Any) -> None:
        page.on("console", self._logged)
        page.on("pageerror", lambda error: self.lines.append(f"error: {error}"))
        page.on("dialog", lambda dialog: self.lines.append(f"dialog: {dialog.message}"))

    def _logged(self, message: Any) -> None:
        where = message.location.get("url", "")
        if not re.search(ANSWERS, where):
            self.lines.append(f"{message.type}: {message.text} {where}")


class Hearer(Esme):
    """An ESME that acknowledges whatever it is told: what other tests left, too."""

    def take_in(self, pdu: Pdu) -> None:
        if isinstance(pdu, DeliverSm):
            self.send(DeliverSmResp(0, pdu.sequence_number))
        else:
            super().take_in(pdu)


class OddProvider(Provider):
    """Keccel's API; its id of a hostile text is hostile, too."""

    def take(self, text: str) -> str | None:
        identifier = super().take(text)
        if identifier is None or text != HOSTILE:
            return identifier
        self.ids[text] = HOSTILE_ID
        return HOSTILE_ID


class Stage:
    """One daemon and one browser for all tests; each test has pages of its own."""

    def __init__(self, folder: Path, browser: Any) -> None:
        self.browser = browser
        self.provider = OddProvider()
        self.daemon = Daemon(folder, self.provider.url)
        self.socket = str(folder / "admin.sock")
        hashed = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash(PASSWORD)
        settings = self.daemon.settings
        settings["admin_socket"] = self.socket
        self.daemon.keccel["breaker"] = "off"  # of many Uncertain messages in a row, too
        settings["web"]["users"] = [
            {"name": role, "role": role, "password": {"hash": hashed}}
            for role in ("viewer", "operator", "billing", "admin")
        ]
        settings["accounts"].append({"system_id": "pbx", "password": "secret", "country": "CD"})
        add_phones(settings)
        (folder / "cdr").mkdir()
        settings["cdr"] = {"folder": str(folder / "cdr")}
        self.provider.callback = self.daemon.callback
        self.daemon.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.daemon.web}/"

    def ask(self, method: str, operation: str, body: object = None) -> dict[str, Any]:
        """Ask the API, as an admin."""
        return ask(self.socket, method, operation, body)

    def link(self) -> str:
        """Return a link that logs in as an admin, once."""
        return str(self.ask("POST", "/session/links")["url"])

    @contextmanager
    def stranger(
        self, *, theme: Theme = "light", width: int = WIDE, heard: Heard | None = None
    ) -> Iterator[Any]:
        """Show the console to a stranger; what the page complains of fails the test."""
        context = self.browser.new_context(
            color_scheme=theme,
            viewport={"width": width, "height": 900},
            reduced_motion="reduce",
            accept_downloads=True,
        )
        context.set_default_timeout(LONGEST * 1_000)
        page, complaints = context.new_page(), heard or Heard()
        complaints.listen(page)
        try:
            page.goto(self.url)
            yield page
        except BaseException as error:
            error.add_note(self._seen(page, complaints))
            raise
        finally:
            context.close()
        if heard is None:
            assert not complaints.lines, complaints.lines

    def _seen(self, page: Any, complaints: Heard) -> str:
        """Return what a page shows, what it complained of, and what the daemon said last."""
        try:
            shown = page.locator("body").inner_text(timeout=1_000)
        except Exception as error:  # the page may be gone
            shown = repr(error)
        said = "\n".join([*complaints.lines, "--- the daemon", *self.daemon.lines[-20:]])
        return f"--- {page.url}\n{shown}\n--- complaints\n{said}"

    @contextmanager
    def page(
        self,
        path: str = "/",
        *,
        theme: Theme = "light",
        width: int = WIDE,
        role: str = "admin",
        heard: Heard | None = None,
    ) -> Iterator[Any]:
        """Show a screen to an actor; what the page complains of fails the test."""
        with self.stranger(theme=theme, width=width, heard=heard) as page:
            self.log_in(page, role)
            if path != "/":
                page.goto(f"{self.url}#{path}")
            yield page

    def log_in(self, page: Any, role: str) -> None:
        """Log in; admins by a link, others by their password."""
        if role == "admin":
            page.goto(self.link())
        else:
            page.get_by_label("User").fill(role)
            page.get_by_label("Password").fill(PASSWORD)
            page.get_by_role("button", name="Log in").click()
        page.locator("#main").wait_for()

    def submit(self, *texts: str, to: str = NUMBER, **fields: Any) -> list[str]:
        """Submit texts as bank; return their message_ids."""
        fields.setdefault("data_coding", 3)  # Latin-1: octets are the characters of ASCII
        with self.bound() as esme:
            return [esme.submit(text, to, **fields).message_id.decode() for text in texts]

    def bound(self) -> Hearer:
        """Return an ESME that is bound as bank."""
        esme = Hearer(self.daemon.smpp)
        assert esme.bind() == 0
        return esme

    def hear(self) -> None:
        """Let bank be told all that it is owed."""
        deadline = monotonic() + PATIENCE
        with self.bound() as esme:
            while self.daemon.rows(OWED) != [(0,)]:
                assert monotonic() < deadline
                with suppress(TimeoutError):
                    esme.take_in(esme.read(0.05))

    def delivered(self, *texts: str, to: str = NUMBER, **fields: Any) -> list[str]:
        """Submit texts that reach their phone; return their message_ids."""
        ids = self.submit(*texts, to=to, **fields)
        return self.brought(ids, lambda each: each["state"] == "DELIVERED")

    def refused(self, *texts: str, reason: str) -> list[str]:
        """Submit texts that the provider refuses for a reason; return their message_ids."""
        self.provider.refusal = reason
        try:
            ids = self.submit(*texts)
            return self.brought(ids, lambda each: each["stage"] == "finished")
        finally:
            self.provider.refusal = ""

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Let the provider take messages and report no end of them meanwhile."""
        callback, self.provider.callback = self.provider.callback, None
        self.provider.state = "SENT"
        try:
            yield
        finally:
            self.provider.callback, self.provider.state = callback, "DELIVERED"

    def stray(self, ids: list[str], before: str) -> None:
        """Keep reports that name messages otherwise than the answers: with *before* in front."""
        names = [self.ask("GET", f"/messages/{each}")["provider_message_id"] for each in ids]
        with closing(sqlite3.connect(self.daemon.database, timeout=PATIENCE)) as db:
            db.execute("delete from early")  # of other tests, about ids that are hostile
            db.executemany(
                "insert into unmatched (at, kind, provider, provider_message_id, reason, state,"
                " error, source, destination) values (?, 'report', 'keccel', ?, 'unknown_id', 2,"
                " 0, '', '')",
                [(time(), before + name) for name in names],
            )
            db.commit()

    def uncertain(self, *texts: str, to: str = NUMBER) -> list[str]:
        """Submit texts whose fate nobody knows; return their message_ids."""
        self.provider.reset_every = 1
        try:
            return self.brought(self.submit(*texts, to=to), lambda each: each["uncertain"])
        finally:
            self.provider.reset_every = 0

    def brought(self, ids: list[str], there: Callable[[dict[str, Any]], bool]) -> list[str]:
        """Wait until messages are *there*; return their message_ids."""
        deadline = monotonic() + PATIENCE
        for each in ids:
            while not there(found := self.ask("GET", f"/messages/{each}")):
                assert monotonic() < deadline, found
                select([], [], [], 0.02)
        return ids

    def close(self) -> None:
        self.daemon.close()
        self.provider.close()


def inked(canvas: Any) -> int:
    """Return how many pixels of a canvas are drawn in full, and not in grey."""
    count: int = canvas.evaluate(
        """each => {
            const {data} = each.getContext("2d").getImageData(0, 0, each.width, each.height);
            let found = 0;
            for (let at = 0; at < data.length; at += 4) {
                const colour = data.slice(at, at + 3);
                const grey = Math.max(...colour) - Math.min(...colour) < 60;
                found += data[at + 3] > 200 && !grey;
            }
            return found;
        }"""
    )
    return count


def overflow(page: Any) -> int:
    """Return by how many pixels a page is wider than its window."""
    width: int = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return width


def settle(page: Any) -> None:
    """Wait until a screen has what it asked for, for three frames on end."""
    page.evaluate("window.calm = 0")
    page.wait_for_function(
        """() => {
            const busy = document.body.getAttribute("aria-busy") !== "false";
            window.calm = busy || !document.querySelector("h1") ? 0 : window.calm + 1;
            return window.calm > 3;
        }"""
    )


def needed() -> Any:
    """Return playwright's way in; skips loudly without it or without a Chromium."""
    sync_api = pytest.importorskip(
        "playwright.sync_api", reason="NO playwright: NO TEST OF THE CONSOLE IN A BROWSER"
    )
    if CHROMIUM is None:
        pytest.skip("NO chromium: NO TEST OF THE CONSOLE IN A BROWSER")
    return sync_api.sync_playwright

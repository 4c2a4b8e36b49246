"""The database of a store that several bridges share: reached, of a fit version, safe, in time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Final

from smppbridge.doctor.diagnosis import Diagnosis, Verdict
from smppbridge.settings.store import StoreSection
from smppbridge.store.driver import ADVICE, NoDriver, need_driver
from smppbridge.store.migrate import UnfitStore

OLDEST: Final = 15
"""The oldest version of PostgreSQL that the store is made for."""
_CONNECTED, _ANSWERED = 5, "5s"
_LATE, _TOO_LATE = 1.0, 5.0  # seconds between the two clocks
_QUESTION: Final = (
    "select pg_is_in_recovery(), current_setting('synchronous_standby_names'),"
    " extract(epoch from clock_timestamp())::float8"
)
_RISK: Final = "no standby confirms commits: a fail-over may lose answered messages"


def database(store: StoreSection) -> Iterator[Diagnosis]:
    """Examine the database of a store; nothing is written there."""
    try:
        need_driver()
    except NoDriver as error:
        yield Diagnosis("store", store.place, "fault", str(error), ADVICE)
        return
    import psycopg  # only for such a store

    from smppbridge.store.postgres import migrate

    try:
        with psycopg.connect(
            store.address, connect_timeout=_CONNECTED, options=f"-c statement_timeout={_ANSWERED}"
        ) as db:
            yield from _examined(db, store)
            schema = migrate.check(db)
            yield Diagnosis("store", store.place, "good", f"schema {schema}")
    except UnfitStore as error:
        yield Diagnosis("store", store.place, "fault", str(error))
    except psycopg.Error as error:
        says = f"cannot be asked: {str(error).strip().partition(chr(10))[0]}"
        advice = "see store in the configuration, pg_hba.conf, and the log of the server"
        yield Diagnosis("store", store.place, "fault", says, advice)


def _examined(db: Any, store: StoreSection) -> Iterator[Diagnosis]:
    asked = time.time()
    standby, names, at = db.execute(_QUESTION).fetchone()
    took = time.time() - asked
    version = db.info.server_version
    words = f"PostgreSQL {version // 10_000}.{version % 10_000}"
    found = list(_of_server(version, standby=standby, words=words))
    if not names.strip() and store.synchronous != "off":
        verdict: Verdict = "fault" if store.synchronous == "require" else "look"
        advice = "set synchronous_standby_names, or store.synchronous to off and live with it"
        found.append((verdict, _RISK, advice))
    skew = abs(at - asked - took / 2)
    if skew > _LATE:
        verdict = "fault" if skew > _TOO_LATE else "look"
        says = f"its clock and the one of this machine differ by {skew:.1f} s"
        found.append((verdict, says, "let chrony or systemd-timesyncd keep both"))
    for verdict, says, advice in found:
        yield Diagnosis("store", store.place, verdict, says, advice)
    if not found:
        yield Diagnosis("store", store.place, "good", f"{words}, answers in {took * 1_000:.0f} ms")


def _of_server(version: int, *, standby: bool, words: str) -> Iterator[tuple[Verdict, str, str]]:
    if version < OLDEST * 10_000:
        yield "fault", f"{words} is too old", f"the store needs PostgreSQL {OLDEST} or newer"
    if standby:
        advice = "name all servers and target_session_attrs=read-write in store"
        yield "fault", f"{words} is a standby here: nothing can be written", advice

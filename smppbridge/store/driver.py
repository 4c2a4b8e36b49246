"""driver: psycopg, which only a store on PostgreSQL needs."""

from __future__ import annotations

ADVICE = "pip install 'smppbridge[postgresql]'"


class NoDriver(Exception):
    """A store on PostgreSQL needs psycopg, which is not installed."""


def need_driver() -> None:
    """Import psycopg; raises NoDriver, with the words that install psycopg."""
    try:
        import psycopg  # noqa: F401  # most bridges do without
    except ImportError as error:  # also without libpq
        why = str(error).partition("\n")[0]
        raise NoDriver(f"PostgreSQL needs psycopg: {ADVICE} ({why})") from None


def fault_in(address: str) -> str | None:
    """Return why a database cannot be reached by an address, whatever server; None if it can.

    The words have no password in them.  Raises NoDriver.
    """
    need_driver()
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    try:
        conninfo_to_dict(address)
    except ProgrammingError as error:
        return str(error).strip()
    return None

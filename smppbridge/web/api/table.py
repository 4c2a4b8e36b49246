"""table: the table of all operations, once their modules are imported."""

from smppbridge.web.api import (
    about,
    accounts,
    decisions,
    messages,
    noted,
    optouts,
    phones,
    providers,
    reveal,
    session,
)
from smppbridge.web.routes import ROUTES

MODULES = (about, session, messages, decisions, reveal, noted, phones, providers, accounts, optouts)
__all__ = ["MODULES", "ROUTES"]

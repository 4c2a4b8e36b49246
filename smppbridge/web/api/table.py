"""table: the table of all operations, once their modules are imported."""

from smppbridge.web.api import (
    about,
    accounts,
    history,
    messages,
    optouts,
    overview,
    providers,
    session,
)
from smppbridge.web.routes import ROUTES

MODULES = (about, session, overview, history, messages, providers, accounts, optouts)
__all__ = ["MODULES", "ROUTES"]

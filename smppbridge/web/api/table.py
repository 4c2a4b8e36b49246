"""table: the table of all operations, once their modules are imported."""

from smppbridge.web.api import (
    about,
    accounts,
    configuration,
    messages,
    optouts,
    providers,
    session,
    traces,
)
from smppbridge.web.routes import ROUTES

MODULES = (about, session, messages, providers, accounts, optouts, traces, configuration)
__all__ = ["MODULES", "ROUTES"]

"""table: the table of all operations, once their modules are imported."""

from smppbridge.web.api import (
    about,
    accounts,
    events,
    history,
    message,
    messages,
    noted,
    optouts,
    overview,
    phones,
    providers,
    receipts,
    refused_binds,
    reveal,
    session,
    traces,
)
from smppbridge.web.routes import ROUTES

MODULES = (
    about,
    session,
    overview,
    events,
    history,
    messages,
    message,
    reveal,
    noted,
    phones,
    providers,
    accounts,
    refused_binds,
    receipts,
    optouts,
    traces,
)
__all__ = ["MODULES", "ROUTES"]

"""table: the table of all operations, once their modules are imported."""

from smppbridge.web.api import (
    about,
    accounts,
    decisions,
    events,
    history,
    message,
    messages,
    noted,
    optouts,
    overview,
    phones,
    providers,
    reveal,
    session,
    traces,
)
from smppbridge.web.routes import ROUTES

MODULES = (
    about,
    session,
    messages,
    message,
    decisions,
    providers,
    accounts,
    optouts,
    traces,
    reveal,
    noted,
    phones,
    overview,
    events,
    history,
)
__all__ = ["MODULES", "ROUTES"]

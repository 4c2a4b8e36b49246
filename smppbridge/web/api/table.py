"""table: the table of all operations, once their modules are imported."""

from smppbridge.web.api import (
    about,
    accounts,
    history,
    messages,
    noted,
    optouts,
    overview,
    phones,
    providers,
    rematching,
    reveal,
    routing,
    sending,
    session,
    traces,
    waiting,
)
from smppbridge.web.routes import ROUTES

MODULES = (
    about,
    session,
    messages,
    providers,
    accounts,
    optouts,
    traces,
    reveal,
    noted,
    rematching,
    phones,
    overview,
    history,
    sending,
    waiting,
    routing,
)
__all__ = ["MODULES", "ROUTES"]

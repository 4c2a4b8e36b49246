"""table: the table of all operations, once their modules are imported."""

from smppbridge.web.api import (
    about,
    accounts,
    messages,
    noted,
    optouts,
    phones,
    providers,
    reveal,
    routing,
    sending,
    session,
    waiting,
)
from smppbridge.web.routes import ROUTES

MODULES = (
    about,
    session,
    messages,
    reveal,
    sending,
    waiting,
    routing,
    noted,
    phones,
    providers,
    accounts,
    optouts,
)
__all__ = ["MODULES", "ROUTES"]

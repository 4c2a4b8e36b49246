"""The places that commands look into unless an option names another."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

CONFIGURATION = Path("/etc/smppbridge/bridge.yaml")
ADMIN_SOCKET = "/run/smppbridge/admin.sock"

Command = Callable[..., Any]


def configured(help: str) -> Callable[[Command], Command]:
    """Add the option for the configuration of a command that needs one."""
    return click.option(
        "--config",
        type=click.Path(path_type=Path),
        metavar="FILE",
        default=CONFIGURATION,
        show_default=True,
        help=help,
    )

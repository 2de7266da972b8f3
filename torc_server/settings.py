"""What a server is started with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DEFAULT_PORT = 8080


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything `create_app` needs; `main.py` makes it of the command line and the environment."""

    database: Path
    token: str | None = None
    """The password that every caller must give, whatever the user name; None lets everybody in (`--no-auth`)."""
    auth_file: Path | None = None
    """htpasswd file of those who may come in; then there is no token."""
    require_auth: bool = False
    """With `auth_file`: nobody comes in without credentials."""
    credential_cache_ttl_s: float = 60.0
    """How long credentials that were good are not checked again; 0 always checks."""
    enforce_access_control: bool = False
    """Workflows are for their owners and the groups they are shared with."""
    admin_users: tuple[str, ...] = ()
    """Members of the system group `admin`."""
    idle_exit_s: float = 0.0
    """Exit when nobody called, no runner was active and no stream was open for so long; 0 never."""
    lease_s: float = 60.0
    """How long a runner may be silent before its jobs are given to others."""
    starvation_s: float = 60.0
    """How long ready jobs may be overtaken before a runner that they fit is kept free for them."""

"""Starting the console from the command line."""

from __future__ import annotations

from torc_tui.app import ConsoleApp
from torc_tui.connect import NamedServer, OwnServer


def start(*, url: str | None, password: str | None, view: str, read_only: bool, low_bandwidth: bool, once: bool) -> int:
    """Run the console until the user leaves; gives the exit code."""
    connector = NamedServer(url, password) if url else OwnServer()
    app = ConsoleApp(connector, palette="torc-ansi" if low_bandwidth else "torc-dark", read_only=read_only, view=view)
    app.run()
    return app.return_code or 0

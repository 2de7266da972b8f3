"""`torc ping`: whether the server answers; the user's own is not started for it."""

from __future__ import annotations

import click

from torc_core.cli.app import App, command, pass_app
from torc_core.errors import TorcError


@command()
@pass_app
def ping(app: App) -> int:
    """Ask the server whether it answers."""
    from torc_core.cli.output import print_json
    from torc_core.client import endpoints

    try:
        _require_running(app)
        app.client.send(endpoints.ping())
    except TorcError as error:
        if not app.json:
            raise
        print_json({"status": "error", "message": str(error)})
        return 1
    if app.json:
        print_json({"status": "Server is running"})
    else:
        click.echo("Server is running")
    return 0


def _require_running(app: App) -> None:
    """TorcError when the user's own server is meant and is not running."""
    if app.url is None:
        from torc_core import local_server

        if local_server.find() is None:
            raise TorcError("no server of yours is running on this host; 'torc server start' starts one")

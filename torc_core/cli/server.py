"""`torc server`: the user's own server on this host."""

from __future__ import annotations

import click

from torc_core import local_server
from torc_core.cli.app import App, group, pass_app
from torc_core.cli.output import print_fields, print_json, print_json_line
from torc_core.errors import InputError, TorcError
from torc_core.wording import count_of


@group()
def server() -> None:
    """Start, stop and look at your own server on this host.

    It is started when a command needs it and ends when it is idle, so these are seldom needed.
    """


def _require_own(app: App) -> None:
    """These commands know the user's own server only: refuse --url, say so where a setting names another server."""
    if app.options.get("url"):
        raise InputError(
            "'torc server' is about your own server on this host, not one that --url names; "
            "leave out --url, and 'torc ping --url URL' asks whether another one answers"
        )
    if app.url:
        app.note(
            f"this is about your own server on this host; your commands go to {app.url}, as TORC_API_URL or a file says"
        )


@server.command()
@pass_app
def start(app: App) -> None:
    """Start your server, unless it runs already."""
    _require_own(app)
    running = local_server.find() is not None
    local_server.ensure(app.note)
    found = local_server.find()
    if found is None:
        raise TorcError(f"the server ended at once; see {local_server.log_path()}")
    record, _ = found
    if app.json:
        print_json({"status": "already running" if running else "started", "url": record.url, "pid": record.pid})
    else:
        click.echo(f"Server {'is already running' if running else 'started'} at {record.url} (pid {record.pid})")


@server.command()
@pass_app
def stop(app: App) -> None:
    """Stop your server.

    Jobs that run go on, and what came of them is told when it runs again: a 'torc run' that follows them starts it, an
    open console does not.
    """
    _require_own(app)
    found = local_server.find()
    if found and found[1].active_nodes:
        runners = count_of(found[1].active_nodes, "runners")
        app.confirm(f"Stop the server under {runners} at work? A 'torc run' that follows one starts it again.")
    record = local_server.stop()
    if app.json:
        print_json({"status": "stopped" if record else "not running", "pid": record.pid if record else None})
    else:
        click.echo(f"Server stopped (pid {record.pid})" if record else "No server of yours is running on this host")


@server.command()
@pass_app
def status(app: App) -> int:
    """Show whether your server runs, and where its files are.

    The exit code is 1 when it does not run.
    """
    _require_own(app)
    found = local_server.find()
    record, info = found or (local_server.silent(), None)
    facts = {
        "status": "running" if found else "not answering; 'torc server stop' ends it" if record else "not running",
        "url": record.url if record else None,
        "pid": record.pid if record else None,
        "version": info.version if info else None,
        "token_file": str(local_server.token_path()),
        "database": str(local_server.home() / "torc.db"),
        "log": str(local_server.log_path()),
        "active_runners": info.active_nodes if info else None,
    }
    if app.json:
        print_json(facts)
    else:
        print_fields((name.replace("_", " ").capitalize(), value) for name, value in facts.items())
    return 0 if found else 1


@server.command()
@click.option(
    "-n", "--lines", type=click.IntRange(0), default=50, show_default=True, help="Begin with the last N lines."
)
@click.option("--follow", is_flag=True, help="Go on with what is written, until Ctrl-C.")
@pass_app
def log(app: App, lines: int, follow: bool) -> None:
    """Show the log of your server.

    With -f json this is an object with its path and lines; with --follow it is an object a line (`line`).
    """
    from torc_core.cli.tail import Lines, follow_file, last_lines, write

    _require_own(app)
    path = local_server.log_path()
    if not path.exists():
        raise TorcError(f"there is no log yet at {path}: no server was started on this host")
    last, position = last_lines(path, lines)
    if app.json and not follow:
        print_json({"path": str(path), "lines": last.decode(errors="replace").splitlines()})
        return
    whole = Lines()

    def tell(chunk: bytes) -> None:
        for line in whole.feed(chunk):
            print_json_line({"line": line})

    show = tell if app.json else write
    show(last)
    if follow:
        follow_file(path, position, show)

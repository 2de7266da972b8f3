"""`torc tui`: the console. Textual is imported only here, when the command runs."""

from __future__ import annotations

import importlib

import click

from torc_core.cli.app import App, command, pass_app


@command()
@click.option(
    "--view", default="", metavar="ADDRESS", help="Begin there: 'jobs 12 status=failed', 'job 4711', 'wf NAME'."
)
@click.option("--read-only", is_flag=True, help="Look only: nothing can be changed.")
@click.option("--low-bandwidth", is_flag=True, help="The terminal's own 16 colours and fewer bytes.")
@click.option("--once", is_flag=True, help="Print what the first screen shows, as text, and leave.")
@pass_app
def tui(app: App, /, view: str, read_only: bool, low_bandwidth: bool, once: bool) -> int:
    """The console: workflows, jobs and their output on a full screen.

    By keyboard: look, run, cancel, retry; ? shows what each key does.
    Without --url it finds or starts your own server. What runs goes on when you leave.
    """
    start = importlib.import_module("torc_tui.start").start
    code: int = start(
        url=app.url,
        password=app.password,
        view=view,
        read_only=read_only,
        low_bandwidth=low_bandwidth,
        once=once,
    )
    return code

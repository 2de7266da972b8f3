"""The `torc` command: its families, loaded when they are used, and how it ends."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Sequence

import click

from torc_core import VERSION
from torc_core.cli.app import App, Group, debugging
from torc_core.errors import TorcError

COMMANDS = {
    "tui": "torc_core.cli.tui:tui",
    "run": "torc_core.cli.run:run",
    "convert": "torc_core.cli.convert:convert",
    "wait": "torc_core.cli.wait:wait",
    "workflows": "torc_core.cli.workflows:workflows",
    "jobs": "torc_core.cli.jobs:jobs",
    "results": "torc_core.cli.results:results",
    "compute-nodes": "torc_core.cli.compute_nodes:compute_nodes",
    "explain": "torc_core.cli.explain:explain",
    "events": "torc_core.cli.events:events",
    "reports": "torc_core.cli.reports:reports",
    "server": "torc_core.cli.server:server",
    "ping": "torc_core.cli.ping:ping",
}

SECTIONS = {
    "Run": ["run", "wait", "tui"],
    "Look": ["workflows", "jobs", "results", "explain", "events", "reports", "compute-nodes"],
    "Servers and files": ["server", "ping", "convert"],
}

HELP = """Run command-line jobs that depend on each other, and see how they stand.

A workflow is a set of jobs, usually made of a file. Most commands take the name or the id of a workflow or job.
"""

EXIT_CODES = """\b
Exit codes: 0 all done; 1 some jobs not completed, or something failed;
2 wrong use or input; 3 what is left fits on no machine that was offered;
130 interrupted. With -f json every command prints one JSON document, with
--follow one a line. 'torc COMMAND --help' shows more of each."""


def _print_version(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value:
        click.echo(f"torc {VERSION}")
        context.exit()


torc = Group(
    "torc",
    lazy=COMMANDS,
    sections=SECTIONS,
    help=HELP,
    epilog=EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    params=[
        click.Option(
            ["-V", "--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_print_version,
            help="Show the version and exit.",
        )
    ],
)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and give its exit code; whatever goes wrong becomes one line on stderr."""
    app = App()
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["help"]:
        arguments = [*arguments[1:], "--help"]
    _stand_in_for_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that has no ✓ shows ?
    try:
        code = torc.main(arguments, prog_name="torc", standalone_mode=False, obj=app)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        if error.ctx and _wants_json(app, arguments):
            _print_error(f"'{error.ctx.command_path}' needs a command; its help lists them")
        return error.exit_code
    except (TorcError, click.ClickException) as error:
        if debugging():
            raise
        return _fail(app, error, arguments)
    except (KeyboardInterrupt, click.Abort):
        click.echo("torc: interrupted", err=True)
        return 130
    except BrokenPipeError:
        # The reader of stdout left (`| head`); Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        if debugging():
            raise
        return _fail_of_system(error)
    except Exception as error:
        if debugging():
            raise
        click.echo(f"torc: internal error: {type(error).__name__}: {error}; TORC_DEBUG=1 shows where", err=True)
        return 1


def _stand_in_for_closed_streams() -> None:
    """What is said on a stream that was closed at the start (`>&-`) goes nowhere, and no other file takes its place."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 - it stays open, as its like do


def _fail(app: App, error: TorcError | click.ClickException, arguments: list[str]) -> int:
    if isinstance(error, click.UsageError) and error.ctx:
        message = f"{_plain(error.format_message())} ('{error.ctx.command_path} --help' shows how)"
    else:
        message = error.format_message() if isinstance(error, click.ClickException) else str(error)
    problems: list[str] = getattr(error, "problems", [])
    for line in problems:
        click.echo(line, err=True)
    if _wants_json(app, arguments):
        _print_error(message, problems)
    click.echo(f"torc: {message}", err=True)
    return error.exit_code


def _fail_of_system(error: OSError) -> int:
    """What the system refused, and for which file; stdout itself may be what cannot be written."""
    what = f"{error.filename}: " if error.filename else "stdout: " if error.errno == errno.ENOSPC else ""
    click.echo(f"torc: {what}{error.strerror or error}", err=True)
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


def _plain(message: str) -> str:
    """What click says of numbers, in plain words."""
    import re

    message = re.sub(r"a valid integer( range)?", "a whole number", message)
    message = re.sub(r"a valid float( range)?", "a number", message)
    message = re.sub(r"is not in the range x>=([\d.]+)", r"is too small: at least \1", message)
    return re.sub(r"is not in the range x>([\d.]+)", r"is too small: more than \1", message)


def _print_error(message: str, problems: Sequence[str] = ()) -> None:
    from torc_core.cli.output import print_json

    print_json({"error": message, "errors": problems} if problems else {"error": message})


def _wants_json(app: App, arguments: list[str]) -> bool:
    """Whether errors are wanted as JSON too; an option that could not be read may stand before `-f json`."""
    if "format" in app.options:
        return bool(app.options["format"] == "json")
    written = " ".join(arguments)
    return any(option in written for option in ("-f json", "-fjson", "--format json", "--format=json"))


if __name__ == "__main__":
    sys.exit(main())

"""`torc convert FILE --to FORMAT`: the same workflow in another format."""

from __future__ import annotations

from pathlib import Path

import click

from torc_core.cli.app import App, file_command, pass_app
from torc_core.errors import InputError


@file_command()
@click.argument("file")
@click.option(
    "--to",
    "target",
    required=True,
    type=click.Choice(["yaml", "json", "json5", "kdl"], case_sensitive=False),
    help="The format to write.",
)
@click.option("-o", "--output", metavar="FILE", help="Where to write it.  [default: standard output]")
@pass_app
def convert(app: App, file: str, target: str, output: str | None) -> None:
    """Write a workflow file (- is standard input) in another format.

    Comments are lost. Nothing is written when the file has errors.
    """
    from torc_core.cli.creation import require_file, require_valid
    from torc_core.cli.output import print_json
    from torc_core.spec.convert import convert as converted
    from torc_core.spec.document import UnreadableError
    from torc_core.spec.load import Loaded, check_document
    from torc_core.spec.reading import read_document, read_text

    require_file(file)
    try:
        written = read_text(file, app.options.get("input_format"))
        document = read_document(written.text, written.format, written.name)
        loaded = check_document(document, folder=written.folder)
    except UnreadableError as error:
        loaded = Loaded(None, [error.problem])
    require_valid(app, file, loaded, done="written")
    text = converted(document, target.lower(), None if written.folder is None else Path(file).name)
    if output is not None:
        _write(output, text, file if written.folder is not None else None)
    if app.json:
        print_json({"format": target.lower(), "output": output, "text": text if output is None else None})
    elif output is None:
        click.echo(text, nl=False)


def _write(output: str, text: str, source: str | None) -> None:
    try:
        if Path(output).exists() and source is not None and Path(output).samefile(source):
            raise InputError(f"{output} is the file itself; name another one")
        Path(output).write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"{output} cannot be written: {error.strerror}") from error

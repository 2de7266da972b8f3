"""How the help of a command looks: what it does, examples, its own options, and those that every command takes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import click

WIDTH_OF_NAMES = 34
WIDTH_OF_EXAMPLES = 52

_RANGE = re.compile(r"(; )?[0-9.]*<?=?x[<>]=?[0-9.]+(?=\])")
"""What click writes of the numbers that an option takes: `[default: 50; x>=0]`."""


def write_help(command: click.Command, ctx: click.Context, formatter: click.HelpFormatter) -> None:
    """All after the usage line and the text."""
    path = ctx.command_path.split()[1:]
    _write_examples(" ".join(path), formatter)
    if isinstance(command, click.Group):
        _write_commands(command, ctx, formatter)
    options = [param for param in command.get_params(ctx) if isinstance(param, click.Option)]
    shared = [option for option in options if _is_shared(option)]
    own = [option for option in options if not _is_shared(option)]
    _write_options("Options" if path else "About torc", own, ctx, formatter)
    _write_options("Options of every command", shared, ctx, formatter)


def _is_shared(option: click.Option) -> bool:
    return option.opts[-1] in ("--format", "--url", "--password", "--log-level", "--yes", "--help")


def _write_examples(path: str, formatter: click.HelpFormatter) -> None:
    from torc_core.cli.examples import EXAMPLES

    if examples := EXAMPLES.get(path):
        with formatter.section("Examples"):
            formatter.write_dl([(f"torc {words}", why) for words, why in examples], col_max=WIDTH_OF_EXAMPLES)


def _write_options(
    title: str, params: Sequence[click.Parameter], ctx: click.Context, formatter: click.HelpFormatter
) -> None:
    records = [record for param in params if (record := param.get_help_record(ctx))]
    if records:
        with formatter.section(title):
            formatter.write_dl([(_plain(names), _plain(text)) for names, text in records], col_max=WIDTH_OF_NAMES)


def _plain(text: str) -> str:
    """Without the names that click gives to types."""
    text = re.sub(r"\b(INTEGER|FLOAT)( RANGE)?\b", "N", text)
    return re.sub(r" *\[\]", "", _RANGE.sub("", text))


def _write_commands(group: click.Group, ctx: click.Context, formatter: click.HelpFormatter) -> None:
    """The commands of a group, in its sections where it has some."""
    found = {name: group.get_command(ctx, name) for name in group.list_commands(ctx)}
    shown = {name: command for name, command in found.items() if command is not None and not command.hidden}
    sections: Mapping[str, Sequence[str]] = getattr(group, "sections", {})
    for title, names in [*sections.items(), ("Commands", list(shown))]:
        rows = [(name, shown.pop(name)) for name in names if name in shown]
        if rows:
            with formatter.section(title):
                formatter.write_dl([(name, _first_sentence(command)) for name, command in rows])


def _first_sentence(command: click.Command) -> str:
    """What a command does, without what stands in brackets."""
    return re.sub(r" \([^)]*\)", "", command.get_short_help_str(limit=1_000))

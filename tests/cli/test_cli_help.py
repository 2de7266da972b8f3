"""Help that a newcomer can use: every command in one line, with examples that work."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import click
import pytest

from tests.cli.torc_command import Torc
from torc_core.cli.examples import EXAMPLES
from torc_core.cli.main import torc as torc_group


def commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The words of every command and family."""
    yield path
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from commands(below, (*path, name))


PATHS = list(commands(torc_group))


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_help_is_plain_and_nothing_is_cut_off(torc: Torc, path: tuple[str, ...]) -> None:
    shown = torc(*path, "--help").out
    for jargon in ("INTEGER", "RANGE", "FLOAT", "x>", "[env"):
        assert jargon not in shown
    assert not [line for line in shown.splitlines()[1:] if line.endswith("...")]


@pytest.mark.parametrize("path", [path for path in PATHS if " ".join(path) in EXAMPLES], ids=" ".join)
def test_examples_are_shown_before_the_options(torc: Torc, path: tuple[str, ...]) -> None:
    shown = torc(*path, "--help").out
    assert shown.index("Examples:\n") < shown.index("Options of every command:\n")


@pytest.mark.parametrize("line", [words for examples in EXAMPLES.values() for words, _ in examples])
def test_every_example_is_right(line: str) -> None:
    command: click.Command = torc_group
    context = command.make_context("torc", shlex.split(line))
    while isinstance(command, click.Group):
        name, found, arguments = command.resolve_command(context, [*context._protected_args, *context.args])
        assert found is not None
        command, context = found, found.make_context(name, arguments, parent=context)


def test_the_commands_are_in_groups(torc: Torc) -> None:
    shown = torc("--help").out
    assert [line for line in shown.splitlines() if line in ("Run:", "Look:", "Servers and files:")] == [
        "Run:",
        "Look:",
        "Servers and files:",
    ]

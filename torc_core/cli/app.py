"""What every command shares: the global options, the server it talks to, and how it asks before destroying."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import click

from torc_core.errors import InputError, TorcError

if TYPE_CHECKING:
    from torc_core.client.http import Address, Client
    from torc_core.config import Config


class App:
    """One invocation of `torc`: its global options, and what follows from them, made when first needed."""

    def __init__(self) -> None:
        self.options: dict[str, Any] = {}

    @cached_property
    def config(self) -> Config:
        from torc_core.config import load_config

        return load_config()

    @property
    def json(self) -> bool:
        """Whether the output is JSON."""
        return bool((self.options.get("format") or self.config.client.format) == "json")

    @property
    def url(self) -> str | None:
        """The server that the user named; None means the user's own."""
        return self.options.get("url") or self.config.client.api_url

    @property
    def password(self) -> str | None:
        """What opens the named server; InputError where one is given for the user's own, which needs none."""
        given = self.options.get("password")
        if given and self.url is None:
            raise InputError(
                "--password is for a server that --url or TORC_API_URL names; your own on this host needs none"
            )
        return given or self.config.client.password

    @cached_property
    def client(self) -> Client:
        """A client of the server that the options and settings name; starts the user's own when they name none."""
        return self.new_client()

    def new_client(self) -> Client:
        """Another such client, for another thread."""
        from torc_core import local_server
        from torc_core.client.http import Client, base_url

        password = self.password
        if self.url is None:
            return Client(local_server.ensure(self.note), revive=self._revive)
        return Client(self._named(base_url(self.url), password))

    def _revive(self) -> Address | None:
        from torc_core import local_server

        return local_server.ensure(self.note)

    @staticmethod
    def _named(url: str, password: str | None) -> Address:
        """The named server; it may be the user's own, whose token is at hand."""
        from torc_core import local_server
        from torc_core.client.http import Address

        record = local_server.read_record() if password is None else None
        return record.address if record and record.url == url else Address(url, password)

    def note(self, line: str) -> None:
        """Tell the user something beside the output."""
        click.echo(f"torc: {line}", err=True)

    def note_limit(self, shown: int, limit: int) -> None:
        """Tell that a list may go on beyond its limit."""
        if shown == limit:
            self.note(f"there may be more than these {shown}: --limit and --offset show others")

    def confirm(self, question: str) -> None:
        """Ask before something is destroyed; InputError without a terminal, TorcError when the user declines."""
        if self.options.get("yes"):
            return
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise InputError(f"{question} There is no terminal to ask at, so nothing is done; --yes does it")
        if not click.confirm(question, err=True):
            raise TorcError("nothing is done")


pass_app = click.make_pass_decorator(App, ensure=True)


def _keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Remember a global option, wherever it stands; the one nearest to the end wins."""
    if value is not None and value is not False:
        context.ensure_object(App).options[str(parameter.name)] = value


LOG_LEVELS = ["error", "warning", "info", "debug"]


def global_options() -> list[click.Option]:
    """Options that every command takes, before or after its name."""
    common: dict[str, Any] = {"expose_value": False, "callback": _keep}
    formats = click.Choice(["table", "json"], case_sensitive=False)
    levels = click.Choice(LOG_LEVELS, case_sensitive=False)
    return [
        click.Option(["-f", "--format"], type=formats, metavar="FORMAT", help="table (default) or json.", **common),
        click.Option(["--url"], metavar="URL", help="Server to use, or TORC_API_URL.  [default: your own]", **common),
        click.Option(["--password"], metavar="TEXT", help="Password or token for it, or TORC_PASSWORD.", **common),
        click.Option(
            ["--log-level"],
            type=levels,
            metavar="LEVEL",
            help="What 'run' writes into its log: error, warning, info, debug.",
            **common,
        ),
        click.Option(["--yes"], is_flag=True, help="Answer yes where it would ask.", **common),
    ]


class Command(click.Command):
    """A command that takes the global options too."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += global_options()

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from torc_core.cli.help import write_help

        write_help(self, ctx, formatter)


INPUT_FORMATS = ["yaml", "yml", "json5", "kdl"]


def _keep_formats(context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> None:
    """Tell the formats that FILE can have from those of the output; JSON is the output's, and recognised in FILE."""
    for value in values:
        context.ensure_object(App).options["input_format" if value in INPUT_FORMATS else "format"] = value


class FileCommand(Command):
    """A command that reads a workflow file: its --format can also say how the file is written."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        option = click.Option(
            ["-f", "--format"],
            multiple=True,
            type=click.Choice(["table", "json", *INPUT_FORMATS], case_sensitive=False),
            metavar="FORMAT",
            help="table (default) or json; or yaml, json5, kdl: how FILE is written where its name does not say it.",
            expose_value=False,
            callback=_keep_formats,
        )
        self.params = [option if parameter.name == "format" else parameter for parameter in self.params]


class Group(click.Group):
    """A family of commands that takes the global options; `lazy` ones are imported when they are used.

    `sections` says how its help orders them: title -> names.
    """

    command_class = Command

    def __init__(
        self,
        *args: Any,
        lazy: dict[str, str] | None = None,
        sections: dict[str, list[str]] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.lazy = lazy or {}
        self.sections = sections or {}
        self.params += global_options()

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from torc_core.cli.help import write_help

        write_help(self, ctx, formatter)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *self.lazy]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self.lazy:
            module, _, name = self.lazy[cmd_name].partition(":")
            return getattr(importlib.import_module(module), name)  # type: ignore[no-any-return]
        return super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from torc_core.cli.nearest import nearest_hint

            if args and (near := nearest_hint(args[0], self.list_commands(ctx)) or _or(self._below(ctx, args[0]))):
                raise click.UsageError(f"no such command {args[0]!r}{near}", ctx) from error
            raise

    def _below(self, ctx: click.Context, name: str) -> list[str]:
        """The commands of this name in the families of this group, in full."""
        families = [(family, self.get_command(ctx, family)) for family in self.list_commands(ctx)]
        return [
            f"{ctx.command_path} {family} {name}"
            for family, group in families
            if isinstance(group, click.Group) and group.get_command(ctx, name)
        ]


def _or(choices: list[str]) -> str:
    """`; nearest: 'a' or 'b'`"""
    return f"; nearest: {' or '.join(map(repr, choices))}" if choices else ""


def command(*args: Any, **kwargs: Any) -> Callable[[Callable[..., Any]], click.Command]:
    """`click.command` whose command takes the global options."""
    return click.command(*args, cls=Command, **kwargs)


def file_command(*args: Any, **kwargs: Any) -> Callable[[Callable[..., Any]], click.Command]:
    """`command` for one that reads a workflow file."""
    return click.command(*args, cls=FileCommand, **kwargs)


def group(*args: Any, **kwargs: Any) -> Callable[[Callable[..., Any]], Group]:
    """`click.group` whose group takes the global options."""
    return click.group(*args, cls=Group, **kwargs)


def debugging() -> bool:
    """Whether errors shall show where they come from (TORC_DEBUG)."""
    return bool(os.environ.get("TORC_DEBUG"))

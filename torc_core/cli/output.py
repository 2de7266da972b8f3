"""How results look: JSON as torc prints it, tables for people, and the small formats inside them."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import click
import msgspec

from torc_core.wording import count_of


def print_json(value: Any, *, sort: bool = False) -> None:
    """Structs, dicts and lists, with 2 spaces; `sort` orders the keys of every object by name (observed.md 3)."""
    encoded = msgspec.json.encode(value, order="sorted" if sort else None)
    click.echo(msgspec.json.format(encoded, indent=2))


def print_json_line(value: Any) -> None:
    """One object of a stream of them, on a line of its own, at once."""
    click.echo(msgspec.json.encode(value).decode())
    sys.stdout.flush()


def print_list(key: str, records: Sequence[Any]) -> None:
    """A list command's JSON: the records under the plural of what they are, keys sorted (cli.md 0.4)."""
    print_json({key: records}, sort=True)


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str | None = None, things: str | None = None
) -> None:
    """A table, boxed on a terminal and aligned by blanks elsewhere; `things` adds `Total: N things`."""
    cells = [["" if value is None else str(value) for value in row] for row in rows]
    if title:
        click.echo(title)
    if sys.stdout.isatty():
        _print_boxed(columns, cells)
    else:
        _print_aligned(columns, cells)
    if things:
        click.echo(f"\nTotal: {count_of(len(cells), things)}")


def _print_boxed(columns: Sequence[str], cells: list[list[str]]) -> None:
    """A table as wide as the terminal, or as it needs: only free text is folded, nothing is cut off."""
    from rich import box
    from rich.cells import cell_len
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.ROUNDED)
    for name, *column in zip(columns, *cells, strict=True):
        width = None if name in FREE_TEXT else max(cell_len(text) for text in (name, *column))
        table.add_column(name, overflow="fold", min_width=width)
    for row in cells:
        table.add_row(*(Text(cell, style=STATUS_STYLES.get(cell.lower(), "")) for cell in row))
    console = Console()
    needed = Measurement.get(console, console.options.update(max_width=UNLIMITED), table).minimum
    console.width = max(console.width, needed)
    console.print(table)


FREE_TEXT = ("Command", "Description", "Metadata", "What")

UNLIMITED = 100_000


STATUS_STYLES = {
    "completed": "green",
    "running": "cyan",
    "pending": "cyan",
    "failed": "red",
    "terminated": "red",
    "canceled": "yellow",
    "pending_failed": "yellow",
}


def _print_aligned(columns: Sequence[str], cells: list[list[str]]) -> None:
    lines = [list(columns), *([cell.replace("\n", " ") for cell in row] for row in cells)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    for line in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def print_fields(fields: Iterable[tuple[str, Any]]) -> None:
    """One record as `Name: value` lines; what is None is left out."""
    shown = [(name, value) for name, value in fields if value is not None]
    width = max(len(name) for name, _ in shown) + 1
    for name, value in shown:
        click.echo(f"{name + ':':<{width}} {value}")


def duration(seconds: float) -> str:
    """`0.4s`, `12s`, `3m 20s`, `2h 5m`, `3d 4h`."""
    if seconds < 10:
        return f"{max(seconds, 0):.1f}s"
    whole = round(seconds)
    for unit, size, smaller, smaller_size in (("d", 86_400, "h", 3_600), ("h", 3_600, "m", 60), ("m", 60, "s", 1)):
        if whole >= size:
            rest = whole % size // smaller_size
            return f"{whole // size}{unit} {rest}{smaller}" if rest else f"{whole // size}{unit}"
    return f"{whole}s"


def memory(size: int | None) -> str:
    """Bytes as `60.8MB` (powers of 1024), `-` when unknown."""
    if size is None:
        return "-"
    value = float(size)
    for unit in ("B", "KB", "MB", "GB"):
        if value < 1024:
            return f"{value:.0f}{unit}" if unit == "B" else f"{value:.1f}{unit}"
        value /= 1024
    return f"{value:.1f}TB"


def local_time(milliseconds: int) -> str:
    """A time since 1970 as `2026-11-22 19:39:36.428`, in local time."""
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC).astimezone()
    return moment.strftime("%Y-%m-%d %H:%M:%S.") + f"{milliseconds % 1000:03d}"


def shown_time(text: str | None) -> str | None:
    """A time of the wire (ISO 8601) as `local_time` shows it."""
    return None if text is None else local_time(round(datetime.fromisoformat(text).timestamp() * 1000))


def with_local_times(text: str) -> str:
    """A text of the server with the times in it as `local_time` shows them."""
    return _WIRE_TIME.sub(lambda match: str(shown_time(match[0])), text)


_WIRE_TIME = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def counts_text(counts: dict[str, int]) -> str:
    """`97 completed, 2 failed`: the statuses that have jobs."""
    return ", ".join(f"{count} {label}" for label, count in counts.items() if count) or "no jobs"


def short(path: str) -> str:
    """The path as seen from here, when that is shorter."""
    relative = os.path.relpath(path)
    return relative if len(relative) < len(path) else path

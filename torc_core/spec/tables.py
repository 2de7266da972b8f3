"""Tables of parameters: the rows of a CSV, JSON or JSONL file, each one combination (torc-1.0.md 2)."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from torc_core.spec.parameters import Value, scalar

EXTENSIONS = (".csv", ".json", ".jsonl", ".ndjson")


class TableError(Exception):
    """What is wrong with a table."""


def read_table(path: Path) -> dict[str, list[Value]]:
    """Column name -> values, all of the same length. TableError, or OSError when it cannot be read.

    Cells of CSV are numbers where they look like it; JSON says itself what its values are, and those that are neither
    numbers nor texts become their JSON text.
    """
    extension = path.suffix.lower()
    if extension not in EXTENSIONS:
        raise TableError(f"a table of parameters ends in one of {', '.join(EXTENSIONS)}")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise TableError("it is not UTF-8 text") from None
    table = _csv(text) if extension == ".csv" else _objects(_records(text, extension))
    if not table or not next(iter(table.values())):
        raise TableError("the table has no rows")
    return table


def _csv(text: str) -> dict[str, list[Value]]:
    reader = csv.reader(text.splitlines(keepends=True), strict=True, skipinitialspace=True)
    try:
        header = next(reader, [])
        names = [name.strip() for name in header]
        if len(set(names)) != len(names):
            raise TableError("line 1 names a column twice")
        table: dict[str, list[Value]] = {name: [] for name in names}
        for row in reader:
            if not row:
                continue
            if len(row) != len(names):
                raise TableError(f"line {reader.line_num} has {len(row)} cells, the header {len(names)}")
            for name, cell in zip(names, row, strict=True):
                table[name].append(scalar(cell.strip()))
    except csv.Error as error:
        raise TableError(f"line {reader.line_num}: {error}") from None
    return table


def _records(text: str, extension: str) -> Iterable[tuple[str, Any]]:
    if extension == ".json":
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise TableError(f"no valid JSON: {error}") from None
        if not isinstance(data, list):
            raise TableError("a table in JSON is a list of objects")
        for number, record in enumerate(data):
            yield f"row {number + 1}", record
        return
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                yield f"line {number}", json.loads(line)
            except (ValueError, RecursionError) as error:
                raise TableError(f"line {number}: no valid JSON: {error}") from None


def _objects(records: Iterable[tuple[str, Any]]) -> dict[str, list[Value]]:
    table: dict[str, list[Value]] = {}
    for where, record in records:
        if not isinstance(record, dict):
            raise TableError(f"{where} is no object")
        if not table:
            table = {name: [] for name in record}
        if record.keys() != table.keys():
            odd = sorted(record.keys() ^ table.keys())[0]
            raise TableError(f'{where} differs from the first in the key "{odd}"; every row needs the same keys')
        for name, value in record.items():
            plain = isinstance(value, int | float | str) and not isinstance(value, bool)
            table[name].append(value if plain else json.dumps(value, ensure_ascii=False))
    return table

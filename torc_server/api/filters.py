"""The filter language of the console's tables: `status in (failed, running) mem>4g train !test` becomes SQL.

Terms are joined by "and": `FIELD OP VALUE` with `= != > < >= <= ~ !~ in` (`~`: contains), a bare word that the name
contains, `!` before a term to negate it. Fields are whitelisted; values are bound, never part of the SQL.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from torc_core.models.status import JobStatus
from torc_core.units import UnitError, parse_duration, parse_memory
from torc_server.errors import Invalid


class Kind(Enum):
    """What a column holds, and so how a value in a filter is read."""

    NUMBER = "a number"
    TEXT = "a text"
    STATUS = "a job status"
    BYTES = "a size such as 512m or 8g"
    SECONDS = "a duration such as 90s, 5m or 2h"
    FLAG = "yes or no"
    COUNTS = "nothing"
    """Jobs by status: shown, not compared."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table of the console: an SQL expression under the name that the wire and filters use."""

    sql: str
    kind: Kind = Kind.NUMBER
    nullable: bool = False
    """It can be null: such rows come last in any order."""
    shown: bool = True
    """It is part of the rows that are sent."""


Where = tuple[str, list[Any]]
"""An SQL condition and its parameters."""

_OPERATORS = {"=": "=", "==": "=", "!=": "<>", ">": ">", "<": "<", ">=": ">=", "<=": "<="}

_TERM = re.compile(
    r"""\s*(?P<not>!)?\s*(?:
      (?P<field>[A-Za-z_]+)\s*(?:(?P<op>>=|<=|!=|==|!~|=|>|<|~)\s*(?P<value>"[^"]*"|'[^']*'|[^\s]*)
                                 |(?P<in>\s[iI][nN])\s*\((?P<values>[^)]*)\))
      |(?P<word>"[^"]*"|'[^']*'|[^\s]+))""",
    re.VERBOSE,
)

_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)d)?(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?")


def where(text: str, columns: Mapping[str, Column], word: str = "name") -> Where:
    """The SQL condition that a filter means; `word` is the column a bare word looks into. Invalid: what is wrong."""
    parts: list[str] = []
    values: list[Any] = []
    position, text = 0, text.strip()
    while position < len(text):
        match = _TERM.match(text, position)
        if match is None:
            raise Invalid(f"filter: cannot read {text[position:]!r}; write FIELD OP VALUE or a word")
        position = match.end()
        sql, bound = _term(match, columns, word)
        parts.append(f"NOT ({sql})" if match["not"] else sql)
        values += bound
    return " AND ".join(parts), values


def _term(match: re.Match[str], columns: Mapping[str, Column], word: str) -> Where:
    if match["word"] is not None:
        return _contains(columns[word], _unquoted(match["word"]))
    name = match["field"].lower()
    column = columns.get(name)
    if column is None or column.kind is Kind.COUNTS:
        raise Invalid(f"filter: there is no column {name!r} here{_nearest(name, columns)}")
    if match["in"]:
        wanted = [_unquoted(part.strip()) for part in match["values"].split(",") if part.strip()]
        read = [_value(name, column, part) for part in wanted]
        return f"{_comparable(column)} IN ({', '.join('?' * len(read))})", read
    operator, value = match["op"], _unquoted(match["value"])
    if operator in ("~", "!~"):
        sql, bound = _contains(column, value)
        return (f"NOT ({sql})" if operator == "!~" else sql), bound
    if value == "":
        raise Invalid(f"filter: {name} {operator} what? It takes {column.kind.value}")
    if value in ("none", "-", "null") and column.nullable and operator in ("=", "==", "!="):
        return f"{column.sql} IS {'NOT ' if operator == '!=' else ''}NULL", []
    return f"{_comparable(column)} {_OPERATORS[operator]} ?", [_value(name, column, value)]


def _comparable(column: Column) -> str:
    return f"lower({column.sql})" if column.kind is Kind.TEXT else column.sql


def _contains(column: Column, text: str) -> Where:
    if column.kind is Kind.STATUS:
        found = [int(status) for status in JobStatus if text.lower() in status.label]
        return f"{column.sql} IN ({', '.join('?' * len(found))})", list(found)
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"ifnull({column.sql}, '') LIKE ? ESCAPE '\\'", [f"%{escaped}%"]


def _value(name: str, column: Column, text: str) -> Any:
    read: Callable[[str], Any] = _READ[column.kind]
    try:
        return read(text)
    except ValueError as error:
        hint = str(error) if column.kind is Kind.STATUS else f"{text!r} is not {column.kind.value}"
        raise Invalid(f"filter: {name}: {hint}") from None


def _number(text: str) -> float:
    return float(text.replace(",", ""))


def _seconds(text: str) -> float:
    match = _DURATION.fullmatch(text.lower())
    if match is None or not any(match.groups()):
        return float(parse_duration(text))
    return sum(
        float(part) * factor for part, factor in zip(match.groups(), (86_400, 3_600, 60, 1), strict=True) if part
    )


def _bytes(text: str) -> int:
    try:
        return parse_memory(re.sub(r"(?i)i?b$", "", text))
    except UnitError:
        return int(float(text[:-1]) * parse_memory(f"1{text[-1]}"))


def _flag(text: str) -> int:
    if text.lower() not in ("yes", "no", "true", "false", "1", "0"):
        raise ValueError
    return int(text.lower() in ("yes", "true", "1"))


_READ: dict[Kind, Callable[[str], Any]] = {
    Kind.NUMBER: _number,
    Kind.TEXT: str.lower,
    Kind.STATUS: lambda text: int(JobStatus.from_label(text.lower())),
    Kind.BYTES: _bytes,
    Kind.SECONDS: _seconds,
    Kind.FLAG: _flag,
}


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def _nearest(name: str, columns: Mapping[str, Column]) -> str:
    near = difflib.get_close_matches(name, columns, 1)
    return f"; nearest: {near[0]!r}" if near else f"; there are {', '.join(columns)}"

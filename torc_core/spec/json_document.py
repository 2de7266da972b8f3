"""JSON as in RFC 8259: no comments, no NaN, no key twice. Places are paths such as `jobs[3].command`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from torc_core.spec.document import Path, Problem, UnreadableError, path_text


class WrittenFloat(float):
    """A number whose usual text differs from what the user wrote, such as 1.10."""

    text: str


def read_json(text: str, name: str) -> JsonDocument:
    """Read `text`; UnreadableError with line and column where it is no JSON."""
    twice: list[tuple[dict[str, Any], str]] = []

    def make_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        data = dict(pairs)
        if len(data) != len(pairs):
            seen = set()
            for key, _ in pairs:
                if key in seen:
                    twice.append((data, key))
                seen.add(key)
        return data

    def refuse(constant: str) -> None:
        message = f"{constant} is not JSON; write a number, a text or null"
        raise UnreadableError(Problem(message, name))

    if not text.strip():
        return JsonDocument(None, name)
    try:
        data = json.loads(text, object_pairs_hook=make_object, parse_float=_float, parse_constant=refuse)
    except json.JSONDecodeError as error:
        where = f"{name}:{error.lineno}:{error.colno}"
        raise UnreadableError(Problem(f"no valid JSON: {error.msg}", where, (error.lineno, error.colno))) from error
    except ValueError as error:
        raise UnreadableError(Problem(f"no valid JSON: {error}", name)) from error
    document = JsonDocument(data, name)
    for mapping, key in twice:
        path = next(path for path, value in _walk(data, ()) if value is mapping)
        document.errors.append(document.problem((*path, key), f'the key "{key}" is given twice'))
    return document


def _float(text: str) -> float:
    value = WrittenFloat(text)
    if repr(float(value)) == text:
        return float(value)
    value.text = text
    return value


def _walk(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    yield path, value
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _walk(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _walk(item, (*path, index))


class JsonDocument:
    """The data of a JSON text."""

    def __init__(self, data: Any, name: str) -> None:
        self.data = data
        self._name = name
        self.errors: list[Problem] = []
        self.warnings: list[Problem] = []

    def problem(self, path: Path, message: str, *, key: bool = False) -> Problem:  # noqa: ARG002
        return Problem(message, f"{self._name}: {path_text(path)}" if path else self._name)

    def place(self, path: Path) -> str:
        return path_text(path)

    def written(self, path: Path, value: Any) -> str:  # noqa: ARG002
        return value.text if isinstance(value, WrittenFloat) else json.dumps(value)

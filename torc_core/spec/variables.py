"""Variables of a workflow: constants for `{name}` in every text of the file (torc-1.0.md 2)."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from torc_core.spec import values
from torc_core.spec.document import Path, Source
from torc_core.spec.template import Field, formatted, parse, shell_names, unknown_names
from torc_core.spec.values import quoted

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NOT_TEXTS = frozenset({"variables", "use_parameters"})
"""Keys whose values are names."""


def read_variables(source: Source, value: Any, path: Path) -> dict[str, str] | None:
    """The mapping `variables`; numbers, true and false count as the text they are written with."""
    found = values.environment(source, value, path)
    for name, text in (found or {}).items():
        if not _IDENTIFIER.fullmatch(name):
            message = f"{quoted(name)} cannot be the name of a variable; letters, digits and _ can"
            source.error((*path, name), message, key=True)
        elif parse(text, found or {}):
            message = f"variable {name}: another variable in a value is not inserted; put both where they are used"
            source.error((*path, name), message)
    return found


def insert_variables(source: Source) -> None:
    """Put the variables into `source.data`; what is wrong with them is said when they are read."""
    said = source.data.get("variables")
    if not isinstance(said, dict):
        return
    texts = {
        name: value if isinstance(value, str) else source.document.written(("variables", name), value)
        for name, value in said.items()
        if isinstance(value, str | int | float) and _IDENTIFIER.fullmatch(name)
    }
    if texts:
        parameters = _parameter_names(source.data)
        for name in sorted(texts.keys() & parameters):
            message = f"{name} is also a parameter; rename one of them"
            source.error(("variables", name), message, key=True)
            del texts[name]
        source.data = _Inserter(source, texts, parameters).inserted(source.data, ())


def _parameter_names(data: dict[str, Any]) -> set[str]:
    """The parameters of the workflow and of everything in it, tables left out."""
    owners = [data]
    for key in ("jobs", "files", "user_data"):
        items = data.get(key)
        owners += [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    found = (owner.get("parameters") for owner in owners)
    return {name for mapping in found if isinstance(mapping, dict) for name in mapping}


class _Inserter:
    def __init__(self, source: Source, texts: dict[str, str], parameters: Collection[str]) -> None:
        self._source = source
        self._texts = texts
        self._known = {*texts, *parameters}

    def inserted(self, value: Any, path: Path, *, escaped: bool = False) -> Any:
        """`value` with the variables in its texts; escaped in regular expressions."""
        if isinstance(value, str):
            return self._text(value, path, escaped=escaped)
        if isinstance(value, dict):
            return {key: self._member(key, item, path) for key, item in value.items()}
        if isinstance(value, list):
            return [self.inserted(item, (*path, index), escaped=escaped) for index, item in enumerate(value)]
        return value

    def _member(self, key: str, item: Any, path: Path) -> Any:
        if key in _NOT_TEXTS:
            return item
        return self.inserted(item, (*path, key), escaped=key.endswith("_regexes"))

    def _text(self, text: str, path: Path, *, escaped: bool) -> str:
        if "{" not in text:
            return text
        note_doubts(self._source, text, path, self._texts, self._known, "variable")
        parts = parse(text, self._texts)
        if parts is None:
            return text
        made = ""
        for part in parts:
            made += self._value(part, path, escaped) if isinstance(part, Field) else part
        return made

    def _value(self, field: Field, path: Path, escaped: bool) -> str:
        try:
            text = formatted(self._texts[field.name], field.spec)
        except ValueError as error:
            self._source.error(path, f"{{{field.name}:{field.spec}}}: the format does not fit a text: {error}")
            return ""
        return re.escape(text) if escaped else text


def note_doubts(
    source: Source, text: str, path: Path, names: Collection[str], known: Collection[str], what: str
) -> None:
    """Warn of what may be meant as one of `names` and is none: the shell's `${name}`, and misspelt names."""
    for name in shell_names(text, names):
        if not any(isinstance(part, Field) and part.name == name for part in parse(text, names) or ()):
            message = f"${{{name}}} is a variable of the shell; write {{{name}}} for the {what}"
            source.warn(path, message)
    for name in unknown_names(text, known):
        near = source.suggestions.nearest(name, names)
        if near:
            source.warn(path, f"{{{name}}} is no {what} and stays as it is{near}")

"""Readers of whole objects: which keys they have, which of them are required, and what is said of others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torc_core.spec import values
from torc_core.spec.document import Path, Source
from torc_core.spec.suggest import Suggestions
from torc_core.spec.values import Reader

RENAMED = {
    "blocked_by": "depends_on",
    "blocked_by_job_names": "depends_on",
    "blocked_by_regexes": "depends_on_regexes",
    "blocked_by_job_name_regexes": "depends_on_regexes",
    "resource_requirements_name": "resource_requirements",
    "job_name_regex": "job_name_regexes",
}
"""Keys as torc called them before, and calls them now: jobs would run in another order without them."""


def read_mapping(
    source: Source,
    value: Any,
    path: Path,
    keys: Mapping[str, Reader],
    what: str,
    required: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Read the keys of one object; null counts as absent. `what` names the object in messages."""
    if not isinstance(value, dict):
        source.error(path, f"{what} must be a mapping, not {values.describe(source, value, path)}")
        return {}
    found = {}
    for key, item in value.items():
        read = keys.get(key)
        if read is None:
            near = RENAMED[key] if RENAMED.get(key) in keys else Suggestions().nearest_word(key, keys)
            meant = f'; nearest: "{near}"' if near else ""
            ignored = "" if source.strict else " is ignored"
            message = f"unknown key {values.quoted(key)} in {what}{ignored}{meant}"
            source.ignored((*path, key), message, key=True)
        elif item is not None:
            result = read(source, item, (*path, key))
            if result is not None:
                found[key] = result
    for key in required:
        if value.get(key) is None:
            source.error(path, f"{what} has no {key}")
    return found


def items(source: Source, value: Any, path: Path) -> list[Any]:
    """The items of a list of objects; none when it is no list."""
    if isinstance(value, list):
        return value
    source.error(path, f"{values.label(path)} must be a list, not {values.describe(source, value, path)}")
    return []


def named(what: str, item: Any) -> str:
    """`job "a"` where the name is readable, else `a job`."""
    name = item.get("name") if isinstance(item, dict) else None
    return f"{what} {values.quoted(name)}" if isinstance(name, str) and name.strip() else f"a {what}"

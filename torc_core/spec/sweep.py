"""Which parameters an object has: its own, shared ones, or the rows of a table (spec.md 6.2, torc-1.0.md 2)."""

from __future__ import annotations

import json
from pathlib import Path as FilePath
from typing import Any

from msgspec import Struct, field

from torc_core.spec import values
from torc_core.spec.combinations import Combinations
from torc_core.spec.document import Path, Source
from torc_core.spec.parameters import Value, parse_values
from torc_core.spec.tables import TableError, read_table
from torc_core.spec.values import Reader, quoted

MAX_COPIES = 10_000_000
"""So many jobs, files or user data records a workflow may have."""

Values = dict[str, list[Value]]


class Sweep(Struct, kw_only=True):
    """What an object says about its parameters."""

    parameters: Values | None = None
    parameter_mode: str = "product"
    use_parameters: list[str] = field(default_factory=list)
    parameters_file: str | None = None
    use_parameters_file: bool = False


def read_parameters(source: Source, value: Any, path: Path) -> Values | None:
    """A mapping of names to values; None after a mistake."""
    if not isinstance(value, dict):
        what = values.describe(source, value, path)
        source.error(path, f"{values.label(path)} must be a mapping of names to values, not {what}")
        return None
    before = len(source.errors)
    found = {}
    for name, item in value.items():
        place = (*path, name)
        if not name or any(character in "{}:!" or character.isspace() for character in name):
            source.error(place, f"{quoted(name)} cannot be the name of a parameter: no text can mean it", key=True)
            continue
        read = _values(source, item, place)
        if read == []:
            source.error(place, f"the parameter {name} has no values, so nothing would be made; give it one at least")
        elif read is not None:
            found[name] = read
    return found if len(source.errors) == before else None


def _values(source: Source, item: Any, path: Path) -> list[Value] | None:
    if isinstance(item, list):
        read = [_native(source, one, (*path, index)) for index, one in enumerate(item)]
        return None if None in read else [one for one in read if one is not None]
    if not isinstance(item, str):
        one = _native(source, item, path)
        return None if one is None else [one]
    text = values.text(source, item, path)
    if text is None:
        return None
    try:
        found = parse_values(text)
    except ValueError as error:
        source.error(path, f"parameter {path[-1]}: {error}")
        return None
    if len(found) > 1 and found[-1] == "" and text.rstrip(" ]").endswith(","):
        source.warn(path, f"parameter {path[-1]}: the comma at the end of the list adds an empty text")
    return found


def _native(source: Source, item: Any, path: Path) -> Value | None:
    if isinstance(item, bool) or not isinstance(item, int | float | str):
        message = f"{values.label(path)} must be a number or text, not {values.describe(source, item, path)}"
        if isinstance(item, bool):
            message += f'; quote it: "{source.document.written(path, item)}"'
        elif isinstance(item, dict):
            message += "; quote a range"
        source.error(path, message)
        return None
    if isinstance(item, str):
        return values.text(source, item, path)
    return float(item) if isinstance(item, float) else item


SWEEP_KEYS: dict[str, Reader] = {
    "parameters": read_parameters,
    "parameter_mode": values.choice("product", "zip", otherwise="it counts as product"),
    "use_parameters": values.names,
    "parameters_file": values.filled_text,
    "use_parameters_file": values.flag,
}
"""Keys of everything that can have parameters."""


def take_sweep(found: dict[str, Any]) -> Sweep | None:
    """The parameters among the keys of an object, which are taken out; None where there are none."""
    said = {key: found.pop(key) for key in SWEEP_KEYS if key in found}
    return Sweep(**said) if said else None


def combinations_of(sweep: Sweep, place: Path, spec: Any, source: Source) -> Combinations | None:
    """The combinations of an object's values; None when it has no parameters, or after a mistake."""
    if sweep.parameters_file is not None or sweep.use_parameters_file:
        return _of_table(sweep, place, spec, source)
    chosen = sweep.parameters
    if chosen is None:
        chosen = _shared(sweep, place, spec, source)
    elif sweep.use_parameters:
        message = "use_parameters is not used beside parameters; name in one of them what is needed"
        source.warn((*place, "use_parameters"), message, key=True)
    if not chosen:
        return None
    zipped = sweep.parameter_mode == "zip"
    if zipped and not _equal_lengths(chosen, place, source):
        return None
    return Combinations(chosen, zipped=zipped)


def _equal_lengths(chosen: Values, place: Path, source: Source) -> bool:
    first, *others = chosen.items()
    for name, found in others:
        if len(found) != len(first[1]):
            message = (
                "All parameters must have the same number of values when using 'zip' mode. Parameter"
                f" '{name}' has {len(found)} values, but '{first[0]}' has {len(first[1])} values."
            )
            source.error((*place, "parameter_mode"), message)
            return False
    return True


def _shared(sweep: Sweep, place: Path, spec: Any, source: Source) -> Values | None:
    if spec.parameters is None and source.data.get("parameters"):
        return None
    shared: Values = spec.parameters or {}
    path = (*place, "use_parameters")
    for name in sweep.use_parameters:
        if name not in shared:
            near = source.suggestions.nearest(name, shared)
            note = source.error if near else source.ignored
            note(
                path, f"use_parameters {quoted(name)} names no parameter of the workflow{near or ' and has no effect'}"
            )
    return {name: shared[name] for name in sweep.use_parameters if name in shared}


def _of_table(sweep: Sweep, place: Path, spec: Any, source: Source) -> Combinations | None:
    other = next(
        (key for key in ("parameters", "use_parameters") if getattr(sweep, key)),
        "parameter_mode" if sweep.parameter_mode != "product" else None,
    )
    own = "parameters_file" if sweep.parameters_file is not None else "use_parameters_file"
    if other is not None:
        source.error((*place, other), f"{other} and {own} exclude each other; leave one of them out", key=True)
        return None
    if sweep.parameters_file is not None and sweep.use_parameters_file:
        message = "parameters_file and use_parameters_file exclude each other; leave one of them out"
        source.error((*place, own), message, key=True)
        return None
    path = (*place, "parameters_file") if sweep.parameters_file is not None else ("parameters_file",)
    file = sweep.parameters_file or spec.parameters_file
    if file is None:
        message = "use_parameters_file: the workflow has no parameters_file; give it one"
        source.error((*place, "use_parameters_file"), message, key=True)
        return None
    table = load_table(file, path, source)
    return None if table is None else Combinations(table, zipped=True)


def load_table(file: str, path: Path, source: Source) -> Values | None:
    """The table in a file, seen from here or from beside the workflow file; None after a mistake."""
    if file not in source.tables:
        source.tables[file] = _load_table(file, path, source)
    return source.tables[file]


def _load_table(file: str, path: Path, source: Source) -> Values | None:
    chosen = FilePath(file)
    if source.folder is not None and not chosen.exists():
        chosen = FilePath(source.folder) / file
    label = f"parameters_file {json.dumps(file, ensure_ascii=False)}"
    try:
        table = read_table(chosen)
    except FileNotFoundError:
        source.error(path, f"{label}: no such file")
        return None
    except (OSError, ValueError) as error:
        source.error(path, f"{label}: {getattr(error, 'strerror', None) or error}")
        return None
    except TableError as error:
        source.error(path, f"{label}: {error}")
        return None
    for name in table:
        if not name or any(character in "{}:!" or character.isspace() for character in name):
            source.error(path, f"{label}: {quoted(name)} cannot be the name of a parameter")
            return None
    return table

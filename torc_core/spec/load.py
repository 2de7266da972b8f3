"""A workflow file -> a checked WorkflowSpec, or every mistake in it at once."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from torc_core.errors import InputError
from torc_core.spec.build import build
from torc_core.spec.document import Document, Problem, Source, UnreadableError
from torc_core.spec.graph import Graph
from torc_core.spec.json_document import read_json
from torc_core.spec.model import WorkflowSpec
from torc_core.spec.references import resolve_references
from torc_core.spec.yaml_document import read_yaml

FORMATS: dict[str, Callable[[str, str], Document]] = {"yaml": read_yaml, "yml": read_yaml, "json": read_json}
"""Format name (and file extension) -> reader of (text, name of the file)."""


@dataclass(slots=True)
class Loaded:
    """What became of a file: `spec` is there when there are no errors."""

    spec: WorkflowSpec | None
    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)


def load_workflow(path: Path, *, strict: bool = False) -> Loaded:
    """Read and check a workflow file; the format follows from the extension. Never raises for what a user wrote.

    With `strict`, unknown keys are errors instead of warnings.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return _failed(path, "no such file")
    except IsADirectoryError:
        return _failed(path, f"this is a directory; name a workflow file ({_supported()})")
    except (OSError, ValueError) as error:
        return _failed(path, f"cannot be read: {getattr(error, 'strerror', None) or error}")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return _failed(path, f"not UTF-8 text: byte 0x{content[error.start]:02x} in line {line}; save it as UTF-8")
    return load_text(text, path.suffix.removeprefix("."), str(path), strict=strict)


def load_text(text: str, format: str, name: str, *, strict: bool = False) -> Loaded:
    """Like load_workflow for a text; `format` is yaml, yml or json in any case, `name` stands for the file."""
    read = FORMATS.get(format.lower())
    if read is None:
        what = f"the format {format} is not supported" if format else "a workflow file needs an extension"
        return Loaded(None, [Problem(f"{what}; write YAML or JSON ({_supported()})", name)])
    with _no_garbage_collection():
        try:
            source = Source(read(text, name), strict=strict)
            return _checked(source, build(source))
        except UnreadableError as error:
            return Loaded(None, [error.problem])
        except RecursionError:
            return Loaded(None, [Problem("nested too deeply to be a workflow", name)])


def _checked(source: Source, spec: WorkflowSpec) -> Loaded:
    resolve_references(spec, source)
    for job, cycle in Graph(spec).cycles():
        source.error((*spec.jobs[job].place, "name"), f"cycle: {cycle}")
    errors, warnings = _in_order(source.errors), _in_order(source.warnings)
    return Loaded(None if errors else spec, errors, warnings)


def _in_order(problems: list[Problem]) -> list[Problem]:
    """By place in the file; what is wrong in a value that aliases share is said once."""
    return list(dict.fromkeys(sorted(problems, key=lambda problem: problem.order)))


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """A large file makes millions of objects that all stay: looking for garbage among them takes most of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def require_workflow(path: Path, *, strict: bool = False) -> WorkflowSpec:
    """The specification in a file; InputError with every problem on a line of its own when there is one."""
    loaded = load_workflow(path, strict=strict)
    if loaded.spec is None:
        raise InputError("\n".join(str(problem) for problem in loaded.errors))
    return loaded.spec


def _failed(path: Path, message: str) -> Loaded:
    return Loaded(None, [Problem(message, str(path))])


def _supported() -> str:
    return ", ".join(f".{name}" for name in FORMATS)

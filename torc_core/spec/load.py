"""A workflow file -> a checked WorkflowSpec, or every mistake in it at once."""

from __future__ import annotations

import gc
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from torc_core.errors import InputError
from torc_core.spec.build import build
from torc_core.spec.document import Document, Problem, Source, UnreadableError
from torc_core.spec.expand import expand
from torc_core.spec.graph import Graph
from torc_core.spec.model import WorkflowSpec
from torc_core.spec.reading import nested_too_deeply, read_document, read_text
from torc_core.spec.references import resolve_references
from torc_core.spec.schedulers import check_schedulers
from torc_core.spec.sizes import check_sizes


@dataclass(slots=True)
class Loaded:
    """What became of a file: `spec` is there when there are no errors."""

    spec: WorkflowSpec | None
    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)


def load_workflow(
    file: str | Path, *, format: str | None = None, strict: bool = False, skip_checks: bool = False
) -> Loaded:
    """Read and check a workflow file, or standard input for `-`. Never raises for what a user wrote.

    The format follows from `format` (a key of FORMATS), else from the extension, else from the text. With `strict`,
    what has no effect, such as unknown keys, is an error instead of a warning; with `skip_checks` schedulers may take
    nodes that no job needs.
    """
    try:
        written = read_text(file, format)
    except UnreadableError as error:
        return Loaded(None, [error.problem])
    return load_text(
        written.text,
        written.format,
        written.name,
        strict=strict,
        skip_checks=skip_checks,
        folder=written.folder,
    )


def load_text(
    text: str,
    format: str,
    name: str,
    *,
    strict: bool = False,
    skip_checks: bool = False,
    folder: str | None = None,
) -> Loaded:
    """Like load_workflow for a text; `name` stands for the file, `folder` is where it would be."""
    with _no_garbage_collection():
        try:
            document = read_document(text, format, name)
            return check_document(document, strict=strict, skip_checks=skip_checks, folder=folder)
        except UnreadableError as error:
            return Loaded(None, [error.problem])
        except RecursionError:
            return Loaded(None, [nested_too_deeply(name).problem])


def check_document(
    document: Document, *, strict: bool = False, skip_checks: bool = False, folder: str | None = None
) -> Loaded:
    """What a document says, expanded, completed and checked. RecursionError when it is nested too deeply."""
    source = Source(document, strict=strict, folder=folder)
    spec = build(source)
    expand(spec, source)
    resolve_references(spec, source)
    check_schedulers(spec, source, nodes=not skip_checks)
    if not source.errors:
        check_sizes(spec, source)
    for job, cycle in Graph(spec).cycles():
        source.error((*spec.jobs[job].place, "name"), f"cycle: {cycle}")
    errors, warnings = _in_order(source.errors), _in_order(source.warnings)
    return Loaded(None if errors else spec, errors, warnings)


ALIKE = 20
"""So many problems that differ only in names and numbers are told one by one; of more, the first."""

_PARTICULAR = re.compile(r'(?:; nearest: )?"(?:[^"\\]|\\.)*"|[0-9][0-9,.]*')


def _in_order(problems: list[Problem]) -> list[Problem]:
    """By place in the file; what is wrong in a value that aliases share is said once, so is what is wrong in many."""
    ordered = list(dict.fromkeys(sorted(problems, key=lambda problem: problem.order)))
    if len(ordered) <= ALIKE:
        return ordered
    kinds = [_PARTICULAR.sub("", problem.message) for problem in ordered]
    counts = Counter(kinds)
    told = []
    for problem, kind in zip(ordered, kinds, strict=True):
        count = counts[kind]
        if count > ALIKE:
            counts[kind] = 0
            told.append(replace(problem, message=f"{problem.message} (and {count - 1:,} more like this)"))
        elif count:
            told.append(problem)
    return told


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


def require_workflow(path: str | Path, *, strict: bool = False) -> WorkflowSpec:
    """The specification in a file; InputError with every problem on a line of its own when there is one."""
    loaded = load_workflow(path, strict=strict)
    if loaded.spec is None:
        raise InputError("\n".join(str(problem) for problem in loaded.errors))
    return loaded.spec

"""Jobs, files and user data with parameters -> one for each combination of values (spec.md 6).

Copies that get the same name become one when they differ in nothing but their lists, whose union it has; so do jobs
that are written apart.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from torc_core.spec.combinations import Combinations
from torc_core.spec.document import Path, Source
from torc_core.spec.model import FileSpec, JobSpec, UserDataSpec, WorkflowSpec
from torc_core.spec.sweep import MAX_COPIES, combinations_of
from torc_core.spec.template import Field, Row, parse, renderer, unknown_names
from torc_core.spec.values import quoted
from torc_core.spec.variables import note_doubts

T = TypeVar("T", bound=JobSpec | FileSpec | UserDataSpec)
Render = Callable[[Row], Any]

_NEVER_BLANK = ("name", "command", "path", "cwd")


@dataclass(frozen=True)
class _Kind:
    """What of an object takes part."""

    label: str
    texts: tuple[str, ...]
    lists: tuple[str, ...] = ()
    regexes: tuple[str, ...] = ()
    deep: tuple[str, ...] = ()
    """Values with texts anywhere in them."""


_JOB = _Kind(
    "job",
    ("name", "command", "invocation_script", "resource_requirements", "failure_handler", "scheduler", "cwd"),
    ("depends_on", "input_files", "output_files", "input_user_data", "output_user_data"),
    (
        "depends_on_regexes",
        "input_file_regexes",
        "output_file_regexes",
        "input_user_data_regexes",
        "output_user_data_regexes",
    ),
    ("env",),
)
_FILE = _Kind("file", ("name", "path"))
_USER_DATA = _Kind("user_data record", ("name",), deep=("data",))


def expand(spec: WorkflowSpec, source: Source) -> None:
    """Replace what has parameters by its copies, in place; mistakes go to `source`."""
    spec.jobs_before_expansion = len(spec.jobs)
    spec.files_before_expansion = len(spec.files)
    spec.jobs = _united(_expanded(spec.jobs, _JOB, spec, source), source)
    spec.files = _expanded(spec.files, _FILE, spec, source)
    spec.user_data = _expanded(spec.user_data, _USER_DATA, spec, source)


def _expanded(items: list[T], kind: _Kind, spec: WorkflowSpec, source: Source) -> list[T]:
    if all(item.sweep is None for item in items):
        return items
    made: list[T] = []
    for item in items:
        if item.sweep is None:
            made.append(item)
            continue
        before = len(source.errors)
        source.expanded.add(item.place)
        combinations = combinations_of(item.sweep, item.place, spec, source)
        if combinations is None:
            made.append(item)
        elif len(made) + combinations.count > MAX_COPIES:
            message = f"{combinations.count:,} copies are too many; a workflow may have {MAX_COPIES:,} of a kind"
            source.error(item.place, message)
        else:
            made += _Copies(item, kind, combinations, source).made()
        if len(source.errors) > before or _lacks_shared(item, spec, source):
            source.incomplete.add(kind.label)
    return made


def _united(jobs: list[JobSpec], source: Source) -> list[JobSpec]:
    """Jobs of the same name, written in different places, become the first; an error when they are not the same."""
    firsts: dict[str, JobSpec] = {}
    kept = []
    for job in jobs:
        first = firsts.setdefault(job.name, job)
        if first is job or not job.name:
            kept.append(job)
            continue
        differing = _difference(first, job)
        if differing:
            kept.append(job)  # for its other mistakes
        else:
            _add_lists(first, job)
        others = source.united.setdefault(first.place, {})
        if job.place not in others:
            others[job.place] = None
            _tell_of_two(first, job, differing, source)
    return kept


def _difference(first: JobSpec, job: JobSpec) -> str | None:
    """The first key beside lists in which two jobs differ."""
    same = (*_JOB.lists, *_JOB.regexes, "place", "sweep")
    keys = (key for key in job.__struct_fields__ if key not in same)
    return next((key for key in keys if getattr(first, key) != getattr(job, key)), None)


def _add_lists(first: JobSpec, job: JobSpec) -> None:
    for key in (*_JOB.lists, *_JOB.regexes):
        setattr(first, key, list(dict.fromkeys([*getattr(first, key), *getattr(job, key)])))


def _tell_of_two(first: JobSpec, job: JobSpec, differing: str | None, source: Source) -> None:
    line = source.document.place((*first.place, "name"))
    place, twice = (*job.place, "name"), f"job {quoted(job.name)} exists twice"
    if differing is None:
        source.warn(place, f"{twice} and becomes one that waits for all that both wait for; first at {line}")
    else:
        both = " and ".join(quoted(str(getattr(one, differing))) for one in (first, job))
        source.error(place, f"{twice}, with different {differing}: {both}; first at {line}")


def _lacks_shared(item: JobSpec | FileSpec | UserDataSpec, spec: WorkflowSpec, source: Source) -> bool:
    """Whether it uses parameters of the workflow that cannot be read."""
    uses = item.sweep is not None and item.sweep.parameters is None and bool(item.sweep.use_parameters)
    return uses and spec.parameters is None and bool(source.data.get("parameters"))


class _Copies(Generic[T]):
    """The copies of one object."""

    def __init__(self, item: T, kind: _Kind, combinations: Combinations, source: Source) -> None:
        self._item = item
        self._kind = kind
        self._combinations = combinations
        self._source = source
        self._unions: dict[str, dict[str, dict[str, None]]] = {}

    def made(self) -> list[T]:
        """One object for each combination, in their order; none after a mistake."""
        before = len(self._source.errors)
        self._find_fields()
        if len(self._source.errors) > before:
            return []
        layout = self._combinations.layout()
        renders = {attribute: self._render(attribute, layout) for attribute in self._fields()}
        changing = [(attribute, render) for attribute, render in renders.items() if render is not None]
        return list(self._copies(changing))

    def _fields(self) -> tuple[str, ...]:
        kind = self._kind
        return (*kind.texts, *kind.lists, *kind.regexes, *kind.deep)

    def _copies(self, changing: list[tuple[str, Render]]) -> Iterator[T]:
        seen: dict[str | None, T] = {}
        template = copy.copy(self._item)
        template.sweep = None
        differs = False
        for row in self._combinations.rows():
            made = copy.copy(template)
            for attribute, render in changing:
                setattr(made, attribute, render(row))
            first = seen.setdefault(made.name, made)
            if first is not made and not differs:
                differs = not self._merge(first, made)
        if len(seen) < self._combinations.count and not differs:
            self._warn_of_merged()
        for name, unions in self._unions.items():
            for attribute, union in unions.items():
                setattr(seen[name], attribute, list(union))
        yield from seen.values()

    def _warn_of_merged(self) -> None:
        """Copies became one: perhaps because what looks like a placeholder in their name is none."""
        names, suggestions = self._combinations.names, self._source.suggestions
        for name in unknown_names(self._item.name or "", names):
            if suggestions.nearest_word(name, names) is None:  # else it is said already
                known = ", ".join(f"{{{each}}}" for each in names)
                message = f"{{{name}}} is no parameter of this {self._kind.label}; nearest: {known}"
                self._source.warn((*self._item.place, "name"), message)

    def _merge(self, first: T, other: T) -> bool:
        """Add the lists of a copy to those of the first one of its name; an error when they differ otherwise."""
        lists = (*self._kind.lists, *self._kind.regexes)
        for attribute in (*self._kind.texts, *self._kind.deep):
            one, two = getattr(first, attribute), getattr(other, attribute)
            if one != two:
                message = (
                    f"{self._kind.label} {quoted(first.name or '')} is made more than once, with different {attribute}:"
                    f" {quoted(str(one))} and {quoted(str(two))}; name the parameters in its name that make them differ"
                )
                self._source.error((*self._item.place, "name"), message)
                return False
        unions = self._unions.setdefault(
            first.name or "", {attribute: dict.fromkeys(getattr(first, attribute)) for attribute in lists}
        )
        for attribute in lists:
            unions[attribute].update(dict.fromkeys(getattr(other, attribute)))
        return True

    def _find_fields(self) -> None:
        """Find all placeholders, and make a column of each."""
        for attribute in self._fields():
            value = getattr(self._item, attribute)
            if value:
                escaped = attribute in self._kind.regexes
                self._find(value, (*self._item.place, attribute), escaped=escaped)

    def _find(self, value: Any, path: Path, *, escaped: bool) -> None:
        if isinstance(value, dict):
            for key, item in value.items():
                self._find(item, (*path, key), escaped=escaped)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                self._find(item, (*path, index), escaped=escaped)
        elif isinstance(value, str):
            self._find_in_text(value, path, escaped=escaped)

    def _find_in_text(self, text: str, path: Path, *, escaped: bool) -> None:
        names = self._combinations.names
        note_doubts(self._source, text, path, names, names, "parameter")
        parts = parse(text, names) or []
        blank = path[-1] in _NEVER_BLANK
        for part in parts:
            if isinstance(part, Field):
                texts = self._combinations.add(part, escaped=escaped)
                if misfit := self._combinations.misfits.get(part):
                    self._source.ignored(path, f"{{{part.name}:{part.spec}}}: {misfit}")
                self._check_texts(part, texts, path)
                blank = blank and not all(texts)
            else:
                blank = blank and not part.strip()
        if blank and parts:
            self._source.error(path, f"{path[-1]} is empty for some values of its parameters")

    def _check_texts(self, part: Field, texts: list[str], path: Path) -> None:
        if path[-1] == "name":
            bad = next((text for text in texts if any(c < " " or c == "\x7f" for c in text)), None)
            if bad is not None:
                message = f"{part.name} has the value {quoted(bad)}; no name contains a line break or control character"
                self._source.error(path, message)

    def _render(self, attribute: str, layout: dict[tuple[Field, bool], int]) -> Render | None:
        return self._render_value(getattr(self._item, attribute), attribute in self._kind.regexes, layout)

    def _render_value(self, value: Any, escaped: bool, layout: dict[tuple[Field, bool], int]) -> Render | None:
        """A function that makes the value of a row, or None when it is the same for all."""
        if isinstance(value, str):
            parts = parse(value, self._combinations.names)
            if parts is None:
                return None
            return renderer([part if isinstance(part, str) else layout[part, escaped] for part in parts])
        if isinstance(value, list):
            return self._render_list(value, escaped, layout)
        if isinstance(value, dict):
            inner = {key: self._render_value(item, escaped, layout) for key, item in value.items()}
            if all(render is None for render in inner.values()):
                return None
            renders = [(key, render or _constant(value[key])) for key, render in inner.items()]
            return lambda row: {key: render(row) for key, render in renders}
        return None

    def _render_list(self, value: list[Any], escaped: bool, layout: dict[tuple[Field, bool], int]) -> Render | None:
        inner = [self._render_value(item, escaped, layout) for item in value]
        if all(render is None for render in inner):
            return None
        renders = [render or _constant(item) for render, item in zip(inner, value, strict=True)]
        if len(renders) == 1:
            (only,) = renders
            return lambda row: [only(row)]
        if all(isinstance(item, str) for item in value) and self._kind is _JOB:
            return lambda row: list(dict.fromkeys([render(row) for render in renders]))
        return lambda row: [render(row) for render in renders]


def _constant(value: Any) -> Render:
    return lambda _row: value

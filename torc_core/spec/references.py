"""Names that refer to other things: found, completed from regexes and `${...}` tokens, or reported (spec.md 7, 8)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from msgspec import json

from torc_core.spec.document import Path, Source
from torc_core.spec.model import DEFAULT_REQUIREMENTS, JobSpec, WorkflowSpec
from torc_core.spec.suggest import Suggestions
from torc_core.spec.values import quoted

_TOKEN = re.compile(r"\$\{(files|user_data)\.([^}]*)\}")
_FILE_LISTS: tuple[Literal["input_files", "output_files"], ...] = ("input_files", "output_files")
_DATA_LISTS: tuple[Literal["input_user_data", "output_user_data"], ...] = ("input_user_data", "output_user_data")


class Names:
    """The names of one kind of thing, in the order of the file."""

    def __init__(self, kind: str, source: Source, suggestions: Suggestions) -> None:
        self.kind = kind
        self._source = source
        self._suggestions = suggestions
        self._places: dict[str, Path] = {}
        self._matches: dict[str, list[str] | None] = {}

    def add(self, name: str | None, place: Path) -> None:
        """Enter a name; a second thing of the same name is an error. Things without a name were reported before."""
        if not name:
            return
        if name in self._places:
            first = self._source.document.place((*self._places[name], "name"))
            self._source.error((*place, "name"), f"{self.kind} {quoted(name)} exists twice; first at {first}")
        else:
            self._places[name] = place

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def check(self, name: str, reference: str, path: Path) -> bool:
        """Whether `name` is known; an error with the nearest name when not. `reference` is what the user wrote."""
        if name in self._places:
            return True
        near = self._suggestions.nearest(name, self._places)
        self._source.error(path, f"{reference} names no {self.kind}{near}")
        return False

    def matching(self, pattern: str, key: str, path: Path) -> list[str]:
        """The names in which the regex is found anywhere; an error when it is no regex or finds nothing."""
        if pattern not in self._matches:
            try:
                search = re.compile(pattern).search
                self._matches[pattern] = [name for name in self._places if search(name)]
            except (re.error, RecursionError, OverflowError) as error:
                self._matches[pattern] = None
                self._source.error(path, f"{key} {quoted(pattern)} is no regular expression: {error}")
        found = self._matches[pattern]
        if found == []:
            self._source.error(path, f"{key} {quoted(pattern)} matches no {self.kind}")
        return found or []


class _Resolver:
    def __init__(self, spec: WorkflowSpec, source: Source) -> None:
        self._source = source
        suggestions = Suggestions()
        self._jobs = Names("job", source, suggestions)
        self._files = Names("file", source, suggestions)
        self._data = Names("user_data record", source, suggestions)
        self._requirements = Names("resource requirement", source, suggestions)
        for job in spec.jobs:
            self._jobs.add(job.name, job.place)
        for file in spec.files:
            self._files.add(file.name, file.place)
        for record in spec.user_data:
            self._data.add(record.name, record.place)
        for requirement in spec.resource_requirements:
            self._requirements.add(requirement.name, requirement.place)
        self._paths = {file.name: file.path for file in spec.files}
        self._contents = {record.name: record.data for record in spec.user_data if record.name}

    def resolve(self, job: JobSpec) -> None:
        """Check and complete every reference of one job."""
        self._requirement(job)
        self._check_list(job.depends_on, self._jobs, "depends_on", job)
        for key in _FILE_LISTS:
            self._check_list(getattr(job, key), self._files, key, job)
        for data_key in _DATA_LISTS:
            self._check_list(getattr(job, data_key), self._data, data_key, job)
        self._tokens(job)
        self._regexes(job)

    def _requirement(self, job: JobSpec) -> None:
        name = job.resource_requirements
        if name is None:
            return
        path = (*job.place, "resource_requirements")
        if name == DEFAULT_REQUIREMENTS and name not in self._requirements:
            message = 'resource_requirements "default" cannot be named; leave the key out to get it'
            self._source.error(path, message)
        else:
            self._requirements.check(name, f"resource_requirements {quoted(name)}", path)

    def _check_list(self, found: list[str], known: Names, key: str, job: JobSpec) -> None:
        for name in found:
            if name not in known:
                known.check(name, f"{key} {quoted(name)}", self._path_of(job, key, name))

    def _path_of(self, job: JobSpec, key: str, text: str) -> Path:
        """The place of a text in a list of the document: the list here may hold fewer, as doubles are gone."""
        written = self._source.data
        for step in (*job.place, key):
            written = written[step]
        return (*job.place, key, written.index(text))

    def _regexes(self, job: JobSpec) -> None:
        if job.depends_on_regexes:
            found = self._match(job, job.depends_on_regexes, self._jobs, "depends_on_regexes")
            job.depends_on = _merged(job.depends_on, (name for name in found if name != job.name))
        if job.input_file_regexes:
            found = self._match(job, job.input_file_regexes, self._files, "input_file_regexes")
            job.input_files = _merged(job.input_files, found)
        if job.output_file_regexes:
            found = self._match(job, job.output_file_regexes, self._files, "output_file_regexes")
            job.output_files = _merged(job.output_files, found)
        if job.input_user_data_regexes:
            found = self._match(job, job.input_user_data_regexes, self._data, "input_user_data_regexes")
            job.input_user_data = _merged(job.input_user_data, found)
        if job.output_user_data_regexes:
            found = self._match(job, job.output_user_data_regexes, self._data, "output_user_data_regexes")
            job.output_user_data = _merged(job.output_user_data, found)

    def _match(self, job: JobSpec, patterns: list[str], known: Names, key: str) -> list[str]:
        return [name for pattern in patterns for name in known.matching(pattern, key, self._path_of(job, key, pattern))]

    def _tokens(self, job: JobSpec) -> None:
        """Replace `${files.input.x}` and its like; what they name is added to the job's lists."""
        if "${" in job.command:
            job.command = self._replaced(job, job.command, "command")
        if job.invocation_script and "${" in job.invocation_script:
            job.invocation_script = self._replaced(job, job.invocation_script, "invocation_script")

    def _replaced(self, job: JobSpec, text: str, key: str) -> str:
        path = (*job.place, key)

        def replace(match: re.Match[str]) -> str:
            kind = match[1]
            direction, dot, name = match[2].partition(".")
            if direction not in ("input", "output") or not dot:
                hint = f"write ${{{kind}.input.{match[2]}}} or ${{{kind}.output.{match[2]}}}"
                self._source.warn(path, f"{match[0]} is not replaced; {hint}")
                return match[0]
            if kind == "files":
                return self._file(job, direction, name, match[0], path)
            return self._record(job, direction, name, match[0], path)

        return _TOKEN.sub(replace, text)

    def _file(self, job: JobSpec, direction: str, name: str, token: str, path: Path) -> str:
        if not self._files.check(name, token, path):
            return token
        if direction == "input":
            job.input_files = _merged(job.input_files, (name,))
        else:
            job.output_files = _merged(job.output_files, (name,))
        return self._paths[name]

    def _record(self, job: JobSpec, direction: str, name: str, token: str, path: Path) -> str:
        if not self._data.check(name, token, path):
            return token
        if self._contents[name] is None:
            where = f"{direction}_user_data"
            self._source.error(path, f"{token}: the record has no data to insert; name it under {where} instead")
            return token
        if direction == "input":
            job.input_user_data = _merged(job.input_user_data, (name,))
        else:
            job.output_user_data = _merged(job.output_user_data, (name,))
        return json.encode(self._contents[name], order="sorted").decode()


def _merged(first: list[str], more: Iterable[str]) -> list[str]:
    return list(dict.fromkeys([*first, *more]))


def resolve_references(spec: WorkflowSpec, source: Source) -> None:
    """Complete the jobs of `spec` in place; duplicate names and references to nothing become errors of `source`."""
    resolver = _Resolver(spec, source)
    for job in spec.jobs:
        resolver.resolve(job)

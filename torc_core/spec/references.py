"""Names that refer to other things: found, completed from regexes and `${...}` tokens, or reported (spec.md 7, 8)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from msgspec import json

from torc_core.spec.document import Path, Source
from torc_core.spec.model import DEFAULT_REQUIREMENTS, ActionSpec, Barrier, JobSpec, WorkflowSpec
from torc_core.spec.names import Names, Report
from torc_core.spec.sizes import MOST
from torc_core.spec.values import quoted

EXPANDED_EDGES = 1_000
"""Regexes of several jobs that give more dependencies than this become a barrier, not one for each pair of jobs."""

_TOKEN = re.compile(r"\$\{(files|user_data)\.([^}\n]*)\}")
_PLACEHOLDER = re.compile(r"\{[^{}]*\}")
_FILE_LISTS = ("input_files", "output_files")
_DATA_LISTS = ("input_user_data", "output_user_data")
_FILE_REGEXES = {"input_file_regexes": "input_files", "output_file_regexes": "output_files"}
_DATA_REGEXES = {"input_user_data_regexes": "input_user_data", "output_user_data_regexes": "output_user_data"}


def resolve_references(spec: WorkflowSpec, source: Source) -> None:
    """Complete the jobs of `spec` in place; duplicate names and references to nothing become errors of `source`."""
    resolver = _Resolver(spec, source)
    for job in spec.jobs:
        resolver.resolve(job)
    resolver.actions()
    resolver.finish()
    _warn_of_shared_outputs(spec, source)


def _warn_of_shared_outputs(spec: WorkflowSpec, source: Source) -> None:
    """Jobs that write the same file: whichever ends last wins."""
    first_of: dict[str, JobSpec] = {}
    shared: dict[str, list[JobSpec]] = {}
    for job in spec.jobs:
        for name in job.output_files:
            first = first_of.setdefault(name, job)
            if first is not job:
                shared.setdefault(name, [first]).append(job)
    told: dict[tuple[Path, Path], tuple[str, int]] = {}
    for name, jobs in shared.items():
        one, two = quoted(jobs[0].name), quoted(jobs[1].name)
        them = f"{one}, {two} and {len(jobs) - 2:,} more" if len(jobs) > 2 else f"{one} and {two}"
        message = (
            f"file {quoted(name)} is written by the jobs {them}: each takes the place of what another wrote; give each"
            " a file of its own"
        )
        message, count = told.get((jobs[0].place, jobs[1].place), (message, 0))
        told[jobs[0].place, jobs[1].place] = message, count + 1
    for (_, place), (message, count) in told.items():
        more = f" (and {count - 1:,} more like this)" if count > 1 else ""
        source.warn((*place, "output_files"), message + more)


class _Resolver:
    def __init__(self, spec: WorkflowSpec, source: Source) -> None:
        self._spec = spec
        self._source = source
        firsts = {job.name: job for job in reversed(spec.jobs)}  # of several with one name the others are told already
        self._jobs = Names("job", source, ((job.name, job.place) for job in spec.jobs if firsts[job.name] is job))
        self._files = Names("file", source, ((one.name, one.place) for one in spec.files))
        self._data = Names("user_data record", source, ((one.name, one.place) for one in spec.user_data))
        self._requirements = Names(
            "resource requirement", source, ((one.name, one.place) for one in spec.resource_requirements)
        )
        self._handlers = Names("failure_handler", source, ((one.name, one.place) for one in spec.failure_handlers))
        self._schedulers = Names("slurm_scheduler", source, ((one.name, one.place) for one in spec.slurm_schedulers))
        self._paths = {file.name: file.path for file in spec.files}
        self._contents = {record.name: record.data for record in spec.user_data if record.name}
        self._uses = Counter(tuple(job.depends_on_regexes) for job in spec.jobs if job.depends_on_regexes)
        self._parents: dict[tuple[str, ...], _Parents] = {}
        self._related = 0
        self._excess: dict[tuple[str, tuple[str, ...]], tuple[JobSpec, int]] = {}
        """Regexes that found too much: the first job with them, and how much they find for each."""
        self._found: dict[tuple[str, tuple[str, ...]], list[str]] = {}
        self._job: JobSpec | None = None
        self._said: Counter[Path] = Counter()
        self._repeated: dict[tuple[Report, Path, int], tuple[str, int]] = {}

    def resolve(self, job: JobSpec) -> None:
        """Check and complete every reference of one job."""
        self._job = job
        self._said.clear()
        self._requirement(job)
        self._one(job.failure_handler, self._handlers, "failure_handler")
        self._one(job.scheduler, self._schedulers, "scheduler")
        self._check_list(job.depends_on, self._jobs, "depends_on", job)
        for key in _FILE_LISTS:
            self._check_list(getattr(job, key), self._files, key, job)
        for key in _DATA_LISTS:
            self._check_list(getattr(job, key), self._data, key, job)
        self._tokens(job)
        self._regexes(job)

    def actions(self) -> None:
        """Check the names in actions and find the jobs of their regexes."""
        self._job = None
        for number, action in enumerate(self._spec.actions, 1):
            if action.jobs is not None or action.job_name_regexes is not None:
                action.jobs = self._jobs_of(action, number)
            if action.scheduler is not None and action.scheduler_type == "slurm":
                place = (*action.place, "scheduler")
                self._schedulers.check(action.scheduler, f"scheduler {quoted(action.scheduler)}", place, self._report)

    def _jobs_of(self, action: ActionSpec, number: int) -> list[str]:
        """The jobs of an action; it is an error when there are none, not when one of several regexes finds none."""
        named, patterns = action.jobs or [], action.job_name_regexes or []
        for index, name in enumerate(named):
            self._jobs.check(name, f"jobs {quoted(name)}", (*action.place, "jobs", index), self._report)
        found = list(named)
        valid = True
        for index, pattern in enumerate(patterns):
            try:
                found += self._jobs.search(pattern)
            except ValueError as error:
                self._source.error((*action.place, "job_name_regexes", index), f"job_name_regexes {error}")
                valid = False
        if not found and valid and not self._jobs.incomplete:
            if patterns:
                shown = " ".join(quoted(pattern) for pattern in patterns)
                self._source.error((*action.place, "job_name_regexes"), f"job_name_regexes {shown} matches no job")
            else:
                message = f"action {number} names no job; name one, or leave jobs out"
                self._source.error((*action.place, "jobs"), message)
        return _merged(found, ())

    def finish(self) -> None:
        """Say what the copies of a parameterised job have in common, once."""
        for (note, path, _), (message, count) in self._repeated.items():
            more = f" (and {count - 1:,} more like this)" if count > 1 else ""
            note(path, message + more)
        for (key, patterns), (job, found) in self._excess.items():
            jobs = sum(tuple(getattr(one, key)) == patterns for one in self._spec.jobs)
            message = (
                f"{key} {quoted(' '.join(patterns))} finds {found:,} for each of {jobs:,} jobs, that makes"
                f" {jobs * found:,}; a workflow may have {MOST:,}: have one job gather them into one file, or wait"
                " with depends_on_regexes for the jobs that make them, which may be any number"
            )
            self._source.error((*job.place, key), message)

    def _report(self, path: Path, message: str) -> None:
        self._note(self._source.error, path, message)

    def _note(self, note: Report, path: Path, message: str) -> None:
        if self._job is None or self._job.place not in self._source.expanded:
            note(path, message)
            return
        which = note, path, self._said[path]
        self._said[path] += 1
        first, count = self._repeated.get(which, (message, 0))
        self._repeated[which] = first, count + 1

    def _requirement(self, job: JobSpec) -> None:
        name = job.resource_requirements
        if name == DEFAULT_REQUIREMENTS and name not in self._requirements:
            message = 'resource_requirements "default" cannot be named; leave the key out to get it'
            self._report((*job.place, "resource_requirements"), message)
        else:
            self._one(name, self._requirements, "resource_requirements")

    def _one(self, name: str | None, known: Names, key: str) -> None:
        if name is not None and name not in known and self._job is not None:
            known.check(name, f"{key} {quoted(name)}", (*self._job.place, key), self._report)

    def _check_list(self, found: list[str], known: Names, key: str, job: JobSpec) -> None:
        for name in found:
            if name not in known and not known.incomplete:
                known.check(name, f"{key} {quoted(name)}", self._path_of(job, key, name), self._report)

    def _path_of(self, job: JobSpec, key: str, text: str) -> Path:
        """The place of a text in a list of the document: here doubles are gone and parameters have values."""
        for place in (job.place, *self._source.united.get(job.place, ())):
            written = self._source.data
            for step in place:
                written = written[step]
            items = written.get(key)
            for index, item in enumerate(items if isinstance(items, list) else ()):
                if item == text or (isinstance(item, str) and _may_become(item, text)):
                    return (*place, key, index)
        return (*job.place, key)

    def _regexes(self, job: JobSpec) -> None:
        if job.depends_on_regexes:
            self._add_parents(job)
        for key, exact in _FILE_REGEXES.items():
            self._add_matches(job, key, exact, self._files)
        for key, exact in _DATA_REGEXES.items():
            self._add_matches(job, key, exact, self._data)

    def _add_matches(self, job: JobSpec, key: str, exact: str, known: Names) -> None:
        patterns = getattr(job, key)
        if patterns:
            found = self._matches(job, key, patterns, known)
            named = getattr(job, exact)
            self._related += len(found)
            if self._related > MOST:
                self._excess.setdefault((key, tuple(patterns)), (job, len(found)))
            else:
                setattr(job, exact, _merged(named, found) if named else found)

    def _matches(self, job: JobSpec, key: str, patterns: list[str], known: Names) -> list[str]:
        """The names that any of the patterns finds; jobs with the same patterns share the list."""
        which = key, tuple(patterns)
        if not self._found.get(which):
            self._found[which] = _merged(
                (),
                (
                    name
                    for pattern in patterns
                    for name in known.matching(pattern, key, self._path_of(job, key, pattern), self._report)
                ),
            )
        return self._found[which]

    def _add_parents(self, job: JobSpec) -> None:
        patterns = tuple(job.depends_on_regexes)
        found = self._matches(job, "depends_on_regexes", job.depends_on_regexes, self._jobs)
        parents = self._parents.get(patterns)
        if parents is None:
            uses = self._uses[patterns]
            parents = self._parents[patterns] = _Parents(found, uses > 1 and uses * len(found) > EXPANDED_EDGES)
        if job.name in parents.members:
            self._add_others(job, parents)
        elif not parents.large:
            job.depends_on = _merged(job.depends_on, parents.members)
        else:
            if parents.barrier is None:
                parents.barrier = len(self._spec.barriers)
                label = " ".join(patterns)
                self._spec.barriers.append(Barrier(members=list(parents.members), label=label))
            job.barrier = parents.barrier
            job.depends_on = [name for name in job.depends_on if name not in parents.members]

    def _add_others(self, job: JobSpec, parents: _Parents) -> None:
        """A job that its own regex finds waits for the others; of two such jobs each would wait for the other."""
        if parents.member is not None and job.name != parents.member:
            message = f"cycle: {parents.member} -> {job.name} -> {parents.member}, as depends_on_regexes finds both"
            self._report((*job.place, "depends_on_regexes"), message)
            return
        parents.member = job.name
        job.depends_on = _merged(job.depends_on, (name for name in parents.members if name != job.name))

    def _tokens(self, job: JobSpec) -> None:
        """Replace `${files.input.x}` and its like; what they name is added to the job's lists."""
        if "${" in job.command:
            job.command = self._replaced(job, job.command, "command")
        if job.invocation_script and "${" in job.invocation_script:
            job.invocation_script = self._replaced(job, job.invocation_script, "invocation_script")

    def _replaced(self, job: JobSpec, text: str, key: str) -> str:
        path = (*job.place, key)

        def replace(match: re.Match[str]) -> str:
            token, kind, (direction, _, name) = match[0], match[1], match[2].partition(".")
            if direction not in ("input", "output") or not name:
                hint = f"write ${{{kind}.input.{match[2]}}} or ${{{kind}.output.{match[2]}}}"
                self._note(self._source.ignored, path, f"{token} is not replaced; {hint}")
                return token
            known = self._files if kind == "files" else self._data
            if not self._has_value(token, direction, name, known, path):
                return token
            return self._file(job, direction, name) if kind == "files" else self._record(job, direction, name)

        return _TOKEN.sub(replace, text)

    def _has_value(self, token: str, direction: str, name: str, known: Names, path: Path) -> bool:
        """Whether there is something to insert; a token without it stays as it is, as in torc (spec.md 7).

        A name near a known one is misspelt, an error; but not when that one has a placeholder that nothing filled.
        """
        if name not in known:
            if not known.incomplete:
                near = known.nearest(name)
                misspelt = near is not None and "{" not in near
                what = "" if misspelt else " and stays as it is"
                hint = f'; nearest: "{near}"' if near else ""
                note = self._source.error if misspelt else self._source.ignored
                self._note(note, path, f"{token} names no {known.kind}{what}{hint}")
            return False
        if known is self._data and self._contents[name] is None:
            message = f"{token} stays as it is: the record has no data; name it under {direction}_user_data instead"
            self._note(self._source.ignored, path, message)
            return False
        return True

    def _file(self, job: JobSpec, direction: str, name: str) -> str:
        if direction == "input":
            job.input_files = _merged(job.input_files, (name,))
        else:
            job.output_files = _merged(job.output_files, (name,))
        return self._paths[name]

    def _record(self, job: JobSpec, direction: str, name: str) -> str:
        if direction == "input":
            job.input_user_data = _merged(job.input_user_data, (name,))
        else:
            job.output_user_data = _merged(job.output_user_data, (name,))
        return json.encode(self._contents[name], order="sorted").decode()


class _Parents:
    """The jobs that a set of regexes finds."""

    def __init__(self, found: list[str], large: bool) -> None:
        self.members = dict.fromkeys(found)
        self.large = large
        self.barrier: int | None = None
        self.member: str | None = None
        """The job that has these regexes and is found by them."""


def _may_become(written: str, text: str) -> bool:
    """Whether parameters can make `text` of what is written."""
    literals = [re.escape(part) for part in _PLACEHOLDER.split(written)]
    return len(literals) > 1 and re.fullmatch(".*".join(literals), text, re.DOTALL) is not None


def _merged(first: Iterable[str], more: Iterable[str]) -> list[str]:
    return list(dict.fromkeys([*first, *more]))

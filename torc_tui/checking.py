"""What a workflow file says, checked: its text, its mistakes, and what it would make. Called in threads."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from torc_core.units import parse_duration, parse_memory
from torc_core.wording import names_text, size_text
from torc_tui.rendering.numbers import duration

if TYPE_CHECKING:
    from torc_core.spec import Plan, Problem, Totals, WorkflowSpec
    from torc_core.spec.model import RequirementsSpec

LENGTH = 8
"""Bytes of the length before each message between `checker` and `check_worker`."""

JOBS_SHOWN = 40
"""So many jobs are shown with their commands."""


@dataclass(frozen=True, slots=True)
class JobOutline:
    name: str
    command: str
    asks: str
    """What it needs: `2 cpu  4.0 GB   1h00`; the ends of all stand below each other."""


@dataclass(frozen=True, slots=True)
class Outline:
    """What a file would make."""

    name: str
    description: str
    counts: dict[str, int]
    """Things by kind, in the plan's order."""
    stages: list[tuple[int, str]]
    """Number of jobs, and their names in groups."""
    jobs: list[JobOutline]
    """The first ones."""
    totals: Totals
    missing: list[str]
    """Input files that are not there, seen from the folder."""
    beside: bool
    """Those that are missing are all beside the workflow file."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A file as it was at one moment."""

    path: Path
    folder: Path
    """Where jobs would work."""
    stamp: tuple[int, int] | None
    """Of what was read; None when there is no such file."""
    text: list[str] = field(default_factory=list)
    errors: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    outline: Outline | None = None
    plan: Plan | None = None
    """Ready to be sent, when there are no errors."""


def identity(checked: Checked) -> tuple[Path, Path, tuple[int, int] | None]:
    """What was checked: the file as it was, for jobs in this folder."""
    return checked.path, checked.folder, checked.stamp


def stamp(path: Path) -> tuple[int, int] | None:
    """What changes when a file is written: time and size; None when it cannot be read."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def check(path: Path, folder: Path, user: str) -> Checked:
    """Read a file and say what it would make when created from `folder`. Never raises for what is in it."""
    from torc_core.errors import InputError
    from torc_core.spec import Problem, build_plan, load_text
    from torc_core.spec.document import UnreadableError
    from torc_core.spec.inputs import missing_inputs
    from torc_core.spec.reading import read_text

    before = stamp(path)
    try:
        written = read_text(path)
    except UnreadableError as error:
        return Checked(path, folder, before, errors=[error.problem])
    loaded = load_text(written.text, written.format, path.name, folder=written.folder)
    text = written.text.splitlines()
    if loaded.spec is None:
        return Checked(path, folder, before, text, loaded.errors, loaded.warnings)
    try:
        plan = build_plan(loaded.spec, user=user, origin=folder)
    except InputError as error:
        problems = [Problem(line, path.name) for line in str(error).splitlines()]
        return Checked(path, folder, before, text, problems, loaded.warnings)
    missing = missing_inputs(loaded.spec, folder)
    beside = bool(missing) and not missing_inputs(loaded.spec, path.absolute().parent)
    outline = _outline(loaded.spec, plan, missing, beside)
    return Checked(path, folder, before, text, [], loaded.warnings, outline, plan)


def _outline(spec: WorkflowSpec, plan: Plan, missing: list[str], beside: bool) -> Outline:
    asked = {each.name: _asks(each) for each in spec.resource_requirements}
    jobs = [
        JobOutline(job.name, " ".join((job.command or "").split()), asked.get(job.resource_requirements or "", ""))
        for job in spec.jobs[:JOBS_SHOWN]
    ]
    stages = [(len(names), names_text(names)) for names in plan.stages()]
    return Outline(spec.name, spec.description or "", plan.counts, stages, jobs, plan.totals, missing, beside)


def _asks(need: RequirementsSpec) -> str:
    gpus = f"  {need.num_gpus} gpu" if need.num_gpus else ""
    memory, runtime = size_text(parse_memory(need.memory)), duration(parse_duration(need.runtime))
    return f"{need.num_cpus} cpu{gpus}  {memory:>6}  {runtime:>5}"


def line_of(problem: Problem) -> int | None:
    """The line of the file that a problem is in, counted from 1; None when it has none."""
    return problem.order[0] or None

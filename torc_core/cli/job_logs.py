"""`torc jobs logs JOB`: what a job wrote, read where it is, also while it is being written."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

import click

from torc_core.cli.app import App, command, pass_app
from torc_core.cli.news import News
from torc_core.cli.output_folder import output_folder, stdio_path
from torc_core.cli.select import job_argument, job_id
from torc_core.cli.tail import LOOK_EVERY_S, copy_rest
from torc_core.client import endpoints
from torc_core.client.stream import names_any
from torc_core.errors import InputError, TorcError
from torc_core.models.resources import ComputeNode, Job
from torc_core.models.status import ACTIVE, ENDED, JobStatus


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a job, and the folder of the runner that had it."""

    run_id: int
    attempt_id: int
    folder: Path


@command()
@job_argument
@click.option("--follow", is_flag=True, help="Go on until the job has ended.")
@click.option("--stdout", "only", flag_value="o", default=None, help="Only what it wrote to stdout.")
@click.option("--stderr", "only", flag_value="e", help="Only what it wrote to stderr.")
@click.option("--attempt", type=click.IntRange(1), metavar="N", help="Of this attempt.  [default: the latest]")
@click.option("--run-id", type=click.IntRange(1), metavar="N", help="Of this run.  [default: the latest]")
@click.option("-o", "--output-dir", help="Where the output is.  [default: where the runner put it]")
@pass_app
def logs(
    app: App,
    job: str,
    of: str | None,
    follow: bool,
    only: str | None,
    attempt: int | None,
    run_id: int | None,
    output_dir: str | None,
) -> None:
    """Print what JOB (id, or name with -w) wrote to stdout and stderr."""
    found = app.client.send(endpoints.get_job(job_id(app, job, of)))
    streams = [only] if only else ["o", "e"]
    if follow and attempt is None and run_id is None:
        _follow(app, found, streams, output_dir)
        return
    chosen = _attempt(app, found, attempt, run_id, output_dir)
    if chosen is None:
        raise TorcError(
            f"job {found.id} '{found.name}' is {found.status} and has no output; 'torc explain {found.id}' says why"
        )
    paths = {stream: _path(found, chosen, stream) for stream in streams}
    if not any(path.exists() for path in paths.values()):
        _complain(found, paths)
    _Printer(paths, headings=len(streams) > 1).copy()


def _path(job: Job, attempt: Attempt, stream: str) -> Path:
    return stdio_path(attempt.folder, job.workflow_id, int(job.id or 0), attempt.run_id, attempt.attempt_id, stream)


def _no_output(job: Job) -> str:
    return f"job {job.id} '{job.name}' is {job.status} and has no output; 'torc explain {job.id}' says why"


def _complain(job: Job, paths: dict[str, Path]) -> None:
    looked = " and ".join(str(path) for path in paths.values())
    raise TorcError(f"there is no output of job {job.id} '{job.name}' at {looked}; give --output-dir of the run")


def _attempt(app: App, job: Job, attempt: int | None, run_id: int | None, output_dir: str | None) -> Attempt | None:
    """The attempt that is asked for: with a runner now, or the latest that ended; None when there was none.

    InputError when the one asked for does not exist.
    """
    number = int(job.id or 0)
    workflow = app.client.send(endpoints.get_workflow(job.workflow_id))
    current = app.client.send(endpoints.workflow_status(job.workflow_id)).run_id
    request = endpoints.list_results(job.workflow_id, job_id=number, all_runs=True)
    tried = [(one.run_id, one.attempt_id or 1, one.compute_node_id) for one in app.client.send(request).items]
    if JobStatus.from_label(job.status or "uninitialized") in ACTIVE:
        tried.append((current, job.attempt_id or 1, 0))
    asked = [t for t in tried if (attempt is None or t[1] == attempt) and (run_id is None or t[0] == run_id)]
    if not asked:
        if attempt is None and run_id is None:
            return None
        there = ", ".join(f"run {run} attempt {number}" for run, number, _ in sorted(tried)) or "none"
        raise InputError(f"job {number} '{job.name}' has no such attempt; there is {there}")
    run, chosen, node_id = max(asked)
    if output_dir is not None:
        return Attempt(run, chosen, Path(output_dir))
    node = app.client.send(endpoints.get_compute_node(node_id)) if node_id else _active_node(app, job)
    return Attempt(run, chosen, output_folder(node, workflow.origin))


class _Printer:
    """Prints files as they grow; with `headings` it says which one, as `tail` does."""

    def __init__(self, paths: dict[str, Path], headings: bool) -> None:
        self._paths = paths
        self._headings = headings
        self._files: dict[str, BinaryIO] = {}
        self._last: str | None = None

    def copy(self) -> None:
        """Print what is new in any of them."""
        for stream, path in self._paths.items():
            if stream not in self._files:
                with contextlib.suppress(FileNotFoundError):
                    self._files[stream] = path.open("rb")
            if stream in self._files:
                copy_rest(self._files[stream], partial(self._heading, stream))

    def _heading(self, stream: str) -> None:
        if self._headings and stream != self._last:
            click.echo(f"{'' if self._last is None else chr(10)}==> {self._paths[stream]} <==")
            sys.stdout.flush()
        self._last = stream


def _active_node(app: App, job: Job) -> ComputeNode | None:
    """The runner that has the job now, if it can be told."""
    nodes = app.client.send(endpoints.list_compute_nodes(job.workflow_id, is_active=True)).items
    if len(nodes) == 1:
        return nodes[0]
    for node in nodes:
        held = app.client.send(endpoints.list_jobs(job.workflow_id, active_compute_node_id=node.id)).items
        if any(one.id == job.id for one in held):
            return node
    return None


def _follow(app: App, job: Job, streams: list[str], output_dir: str | None) -> None:
    """Print what the job writes until it has ended; a retry is followed into its new files."""
    number = int(job.id or 0)
    news = News(app, job.workflow_id, lambda change: change.event != "jobs" or names_any(change, (number,)))
    printer: _Printer | None = None
    current: Attempt | None = None
    told = False
    while True:
        job = app.client.send(endpoints.get_job(number))
        status = JobStatus.from_label(job.status or "uninitialized")
        attempt = _attempt(app, job, None, None, output_dir)
        if attempt is not None and attempt != current:
            current = attempt
            paths = {stream: _path(job, attempt, stream) for stream in streams}
            printer = _Printer(paths, headings=len(streams) > 1)
        if printer:
            printer.copy()
        elif not told:
            app.note(f"job {number} '{job.name}' is {job.status}; waiting for its start")
            told = True
        if status in ENDED or status == JobStatus.PENDING_FAILED:
            return
        while not news.wait(LOOK_EVERY_S):
            if printer:
                printer.copy()

"""`torc jobs logs JOB`: what a job wrote, read where it is, also while it is being written."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

import click
import msgspec

from torc_core.cli.app import App, command, pass_app
from torc_core.cli.news import News
from torc_core.cli.output import print_json_line
from torc_core.cli.output_folder import output_folder, stdio_path
from torc_core.cli.select import job_argument, job_id
from torc_core.cli.tail import LOOK_EVERY_S, Lines, chunks, copy_rest, tail_start
from torc_core.client import endpoints
from torc_core.client.stream import names_any
from torc_core.errors import InputError, TorcError
from torc_core.models.resources import ComputeNode, Job
from torc_core.models.status import ACTIVE, ENDED, JobStatus

STREAMS = {"o": "stdout", "e": "stderr"}
"""The ending of a file of output, and what is in it."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a job, and the folder of the runner that had it."""

    run_id: int
    attempt_id: int
    folder: Path


@command()
@job_argument
@click.option("--follow", is_flag=True, help="Go on until the job has ended.")
@click.option("--stdout", is_flag=True, help="What it wrote to stdout.  [default: both]")
@click.option("--stderr", is_flag=True, help="What it wrote to stderr.  [default: both]")
@click.option("--tail", type=click.IntRange(1), metavar="N", help="Only the last N lines of each.")
@click.option("--attempt", type=click.IntRange(1), metavar="N", help="Of this attempt.  [default: the latest]")
@click.option("--run-id", type=click.IntRange(1), metavar="N", help="Of this run.  [default: the latest]")
@click.option("-o", "--output-dir", help="Where the output is.  [default: where the runner put it]")
@pass_app
def logs(
    app: App,
    job: str,
    of: str | None,
    follow: bool,
    stdout: bool,
    stderr: bool,
    tail: int | None,
    attempt: int | None,
    run_id: int | None,
    output_dir: str | None,
) -> None:
    """Print what a job wrote to stdout and stderr.

    JOB is an id, or a name in the workflow of -w.

    With -f json this is one object with the path and the lines of each; with --follow it is an object a line
    (`stream`, `path`, `line`). --tail with --follow leaves out what was written before, and nothing of what comes.
    """
    found = app.client.send(endpoints.get_job(job_id(app, job, of)))
    streams = [ending for ending, wanted in (("o", stdout), ("e", stderr)) if wanted or stdout == stderr]
    if follow and attempt is None and run_id is None:
        _follow(app, found, streams, output_dir, tail)
        return
    chosen = _attempt(app, found, attempt, run_id, output_dir)
    if chosen is None:
        raise TorcError(
            f"job {found.id} '{found.name}' is {found.status} and has no output; 'torc explain {found.id}' says why"
        )
    paths = {stream: _path(found, chosen, stream) for stream in streams}
    if not any(path.exists() for path in paths.values()):
        _complain(found, paths)
    if app.json:
        _print_as_json(found, chosen, paths, tail)
    else:
        _Printer(paths, tail, headings=len(streams) > 1).copy()
    if not any(path.exists() and path.stat().st_size for path in paths.values()):
        _note_silence(app, found, streams)


def _note_silence(app: App, job: Job, streams: list[str]) -> None:
    """Say that nothing is shown because nothing was written."""
    so_far = "has written nothing so far" if JobStatus.from_label(job.status or "") in ACTIVE else "wrote nothing"
    app.note(f"job {job.id} '{job.name}' {so_far} to {' or '.join(STREAMS[stream] for stream in streams)}")


def _print_as_json(job: Job, attempt: Attempt, paths: dict[str, Path], tail: int | None) -> None:
    """One object, written as the files are read: they may be larger than memory. `lines` is null without a file."""
    head = {
        "job_id": job.id,
        "job_name": job.name,
        "workflow_id": job.workflow_id,
        "status": job.status,
        "run_id": attempt.run_id,
        "attempt_id": attempt.attempt_id,
    }
    write = sys.stdout.write
    write("{\n")
    for name, value in head.items():
        write(f'  "{name}": {_json(value)},\n')
    for position, (stream, path) in enumerate(paths.items()):
        write(f'  "{STREAMS[stream]}": {{\n    "path": {_json(str(path))},\n    "lines": ')
        _print_lines(path, tail)
        write("\n  },\n" if position + 1 < len(paths) else "\n  }\n")
    write("}\n")


def _print_lines(path: Path, tail: int | None) -> None:
    try:
        file = path.open("rb")
    except FileNotFoundError:
        sys.stdout.write("null")
        return
    separator = "["
    with file:
        file.seek(0 if tail is None else tail_start(file, tail))
        for line in file:
            text = line.removesuffix(b"\n").decode(errors="replace")
            sys.stdout.write(f"{separator}\n      {_json(text)}")
            separator = ","
    sys.stdout.write("[]" if separator == "[" else "\n    ]")


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _path(job: Job, attempt: Attempt, stream: str) -> Path:
    return stdio_path(attempt.folder, job.workflow_id, int(job.id or 0), attempt.run_id, attempt.attempt_id, stream)


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
    """Prints files as they grow; with `headings` it says which one, as `tail` does.

    Of those that are there at the first `copy` only the last `tail` lines, unless that is None.
    """

    def __init__(self, paths: dict[str, Path], tail: int | None, headings: bool = False) -> None:
        self._paths = paths
        self._tail = tail
        self._headings = headings
        self._files: dict[str, BinaryIO] = {}
        self._last: str | None = None

    def copy(self) -> bool:
        """Print what is new in any of them. Whether there was something."""
        found = False
        for stream, path in self._paths.items():
            if stream not in self._files:
                with contextlib.suppress(FileNotFoundError):
                    self._files[stream] = file = path.open("rb")
                    file.seek(0 if self._tail is None else tail_start(file, self._tail))
            if stream in self._files:
                found |= self._print(stream)
        self._tail = None
        return found

    def close(self) -> None:
        """Print what is held back."""

    def _print(self, stream: str) -> bool:
        return copy_rest(self._files[stream], partial(self._heading, stream))

    def _heading(self, stream: str) -> None:
        if self._headings and stream != self._last:
            click.echo(f"{'' if self._last is None else chr(10)}==> {self._paths[stream]} <==")
            sys.stdout.flush()
        self._last = stream


class _LinePrinter(_Printer):
    """The same as JSON: an object for each line, once it is whole."""

    def __init__(self, paths: dict[str, Path], tail: int | None) -> None:
        super().__init__(paths, tail)
        self._lines = {stream: Lines() for stream in paths}

    def close(self) -> None:
        for stream, lines in self._lines.items():
            self._tell(stream, lines.rest())

    def _print(self, stream: str) -> bool:
        found = False
        for chunk in chunks(self._files[stream]):
            found = True
            self._tell(stream, self._lines[stream].feed(chunk))
        return found

    def _tell(self, stream: str, lines: list[str]) -> None:
        for line in lines:
            print_json_line({"stream": STREAMS[stream], "path": str(self._paths[stream]), "line": line})


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


def _follow(app: App, job: Job, streams: list[str], output_dir: str | None, tail: int | None) -> None:
    """Print what the job writes until it has ended; a retry is followed into its new files."""
    number = int(job.id or 0)
    news = News(app, job.workflow_id, lambda change: change.event != "jobs" or names_any(change, (number,)))
    printer: _Printer | None = None
    current: Attempt | None = None
    told = found = False
    while True:
        job = app.client.send(endpoints.get_job(number))
        status = JobStatus.from_label(job.status or "uninitialized")
        attempt = _attempt(app, job, None, None, output_dir)
        if attempt is not None and attempt != current:
            if printer:
                printer.close()
            current, found = attempt, False
            paths = {stream: _path(job, attempt, stream) for stream in streams}
            printer = _LinePrinter(paths, tail) if app.json else _Printer(paths, tail, headings=len(streams) > 1)
        tail = None  # what an attempt writes that starts now is all shown
        if printer:
            found |= printer.copy()
        elif not told:
            app.note(f"job {number} '{job.name}' is {job.status}; waiting for its start")
            told = True
        if status in ENDED or status == JobStatus.PENDING_FAILED:
            break
        while not news.wait(LOOK_EVERY_S):
            found |= bool(printer and printer.copy())
    if printer:
        printer.close()
    if not found:
        _note_silence(app, job, streams)

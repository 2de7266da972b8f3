"""One run of a workflow on this machine: the runner is started, followed to its end, and what came of it is told."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Sequence

import click
from msgspec import Struct

from torc_core.cli.app import App
from torc_core.cli.output import duration, print_json, short
from torc_core.cli.output_folder import runner_log, stdio_path
from torc_core.cli.progress import Progress, all_done, make_progress, ordered_counts
from torc_core.cli.runner_process import RunnerProcess
from torc_core.client import endpoints
from torc_core.errors import CannotFinishError, InputError, TorcError
from torc_core.models.progress import Summary
from torc_core.models.resources import Event, Result
from torc_core.run_records import RunOptions
from torc_core.wording import exit_text

SLOWEST_LOOK_S = 2.0
"""When nothing changes, the summary is asked for this seldom."""

KILL_GRACE_S = 20.0
"""How long a runner may take to end after it was told to kill its jobs at once."""

INSIST_S = 0.3
"""After a second Ctrl-C the runner is told again this often: it takes two signals close together for one."""

ACTIONS_LOOKED_AT = 100
"""Of so many actions at the end of a run those that failed are told."""

FAILED_SHOWN = 10
"""So many failed jobs are named at the end."""

EXIT_INTERRUPTED = 130

EXPECTED = (0, 1, CannotFinishError.exit_code, EXIT_INTERRUPTED)
"""How a runner ends that did what it was told."""


class FailedJob(Struct):
    """A job that ended badly, as it is told at the end of a run."""

    job_id: int
    name: str
    status: str
    return_code: int
    cause: str | None
    stderr: str
    last_line: str | None


def run_on_this_machine(app: App, workflow_id: int, name: str, folder: str, options: RunOptions) -> int:
    """Run an initialized workflow, created in `folder`, until nothing is left to do; gives the exit code."""
    started = time.monotonic()
    earlier = max((event.id or 0 for event in _actions(app, workflow_id, 1)), default=0)
    progress = make_progress(app.json)
    log_level = app.options.get("log_level") or app.config.client.log_level
    runner = RunnerProcess(app.client.address, workflow_id, name, folder, options, log_level)
    try:
        with runner.signals_passed_on(lambda count: _tell_signal(progress, count)) as wait:
            _follow(app, workflow_id, runner, progress, wait)
        progress.close()
        return _conclude(app, workflow_id, runner, str(options.output_folder(".")), time.monotonic() - started, earlier)
    finally:
        runner.end(KILL_GRACE_S)


def _tell_signal(progress: Progress, count: int) -> None:
    if count == 1:
        progress.say("torc: stopping; running jobs are told to end (Ctrl-C again kills them at once)")
    elif count == 2:
        progress.say("torc: killing the running jobs")


def _follow(
    app: App, workflow_id: int, runner: RunnerProcess, progress: Progress, wait: Callable[[float], None]
) -> None:
    """Until the runner ends: show how the workflow stands, less often while nothing changes."""
    last: Summary | None = None
    pause = progress.interval_s
    away = False
    while runner.exit_code is None:
        wait(INSIST_S if runner.interrupts > 1 else pause)
        if runner.exit_code is not None:
            return
        for line in runner.news():
            progress.say(f"torc: {line}")
        if runner.interrupts > 1:
            runner.insist()
            continue
        try:
            summary = app.client.send(endpoints.summary(workflow_id))
        except TorcError as error:
            if not away:
                progress.say(f"torc: {error}; the runner goes on")
            away, pause = True, SLOWEST_LOOK_S
            continue
        if away:
            progress.say("torc: the server answers again")
        away = False
        changed = last is None or summary.counts != last.counts
        pause = progress.interval_s if changed else min(pause * 1.3, max(SLOWEST_LOOK_S, progress.interval_s))
        if not runner.interrupts:
            progress.show(summary)
        last = summary


def _actions(app: App, workflow_id: int, limit: int) -> list[Event]:
    """How the last actions of a workflow ended, the newest first."""
    request = endpoints.list_events(workflow_id, category="action", sort_by="id", reverse_sort=True, limit=limit)
    return app.client.send(request).items


def _failed_actions(app: App, workflow_id: int, earlier: int) -> list[str]:
    """What became of the actions that failed since event `earlier`, in their order; the last line of their output."""
    said = []
    for event in reversed(_actions(app, workflow_id, ACTIONS_LOOKED_AT)):
        if (event.id or 0) > earlier and isinstance(event.data, dict) and event.data.get("status") == "failed":
            tail = str(event.data.get("output") or "").splitlines()[-1:]
            said.append(": ".join([str(event.data.get("message")), *tail]))
    return said


def _conclude(app: App, workflow_id: int, runner: RunnerProcess, output_dir: str, seconds: float, earlier: int) -> int:
    """Tell how the run ended, and what to do next; gives the exit code. Raises what kept the runner from working.

    `earlier` is the last event of an action from before the run.
    """
    said = runner.news()
    if runner.exit_code == InputError.exit_code:
        raise InputError(said[-1] if said else "the runner does not take its options")
    for line in said:
        app.note(line)
    summary = app.client.send(endpoints.summary(workflow_id))
    bad = ("failed",) if runner.interrupts else ("failed", "terminated")
    failed, more = _failed_jobs(app, summary, bad, output_dir)
    result = _result(runner, summary)
    actions = _failed_actions(app, workflow_id, earlier)
    if app.json:
        print_run(summary, failed, more, seconds, result, actions)
    else:
        _print_end(summary, failed, more, seconds, result, actions)
    if runner.exit_code not in EXPECTED and not runner.interrupts:
        raise TorcError(_unexpected_end(runner.exit_code, summary, output_dir))
    if result != 0 and not app.json:
        click.echo(f"Run again:  torc run {workflow_id}")
    return result


def _result(runner: RunnerProcess, summary: Summary) -> int:
    """The exit code of the run: the runner's word on why it left, the server's on what is completed."""
    if runner.interrupts:
        return EXIT_INTERRUPTED
    if runner.exit_code == CannotFinishError.exit_code:
        return CannotFinishError.exit_code
    return 0 if runner.exit_code == 0 and all_done(summary) else 1


def _unexpected_end(code: int | None, summary: Summary, output_dir: str) -> str:
    how = exit_text(code or 0)
    log = runner_log(output_dir, socket.gethostname(), summary.workflow_id, summary.run_id)
    return (
        f"the runner ended unexpectedly ({how}); its log is {log}; "
        f"'torc run {summary.workflow_id}' goes on with what is not completed"
    )


def _failed_jobs(app: App, summary: Summary, bad: tuple[str, ...], output_dir: str) -> tuple[list[FailedJob], int]:
    """The first jobs of this run whose status is `bad`, and how many more there are."""
    statuses = [label for label in bad if summary.counts.get(label)]
    total = sum(summary.counts[label] for label in statuses)
    found: list[Result] = []
    for label in statuses:
        request = endpoints.list_results(
            summary.workflow_id, status=label, run_id=summary.run_id, limit=FAILED_SHOWN - len(found)
        )
        found += app.client.send(request).items if len(found) < FAILED_SHOWN else []
    jobs = [_failed_job(app, result, output_dir) for result in found]
    return jobs, total - len(jobs)


def _failed_job(app: App, result: Result, output_dir: str) -> FailedJob:
    stderr = stdio_path(output_dir, result.workflow_id, result.job_id, result.run_id, result.attempt_id or 1, "e")
    tail = (result.stderr_tail or "").strip().splitlines()
    return FailedJob(
        job_id=result.job_id,
        name=app.client.send(endpoints.get_job(result.job_id)).name,
        status=result.status,
        return_code=result.return_code,
        cause=result.cause,
        stderr=str(stderr),
        last_line=tail[-1] if tail else None,
    )


def print_run(
    summary: Summary,
    failed: Sequence[FailedJob] = (),
    more: int = 0,
    seconds: float = 0.0,
    result: int = 0,
    failed_actions: Sequence[str] = (),
) -> None:
    """A run as JSON; the defaults are those of one that had nothing to do."""
    print_json(
        {
            "workflow_id": summary.workflow_id,
            "workflow_name": summary.name,
            "run_id": summary.run_id,
            "total_jobs": summary.total,
            "jobs_by_status": summary.counts,
            "is_complete": summary.is_complete,
            "is_canceled": summary.is_canceled,
            "walltime_seconds": round(seconds, 3),
            "failed_jobs": failed,
            "failed_jobs_not_shown": more,
            "failed_actions": failed_actions,
            "exit_code": result,
        }
    )


def _print_end(
    summary: Summary, failed: list[FailedJob], more: int, seconds: float, result: int, failed_actions: list[str]
) -> None:
    ends = {EXIT_INTERRUPTED: "was stopped", CannotFinishError.exit_code: "cannot go on"}
    how = ends.get(result, "ended" if summary.is_complete else "was broken off")
    if summary.is_canceled:
        how = "was canceled"
    click.echo(
        f"Workflow {summary.workflow_id} '{summary.name}' {how} after {duration(seconds)}: {ordered_counts(summary)}"
    )
    for job in failed:
        reason = job.cause or exit_text(job.return_code)
        click.echo(f"  {job.name} (job {job.job_id}) {job.status}: {reason}")
        click.echo(f"    {short(job.stderr)}" + (f": {job.last_line}" if job.last_line else ""))
    if more:
        click.echo(f"  and {more} more: torc results list {summary.workflow_id} --failed")
    for said in failed_actions:
        click.echo(f"  {said}")
    if failed:
        click.echo(f"See more:   torc jobs logs {failed[0].job_id}")

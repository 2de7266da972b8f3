"""`torc reports`: how a workflow went, in sum and job by job."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from torc_core.cli.app import App, group, pass_app
from torc_core.cli.output import duration, print_fields, print_json, print_table, short
from torc_core.cli.output_folder import output_folder, runner_log, stdio_path
from torc_core.cli.progress import ordered_counts
from torc_core.cli.results import job_names
from torc_core.cli.select import job_of, workflow_id
from torc_core.client import endpoints
from torc_core.errors import TorcError
from torc_core.models.progress import Summary
from torc_core.models.resources import Result
from torc_core.models.status import JobStatus


@group()
def reports() -> None:
    """Tell how a workflow went, in sum or job by job."""


@reports.command("summary")
@click.argument("workflow", required=False)
@pass_app
def summary_(app: App, workflow: str | None) -> None:
    """Show counts, times and the verdict on a workflow (id or name)."""
    number = workflow_id(app, workflow)
    summary = app.client.send(endpoints.summary(number))
    report = _summary_report(summary, _results(app, number))
    if app.json:
        print_json(report, sort=True)
        return
    walltime = report.get("walltime_formatted")
    took_part = app.client.send(endpoints.list_compute_nodes(number, limit=1)).total_count
    print_fields(
        [
            ("Workflow", f"{number} '{summary.name}' of {summary.user}"),
            ("Jobs", f"{summary.total}: {ordered_counts(summary)}" if summary.total else 0),
            ("Execution time", f"{report['total_exec_time_formatted']} (all jobs together)"),
            ("Walltime", walltime and f"{walltime} (from the first start to the last end)"),
            ("Runners", f"{took_part}, {summary.active_nodes or 'none'} at work"),
        ]
    )
    click.echo(f"\n{verdict(summary)}")


def _results(app: App, number: int, **filters: Any) -> Iterator[Result]:
    return app.client.pages(lambda offset, limit: endpoints.list_results(number, offset=offset, limit=limit, **filters))


def _summary_report(summary: Summary, results: Iterator[Result]) -> dict[str, Any]:
    """The fields of torc's summary (observed.md 3); walltime from the first start to the last end."""
    total, start, end = 0.0, float("inf"), 0.0
    for result in results:
        seconds = result.exec_time_minutes * 60
        ended = datetime.fromisoformat(result.completion_time).timestamp()
        total, start, end = total + seconds, min(start, ended - seconds), max(end, ended)
    report: dict[str, Any] = {
        "workflow_id": summary.workflow_id,
        "workflow_name": summary.name,
        "workflow_user": summary.user,
        "total_jobs": summary.total,
        "jobs_by_status": {status.label: summary.counts.get(status.label, 0) for status in JobStatus},
        "total_exec_time_minutes": total / 60,
        "total_exec_time_formatted": duration(total),
        "active_compute_nodes": summary.active_nodes,
        "pending_scheduled_nodes": 0,
        "active_scheduled_nodes": 0,
        "is_complete": summary.is_complete,
        "is_canceled": summary.is_canceled,
    }
    if end:
        report |= {"walltime_seconds": round(end - start, 3), "walltime_formatted": duration(end - start)}
    return report


def verdict(summary: Summary) -> str:
    """One line: how it stands with the workflow."""
    bad = {label: summary.counts.get(label, 0) for label in ("failed", "terminated", "canceled")}
    if not summary.is_complete:
        return "◷ Workflow in progress..." if summary.active_nodes else "◷ Not complete, and no runner is at work"
    if not summary.total:
        return "✓ Workflow complete - it has no jobs"
    if any(bad.values()) or summary.is_canceled:
        return f"✗ Workflow complete with failures ({', '.join(f'{n} {label}' for label, n in bad.items())})"
    return "✓ Workflow complete - all jobs finished successfully!"


@reports.command()
@click.argument("workflow", required=False)
@click.option("-o", "--output-dir", help="Where the jobs' output is.  [default: where the runner put it]")
@click.option("--all-runs", is_flag=True, help="Also attempts that a later one replaced.")
@click.option(
    "-j", "--job-id", "job", metavar="JOB", multiple=True, help="Only of this job (id or name); may be given again."
)
@pass_app
def results(app: App, workflow: str | None, output_dir: str | None, all_runs: bool, job: tuple[str, ...]) -> None:
    """Show how each job ended, and where its output is."""
    number = workflow_id(app, workflow)
    summary = app.client.send(endpoints.summary(number))
    if output_dir is not None and not Path(output_dir).is_dir():
        raise TorcError(f"output folder {output_dir} does not exist; give --output-dir of the run")
    chosen = [{"job_id": job_of(app, number, text)} for text in job] or [{}]
    found = [result for one in chosen for result in _results(app, number, all_runs=all_runs, **one)]
    names = job_names(app, number, {result.job_id for result in found})
    folders = _Folders(app, summary, output_dir)
    rows = [_result_report(app, result, names, folders) for result in found]
    if app.json:
        print_json(
            {
                "workflow_id": number,
                "workflow_name": summary.name,
                "workflow_user": summary.user,
                "all_runs": all_runs,
                "total_results": len(rows),
                "results": rows,
            }
        )
    elif not rows:
        click.echo(f"No results found for workflow ID: {number}")
    else:
        shown = [row | {"status": result.status} for row, result in zip(rows, found, strict=True)]
        _print_results(f"Results of workflow {number} '{summary.name}':", shown)


def _print_results(title: str, rows: list[dict[str, Any]]) -> None:
    columns = {
        "Job ID": "job_id",
        "Job Name": "job_name",
        "Status": "status",
        "Run ID": "run_id",
        "Return Code": "return_code",
        "Exec Time": "exec_time_minutes",
        "Stdout": "job_stdout",
        "Stderr": "job_stderr",
    }
    shown: dict[str, Callable[[Any], str]] = {
        "exec_time_minutes": lambda minutes: duration(minutes * 60),
        "job_stdout": short,
        "job_stderr": short,
    }
    cells = ([shown.get(key, str)(row[key]) for key in columns.values()] for row in rows)
    print_table(list(columns), cells, title=title, things="results")


class _Folders:
    """The output folder and kind of each runner, asked for once."""

    def __init__(self, app: App, summary: Summary, given: str | None) -> None:
        self._app, self._summary, self._given = app, summary, given
        self._known: dict[int, tuple[Path, str, str]] = {}

    def of(self, node_id: int) -> tuple[Path, str, str]:
        """(output folder, host, type) of a runner."""
        if node_id not in self._known:
            node = self._app.client.send(endpoints.get_compute_node(node_id))
            folder = Path(self._given) if self._given else output_folder(node, self._summary.origin)
            self._known[node_id] = (folder, node.hostname, node.compute_node_type)
        return self._known[node_id]


def _result_report(app: App, result: Result, names: dict[int, str], folders: _Folders) -> dict[str, Any]:
    folder, host, kind = folders.of(result.compute_node_id)
    attempt = result.attempt_id or 1
    paths = {
        name: stdio_path(folder, result.workflow_id, result.job_id, result.run_id, attempt, stream)
        for name, stream in (("job_stdout", "o"), ("job_stderr", "e"))
    }
    for path in paths.values():
        if not path.exists():
            app.note(f"warning: {path} of job {result.job_id} does not exist")
    return {
        "job_id": result.job_id,
        "job_name": names.get(result.job_id),
        "status": result.status.title().replace("_", ""),
        "run_id": result.run_id,
        "return_code": result.return_code,
        "completion_time": result.completion_time,
        "exec_time_minutes": result.exec_time_minutes,
        "compute_node_id": result.compute_node_id,
        **{name: str(path) for name, path in paths.items()},
        "compute_node_type": kind,
        "job_runner_log": str(runner_log(folder, host, result.workflow_id, result.run_id)),
    }

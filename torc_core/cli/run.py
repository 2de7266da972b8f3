"""`torc run FILE|ID`: a file always makes a new workflow, an id runs what is not completed and all below it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from torc_core.cli.app import App, file_command, pass_app
from torc_core.errors import InputError, TorcError


@file_command()
@click.argument("workflow", metavar="FILE|ID")
@click.option("--max-parallel-jobs", type=click.IntRange(1), help="Run N jobs at once, whatever they need.")
@click.option("--num-cpus", type=click.IntRange(1), help="CPUs that the jobs may use in all.  [default: all there are]")
@click.option(
    "--memory-gb",
    type=click.FloatRange(0, min_open=True),
    help="Memory in GiB that they may use in all.  [default: all there is]",
)
@click.option("--num-gpus", type=click.IntRange(0), help="GPUs that they may use in all.  [default: all there are]")
@click.option("-o", "--output-dir", help="Where the jobs' output goes.  [default: output, where it was created]")
@click.option("--strict", is_flag=True, help="What has no effect, such as unknown keys, is an error.")
@click.option("--skip-checks", is_flag=True, help="Do not look whether input files exist and schedulers fit.")
@click.option("-p", "--poll-interval", type=float, hidden=True)
@pass_app
def run(app: App, /, workflow: str, **options: Any) -> int:
    """Run a workflow on this machine, to its end.

    A FILE (- is standard input) always makes a new workflow. An ID (or the name of a workflow) runs its jobs that are
    not completed, and all jobs below them.
    """
    from torc_core.cli.select import is_workflow_file

    if options["poll_interval"] is not None:
        app.note("--poll-interval is not needed: nothing polls here")
    if is_workflow_file(workflow):
        return run_file(app, workflow, options)
    return run_again(app, workflow, options)


def run_file(app: App, file: str, options: dict[str, Any]) -> int:
    """Create the workflow of a file, initialized, and run it."""
    from torc_core.cli.creation import create, load, require_inputs
    from torc_core.client import endpoints
    from torc_core.output_owner import make_output_folder, refuse_foreign
    from torc_core.wording import count_of

    spec = load(app, file, strict=options["strict"], skip_checks=options["skip_checks"])
    if not options["skip_checks"]:
        require_inputs(spec, file)
    folder = Path(_output_dir(options["output_dir"], app.config.client.run.output_dir or "output", os.getcwd()))
    make_output_folder(folder)
    refuse_foreign(folder.absolute(), app.client.send(endpoints.server_info()).database_uuid)
    answer = create(app, spec, initialize=True)
    if not app.json:
        click.echo(f"Workflow {answer.workflow_id} '{spec.name}' created: {count_of(answer.jobs, 'jobs')}")
    return _run(app, answer.workflow_id, spec.name, os.getcwd(), options)


def run_again(app: App, text: str, options: dict[str, Any]) -> int:
    """Run what is not completed of an existing workflow, and all below it."""
    from torc_core.cli.inputs import WorkflowFiles
    from torc_core.cli.output import counts_text
    from torc_core.cli.running import print_run
    from torc_core.cli.select import workflow_id
    from torc_core.client import endpoints
    from torc_core.wording import count_of

    number = workflow_id(app, text)
    summary = app.client.send(endpoints.summary(number))
    _deliver_late_results(app, number, summary.origin or os.getcwd(), options)
    plan = app.client.send(endpoints.restart(number, dry_run=True))
    if plan.jobs == 0:
        if app.json:
            print_run(summary)
        else:
            click.echo(f"Workflow {number} '{summary.name}': nothing is left to run; completed: {plan.kept}")
        return 0
    files = WorkflowFiles(app, number)
    if files.missing and not options["skip_checks"]:
        raise InputError(f"input files are missing: {', '.join(files.missing)}; --skip-checks runs it nevertheless")
    files.record()
    app.client.send(endpoints.restart(number, dry_run=False))
    if not app.json:
        jobs = f"{count_of(plan.jobs, 'jobs')} ({counts_text(plan.by_status)})"
        click.echo(f"Workflow {number} '{summary.name}': running {jobs}, keeping {plan.kept} completed")
    return _run(app, number, summary.name, summary.origin or os.getcwd(), options)


def _deliver_late_results(app: App, number: int, origin: str, options: dict[str, Any]) -> None:
    """What a runner that was killed kept in its journal, before a new run makes it worthless."""
    from torc_core.client import endpoints
    from torc_core.runner import journal
    from torc_core.wording import count_of

    folder = Path(_output_dir(options["output_dir"], app.config.client.run.output_dir or "output", origin))
    if not journal.found(folder, number):
        return
    database_uuid = app.client.send(endpoints.server_info()).database_uuid
    try:
        delivered, refused = journal.deliver(
            folder,
            number,
            database_uuid,
            lambda node_id, late: app.client.send(endpoints.late_results(number, node_id, late)),
        )
    except TorcError as error:
        app.note(f"results of a runner that was killed are not delivered, their jobs run again: {error}")
        return
    if delivered:
        app.note(f"delivered {count_of(delivered, 'results')} of a runner that was killed")
    if refused:
        app.note(f"{count_of(refused, 'results')} of a runner that was killed came too late")


def _run(app: App, workflow_id: int, name: str, origin: str, options: dict[str, Any]) -> int:
    from torc_core.cli.running import run_on_this_machine
    from torc_core.run_records import RunOptions

    defaults = app.config.client.run
    given = options["output_dir"]
    chosen = RunOptions(
        output_dir=_output_dir(given, defaults.output_dir or "output", origin),
        max_parallel_jobs=_first(options["max_parallel_jobs"], defaults.max_parallel_jobs),
        num_cpus=_first(options["num_cpus"], defaults.num_cpus),
        memory_gb=_first(options["memory_gb"], defaults.memory_gb),
        num_gpus=_first(options["num_gpus"], defaults.num_gpus),
    )
    return run_on_this_machine(app, workflow_id, name, origin, chosen)


def _output_dir(given: str | None, default: str, origin: str) -> str:
    """As given when the jobs work here too; else absolute, since jobs see it from where they work."""
    if os.path.realpath(origin) == os.path.realpath(os.getcwd()):
        return given or default
    return os.path.abspath(given) if given else str(Path(origin) / default)


def _first(*choices: Any) -> Any:
    return next((choice for choice in choices if choice is not None), None)

"""From a workflow file to a workflow on the server, with everything that can be wrong found before."""

from __future__ import annotations

from pathlib import Path

import click

from torc_core.cli.app import App, file_command, pass_app
from torc_core.cli.dry_run import print_report, tell_plan
from torc_core.cli.nearest import nearest_file
from torc_core.cli.output import print_json
from torc_core.errors import InputError
from torc_core.models.plan import PlanAnswer
from torc_core.spec import STANDARD_INPUT, Loaded, Plan, Problem, WorkflowSpec, build_plan, load_workflow
from torc_core.spec.inputs import missing_inputs
from torc_core.wording import count_of


class FileProblems(InputError):
    """What is wrong with a workflow file: a line for each problem, and the message that sums up."""

    def __init__(self, message: str, problems: list[str]) -> None:
        super().__init__(message)
        self.problems = problems


def shown(file: str) -> str:
    """How a file is called in messages."""
    return "standard input" if file == STANDARD_INPUT else file


def load(app: App, file: str, *, strict: bool, skip_checks: bool = False) -> WorkflowSpec:
    """The checked workflow of a file, after its warnings were told. Raises FileProblems with all its errors."""
    return require_valid(app, file, read(app, file, strict=strict, skip_checks=skip_checks))


def read(app: App, file: str, *, strict: bool, skip_checks: bool = False) -> Loaded:
    """What is in a file, or in standard input for `-`. InputError when there is no such file."""
    require_file(file)
    return load_workflow(file, format=app.options.get("input_format"), strict=strict, skip_checks=skip_checks)


def require_file(file: str) -> None:
    """InputError with the nearest one for a file that does not exist."""
    if file != STANDARD_INPUT and not Path(file).exists():
        near = nearest_file(file)
        raise InputError(f"{file}: no such file" + (f"; nearest: {near}" if near else ""))


def require_valid(app: App, file: str, loaded: Loaded, *, done: str = "created") -> WorkflowSpec:
    """The workflow of what was read, after its warnings were told. Raises FileProblems with all its errors.

    `done` is what is not done then.
    """
    for warning in loaded.warnings:
        line = f"warning: {warning}"
        app.note(click.style(line, fg="yellow", bold=True) if warning.ignored else line)
    if loaded.spec is None:
        problems = [str(error) for error in loaded.errors]
        raise FileProblems(f"{shown(file)} has {count_of(len(problems), 'errors')}; nothing was {done}", problems)
    return loaded.spec


def require_inputs(spec: WorkflowSpec, file: str) -> None:
    """Raises FileProblems when input files that no job makes are not there, seen from where their jobs will work."""
    missing = missing_inputs(spec, Path())
    if missing:
        problems = [f"{shown(file)}: input file {path!r} does not exist and no job makes it" for path in missing]
        count = count_of(len(missing), "missing input files")
        raise FileProblems(f"{count}; nothing was created (--skip-checks does not look)", problems)


def plan_of(spec: WorkflowSpec) -> Plan:
    """The plan of a workflow that is created from this folder."""
    from torc_core.client.http import user_name

    return build_plan(spec, user=user_name(), origin=Path.cwd())


def create(app: App, spec: WorkflowSpec, *, initialize: bool) -> PlanAnswer:
    """Store the workflow; with `initialize` its first run is started too."""
    from torc_core.client import endpoints

    client = app.client
    plan = plan_of(spec)
    return client.send(endpoints.create_from_plan(lambda: plan.lines(initialize), spec.name))


@file_command("create")
@click.argument("file")
@click.option("--dry-run", is_flag=True, help="Only check the file and say what it would make.")
@click.option("--strict", is_flag=True, help="What has no effect, such as unknown keys, is an error.")
@click.option(
    "--skip-checks", is_flag=True, help="Do not check whether schedulers take more nodes than their jobs need."
)
@pass_app
def create_command(app: App, file: str, dry_run: bool, strict: bool, skip_checks: bool) -> int:
    """Make a workflow of FILE (- is standard input), without running it.

    'torc run ID' runs it later; 'torc run FILE' does both at once.
    """
    if dry_run:
        return _dry_run(app, file, strict)
    spec = load(app, file, strict=strict, skip_checks=skip_checks)
    answer = create(app, spec, initialize=False)
    if app.json:
        message = f"Workflow created successfully with ID: {answer.workflow_id}"
        print_json({"message": message, "status": "success", "workflow_id": answer.workflow_id})
    else:
        click.echo(f"Created workflow {answer.workflow_id}")
    return 0


def _dry_run(app: App, file: str, strict: bool) -> int:
    loaded = read(app, file, strict=strict)
    for path in missing_inputs(loaded.spec, Path()) if loaded.spec else ():
        message = f"input file {path!r} does not exist and no job makes it; 'torc run' refuses that"
        loaded.warnings.append(Problem(message, shown(file)))
    if app.json:
        print_report(loaded, plan_of(loaded.spec) if loaded.spec else None)
        return 0 if loaded.spec else InputError.exit_code
    spec = require_valid(app, file, loaded)
    tell_plan(shown(file), spec, plan_of(spec))
    return 0

"""From a workflow file to a workflow on the server, with everything that can be wrong found before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from torc_core.cli.app import App, command, pass_app
from torc_core.cli.output import count_of, print_json
from torc_core.errors import InputError
from torc_core.models.plan import PlanAnswer
from torc_core.spec import Plan, WorkflowSpec, build_plan, load_workflow
from torc_core.spec.inputs import missing_inputs

NAMES_SHOWN = 10
"""So many jobs of a stage are named."""


class FileProblems(InputError):
    """What is wrong with a workflow file: a line for each problem, and the message that sums up."""

    def __init__(self, message: str, problems: list[str]) -> None:
        super().__init__(message)
        self.problems = problems


def load(app: App, file: str, *, strict: bool) -> WorkflowSpec:
    """The checked workflow of a file, after its warnings were told. Raises FileProblems with all its errors."""
    loaded = load_workflow(Path(file), strict=strict)
    for warning in loaded.warnings:
        app.note(f"warning: {warning}")
    if loaded.spec is None:
        problems = [str(error) for error in loaded.errors]
        raise FileProblems(f"{file} has {count_of(len(problems), 'errors')}; nothing was created", problems)
    return loaded.spec


def require_inputs(spec: WorkflowSpec, file: str) -> None:
    """Raises FileProblems when input files that no job makes are not there, seen from where their jobs will work."""
    missing = missing_inputs(spec, Path())
    if missing:
        problems = [f"{file}: input file {path!r} does not exist and no job makes it" for path in missing]
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


@command("create")
@click.argument("file")
@click.option("--dry-run", is_flag=True, help="Only check the file and say what it would make.")
@click.option("--strict", is_flag=True, help="Unknown keys in the file are errors.")
@click.option("--skip-checks", is_flag=True, hidden=True)
@pass_app
def create_command(app: App, file: str, dry_run: bool, strict: bool, skip_checks: bool) -> int:  # noqa: ARG001
    """Create a workflow from FILE; 'torc run ID' runs it."""
    if dry_run:
        return _dry_run(app, file, strict)
    spec = load(app, file, strict=strict)
    answer = create(app, spec, initialize=False)
    if app.json:
        message = f"Workflow created successfully with ID: {answer.workflow_id}"
        print_json({"message": message, "status": "success", "workflow_id": answer.workflow_id})
    else:
        click.echo(f"Created workflow {answer.workflow_id}")
    return 0


def _dry_run(app: App, file: str, strict: bool) -> int:
    loaded = load_workflow(Path(file), strict=strict)
    if not app.json:
        spec = load(app, file, strict=strict)
        _tell_plan(file, spec, plan_of(spec))
        return 0
    report: dict[str, Any] = {
        "valid": loaded.spec is not None,
        "errors": [str(error) for error in loaded.errors],
        "warnings": [str(warning) for warning in loaded.warnings],
        "summary": plan_of(loaded.spec).summary() if loaded.spec else None,
    }
    print_json(report)
    return 0 if loaded.spec else InputError.exit_code


def _tell_plan(file: str, spec: WorkflowSpec, plan: Plan) -> None:
    stages = plan.stages()
    jobs, depth = count_of(plan.counts["jobs"], "jobs"), count_of(len(stages), "stages")
    click.echo(f"{file} is valid: workflow '{spec.name}', {jobs} in {depth}")
    others = {name.replace("_", " "): count for name, count in plan.counts.items() if name != "jobs" and count}
    if others:
        click.echo("With " + ", ".join(f"{count} {name}" for name, count in others.items()))
    for number, names in enumerate(stages, 1):
        more = f", and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
        click.echo(f"Stage {number} ({count_of(len(names), 'jobs')}): {', '.join(names[:NAMES_SHOWN])}{more}")

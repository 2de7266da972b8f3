"""What torc's create accepts is accepted, with the same jobs and dependencies (spec.md 19)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.spec.good_workflow import ALL
from torc_core.spec import load_text
from torc_core.spec.convert import convert
from torc_core.spec.events import ExecutionPlan
from torc_core.spec.graph import Graph
from torc_core.spec.reading import read_document


def _cases() -> list[tuple[str, str, str, dict[str, str]]]:
    cases = []
    for section in Path(__file__).with_name("torc_shapes.txt").read_text().split("#### ")[1:]:
        title, _, rest = section.partition("\n")
        text, _, told = rest.partition("=> ")
        name, format = re.fullmatch(r"(.*) \((\w+)\)", title).groups()  # type: ignore[union-attr]
        expected = dict(part.split(" ", 1) for part in told.strip().split(", "))
        cases.append((name, format, text, expected))
    return cases


CASES = _cases()


def shape(text: str, format: str) -> dict[str, str]:
    """What comes of a workflow, in the words of torc_shapes.txt."""
    loaded = load_text(text, format, "flow")
    assert loaded.spec is not None, [str(error) for error in loaded.errors]
    spec = loaded.spec
    plan = ExecutionPlan(spec)
    return {
        "jobs": f"{spec.jobs_before_expansion} -> {len(spec.jobs)}",
        "files": f"{spec.files_before_expansion} -> {len(spec.files)}",
        "dependencies": str(sum(map(len, Graph(spec).parents()))),
        "stages": str(plan.stages),
        "events": str(len(plan.events)),
        "actions": str(len(spec.actions)),
        "schedulers": str(len(spec.slurm_schedulers)),
        "handlers": str(len(spec.failure_handlers)),
        "warnings": str(len(loaded.warnings)),
    }


@pytest.mark.parametrize(("format", "text", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_workflow_of_torcs_shapes_is_accepted(format: str, text: str, expected: dict[str, str]) -> None:
    found = shape(text, format)
    left_out = {"actions": "0", "schedulers": "0", "handlers": "0", "warnings": "0", "events": found["events"]}
    assert found == left_out | expected
    for other in ALL:
        assert shape(convert(read_document(text, format, "flow"), other), other) == found


def test_no_command_keeps_a_placeholder() -> None:
    for _, format, text, _ in CASES:
        spec = load_text(text, format, "flow").spec
        assert spec is not None
        assert not [job.command for job in spec.jobs if re.search(r"(?<!\$)\{\w+", job.command)]

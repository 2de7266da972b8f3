"""Which jobs are to run again because what they run or read has changed."""

from __future__ import annotations

import pytest

from tests.engine.flow import Flow
from tests.engine.plan import job
from tests.engine.stage import Stage
from torc_server.errors import NotFound
from torc_server.gradual import SMALL


def changed(flow: Flow, dry_run: bool = True) -> list[str]:
    return flow.stage.run(flow.stage.gradual.process_changed(flow.id, dry_run))


def edit(flow: Flow, sql: str, *params: object) -> None:
    """Change something, as requests of others would."""
    flow.stage.write(lambda batch: batch.run(sql, *params).rowcount)


@pytest.fixture
def flow(stage: Stage) -> Flow:
    """`make` reads raw and given, and writes mid and made, which `use` reads; `alone` reads what nobody looked at."""
    flow = stage.flow(
        job("make", reads="raw", writes="mid", reads_data="given", writes_data="made"),
        job("use", reads="mid", reads_data="made"),
        job("alone", reads="unseen"),
        initialize=False,
    )
    edit(flow, "UPDATE file SET st_mtime = 1.5, size = 1 WHERE name = 'raw'")
    flow.initialize()
    return flow


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("UPDATE job SET command = 'false' WHERE name = 'alone'", ["alone"]),
        ("UPDATE job SET invocation_script = 's' WHERE name = 'use'", ["use"]),
        ("UPDATE job SET env = '{\"A\":\"1\"}' WHERE name = 'alone'", ["alone"]),
        ("UPDATE file SET st_mtime = 5.5 WHERE name = 'raw'", ["make"]),
        ("UPDATE file SET size = 7 WHERE name = 'raw'", ["make"]),
        ("UPDATE file SET st_mtime = 5.5, size = 7 WHERE name = 'unseen'", []),
        ("UPDATE user_data SET data = '[1]' WHERE name = 'given'", ["make"]),
        (
            "INSERT OR IGNORE INTO job_input_file SELECT job.id, file.id FROM job, file WHERE job.name = 'alone'",
            ["alone"],
        ),
        ("UPDATE job SET name = 'other', priority = 3 WHERE name = 'alone'", []),
        ("UPDATE file SET st_mtime = 5.5, size = 1 WHERE name = 'mid'", []),
        ("UPDATE user_data SET data = '2' WHERE name = 'made'", []),
    ],
)
def test_what_a_job_runs_and_reads_from_outside_counts(flow: Flow, sql: str, names: list[str]) -> None:
    assert changed(flow) == []
    edit(flow, sql)
    assert changed(flow) == names


def test_a_changed_job_runs_again_with_what_is_below_it(flow: Flow) -> None:
    flow.runner().runs_everything()
    edit(flow, "UPDATE user_data SET data = '3' WHERE name = 'given'")
    assert changed(flow, dry_run=False) == ["make"]
    assert flow.statuses() == {"make": "uninitialized", "use": "completed", "alone": "completed"}
    flow.initialize(only_uninitialized=True)
    assert flow.statuses() == {"make": "ready", "use": "blocked", "alone": "completed"}
    assert changed(flow) == []


def test_a_job_that_is_done_is_compared_with_what_it_ran_with(flow: Flow) -> None:
    flow.runner().runs_everything()
    edit(flow, "UPDATE job SET command = 'false' WHERE name = 'use'")
    flow.initialize(only_uninitialized=True)
    assert changed(flow) == ["use"]


def test_many_jobs_are_compared(stage: Stage) -> None:
    flow = stage.flow(*(job(f"j{i}") for i in range(SMALL + 10)))
    edit(flow, "UPDATE job SET command = 'false'")
    assert len(changed(flow, dry_run=False)) == SMALL + 10
    assert set(flow.statuses().values()) == {"uninitialized"}


def test_an_unknown_workflow_has_no_inputs(flow: Flow) -> None:
    flow.id = 99
    with pytest.raises(NotFound):
        changed(flow)

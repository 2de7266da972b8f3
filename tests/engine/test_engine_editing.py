"""Other resources for many jobs, decided by how the jobs are when they are changed."""

from __future__ import annotations

from tests.engine.plan import job, need
from tests.engine.stage import Stage
from torc_server.engine.edit_many import change_requirements, edit_portion, requirements


def test_a_job_that_was_taken_since_the_edit_was_planned_keeps_what_it_asked_for(stage: Stage) -> None:
    flow = stage.flow(job("a", needs="small"), job("b", needs="small"), requirements={"small": need(cpus=1)})
    ids = [flow.ids["a"], flow.ids["b"]]
    edit = {"num_cpus": 2}
    told = stage.read(requirements, ids, edit)
    assert [(each.becomes, each.is_new) for each in told] == [("small", False)]
    assert flow.runner().takes() == ["a"]
    moved = stage.write(change_requirements, flow.id, ids, told, edit, "tester")
    assert stage.write(edit_portion, flow.id, ids, moved, None) == 1
    rows = stage.rows(
        "SELECT job.name, num_cpus FROM job JOIN resource_requirements AS req ON req.id = resource_requirements_id"
        " WHERE job.workflow_id = ? ORDER BY job.id",
        flow.id,
    )
    assert rows == [("a", 1), ("b", 2)]
    flow.check()

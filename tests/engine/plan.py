"""Plans as tests write them: jobs by name, their relations by name."""

from __future__ import annotations

import itertools
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torc_core.models.plan import (
    PlanAnswer,
    PlanBarriers,
    PlanFiles,
    PlanJobs,
    PlanLine,
    PlannedBarrier,
    PlannedFile,
    PlannedJob,
    PlannedRequirements,
    PlannedUserData,
    PlannedWorkflow,
    PlanRequirements,
    PlanStart,
    PlanUserData,
)
from torc_server.engine import create

if TYPE_CHECKING:
    from tests.engine.stage import Stage


@dataclass
class JobLine:
    """A job of a test's plan, its relations by name."""

    name: str
    after: list[str]
    fields: dict[str, Any]
    needs: str | None
    reads: list[str]
    writes: list[str]
    reads_data: list[str]
    writes_data: list[str]


def job(
    name: str,
    after: str = "",
    *,
    cancel: bool = True,
    needs: str | None = None,
    priority: int = 0,
    reads: str = "",
    writes: str = "",
    reads_data: str = "",
    writes_data: str = "",
    **fields: Any,
) -> JobLine:
    """A job; `after`, `reads` and `writes` are names separated by spaces. It is canceled when a parent fails unless
    `cancel` is False."""
    fields |= {"cancel_on_blocking_job_failure": cancel, "priority": priority}
    lists = [each.split() for each in (reads, writes, reads_data, writes_data)]
    return JobLine(name, after.split(), fields, needs, *lists)


def chain(n: int, **fields: Any) -> list[JobLine]:
    """j0 <- j1 <- … <- j(n-1)."""
    return [job(f"j{i}", f"j{i - 1}" if i else "", **fields) for i in range(n)]


def need(cpus: int = 1, memory: str = "1m", gpus: int = 0, nodes: int = 1, runtime: str = "PT1M") -> dict[str, Any]:
    """What a job needs, for `Stage.flow(requirements=…)`."""
    return {"num_cpus": cpus, "memory": memory, "num_gpus": gpus, "num_nodes": nodes, "runtime": runtime}


class Plan:
    """The lines of a plan, and their way in."""

    def __init__(
        self,
        jobs: tuple[JobLine, ...],
        requirements: dict[str, dict[str, Any]] | None = None,
        initialize: bool = True,
        fields: dict[str, Any] | None = None,
        barriers: bool = False,
    ) -> None:
        """With `barriers` every job waits for its `after` through a barrier, shared by those that wait for the same."""
        places = {each.name: i for i, each in enumerate(jobs)}
        needs = {name: i for i, name in enumerate(requirements or {})}
        files = _places(*(each.reads + each.writes for each in jobs))
        data = _places(*(each.reads_data + each.writes_data for each in jobs))
        workflow = PlannedWorkflow(**{"name": "flow", "user": "tester", **(fields or {})})
        self.start = PlanStart(
            str(uuid.uuid4()), workflow, len(jobs), len(files), len(data), len(needs), initialize=initialize
        )
        shared = _places([" ".join(sorted(set(each.after))) for each in jobs if each.after]) if barriers else {}
        self.start.barriers = len(shared)
        self.lines: list[PlanLine] = []
        if files:
            self.lines.append(PlanFiles([PlannedFile(name, f"data/{name}") for name in files]))
        if data:
            self.lines.append(PlanUserData([PlannedUserData(name) for name in data]))
        if needs:
            self.lines.append(PlanRequirements([PlannedRequirements(n, **r) for n, r in (requirements or {}).items()]))
        planned = [
            PlannedJob(
                each.name,
                "true",
                resource_requirements=None if each.needs is None else needs[each.needs],
                depends_on=[] if barriers else [places[name] for name in each.after],
                barriers=[shared[" ".join(sorted(set(each.after)))]] if barriers and each.after else [],
                input_files=[files[name] for name in each.reads],
                output_files=[files[name] for name in each.writes],
                input_user_data=[data[name] for name in each.reads_data],
                output_user_data=[data[name] for name in each.writes_data],
                **each.fields,
            )
            for each in jobs
        ]
        if not barriers:
            self.lines += [PlanJobs(planned[i : i + 1000]) for i in range(0, len(planned), 1000)]
            return
        coming = iter(shared)
        came = 0
        together: list[PlannedJob] = []
        for each in planned:
            if each.barriers == [came]:
                parents = [places[name] for name in next(coming).split()]
                self.lines.append(PlanBarriers([PlannedBarrier([(parent, parent) for parent in parents])]))
                came += 1
            if not self.lines or not isinstance(self.lines[-1], PlanJobs) or len(together) == 1000:
                together = []
                self.lines.append(PlanJobs(together))
            together.append(each)

    def store(self, stage: Stage) -> PlanAnswer:
        """All of it, as the API does."""
        creation = stage.write(create.begin, self.start)
        for line in [] if creation.repeated else self.lines:
            stage.write(create.add, creation, line)
        return self.finish(stage, creation)

    def finish(self, stage: Stage, creation: create.Creation) -> PlanAnswer:
        """The last line has come."""
        answer: PlanAnswer = stage.run(stage.gradual.finish_creation(creation))
        return answer


def _places(*lists: list[str]) -> dict[str, int]:
    return {name: i for i, name in enumerate(dict.fromkeys(itertools.chain(*lists)))}

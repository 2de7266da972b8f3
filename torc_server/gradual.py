"""Work on all jobs of a workflow, a portion at a time, so that nobody else waits for it (design: section 3, long work).

While it goes on the workflow's `work` column says what is being done: no job is handed out and no end is concluded.
A server that is killed in between goes on with it at its next start, so that after all it is done whole. Every step may
be repeated: it looks at what is there. Small workflows are done in one transaction.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakValueDictionary

from sqlalchemy import Connection

from torc_core.crash import crash_point
from torc_core.models.reinitialize import FileState, ReinitializeAnswer
from torc_core.models.status import JobStatus
from torc_server.engine import actions, create, reinitialize, restart
from torc_server.engine.announce import tell_initialized
from torc_server.engine.cancel import cancel_range, cancel_workflow, forbid_work, is_over
from torc_server.engine.delete import delete_jobs, delete_some, half_deleted, note_no_jobs
from torc_server.engine.initialize import (
    count_parents,
    imply,
    initialize,
    refuse_cycle,
    release_claims,
    start,
    to_run_again,
)
from torc_server.engine.inputs import changed, forget
from torc_server.engine.progress import counts
from torc_server.engine.reset import may_reset, note_reset, reset_job_status, take_back, take_back_uncounted, to_reset
from torc_server.errors import NotFound
from torc_server.portions import PORTION, Steps, portions
from torc_server.store.batch import Batch
from torc_server.store.database import Database

log = logging.getLogger("torc_server.gradual")

SMALL = 2 * PORTION
"""Workflows up to this size are done at once."""


class Gradual:
    """Long work on workflows; one piece at a time for each of them."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._steps = Steps(db)
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    def _alone(self, workflow_id: int) -> asyncio.Lock:
        """The workflow's lock, which lives as long as somebody has it or waits for it."""
        return self._locks.setdefault(workflow_id, asyncio.Lock())

    async def initialize(self, workflow_id: int, only_uninitialized: bool, user: str = "anonymous") -> None:
        """See `engine.initialize.initialize`; raises what it raises, before anything is changed."""
        async with self._alone(workflow_id):
            if await self._db.read(_jobs, workflow_id) <= SMALL:

                def at_once(batch: Batch) -> None:
                    initialize(batch, workflow_id, only_uninitialized)
                    tell_initialized(batch, workflow_id, only_uninitialized, user)

                await self._db.write(at_once)
                return
            await self._db.read(refuse_cycle, workflow_id)
            await self._db.write(
                _begin, workflow_id, "initialize_uninitialized" if only_uninitialized else "initialize"
            )
            async with self._at_work(workflow_id):
                await self._initialize(workflow_id, only_uninitialized)
            await self._steps.go_on(tell_initialized, workflow_id, only_uninitialized, user)

    async def reset_jobs(self, workflow_id: int, failed_only: bool, user: str, force: bool = True) -> int:
        """See `engine.reset.reset_job_status`."""
        async with self._alone(workflow_id):
            if await self._db.read(_jobs, workflow_id) <= SMALL:
                return await self._db.write(reset_job_status, workflow_id, failed_only, user, force)

            def begin(batch: Batch) -> None:
                may_reset(batch, workflow_id, force)
                _begin(batch, workflow_id, "reset_failed" if failed_only else "reset")

            await self._db.write(begin)
            async with self._at_work(workflow_id):
                n = await self._reset(workflow_id, failed_only)
                await self._steps.go_on(note_reset, workflow_id, failed_only, user, n)
            return n

    async def process_changed(self, workflow_id: int, dry_run: bool) -> list[str]:
        """Make jobs whose inputs changed uninitialized (see `engine.inputs`); returns their names."""
        async with self._alone(workflow_id):
            found = await self._db.read(changed, workflow_id)
            for rows in portions([] if dry_run else found):
                await self._db.write(take_back, [job for job, _ in rows])
            return [name for _, name in found]

    async def restart(self, workflow_id: int, dry_run: bool) -> dict[str, Any]:
        """See `engine.restart`; with `dry_run` only what it would do."""
        async with self._alone(workflow_id):
            found = await self._db.read(restart.scope, workflow_id)
            if dry_run or not found.jobs:
                return found.answer(found.run_id)
            if await self._db.read(_jobs, workflow_id) <= SMALL:
                return await self._db.write(restart.restart, workflow_id)
            await self._db.read(refuse_cycle, workflow_id)

            def begin(batch: Batch) -> int:
                _begin(batch, workflow_id, "restart")
                return restart.new_run(batch, workflow_id, unused=found.unused)

            run_id = await self._db.write(begin)
            async with self._at_work(workflow_id):
                await self._restart(workflow_id)
            return found.answer(run_id)

    async def reinitialize(
        self, workflow_id: int, seen: Sequence[FileState], dry_run: bool, limit: int
    ) -> ReinitializeAnswer:
        """See `engine.reinitialize`; with `dry_run` only what it would do. `limit`: so many jobs are listed."""
        async with self._alone(workflow_id):
            if not dry_run and len(seen) <= PORTION and await self._db.read(_jobs, workflow_id) <= SMALL:
                return await self._db.write(reinitialize.reinitialize, workflow_id, seen, limit)
            found = await self._db.read(reinitialize.scope, workflow_id, seen)
            answer = await self._db.read(found.answer, found.run_id, dry_run, limit)
            if dry_run:
                return answer
            await self._db.read(refuse_cycle, workflow_id)
            if found.anything:
                await self._db.read(restart.refuse_active, workflow_id)
            for ids in portions(list(found.reasons)):  # from now on they are changed without the help of `seen`
                await self._db.write(forget, ids)
            for files in portions(seen):
                await self._db.write(reinitialize.record, workflow_id, files)
            if not found.anything:
                return answer

            def begin(batch: Batch) -> int:
                _begin(batch, workflow_id, "reinitialize")
                return restart.new_run(batch, workflow_id)

            answer.run_id = await self._db.write(begin)
            async with self._at_work(workflow_id):
                await self._reinitialize(workflow_id, list(found.reasons))
            return answer

    async def finish_creation(self, creation: create.Creation) -> Any:
        """Initialise a plan that has come in whole, if it asked for that, and make the workflow visible."""
        create.complete(creation)
        if creation.repeated or not creation.initialize:
            return await self._db.write(create.finish, creation)
        if creation.announced["job"] <= SMALL:

            def at_once(batch: Batch) -> Any:
                initialize(batch, creation.workflow_id)
                return create.finish(batch, creation)

            crash_point("server.plan.before_visible")
            return await self._db.write(at_once)
        await self._db.read(refuse_cycle, creation.workflow_id)
        await self._initialize(creation.workflow_id, only_uninitialized=False)
        crash_point("server.plan.before_visible")
        return await self._db.write(create.finish, creation)

    async def cancel(self, workflow_id: int) -> None:
        """See `engine.cancel.cancel_workflow`; a large one stops handing out jobs at once, whatever is done to it.

        One that is over is left as it is: it would read canceled for ever.
        """
        if await self._db.read(is_over, workflow_id):
            return
        if await self._db.read(_jobs, workflow_id) <= SMALL:
            await self._db.write(cancel_workflow, workflow_id)
            return
        await self._db.write(forbid_work, workflow_id)
        async with self._alone(workflow_id):
            await self._steps.go_on(_begin, workflow_id, "cancel")
            async with self._at_work(workflow_id):
                await self._steps.down_jobs(workflow_id, cancel_range)

    async def delete_jobs(self, workflow_id: int) -> int:
        """Delete every job of a workflow; returns how many there were."""
        async with self._alone(workflow_id):
            if await self._db.read(counts, workflow_id) == {}:
                return 0
            await self._db.write(_begin, workflow_id, "delete_jobs")
            async with self._at_work(workflow_id):
                n = sum(await self._steps.down_jobs(workflow_id, delete_jobs))
                await self._steps.go_on(note_no_jobs, workflow_id)
            return n

    async def clear(self, some: Callable[[Batch, int], int], workflow_id: int) -> int:
        """Call `some`, which deletes some rows of a workflow, until none are left; returns how many there were."""
        total = 0
        while n := await self._db.write(some, workflow_id):
            total += n
        return total

    async def delete(self, workflow_id: int) -> None:
        """Delete a workflow that was hidden."""
        while await self._steps.go_on(delete_some, workflow_id):
            pass

    async def abandon(self, creation: create.Creation) -> None:
        """Remove what there is of a plan that came to nothing, also when the queue is full or the caller has gone."""
        await self._steps.go_on(create.discard, creation.workflow_id)
        await self.delete(creation.workflow_id)

    async def resume(self) -> None:
        """At start: finish what the last server had begun; what it had half created is removed."""
        begun = [(workflow_id, "delete") for workflow_id in await self._steps.look(half_deleted)]
        for workflow_id, work in [*begun, *await self._steps.look(_unfinished)]:
            try:
                async with self._alone(workflow_id):
                    await self._resume(workflow_id, work)
            except Exception:  # one workflow's trouble is not to keep the others waiting
                log.exception("workflow %s: %s was not finished; the next start tries again", workflow_id, work)

    async def _resume(self, workflow_id: int, work: str) -> None:
        if work == "delete":
            await self.delete(workflow_id)
            return
        async with self._at_work(workflow_id):
            await self._do(workflow_id, work)

    async def _do(self, workflow_id: int, work: str) -> None:
        match work:
            case "initialize" | "initialize_uninitialized":
                await self._initialize(workflow_id, work == "initialize_uninitialized")
            case "reset" | "reset_failed":
                await self._reset(workflow_id, work == "reset_failed")
            case "restart":
                await self._restart(workflow_id)
            case "reinitialize":
                found = await self._steps.look(reinitialize.scope, workflow_id, ())
                await self._reinitialize(workflow_id, list(found.reasons))
            case "cancel":
                await self._steps.down_jobs(workflow_id, cancel_range)
            case "delete_jobs":
                await self._steps.down_jobs(workflow_id, delete_jobs)
                await self._steps.go_on(note_no_jobs, workflow_id)

    @asynccontextmanager
    async def _at_work(self, workflow_id: int) -> AsyncIterator[None]:
        """Work has begun; when it is done the workflow goes on.

        So it does when the work fails for another reason than the database (a defect): what is done stays done, its
        counters are made right, and the work may be asked for once more. A server that ends leaves it to the next one.
        """
        try:
            yield
        except Exception:
            log.exception("work on workflow %s has failed half way", workflow_id)
            await self._steps.over_jobs(workflow_id, count_parents)
            await self._steps.go_on(_end, workflow_id)
            raise
        await self._steps.go_on(_end, workflow_id)

    async def _initialize(self, workflow_id: int, only_uninitialized: bool) -> None:
        crash_point("server.work.begun")
        await self._steps.go_on(actions.reset, workflow_id)
        await self._steps.over_jobs(workflow_id, imply)
        again = await self._steps.look(to_run_again, workflow_id, only_uninitialized)
        for ids in portions([row[0] for row in again]):
            await self._steps.go_on(take_back_uncounted, ids)
        if not only_uninitialized:
            await self._steps.go_on(release_claims, workflow_id)
        await self._steps.over_jobs(workflow_id, start)
        await self._steps.go_on(actions.arm, workflow_id)

    async def _reset(self, workflow_id: int, failed_only: bool) -> int:
        chosen, below = await self._steps.look(to_reset, workflow_id, failed_only)
        for ids in portions([*below, *chosen]):  # what was chosen last: begun again, it finds what is below once more
            await self._steps.go_on(take_back_uncounted, ids)
            crash_point("server.reset.portion")
        await self._steps.over_jobs(workflow_id, count_parents)
        return len(chosen)

    async def _restart(self, workflow_id: int) -> None:
        found = await self._steps.look(restart.scope, workflow_id)
        for ids in portions([job for job, status in found.jobs if status != JobStatus.UNINITIALIZED]):
            await self._steps.go_on(take_back_uncounted, ids)
            crash_point("server.restart.portion")
        await self._initialize(workflow_id, only_uninitialized=True)

    async def _reinitialize(self, workflow_id: int, changed: Sequence[int]) -> None:
        """Like `_initialize`, over nothing but what runs again: the rest of the workflow costs no time."""
        await self._steps.go_on(actions.reset, workflow_id)
        for ids in portions(changed):
            await self._steps.go_on(take_back_uncounted, ids)
            crash_point("server.reinitialize.portion")
        for first, last in await self._steps.look(reinitialize.begun, workflow_id):
            await self._steps.go_on(imply, workflow_id, first, last)
        again = await self._steps.look(to_run_again, workflow_id, True)
        for ids in portions([row[0] for row in again]):
            await self._steps.go_on(take_back_uncounted, ids)
        ranges = await self._steps.look(reinitialize.to_start, workflow_id)
        await self._steps.go_on(count_parents, workflow_id, 0, 0)  # those of the barriers
        for first, last in ranges:
            await self._steps.go_on(start, workflow_id, first, last)
        await self._steps.go_on(actions.arm, workflow_id)


def _jobs(conn: Connection, workflow_id: int) -> int:
    """How many jobs a workflow has; NotFound for an unknown one."""
    row = conn.exec_driver_sql(
        "SELECT (SELECT ifnull(sum(n), 0) FROM status_count WHERE workflow_id = workflow.id) FROM workflow"
        " WHERE id = ? AND state = 'visible'",
        (workflow_id,),
    ).one_or_none()
    if row is None:
        raise NotFound(f"Workflow not found with ID: {workflow_id}")
    return int(row[0])


def _unfinished(conn: Connection) -> list[tuple[int, str]]:
    rows = conn.exec_driver_sql("SELECT id, work FROM workflow WHERE work IS NOT NULL AND state = 'visible'")
    return [(row[0], row[1]) for row in rows]


def _begin(batch: Batch, workflow_id: int, work: str) -> None:
    batch.run("UPDATE workflow SET work = ? WHERE id = ?", work, workflow_id)
    batch.log(workflow_id, "workflow", work=work)


def _end(batch: Batch, workflow_id: int) -> None:
    crash_point("server.work.ends")
    batch.run("UPDATE workflow SET work = NULL WHERE id = ?", workflow_id)
    batch.log(workflow_id, "workflow", work=None)
    batch.wake_workflows.add(workflow_id)

"""Requests that change many jobs of a workflow: by their ids, or all that a filter of its table of jobs leaves in."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from torc_core.client.endpoints import LONG_WORK
from torc_core.client.request import Request
from torc_core.models.failures import Retry
from torc_core.models.job_changes import ChangeAsked, ChangeTold, JobEdit


class Which(Struct, frozen=True):
    """Jobs of a workflow: those of these ids, or all that a filter leaves in."""

    workflow_id: int
    ids: Sequence[int] | None = None
    filter: str | None = None


def change_jobs(which: Which, change: str, edit: JobEdit | None = None, *, dry_run: bool) -> Request[ChangeTold]:
    """`cancel`, `disable`, `enable` or `edit`; `dry_run` only says what that does."""
    thing, path = f"workflow {which.workflow_id}", f"/console/workflows/{which.workflow_id}/change_jobs"
    ids = None if which.ids is None else list(which.ids)
    asked = ChangeAsked(change=change, ids=ids, filter=which.filter, edit=edit, dry_run=dry_run)
    return Request("POST", path, ChangeTold, f"changing jobs of {thing}", thing, body=asked, patience=LONG_WORK)


def retry_jobs_of(which: Which, *, dry_run: bool) -> Request[Retry]:
    """Run those of the jobs that failed again."""
    body = {"workflow_id": which.workflow_id, "ids": which.ids, "filter": which.filter or "", "dry_run": dry_run}
    return Request("POST", "/console/retry", Retry, "retrying jobs", body=body, patience=LONG_WORK)

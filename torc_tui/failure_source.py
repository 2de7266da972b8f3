"""The rows of the failures screen: a group for each cause, under an open group its jobs, fetched as they are needed."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from torc_core.client import failures
from torc_core.client.console import Part
from torc_core.client.stream import Change
from torc_core.models.console import Row, TablePage
from torc_core.models.failures import FailureGroup, Failures
from torc_tui.rendering import failure_view
from torc_tui.rendering.columns import Column
from torc_tui.rendering.failure_view import is_stop
from torc_tui.statuses import ENDED_BADLY, WAITING
from torc_tui.store import Store
from torc_tui.widgets.table_source import Source

JOB_SORT = "-end"

CHANGES_FAILURES = (*WAITING, *ENDED_BADLY)
"""Jobs that go to one of these statuses may come to the failures, or leave them."""


class FailureSource(Source):
    """See the module. Groups have negative ids, jobs their own."""

    columns: Sequence[Column] = failure_view.FAILURES
    sort = "-last"
    noun = "job"
    takes_filter = False

    def __init__(self, store: Store) -> None:
        self._store = store
        self.open: set[str] = set()
        """Causes whose jobs are shown."""
        self.told: Failures | None = None
        """What was last heard."""
        self._ids: dict[str, int] = {}
        self._cause_of: dict[int, str] = {}

    async def page(self, part: Part) -> TablePage:
        told = self.told = await self._store.ask(failures.failure_groups(part.filter))
        groups = _sorted(told.groups, part.sort)
        starts: list[int] = []
        total = 0
        for group in groups:
            starts.append(total)
            total += 1 + (group.jobs if group.cause in self.open else 0)
        anchor = None if part.anchor is None else await self._position(part.anchor, groups, starts, part.filter)
        offset = part.offset if anchor is None else max(0, anchor - part.before)
        offset = min(offset, max(0, total - 1))
        end = min(offset + part.limit, total)
        items: list[Row] = []
        for group, start in zip(groups, starts, strict=True):
            if offset <= start < end:
                items.append(self._group_row(group))
            if group.cause in self.open:
                first, last = max(offset, start + 1), min(end, start + 1 + group.jobs)
                if first < last:
                    items += await self._jobs(group, first - start - 1, last - first, part.filter)
        return TablePage(items=items, offset=offset, total=total, everything=total, anchor=anchor)

    def _group_row(self, group: FailureGroup) -> Row:
        number = self._ids.setdefault(group.cause, -1 - len(self._ids))
        return {
            "id": number, "name": group.cause, "jobs": group.jobs, "workflows": group.workflows,
            "workflow": group.workflow, "first": group.first, "last": group.last, "job_id": group.job_id,
            "said": group.said or "", "open": group.cause in self.open,
        }  # fmt: skip

    async def _jobs(self, group: FailureGroup, offset: int, limit: int, narrowed: str) -> list[Row]:
        part = Part(offset=offset, limit=limit, sort=JOB_SORT, filter=narrowed)
        page = await self._store.ask(failures.failed_jobs(group.cause, part))
        for row in page.items:
            self._cause_of[row["id"]] = group.cause
        gone: Row = {"id": 0, "name": "…", "status": "uninitialized"}
        return [*page.items, *[gone] * (limit - len(page.items))]

    async def _position(self, row_id: int, groups: list[FailureGroup], starts: list[int], narrowed: str) -> int | None:
        """Where a row now is."""
        for group, start in zip(groups, starts, strict=True):
            if row_id < 0:
                if self._ids.get(group.cause) == row_id:
                    return start
            elif group.cause in self.open and self._cause_of.get(row_id) == group.cause:
                part = Part(limit=1, sort=JOB_SORT, filter=narrowed, anchor=row_id)
                page = await self._store.ask(failures.failed_jobs(group.cause, part))
                return start if page.anchor is None else start + 1 + page.anchor
        return None

    def cause_of(self, row_id: int) -> str | None:
        """The cause of a group or a job that was shown."""
        if row_id < 0:
            return next((cause for cause, number in self._ids.items() if number == row_id), None)
        return self._cause_of.get(row_id)

    def concerns(self, change: Change) -> bool:
        """Jobs that failed or are to run again, and workflows that went or came."""
        if change.event == "jobs":
            return change.data.get("status") in CHANGES_FAILURES
        return change.event in ("open", "reset", "workflow")

    def title(self, row: Row) -> str:
        return str(row["name"])

    def count(self, ids: Collection[int]) -> int:
        """Of a cause all its jobs; those that are marked beside it are among them."""
        causes = {cause for number in ids if number < 0 and (cause := self.cause_of(number))}
        jobs = sum(group.jobs for group in self.told.groups if group.cause in causes) if self.told else 0
        return jobs + sum(number > 0 and self.cause_of(number) not in causes for number in ids)


def _sorted(groups: list[FailureGroup], sort: str) -> list[FailureGroup]:
    """In the order of a column; in the usual one jobs whose runner was stopped come last."""
    name = sort.removeprefix("-")
    key = name if name in ("jobs", "workflow", "first", "last") else "cause" if name == "name" else "last"
    found = sorted(groups, key=lambda group: getattr(group, key), reverse=sort.startswith("-"))
    return sorted(found, key=lambda group: is_stop(group.cause)) if sort == FailureSource.sort else found

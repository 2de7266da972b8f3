"""Sources of the tables: which endpoint, which columns, and which changes can be seen."""

from __future__ import annotations

from collections.abc import Sequence

from torc_core.client import console
from torc_core.client.console import Part
from torc_core.client.stream import Change
from torc_core.models.console import Row, TablePage, WorkflowPage
from torc_tui.rendering import tables
from torc_tui.rendering.columns import Column
from torc_tui.store import Store
from torc_tui.widgets.table_source import Source, View

MANY_JOBS = 2_000
"""The plan of a workflow with more jobs is shown some seconds late."""

ALWAYS = ("open", "reset")
"""After these anything may have changed."""


class WorkflowsSource(Source):
    """The workflows of all, or those of the user."""

    columns: Sequence[Column] = tables.WORKFLOWS
    sort = "-activity"
    noun = "workflow"
    takes_filter = False

    def __init__(self, store: Store) -> None:
        self._store = store
        self.mine = False
        """Only those of the user."""
        self.told: WorkflowPage | None = None
        """The last answer, with what it says of all of them."""

    async def page(self, part: Part) -> TablePage:
        mine = self.mine
        told = await self._store.ask(console.workflow_rows(part, self._store.user if mine else None))
        if mine == self.mine:
            self.told = told
        return told

    def concerns(self, change: Change) -> bool:
        """Job counts and states of workflows."""
        return change.event in (*ALWAYS, "jobs", "job", "workflow", "node")

    def title(self, row: Row) -> str:
        return str(row["name"])


class WorkflowTable(Source):
    """A table of one workflow."""

    def __init__(
        self,
        store: Store,
        workflow_id: int,
        name: str,
        columns: Sequence[Column],
        sort: str,
        noun: str,
        told_by: tuple[str, ...],
    ) -> None:
        self._store = store
        self.workflow_id = workflow_id
        self.name = name
        self.columns = columns
        self.sort = sort
        self.noun = noun
        self.takes_filter = name == "jobs"
        self._told_by = told_by

    async def page(self, part: Part) -> TablePage:
        return await self._store.ask(console.table_rows(self.workflow_id, self.name, part))

    def concerns(self, change: Change) -> bool:
        """Of this workflow, and of the kind."""
        if change.event in ALWAYS:
            return True
        return change.data.get("workflow_id") == self.workflow_id and change.event in self._told_by

    def in_place(self, change: Change, view: View) -> bool:
        """Jobs that moved on, where neither order nor filter may depend on that."""
        return (
            change.event == "jobs"
            and self.name == "jobs"
            and not view.filter
            and view.sort.removeprefix("-") in ("id", "name")
        )

    def title(self, row: Row) -> str:
        return str(row.get("name", row["id"]))


class PlanTable(WorkflowTable):
    """The stages of a workflow. Of a large one all jobs are looked at for it, so that is not done with each change."""

    def __init__(self, store: Store, workflow_id: int) -> None:
        super().__init__(store, workflow_id, "plan", tables.PLAN, "id", "stage", ("jobs", "job"))
        self.stale = False
        """Something has changed since the stages were asked for."""
        self._jobs = 0

    async def page(self, part: Part) -> TablePage:
        self.stale = False
        page = await super().page(part)
        self._jobs = max(self._jobs, sum(row["jobs"] for row in page.items))
        return page

    def concerns(self, change: Change) -> bool:
        if not super().concerns(change):
            return False
        self.stale = self._jobs > MANY_JOBS and change.event not in ALWAYS
        return not self.stale

    def title(self, row: Row) -> str:
        return f"stage {row['id']}"


def workflow_tables(store: Store, workflow_id: int) -> dict[str, WorkflowTable]:
    """The tables of a workflow by the title of their tab, in order."""
    made = [
        ("Jobs", "jobs", tables.JOBS, "id", "job", ("jobs", "job")),
        ("Files", "files", tables.FILES, "id", "file", ("jobs", "file")),
        ("Data", "data", tables.DATA, "id", "document", ("user_data",)),
        ("Results", "results", tables.RESULTS, "-end", "result", ("jobs", "result")),
        ("Events", "events", tables.EVENTS, "-id", "event", ("event",)),
        ("Nodes", "nodes", tables.NODES, "-active", "node", ("node", "jobs")),
        ("Requirements", "requirements", tables.REQUIREMENTS, "id", "requirement", ("resource_requirements", "job")),
    ]
    found = {tab: WorkflowTable(store, workflow_id, *rest) for tab, *rest in made}  # type: ignore[arg-type]
    return {**found, "Plan": PlanTable(store, workflow_id)}

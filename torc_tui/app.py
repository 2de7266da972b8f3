"""The console with its screens and its actions."""

from __future__ import annotations

from collections.abc import Iterable

from torc_core.errors import InputError
from torc_tui.actions import Action
from torc_tui.address import find_job, find_named, find_workflow, parse, spoken, verbs
from torc_tui.console import Console
from torc_tui.places import PLACES
from torc_tui.screens.console_screen import ConsoleScreen
from torc_tui.screens.job import JobScreen
from torc_tui.screens.workflow import WorkflowScreen
from torc_tui.screens.workflows import WorkflowsScreen
from torc_tui.verbs import ACTIONS
from torc_tui.widgets.table_source import View


class ConsoleApp(Console):
    """See the module."""

    def actions(self) -> Iterable[Action]:
        return ACTIONS

    def home(self) -> ConsoleScreen:
        return WorkflowsScreen(self.store)

    async def go(self, address: str) -> None:
        place = parse(address)
        if place.kind in PLACES:
            await PLACES[place.kind](self, place.thing)
            return
        if place.kind == "workflows":
            while isinstance(self.top_screen, ConsoleScreen) and not isinstance(self.top_screen, WorkflowsScreen):
                self.go_back()
            if place.filter and self.top_screen and self.top_screen.table:
                self.top_screen.table.show(View(self.top_screen.table.view.sort, place.filter))
        elif place.kind == "job":
            here = self.top_screen.things("workflow") if self.top_screen else []
            known = here[0].id if len(here) == 1 else None
            job_id = await find_job(self.store, place.thing, known, verbs(self.registry, "job"))
            self.open(JobScreen(self.store, job_id))
        elif place.kind == "named":
            possible = self.registry.possible(self.top_screen.places if self.top_screen else frozenset())
            others = [*spoken(self.registry), *(action.title for action in possible)]
            number, name = await find_named(self.store, place.thing, others)
            self.open(WorkflowScreen(self.store, number, name, "Jobs"))
        else:
            thing = place.thing
            if not thing:
                here = self.top_screen.things("workflow") if self.top_screen else []
                if not here:
                    raise InputError(f":{place.kind} of which workflow? Give an id or a name")
                number, name = here[0].id, here[0].name
            else:
                number, name = await find_workflow(self.store, thing, verbs(self.registry, "workflow"))
            view = View("id" if place.kind != "events" else "-id", place.filter) if place.filter else None
            self.open(WorkflowScreen(self.store, number, name, place.kind.capitalize(), view))

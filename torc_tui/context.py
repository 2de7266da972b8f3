"""What an action works on: the screen, the table in focus, and the things that are meant."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from torc_core.models.console import Row
from torc_tui.actions import READ_ONLY, Action, Place
from torc_tui.plans import Plan

if TYPE_CHECKING:
    from torc_tui.console import Console
    from torc_tui.screens.console_screen import ConsoleScreen
    from torc_tui.store import Store
    from torc_tui.widgets.paged_table import PagedTable


@dataclass(frozen=True, slots=True)
class Thing:
    """A workflow or a job that an action means: captured when the key was pressed."""

    kind: str
    id: int
    name: str
    row: Row | None = None
    """Its row, as far as it is known."""


@dataclass(frozen=True, slots=True)
class Context:
    """The moment an action was asked for."""

    app: Console
    screen: ConsoleScreen
    _meant: dict[str, list[Thing]] = field(default_factory=dict, compare=False, repr=False)
    _at_cursor: dict[str, list[Thing]] = field(default_factory=dict, compare=False, repr=False)

    @property
    def store(self) -> Store:
        return self.app.store

    @property
    def places(self) -> frozenset[Place]:
        return self.screen.places

    @property
    def table(self) -> PagedTable | None:
        """The table of the screen, if it has one."""
        return self.screen.table

    def things(self, kind: str) -> list[Thing]:
        """The workflows or jobs that are meant: those marked, else the one under the cursor or of the screen.

        They stay the same however often they are asked for: what arrives meanwhile changes nothing.
        """
        if kind not in self._meant:
            self._meant[kind] = self.screen.things(kind)
        return self._meant[kind]

    def at_cursor(self, kind: str) -> list[Thing]:
        """What an action means that shows one thing: the one under the cursor or of the screen, whatever is marked."""
        if kind not in self._at_cursor:
            self._at_cursor[kind] = self.screen.at_cursor(kind)
        return self._at_cursor[kind]

    async def carry_out(self, plan: Plan) -> bool:
        """Do what is planned for all that is meant, asked about when that is marked; its marks are then gone.

        False when the user would rather not.
        """
        table = self.table
        done = await self.app.carry_out(replace(plan, confirm=True) if table and table.marked else plan)
        if done and table:
            table.clear_marks()
        return done

    def why_not(self, action: Action) -> str | None:
        """Why an action cannot be done now, or None."""
        if action.changes and self.app.read_only:
            return READ_ONLY
        return action.reason(self)

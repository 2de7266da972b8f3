"""`:` addresses: `workflows`, `wf ensemble`, `jobs 812 status=failed`, `job 4711`, or the name of an action.

The same texts are what `torc tui --view` takes.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.suggester import Suggester

from torc_core.client import console
from torc_core.client.console import Part
from torc_core.errors import InputError, TorcError
from torc_tui import workflow_files

if TYPE_CHECKING:
    from torc_tui.console import Console
    from torc_tui.store import Store

TABS = ("jobs", "files", "data", "results", "events", "nodes", "requirements", "plan")

CONSOLE = ("new", "examples", "runs", "run", "server", "failures", "log", "plot", "sort")
"""Places of the console itself: `torc_tui/places.py` opens them."""

WORDS = ("workflows", "workflow", "wf", "job", *TABS, *CONSOLE)

EXAMPLES = "workflows · wf NAME · jobs 12 status=failed · job 4711 · sort NAME"


@dataclass(frozen=True, slots=True)
class Address:
    """Where to go: a kind, the workflow or job it names (an id or a name), and a filter for the table."""

    kind: str
    thing: str = ""
    filter: str = ""


def parse(text: str) -> Address:
    """What an address says. InputError names what is not understood and what would be."""
    word, _, rest = text.strip().partition(" ")
    word, rest = word.lower(), rest.strip()
    if word in ("", "workflows", "pulse", "home"):
        return Address("workflows", filter=rest)
    if word in ("wf", "workflow"):
        return Address("jobs", _named(word, rest))
    if word == "job":
        return Address("job", _named(word, rest))
    if word in TABS:
        thing, _, narrowed = rest.partition(" ")
        return Address(word, thing, narrowed.strip())
    if word in CONSOLE:
        return Address(word, rest)
    if text.strip().isdigit():
        return Address("jobs", text.strip())
    raise InputError(f"{word!r} is no place and no action; there are {', '.join(WORDS)}, and ctrl+p lists the actions")


def _named(word: str, rest: str) -> str:
    if not rest:
        raise InputError(f":{word} which one? Give an id or a name")
    return rest


async def find_workflow(store: Store, text: str) -> tuple[int, str]:
    """Id and name of the workflow that an id or a name means; of several of one name the newest."""
    if text.isdigit():
        return int(text), ""
    page = await store.ask(console.workflow_rows(Part(sort="-id", limit=1, filter=f'name="{text}"')))
    if not page.items:
        page = await store.ask(console.workflow_rows(Part(sort="-id", limit=1, filter=f'"{text}"')))
    if not page.items:
        raise InputError(f"no workflow is called {text!r}; :workflows lists them")
    return page.items[0]["id"], page.items[0]["name"]


class AddressSuggester(Suggester):
    """Completes words, names of workflows, and names of actions."""

    def __init__(self, app: Console) -> None:
        super().__init__(use_cache=False)
        self._app = app

    async def get_suggestion(self, value: str) -> str | None:
        word, blank, rest = value.partition(" ")
        if not blank:
            return next((each for each in self._words() if each.startswith(word) and each != word), None)
        if word == "new":
            paths = await asyncio.to_thread(workflow_files.completions, rest)
            start = workflow_files.common_start(paths, rest)
            return f"{word} {start}" if start != rest else None
        if word in ("wf", "workflow", *TABS) and rest and " " not in rest and not rest.isdigit():
            try:
                page = await self._app.store.ask(
                    console.workflow_rows(Part(sort="-activity", limit=5, filter=f'"{rest}"'))
                )
            except TorcError:
                return None
            names = [str(row["name"]) for row in page.items]
            found = next((name for name in names if name.lower().startswith(rest.lower())), None)
            return f"{word} {rest}{found[len(rest) :]}" if found else None
        return next((each for each in self._words() if each.startswith(value) and each != value), None)

    def _words(self) -> list[str]:
        return [*WORDS, *(name.replace(".", " ") for name in self._app.registry.actions)]

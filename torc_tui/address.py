"""`:` addresses: `workflows`, `wf ensemble`, `jobs 812 status=failed`, `job 4711`, or the name of an action.

The same texts are what `torc tui --view` takes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from torc_core.cli.nearest import nearest_hint
from torc_core.client import console, endpoints
from torc_core.client.console import Part
from torc_core.client.errors import ServerUnreachableError
from torc_core.client.request import Request
from torc_core.errors import InputError, TorcError
from torc_tui import workflow_files
from torc_tui.actions import Registry
from torc_tui.store import is_missing
from torc_tui.widgets.prompt import Candidate, Completer

if TYPE_CHECKING:
    from torc_tui.console import Console
    from torc_tui.store import Store

T = TypeVar("T")

TABS = ("jobs", "files", "data", "results", "events", "nodes", "requirements", "plan")

CONSOLE = (
    "new", "examples", "runs", "run", "server", "failures", "log", "plot", "timeline", "sort", "settings", "theme",
)  # fmt: skip
"""Places of the console itself: `torc_tui/places.py` opens them."""

WORDS = ("workflows", "workflow", "wf", "job", *TABS, *CONSOLE)

OF_WORKFLOWS = ("", "wf", "workflow", "timeline", *TABS)
"""What may be followed by a name or an id of a workflow."""

OF_JOBS = ("job", "log", "plot")

CANDIDATES = 20
"""So many names are asked for to complete one."""

NEARBY = 500
"""So many names are looked through for the nearest of a mistyped one."""

EXAMPLES = "workflows · wf NAME · jobs 12 status=failed · job 4711 · sort NAME"


@dataclass(frozen=True, slots=True)
class Address:
    """Where to go: a kind, the workflow or job it names (an id or a name), and a filter for the table."""

    kind: str
    thing: str = ""
    filter: str = ""


def parse(text: str) -> Address:
    """What an address says; `named`: only a workflow of this name can be meant. InputError says what is missing."""
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
    return Address("named", text.strip())


def _named(word: str, rest: str) -> str:
    if not rest:
        raise InputError(f":{word} which one? Give an id or a name")
    return rest


def spoken(registry: Registry) -> list[str]:
    """The words of places and the names of actions, as they are typed."""
    return [*WORDS, *(name.replace(".", " ") for name in registry.actions)]


def verbs(registry: Registry, family: str) -> list[str]:
    """What may be done to a workflow or a job by a word after that of the family."""
    parts = (name.partition(".") for name in registry.actions)
    return [verb for kind, _, verb in parts if kind == family]


async def known(store: Store, request: Request[T], named: str) -> T | None:
    """The thing that a request asks for; None while no server answers. InputError: there is no such thing."""
    try:
        return await store.ask(request)
    except ServerUnreachableError:
        return None
    except TorcError as error:
        if is_missing(error):
            raise InputError(f"there is no {named}") from None
        raise


async def find_workflow(store: Store, text: str, others: Sequence[str] = ()) -> tuple[int, str]:
    """Id and name of the workflow that an id or a name means; of several of one name the newest.

    InputError says which name, or which of the `others`, is near it.
    """
    if text.isdigit():
        there = await known(store, endpoints.get_workflow(int(text)), f"workflow {int(text)}; :workflows lists them")
        return int(text), there.name if there else ""
    found = await _newest(store, f'name="{text}"') or await _newest(store, f'"{text}"')
    if found:
        return found
    hint = nearest_hint(text, [*others, *await _names(store, "", NEARBY)])
    raise InputError(f"no workflow is called {text!r}{hint or '; :workflows lists them'}")


async def find_named(store: Store, text: str, others: list[str]) -> tuple[int, str]:
    """The workflow that a word means which is nothing else. InputError says which of the `others` is near it."""
    found = await _newest(store, f'name="{text}"')
    if found:
        return found
    near = nearest_hint(text, [*others, *await _names(store, "", NEARBY)])
    raise InputError(f"{text!r} is no place, no action and no workflow{near or '; ctrl+p lists the actions'}")


async def find_job(store: Store, text: str, here: int | None, others: Sequence[str] = ()) -> int:
    """The job that an id means, or a name in the workflow that is on screen (`here`).

    InputError says which of the `others` is near it.
    """
    if text.isdigit():
        await known(store, endpoints.get_job(int(text)), f"job {int(text)}")
        return int(text)
    if here is None:
        hint = nearest_hint(text, others) or f"; :jobs WORKFLOW {text} finds it by name"
        raise InputError(f"job {text!r} is not an id{hint}")
    rows = (await store.ask(console.table_rows(here, "jobs", Part(limit=1, filter=f'name="{text}"')))).items
    if not rows:
        hint = nearest_hint(text, others) or f"; :jobs {here} {text} looks for it"
        raise InputError(f"no job of workflow {here} is called {text!r}{hint}")
    return int(rows[0]["id"])


async def _newest(store: Store, narrowed: str) -> tuple[int, str] | None:
    """Id and name of the newest workflow that a filter leaves in."""
    page = await store.ask(console.workflow_rows(Part(sort="-id", limit=1, filter=narrowed)))
    return (page.items[0]["id"], page.items[0]["name"]) if page.items else None


async def _names(store: Store, part: str, limit: int) -> list[str]:
    """Names of workflows that contain a text, the latest active first."""
    narrowed = f'"{part}"' if part else ""
    page = await store.ask(console.workflow_rows(Part(sort="-activity", limit=limit, filter=narrowed)))
    return list(dict.fromkeys(str(row["name"]) for row in page.items))


class AddressSuggester(Completer):
    """Completes words, paths, names of actions, and names and ids that the server knows."""

    def __init__(self, app: Console) -> None:
        super().__init__()
        self._app = app

    async def candidates(self, text: str) -> list[Candidate]:
        """The best first."""
        word, blank, rest = text.partition(" ")
        begun = [Candidate(each) for each in spoken(self._app.registry) if each.startswith(text) and each != text]
        if begun and not blank:  # at once, however late the server answers
            return begun
        try:
            return begun + await self._known(f"{word} " if blank else "", rest if blank else word)
        except TorcError:
            return begun

    async def _known(self, before: str, begun: str) -> list[Candidate]:
        """What goes on from a text and is known to the server, or on this machine, by kind of what stands before it."""
        word = before.strip()
        if word == "new":
            found = await asyncio.to_thread(workflow_files.completions, begun)
            return [Candidate(before + each.path, each.note) for each in found]
        if not begun or " " in begun:
            return []
        if word == "sort":
            table = self._app.top_screen.table if self._app.top_screen else None
            names = [column.name for column in table.source.columns if column.sortable] if table else []
            return [Candidate(before + name) for name in names if name.startswith(begun)]
        if word in OF_JOBS:
            return await self._jobs(before, begun)
        return await self._workflows(before, begun) if word in OF_WORKFLOWS else []

    async def _workflows(self, before: str, begun: str) -> list[Candidate]:
        if begun.isdigit():
            detail = await self._app.store.ask(endpoints.get_workflow(int(begun)))
            return [Candidate(before + begun, detail.name)]
        names = await _names(self._app.store, begun, CANDIDATES)
        names.sort(key=lambda name: not name.startswith(begun))
        return [Candidate(before + name) for name in names if name != begun]

    async def _jobs(self, before: str, begun: str) -> list[Candidate]:
        store = self._app.store
        if begun.isdigit():
            return [Candidate(before + begun, (await store.ask(endpoints.get_job(int(begun)))).name)]
        here = self._app.top_screen.things("workflow") if self._app.top_screen else []
        if len(here) != 1:
            return []
        part = Part(sort="name", limit=CANDIDATES, filter=f'"{begun}"')
        page = await store.ask(console.table_rows(here[0].id, "jobs", part))
        return [Candidate(f"{before}{row['id']}", str(row["name"])) for row in page.items]

"""The registry of actions. Keys, footer, `?`, the palette and `:` all read it; nothing else says what a key does.

An action belongs to places. A screen says which places it is (`ConsoleScreen.places`); a key does the first action that
has this key and one of these places. To add one: make an `Action` in a module of `torc_tui/verbs` and list it there.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from textual.keys import KEY_NAME_REPLACEMENTS, REPLACED_KEYS, key_to_character

from torc_core.cli.nearest import nearest_hint
from torc_core.errors import InputError

if TYPE_CHECKING:
    from torc_tui.context import Context


class Place(Enum):
    """Where an action has its key."""

    ANYWHERE = "anywhere"
    TABLE = "in tables"
    WORKFLOWS = "in the list of workflows"
    WORKFLOW = "in a workflow"
    JOBS = "on jobs"
    FILES = "on files of a workflow"
    RESULTS = "on results of a workflow"
    NODES = "on runners of a workflow"
    REQUIREMENTS = "on requirements"
    JOB = "in the inspector"
    CREATE = "while a workflow is made"
    RUNS = "in the list of local runs"
    RUN = "on a local run"
    SERVER = "on the server's screen"
    LOG = "in a log"
    FAILURES = "on failures"
    PLOT = "in a plot"
    TIMELINE = "in a timeline"
    DATA = "in user data"
    SETTINGS = "in the settings"


class Group(Enum):
    """Headings of the help, in their order."""

    ACT = "Acting"
    LOOK = "Looking"
    MARK = "Marking"
    MOVE = "Moving"
    CONSOLE = "Console"


Effect = Callable[["Context"], Awaitable[None] | None]
Reason = Callable[["Context"], str | None]


def always(_: Context) -> str | None:
    """Nothing stands against it."""
    return None


@dataclass(frozen=True, slots=True)
class Action:
    """Something that the user can do."""

    id: str
    """Stable name, `workflow.cancel`: what a keymap names, and with blanks for dots what `:` takes."""
    title: str
    """On the footer and in menus: a verb, lower case."""
    help: str
    """One line."""
    keys: str
    """Default keys, Textual's names joined by commas; empty for none."""
    places: frozenset[Place]
    effect: Effect
    group: Group
    changes: bool = False
    """It changes something on the server: not in a read-only console."""
    reason: Reason = always
    """Why it cannot be done here and now, or None."""
    footer: int | None = None
    """Place in the footer, from the left; None: not there."""
    also: frozenset[Place] = field(default_factory=frozenset)
    """Places where it can be done without a key: by the palette and by `:`."""

    @property
    def default_keys(self) -> tuple[str, ...]:
        """Its keys unless the user has others."""
        return _keys(self.keys)


READ_ONLY = "this console is read-only (--read-only)"

KEY_NAMES = {
    "escape": "esc", "up": "↑", "down": "↓", "left": "←", "right": "→", "pageup": "PgUp", "pagedown": "PgDn",
}  # fmt: skip
"""How keys are called on screen that have no character and another name than Textual's."""


def key_name(key: str) -> str:
    """What a key is called on screen: `equals_sign` is `=`."""
    character = key_to_character(REPLACED_KEYS.get(key, key)) or ""
    return KEY_NAMES.get(key) or (character if character.isprintable() and character.strip() else key)


def _key(text: str) -> str:
    """Textual's name of a key that may be given as its character."""
    text = text.strip()
    if len(text) != 1 or text.isalnum():
        return text
    name = unicodedata.name(text, text).lower().replace("-", "_").replace(" ", "_")
    return KEY_NAME_REPLACEMENTS.get(name, name)


class Registry:
    """All actions with their keys: the default ones, or those of the user's keymap."""

    def __init__(self, actions: Iterable[Action], keymap: Mapping[str, str] | None = None) -> None:
        """`keymap`: action id -> keys joined by commas, `none` for no key. InputError for an unknown id."""
        self.actions = {action.id: action for action in actions}
        self.keys = {action.id: action.default_keys for action in self.actions.values()}
        for name, keys in (keymap or {}).items():
            if name not in self.actions:
                near = nearest_hint(name, self.actions) or "; 'torc tui' lists them under '?'"
                raise InputError(f"tui.keys: there is no action {name!r}{near}")
            self.keys[name] = () if keys in ("", "none") else _keys(keys)
        self.clashes = list(self._clashes())
        """Lines about keys that mean two things in one place: the first listed wins."""

    def _clashes(self) -> Iterable[str]:
        seen: dict[tuple[str, Place], str] = {}
        for action in self.actions.values():
            for key in self.keys[action.id]:
                for place in self._spread(action.places):
                    first = seen.setdefault((key, place), action.id)
                    if first != action.id:
                        yield f"key {key_name(key)!r} means both {first} and {action.id} {place.value}"
                        break

    @staticmethod
    def _spread(places: frozenset[Place]) -> frozenset[Place]:
        return frozenset(Place) if Place.ANYWHERE in places else places

    @property
    def changed(self) -> list[Action]:
        """The actions whose keys are not the default ones."""
        return [action for action in self.actions.values() if self.keys[action.id] != action.default_keys]

    def for_key(self, key: str, places: frozenset[Place]) -> Action | None:
        """What a key does in these places."""
        found = [action for action in self.in_places(places) if key in self.keys[action.id]]
        return found[0] if found else None

    def in_places(self, places: frozenset[Place]) -> list[Action]:
        """The actions that have their keys here, in the order they were listed."""
        here = places | {Place.ANYWHERE}
        return [action for action in self.actions.values() if action.places & here]

    def possible(self, places: frozenset[Place]) -> list[Action]:
        """The actions that can be done here, with or without a key."""
        here = places | {Place.ANYWHERE}
        return [action for action in self.actions.values() if (action.places | action.also) & here]

    def shown_keys(self, action: Action, places: frozenset[Place], characters_ascii: bool = False) -> str:
        """The keys that do an action in these places, as they are called on screen; empty when none does."""
        if not action.places & (places | {Place.ANYWHERE}):
            return ""
        names = [key_name(key) for key in self.keys[action.id]]
        if characters_ascii:
            names = [name if name.isascii() else key for name, key in zip(names, self.keys[action.id], strict=True)]
        return " ".join(names)


def _keys(text: str) -> tuple[str, ...]:
    return tuple(_key(part) for part in text.split(",") if part) if text != "," else ("comma",)

"""The registry of actions, and what follows from it."""

from __future__ import annotations

import pytest

from torc_core.errors import InputError
from torc_tui.actions import Action, Group, Place, Registry, key_name
from torc_tui.verbs import ACTIONS

FORBIDDEN = {"ctrl+a", "ctrl+b", "ctrl+s", "ctrl+q"}


def action(name: str, keys: str, *places: Place) -> Action:
    return Action(name, name, "Help", keys, frozenset(places), lambda _: None, Group.ACT)


def test_no_two_actions_share_a_key_in_one_place() -> None:
    assert Registry(ACTIONS).clashes == []


def test_every_action_explains_itself_and_takes_no_key_of_terminals() -> None:
    registry = Registry(ACTIONS)
    assert len({each.id for each in ACTIONS}) == len(ACTIONS)
    for each in ACTIONS:
        assert each.help
        assert each.title
        assert each.places
        allowed = {"ctrl+s"} if each.id == "create.store" else set()  # it has a second key for terminals that keep it
        assert not (FORBIDDEN - allowed) & {*registry.keys[each.id]}


def test_no_key_is_shown_by_a_name_that_is_on_no_keyboard() -> None:
    shown = {key_name(key): key for each in ACTIONS for key in each.default_keys}
    assert shown["="] == "equals_sign"
    assert shown["esc"] == "escape"
    words = {"enter", "esc", "space", "tab", "delete", "home", "end", "PgUp", "PgDn", "f5"}
    for name in shown:
        assert all(
            len(part) == 1 or part in {*words, "ctrl", "shift", "left", "right"} for part in name.split("+") if part
        )


@pytest.mark.parametrize("name", [each.id for each in ACTIONS])
def test_each_action_can_have_another_key(name: str) -> None:
    registry = Registry(ACTIONS, {name: "f12"})
    assert registry.for_key("f12", registry.actions[name].places) is registry.actions[name]
    assert registry.clashes == []


def test_a_key_may_mean_different_things_in_different_places_only() -> None:
    one, two = action("a.one", "x", Place.WORKFLOWS), action("a.two", "x", Place.JOBS)
    registry = Registry([one, two])
    assert registry.for_key("x", frozenset({Place.JOBS, Place.TABLE})) is two
    assert registry.clashes == []
    both = Registry([one, two, action("a.three", "q", Place.ANYWHERE)], {"a.two": "q"})
    assert both.clashes == ["key 'q' means both a.two and a.three on jobs"]


def test_a_keymap_that_names_no_action_is_refused() -> None:
    with pytest.raises(InputError, match=r"no action 'job\.cancle'"):
        Registry(ACTIONS, {"job.cancle": "x"})


def test_a_key_can_be_taken_away() -> None:
    assert Registry(ACTIONS, {"console.quit": "none"}).for_key("q", frozenset()) is None


@pytest.mark.parametrize(
    ("character", "key"),
    [("+", "plus"), ("=", "equals_sign"), ("<", "less_than_sign"), ("_", "underscore"), ("#", "number_sign"),
     ("@", "at"), ("[", "left_square_bracket")],
)  # fmt: skip
def test_characters_in_keymaps_are_keys(character: str, key: str) -> None:
    registry = Registry(ACTIONS, {"console.quit": character})
    assert registry.for_key(key, frozenset()) is registry.actions["console.quit"]
    assert key_name(key) == character

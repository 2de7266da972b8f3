"""Output reduced to what changes makes the same picture, and few bytes."""

from __future__ import annotations

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torc_tui.rendering.picture import Picture

WIDTH, HEIGHT, TALL = 24, 4, 15

STYLES = [
    "", "1", "2;31", "38;2;1;2;3;48;2;9;9;9", "1;38;2;1;2;3;48;2;9;9;9", "38;2;7;7;7;48;2;20;20;20", "7;38;5;200",
    "97;104", "4;48;5;17", "3;9",
]  # fmt: skip

segments = st.tuples(
    st.sampled_from(STYLES),
    st.text("ab ✔█é字👍", min_size=1, max_size=9) | st.integers(8, WIDTH).map(lambda count: " " * count),
)
spans = st.tuples(st.integers(0, HEIGHT - 1), st.integers(0, WIDTH - 1), st.lists(segments, min_size=1, max_size=4))
updates = st.lists(spans, min_size=1, max_size=5)


def written(update: list[tuple[int, int, list[tuple[str, str]]]]) -> str:
    """An update as Textual writes it: places, segments with all their attributes, the cursor's place at the end."""
    out = []
    for line, column, parts in sorted(update, key=lambda span: span[0]):
        out.append(f"\x1b[{line + 1};{column + 1}H")
        for style, text in parts:
            width = 2 if any(ord(c) > 0x3000 for c in text) else 1
            fits = text[: max(0, (WIDTH - column) // width)]
            column += len(fits) * width
            out.append(f"\x1b[{style}m{fits}\x1b[0m" if style else fits)
        out.append("\n" if line < HEIGHT - 1 else "")
    return "".join(out) + "\x1b[1;1H"


def shown(data: list[str], height: int = HEIGHT) -> list[list[object]]:
    """The cells of a terminal that got this; of a blank only what can be seen of it."""
    screen = pyte.Screen(WIDTH, height)
    stream = pyte.Stream(screen)
    stream.feed("\x1b[?7l")
    for each in data:
        stream.feed(each)
    return [[_seen(screen.buffer[y][x]) for x in range(WIDTH)] for y in range(height)]


def _seen(cell: pyte.screens.Char) -> object:
    plain = cell.data == " " and not (cell.reverse or cell.underscore or cell.strikethrough)
    return (" ", cell.bg) if plain else cell


@settings(max_examples=200, deadline=None)
@given(st.lists(updates, min_size=1, max_size=6))
def test_what_is_left_of_output_makes_the_same_picture(several: list[list[object]]) -> None:
    whole = [written(update) for update in several]  # type: ignore[arg-type]
    for erases in (False, True):
        picture = Picture(erases=erases)
        assert shown([picture.reduced(each) for each in whole]) == shown(whole)


rows = st.integers(0, 99).map(lambda number: f"{number:>6}  row {number * 7919 % 1000:<6}█")


@settings(max_examples=100, deadline=None)
@given(
    st.lists(rows, min_size=40, max_size=40),
    st.lists(st.integers(-4, 4), min_size=1, max_size=8),
    st.sampled_from(STYLES),
    st.integers(0, 2),
)
def test_lines_that_only_move_make_the_same_picture(
    table: list[str], moves: list[int], style: str, heading: int
) -> None:
    top, whole = 15, []
    for move in [0, *moves]:
        top = max(0, min(25, top + move))
        parts = ["the heading             "] * heading + [row.ljust(WIDTH) for row in table[top : top + TALL - heading]]
        lines = (f"\x1b[{y + 1};1H\x1b[{style}m{line[:WIDTH]}\x1b[0m" for y, line in enumerate(parts))
        whole.append("\n".join(lines) + "\x1b[1;1H")
    for erases in (False, True):
        picture = Picture(erases=erases)
        assert shown([picture.reduced(each) for each in whole], TALL) == shown(whole, TALL)


@pytest.mark.parametrize("style", STYLES)
def test_long_blanks_are_erased_where_that_looks_the_same(style: str) -> None:
    whole = [f"\x1b[{y};1H\x1b[{style}mab{' ' * count}cd\x1b[0m\x1b[1;1H" for y, count in ((1, 9), (2, 19), (3, 20))]
    picture = Picture(erases=True)
    reduced = [picture.reduced(each) for each in whole]
    assert shown(reduced) == shown(whole)
    assert (" " * 19 in reduced[1]) == bool({"4", "7", "9"} & set(style.split(";")[:2]))


def test_a_table_that_moves_by_a_line_costs_little_more_than_that_line() -> None:
    picture = Picture()
    table = [f"{number:>6}  row {number * 7919 % 1000:<60}" for number in range(60)]
    costs = []
    for top in (0, 1, 2, 1, 4):
        lines = (f"\x1b[{y + 3};1H\x1b[31m{line}\x1b[0m" for y, line in enumerate(table[top : top + 30]))
        costs.append(len(picture.reduced("\n".join(lines) + "\x1b[1;1H")))
    assert costs[0] > 2000
    assert max(costs[1:4]) < 150
    assert costs[4] < 350


def test_output_that_changes_nothing_is_nothing() -> None:
    picture = Picture()
    update = "\x1b[1;1H\x1b[1;38;2;1;2;3mname\x1b[0m  \x1b[1;1H"
    assert "name" in picture.reduced(update)
    assert picture.reduced(update) == ""


def test_one_changed_cell_is_one_cell() -> None:
    picture = Picture()
    line = "\x1b[1;1H\x1b[38;2;1;2;3;48;2;9;9;9m{:>40}\x1b[0m\x1b[1;1H"
    picture.reduced(line.format(41))
    assert len(picture.reduced(line.format(42))) < 50


def test_texts_of_one_style_are_written_together_where_that_is_shorter() -> None:
    dim, bright = "38;2;143;155;168;48;2;20;20;20", "38;2;201;209;217;48;2;20;20;20"
    line = "".join(f"\x1b[{style}m{text:<8}\x1b[0m" for style, text in ((dim, "id"), (bright, "name")) * 4)
    assert Picture().reduced(f"\x1b[1;1H{line}\x1b[1;1H").count(bright.partition(";48")[0]) == 1


def test_the_picture_is_written_in_its_order_where_that_is_shorter() -> None:
    line = "".join(f"\x1b[{style}m{text}\x1b[0m" for style, text in (("31", "id"), ("32", "name")) * 4)
    reduced = Picture().reduced(f"\x1b[1;1H{line}\x1b[1;1H")
    assert reduced == "\x1b[1;1H" + "\x1b[31mid\x1b[32mname" * 4 + "\x1b[1G"


def test_after_the_terminal_was_lost_everything_is_written_again() -> None:
    picture = Picture()
    update = "\x1b[1;1Hname\x1b[1;1H"
    picture.reduced(update)
    picture.forget()
    assert "name" in picture.reduced(update)


@pytest.mark.parametrize("setting", ["\x1b[?1049h", "\x1b[?1049l"])
def test_the_other_screen_is_a_terminal_of_unknown_content(setting: str) -> None:
    picture = Picture()
    update = "\x1b[1;1Hname\x1b[1;1H"
    picture.reduced(update)
    assert picture.reduced(setting) == setting
    assert "name" in picture.reduced(update)


@pytest.mark.parametrize("setting", ["\x1b[?2026$p", "\x1b[>25u", "\x1b]52;c;aGk=\x07", "\x07", "\x1b[?25l"])
def test_settings_pass_and_the_picture_stays(setting: str) -> None:
    picture = Picture()
    update = "\x1b[1;1Hname\x1b[1;1H"
    picture.reduced(update)
    assert picture.reduced(setting) == setting
    assert picture.reduced(update) == ""


@pytest.mark.parametrize("other", ["\x1b[2J", "\x1b[3A", "loose text", "\x1b[58;5;1mx", "\x1b[1;1Ha\tb"])
def test_output_of_another_kind_passes_and_ends_what_is_known(other: str) -> None:
    picture = Picture()
    update = "\x1b[1;1Hname\x1b[1;1H"
    picture.reduced(update)
    assert picture.reduced(other) == other
    assert "name" in picture.reduced(update)

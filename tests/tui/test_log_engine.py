"""The log engine: rows of files of any kind, line numbers, growth, searching."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from torc_core.errors import InputError
from torc_tui.logs.file import BLOCK, KEPT, LogError, LogFile, Row
from torc_tui.logs.search import Pattern, Search
from torc_tui.logs.text import cleaned, folded, marked, shifted
from torc_tui.rendering.cells import plain, width_of


def opened(path: Path, content: bytes) -> LogFile:
    path.write_bytes(content)
    return LogFile(path)


def forwards(log: LogFile) -> list[Row]:
    def rows() -> Iterator[Row]:
        at: int | None = 0 if log.size else None
        while at is not None:
            yield log.loaded(partial(log.row, at))
            at = log.loaded(partial(log.next_start, at))

    return list(rows())


def backwards(log: LogFile) -> list[int]:
    starts = []
    at: int | None = log.size
    while at is not None:
        at = log.loaded(partial(log.previous_start, at))
        if at is not None:
            starts.append(at)
    return starts[::-1]


def counted(log: LogFile) -> None:
    while not log.index.complete(log.size):
        log.index.step(log.descriptor, log.size)


def finished(search: Search, log: LogFile) -> Search:
    while not search.complete:
        search.step(log.descriptor, log.size)
    return search


def lines_of(count: int, seed: int = 1) -> list[bytes]:
    chance = random.Random(seed)
    return [b"%d %s" % (i, b"x" * chance.choice((0, 1, 20, 80, 3000))) for i in range(count)]


@pytest.mark.parametrize("ending", [b"\n", b""])
def test_rows_are_the_lines_in_both_directions_with_their_numbers(tmp_path: Path, ending: bytes) -> None:
    lines = lines_of(3000)
    log = opened(tmp_path / "log", b"\n".join(lines) + ending)
    rows = forwards(log)
    assert [row.data.rstrip(b"\n") for row in rows] == lines
    assert backwards(log) == [row.start for row in rows]
    counted(log)
    for number in (1, 2, 700, 2999, 3000):
        row = rows[number - 1]
        assert log.loaded(partial(log.line_number, row.start)) == number
        assert log.loaded(partial(log.start_of_line, number)) == row.start
        assert log.loaded(partial(log.start_at, row.end - 1)) == row.start
    assert log.loaded(lambda: log.start_of_line(10**9)) == rows[-1].start
    assert log.index.lines(log.size) == (3000, True)


def test_an_empty_file_and_one_of_a_line_end(tmp_path: Path) -> None:
    assert forwards(opened(tmp_path / "empty", b"")) == []
    log = opened(tmp_path / "line", b"\n")
    assert forwards(log) == [Row(0, 1, b"\n")]
    counted(log)
    assert log.index.lines(log.size) == (1, True)


def test_a_line_without_end_is_shown_in_pieces_that_are_the_same_from_both_sides(tmp_path: Path) -> None:
    content = b"before\n" + b"y" * (5 * BLOCK) + b"\nafter\n"
    log = opened(tmp_path / "log", content)
    rows = forwards(log)
    assert b"".join(row.data for row in rows) == content
    assert max(len(row.data) for row in rows) <= 2 * BLOCK
    assert backwards(log) == [row.start for row in rows]
    counted(log)
    assert [log.loaded(partial(log.line_number, row.start)) for row in rows][-2:] == [2, 3]


def test_few_blocks_are_kept(tmp_path: Path) -> None:
    log = opened(tmp_path / "log", b"line\n" * (BLOCK * (KEPT + 20) // 5))
    for offset in range(0, log.size, BLOCK // 2):
        log.loaded(partial(log.start_at, offset))
    assert len(log._blocks) == KEPT


def test_growth_is_read_and_a_file_that_began_anew_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = opened(path, b"one\ntw")
    assert [row.data for row in forwards(log)] == [b"one\n", b"tw"]
    with path.open("ab") as file:
        file.write(b"o\nthree\n")
    assert log.take(log.look())
    assert [row.data for row in forwards(log)] == [b"one\n", b"two\n", b"three\n"]
    counted(log)
    assert log.index.lines(log.size) == (3, True)
    assert not log.take(log.look())
    path.write_bytes(b"new\n")
    assert log.replaced(log.look())
    again = LogFile(path)
    path.rename(tmp_path / "log.1")
    path.write_bytes(b"another, longer one\n")
    assert again.replaced(again.look())
    path.unlink()
    assert again.look().identity is None


def test_a_file_cut_while_it_is_read_is_said(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = opened(path, b"x\n" * BLOCK)
    os.truncate(path, 10)
    with pytest.raises(LogError, match="shorter"):
        log.read([1])


@pytest.mark.parametrize("name", ["missing", "."])
def test_what_is_no_file_is_said(tmp_path: Path, name: str) -> None:
    with pytest.raises(LogError):
        LogFile(tmp_path / name)


def test_a_search_finds_every_line_with_a_match_once_from_its_start_on(tmp_path: Path) -> None:
    lines = [b"Epoch %d loss" % i + (b" NaN NaN" if i % 1000 == 7 else b"") for i in range(40_000)]
    log = opened(tmp_path / "log", b"\n".join(lines) + b"\n")
    expected = [row.start for row in forwards(log) if b"NaN" in row.data]
    middle = expected[20] - 3
    search = Search(Pattern("nan"), log.start_at(middle))
    search.step(log.descriptor, log.size, budget_s=0)
    finished(search, log)
    assert search.count == len(expected) == 40
    assert [log.start_at(hit) for hit in (*search._before, *search._after)] == expected
    assert log.start_at(search.following(middle) or 0) == expected[20]
    assert log.start_at(search.preceding(expected[20]) or 0) == expected[19]
    assert search.ordinal(search.following(middle) or 0) == 21
    assert search.following(log.size) is None
    assert search.preceding(0) is None


def test_a_search_goes_on_in_what_is_written_later(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = opened(path, b"error one\nfine\nerr")
    search = finished(Search(Pattern("error"), 10), log)
    assert search.count == 1
    with path.open("ab") as file:
        file.write(b"or two\nerror three\n")
    log.take(log.look())
    search.grown()
    assert finished(search, log).count == 3
    assert list(search._after) == [15, 25]


def test_matches_in_a_line_longer_than_a_piece_are_found(tmp_path: Path) -> None:
    content = bytearray(b"z" * (1 << 20))
    places = [10, (1 << 18) - 3, 700_000, (1 << 20) - 6]
    for place in places:
        content[place : place + 6] = b"needle"
    log = opened(tmp_path / "log", bytes(content))
    search = finished(Search(Pattern("needle"), 0), log)
    assert list(search._after) == places


@pytest.mark.parametrize(
    ("text", "count"),
    [("error", 3), ("Error", 1), ("/^err", 1), ("/err.*[0-9]$", 2), ("/ERROR|Error", 2), ("a.c", 0), ("ä", 1)],
)
def test_patterns_are_texts_or_after_a_slash_regular_and_ignore_case_without_capitals(
    tmp_path: Path, text: str, count: int
) -> None:
    log = opened(tmp_path / "log", "error 1\nan Error 2\nthe ERROR of it\nabc\ngrün, blau, ä\n".encode())
    assert finished(Search(Pattern(text), 0), log).count == count


def test_a_wrong_regular_expression_is_said() -> None:
    with pytest.raises(InputError, match="no regular expression"):
        Pattern("/(")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"plain\r\n", "plain"),
        (b" 1%|\r 50%|##\r100%|####\n", "100%|####"),
        (b"\x1b[31mred\x1b[0m and \x1b[2K\x1b[1mbold\x1b[m", "red and bold"),
        (b"\x1b]0;title\x07shown\x1b]52;c;aGk=\x1b\\", "shown"),
        (b"\x1b[?1049h\x1bc\x1b(Bclean\x1bPq#0\x1b\\", "clean"),
        (b"bell\x07 null\x00 back\x08", "bell␇ null␀ back␈"),
        (b"a\tb", "a       b"),
        (b"bad \xff\xfe utf-8", "bad �� utf-8"),
        ("turned \u202e around \u0085".encode(), "turned � around �"),
        (b"\x1b", ""),
    ],
)
def test_a_row_is_what_a_terminal_would_leave_without_any_code(data: bytes, text: str) -> None:
    assert plain(cleaned(data)) == text


def test_nothing_random_gets_through() -> None:
    for seed in range(200):
        shown = plain(cleaned(random.Random(seed).randbytes(400)))
        assert all(c.isprintable() for c in shown)


def test_colours_of_the_program_become_roles() -> None:
    assert cleaned(b"\x1b[31mred\x1b[0m \x1b[38;5;9mother") == [("red", "failed"), (" ", "text"), ("other", "text")]


def test_matches_are_marked_across_colours() -> None:
    line = marked([("an err", "text"), ("or here", "failed")], Pattern("error"))
    assert line == [("an ", "text"), ("err", "match"), ("or", "match"), (" here", "failed")]


def test_long_lines_are_folded_and_shifted_by_columns() -> None:
    line = [("abcdef", "text"), ("日本語x", "dim")]
    pieces = folded(line, 4)
    assert "".join(map(plain, pieces)) == "abcdef日本語x"
    assert all(width_of(piece) <= 4 for piece in pieces)
    assert folded([], 4) == [[]]
    assert plain(shifted(line, 3)) == "def日本語x"
    assert plain(shifted(line, 8)) == "本語x"

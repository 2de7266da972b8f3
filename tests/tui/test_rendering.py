"""What is shown, as pure functions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from torc_core.models.console import JobDetail
from torc_tui.rendering import numbers
from torc_tui.rendering.cells import Line, between, fitted, plain, width_of, wrapped
from torc_tui.rendering.columns import Column, Look, cells, fit, header
from torc_tui.rendering.glyphs import STATUSES, Characters
from torc_tui.rendering.job_view import inspector_lines, preview_lines
from torc_tui.rendering.numbers import NOTHING
from torc_tui.rendering.palette import PALETTES, ROLES
from torc_tui.rendering.progress import bar, percent_done
from torc_tui.rendering.strips import changed_span
from torc_tui.rendering.tables import JOBS, WORKFLOWS

NOW = datetime(2026, 11, 24, 12, 5, 43)
LOOK = Look(Characters(), NOW)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, NOTHING), (0.0044, "4 ms"), (0.44, "0.44 s"), (0.999, "1.0 s"), (5.25, "5.2 s"), (41, "41 s"),
        (59.7, "1m00"), (242, "4m02"), (7500, "2h05"), (273_600, "3d04h"), (-1, "0 ms"),
    ],
)  # fmt: skip
def test_durations_have_two_units_at_most(seconds: float | None, text: str) -> None:
    assert numbers.duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, NOTHING), (-0.2, "0 s"), (0.4, "0 s"), (7.94, "7 s"), (59.9, "59 s"), (242.6, "4m03")]
)
def test_what_goes_on_is_said_in_whole_seconds(seconds: float | None, text: str) -> None:
    assert numbers.so_far(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(None, NOTHING), (0, "0 B"), (999, "999 B"), (1023, "1.0 kB"), (8.1 * 2**30, "8.1 GB"), (512 << 20, "512 MB"),
     (9.96 * 2**20, "10 MB")],
)  # fmt: skip
def test_sizes_have_three_digits_at_most(size: float | None, text: str) -> None:
    assert numbers.size(size) == text


def test_times_show_what_tells_them_apart() -> None:
    def at(*then: Any) -> str:
        return numbers.clock(datetime(*then).timestamp() * 1000, NOW)

    assert at(2026, 11, 24, 1, 2, 3) == "01:02:03"
    assert at(2026, 3, 4, 1, 2, 3) == "Mar 04 01:02"
    assert at(2025, 3, 4, 1, 2, 3) == "2025-03-04"
    assert numbers.clock(None, NOW) == NOTHING


@pytest.mark.parametrize(
    ("pace", "text"), [(0, NOTHING), (41.2, "41/s"), (0.2, "12/min"), (0.001, "4/h"), (1e-6, "<1/h")]
)
def test_rates_read_in_the_unit_that_fits(pace: float, text: str) -> None:
    assert numbers.rate(pace) == text


def test_a_line_is_cut_or_padded_to_its_width_whatever_its_characters() -> None:
    line: Line = [("abc", "x"), ("日本語", "y")]
    for width in range(1, 15):
        assert width_of(fitted(line, width)) == width
    assert plain(fitted(line, 6)) == "abc日…"
    assert plain(fitted([("7", "")], 3, right=True)) == "  7"


def test_the_right_end_of_a_line_gives_way_first() -> None:
    assert plain(between([("left", "")], [("right", "")], 12)) == "left   right"
    assert plain(between([("a" * 20, "")], [("right", "")], 20)) == "a" * 20


def test_wrapping_breaks_at_blanks_and_makes_control_codes_plain() -> None:
    assert wrapped("one two three", 8) == ["one two", "three"]
    assert wrapped("a\x1b[31mb\tc", 80) == ["a [31mb c"]
    assert "".join(wrapped("x" * 25, 10)) == "x" * 25


def test_a_bar_shows_every_part_that_exists_and_is_full_only_when_all_has_ended() -> None:
    counts = {"completed": 9_997, "failed": 1, "running": 1, "ready": 1}
    line = bar(counts, 20)
    assert width_of(line) == 20
    assert [role for _, role in line] == ["completed", "failed", "running", "faint"]
    assert plain(bar({"completed": 5}, 20)) == "█" * 20
    assert plain(bar({}, 5)) == "░░░░░"
    assert percent_done({"completed": 1, "failed": 1, "ready": 1, "disabled": 1}) == 50
    assert percent_done({"completed": 29, "ready": 71}) == 29
    assert percent_done({"completed": 9_999, "ready": 1}) == 99


def test_columns_of_least_weight_leave_a_narrow_screen_and_names_and_states_stay() -> None:
    for columns in (JOBS, WORKFLOWS):
        for width in (30, 56, 76, 116, 200):
            placed = fit(columns, width)
            names = [column.name for column, _ in placed]
            assert {"name", "status", "state"} & {*names} >= {"name"}
            assert sum(w for _, w in placed) + 2 * (len(placed) - 1) <= width
    assert [column.name for column, _ in fit(JOBS, 36)] == ["name", "status"]


def test_how_far_a_workflow_is_stays_on_a_narrow_screen_as_a_percentage() -> None:
    row = {"id": 7, "name": "flow", "state": "running", "counts": {"completed": 3, "ready": 1}, "total": 4}
    assert "75 %" in plain(cells(fit(WORKFLOWS, 76), row, LOOK))
    assert "█" not in plain(cells(fit(WORKFLOWS, 76), row, LOOK))
    wide = plain(cells(fit(WORKFLOWS, 136), row, LOOK))
    assert wide.count("75 %") == 1
    assert "█░" in wide


@pytest.mark.parametrize("width", [76, 100, 138])
def test_what_a_running_job_uses_is_shown_at_any_width_once(width: int) -> None:
    placed = fit(JOBS, width)
    row = {"id": 1, "name": "job", "status": "running", "mem": 3 << 30, "cpu": 102.0, "asked": 8 << 30}
    assert plain(cells(placed, row, LOOK)).count("3.0 / 8.0 GB") == 1
    failed = plain(cells(placed, {**row, "status": "failed", "cause": "out of memory"}, LOOK))
    assert "out of memory" in failed
    if width == 76:
        assert "102 %" in plain(cells(placed, row, LOOK))


def test_rows_and_titles_are_as_wide_as_their_columns() -> None:
    row = {"id": 4711, "name": "train_0042" * 8, "status": "failed", "exit": 137, "mem": 2**33, "asked": 2**33,
           "said": "no such file"}  # fmt: skip
    for width in (40, 76, 136):
        placed = fit(JOBS, width)
        expected = sum(w for _, w in placed) + 2 * (len(placed) - 1)
        assert width_of(cells(placed, row, LOOK)) == expected
        assert width_of(header(placed, "-status", Characters())) == expected


def test_the_column_that_is_sorted_by_has_an_arrow() -> None:
    placed = fit([Column("name", "NAME", 8, lambda _row, _look: [("", "")])], 20)
    assert "NAME ↓" in plain(header(placed, "-name", Characters()))


@pytest.mark.parametrize("characters", [Characters(), Characters(ascii=True)])
def test_every_status_differs_without_colour(characters: Characters) -> None:
    shown = {plain(characters.glyph(label)) for label in STATUSES if label != "empty"}
    assert len(shown) == len(STATUSES) - 1
    if characters.ascii:
        assert all(text.isascii() for text in shown)
        assert characters.text("▌███▓▓░░… ").isascii()


def test_only_what_changed_of_a_line_is_drawn_again() -> None:
    old: Line = [("job_1 ", "strong"), ("ready", "text"), ("   7", "")]
    assert changed_span(old, [("job_1 ", "strong"), ("ready", "text"), ("   8", "")]) == (14, 15)
    assert changed_span(old, [("job_1 ", "strong"), ("ready", "failed"), ("   7", "")]) == (6, 11)
    assert changed_span(old, list(old)) is None
    assert changed_span([], [("ab", "")]) == (0, 2)


def test_every_palette_has_every_role_and_readable_contrast() -> None:
    for palette in PALETTES.values():
        assert {*ROLES} <= {*palette.colours}
        if palette.background == "default":
            continue
        for role in ROLES:
            if role == "faint":  # lines and empty parts, nothing to read
                continue
            for styles in (palette.styles, palette.cursor_styles, palette.quiet_styles):
                style = styles[role]
                assert style.color is not None
                assert style.bgcolor is not None
                assert _contrast(style.color.get_truecolor(), style.bgcolor.get_truecolor()) >= 4.5, (
                    palette.name,
                    role,
                )


def _contrast(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    def luminance(colour: tuple[int, int, int]) -> float:
        parts = [c / 255 / 12.92 if c / 255 <= 0.03928 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def detail() -> JobDetail:
    return JobDetail(
        job={"id": 5, "name": "train_5", "workflow_id": 1, "command": "python train.py --seed 5", "status": "failed",
             "attempt_id": 2, "env": {"A": "1"}},
        workflow_name="sweep",
        run_id=1,
        requirements={"id": 1, "name": "big", "cpus": 4, "memory": 8 << 30, "gpus": 1, "nodes": 1, "runtime": 3600,
                      "built_in": False},
        why="failed at 12:00 with exit code 137",
        attempts=[
            {"id": 2, "run": 1, "attempt": 2, "status": "failed", "exit": 137, "time": 242.0, "mem": 9 << 30,
             "stderr": "Traceback\n  File x\nMemoryError\n", "node": "n17", "end": 1000},
            {"id": 1, "run": 1, "attempt": 1, "status": "failed", "exit": 1, "time": 2.0, "end": 900},
        ],
        needs=[(1, "prep_5", "completed")],
        needs_total=1,
        unlocks=[(9, "eval_5", "canceled")],
        unlocks_total=140,
        inputs=[{"id": 2, "name": "words", "path": "in/words.csv", "size": 3 << 20,
                 "modified": NOW.replace(hour=4, minute=5, second=6).timestamp()}],
        outputs=[{"id": 1, "name": "model", "path": "out/model.bin"}],
    )  # fmt: skip


def test_the_preview_says_why_and_shows_the_end_of_stderr() -> None:
    text = "\n".join(plain(line) for line in preview_lines(detail(), 120, 4, LOOK))
    assert "train_5  attempt 2   python train.py --seed 5" in text
    assert "killed by SIGKILL (137)" in text
    assert "MemoryError" in text
    assert "Traceback" not in text


@pytest.mark.parametrize("width", [58, 78, 138])
def test_the_inspector_shows_all_about_a_job_at_any_width(width: int) -> None:
    lines = inspector_lines(detail(), width, LOOK)
    text = "\n".join(plain(line) for line in lines)
    for expected in ("killed by SIGKILL (137)", "n17", "prep_5", "eval_5", "and 139 more", "9.0 GB", "8.0 GB", "A=1",
                     "in/words.csv", "3.0 MB", "04:05:06", "out/model.bin", "not there yet", "MemoryError",
                     "4m02"):  # fmt: skip
        assert expected in text
    if width >= 100:
        assert all(width_of(line) <= width for line in lines)


def test_on_a_narrow_screen_stderr_comes_before_the_facts() -> None:
    lines = [plain(line) for line in inspector_lines(detail(), 78, LOOK)]
    assert next(i for i, line in enumerate(lines) if "MemoryError" in line) < lines.index(" WHEN AND WHERE")

"""What jobs use: in rows, in the inspector, and as a plot."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tests.real import start_runner
from tests.server_process import ServerProcess
from tests.tui.driver import Driver, Runner, Workshop, drive
from torc_core.models.exchange import Sample
from torc_core.runner.log import Log
from torc_core.runner.series import Series
from torc_tui.rendering import scales
from torc_tui.rendering.cells import plain, width_of
from torc_tui.rendering.glyphs import Characters
from torc_tui.rendering.plot import Curve, plot
from torc_tui.rendering.sparkline import sparkline
from torc_tui.screens.plot import PlotScreen

MB = 1 << 20


@pytest.fixture
def running(workshop: Workshop) -> Iterator[tuple[Runner, dict[str, int], int]]:
    """A runner with a job that began a minute ago and used up to 60 MB, and the workflow's id."""
    workflow_id, _ = workshop.workflow("uses", {"name": "eater"}, {"name": "later", "after": 0})
    runner = workshop.runner(workflow_id)
    (job,) = runner.claim()
    start = int(time.time() * 1000) - 60_000
    for i in range(60):
        runner.use(job, cpu_percent=50.0 + i % 2, memory_bytes=(i + 1) * MB, at_ms=start + i * 1000)
    yield runner, job, workflow_id
    runner.leave()


def test_a_running_job_shows_what_it_uses_now(
    tui_server: ServerProcess, running: tuple[Runner, dict[str, int], int]
) -> None:
    runner, job, workflow_id = running

    async def script(d: Driver) -> None:
        assert "51 %" in d.line("eater")
        assert "60 MB" in d.line("eater")
        assert "▁▁▁▂▂▃▃▃▃▄▄▅" in d.text
        await asyncio.to_thread(runner.use, job, cpu_percent=99.0, memory_bytes=77 * MB)
        d.screen.ticked()
        await d.until(lambda: "99 %" in d.line("eater"))
        assert "77 MB" in d.line("eater")
        await d.press("enter")
        await d.sees("RESOURCES")
        assert d.line("asked").split()[-2:] == ["now", "peak"]
        assert "77 MB     77 MB" in d.line("memory")
        await asyncio.to_thread(runner.use, job, cpu_percent=98.0, memory_bytes=66 * MB)
        d.screen.ticked()
        await d.until(lambda: "98 %" in d.line("cpu"))
        await asyncio.to_thread(runner.finish, job, peak_cpu_percent=97.0)
        await d.until(lambda: "123 MB" in d.line("memory"))
        assert "average" in d.line("asked")

    drive(tui_server.url, script, view=f"jobs {workflow_id}")


def test_nothing_is_asked_while_nothing_runs(tui_server: ServerProcess, workshop: Workshop) -> None:
    workflow_id, _ = workshop.workflow("ended", {"name": "only"})
    workshop.end(workflow_id)

    async def script(d: Driver) -> None:
        asked = d.asked()
        for keys in ((), ("enter",), ("p",)):
            await d.press(*keys)
            asked.clear()
            d.screen.ticked()
            await d.settle()
            assert asked == []

    drive(tui_server.url, script, view=f"jobs {workflow_id}")


def test_a_plot_follows_a_job_and_its_cursor_reads_values(
    tui_server: ServerProcess, running: tuple[Runner, dict[str, int], int]
) -> None:
    runner, job, workflow_id = running

    async def script(d: Driver) -> None:
        await d.press("p")
        assert isinstance(d.screen, PlotScreen)
        assert "peak 60 MB" in d.text
        assert "now" in d.line(" peak ")
        assert d.line(" peak ").endswith("60 MB")
        assert "50 MB┤" in d.text
        assert "⠤" in d.text
        await asyncio.to_thread(runner.use, job, cpu_percent=10.0, memory_bytes=70 * MB)
        d.screen.ticked()
        await d.sees("peak 70 MB")
        await d.press("left", "left")
        assert "at " in d.line(" peak ")
        assert d.line(" peak ").endswith("59 MB")
        assert "┊" in d.text
        await d.press("home")
        assert d.line(" peak ").endswith(" 1.0 MB")
        await d.press("tab")
        assert d.line(" peak ").endswith("50 %")
        await d.press("right")
        assert d.line(" peak ").endswith("51 %")
        await d.press("escape")
        assert d.line(" peak ").endswith("10 %")
        assert "┊" not in d.text
        await d.press("escape")
        assert not isinstance(d.screen, PlotScreen)

    drive(tui_server.url, script, view=f"jobs {workflow_id}")


@pytest.mark.parametrize("size", [(140, 40), (80, 24), (60, 15), (42, 10)])
def test_a_plot_fits_any_terminal(
    tui_server: ServerProcess, running: tuple[Runner, dict[str, int], int], size: tuple[int, int]
) -> None:
    _, job, _ = running

    async def script(d: Driver) -> None:
        for key in ("left", "tab", "end", "shift+left", "tab"):
            await d.press(key)
        assert all(len(line) <= size[0] for line in d.text.splitlines())
        assert "┤" in d.text

    drive(tui_server.url, script, view=f"plot {job['job_id']}", size=size)


def test_without_a_curve_the_plot_says_why_and_what_to_do(tui_server: ServerProcess, workshop: Workshop) -> None:
    on, (ended, blocked) = workshop.workflow("no_curve", {"name": "quick"}, {"name": "next", "after": 0})
    runner = workshop.runner(on)
    (job,) = runner.claim()

    async def script(d: Driver) -> None:
        await d.sees("the first one comes after a job's first second")
        await asyncio.to_thread(runner.finish, job, 3, cause="broken")
        await d.sees("peak memory 123 MB")
        await d.go(f"plot {blocked}")
        await d.sees("It has not run yet")
        _, (unmeasured,) = await asyncio.to_thread(
            workshop.workflow, "off", {"name": "dark"}, resource_monitor_config='{"enabled": false}'
        )
        await d.go(f"plot {unmeasured}")
        await d.sees("resource_monitor:")

    drive(tui_server.url, script, view=f"plot {ended}")
    runner.leave()


def test_a_plot_of_what_is_no_job_says_so(tui_server: ServerProcess) -> None:
    async def script(d: Driver) -> None:
        await d.go("plot eater")
        assert "give the id of a job" in d.said
        await d.go("plot 7 speed")
        assert "memory, cpu, node memory, node cpu or timeline" in d.said

    drive(tui_server.url, script)


@pytest.mark.parametrize("ascii_only", [False, True])
@pytest.mark.parametrize("values", [[0.0], [5.0] * 3, [float(i % 90) for i in range(720)]])
def test_a_plot_has_the_size_that_was_asked_for(values: list[float], ascii_only: bool) -> None:
    times = [1_700_000_000.0 + 5 * i for i in range(len(values))]
    for width, height in ((30, 6), (78, 20), (138, 36)):
        lines = plot(Curve(times, values, 100.0), scales.percents, width, height, Characters(ascii_only), cursor=0)
        assert len(lines) == height
        assert {width_of(line) for line in lines} == {width}
        if ascii_only:
            assert all(Characters(True).text(plain(line)).isascii() for line in lines)
            assert any("*" in plain(line) for line in lines)


def test_the_limit_is_drawn_unless_it_would_flatten_the_curve() -> None:
    times = [1_700_000_000.0, 1_700_000_060.0]

    def roles(limit: float | None) -> set[str]:
        lines = plot(Curve(times, [10.0, 50.0], limit), scales.percents, 80, 20, Characters())
        return {role for line in lines for text, role in line if text.strip()}

    assert "failed" in roles(100)
    assert "failed" not in roles(5_000)
    assert "failed" not in roles(None)


@pytest.mark.parametrize("length", [1, 10, 59, 61, 600, 3_600, 86_400, 30 * 86_400])
def test_times_of_an_axis_are_round_and_few(length: int) -> None:
    first = 1_700_000_123.4
    marks = scales.times(first, first + length, 8)
    assert len(marks) <= 9
    assert all(first <= at <= first + length for at, _ in marks)
    if length >= 3_600:
        assert marks
        assert all(datetime.fromtimestamp(at).second == 0 for at, _ in marks)


@pytest.mark.parametrize("top", [1.0, 7.0, 999.0, 1024.0, 5e6, 8.1 * 2**30, 3e15])
def test_sizes_of_an_axis_are_round_and_few(top: float) -> None:
    marks = scales.sizes(top, 6)
    assert 2 <= len(marks) <= 7
    assert marks[0][0] == 0
    assert marks[-1][0] <= top
    assert len({label.split()[1] for _, label in marks}) == 1
    assert len({label for _, label in marks}) == len(marks)


def test_a_sparkline_is_nothing_flat_or_as_high_as_its_values() -> None:
    assert sparkline([5]) == ""
    assert sparkline([0, 0, 0]) == "▁▁▁"
    assert sparkline([0, 1, 2, 4, 8]) == "▁▂▃▅█"


def test_a_curve_that_the_server_does_not_know_is_read_from_the_file_beside_the_output(
    tui_server: ServerProcess, workshop: Workshop, tmp_path: Path
) -> None:
    workflow_id, (job_id,) = workshop.workflow("kept", {"name": "kept"})
    output = tmp_path / "out"
    log = Log("info")
    runner = workshop.runner(workflow_id, scheduler={"output_dir": str(output)})
    (job,) = runner.claim()
    start = int(time.time() * 1000) - 60_000
    series = Series(output, "n17", workflow_id, log)
    for i in range(60):
        series.add(job["run_id"], [(Sample(job_id, 1, 50.0, (i + 1) * MB, 1, start + 1000 * i), "kept")])
    runner.finish(job, start_ms=start, end_ms=start + 60_000)
    runner.leave()

    async def script(d: Driver) -> None:
        await d.sees("peak 60 MB")
        await d.press("home")
        assert d.line(" peak ").endswith(" 1.0 MB")

    drive(tui_server.url, script, view=f"plot {job_id}")


def test_earlier_attempts_can_be_looked_at(tui_server: ServerProcess, workshop: Workshop) -> None:
    workflow_id, (job_id,) = workshop.workflow("twice", {"name": "twice"})
    runner = workshop.runner(workflow_id)
    start = int(time.time() * 1000) - 10_000
    for attempt, code in ((1, 3), (2, 0)):
        (job,) = runner.claim()
        for i in range(3):
            runner.use(job, cpu_percent=10.0, memory_bytes=(10 * attempt + i) * MB, at_ms=start + 1000 * i)
        if code:
            runner.finish(job, code)
            workshop.http.post("/console/retry", json={"ids": [job_id]}).raise_for_status()

    async def script(d: Driver) -> None:
        assert "peak 22 MB" in d.text
        assert "now" in d.line(" peak ")
        await d.press("[")
        await d.sees("attempt 1 of 2")
        await d.sees("peak 12 MB")
        assert "last" in d.line(" peak ")
        await d.press("[")
        assert "there is no earlier attempt" in d.said
        await d.press("]")
        await d.sees("peak 22 MB")
        assert "now" in d.line(" peak ")

    drive(tui_server.url, script, view=f"plot {job_id}")
    runner.leave()


def test_a_real_job_is_seen_at_work_from_its_second_second_on(
    tui_server: ServerProcess, workshop: Workshop, tmp_path: Path
) -> None:
    eater = "exec python3 -c 'x = bytearray(100_000_000); import time; time.sleep(1000)'"
    workflow_id, (job_id,) = workshop.workflow("at_work", {"name": "hungry", "command": eater})
    runner = start_runner(tui_server, workflow_id, tmp_path)

    async def script(d: Driver) -> None:
        def shows(text: str) -> bool:
            d.screen.ticked()
            return text in d.line("hungry")

        await d.until(lambda: shows(" MB"), 20)
        used = d.line("hungry").split(" MB")[0].split()[-1]
        assert 95 <= int(used) < 200
        await d.press("p")
        await d.sees("now")
        (await asyncio.to_thread(workshop.http.put, f"/workflows/{workflow_id}/cancel")).raise_for_status()
        await d.until(lambda: "last" in d.line(" peak "), 20)
        assert f"({job_id})" in d.text

    try:
        drive(tui_server.url, script, view=f"jobs {workflow_id}")
    finally:
        runner.terminate()
        runner.communicate(timeout=20)

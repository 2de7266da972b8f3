"""Plots of runners, and when jobs ran: bars over time, in the console."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.server_process import ServerProcess
from tests.tui.driver import Driver, Workshop, drive
from torc_core.models.console import NodeLoad, Timeline
from torc_tui.graphs import timeline
from torc_tui.rendering.cells import Line, plain, width_of
from torc_tui.rendering.glyphs import Characters
from torc_tui.rendering.timeline import Looked, gutter, layout, timeline_lines
from torc_tui.screens.job import JobScreen
from torc_tui.screens.plot import PlotScreen

MB = 1 << 20


def ran(shop: Workshop, name: str, hosts: tuple[str, ...] = ("n17",)) -> int:
    """A workflow whose 40 jobs ran ten seconds each, one after the other, in turn on these hosts."""
    workflow_id, _ = shop.many(name, 40)
    runners = [shop.runner(workflow_id, host) for host in hosts]
    began = int(time.time() * 1000) - 400_000
    for number in range(40):
        runner = runners[number % len(runners)]
        (job,) = runner.claim(1)
        runner.finish(job, start_ms=began + 10_000 * number, end_ms=began + 10_000 * (number + 1))
    for runner in runners:
        runner.leave()
    return workflow_id


def test_bars_show_when_jobs_ran_and_lead_to_them(tui_server: ServerProcess, workshop: Workshop) -> None:
    workflow_id = ran(workshop, "in_turn")

    async def script(d: Driver) -> None:
        await d.press("t")
        assert isinstance(d.screen, PlotScreen)
        await d.sees("of 40, by start")
        first, last = d.line("job_00001").index("━"), d.line("job_00009").index("━")
        assert first < last
        assert "in_turn" in d.text
        await d.press("down", "down", "home")
        assert "1 running" in d.text
        await d.press("enter")
        assert isinstance(d.screen, JobScreen)
        assert "job_00002" in d.text.splitlines()[0]
        await d.press("escape")
        assert "1 running" in d.text

    drive(tui_server.url, script, view=f"jobs {workflow_id}")


@pytest.mark.parametrize("size", [(140, 40), (80, 24)])
def test_a_bar_is_seen_wherever_its_job_ran(
    tui_server: ServerProcess, workshop: Workshop, size: tuple[int, int]
) -> None:
    workflow_id = ran(workshop, f"seen_{size[0]}")

    async def script(d: Driver) -> None:
        await d.press(*["pagedown"] * 4)
        await d.sees("▌✔ job_00039")
        rows = [line for line in d.text.splitlines() if "✔ job_000" in line][-10:]
        assert all("━" in line and "10 s" in line for line in rows)
        assert rows[-1].rstrip().endswith("━")
        assert rows[-2].index("━") < rows[-1].index("━")

    drive(tui_server.url, script, view=f"timeline {workflow_id}", size=size)


def test_zooming_shows_a_part_of_the_time_and_escape_all_of_it(tui_server: ServerProcess, workshop: Workshop) -> None:
    workflow_id = ran(workshop, "zoomed")

    async def script(d: Driver) -> None:
        await d.press("pagedown", "pagedown", "+", "+", "+")
        await d.until(lambda: "only " in d.text)
        shown = int(d.line("by start").split(" of ")[1].split(",")[0])
        assert 3 <= shown <= 10
        await d.press("escape")
        await d.sees("of 40, by start")
        await d.press("escape")
        assert not isinstance(d.screen, PlotScreen)

    drive(tui_server.url, script, view=f"timeline {workflow_id}")


def test_runners_are_looked_at_one_by_one(tui_server: ServerProcess, workshop: Workshop) -> None:
    workflow_id = ran(workshop, "spread", ("n17", "n18"))

    async def script(d: Driver) -> None:
        await d.sees("all runners")
        assert "n17" in d.text
        assert "n18" in d.text
        await d.press("]")
        await d.sees("of 20, by start")
        await d.press("]", "]")
        assert "there is no runner after" in d.said
        await d.press("[", "[")
        await d.sees("of 40, by start")

    drive(tui_server.url, script, view=f"timeline {workflow_id}")


def test_a_runner_shows_what_its_jobs_use_together(tui_server: ServerProcess, workshop: Workshop) -> None:
    workflow_id, _ = workshop.workflow("together", {"name": "one"}, {"name": "two"})
    runner = workshop.runner(workflow_id)
    jobs = runner.claim(2)
    start = int(time.time() * 1000) - 20_000
    for second in range(20):
        at = start + 1000 * second
        runner.use_all([(job, 50.0, (second + 1) * MB) for job in jobs], at_ms=at)

    async def script(d: Driver) -> None:
        await d.press("p")
        assert isinstance(d.screen, PlotScreen)
        await d.sees("peak 40 MB")
        await d.press("tab")
        assert d.line(" peak ").endswith("100 %")
        await d.press("tab")
        await d.sees("by start")
        await asyncio.to_thread(runner.leave)

    drive(tui_server.url, script, view=f"nodes {workflow_id}")


@pytest.mark.parametrize("size", [(140, 40), (80, 24), (60, 15), (42, 10)])
def test_a_timeline_obeys_keys_in_any_terminal(
    tui_server: ServerProcess, workshop: Workshop, size: tuple[int, int]
) -> None:
    workflow_id = ran(workshop, "fits", ("n17", "n18", "n19"))

    async def script(d: Driver) -> None:
        for key in ("down", "+", "left", "]", "tab", "end", "tab", "tab"):
            await d.press(key)
            assert not d.app.defects
            assert isinstance(d.screen, PlotScreen)
        assert "✔ job_0" in d.text

    drive(tui_server.url, script, view=f"timeline {workflow_id}", size=size)


def test_a_workflow_that_has_not_run_says_what_to_do(tui_server: ServerProcess, workshop: Workshop) -> None:
    workflow_id, _ = workshop.workflow("not_yet", {"name": "waits"})

    async def script(d: Driver) -> None:
        await d.sees("Nothing has run yet")
        assert "'r' runs it" in d.text

    drive(tui_server.url, script, view=f"timeline {workflow_id}")


def test_a_job_that_starts_appears_by_itself_and_its_bar_changes_when_it_ends(
    tui_server: ServerProcess, workshop: Workshop
) -> None:
    workflow_id, _ = workshop.workflow("live", {"name": "first"}, {"name": "second", "after": 0})
    runner = workshop.runner(workflow_id)

    async def script(d: Driver) -> None:
        await d.sees("Nothing has run yet")
        (job,) = await asyncio.to_thread(runner.claim)
        await d.until(lambda: "● first" in d.text)
        assert "NOW" in d.text
        await asyncio.to_thread(runner.finish, job)
        await d.until(lambda: "✔ first" in d.text)
        await asyncio.to_thread(runner.claim)
        await d.until(lambda: "● second" in d.text)

    drive(tui_server.url, script, view=f"timeline {workflow_id}")
    runner.leave()


def test_of_very_many_jobs_it_is_asked_at_intervals_only(
    tui_server: ServerProcess, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeline, "MANY_ATTEMPTS", 3)
    workflow_id, _ = workshop.many("crowd", 8)
    runner = workshop.runner(workflow_id)
    for job in runner.claim(4):
        runner.finish(job)

    async def script(d: Driver) -> None:
        (job,) = await asyncio.to_thread(runner.claim, 1)
        await d.settle()
        assert "● job_00004" not in d.text
        d.screen.ticked()
        await d.until(lambda: "● job_00004" in d.text)
        await asyncio.to_thread(runner.finish, job)

    drive(tui_server.url, script, view=f"timeline {workflow_id}")
    runner.leave()


def test_all_bars_can_be_reached(tui_server: ServerProcess, workshop: Workshop) -> None:
    workflow_id, _ = workshop.many("long", 350)
    runner = workshop.runner(workflow_id)
    while jobs := runner.claim():
        runner.finish_all(jobs)
    runner.leave()

    async def script(d: Driver) -> None:
        await d.press(*["pagedown"] * 20)
        await d.sees("▌✔ job_00349")
        await d.press(*["pageup"] * 20)
        await d.sees("▌✔ job_00000")

    drive(tui_server.url, script, view=f"timeline {workflow_id}")


def test_from_a_job_its_own_bar_is_under_the_cursor(tui_server: ServerProcess, workshop: Workshop) -> None:
    workflow_id = ran(workshop, "own")
    (row,) = workshop.http.get(f"/console/workflows/{workflow_id}/jobs?filter=job_00033").json()["items"]

    async def script(d: Driver) -> None:
        await d.press("t")
        await d.sees("▌✔ job_00033")
        await d.press("tab")
        await d.sees("peak memory")

    drive(tui_server.url, script, view=f"job {row['id']}")


def test_the_cursor_moves_on_beyond_the_part_that_is_shown(tui_server: ServerProcess, workshop: Workshop) -> None:
    workflow_id = ran(workshop, "pan")

    async def script(d: Driver) -> None:
        await d.press("home", "+", "+")
        assert "job_00000" in d.text
        assert "job_00013" not in d.text
        for _ in range(12):
            await d.press("shift+right")
        await d.sees("job_00013")
        assert "job_00000" not in d.text
        assert "at " in d.line(" running")
        await d.press("-", "-")
        await d.sees("of 40, by start")

    drive(tui_server.url, script, view=f"timeline {workflow_id}")


def test_an_address_of_a_plot_that_cannot_be_says_what_can(tui_server: ServerProcess) -> None:
    async def script(d: Driver) -> None:
        await d.go("plot node n17")
        assert "':plot node 3'" in d.said
        await d.go("timeline nowhere")
        assert "no workflow is called" in d.said

    drive(tui_server.url, script)


BEGAN = 1_700_000_000_000


def drawn(
    height: int,
    looked: Looked,
    *,
    characters: Characters | None = None,
    width: int = 80,
    hosts: tuple[str, str] = ("a1", "b2"),
) -> list[Line]:
    """Two runners, of which the second idles in the second half, and 30 jobs of a second each."""
    parts = width - gutter(width)
    half = [1.0] * (parts // 2) + [0.0] * (parts - parts // 2)
    loads = [
        NodeLoad(id=1, host=hosts[0], jobs=20, running=[4.0] * parts),
        NodeLoad(id=2, host=hosts[1], jobs=10, running=half),
    ]
    together = [a + b for a, b in zip(loads[0].running, half, strict=True)]
    bars = [
        {"id": n, "name": f"job_{n}", "attempt": 1 + n % 2, "status": "completed", "node": 1,
         "start": BEGAN + 1000 * n, "end": BEGAN + 1000 * (n + 1)}
        for n in range(30)
    ]  # fmt: skip
    told = Timeline(
        workflow_id=1, name="flow", run=1, from_ms=BEGAN, step_ms=500, now_ms=BEGAN + 10**6, attempts=30,
        is_running=False, nodes=loads, nodes_total=2, all=NodeLoad(id=0, host="", jobs=30, running=together), bars=bars,
        total=30,
    )  # fmt: skip
    return timeline_lines(told, looked, width, height, characters or Characters())


@pytest.mark.parametrize("ascii_only", [False, True])
@pytest.mark.parametrize(("width", "height"), [(40, 5), (58, 10), (78, 18), (138, 34)])
def test_a_timeline_has_at_most_the_size_that_was_asked_for(width: int, height: int, ascii_only: bool) -> None:
    lines = drawn(height, Looked(2, cursor=3, row=1), characters=Characters(ascii_only), width=width)
    assert len(lines) <= height
    assert max(map(width_of, lines)) <= width
    if ascii_only:
        assert all(Characters(True).text(plain(line)).isascii() for line in lines)


def test_beside_a_runner_is_its_peak_or_its_load_at_the_cursor() -> None:
    def beside(host: str, looked: Looked) -> str:
        return next(plain(line) for line in drawn(20, looked) if f"{host} (" in plain(line))[: gutter(80)].split()[-1]

    assert (beside("a1", Looked()), beside("b2", Looked())) == ("4", "1")
    assert (beside("a1", Looked(cursor=60)), beside("b2", Looked(cursor=60))) == ("4", "0")


@pytest.mark.parametrize("width", [58, 78, 138])
def test_two_runners_on_one_host_are_told_apart_at_any_width(width: int) -> None:
    host = "compute-node-0001.cluster"
    lines = [plain(line)[: gutter(width)] for line in drawn(20, Looked(2), width=width, hosts=(host, host))]
    runners = [line.split()[1] for line in lines if "comp" in line]
    assert runners == ["(2)", "(1)", "(2)"]


def test_a_bar_lies_where_its_job_ran_and_says_how_long() -> None:
    line = next(plain(line) for line in drawn(20, Looked()) if "job_3 " in plain(line))
    left = gutter(80)
    assert line.rstrip() == f"{line[:left]}{' ' * 6}━━━ 1.0 s a1 (1)"
    assert "#2" in line[:left]


def test_the_bars_have_most_of_the_lines_and_each_runner_one_where_there_is_room() -> None:
    for height, nodes in ((5, 3), (10, 3), (18, 3), (34, 3), (34, 60)):
        share = layout(height, nodes)
        assert share.load + share.nodes + share.bars + 2 <= height
        assert share.bars >= share.nodes
    assert layout(34, 3).nodes == 3
    assert layout(34, 1).nodes == 0

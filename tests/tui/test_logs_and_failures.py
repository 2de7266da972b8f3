"""Logs and failures by keys, against a real server."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server_process import ServerProcess
from tests.tui.driver import Driver, Workshop, drive
from tests.tui.logged_jobs import HOST, ran, ran_twice, write
from torc_core.client import failures
from torc_tui.screens.failures import FailuresScreen
from torc_tui.screens.job import JobScreen
from torc_tui.screens.log import LogScreen


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server whose failures are those of this module alone."""
    with ServerProcess(tmp_path_factory.mktemp("failing")) as server:
        yield server


@pytest.fixture
def shop(other: ServerProcess) -> Iterator[Workshop]:
    with other.client() as http:
        made = Workshop(http)
        yield made
        for workflow in http.get("/workflows").json()["items"]:
            http.delete(f"/workflows/{workflow['id']}")


def test_from_the_start_to_the_stderr_of_a_failed_job_in_two_keys(
    other: ServerProcess, shop: Workshop, tmp_path: Path
) -> None:
    _, jobs = ran(shop, tmp_path, "train_1")
    write(tmp_path, jobs["train_1"], "e", "loading\nValueError: no such layer\n")
    write(tmp_path, jobs["train_1"], "o", "what it printed\n")

    async def script(d: Driver) -> None:
        await d.press("!", "l")
        assert isinstance(d.screen, LogScreen)
        assert "ValueError: no such layer" in d.text
        assert "train_1.e  attempt 1  34 B  line 2 of 2" in d.text
        await d.press("o")
        assert "what it printed" in d.text
        await d.press("b")
        assert "what it printed" in d.text
        assert "ValueError" in d.text
        await d.press("escape")
        assert isinstance(d.screen, FailuresScreen)

    drive(other.url, script)


def test_the_file_of_a_log_is_shown_where_there_is_room_and_copied(
    other: ServerProcess, shop: Workshop, tmp_path: Path
) -> None:
    _, jobs = ran(shop, tmp_path, "placed")
    path = write(tmp_path, jobs["placed"], "e", "text\n")

    async def script(d: Driver) -> None:
        assert d.line("placed.e  attempt 1").endswith(f"{path}  stderr")
        await d.pilot.resize_terminal(100, 30)
        await d.until(lambda: d.line("placed.e  attempt 1").endswith(f"  {path.name}  stderr"))
        await d.press("y")
        await d.type("path")
        await d.press("enter")
        assert d.said.startswith(f"✔ copied path: {str(path)[:50]}")

    drive(other.url, script, view=f"log {jobs['placed']['job_id']} err", size=(240, 40))


def test_a_running_job_is_followed_until_one_goes_up(other: ServerProcess, shop: Workshop, tmp_path: Path) -> None:
    workflow_id, jobs = ran(shop, tmp_path, "steps", code=0)
    job = jobs["steps"]

    async def script(d: Driver) -> None:
        await d.press("l")
        assert "Nothing is written yet" in d.text
        path = write(tmp_path, job, "o", "".join(f"step {i}\n" for i in range(200)))
        await d.sees("step 199")
        assert "FOLLOW" in d.text
        write(tmp_path, job, "o", "step 200\n")
        await d.sees("step 200")
        await d.press("up")
        assert "FOLLOW" not in d.text
        await d.press("G")
        write(tmp_path, job, "o", "step 201\n")
        await d.sees("step 201")
        path.write_text("begun again\n")
        await d.sees("begun again")
        await d.sees("began anew")

    drive(other.url, script, view=f"jobs {workflow_id}")


def test_searching_the_whole_file_and_going_from_hit_to_hit(
    other: ServerProcess, shop: Workshop, tmp_path: Path
) -> None:
    workflow_id, jobs = ran(shop, tmp_path, "big")
    lines = [f"line {i} is fine" if i % 50_000 else f"line {i} has a NaN" for i in range(1, 200_001)]
    write(tmp_path, jobs["big"], "e", "\n".join(lines) + "\n")

    async def script(d: Driver) -> None:
        await d.press("l")
        await d.sees("line 200,000 of 200,000")
        await d.press("slash")
        await d.type("nan")
        await d.press("enter")
        await d.sees("4 of 4")
        assert d.line("line 200000 has a NaN").startswith("▌")
        await d.press("N")
        await d.sees("3 of 4")
        assert "line 150000 has a NaN" in d.text
        await d.press("n", "n")
        assert "on from the beginning" in d.said
        await d.sees("line 50000 has a NaN")
        await d.press("escape")
        assert "of 4" not in d.text
        await d.press("L")
        await d.type("123456")
        await d.press("enter")
        await d.sees("line 123456 is fine")
        await d.press("slash")
        await d.type("/(")
        await d.press("enter")
        assert "no regular expression" in d.said
        await d.press("g")
        await d.sees("line 1 is fine")

    drive(other.url, script, view=f"jobs {workflow_id}")


def test_long_lines_are_cut_shifted_and_wrapped(other: ServerProcess, shop: Workshop, tmp_path: Path) -> None:
    workflow_id, jobs = ran(shop, tmp_path, "wide")
    write(tmp_path, jobs["wide"], "e", "a" * 150 + "\x1b]0;title\x07" + "THE END\n")

    async def script(d: Driver) -> None:
        await d.press("l")
        assert "THE END" not in d.text
        await d.press("right", "right")
        assert "THE END" in d.text
        await d.press("left", "left", "w")
        assert "THE END" in d.text
        assert "title" not in d.text

    drive(other.url, script, view=f"jobs {workflow_id}")


def test_a_log_that_is_covered_asks_nothing_and_is_true_when_it_is_seen_again(
    other: ServerProcess, shop: Workshop, tmp_path: Path
) -> None:
    workflow_id, ids = shop.workflow("covered", {"name": "works"}, origin=str(tmp_path))
    runner = shop.runner(workflow_id, host=HOST)
    (job,) = runner.claim()

    async def script(d: Driver) -> None:
        await d.sees("● running")
        await d.go(f"job {ids[0]}")
        asked = d.asked()
        await asyncio.to_thread(runner.finish, job, 3)
        await d.sees("it went wrong")
        question = failures.job_output(ids[0]).path
        assert question not in asked
        await d.press("escape")
        assert "✖ failed" in d.text
        assert question in asked

    drive(other.url, script, view=f"log {ids[0]}")


def test_the_attempts_of_a_job_one_by_one(other: ServerProcess, shop: Workshop, tmp_path: Path) -> None:
    workflow_id = ran_twice(shop, tmp_path)

    async def script(d: Driver) -> None:
        await d.press("l")
        assert "second try" in d.text
        await d.press("right_square_bracket")
        assert "no later attempt" in d.said
        await d.press("left_square_bracket")
        assert "first try" in d.text
        assert "attempt 1, one of 2" in d.text

    drive(other.url, script, view=f"jobs {workflow_id}")


def test_a_result_leads_to_the_log_of_its_own_attempt(other: ServerProcess, shop: Workshop, tmp_path: Path) -> None:
    workflow_id = ran_twice(shop, tmp_path)

    async def script(d: Driver) -> None:
        await d.press("down", "l")
        assert "first try" in d.text
        await d.press("right_square_bracket")
        assert "second try" in d.text
        await d.press("escape", "up", "l")
        assert "second try" in d.text

    drive(other.url, script, view=f"results {workflow_id}")


def test_a_log_on_another_host_shows_where_it_is_and_what_is_known(
    other: ServerProcess, shop: Workshop, tmp_path: Path
) -> None:
    workflow_id, _ = ran(shop, tmp_path, "far", host="n99")

    async def script(d: Driver) -> None:
        await d.press("l")
        assert "This output is on n99" in d.text
        assert str(tmp_path / "output")[:60] in d.text
        assert "it went wrong" in d.text
        assert d.screen.copyable()["host:path"].startswith("n99:/")

    drive(other.url, script, view=f"jobs {workflow_id}")


def test_a_job_that_never_ran_says_so_and_shows_its_log_when_it_runs(
    other: ServerProcess, shop: Workshop, tmp_path: Path
) -> None:
    workflow_id, _ = shop.workflow("waits", {"name": "later"}, origin=str(tmp_path))

    async def script(d: Driver) -> None:
        await d.press("l")
        assert "has not run yet" in d.text
        runner = await asyncio.to_thread(shop.runner, workflow_id, HOST)
        (job,) = await asyncio.to_thread(runner.claim)
        write(tmp_path, {**job, "workflow_id": workflow_id}, "o", "here it is\n")
        await d.sees("here it is")
        await asyncio.to_thread(runner.finish, job)
        await d.until(lambda: "FOLLOW" not in d.text)

    drive(other.url, script, view=f"jobs {workflow_id}")


def test_the_pager_gets_the_file(
    other: ServerProcess, shop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workflow_id, jobs = ran(shop, tmp_path, "paged")
    path = write(tmp_path, jobs["paged"], "e", "text\n")
    pager = tmp_path / "pager"
    pager.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/told\n')
    os.chmod(pager, 0o755)
    monkeypatch.setenv("PAGER", str(pager))

    async def script(d: Driver) -> None:
        await d.press("l", "v")
        assert (tmp_path / "told").read_text().strip() == str(path)

    drive(other.url, script, view=f"jobs {workflow_id}")


def test_causes_unfold_to_their_jobs_and_follow_events(other: ServerProcess, shop: Workshop, tmp_path: Path) -> None:
    ran(shop, tmp_path, *(f"a_{i}" for i in range(3)), name="one")

    async def script(d: Driver) -> None:
        await d.press("!")
        assert "3 jobs by 1 cause" in d.text
        line = d.line("exit code 2")
        assert "it went wrong" in line
        assert "one" in line
        await d.press("enter")
        assert all(f"a_{i}" in d.text for i in range(3))
        await d.press("down", "down")
        under = d.table.cursor_id
        await asyncio.to_thread(ran, shop, tmp_path, "b", code=9, name="two")
        await d.sees("exit code 9")
        await d.until(lambda: d.table.cursor_id == under)
        await d.press("enter")
        assert isinstance(d.screen, JobScreen)
        await d.press("escape", "left")
        await d.until(lambda: "a_1" not in d.text.partition("┄")[0])

    drive(other.url, script)


def test_jobs_whose_runner_was_stopped_come_after_what_really_failed(
    other: ServerProcess, shop: Workshop, tmp_path: Path
) -> None:
    ran(shop, tmp_path, "a", name="one")
    workflow_id, _ = shop.workflow("stopped", {"name": "b"}, origin=str(tmp_path))
    runner = shop.runner(workflow_id)
    (job,) = runner.claim()
    runner.finish(job, 130, status="terminated", cause="the runner got SIGINT")

    def order(d: Driver) -> list[str]:
        causes = ("the runner got SIGINT", "exit code 2")
        return [cause for line in d.text.splitlines() for cause in causes if cause in line.partition("NODES")[0]]

    async def script(d: Driver) -> None:
        await d.until(lambda: order(d) == ["exit code 2", "the runner got SIGINT"])
        await d.press("!")
        assert order(d)[:2] == ["exit code 2", "the runner got SIGINT"]
        await d.go("sort -name")
        assert order(d)[:2] == ["the runner got SIGINT", "exit code 2"]

    drive(other.url, script)


@pytest.mark.parametrize("confirmed", [False, True])
def test_all_jobs_of_a_cause_are_retried_when_that_is_confirmed(
    other: ServerProcess, shop: Workshop, tmp_path: Path, confirmed: bool
) -> None:
    flows = [ran(shop, tmp_path, "x", "y", name=name)[0] for name in ("one", "two")]
    for flow in flows:
        shop.runner(flow)

    async def script(d: Driver) -> None:
        await d.press("!", "R")
        assert "Retry all that failed: exit code 2?" in d.text
        assert "4 jobs will run again" in d.text
        assert "one (2), two (2)" in d.text
        await d.press(*(("tab", "enter") if confirmed else ("enter",)))
        await d.until(lambda: d.said == ("✔ 4 jobs run again" if confirmed else "✔ nothing was done"))
        await d.sees("Nothing has failed" if confirmed else "4 jobs by 1 cause")

    drive(other.url, script)
    left = shop.http.get("/console/failures").json()["jobs"]
    assert left == (0 if confirmed else 4)


def test_what_is_marked_of_causes_is_counted_in_jobs(other: ServerProcess, shop: Workshop, tmp_path: Path) -> None:
    ran(shop, tmp_path, "x", "y", "z", name="one")
    ran(shop, tmp_path, "u", "v", code=9, name="two")

    async def script(d: Driver) -> None:
        await d.press("!", "*")
        assert "5 jobs marked" in d.said
        assert d.line("5 marked")
        await d.press("home", "right")
        await d.until(lambda: d.table.rows.total == 4)
        await d.press("*")
        assert "5 jobs marked" in d.said
        await d.press("space")
        assert d.line("5 marked")
        await d.press("u", "home", "down", "space")
        assert d.line("1 marked")

    drive(other.url, script)


def test_a_retry_says_what_waits_again_and_a_read_only_console_has_none(other: ServerProcess, shop: Workshop) -> None:
    workflow_id, _ = shop.workflow("chain", {"name": "up"}, {"name": "down", "after": 0})
    shop.end(workflow_id, up=3)
    shop.runner(workflow_id)

    async def refused(d: Driver) -> None:
        await d.press("!", "R")
        assert "read-only" in d.said

    async def script(d: Driver) -> None:
        await d.press("!", "enter", "down", "R")
        assert d.said == "✔ 1 job runs again, 1 job below waits for it"

    drive(other.url, refused, read_only=True)
    drive(other.url, script)


def test_addresses_lead_to_logs_and_failures(other: ServerProcess, shop: Workshop, tmp_path: Path) -> None:
    _, jobs = ran(shop, tmp_path, "named")
    number = jobs["named"]["job_id"]
    write(tmp_path, jobs["named"], "o", "printed\n")

    async def script(d: Driver) -> None:
        await d.go(f"log {number} out")
        assert "printed" in d.text
        await d.go("failures exit=77")
        assert "Nothing matches exit=77" in d.text
        await d.go("log nonsense")
        assert "give the id of a job" in d.said

    drive(other.url, script)

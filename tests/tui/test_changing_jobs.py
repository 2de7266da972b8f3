"""Changing jobs in the console: all that a filter leaves in, resources and priority, disabling and enabling."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.server_process import ServerProcess
from tests.tui.driver import Driver, Workshop, console, driven
from tests.tui.test_job_changes import requirements, small, statuses, with_requirement


def counted(shop: Workshop, workflow_id: int) -> dict[str, int]:
    found: dict[str, int] = {}
    for status in statuses(shop, workflow_id).values():
        found[status] = found.get(status, 0) + 1
    return found


@driven
async def test_all_in_the_filter_is_canceled_without_one_of_its_rows_being_asked_for(
    tui_server: ServerProcess, workshop: Workshop
) -> None:
    workflow_id, _ = workshop.many("all of it", 300)
    async with console(tui_server.url, view=f"jobs {workflow_id} name~job_002") as driver:
        await driver.press("*")
        assert "100 marked" in driver.text
        assert not driver.table.marks
        await driver.press("x")
        await driver.sees("Cancel 100 jobs (name~job_002)?")
        await driver.sees("100 waiting jobs will be canceled.")
        await driver.press("enter")
        assert "nothing was done" in driver.said
        assert counted(workshop, workflow_id) == {"ready": 300}
        asked = driver.asked()
        await driver.press("x")
        await driver.type("100")
        await driver.press("enter")
        await driver.until(lambda: "100 jobs canceled" in driver.said)
        changes = [path for path in asked if path.endswith("/change_jobs")]
        assert len(changes) == 2, asked  # to plan it, and to do it
        assert not [path for path in asked if path.startswith("/jobs/")]
        assert counted(workshop, workflow_id) == {"ready": 200, "canceled": 100}
        assert "marked" not in driver.text


@driven
async def test_rows_can_be_left_out_of_all_that_is_marked(tui_server: ServerProcess, workshop: Workshop) -> None:
    workflow_id, _ = workshop.many("but two", 12)
    async with console(tui_server.url, view=f"jobs {workflow_id}") as driver:
        await driver.press("*", "space", "down", "space")
        assert "10 marked" in driver.text
        await driver.press("x", "tab", "enter")
        await driver.until(lambda: "10 jobs canceled" in driver.said)
        left = {name for name, status in statuses(workshop, workflow_id).items() if status == "ready"}
        assert left == {"job_00000", "job_00002"}


@driven
async def test_what_is_marked_stays_what_it_was_when_the_filter_changes(
    tui_server: ServerProcess, workshop: Workshop
) -> None:
    workflow_id, _ = workshop.many("moving on", 30)
    async with console(tui_server.url, view=f"jobs {workflow_id} name~job_0001") as driver:
        await driver.press("*", "slash", "backspace", "backspace", "enter")
        assert "10 marked: all of name~job_0001" in driver.text
        await driver.press("minus", "tab", "enter")
        await driver.until(lambda: "10 jobs disabled" in driver.said)
        assert counted(workshop, workflow_id) == {"disabled": 10, "ready": 20}


@driven
async def test_failed_jobs_of_a_filter_are_retried(
    tui_server: ServerProcess, workshop: Workshop, tmp_path: Any
) -> None:
    workflow_id, _ = workshop.workflow("again", {"name": "a"}, {"name": "b"}, {"name": "c"}, origin=str(tmp_path))
    workshop.end(workflow_id, a=3, b=3, c=4)
    runner = workshop.runner(workflow_id)
    async with console(tui_server.url, view=f"jobs {workflow_id} exit=3") as driver:
        await driver.press("*", "R")
        await driver.sees("2 jobs will run again")
        await driver.press("tab", "enter")
        await driver.until(lambda: "2 jobs run again" in driver.said)
        assert statuses(workshop, workflow_id) == {"a": "ready", "b": "ready", "c": "failed"}
    runner.leave()


async def edited(driver: Driver, **typed: str) -> None:
    """Fill in the form, which is open."""
    for name in ("num_cpus", "memory", "num_gpus", "runtime", "priority"):
        if name in typed:
            await driver.press(*["backspace"] * 8)
            await driver.type(typed[name])
        await driver.press("down")
    await driver.press("enter")


@driven
async def test_a_waiting_job_is_given_other_resources_and_the_others_keep_theirs(
    tui_server: ServerProcess, workshop: Workshop
) -> None:
    workflow_id, ids = with_requirement(workshop, 3)
    async with console(tui_server.url, view=f"jobs {workflow_id}") as driver:
        await driver.press("e")
        await driver.sees("Resources of job job_0")
        assert "1g" in driver.line("memory")
        assert "1h" in driver.line("runtime")
        await edited(driver, memory="4g", runtime="1h30m")
        await driver.sees("2 other jobs keep small.")
        assert requirements(workshop, workflow_id).keys() == {"default", "small"}
        await driver.press("tab", "enter")
        await driver.until(lambda: "job job_0 changed" in driver.said)
        made = requirements(workshop, workflow_id)["small_2"]
        assert (made["memory"], made["runtime"], made["num_cpus"]) == ("4g", "PT1H30M", 1)
        used = [workshop.http.get(f"/jobs/{job}").json()["resource_requirements_id"] for job in ids]
        assert used == [made["id"], *[requirements(workshop, workflow_id)["small"]["id"]] * 2]


@driven
async def test_what_means_nothing_is_said_in_the_form_and_nothing_is_sent(
    tui_server: ServerProcess, workshop: Workshop
) -> None:
    workflow_id, _ = with_requirement(workshop, 1)
    async with console(tui_server.url, view=f"jobs {workflow_id}") as driver:
        await driver.press("e")
        await edited(driver, memory="lots")
        await driver.sees("memory: 'lots' is no size")
        assert driver.dialog
        await driver.press(*["backspace"] * 4)
        await driver.type("1g")
        await driver.press("down", "down", *["backspace"] * 4)
        await driver.type("soon")
        await driver.press("enter")
        await driver.sees("write 90s, 5m or 2h30m")
        await driver.press("escape")
        assert not driver.dialog
        await driver.press("e", "enter")
        assert "nothing changes: that is what they have" in driver.said


@driven
async def test_the_priority_of_all_is_changed_at_once(tui_server: ServerProcess, workshop: Workshop) -> None:
    workflow_id, _ = with_requirement(workshop, 30)
    async with console(tui_server.url, view=f"jobs {workflow_id}") as driver:
        await driver.press("*", "e")
        await edited(driver, priority="9")
        await driver.sees("Priority 0 becomes 9")
        await driver.type("30")
        await driver.press("enter")
        await driver.until(lambda: "30 jobs changed" in driver.said)
        await driver.go(f"jobs {workflow_id} priority=9")
        assert driver.table.rows.total == 30


@driven
async def test_a_job_is_disabled_and_enabled(tui_server: ServerProcess, workshop: Workshop) -> None:
    workflow_id, _ = workshop.workflow("switch", {"name": "a"}, {"name": "b", "after": 0})
    async with console(tui_server.url, view=f"jobs {workflow_id}") as driver:
        await driver.press("minus")
        await driver.sees("1 job below will be canceled")
        await driver.press("tab", "enter")
        await driver.until(lambda: "job a disabled" in driver.said)
        assert statuses(workshop, workflow_id) == {"a": "disabled", "b": "canceled"}
        await driver.settle()
        await driver.press("plus")
        await driver.until(lambda: "job a enabled" in driver.said)
        assert statuses(workshop, workflow_id) == {"a": "ready", "b": "blocked"}


@driven
async def test_what_jobs_cannot_be_given_is_said_with_the_reason(tui_server: ServerProcess, workshop: Workshop) -> None:
    workflow_id, _ = workshop.workflow("reasons", {"name": "a"}, {"name": "b"})
    workshop.end(workflow_id, a=1)
    async with console(tui_server.url, view=f"jobs {workflow_id}") as driver:
        await driver.press("minus")
        assert "disable: it does not wait" in driver.said
        await driver.press("plus")
        assert "enable: it is not disabled" in driver.said
        await driver.press("*", "minus")
        assert "nothing to disable: 1 completed, 1 failed" in driver.said
    async with console(tui_server.url, view=f"jobs {workflow_id}", read_only=True) as driver:
        await driver.press("e")
        assert "resources: this console is read-only (--read-only)" in driver.said


@driven
async def test_a_file_that_a_job_reads_is_mended_from_the_job(
    tui_server: ServerProcess, workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "count.sh").write_text("wc wrods.txt\n")
    workflow_id, _ = workshop.workflow("mended", initialize=False, origin=str(tmp_path))
    made = {
        name: workshop.http.post("/files", json={"workflow_id": workflow_id, "name": name, "path": name}).json()["id"]
        for name in ("count.sh", "counted.txt")
    }
    jobs: list[dict[str, Any]] = [
        {"name": "one", "input_file_ids": [made["count.sh"]]},
        {"name": "two", "input_file_ids": [made["count.sh"]], "output_file_ids": [made["counted.txt"]]},
        {"name": "none", "command": "true"},
    ]
    for job in jobs:
        workshop.http.post("/jobs", json={"workflow_id": workflow_id, "command": "bash count.sh", **job})
    monkeypatch.setenv("VISUAL", "sed -i s/wrods/words/")
    async with console(tui_server.url, view=f"jobs {workflow_id}") as driver:
        await driver.press("f")
        assert "count.sh is changed" in driver.said
        assert (tmp_path / "count.sh").read_text() == "wc words.txt\n"
        await driver.press("down", "f")
        await driver.sees("Edit a file of two")
        await driver.press("down", "enter")
        assert "counted.txt is not on this machine, or not there yet" in driver.said
        await driver.press("down", "f")
        assert "none names no file that is here" in driver.said


@driven
async def test_all_that_failed_for_one_cause_is_given_more_memory_and_runs_again(
    tui_server: ServerProcess, workshop: Workshop
) -> None:
    workflow_id, ids = with_requirement(workshop, 4)
    runner = workshop.runner(workflow_id)
    for job in runner.claim():
        out = job["job_id"] in ids[:3]
        runner.finish(job, 137 if out else 0, "Killed", **({"cause": "over memory: 1.1 GB used"} if out else {}))
    async with console(tui_server.url, view=f"failures workflow_id={workflow_id}") as driver:
        await driver.press("e")
        await driver.sees("Resources of all that failed: over memory")
        await edited(driver, memory="4g")
        await driver.sees("3 jobs of requirement small: 1 cpu, 1g, 1h")
        await driver.press("tab", "enter")
        await driver.until(lambda: "3 jobs changed" in driver.said)
        await driver.press("R", "tab", "enter")
        await driver.until(lambda: "3 jobs run again" in driver.said)
        await driver.press("right")
    assert requirements(workshop, workflow_id)["small_2"]["memory"] == "4g"
    assert sorted(job["job_id"] for job in runner.claim()) == ids[:3]
    runner.leave()


@driven
async def test_single_failures_are_given_more_memory(tui_server: ServerProcess, workshop: Workshop) -> None:
    workflow_id, ids = with_requirement(workshop, 3)
    workshop.end(workflow_id, job_0=9, job_1=9, job_2=9)
    async with console(tui_server.url, view=f"failures workflow_id={workflow_id}") as driver:
        await driver.press("right", "down", "space", "space", "e")
        await edited(driver, memory="3g")
        await driver.sees("2 jobs of requirement small")
        await driver.press("tab", "enter")
        await driver.until(lambda: "2 jobs changed" in driver.said)
    used = [workshop.http.get(f"/jobs/{job}").json()["resource_requirements_id"] for job in ids]
    assert len(set(used)) == 2


@driven
async def test_a_requirement_is_changed_for_all_jobs_that_have_it(
    tui_server: ServerProcess, workshop: Workshop
) -> None:
    workflow_id, ids = with_requirement(workshop, 3)
    async with console(tui_server.url, view=f"requirements {workflow_id} name=small") as driver:
        await driver.press("e")
        await driver.sees("Resources of jobs of small")
        await edited(driver, num_cpus="4")
        await driver.sees("3 jobs of requirement small: 1 cpu, 1g, 1h → 4 cpu, 1g, 1h.")
        await driver.press("tab", "enter")
        await driver.until(lambda: "3 jobs changed" in driver.said)
        assert {name: row["num_cpus"] for name, row in requirements(workshop, workflow_id).items()} == {
            "default": 1, "small": 4,
        }  # fmt: skip
        await driver.go(f"requirements {workflow_id} name=default")
        await driver.press("e")
        assert "no job has it" in driver.said
    assert len(ids) == 3


@driven
async def test_all_requirements_that_are_marked_are_changed(tui_server: ServerProcess, workshop: Workshop) -> None:
    workflow_id, _ = with_requirement(workshop, 2)
    large = small(workshop, workflow_id, "large")
    job = {"workflow_id": workflow_id, "name": "more", "command": "true", "resource_requirements_id": large}
    workshop.http.post("/bulk_jobs", json={"jobs": [job]}).raise_for_status()
    async with console(tui_server.url, view=f"requirements {workflow_id} !name=default") as driver:
        await driver.press("space", "space", "e")
        await driver.sees("Resources of jobs of 2 requirements")
        await edited(driver, num_cpus="4")
        await driver.sees("1 job of requirement large: 1 cpu, 1g, 1h → 4 cpu, 1g, 1h.")
        await driver.press("tab", "enter")
        await driver.until(lambda: "3 jobs changed" in driver.said)
        assert {name: row["num_cpus"] for name, row in requirements(workshop, workflow_id).items()} == {
            "default": 1, "small": 4, "large": 4,
        }  # fmt: skip


@pytest.mark.parametrize("size", [(60, 15), (80, 24)])
@pytest.mark.parametrize("count", [20, 40])
@driven
async def test_the_buttons_are_in_sight_on_every_terminal(
    tui_server: ServerProcess, workshop: Workshop, size: tuple[int, int], count: int
) -> None:
    workflow_id, _ = workshop.many("small screen", count)
    async with console(tui_server.url, view=f"jobs {workflow_id}", size=size) as driver:
        await driver.press("*", "x")
        await driver.sees("[ Keep ]")
        assert "more" in driver.text or size[1] < 24
        await driver.press("escape", "e")
        assert "priority" in driver.text
        assert "enter: plan the change" in driver.text


@driven
async def test_what_failed_in_marked_workflows_runs_again(tui_server: ServerProcess, workshop: Workshop) -> None:
    made = [workshop.workflow(f"marked_{i}", {"name": "good"}, {"name": "bad"})[0] for i in range(3)]
    for workflow_id in made:
        workshop.end(workflow_id, bad=5)
    runners = [workshop.runner(workflow_id) for workflow_id in made]
    async with console(tui_server.url, view="workflows marked_") as driver:
        await driver.press("space", "space", "R")
        await driver.sees("Retry what failed in 2 workflows?")
        await driver.sees("Of 2 workflows:")
        await driver.press("tab", "enter")
        await driver.until(lambda: "2 jobs run again" in driver.said)
        assert not driver.table.marked
    left = [statuses(workshop, workflow_id)["bad"] for workflow_id in made]
    assert sorted(left) == ["failed", "ready", "ready"]
    for runner in runners:
        runner.leave()


@driven
async def test_that_ended_jobs_get_other_resources_when_they_run_again_is_said(
    tui_server: ServerProcess, workshop: Workshop
) -> None:
    workflow_id, _ = workshop.workflow("half done", {"name": "a"}, {"name": "b"}, {"name": "c", "after": 0})
    runner = workshop.runner(workflow_id)
    first, second = runner.claim()
    runner.finish(first)
    runner.finish(second, 3)
    said = "2 jobs ended already; what is asked for counts when they run again."
    async with console(tui_server.url, view=f"jobs {workflow_id}") as driver:
        await driver.press("*", "e")
        await driver.sees(said)
        await driver.press("tab", "tab", "tab", "tab")
        await driver.type("5")
        await driver.press("enter")
        await driver.sees("Change 3 jobs?")
        assert said in driver.text
        await driver.press("escape", "u", "end", "e")
        await driver.sees("Resources of job c")
        assert "ended already" not in driver.text
    runner.leave()

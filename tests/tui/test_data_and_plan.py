"""The tabs Data and Plan, and what leads from tabs to jobs."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.server_process import ServerProcess
from tests.tui.driver import Driver, Workshop, drive
from torc_core.wording import grouped
from torc_server.api.console_plan import stages
from torc_tui.screens.data import DataScreen

DATA = {"alpha": 0.1, "layers": [64, 64, 32], "note": "word " * 30, "nested": {"deep": [{"x": i} for i in range(20)]}}


def with_data(workshop: Workshop) -> tuple[int, int]:
    """A workflow with two documents, of which the second has no value yet; gives its id and that of the first."""
    workflow_id, (one, two) = workshop.workflow("with_data", {"name": "maker"}, {"name": "reader", "after": 0})

    def document(query: dict[str, int], **body: Any) -> int:
        answer = workshop.http.post("/user_data", json={"workflow_id": workflow_id, **body}, params=query)
        assert answer.status_code == 200, answer.text
        found: int = answer.json()["id"]
        return found

    first = document({"consumer_job_id": two}, name="settings", data=DATA)
    document({"producer_job_id": one, "consumer_job_id": two}, name="best", is_ephemeral=True)
    return workflow_id, first


def write(workshop: Workshop, workflow_id: int, data_id: int, value: Any) -> None:
    """Give a document another value."""
    body = {"workflow_id": workflow_id, "name": "settings", "data": value}
    workshop.http.put(f"/user_data/{data_id}", json=body).raise_for_status()


def test_documents_are_listed_with_size_value_and_jobs(tui_server: ServerProcess, workshop: Workshop) -> None:
    workflow_id, _ = with_data(workshop)

    async def script(d: Driver) -> None:
        assert '{"alpha":0.1,"layers":[64,64,32]' in d.line("settings")
        assert "not written yet" in d.line("best")
        assert "ephemeral" in d.line("best")
        assert "maker" in d.line("best")
        await d.press("slash")
        await d.type("size>100 ephemeral=no")
        await d.press("enter")
        await d.sees("1 of 2")

    drive(tui_server.url, script, view=f"data {workflow_id}")


def test_a_document_opens_laid_out_and_follows_its_changes(tui_server: ServerProcess, workshop: Workshop) -> None:
    workflow_id, first = with_data(workshop)

    async def script(d: Driver) -> None:
        await d.press("enter")
        assert isinstance(d.screen, DataScreen)
        assert '"layers": [64, 64, 32],' in d.text
        assert '"deep": [' in d.text
        assert d.screen.copyable()["value"].startswith('{"alpha": 0.1')
        await asyncio.to_thread(write, workshop, workflow_id, first, [1, 2])
        await d.sees("[1, 2]")
        await d.press("escape", "down", "enter")
        await d.sees("It has no value yet.")

    drive(tui_server.url, script, view=f"data {workflow_id}")


def test_a_large_document_is_shown_without_holding_keys_up(tui_server: ServerProcess, workshop: Workshop) -> None:
    workflow_id, first = with_data(workshop)
    write(workshop, workflow_id, first, {"rows": [[i] * 40 for i in range(2000)]})

    async def script(d: Driver) -> None:
        await d.press("enter")
        await d.sees('"rows": [')
        assert "kB" in d.line("user data")
        await d.press("pagedown")
        assert '"rows": [' not in d.text

    drive(tui_server.url, script, view=f"data {workflow_id}", size=(80, 24))


def test_the_plan_shows_stages_and_how_far_each_is(tui_server: ServerProcess, workshop: Workshop) -> None:
    parts = [{"name": f"part_{i}"} for i in range(3)]
    workflow_id, ids = workshop.workflow("staged", *parts, {"name": "join", "after": 0}, {"name": "end", "after": 3})
    runner = workshop.runner(workflow_id)

    async def script(d: Driver) -> None:
        assert "3 " in d.line("part_0 … part_2 (3)")
        assert "0 %" in d.line("join")
        jobs = await asyncio.to_thread(runner.claim)
        await d.until(lambda: "▓" in d.line("part_0"))
        for job in jobs:
            await asyncio.to_thread(runner.finish, job)
        await d.until(lambda: "100 %" in d.line("part_0"))
        await d.press("down", "enter")
        await d.until(lambda: d.screen.address == f"jobs {workflow_id}" and d.table.cursor_id == ids[3])

    drive(tui_server.url, script, view=f"plan {workflow_id}")
    runner.leave()


def test_nodes_and_requirements_lead_to_their_jobs(tui_server: ServerProcess, workshop: Workshop) -> None:
    workflow_id, _ = workshop.workflow("leads", {"name": "one"}, {"name": "two", "after": 0})
    workshop.end(workflow_id)

    async def script(d: Driver) -> None:
        await d.press("enter")
        await d.sees('node="n17"')
        await d.sees("2 of 2")
        await d.press("escape", "7", "enter")
        await d.sees('requirements="default"')

    drive(tui_server.url, script, view=f"nodes {workflow_id}")


def test_the_plan_takes_neither_filter_nor_other_order(workshop: Workshop) -> None:
    workflow_id, _ = workshop.workflow("refuses", {})
    for query, said in (({"filter": "x"}, "no filter"), ({"sort": "jobs"}, "only by id")):
        answer = workshop.http.get(f"/console/workflows/{workflow_id}/plan", params=query)
        assert answer.status_code == 422
        assert said in answer.json()["error"]["message"]


def test_the_plan_comes_in_pages_around_an_anchor(workshop: Workshop) -> None:
    workflow_id, _ = workshop.workflow("chain", {}, *({"after": i} for i in range(9)))

    def ids(**query: Any) -> list[int]:
        return [
            row["id"]
            for row in workshop.http.get(f"/console/workflows/{workflow_id}/plan", params=query).json()["items"]
        ]

    assert ids() == list(range(1, 11))
    assert ids(sort="-id", limit=2) == [10, 9]
    assert ids(anchor=7, before=2, limit=3) == [5, 6, 7]
    assert ids(offset=8) == [9, 10]


def test_the_plan_knows_of_a_job_that_was_added(workshop: Workshop) -> None:
    workflow_id, (one, _) = workshop.workflow("grows", {"name": "one"}, {"name": "two", "after": 0})
    path = f"/console/workflows/{workflow_id}/plan"
    assert [row["names"] for row in workshop.http.get(path).json()["items"]] == ["one", "two"]
    body = {"workflow_id": workflow_id, "name": "three", "command": "true", "depends_on_job_ids": [one]}
    workshop.http.post("/jobs", json=body).raise_for_status()
    assert [row["names"] for row in workshop.http.get(path).json()["items"]] == ["one", "two, three"]


def test_the_plan_knows_of_a_job_that_was_given_another_name_and_parent(workshop: Workshop) -> None:
    workflow_id, (one, _, three) = workshop.workflow(
        "turns", {"name": "one"}, {"name": "two", "after": 0}, {"name": "three", "after": 1}, initialize=False
    )
    path = f"/console/workflows/{workflow_id}/plan"
    assert [row["names"] for row in workshop.http.get(path).json()["items"]] == ["one", "two", "three"]
    body = {"workflow_id": workflow_id, "name": "other", "command": "true", "depends_on_job_ids": [one]}
    workshop.http.put(f"/jobs/{three}", json=body).raise_for_status()
    assert [row["names"] for row in workshop.http.get(path).json()["items"]] == ["one", "two, other"]


@pytest.mark.parametrize(
    ("jobs", "edges", "expected"),
    [
        ([], [], []),
        ([3, 1, 2], [], [[3, 1, 2]]),
        ([1, 2, 3], [(1, 2), (2, 3), (1, 3)], [[1], [2], [3]]),
        ([1, 2, 3, 4, 5], [(1, -7), (2, -7), (-7, 3), (-7, 4), (3, 5)], [[1, 2], [3, 4], [5]]),
        ([1, 2, 3], [(1, -7), (-7, 2), (2, -8), (-8, 3)], [[1], [2], [3]]),
        ([1, 2, 3], [(1, 2), (2, 1)], [[3]]),
        ([1, 2], [(1, -7), (-7, 2), (-7, 1)], []),
    ],
)
def test_stages_follow_the_longest_way_and_barriers_take_none(
    jobs: list[int], edges: list[tuple[int, int]], expected: list[list[int]]
) -> None:
    assert stages(jobs, edges) == expected


def test_names_of_a_stage_are_grouped_by_what_is_before_their_number() -> None:
    names = ["a_1", "b", "a_2", "c1", "c2", *(f"d{i}" for i in range(1, 2001))]
    assert list(grouped(names)) == ["a_1, a_2", "b", "c1, c2", "d1 … d2000 (2,000)"]

"""The endpoint that changes many jobs of a workflow: cancel, disable, enable, edit; by ids or by a filter."""

from __future__ import annotations

from typing import Any

import pytest

from tests.tui.driver import Workshop


def change(shop: Workshop, workflow_id: int, what: str, **asked: Any) -> dict[str, Any]:
    answer = shop.http.post(f"/console/workflows/{workflow_id}/change_jobs", json={"change": what, **asked})
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def refusal(shop: Workshop, workflow_id: int, what: str, **asked: Any) -> str:
    answer = shop.http.post(f"/console/workflows/{workflow_id}/change_jobs", json={"change": what, **asked})
    assert answer.status_code in (404, 409, 422), answer.text
    return answer.text


def statuses(shop: Workshop, workflow_id: int) -> dict[str, str]:
    jobs = shop.http.get("/jobs", params={"workflow_id": workflow_id}).json()["items"]
    return {job["name"]: job["status"] for job in jobs}


def requirements(shop: Workshop, workflow_id: int) -> dict[str, dict[str, Any]]:
    rows = shop.http.get("/resource_requirements", params={"workflow_id": workflow_id}).json()["items"]
    return {row["name"]: row for row in rows}


def small(shop: Workshop, workflow_id: int, name: str = "small") -> int:
    body = {"workflow_id": workflow_id, "name": name, "num_cpus": 1, "memory": "1g", "runtime": "PT1H"}
    return int(shop.http.post("/resource_requirements", json=body).json()["id"])


def with_requirement(shop: Workshop, count: int) -> tuple[int, list[int]]:
    """A workflow whose jobs share one requirement."""
    workflow_id, _ = shop.workflow("shared", initialize=False)
    needs = small(shop, workflow_id)
    jobs = [
        {"workflow_id": workflow_id, "name": f"job_{i}", "command": "true", "resource_requirements_id": needs}
        for i in range(count)
    ]
    made = shop.http.post("/bulk_jobs", json={"jobs": jobs}).json()["jobs"]
    shop.http.post(f"/workflows/{workflow_id}/initialize_jobs")
    return workflow_id, [job["id"] for job in made]


def test_all_that_a_filter_leaves_in_is_canceled_in_one_request(workshop: Workshop) -> None:
    workflow_id, _ = workshop.workflow(
        "filtered", {"name": "train_1"}, {"name": "train_2"}, {"name": "eval", "after": 0}, {"name": "other"}
    )
    planned = change(workshop, workflow_id, "cancel", filter="train", dry_run=True)
    assert (planned["jobs"], planned["by_status"], planned["below"]) == (2, {"ready": 2}, 1)
    assert planned["names"] == ["train_1", "train_2"]
    assert set(statuses(workshop, workflow_id).values()) == {"ready", "blocked"}
    assert change(workshop, workflow_id, "cancel", filter="train")["jobs"] == 2
    assert statuses(workshop, workflow_id) == {
        "train_1": "canceled", "train_2": "canceled", "eval": "canceled", "other": "ready",
    }  # fmt: skip
    again = change(workshop, workflow_id, "cancel", filter="")
    assert (again["jobs"], again["left_out"]) == (1, {"canceled": 3})


def test_thousands_are_canceled_and_each_counts_as_canceled_by_the_user(workshop: Workshop) -> None:
    workflow_id, ids = workshop.many("thousands", 2_500)
    assert change(workshop, workflow_id, "cancel", filter="status=ready")["jobs"] == 2_500
    assert set(statuses(workshop, workflow_id).values()) == {"canceled"}
    assert change(workshop, workflow_id, "enable", ids=ids[:3])["left_out"] == {"canceled": 3}


def test_disabled_jobs_do_not_run_and_enabled_ones_do_again(workshop: Workshop) -> None:
    workflow_id, ids = workshop.workflow(
        "switched", {"name": "a"}, {"name": "b", "after": 0}, {"name": "c", "after": 1}, {"name": "free"}
    )
    planned = change(workshop, workflow_id, "disable", ids=[ids[0]], dry_run=True)
    assert (planned["jobs"], planned["below"]) == (1, 2)
    change(workshop, workflow_id, "disable", ids=[ids[0]])
    assert statuses(workshop, workflow_id) == {"a": "disabled", "b": "canceled", "c": "canceled", "free": "ready"}
    runner = workshop.runner(workflow_id)
    assert [job["name"] for job in runner.claim()] == ["free"]
    runner.leave()
    planned = change(workshop, workflow_id, "enable", ids=[ids[0]], dry_run=True)
    assert (planned["jobs"], planned["below"]) == (1, 2)
    change(workshop, workflow_id, "enable", filter="status=disabled")
    assert statuses(workshop, workflow_id)["a"] == "ready"
    assert statuses(workshop, workflow_id)["b"] == statuses(workshop, workflow_id)["c"] == "blocked"
    workshop.end(workflow_id)
    assert {statuses(workshop, workflow_id)[name] for name in "abc"} == {"completed"}


def test_a_whole_chain_can_be_disabled_and_enabled(workshop: Workshop) -> None:
    workflow_id, _ = workshop.workflow(
        "chain", {"name": "a"}, {"name": "b", "after": 0}, {"name": "c", "after": 1}, {"name": "d", "after": 2}
    )
    assert change(workshop, workflow_id, "disable", filter="!name=d")["jobs"] == 3
    assert statuses(workshop, workflow_id) == {"a": "disabled", "b": "disabled", "c": "disabled", "d": "canceled"}
    assert change(workshop, workflow_id, "enable", filter="")["jobs"] == 3
    assert statuses(workshop, workflow_id) == {"a": "ready", "b": "blocked", "c": "blocked", "d": "blocked"}


def test_jobs_of_a_workflow_that_was_never_initialized_are_disabled_and_enabled_before_it_is(
    workshop: Workshop,
) -> None:
    workflow_id, ids = workshop.workflow("early", {"name": "a"}, {"name": "b", "after": 0}, initialize=False)
    change(workshop, workflow_id, "disable", ids=ids)
    assert set(statuses(workshop, workflow_id).values()) == {"disabled"}
    change(workshop, workflow_id, "enable", ids=ids)
    assert set(statuses(workshop, workflow_id).values()) == {"uninitialized"}
    change(workshop, workflow_id, "disable", ids=ids[:1])
    workshop.http.post(f"/workflows/{workflow_id}/initialize_jobs")
    assert statuses(workshop, workflow_id) == {"a": "disabled", "b": "canceled"}


def test_jobs_that_share_their_requirement_with_others_get_one_of_their_own(workshop: Workshop) -> None:
    workflow_id, ids = with_requirement(workshop, 4)
    planned = change(workshop, workflow_id, "edit", ids=ids[:2], edit={"memory": "2g"}, dry_run=True)
    (needs,) = planned["requirements"]
    assert (needs["name"], needs["jobs"], needs["others"], needs["becomes"], needs["is_new"]) == (
        "small", 2, 2, "small_2", True,
    )  # fmt: skip
    assert set(requirements(workshop, workflow_id)) == {"default", "small"}
    change(workshop, workflow_id, "edit", ids=ids[:2], edit={"memory": "2g"})
    now = requirements(workshop, workflow_id)
    assert (now["small"]["memory"], now["small_2"]["memory"], now["small_2"]["runtime"]) == ("1g", "2g", "PT1H")
    change(workshop, workflow_id, "edit", ids=ids[2:3], edit={"memory": "2048m"})
    assert set(requirements(workshop, workflow_id)) == {"default", "small", "small_2"}
    used = {job_id: workshop.http.get(f"/jobs/{job_id}").json()["resource_requirements_id"] for job_id in ids}
    assert [used[job_id] == now["small_2"]["id"] for job_id in ids] == [True, True, True, False]


def test_a_requirement_of_nobody_else_changes_in_place(workshop: Workshop) -> None:
    workflow_id, ids = with_requirement(workshop, 3)
    told = change(workshop, workflow_id, "edit", filter="", edit={"num_cpus": 4, "priority": 7})
    assert (told["jobs"], told["requirements"][0]["is_new"], told["priorities"]) == (3, False, [0])
    now = requirements(workshop, workflow_id)
    assert (set(now), now["small"]["num_cpus"], now["small"]["memory"]) == ({"default", "small"}, 4, "1g")
    rows = workshop.http.get(f"/console/workflows/{workflow_id}/jobs", params={"filter": "priority=7"}).json()
    assert rows["total"] == 3
    assert ids


def test_a_higher_priority_runs_first(workshop: Workshop) -> None:
    workflow_id, ids = with_requirement(workshop, 3)
    change(workshop, workflow_id, "edit", ids=ids[2:], edit={"priority": 5})
    runner = workshop.runner(workflow_id)
    assert runner.claim(slots=1)[0]["job_id"] == ids[2]


def test_running_jobs_keep_what_they_have(workshop: Workshop) -> None:
    workflow_id, ids = with_requirement(workshop, 2)
    runner = workshop.runner(workflow_id)
    runner.claim(slots=1)
    told = change(workshop, workflow_id, "edit", ids=ids, edit={"num_cpus": 2})
    assert (told["jobs"], told["left_out"], told["requirements"][0]["others"]) == (1, {"running": 1}, 1)
    assert requirements(workshop, workflow_id)["small"]["num_cpus"] == 1


@pytest.mark.parametrize(
    ("what", "asked", "said"),
    [
        ("cancle", {"filter": ""}, "change 'cancle' is unknown; one of cancel, disable, enable, edit"),
        ("cancel", {}, "which jobs?"),
        ("cancel", {"filter": "nonsense=1"}, "no column 'nonsense'"),
        ("edit", {"filter": ""}, "nothing to change"),
        ("edit", {"filter": "", "edit": {"memory": "lots"}}, "Invalid memory format 'lots'"),
        ("edit", {"filter": "", "edit": {"num_cpus": -1}}, "num_cpus -1 is below 0"),
        ("edit", {"filter": "", "edit": {"num_cpus": 2}}, "say memory and runtime, too"),
    ],
)
def test_what_cannot_be_is_refused_in_words(workshop: Workshop, what: str, asked: dict[str, Any], said: str) -> None:
    workflow_id, _ = workshop.workflow("refused", {"name": "a"})
    assert said in refusal(workshop, workflow_id, what, **asked)
    assert statuses(workshop, workflow_id) == {"a": "ready"}


def test_jobs_of_other_workflows_and_of_archived_ones_are_left_alone(workshop: Workshop) -> None:
    mine, _ = workshop.workflow("mine", {"name": "a"})
    other, theirs = workshop.workflow("theirs", {"name": "b"})
    assert change(workshop, mine, "cancel", ids=theirs)["jobs"] == 0
    assert statuses(workshop, other) == {"b": "ready"}
    assert "not found" in refusal(workshop, 987_654, "cancel", filter="")
    workshop.http.put(f"/workflows/{other}/status", json={**workshop.http.get(f"/workflows/{other}/status").json(),
                                                          "is_archived": True})  # fmt: skip
    assert "is archived" in refusal(workshop, other, "cancel", filter="")


def test_failed_jobs_are_retried_by_a_filter_of_the_table_of_jobs(workshop: Workshop) -> None:
    workflow_id, _ = workshop.workflow("again", {"name": "a_1"}, {"name": "a_2"}, {"name": "b"}, {"name": "ok"})
    workshop.end(workflow_id, a_1=3, a_2=4, b=3)
    body = {"workflow_id": workflow_id, "filter": "exit>=3 a_"}
    assert workshop.http.post("/console/retry", json={**body, "dry_run": True}).json()["names"] == ["a_1", "a_2"]
    assert workshop.http.post("/console/retry", json=body).json()["jobs"] == 2
    assert statuses(workshop, workflow_id) == {"a_1": "ready", "a_2": "ready", "b": "failed", "ok": "completed"}


def test_nothing_is_enabled_in_a_canceled_workflow(workshop: Workshop) -> None:
    workflow_id, ids = workshop.workflow("off", {"name": "a"}, {"name": "b"})
    change(workshop, workflow_id, "disable", ids=[ids[0]])
    assert workshop.http.put(f"/workflows/{workflow_id}/cancel").status_code == 200
    assert f"workflow off ({workflow_id}) is canceled; run it instead" in refusal(
        workshop, workflow_id, "enable", ids=[ids[0]]
    )
    assert statuses(workshop, workflow_id) == {"a": "disabled", "b": "canceled"}

"""What arguments mean: ids and names of workflows, jobs, runners and files, and the nearest of what is mistyped."""

from __future__ import annotations

import socket

import pytest

from tests.cli.torc_command import Torc

FLOW = """
name: "NAME"
jobs:
  - {name: first, command: "true"}
  - {name: second, command: "true", depends_on: [first]}
"""


def make(torc: Torc, name: str) -> int:
    return torc.create(FLOW.replace("NAME", name))


def test_the_newest_of_a_name_is_meant_and_said(torc: Torc) -> None:
    older, newer = make(torc, "twice"), make(torc, "twice")
    for words in (["workflows", "get", "twice"], ["jobs", "list", "twice"], ["run", "twice"]):
        shown = torc(*words, "-f", "json")
        assert f"2 workflows are called 'twice': this is the newest, {newer}, not {older}" in shown.err
    assert shown.json["workflow_id"] == newer


@pytest.mark.parametrize(
    "words",
    [
        ["workflows", "delete"],
        ["workflows", "cancel"],
        ["workflows", "reset-status"],
        ["workflows", "initialize"],
        ["jobs", "cancel", "first", "-w"],
    ],
)
def test_what_destroys_wants_to_know_which_of_a_name(torc: Torc, words: list[str]) -> None:
    name = "-".join(words)
    older, newer = make(torc, name), make(torc, name)
    shown = torc(*words, name, "--yes", code=2)
    assert f"2 workflows are called '{name}': give one of the ids {newer} (of " in shown.err
    assert f"{older} (of " in shown.err
    assert {job["status"] for job in torc("jobs", "list", newer, "-f", "json").json["jobs"]} == {"uninitialized"}


def test_a_number_is_an_id_and_a_name_where_there_is_no_such_id(torc: Torc) -> None:
    first = make(torc, "plain")
    named = make(torc, str(first))
    shown = torc("workflows", "get", first, "-f", "json")
    assert shown.json["id"] == first
    assert shown.err == f"torc: {first} is taken as an id; workflow {named} is called '{first}'\n"
    far = make(torc, "20261125")
    assert torc("workflows", "get", "20261125", "-f", "json").json["id"] == far


def test_a_number_is_the_name_of_a_job_where_the_workflow_has_one(torc: Torc) -> None:
    number = torc.create("name: numbered\njobs: [{name: '1', command: a}, {name: '2', command: b}]\n")
    assert torc("jobs", "get", "2", "-w", number, "-f", "json").json["command"] == "b"


def test_ids_beyond_all_that_can_be_are_said_to_be_so(torc: Torc) -> None:
    huge = "9" * 20
    for words in (["workflows", "get"], ["run"], ["jobs", "get"], ["explain"]):
        assert f"{huge}: no id is that large" in torc(*words, huge, code=2).err


def test_a_mistyped_name_is_answered_with_the_nearest(torc: Torc) -> None:
    number = make(torc, "simulation")
    assert "nearest: 'simulation'" in torc("workflows", "get", "simulatoin", code=2).err
    assert "nearest: 'second'" in torc("jobs", "get", "secnod", "-w", number, code=2).err
    (torc.folder / "flows").mkdir()
    torc.write(FLOW, "flows/night.yaml")
    for words in (["run"], ["workflows", "create"], ["convert", "--to", "kdl"], ["workflows", "execution-plan"]):
        shown = torc(*words, "flows/nihgt.yaml", code=2).err
        assert shown == "torc: flows/nihgt.yaml: no such file; nearest: flows/night.yaml\n"
    assert "nearest: flows/night.yaml" in torc("run", "flow/night.yaml", code=2).err


def test_a_mistyped_file_without_its_folder_is_answered_with_the_nearest_file(torc: Torc) -> None:
    torc.write(FLOW, "overnight.yaml")
    assert "no workflow is called 'overnigth'; nearest: 'overnight.yaml'" in torc("run", "overnigth", code=2).err


def test_filters_take_names_and_refuse_what_is_not_there(torc: Torc) -> None:
    number = torc("run", torc.write(FLOW.replace("NAME", "filtered")), "-f", "json").json["workflow_id"]
    other = make(torc, "other")
    stranger = torc("jobs", "list", other, "-f", "json").json["jobs"][0]["id"]
    below = torc("jobs", "list", number, "--upstream-job-id", "first", "-f", "json").json["jobs"]
    assert [job["name"] for job in below] == ["second"]
    for command in (["results", "list"], ["reports", "results"]):
        results = torc(*command, number, "-j", "second", "-f", "json").json["results"]
        assert [result["job_id"] for result in results] == [below[0]["id"]]
        assert "nearest: 'second'" in torc(*command, number, "-j", "secnod", code=2).err
        assert f"is of workflow {other}, not {number}" in torc(*command, number, "-j", stranger, code=2).err
    (node,) = {result["compute_node_id"] for result in torc("results", "list", number, "-f", "json").json["results"]}
    for name in (node, socket.gethostname()):
        assert len(torc("results", "list", number, "--compute-node", name, "-f", "json").json["results"]) == 2
    assert (
        f"has no runner 'nowhere'; it had {node} ("
        in torc("results", "list", number, "--compute-node", "nowhere", code=2).err
    )


@pytest.mark.parametrize("command", ["jobs list", "results list", "workflows list", "events"])
def test_a_list_is_sorted_by_what_it_shows_only(torc: Torc, command: str) -> None:
    shown = torc(*command.split(), "--sort-by", "nmae", code=2).err
    assert "'nmae' is none of id, " in shown
    assert "lost_node_id" not in shown
    assert "limit_resources" not in shown


def test_a_mistyped_status_is_answered_with_the_nearest(torc: Torc) -> None:
    for command in ("jobs", "results"):
        assert "nearest: 'completed'" in torc(command, "list", 1, "--status", "complted", code=2).err


def test_events_say_what_they_are_and_how_to_see_all(torc: Torc) -> None:
    number = make(torc, "eventful")
    assert f"'torc events {number} --follow --after 0' shows all that changed" in torc("events", number).err
    torc("workflows", "initialize", number)
    torc("workflows", "cancel", number)
    assert "nearest: 'workflow_canceled'" in torc("events", number, "-t", "workflow_cancelled").err

"""`-f json`: every command prints JSON and nothing else on stdout, wherever the option stands."""

from __future__ import annotations

from collections.abc import Iterator

import click
import msgspec
import pytest

from tests.cli.torc_command import Torc
from torc_core.cli.main import torc as torc_group

FLOW = """
name: all-of-it
jobs:
  - {name: good, command: echo one}
  - {name: bad, command: "echo two >&2; exit 3"}
"""

UNSHOWN = ("tui",)
"""Not for programs: it paints a screen."""

WORKING = [
    "run FILE", "run WF", "workflows run WF", "wait WF", "ping", "explain JOB", "convert FILE --to kdl",
    "events WF", "events list WF",
    "workflows create FILE", "workflows create FILE --dry-run", "workflows list", "workflows get WF",
    "workflows status WF", "workflows initialize WF --yes", "workflows initialize WF --dry-run",
    "workflows reset-status WF --yes", "workflows reinitialize WF", "workflows reinitialize WF --dry-run",
    "workflows execution-plan WF", "workflows cancel WF", "workflows delete WF --yes",
    "workflows execution-plan FILE",
    "jobs list WF", "jobs get JOB", "jobs logs JOB", "jobs logs JOB --follow", "jobs retry JOB", "jobs cancel WAITING",
    "results list WF", "compute-nodes list WF", "compute-nodes get NODE", "reports summary WF", "reports results WF",
]  # fmt: skip

FAILING = [
    "run nothing.yaml", "run nothing", "run BAD", "workflows create BAD", "workflows create BAD --dry-run",
    "workflows get 987654", "workflows delete WF", "jobs get 987654", "jobs retry WAITING", "jobs logs WAITING",
    "reports results WF -o nowhere", "explain", "jobs", "wait WAITING-WF --timeout 0",
]  # fmt: skip


def documents(text: str) -> list[object]:
    """One document, or one a line."""
    try:
        return [msgspec.json.decode(text)]
    except msgspec.DecodeError:
        return [msgspec.json.decode(line) for line in text.splitlines()]


@pytest.fixture
def words(torc: Torc) -> dict[str, str]:
    """What the capital words of the commands stand for."""
    number = torc("run", torc.write(FLOW), "-f", "json", code=1).json["workflow_id"]
    waiting = torc.create(FLOW)
    job = torc("jobs", "list", number, "-f", "json").json["jobs"][1]["id"]
    return {
        "FILE": "flow.yaml",
        "BAD": str(torc.write("name: bad\njobs: 3\n", "bad.yaml")),
        "WF": str(number),
        "JOB": str(job),
        "NODE": str(torc("compute-nodes", "list", number, "-f", "json").json["compute_nodes"][0]["id"]),
        "WAITING-WF": str(waiting),
        "WAITING": str(torc("jobs", "list", waiting, "-f", "json").json["jobs"][0]["id"]),
    }


@pytest.mark.parametrize("line", WORKING + FAILING)
def test_the_output_is_json_before_and_after_the_command(torc: Torc, words: dict[str, str], line: str) -> None:
    arguments = [words.get(word, word) for word in line.split()]
    for written in (["-f", "json", *arguments], [*arguments, "-f", "json"]):
        shown = torc(*written, code=None)
        found = documents(shown.out)
        assert found or shown.code == 0, shown
        if line in FAILING:
            assert shown.code in (1, 2), shown


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command, as its words."""
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        if isinstance(found, click.Group):
            yield from commands(found, (*path, name))
        elif name not in UNSHOWN:
            yield (*path, name)


@pytest.mark.parametrize("path", list(commands(torc_group)), ids=" ".join)
def test_wrong_use_of_any_command_is_json_too(torc: Torc, path: tuple[str, ...]) -> None:
    shown = torc(*path, "--no-such-option", "-f", "json", code=2)
    assert "--no-such-option" in shown.json["error"]
    assert shown.err.count("\n") == 1


@pytest.mark.parametrize("line", ["server start", "server status", "server log", "server stop", "ping"])
def test_commands_of_the_users_own_server_are_json(own_torc: Torc, line: str) -> None:
    own_torc("server", "start")
    assert own_torc("-f", "json", *line.split()).json
    assert own_torc(*line.split(), "-f", "json", code=None).json


def test_a_log_is_one_object_with_the_lines_of_each_stream(torc: Torc, words: dict[str, str]) -> None:
    shown = torc("jobs", "logs", words["JOB"], "-f", "json").json
    assert (shown["job_name"], shown["attempt_id"]) == ("bad", 1)
    assert (shown["stdout"]["lines"], shown["stderr"]["lines"]) == ([], ["two"])
    assert shown["stderr"]["path"].endswith(".e")
    only = torc("jobs", "logs", words["JOB"], "--stdout", "-f", "json").json
    assert "stderr" not in only


def test_a_followed_log_is_an_object_a_line(torc: Torc, words: dict[str, str]) -> None:
    (line,) = documents(torc("jobs", "logs", words["JOB"], "--follow", "-f", "json").out)
    assert isinstance(line, dict)
    assert (line["stream"], line["line"]) == ("stderr", "two")


def test_the_log_of_the_server_has_its_path_and_lines(own_torc: Torc) -> None:
    own_torc("server", "start")
    shown = own_torc("server", "log", "-f", "json", "-n", 1).json
    assert shown["path"].endswith("server.log")
    assert len(shown["lines"]) == 1


def test_a_run_with_nothing_to_do_has_the_keys_of_any_run(torc: Torc) -> None:
    first = torc("run", torc.write("name: once\njobs: [{name: a, command: 'true'}]\n"), "-f", "json").json
    again = torc("run", first["workflow_id"], "-f", "json").json
    assert list(again) == list(first)
    assert (again["exit_code"], again["jobs_by_status"]["completed"]) == (0, 1)


def test_the_status_of_a_workflow_counts_its_jobs_and_runners(torc: Torc, words: dict[str, str]) -> None:
    shown = torc("workflows", "status", words["WF"], "-f", "json").json
    assert (shown["run_id"], shown["is_complete"], shown["active_compute_nodes"]) == (1, True, 0)
    assert (shown["total_jobs"], shown["jobs_by_status"]["failed"]) == (2, 1)


def test_results_are_a_table_unless_json_is_asked_for(torc: Torc, words: dict[str, str]) -> None:
    assert "Stdout" in torc("reports", "results", words["WF"]).out.splitlines()[1]
    assert torc("reports", "results", words["WAITING-WF"], "-f", "json").json["results"] == []

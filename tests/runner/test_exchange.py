"""The runner keeps its side of the conversation when calls and answers get lost."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from tests.runner.fake_server import FakeServer
from tests.runner.processes import Run, Start
from tests.runner.waiting import until
from torc_core.models.exchange import Attempt


def test_work_goes_on_while_the_server_is_away_and_is_delivered_later(
    server: FakeServer, start: Start, tmp_path: Path
) -> None:
    server.job("until test -e gate; do sleep 0.01; done; exit 5")
    server.job("echo $$ > second; until test -e gate2; do sleep 0.01; done")
    runner = start("--max-parallel-jobs", "2")
    server.until(lambda: len(server.started) == 2, "start")

    server.leave()
    (tmp_path / "gate").touch()
    until(lambda: "return_code=5" in _log(tmp_path), "end of the first job in the log")
    until(lambda: "Server is away" in _log(tmp_path), "a log line")
    server.come_back()
    server.until(lambda: server.results.get(1), "delivery")
    (tmp_path / "gate2").touch()

    out, err = runner.communicate(timeout=20)
    assert (server.results[1].return_code, server.results[2].return_code) == (5, 0)
    assert _log(tmp_path).count("Server is away") == _log(tmp_path).count("Server is back") == 1
    assert (runner.returncode, out, err) == (1, "", "")


def test_results_whose_answer_was_lost_are_sent_again(server: FakeServer, run: Run) -> None:
    server.swallow_answers = 2
    server.job("true")

    assert run().returncode == 0

    assert server.result_deliveries.count(Attempt(1, 1)) >= 2


def test_a_job_that_is_handed_out_again_and_again_runs_once(server: FakeServer, run: Run, tmp_path: Path) -> None:
    server.repeat_everything = True
    for _ in range(20):
        server.job("echo ran >> count; sleep 0.03")

    run("--max-parallel-jobs", "4")

    assert (tmp_path / "count").read_text() == "ran\n" * 20


def test_held_attempts_are_those_without_an_acknowledged_result(server: FakeServer, run: Run) -> None:
    server.job("sleep 0.1")

    run("--max-parallel-jobs", "1")

    with_result = [call for call in server.calls if call.results]
    assert [call.held for call in with_result] == [[Attempt(1, 1)]]
    assert server.calls[0].held == []
    assert server.calls[-1].leaving
    assert server.calls[-1].held == []


def test_a_running_job_is_told_as_started_and_a_short_one_is_not(server: FakeServer, run: Run) -> None:
    server.job("true")
    server.job("sleep 0.2")

    run("--max-parallel-jobs", "1")

    assert [(told.job_id, told.attempt_id) for told in server.started] == [(2, 1)]
    assert server.started[0].start_ms == server.results[2].start_ms


def test_an_idle_runner_waits_in_held_calls(server: FakeServer, start: Start) -> None:
    server.job("true")
    server.keep_open = True
    start()
    server.until(lambda: 1 in server.results, "first job")
    server.until(lambda: server.calls[-1].wait_ms > 0, "a waiting call")
    quiet = len(server.calls)

    server.job("true")

    server.until(lambda: 2 in server.results, "second job", 5)
    assert len(server.calls) - quiet <= 3


@pytest.mark.parametrize(
    ("status", "why"),
    [(404, "not this one"), (422, "the server refuses this runner's calls")],
    ids=["forgotten", "refused"],
)
def test_a_runner_that_no_server_wants_stops_its_jobs_and_leaves(
    server: FakeServer, start: Start, status: int, why: str
) -> None:
    server.job("sleep 1000")
    runner = start()
    server.until(lambda: server.started, "start")

    server.change(refuse_with=status)
    server.job("sleep 1000")  # one that ended would have its result refused, which is said, too

    _, err = runner.communicate(timeout=30)
    assert runner.returncode == 1
    assert err.startswith(f"torc-runner: stopped: {why}")
    assert err.count("\n") == 1


@pytest.mark.parametrize("status", [401, 503])
def test_a_server_that_refuses_for_a_while_is_asked_again(
    server: FakeServer, start: Start, tmp_path: Path, status: int
) -> None:
    server.job("echo $$ > ran; sleep 0.1")
    runner = start()
    server.until(lambda: server.started, "start")

    server.change(refuse_with=status)
    until(lambda: "Server is away" in _log(tmp_path), "a log line")
    server.change(refuse_with=0)

    runner.communicate(timeout=30)
    assert (runner.returncode, server.results[1].status) == (0, "completed")


def test_a_server_with_a_defect_is_said_once_on_the_terminal_with_the_place_of_the_log(
    server: FakeServer, start: Start, tmp_path: Path
) -> None:
    server.change(refuse_with=500)
    server.job("true")
    runner = start()
    server.until(lambda: len(server.calls) >= 3, "calls")
    (log,) = (tmp_path / "output").glob("job_runner_*_wf1_r1.log")
    until(lambda: "the server answers 500" in _log(tmp_path), "a log line")

    server.change(refuse_with=0)

    _, err = runner.communicate(timeout=30)
    assert runner.returncode == 0
    assert err.startswith("torc-runner: the server answers 500")
    assert err.endswith(f"; results are kept, and sent again; the runner's log is {log}\n")
    assert err.count("\n") == 1
    assert "The server takes this runner's calls again" in _log(tmp_path)


def test_a_result_that_the_server_refuses_for_ever_is_kept_and_only_its_end_is_told(
    server: FakeServer, run: Run, tmp_path: Path
) -> None:
    server.unwanted = {9: 422}
    for number in range(12):
        server.job("echo why >&2; exit 9" if number in (3, 7) else "true")

    ended = run("--max-parallel-jobs", "12")

    ends = {job: (result.status, result.return_code) for job, result in server.results.items()}
    assert ends == {job: ("failed", 9) if job in (4, 8) else ("completed", 0) for job in range(1, 13)}
    assert all("the server refused the full result" in str(server.results[job].cause) for job in (4, 8))
    kept = [json.loads(line) for line in (tmp_path / "output/refused_results_wf1.jsonl").read_text().splitlines()]
    found = {(one["result"]["job_id"], one["result"]["stderr_tail"], one["refusal"]) for one in kept}
    assert found == {(4, "why\n", "not this one"), (8, "why\n", "not this one")}
    assert ended.returncode == 1
    assert ended.stderr.count("refused by the server: not this one; it is kept in") == 2
    assert "Server is away" not in _log(tmp_path)


def test_a_result_over_which_the_server_fails_keeps_no_other_back_and_is_not_lost(
    server: FakeServer, start: Start
) -> None:
    server.unwanted = {9: 500}
    for number in range(12):
        server.job("echo why >&2; exit 9" if number in (3, 7) else "true")

    runner = start("--max-parallel-jobs", "12")
    server.until(lambda: len(server.results) == 10, "the other results")
    server.change(unwanted={})

    _, err = runner.communicate(timeout=20)
    assert [server.results[job].stderr_tail for job in (4, 8)] == ["why\n", "why\n"]
    assert err.count("\n") == 1
    assert "the server answers 500: not this one" in err


def test_credentials_are_sent_as_basic_authentication(server: FakeServer, run: Run) -> None:
    server.job("true")

    run(TORC_USERNAME="anna", TORC_PASSWORD="pass word")

    assert server.authorization == "Basic " + base64.b64encode(b"anna:pass word").decode()


def test_the_machine_is_registered_with_what_it_offers(server: FakeServer, run: Run) -> None:
    server.job("true")

    run("--num-cpus", "3", "--memory-gb", "1.5", "--num-gpus", "2")

    node = server.nodes[0]
    assert (node.workflow_id, node.num_cpus, node.memory_gb, node.num_gpus) == (1, 3, 1.5, 2)
    assert node.compute_node_type == "local"
    assert node.uuid


def test_an_unknown_workflow_is_one_line(server: FakeServer, run: Run) -> None:
    ended = run("--workflow", "99")

    assert ended.returncode == 2
    assert (
        ended.stderr
        == f"torc-runner: there is no workflow 99 at {server.url}; 'torc workflows list' shows what there is\n"
    )


def test_a_folder_that_is_not_on_this_host_is_one_line(server: FakeServer, run: Run) -> None:
    server.change(workflow=FakeServer.workflow_of(origin="/not/here"))
    server.job("true")

    ended = run()

    assert ended.returncode == 2
    assert "/not/here, which is no directory on this host; give --cwd DIR" in ended.stderr
    assert not server.nodes


def _log(folder: Path) -> str:
    return "".join(path.read_text() for path in (folder / "output").glob("job_runner_*.log"))

"""Results outlive their runner: kept beside the output, delivered by the next one, no job runs twice."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos.evidence import processes_of
from tests.real import RunnerProcess, counts, runner_of, start_runner, workflow_of
from tests.runner.waiting import until
from tests.server_process import ServerProcess
from torc_core.models.exchange import Attempt, AttemptResult
from torc_core.models.late import LateAnswer, LateResults
from torc_core.runner.journal import Head, Journal, deliver, read
from torc_core.runner.log import Log

HEAD = Head("database", 1, 7, "uuid")


def result(job: int, attempt: int = 1) -> AttemptResult:
    return AttemptResult(job, 1, attempt, "completed", 0, 1, 2)


def journal_of(folder: Path, *jobs: int) -> Journal:
    """A journal with the results of these jobs."""
    journal = Journal(folder, HEAD, Log())
    for job in jobs:
        journal.ended(Attempt(job, 1), result(job))
    journal.write()
    return journal


def kept(journal: Journal) -> list[int]:
    head, results = read(journal.path.read_bytes())
    assert head == HEAD
    return [each.job_id for each in results]


class Deliveries:
    """Takes what is delivered."""

    def __init__(self, *refused: Attempt) -> None:
        self.refused = list(refused)
        self.calls: list[tuple[int, LateResults]] = []

    def __call__(self, node: int, late: LateResults) -> LateAnswer:
        self.calls.append((node, late))
        return LateAnswer(self.refused)


def test_what_was_acknowledged_is_not_delivered_again(tmp_path: Path) -> None:
    journal = journal_of(tmp_path, 1, 2, 3)
    journal.acknowledged([Attempt(1, 1), Attempt(3, 1)])
    journal.write()
    assert kept(journal) == [2]


@pytest.mark.parametrize("cut", [1, 10, 40])
def test_a_torn_last_line_costs_only_itself(tmp_path: Path, cut: int) -> None:
    journal = journal_of(tmp_path, 1, 2, 3)
    content = journal.path.read_bytes()
    os.truncate(journal.path, len(content) - cut)
    assert kept(journal) == ([1, 2] if cut > 1 else [1, 2, 3])


def test_a_journal_of_which_only_a_part_of_the_first_line_is_there_is_removed(tmp_path: Path) -> None:
    path = journal_of(tmp_path, 1).path
    path.write_bytes(path.read_bytes()[:10])
    (tmp_path / ".journal_wf1_other.jsonl").write_bytes(b'{"database_')
    delivered = Deliveries()
    assert deliver(tmp_path, 1, "database", delivered) == (0, 0)
    assert delivered.calls == []


def test_the_journal_of_a_live_runner_is_left_alone(tmp_path: Path) -> None:
    journal = journal_of(tmp_path, 1)
    delivered = Deliveries()
    assert deliver(tmp_path, 1, "database", delivered) == (0, 0)
    journal.close()
    assert deliver(tmp_path, 1, "database", delivered) == (1, 0)
    assert [(node, late.uuid, [r.job_id for r in late.results]) for node, late in delivered.calls] == [(7, "uuid", [1])]
    assert list(tmp_path.iterdir()) == []


def test_journals_of_other_workflows_and_databases_are_left_alone(tmp_path: Path) -> None:
    journal_of(tmp_path, 1).close()
    delivered = Deliveries()
    deliver(tmp_path, 2, "database", delivered)
    deliver(tmp_path, 1, "another database", delivered)
    assert delivered.calls == []
    assert deliver(tmp_path, 1, "database", Deliveries(Attempt(1, 1))) == (0, 1)


def test_a_journal_stays_until_it_could_be_delivered(tmp_path: Path) -> None:
    journal_of(tmp_path, 1).close()

    def away(_node: int, _late: LateResults) -> LateAnswer:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        deliver(tmp_path, 1, "database", away)
    assert deliver(tmp_path, 1, "database", Deliveries()) == (1, 0)


def test_a_long_journal_begins_anew_when_all_of_it_is_delivered(tmp_path: Path) -> None:
    journal = journal_of(tmp_path, *range(5_000))
    journal.acknowledged([Attempt(job, 1) for job in range(5_000)])
    journal.ended(Attempt(9_000, 1), result(9_000))
    journal.write()
    assert journal.path.stat().st_size < 1_000
    assert kept(journal) == [9_000]


def test_a_full_disk_costs_the_journal_only_and_it_goes_on_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = journal_of(tmp_path, 1)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("torc_core.runner.journal.os.write", full)
        journal.ended(Attempt(2, 1), result(2))
        journal.write()
    journal.ended(Attempt(3, 1), result(3))
    journal.write()
    assert kept(journal) == [1, 2, 3]


def test_a_line_that_a_full_disk_cut_in_two_is_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = journal_of(tmp_path, 1)
    write = os.write
    room = [20]

    def fills(fd: int, data: bytes) -> int:
        if not room:
            raise OSError(28, "No space left on device")
        return write(fd, data[: room.pop()])

    with monkeypatch.context() as patch:
        patch.setattr("torc_core.runner.journal.os.write", fills)
        journal.ended(Attempt(2, 1), result(2))
        journal.write()
        journal.write()
    journal.ended(Attempt(3, 1), result(3))
    journal.write()
    assert kept(journal) == [1, 2, 3]


KILLED: dict[str, Callable[[RunnerProcess], int]] = {
    "runner": runner_of,
    "guard": lambda process: process.pid,
}


@pytest.mark.parametrize("who", KILLED)
def test_results_of_a_runner_that_was_killed_while_the_server_was_away_are_delivered_by_the_next(
    tmp_path: Path, who: str
) -> None:
    (tmp_path / "server").mkdir()
    ran = tmp_path / "ran"
    waits = "touch here$TORC_JOB_ID; until [ -e go ]; do sleep 0.01; done; "
    commands = [f'{waits} echo "{n} $TORC_ATTEMPT_ID" >> ran; [ {n} -lt 4 ] || sleep 600' for n in range(5)]
    with ServerProcess(tmp_path / "server") as server:
        workflow = workflow_of(server, commands)
        first = start_runner(server, workflow, tmp_path, "--max-parallel-jobs", "5")
        until(lambda: counts(server, workflow)["running"] == 5, "five jobs running")
        server.crash()
        (tmp_path / "go").touch()
        (journal,) = tmp_path.glob("output/.journal*")
        until(lambda: len(read(journal.read_bytes())[1]) == 4 and lines(ran) == 5, "four results in the journal")
        os.kill(KILLED[who](first), signal.SIGKILL)
        first.communicate(timeout=30)
        server.start()
        second = start_runner(server, workflow, tmp_path, "--max-parallel-jobs", "5")
        until(lambda: lines(ran) == 6, "the fifth job run again")
        assert sorted(ran.read_text().splitlines()) == ["0 1", "1 1", "2 1", "3 1", "4 1", "4 2"]
        until(lambda: counts(server, workflow)["completed"] == 4, "four jobs completed")
        second.send_signal(signal.SIGINT)
        second.communicate(timeout=30)
    assert list(tmp_path.glob("output/.journal*")) == []


def test_a_journal_that_the_server_does_not_take_keeps_nobody_from_working(tmp_path: Path) -> None:
    (tmp_path / "server").mkdir()
    (tmp_path / "output").mkdir()
    with ServerProcess(tmp_path / "server") as server:
        workflow = workflow_of(server, ["touch done"])
        with server.client() as http:
            database = http.get("/server").json()["database_uuid"]
        journal = Journal(tmp_path / "output", Head(database, workflow, 10**30, "odd"), Log())
        journal.ended(Attempt(1, 1), result(1))
        journal.close()
        _, said = start_runner(server, workflow, tmp_path).communicate(timeout=20)
        assert "results of an earlier runner are not delivered, their jobs run again" in said
        assert (tmp_path / "done").exists()
    assert journal.path.exists()


def test_processes_that_outlived_runner_and_guard_are_killed_by_the_next_runner(tmp_path: Path) -> None:
    (tmp_path / "server").mkdir()
    ran = tmp_path / "ran"
    with ServerProcess(tmp_path / "server") as server:
        command = "echo $TORC_ATTEMPT_ID >> ran; [ $TORC_ATTEMPT_ID = 2 ] || { setsid sleep 600 & sleep 600; }"
        workflow = workflow_of(server, [command])
        first = start_runner(server, workflow, tmp_path)
        until(lambda: lines(ran) == 1 and len(processes_of(workflow, server.port)) == 3, "three processes of the job")
        runner = runner_of(first)
        os.kill(first.pid, signal.SIGSTOP)
        os.kill(runner, signal.SIGKILL)
        os.kill(first.pid, signal.SIGKILL)
        first.communicate(timeout=30)
        assert len(processes_of(workflow, server.port)) == 3, "nobody was left to kill them"
        second = start_runner(server, workflow, tmp_path)
        second.communicate(timeout=20)
        assert ran.read_text() == "1\n2\n"
        assert processes_of(workflow, server.port) == []


def lines(path: Path) -> int:
    return path.read_text().count("\n") if path.exists() else 0

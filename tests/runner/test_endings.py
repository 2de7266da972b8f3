"""Jobs that are made to end, and what they leave behind."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest

from tests.runner.fake_server import FakeServer
from tests.runner.processes import Run, Start
from tests.runner.waiting import is_alive, nobody_is_left, pid_in, until

STUBBORN = "trap '' TERM; echo $$ > pid; while :; do sleep 0.05; done"
FOREVER = "echo $$ > pid; sleep 1000 & echo $! > child; wait"


def test_a_canceled_job_is_terminated_and_reported_as_canceled(
    server: FakeServer, start: Start, tmp_path: Path
) -> None:
    job = server.job(FOREVER)
    runner = start()
    server.until(lambda: server.started, "start")
    child = pid_in(tmp_path / "child")

    server.stop(job, "canceled")

    runner.communicate(timeout=10)
    assert (server.results[1].status, server.results[1].return_code) == ("canceled", 143)
    nobody_is_left(child)


def test_a_job_that_ignores_term_is_killed_after_the_grace_period(
    server: FakeServer, start: Start, tmp_path: Path
) -> None:
    job = server.job(STUBBORN)
    runner = start("--grace-s", "0.2")
    pid_in(tmp_path / "pid")
    server.until(lambda: server.started, "start")

    server.stop(job, "canceled")

    runner.communicate(timeout=10)
    result = server.results[1]
    assert (result.status, result.return_code) == ("canceled", 137)


def test_what_a_job_is_told_to_stop_may_finish_within_the_grace_period(
    server: FakeServer, start: Start, tmp_path: Path
) -> None:
    saver = "trap 'sleep 0.2; echo saved > saved; exit' TERM; echo $$ > ready; while :; do sleep 0.01; done"
    job = server.job(f"bash -c '{saver.replace(chr(39), chr(34))}'; echo never")
    runner = start()
    pid_in(tmp_path / "ready")
    server.until(lambda: server.started, "start")

    server.stop(job, "canceled")

    runner.communicate(timeout=10)
    assert (tmp_path / "saved").read_text() == "saved\n"
    assert server.results[1].return_code == 143


def test_a_superseded_attempt_is_ended_and_not_reported(server: FakeServer, start: Start, tmp_path: Path) -> None:
    server.keep_open = True
    job = server.job(FOREVER)
    runner = start()
    server.until(lambda: server.started, "start")
    pid = pid_in(tmp_path / "child")

    server.stop(job, "superseded")

    nobody_is_left(pid)
    server.change(keep_open=False)
    runner.communicate(timeout=15)
    assert server.results == {}


def test_a_canceled_workflow_ends_all_jobs(server: FakeServer, start: Start) -> None:
    for _ in range(3):
        server.job("sleep 1000")
    runner = start("--max-parallel-jobs", "2")
    server.until(lambda: len(server.started) == 2, "start")

    server.change(state="canceled")

    runner.communicate(timeout=10)
    assert [server.results[job].status for job in (1, 2)] == ["canceled", "canceled"]
    assert runner.returncode == 1
    assert server.left


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_stops_jobs_cleanly(server: FakeServer, start: Start, tmp_path: Path, number: int) -> None:
    server.job("trap 'exit 9' TERM; echo $$ > pid; while :; do sleep 0.01; done")
    server.job("sleep 1000")
    runner = start("--max-parallel-jobs", "2")
    pid_in(tmp_path / "pid")
    server.until(lambda: len(server.started) == 2, "start")

    runner.send_signal(number)

    runner.communicate(timeout=10)
    assert runner.returncode == 130
    ends = [(server.results[job].status, server.results[job].return_code) for job in (1, 2)]
    assert ends == [("terminated", 9), ("terminated", 143)]
    assert server.left


def test_ctrl_c_at_the_terminal_reaches_guard_and_runner_and_counts_once(
    server: FakeServer, start: Start, tmp_path: Path
) -> None:
    server.job("trap 'sleep 0.3; exit 9' TERM; echo $$ > pid; while :; do sleep 0.01; done")
    runner = start()
    pid_in(tmp_path / "pid")

    os.killpg(runner.pid, signal.SIGINT)

    runner.communicate(timeout=10)
    assert (runner.returncode, server.results[1].return_code) == (130, 9)


def test_the_second_signal_kills_at_once(server: FakeServer, start: Start, tmp_path: Path) -> None:
    server.job("trap 'touch termed' TERM; echo $$ > pid; while :; do sleep 0.01; done")
    runner = start("--grace-s", "60")
    pid = pid_in(tmp_path / "pid")
    runner.send_signal(signal.SIGINT)
    until(lambda: (tmp_path / "termed").exists(), "TERM")

    def interrupt_again() -> bool:
        runner.send_signal(signal.SIGINT)
        return runner.poll() is not None

    until(interrupt_again, "end after a later signal")

    assert runner.returncode == 130
    assert not is_alive(pid)
    assert server.results[1].return_code == 137


def test_processes_left_in_the_background_are_killed_when_their_job_ends(
    server: FakeServer, run: Run, tmp_path: Path
) -> None:
    server.job("sleep 1000 & echo $! > left")
    server.job("(setsid bash -c 'echo $$ > daemon; sleep 1000' &); until test -s daemon; do sleep 0.01; done")

    run("--max-parallel-jobs", "1")

    assert [server.results[job].status for job in (1, 2)] == ["completed", "completed"]
    assert server.results[1].cause == "killed 1 background process left behind"
    assert re.fullmatch(r"killed [12] background process(es)? left behind", str(server.results[2].cause))
    nobody_is_left(pid_in(tmp_path / "left"), pid_in(tmp_path / "daemon"))


def test_leftovers_of_one_job_are_no_reason_to_touch_another(server: FakeServer, start: Start, tmp_path: Path) -> None:
    server.job("(setsid bash -c 'echo $$ > daemon; sleep 1000' &); until test -e gate; do sleep 0.01; done")
    runner = start("--max-parallel-jobs", "2")
    daemon = pid_in(tmp_path / "daemon")

    server.job("sleep 1000 & echo $! > left")
    server.until(lambda: 2 in server.results, "second job")

    nobody_is_left(pid_in(tmp_path / "left"))
    assert is_alive(daemon)
    (tmp_path / "gate").touch()
    runner.communicate(timeout=10)
    nobody_is_left(daemon)


def test_nothing_outlives_a_runner_that_is_killed(server: FakeServer, start: Start, tmp_path: Path) -> None:
    server.job("(setsid bash -c 'echo $$ > daemon; sleep 1000' &); sleep 1000 & echo $! > pid; wait")
    guard = start()
    daemon, pid = pid_in(tmp_path / "daemon"), pid_in(tmp_path / "pid")
    (runner,) = Path(f"/proc/{guard.pid}/task/{guard.pid}/children").read_text().split()

    os.kill(int(runner), signal.SIGKILL)

    _, err = guard.communicate(timeout=10)
    assert not is_alive(daemon)
    assert not is_alive(pid)
    assert guard.returncode == 137
    assert err == "torc-runner: the runner was killed by SIGKILL (137); its jobs were killed too\n"


def test_what_a_job_keeps_in_the_background_lives_until_the_runner_ends(
    server: FakeServer, start: Start, tmp_path: Path
) -> None:
    server.job(
        "(setsid bash -c 'echo $$ > daemon; sleep 1000' &); until test -s daemon; do sleep 0.01; done",
        keep_background=True,
    )
    server.job("until test -e go; do sleep 0.01; done")
    guard = start("--max-parallel-jobs", "2")
    until(lambda: 1 in server.results, "the end of the first job")
    daemon = pid_in(tmp_path / "daemon")
    assert is_alive(daemon)
    assert (server.results[1].status, server.results[1].cause) == ("completed", None)

    (tmp_path / "go").touch()

    guard.communicate(timeout=10)
    assert not is_alive(daemon)


def test_a_job_that_had_just_begun_when_the_guard_was_killed_is_told_as_begun(server: FakeServer, start: Start) -> None:
    job = server.job("read -r _ _ _ guard _ < /proc/$PPID/stat; kill -KILL $guard; sleep 1000")
    guard = start()
    server.until(lambda: server.left, "the farewell of the runner")
    guard.communicate(timeout=30)
    assert server.results == {}
    assert server.released == []
    assert [started.job_id for started in server.started] == [job.job_id], "else it is handed out as this attempt again"


def test_nothing_outlives_a_guard_that_is_killed(server: FakeServer, start: Start, tmp_path: Path) -> None:
    server.job("(setsid bash -c 'echo $$ > daemon; sleep 1000' &); sleep 1000 & echo $! > pid; wait")
    guard = start()
    daemon, pid = pid_in(tmp_path / "daemon"), pid_in(tmp_path / "pid")
    (runner,) = Path(f"/proc/{guard.pid}/task/{guard.pid}/children").read_text().split()

    os.kill(guard.pid, signal.SIGKILL)

    nobody_is_left(daemon, pid, int(runner))
    assert server.results == {}, "the job did not end by itself: it runs again elsewhere"


@pytest.mark.parametrize("lacking", ["del os.pidfd_open", "import resource; resource.setrlimit(7, (70, 70))"])
def test_ends_are_noticed_without_pidfds_too(server: FakeServer, start_python: Start, lacking: str) -> None:
    for code in range(20):
        server.job(f"exit {code}")

    runner = start_python(f"import os; {lacking}; from torc_core.runner.main import main; main()")
    _, err = runner.communicate(timeout=20)

    assert err == ""
    assert [server.results[code + 1].return_code for code in range(20)] == list(range(20))


def test_a_job_that_takes_long_to_end_does_not_make_the_runner_call_in_a_circle(
    server: FakeServer, start: Start, tmp_path: Path
) -> None:
    job = server.job(STUBBORN)
    runner = start("--grace-s", "1")
    pid_in(tmp_path / "pid")
    server.until(lambda: server.started, "start")
    before = len(server.calls)

    server.stop(job, "canceled")

    runner.communicate(timeout=10)
    assert len(server.calls) - before < 12


def test_signals_that_the_runner_was_started_to_ignore_do_not_stop_it(
    server: FakeServer, start_python: Start, tmp_path: Path
) -> None:
    server.job("echo $$ > pid; until test -e gate; do sleep 0.01; done")
    ignore = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)"
    runner = start_python(f"{ignore}; from torc_core.runner.main import main; main()")
    pid_in(tmp_path / "pid")

    os.killpg(runner.pid, signal.SIGHUP)
    (tmp_path / "gate").touch()

    runner.communicate(timeout=10)
    assert (runner.returncode, server.results[1].status) == (0, "completed")

"""What the end of a job looks like to the server, and what a job's world is."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from tests.runner.fake_server import FakeServer
from tests.runner.processes import Run, Start
from torc_core.models.exchange import OutputStat
from torc_core.models.stdio import Stdio


def test_a_job_that_exits_0_is_completed(server: FakeServer, run: Run, tmp_path: Path) -> None:
    server.job("echo hello; echo warning >&2")

    ended = run()

    result = server.results[1]
    assert (result.status, result.return_code, result.cause, result.stderr_tail) == ("completed", 0, None, None)
    assert result.end_ms >= result.start_ms > 1_500_000_000_000
    assert (tmp_path / "output/job_stdio/job_wf1_j1_r1_a1.o").read_text() == "hello\n"
    assert (tmp_path / "output/job_stdio/job_wf1_j1_r1_a1.e").read_text() == "warning\n"
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert server.left


def test_an_exit_code_is_reported_with_the_end_of_stderr(server: FakeServer, run: Run) -> None:
    server.job("head -c 5000 /dev/zero | tr '\\0' x >&2; echo -e 'last\\xff' >&2; exit 44")

    ended = run()

    result = server.results[1]
    assert (result.status, result.return_code) == ("failed", 44)
    assert result.stderr_tail is not None
    assert len(result.stderr_tail) == 2000
    assert result.stderr_tail.endswith("xlast\ufffd\n")
    assert ended.returncode == 1


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_death_by_signal_n_is_128_plus_n(server: FakeServer, run: Run, number: int) -> None:
    server.job(f"kill -{int(number)} $$")

    run()

    assert (server.results[1].status, server.results[1].return_code) == ("failed", 128 + number)


def test_declared_outputs_are_told_with_size_and_time(server: FakeServer, run: Run, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    server.job(
        "printf 12345 > a.txt; mkdir folder",
        cwd="work",
        output_files=[(11, "a.txt"), (12, "folder"), (13, str(tmp_path / "work/a.txt"))],
    )

    run()

    stat = (tmp_path / "work/a.txt").stat()
    assert server.results[1].status == "completed"
    assert server.results[1].outputs[0] == OutputStat(11, stat.st_mtime, 5)
    assert [output.file_id for output in server.results[1].outputs] == [11, 12, 13]


def test_missing_outputs_make_a_success_a_failure(server: FakeServer, run: Run) -> None:
    server.job("touch b.txt", output_files=[(1, "a.txt"), (2, "b.txt"), (3, "c/d.txt")])

    ended = run()

    result = server.results[1]
    assert (result.status, result.return_code) == ("failed", 1)
    assert result.cause == "missing output files: a.txt, c/d.txt"
    assert ended.returncode == 1


@pytest.mark.parametrize(
    ("fields", "return_code", "cause"),
    [
        ({"command": "true", "cwd": "nowhere"}, 127, "nowhere: No such file or directory"),
        ({"command": "true\0false"}, 126, "embedded null byte"),
        ({"command": "x" * 3_000_000}, 126, "too long"),
        ({"command": "true", "env": {"A=B": "1"}}, 126, "illegal environment variable name"),
    ],
)
def test_a_job_that_cannot_be_started_has_failed_and_says_why(
    server: FakeServer, run: Run, fields: dict[str, Any], return_code: int, cause: str
) -> None:
    server.job(**fields)
    server.job("true")

    run()

    assert (server.results[1].status, server.results[1].return_code) == ("failed", return_code)
    assert cause in str(server.results[1].cause)
    assert server.results[2].status == "completed"


def test_many_jobs_that_cannot_be_started_do_not_harm_the_runner(server: FakeServer, run: Run) -> None:
    for _ in range(1200):
        server.job("true", cwd="nowhere")

    run()

    assert len(server.results) == 1200
    assert {result.return_code for result in server.results.values()} == {127}


def test_jobs_get_the_variables_of_torc_and_of_the_workflow(server: FakeServer, run: Run, tmp_path: Path) -> None:
    server.change(workflow=FakeServer.workflow_of(env={"FROM": "workflow", "BOTH": "workflow"}))
    server.job("env", name="my job", env={"BOTH": "job", "TORC_JOB_ID": "forged"})

    run("--output-dir", "out", INHERITED="yes")

    lines = (tmp_path / "out/job_stdio/job_wf1_j1_r1_a1.o").read_text().splitlines()
    variables = dict(line.split("=", 1) for line in lines)
    expected = {
        "TORC_API_URL": f"{server.url}/torc-service/v1",
        "TORC_WORKFLOW_ID": "1",
        "TORC_JOB_ID": "1",
        "TORC_JOB_NAME": "my job",
        "TORC_ATTEMPT_ID": "1",
        "TORC_RUN_ID": "1",
        "TORC_OUTPUT_DIR": str(tmp_path / "out"),
        "FROM": "workflow",
        "BOTH": "job",
        "INHERITED": "yes",
    }
    assert {name: variables.get(name) for name in expected} == expected
    assert "CUDA_VISIBLE_DEVICES" not in variables


def test_jobs_work_where_the_workflow_was_created_unless_told_otherwise(
    server: FakeServer, run: Run, tmp_path: Path
) -> None:
    for folder in ("origin/flow", "origin/job", "other/flow"):
        (tmp_path / folder).mkdir(parents=True)
    server.change(workflow=FakeServer.workflow_of(origin=str(tmp_path / "origin"), cwd="flow"))
    server.job("pwd > $TORC_OUTPUT_DIR/$TORC_JOB_ID")
    server.job("pwd > $TORC_OUTPUT_DIR/$TORC_JOB_ID", cwd="job")
    run()
    server.job("pwd > $TORC_OUTPUT_DIR/$TORC_JOB_ID")
    run("--cwd", "other")

    where = [(tmp_path / f"output/{job}").read_text().strip() for job in (1, 2, 3)]
    assert where == [str(tmp_path / folder) for folder in ("origin/flow", "origin/job", "other/flow")]


def test_an_invocation_script_is_put_in_front_of_the_command(server: FakeServer, run: Run, tmp_path: Path) -> None:
    server.job("echo inner", invocation_script="printf %s-")

    run()

    assert (tmp_path / "output/job_stdio/job_wf1_j1_r1_a1.o").read_text() == "echo-inner-"


def test_a_job_reads_nothing_from_stdin_and_leads_its_own_session(server: FakeServer, run: Run, tmp_path: Path) -> None:
    server.job("cat; ps -o sid= -p $$ | tr -d ' '; echo $$")

    run()

    session, pid = (tmp_path / "output/job_stdio/job_wf1_j1_r1_a1.o").read_text().split()
    assert session == pid


def test_a_job_does_not_ignore_or_block_what_its_runner_does(server: FakeServer, run: Run, tmp_path: Path) -> None:
    server.job("exec grep -E 'Sig(Ign|Blk)' /proc/self/status")

    run()

    lines = (tmp_path / "output/job_stdio/job_wf1_j1_r1_a1.o").read_text().splitlines()
    masks = {name: int(mask, 16) for name, mask in (line.split(":") for line in lines)}
    runners_own = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
    assert [number for number in runners_own if masks["SigIgn"] >> number - 1 & 1] == []
    assert masks["SigBlk"] == 0


def test_the_log_tells_of_each_job_in_the_form_of_torc(server: FakeServer, run: Run, tmp_path: Path) -> None:
    server.job("exit 3")

    run()

    (path,) = (tmp_path / "output").glob("job_runner_*_wf1_r1.log")
    lines = path.read_text().splitlines()
    assert all(line.startswith("[20") and line[20:].startswith("Z INFO  torc::runner] ") for line in lines)
    assert any("] Job started job_id=1 run_id=1 attempt_id=1" in line for line in lines)
    assert any("return_code=3 status=failed exec_time_s=" in line for line in lines)


def test_a_workflow_that_was_never_started_anew_has_a_log_of_its_run_0(
    server: FakeServer, run: Run, tmp_path: Path
) -> None:
    server.run_id = 0
    server.job("true")

    run()

    (path,) = (tmp_path / "output").glob("job_runner_*_wf1_r0.log")
    assert "] Job started" in path.read_text()


def test_cpu_and_memory_of_a_job_are_measured(server: FakeServer, run: Run) -> None:
    work = "x = bytearray(80_000_000); import time; e = time.process_time() + 0.3\nwhile time.process_time() < e: pass"
    server.job(f"python3 -c '{work}'")
    server.job("true")

    run()

    long, short = server.results[1], server.results[2]
    assert 80_000_000 < (long.peak_memory_bytes or 0) < 200_000_000
    assert 0 < (long.avg_memory_bytes or 0) <= (long.peak_memory_bytes or 0)
    assert 10 < (long.avg_cpu_percent or 0) <= (long.peak_cpu_percent or 0) < 250
    assert (short.peak_memory_bytes, short.avg_memory_bytes, short.peak_cpu_percent) == (None, None, None)


def test_what_all_processes_of_a_job_use_is_added_up(server: FakeServer, start: Start, tmp_path: Path) -> None:
    server.hold_s = 0.2  # samples come with the next call
    work = "x = bytearray(60_000_000); import os\nwhile not os.path.exists('go'): sum(range(1000))"
    server.job(f'python3 -c "{work}" & python3 -c "{work}" & wait')
    runner = start()

    server.until(lambda: any(s.memory_bytes > 120_000_000 for call in server.calls for s in call.samples), "a sample")
    (tmp_path / "go").touch()
    runner.communicate(timeout=20)

    samples = [sample for call in server.calls for sample in call.samples]
    assert max(sample.num_processes for sample in samples) == 3
    assert 120_000_000 < (server.results[1].peak_memory_bytes or 0) < 300_000_000
    assert 10 < (server.results[1].peak_cpu_percent or 0) < 250


def test_an_output_folder_of_another_database_is_refused(server: FakeServer, run: Run, tmp_path: Path) -> None:
    server.job("true")
    (tmp_path / "output").mkdir()
    (tmp_path / "output/.torc-database").write_text("11111111-other\n")

    ended = run()

    assert ended.returncode == 2
    assert "holds the output of another torc database (11111111…)" in ended.stderr
    assert not server.nodes


@pytest.mark.parametrize(
    ("mode", "kept"),
    [
        ("separate", {".o": "out\n", ".e": "err\n"}),
        ("combined", {".o": "out\nerr\n"}),
        ("no_stdout", {".e": "err\n"}),
        ("no_stderr", {".o": "out\n"}),
        ("none", {}),
    ],
)
def test_only_the_output_that_is_wanted_is_kept(
    server: FakeServer, run: Run, tmp_path: Path, mode: str, kept: dict[str, str]
) -> None:
    server.job("echo out; echo err >&2; exit 3", stdio=Stdio(mode))  # type: ignore[arg-type]

    run()

    files = {path.suffix: path.read_text() for path in (tmp_path / "output/job_stdio").glob("job_wf1_j1_*")}
    assert files == kept
    tail = kept.get(".o" if mode == "combined" else ".e")
    assert server.results[1].stderr_tail == tail


def test_output_is_deleted_on_success_alone(server: FakeServer, run: Run, tmp_path: Path) -> None:
    server.job("echo fine", stdio=Stdio(delete_on_success=True))
    server.job("echo oops; exit 1", stdio=Stdio(delete_on_success=True))

    run()

    files = sorted(path.name for path in (tmp_path / "output/job_stdio").iterdir())
    assert files == ["job_wf1_j2_r1_a1.e", "job_wf1_j2_r1_a1.o"]

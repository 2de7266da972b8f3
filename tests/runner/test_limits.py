"""Limits that the user wrote are kept; the built-in defaults and switched-off ones are not."""

from __future__ import annotations

import socket
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.runner.fake_server import MIB, FakeServer
from tests.runner.processes import Run, Start
from tests.runner.waiting import until
from torc_core.models.exchange import Sample

# Programs of jobs: they hold their memory for as long as a limit needs to see it, or until it ends them.
EATER = "python3 -c 'x = bytearray(100_000_000); import time; time.sleep({seconds})'"
EATS_UNTIL_TOLD = """python3 -c '
import os, time
x = bytearray(100_000_000)
while not os.path.exists("gate"): time.sleep(0.01)
'"""


def test_a_job_over_its_runtime_is_terminated_with_152(server: FakeServer, run: Run) -> None:
    server.job("sleep 1000", limits=True, runtime_s=1, memory_bytes=100 * MIB)

    ended = run()

    result = server.results[1]
    assert (result.status, result.return_code, result.cause) == ("terminated", 152, "over runtime: limit 1 s")
    assert result.end_ms - result.start_ms > 950
    assert ended.returncode == 1


def test_a_job_over_its_memory_is_killed_with_137(server: FakeServer, run: Run) -> None:
    server.job(EATER.format(seconds=1000) + " & wait", limits=True, memory_bytes=50 * MIB)

    run()

    result = server.results[1]
    assert (result.status, result.return_code) == ("failed", 137)
    assert result.cause is not None
    assert result.cause.startswith("over memory: ")
    assert result.cause.endswith(" MB used, limit 50 MB")


def test_the_default_requirement_is_not_enforced(server: FakeServer, run: Run) -> None:
    server.job(EATER.format(seconds=1.2), limits=False, runtime_s=1, memory_bytes=MIB)

    assert run().returncode == 0


def test_limits_can_be_switched_off_for_a_workflow(server: FakeServer, run: Run) -> None:
    server.change(workflow=FakeServer.workflow_of(limit_resources=False))
    server.job(EATER.format(seconds=1.2), limits=True, runtime_s=1, memory_bytes=MIB)

    assert run().returncode == 0


def test_the_runner_stops_its_jobs_when_its_own_time_is_over(server: FakeServer, run: Run) -> None:
    server.job("sleep 1000")

    ended = run("--time-left-s", "0.5")

    assert (server.results[1].status, server.results[1].return_code) == ("terminated", 143)
    assert server.calls[0].time_left_s == 0
    assert ended.returncode == 1


def test_what_a_job_uses_is_told_from_its_first_second_on(server: FakeServer, start: Start, tmp_path: Path) -> None:
    server.hold_s = 0.1
    server.job("true")
    server.job(EATS_UNTIL_TOLD)
    runner = start()

    server.until(lambda: len(told(server)) >= 2, "two samples")
    (tmp_path / "gate").touch()

    runner.communicate(timeout=10)
    first, second, *_ = told(server)
    assert {sample.job_id for sample in told(server)} == {2}
    assert first.at_ms - server.results[2].start_ms >= 1000
    assert second.at_ms - first.at_ms > 900
    assert all(sample.memory_bytes > 100_000_000 and sample.num_processes >= 1 for sample in told(server))


def told(server: FakeServer) -> list[Sample]:
    """What the runner told of its jobs' use so far."""
    return [sample for call in server.calls for sample in call.samples]


def test_nothing_is_told_where_monitoring_is_switched_off(server: FakeServer, run: Run) -> None:
    server.change(workflow=FakeServer.workflow_of(resource_monitor_config='{"enabled": false}'))
    server.job("sleep 1.5", limits=True, memory_bytes=100 * MIB, runtime_s=60)

    assert run().returncode == 0
    assert not any(call.samples for call in server.calls)


def test_a_time_series_of_what_jobs_use_is_kept_beside_their_output(
    server: FakeServer, start: Start, tmp_path: Path
) -> None:
    config = '{"enabled": true, "granularity": "time_series", "sample_interval_seconds": 1}'
    server.change(workflow=FakeServer.workflow_of(resource_monitor_config=config))
    server.job("true")
    server.job(EATS_UNTIL_TOLD, name="eater")
    runner = start()
    path = tmp_path / "output" / "resource_utilization" / f"resource_metrics_{socket.gethostname()}_1_1.db"
    columns = "job_id, timestamp, cpu_percent, memory_bytes, num_processes"
    until(lambda: len(rows_of(path, f"SELECT {columns} FROM job_resource_samples")) >= 2, "two samples")
    (tmp_path / "gate").touch()

    runner.communicate(timeout=10)
    assert list(path.parent.iterdir()) == [path]
    assert rows_of(path, "SELECT job_id, job_name FROM job_metadata") == [(2, "eater")]
    samples = rows_of(path, f"SELECT {columns} FROM job_resource_samples ORDER BY timestamp")
    began = server.results[2].start_ms // 1000
    seconds = [at - began for _, at, *_ in samples]
    assert seconds[0] >= 1
    assert sorted(set(seconds)) == seconds
    assert all(job == 2 and memory > 100_000_000 and processes >= 1 for job, _, _, memory, processes in samples)


def rows_of(path: Path, sql: str) -> list[tuple[Any, ...]]:
    """Rows of a file that a runner is writing; none before it has made it."""
    if not path.exists():
        return []
    with closing(sqlite3.connect(path)) as file:
        try:
            return file.execute(sql).fetchall()
        except sqlite3.OperationalError:
            return []


def test_where_no_time_series_can_be_kept_jobs_run_all_the_same(server: FakeServer, run: Run, tmp_path: Path) -> None:
    config = '{"enabled": true, "granularity": "time_series", "sample_interval_seconds": 1}'
    server.change(workflow=FakeServer.workflow_of(resource_monitor_config=config))
    (tmp_path / "output").mkdir()
    (tmp_path / "output" / "resource_utilization").write_text("in the way")
    server.job("sleep 2.2")

    ended = run()

    assert ended.returncode == 0
    assert "samples of what jobs use are not kept" in ended.stderr + ended.stdout + _logs(tmp_path)


def _logs(folder: Path) -> str:
    return "".join(path.read_text() for path in (folder / "output").glob("job_runner_*.log"))

"""What a job's end looks like to the server."""

from __future__ import annotations

from pathlib import Path


def test_a_job_that_exits_0_is_completed(server, run, tmp_path: Path) -> None:
    server.job("echo hello; echo warning >&2")

    ended = run()

    result = server.results[1]
    assert (result.status, result.return_code, result.cause) == ("completed", 0, None)
    assert result.end_ms >= result.start_ms > 1_500_000_000_000
    assert (tmp_path / "output/job_stdio/job_wf1_j1_r1_a1.o").read_text() == "hello\n"
    assert (tmp_path / "output/job_stdio/job_wf1_j1_r1_a1.e").read_text() == "warning\n"
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert server.left

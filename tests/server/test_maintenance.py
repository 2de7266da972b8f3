"""`torc-server check` and `torc-server backup`, beside a live server and without one."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from tests.real import counts, start_runner, workflow_of
from tests.runner.waiting import until
from tests.server_process import ServerProcess
from torc_server.maintenance import check_file
from torc_server.store.schema import SCHEMA_VERSION


def torc_server(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "torc_server", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=30)


def with_a_workflow(server: ServerProcess) -> None:
    with server.client() as http:
        workflow = http.post("/workflows", json={"name": "w", "user": "u"}).json()["id"]
        http.post("/jobs", json={"workflow_id": workflow, "name": "j", "command": "true"})
        http.post(f"/workflows/{workflow}/initialize_jobs").raise_for_status()


def broken(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("UPDATE job SET unmet = 3")
    db.close()


def completed_in(database: Path) -> int:
    with closing(sqlite3.connect(database)) as db:
        return int(db.execute("SELECT count(*) FROM job WHERE status = 5").fetchone()[0])


def test_check_says_that_all_is_well_beside_a_live_server_and_without_one(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        with_a_workflow(server)
        checked = torc_server(tmp_path, "check")
        assert (checked.returncode, checked.stdout) == (0, f"{server.database} is in order\n")
    assert torc_server(tmp_path, "check", "--integrity", "--database", server.database).returncode == 0


def test_check_tells_problems_and_exits_with_one(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        with_a_workflow(server)
    broken(server.database)
    checked = torc_server(tmp_path, "check", "-d", server.database)
    assert checked.returncode == 1
    assert checked.stdout.splitlines() == [
        "job 'j' (1) counts 3 parents to wait for and 0 without success, there are 0 and 0",
        f"1 problem in {server.database}",
    ]


def test_a_backup_of_a_database_that_is_being_written_is_whole_and_serves(tmp_path: Path) -> None:
    """A runner claims and reports meanwhile; each copy is of one moment."""
    (tmp_path / "copies").mkdir()
    (tmp_path / "restored").mkdir()
    copies: dict[Path, tuple[int, int, int]] = {}
    with ServerProcess(tmp_path) as server:
        workflow = workflow_of(server, ["sleep 0.02"] * 150)
        runner = start_runner(server, workflow, tmp_path, "--max-parallel-jobs", "2")
        until(lambda: counts(server, workflow)["completed"] > 0, "the first job")
        while runner.poll() is None:
            copy = tmp_path / "copies" / f"{len(copies)}.db"
            before = counts(server, workflow)["completed"]
            assert torc_server(tmp_path, "backup", copy).returncode == 0
            copies[copy] = (before, completed_in(copy), counts(server, workflow)["completed"])
        assert runner.communicate()[1] == ""
    for copy, (before, copied, after) in copies.items():
        assert before <= copied <= after
        assert check_file(copy, integrity=True) == []
    assert sorted((tmp_path / "copies").iterdir()) == sorted(copies), "files beside the copies"
    copy = next(copy for copy, (before, _, after) in copies.items() if before < after)
    checked = torc_server(tmp_path, "check", "--integrity", "-d", copy)
    assert (checked.returncode, checked.stdout) == (0, f"{copy} is in order\n")
    copy.rename(tmp_path / "restored" / "torc.db")
    with ServerProcess(tmp_path / "restored") as restored:
        assert counts(restored, workflow)["completed"] == copies[copy][1]


def test_a_backup_never_overwrites(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        with_a_workflow(server)
    (tmp_path / "mine").write_text("keep me")
    refused = torc_server(tmp_path, "backup", "-d", server.database, "mine")
    assert refused.returncode == 2
    assert "exists" in refused.stderr
    assert (tmp_path / "mine").read_text() == "keep me"


def test_what_is_no_torc_database_is_said_in_one_line(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "other.db") as db:
        db.execute("CREATE TABLE mine (x)")
    db.close()
    (tmp_path / "notes.db").write_text("not a database at all, only some notes " * 100)
    for name, told in (("no.db", "there is no database"), ("other.db", "no torc database"), ("notes.db", "not a data")):
        for command in (["check"], ["backup", "to.db"]):
            refused = torc_server(tmp_path, *command, "-d", name)
            assert refused.returncode in (1, 2)
            assert told in refused.stderr
            assert len(refused.stderr.splitlines()) == 1
    assert not (tmp_path / "to.db").exists()


def test_a_database_that_lacks_a_column_is_refused(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        with_a_workflow(server)
    with sqlite3.connect(server.database) as db:
        db.execute("ALTER TABLE job DROP COLUMN lost")
    db.close()
    refused = torc_server(tmp_path, "run", "--port", "0", "--no-auth", "--database", server.database)
    assert refused.returncode == 1
    assert "lacks column job.lost" in refused.stderr.splitlines()[-1]


def test_a_database_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        with_a_workflow(server)
    with sqlite3.connect(server.database) as db:
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    db.close()
    before = server.database.read_bytes()
    for command in (["run", "--port", "0", "--no-auth"], ["check"], ["backup", "to.db"]):
        refused = torc_server(tmp_path, *command, "--database", server.database)
        assert refused.returncode == 1
        assert f"made by a newer torc (schema {SCHEMA_VERSION + 1}" in refused.stderr.splitlines()[-1]
    assert server.database.read_bytes() == before


def test_a_damaged_file_is_refused_at_start_and_told_by_check(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        with_a_workflow(server)
    content = bytearray(server.database.read_bytes())
    content[len(content) // 2 :] = bytes(len(content) - len(content) // 2)
    server.database.write_bytes(content)
    refused = torc_server(tmp_path, "run", "--port", "0", "--no-auth", "--database", server.database)
    assert refused.returncode == 1
    assert "damaged" in refused.stderr.splitlines()[-1]
    checked = torc_server(tmp_path, "check")
    assert checked.returncode == 1
    assert "damaged" in checked.stdout + checked.stderr

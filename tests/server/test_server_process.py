"""The process: how it starts, says its port, refuses a second owner, and ends."""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from http.client import HTTPConnection
from pathlib import Path

import httpx
import psutil
import pytest

from tests.real import plan_of
from tests.runner.waiting import until
from tests.server_process import BASE, ServerProcess
from tests.tui.driver import Workshop
from torc_core.host import process_space
from torc_core.models.plan import PlannedJob
from torc_server.serve import GRACE_S


def run_server(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A server that is expected to end by itself."""
    return subprocess.run(
        [sys.executable, "-m", "torc_server", "run", *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=20,
    )


def test_ping_version_and_server_describe_the_process(shared_server: ServerProcess) -> None:
    with shared_server.client() as http:
        assert http.get("/ping").json() == {"status": "ok"}
        version = http.get("/version")
        assert version.json().startswith("0.12.3 (")
        assert version.headers["x-torc-server"]
        info = http.get("/server").json()
        assert info["pid"] == shared_server.pid
        assert info["database"] == str(shared_server.database)
        assert info["database_uuid"]


def test_a_stop_ends_with_zero_and_a_restart_finds_everything_again(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path).start()
    with server.client() as http:
        created = http.post("/workflows", json={"name": "kept", "user": "u"}).json()
    assert server.stop() == 0
    server.start()
    with server.client() as http:
        assert http.get(f"/workflows/{created['id']}").json()["name"] == "kept"
    assert server.stop() == 0


def test_a_crash_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path).start()
    with server.client() as http:
        created = http.post("/workflows", json={"name": "kept", "user": "u"}).json()
    server.crash()
    with server.start(), server.client() as http:
        assert http.get(f"/workflows/{created['id']}").json()["name"] == "kept"


def test_a_full_disk_is_said_and_what_was_there_stays(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server, server.client() as http:
        kept = http.post("/workflows", json={"name": "kept", "user": "u"}).json()
        size = max(file.stat().st_size for file in tmp_path.iterdir())
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        refused = http.post("/workflows", json={"name": "x" * 200_000, "user": "u"})
        assert refused.status_code == 503
        assert "database" in refused.json()["error"]["message"]
        assert refused.headers["retry-after"] == "1"
        assert http.get("/workflows").json()["items"][0]["id"] == kept["id"]
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert http.post("/workflows", json={"name": "later", "user": "u"}).status_code == 200
        assert [w["name"] for w in http.get("/workflows").json()["items"]] == ["kept", "later"]


def test_a_second_server_on_the_same_database_names_the_owner(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        second = run_server(tmp_path, "--port", "0", "--no-auth", "--database", str(server.database))
        assert second.returncode == 1
        assert f"pid {server.pid}" in second.stderr
        assert "Traceback" not in second.stderr


def test_a_port_in_use_is_one_line(tmp_path: Path, shared_server: ServerProcess) -> None:
    second = run_server(tmp_path, "--port", str(shared_server.port), "--no-auth", "--database", "other.db")
    assert second.returncode == 1
    assert second.stderr.splitlines()[-1].startswith(f"torc-server: cannot listen on 127.0.0.1:{shared_server.port}")
    assert "Traceback" not in second.stderr


def test_the_port_is_8080_unless_another_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        with suppress(OSError):  # somebody else listens there
            taken.bind(("127.0.0.1", 8080))
            taken.listen()
        ended = run_server(tmp_path, "--no-auth")
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == (
        "torc-server: cannot listen on 127.0.0.1:8080: Address already in use; choose another with --host and --port"
    )


def test_the_host_that_is_named_is_the_one_that_is_listened_on(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, arguments=("--no-auth", "--host", "127.0.0.2")) as server:
        assert f"listening on http://127.0.0.2:{server.port}{BASE}, " in server.log
        assert httpx.get(f"http://127.0.0.2:{server.port}{BASE}/ping").json() == {"status": "ok"}
        listening = [c.laddr for c in psutil.Process(server.pid).net_connections() if c.status == psutil.CONN_LISTEN]
        assert listening == [("127.0.0.2", server.port)]


def test_the_interval_of_completion_checks_is_accepted_and_said_to_be_unneeded(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, arguments=("--no-auth", "--completion-check-interval-secs", "5")) as server:
        said = "--completion-check-interval-secs is not needed: dependent jobs become ready at once"
        assert len([line for line in server.log.splitlines() if line.endswith(said)]) == 1


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("these are my notes, and they are long enough to be read as a header " * 20)
    before = (tmp_path / "notes.db").read_bytes()
    ended = run_server(tmp_path, "--port", "0", "--no-auth", "--database", "notes.db")
    assert ended.returncode == 1
    assert "notes.db" in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr
    assert (tmp_path / "notes.db").read_bytes() == before


def test_a_database_of_another_kind_is_refused(tmp_path: Path) -> None:
    ended = run_server(tmp_path, "--port", "0", DATABASE_URL="postgres://db/torc")
    assert ended.returncode == 2
    assert "only SQLite" in ended.stderr


def test_database_url_names_the_file(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path, environment={"DATABASE_URL": f"sqlite:{tmp_path}/named.db"})
    server.database = tmp_path / "named.db"
    with server:
        assert (tmp_path / "named.db").exists()


def test_callers_need_the_token_as_password_under_any_name(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, arguments=(), environment={"TORC_SERVER_TOKEN": "s3cret"}) as server:
        refused = httpx.get(server.url + "/ping")
        assert refused.status_code == 401
        assert refused.text == "Unauthorized"
        assert refused.headers["www-authenticate"] == 'Basic realm="Torc"'
        assert httpx.get(server.url + "/ping", auth=("anyone", "wrong")).status_code == 401
        assert httpx.get(server.url + "/nowhere", auth=("anyone", "wrong")).status_code == 401
        assert httpx.get(server.url + "/ping", auth=("anyone", "s3cret")).status_code == 200
        assert httpx.get(server.url + "/ping", headers={"Authorization": "Basic !!"}).status_code == 401


def test_a_token_is_made_and_kept_in_a_private_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    with ServerProcess(tmp_path, arguments=("--token-file", str(file))) as server:
        token = file.read_text().strip()
        assert file.stat().st_mode & 0o777 == 0o600
        assert httpx.get(server.url + "/ping", auth=("me", token)).status_code == 200
        server.restart()
        assert httpx.get(server.url + "/ping", auth=("me", token)).status_code == 200


def test_an_unused_server_ends_by_itself(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path, arguments=("--no-auth", "--idle-exit-s", "0.3")).start()
    assert server.process is not None
    assert server.process.wait(10) == 0
    assert "it ends" in server.log
    server.process.stdout.close()  # type: ignore[union-attr]


def test_a_deletion_cut_off_by_a_crash_is_finished_at_the_next_start(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path).start()
    with server.client() as http:
        workflow_id = http.post("/workflows", json={"name": "w", "user": "u"}).json()["id"]
        http.post("/jobs", json={"workflow_id": workflow_id, "name": "j", "command": "true"})
    server.crash()
    with sqlite3.connect(server.database) as db:
        db.execute("UPDATE workflow SET state = 'deleting'")
    db.close()
    with server.start(), server.client() as http:
        deadline = time.monotonic() + 10
        while http.get(f"/jobs?workflow_id={workflow_id}").json()["items"] and time.monotonic() < deadline:
            pass
        assert http.get(f"/jobs?workflow_id={workflow_id}").json()["items"] == []
        assert http.get("/workflows").json()["total_count"] == 0


def test_a_runner_of_this_host_that_died_while_the_server_was_down_loses_its_jobs_at_once(tmp_path: Path) -> None:
    runner = subprocess.Popen(["sleep", "60"])
    server = ServerProcess(tmp_path).start()
    with server.client() as http:
        workflow_id = http.post("/workflows", json={"name": "w", "user": "u"}).json()["id"]
        http.post("/jobs", json={"workflow_id": workflow_id, "name": "j", "command": "true"})
        http.post(f"/workflows/{workflow_id}/initialize_jobs")
        node = {
            "workflow_id": workflow_id, "hostname": "h", "pid": runner.pid, "start_time": "2024-01-01T00:00:00Z",
            "num_cpus": 2, "memory_gb": 4, "num_gpus": 0, "num_nodes": 1, "compute_node_type": "local", "uuid": "r",
            "boot_id": process_space(),
        }  # fmt: skip
        node_id = http.post("/compute_nodes", json=node).json()["id"]
        asked = {"sequence": 1, "free": {"num_cpus": 2, "memory_bytes": 4 << 30}, "slots": 1}
        path = f"/workflows/{workflow_id}/compute_nodes/{node_id}/exchange"
        assert len(http.post(path, json=asked).json()["jobs"]) == 1
    server.stop()
    runner.kill()
    runner.wait()
    with server.start(), server.client() as http:
        deadline = time.monotonic() + 10
        while http.get(f"/compute_nodes/{node_id}").json()["is_active"] and time.monotonic() < deadline:
            pass
        (job,) = http.get(f"/jobs?workflow_id={workflow_id}").json()["items"]
        assert (job["status"], job["attempt_id"]) == ("ready", 2)


def test_what_has_begun_when_a_stop_comes_is_finished(tmp_path: Path) -> None:
    """The server takes no new connections, reads the rest of a plan, answers, and ends in order."""
    body = plan_of([PlannedJob(f"j{i}", "true") for i in range(50)])
    goes_on = threading.Event()
    answers: list[httpx.Response] = []

    def parts() -> Iterator[bytes]:
        yield body[: len(body) // 2]
        assert goes_on.wait(10)
        yield body[len(body) // 2 :]

    with ServerProcess(tmp_path) as server:
        path = f"{server.url}/workflows/from_plan"
        sender = threading.Thread(target=lambda: answers.append(httpx.post(path, content=parts())))
        sender.start()
        until(lambda: rows(server.database, "SELECT 1 FROM workflow"), "the plan's beginning")
        process = server.process
        assert process is not None
        process.send_signal(signal.SIGTERM)
        until(lambda: not accepts(server.port), "the end of listening")
        assert process.poll() is None
        goes_on.set()
        sender.join(10)
        assert process.wait(10) == 0
        assert answers[0].status_code == 200
        server.stop()
        server.start()
        with server.client() as http:
            (found,) = http.get("/workflows").json()["items"]
            assert len(http.get(f"/workflows/{found['id']}/job_ids").json()["job_ids"]) == 50


@pytest.mark.parametrize("again", [signal.SIGTERM, signal.SIGINT])
def test_more_stops_wait_for_nobody_and_end_the_server_in_order(tmp_path: Path, again: signal.Signals) -> None:
    """As `timeout` stops a program: a stream, an exchange that is held and half a plan are open."""
    with ServerProcess(tmp_path) as server, server.client() as http:
        process = server.process
        assert process is not None
        shop = Workshop(http)
        workflow_id, _ = shop.workflow("w", {"name": "j", "command": "true"})
        exchange = f"{BASE}/workflows/{workflow_id}/compute_nodes/{shop.runner(workflow_id).node_id}/exchange"

        def told_again() -> bool:
            process.send_signal(again)
            return process.poll() is not None

        body = plan_of([PlannedJob(f"j{i}", "true") for i in range(50)])
        with ExitStack() as opened:
            stream, held, plan = (
                opened.enter_context(closing(HTTPConnection("127.0.0.1", server.port))) for _ in range(3)
            )
            stream.request("GET", f"{BASE}/changes?after=0")
            assert stream.getresponse().status == 200
            full = {"sequence": 1, "free": {"num_cpus": 0, "memory_bytes": 0}, "slots": 1, "wait_ms": 20_000}
            held.request("POST", exchange, json.dumps(full))
            plan.putrequest("POST", f"{BASE}/workflows/from_plan")
            plan.putheader("Content-Length", str(len(body)))
            plan.endheaders(body[: len(body) // 2])
            until(lambda: len(rows(server.database, "SELECT 1 FROM workflow")) == 2, "the plan's beginning")
            process.send_signal(signal.SIGTERM)
            until(told_again, "the end", GRACE_S - 1)
        assert process.returncode == 0
        assert "Traceback" not in server.log
        assert " ERROR " not in server.log


def rows(database: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(database)) as db:
        return list(db.execute(sql))


def accepts(port: int) -> bool:
    """Whether anybody listens there."""
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0

"""The user's own server: found, started once, replaced, revived, stopped."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import msgspec
import psutil
import pytest

from tests.cli.torc_command import Torc
from tests.runner.waiting import until
from torc_core import VERSION, local_server
from torc_core.cli.app import App
from torc_core.client import endpoints
from torc_core.client.http import Client
from torc_core.errors import TorcError
from torc_core.host import process_space

DEADLINE_S = 30.0


def rewrite(**fields: object) -> None:
    """Change fields of `server.json`."""
    path = local_server.home() / "server.json"
    path.write_bytes(msgspec.json.encode({**msgspec.json.decode(path.read_bytes()), **fields}))


def leave_record(**fields: object) -> None:
    """What a server that ended leaves behind, but for these fields."""
    with subprocess.Popen(["true"]) as ended:
        pass
    local_server.home().mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    gone = local_server.Record(f"http://127.0.0.1:{port}", port, "token", ended.pid, process_space(), VERSION)
    (local_server.home() / "server.json").write_bytes(msgspec.json.encode(gone))
    rewrite(**fields)


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def record() -> local_server.Record:
    found = local_server.read_record()
    assert found is not None
    return found


def test_start_status_and_stop(own_torc: Torc) -> None:
    assert own_torc("server", "status", "-f", "json", code=1).json["status"] == "not running"
    started = own_torc("server", "start", "-f", "json").json
    assert started["status"] == "started"
    assert own_torc("server", "start", "-f", "json").json == {**started, "status": "already running"}
    status = own_torc("server", "status", "-f", "json").json
    assert (status["pid"], status["url"], status["version"]) == (started["pid"], started["url"], VERSION)
    assert "listening on" in own_torc("server", "log").out
    own_torc("server", "stop")
    assert not alive(started["pid"])
    assert "not running" in own_torc("server", "status", code=1).out
    assert own_torc("server", "stop").out == "No server of yours is running on this host\n"


def test_only_the_user_can_read_what_opens_it(own_torc: Torc) -> None:
    own_torc("server", "start")
    assert stat.S_IMODE((local_server.home() / "server.json").stat().st_mode) == 0o600
    assert stat.S_IMODE(local_server.home().stat().st_mode) == 0o700
    stranger = own_torc("--url", record().url, "--password", "guess", "workflows", "list", code=1)
    assert "refuses the password of user 'tester'" in stranger.err


def test_a_password_for_it_is_refused_as_it_needs_none(own_torc: Torc) -> None:
    own_torc("server", "start")
    own_torc.write("name: w\njobs: [{name: a, command: 'true'}]\n")
    for line in ("workflows list", "ping", "run flow.yaml", "tui --once"):
        shown = own_torc(*line.split(), "--password", "guess", code=2)
        assert shown.err == (
            "torc: --password is for a server that --url or TORC_API_URL names; your own on this host needs none\n"
        )


def test_a_password_that_is_set_for_another_server_does_no_harm(
    own_torc: Torc, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORC_PASSWORD", "of another server")
    own_torc("workflows", "list")


def test_its_address_alone_is_enough_for_the_user(own_torc: Torc) -> None:
    own_torc("server", "start")
    own_torc("--url", record().url + "/torc-service/v1", "workflows", "list")


def test_two_commands_at_once_start_one(own_torc: Torc) -> None:
    command = [sys.executable, "-m", "torc_core.cli.main", "server", "start", "-f", "json"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    answers = [msgspec.json.decode(one.communicate(timeout=DEADLINE_S)[0]) for one in both]
    assert answers[0]["pid"] == answers[1]["pid"]
    assert own_torc("server", "status", "-f", "json").json["pid"] == answers[0]["pid"]


def test_a_new_one_has_the_port_and_token_of_the_old(own_torc: Torc) -> None:
    own_torc("server", "start")
    before = record()
    own_torc("server", "stop")
    own_torc("server", "start")
    assert (record().url, record().token) == (before.url, before.token)
    assert record().pid != before.pid


def test_another_port_is_taken_when_the_old_one_is_in_use(own_torc: Torc) -> None:
    leave_record()
    before = record()
    with socket.create_server(("127.0.0.1", before.port)):
        own_torc("server", "start")
        assert record().port != before.port
        own_torc("workflows", "list")


def test_workflows_are_kept_when_it_stops(own_torc: Torc) -> None:
    own_torc("run", own_torc.write("name: kept\njobs: [{name: a, command: 'true'}]\n"))
    own_torc("server", "stop")
    assert own_torc("workflows", "get", "kept", "-f", "json").json["name"] == "kept"


@pytest.mark.parametrize("stale", [{"process_space": "another boot"}, {"pid": 2**22 + 1}])
def test_a_record_of_a_server_that_is_gone_is_not_believed(own_torc: Torc, stale: dict[str, object]) -> None:
    leave_record(**stale)
    own_torc("workflows", "list")
    assert record().pid != stale.get("pid")
    assert record().process_space == process_space()


def test_another_process_under_its_number_is_not_taken_for_it(own_torc: Torc) -> None:
    leave_record(pid=os.getpid())
    assert local_server.find() is None
    own_torc("workflows", "list")
    assert record().pid != os.getpid()


def test_a_record_that_cannot_be_read_is_replaced(own_torc: Torc) -> None:
    leave_record()
    (local_server.home() / "server.json").write_text("{")
    own_torc("workflows", "list")


def test_an_older_one_is_replaced_when_it_is_idle(own_torc: Torc) -> None:
    own_torc("server", "start")
    old = record()
    rewrite(version="0.0.1")
    own_torc("workflows", "list")
    assert not alive(old.pid)
    assert (record().version, record().url) == (VERSION, old.url)


def test_an_older_one_is_left_alone_while_runners_are_at_work(own_torc: Torc) -> None:
    path = own_torc.write("name: w\njobs: [{name: a, command: 'touch began; until test -e go; do sleep 0.01; done'}]\n")
    run = subprocess.Popen([sys.executable, "-m", "torc_core.cli.main", "run", path], stdout=subprocess.PIPE)
    until((own_torc.folder / "began").exists, "the job's start")
    old = record()
    rewrite(version="0.0.1")
    shown = own_torc("workflows", "list")
    assert "the server here is torc 0.0.1 and busy" in shown.err
    assert record().pid == old.pid
    assert "under 1 runner at work?" in own_torc("server", "stop", code=2).err
    (own_torc.folder / "go").touch()
    run.communicate(timeout=DEADLINE_S)
    assert run.returncode == 0


def test_one_that_does_not_answer_is_not_started_twice(own_torc: Torc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_server, "SILENT_LIMIT_S", 0.2)
    own_torc("server", "start")
    rewrite(url="http://127.0.0.1:9")
    shown = own_torc("workflows", "list", code=1)
    assert f"(pid {record().pid}) does not answer; 'torc server stop' ends it" in shown.err
    assert own_torc("server", "status", "-f", "json", code=1).json["pid"] == record().pid
    assert "not answering; 'torc server stop' ends it" in own_torc("server", "status", code=1).out
    own_torc("server", "stop")
    own_torc("workflows", "list")


def test_one_that_is_stopping_is_waited_for(own_torc: Torc) -> None:
    own_torc("server", "start")
    stopping = record()
    os.kill(stopping.pid, signal.SIGTERM)
    until(lambda: local_server.find() is None, "that it does not answer any more")
    own_torc("workflows", "list")
    assert record().pid != stopping.pid


def test_why_it_does_not_start_is_said_in_one_line(own_torc: Torc) -> None:
    local_server.home().mkdir(parents=True)
    (local_server.home() / "torc.db").write_text("this is no database, whatever its name says " * 50)
    shown = own_torc("workflows", "list", code=1)
    assert shown.err.startswith("torc: the server did not start: ")
    assert "choose another by XDG_STATE_HOME; see " in shown.err
    assert str(local_server.log_path()) in shown.err
    assert shown.err.count("\n") == 1


def test_files_that_cannot_be_written_are_named_with_the_way_out(own_torc: Torc) -> None:
    (local_server.home() / "token").mkdir(parents=True)
    shown = own_torc("workflows", "list", code=1)
    assert shown.err == (
        f"torc: {local_server.token_path()} cannot be written: Is a directory; "
        "set XDG_STATE_HOME to a folder that can be used\n"
    )
    assert own_torc("server", "status", "-f", "json", code=1).json["pid"] is None


def test_a_state_folder_that_cannot_be_used_is_named(own_torc: Torc, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("in the way")
    shown = own_torc("workflows", "list", code=1)
    assert "set XDG_STATE_HOME" in shown.err
    (tmp_path / "state").unlink()


def test_databases_of_other_hosts_are_said_when_a_first_one_is_made_here(own_torc: Torc) -> None:
    other = local_server.home().parent / "otherhost"
    other.mkdir(parents=True)
    (other / "torc.db").touch()
    shown = own_torc("workflows", "list")
    assert "workflows you made on otherhost are kept there" in shown.err
    assert own_torc("workflows", "list").err == ""


@pytest.mark.usefixtures("own_torc")
def test_it_ends_when_idle_and_comes_back_when_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_server, "IDLE_EXIT_S", 0.2)
    client = App().new_client()
    client.send(endpoints.ping())
    first = record()
    until(lambda: not alive(first.pid), "the end of the idle server")
    monkeypatch.setattr(local_server, "IDLE_EXIT_S", 900)
    assert client.send(endpoints.ping()).status == "ok"
    assert record().pid != first.pid
    client.close()


def test_ping_starts_nothing(own_torc: Torc) -> None:
    assert "'torc server start' starts one" in own_torc("ping", code=1).err
    assert own_torc("ping", "-f", "json", code=1).json["status"] == "error"
    assert local_server.read_record() is None


def test_a_run_survives_the_death_of_the_server(own_torc: Torc) -> None:
    path = own_torc.write(
        "name: w\njobs:\n"
        "  - {name: a, command: 'touch began; until test -e go; do sleep 0.01; done'}\n"
        "  - {name: b, command: 'true', depends_on: [a]}\n"
    )
    run = subprocess.Popen([sys.executable, "-m", "torc_core.cli.main", "run", path], stdout=subprocess.PIPE, text=True)
    until((own_torc.folder / "began").exists, "the job's start")
    dead = record()
    os.kill(dead.pid, signal.SIGKILL)
    until(lambda: record().pid != dead.pid, "a new server")
    (own_torc.folder / "go").touch()
    out, _ = run.communicate(timeout=DEADLINE_S)
    assert out.endswith(": 2 completed\n")
    assert run.returncode == 0


def test_a_start_that_is_broken_off_leaves_no_server(own_torc: Torc, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []

    def interrupted(process: subprocess.Popen[bytes], _log_start: int) -> int:
        started.append(process)
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(local_server, "_read_port", interrupted)
        own_torc("workflows", "list", code=130)
    assert started[0].wait(DEADLINE_S) is not None
    own_torc("workflows", "list")


@pytest.mark.usefixtures("own_torc")
def test_threads_that_wait_for_it_get_the_same_one() -> None:
    addresses: list[object] = []
    threads = [threading.Thread(target=lambda: addresses.append(local_server.ensure())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(addresses) == 3
    assert len(set(addresses)) == 1


def test_stopping_says_so_to_those_who_ask_next(own_torc: Torc) -> None:
    own_torc("server", "start")
    address = record().address
    own_torc("server", "stop")
    with Client(address) as client, pytest.raises(TorcError, match="connection refused"):
        client.send(endpoints.ping())


def test_other_clients_log_in_with_the_token_file(own_torc: Torc) -> None:
    own_torc("server", "start")
    status = own_torc("server", "status", "-f", "json").json
    token = Path(status["token_file"])
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    password = token.read_text().strip()
    with httpx.Client(base_url=status["url"] + "/torc-service/v1", auth=("tester", password)) as client:
        assert client.get("/workflows").status_code == 200
        assert client.get("/workflows", auth=("tester", "guess")).status_code == 401
    own_torc("server", "stop")
    own_torc("server", "start")
    assert token.read_text().strip() == password

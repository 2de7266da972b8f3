"""Servers that do not do what a command wants: one line that names the thing and the way out."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.cli.torc_command import Torc
from tests.server_process import ServerProcess
from torc_core import local_server

COMMANDS = [
    "workflows list",
    "jobs list 1",
    "run 1",
    "run flow.yaml",
    "wait 1",
    "events 1 --follow",
    "jobs logs 1",
    "ping",
]


@pytest.mark.parametrize("line", COMMANDS)
def test_a_server_that_is_down_is_named_with_the_ways_out(torc: Torc, line: str) -> None:
    torc.write("name: w\njobs: [{name: a, command: 'true'}]\n")
    shown = torc("--url", "http://127.0.0.1:9", *line.split(), code=1)
    assert shown.err.startswith("torc: no server at http://127.0.0.1:9: connection refused, while ")
    assert "--url" in shown.err
    assert shown.err.count("\n") == 1


@pytest.mark.parametrize("line", [line for line in COMMANDS if line != "ping"])
def test_a_wrong_token_is_one_line(own_torc: Torc, line: str) -> None:
    own_torc("server", "start")
    own_torc.write("name: w\njobs: [{name: a, command: 'true'}]\n")
    record = local_server.read_record()
    assert record is not None
    shown = own_torc("--url", record.url, "--password", "guess", *line.split(), code=1)
    assert f"the server at {record.url} refuses the password of user 'tester'" in shown.err
    assert "TORC_PASSWORD" in shown.err
    assert shown.err.count("\n") == 1


def test_https_on_http_is_said(torc: Torc, shared_server: ServerProcess) -> None:
    url = shared_server.url.replace("http:", "https:")
    shown = torc("--url", url, "workflows", "list", code=1).err
    assert "it does not speak TLS; write http:// in place of https://" in shown


def test_a_server_that_hangs_up_is_said(torc: Torc) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"

        def hang_up() -> None:
            for _ in range(2):
                listening.accept()[0].close()

        threading.Thread(target=hang_up, daemon=True).start()
        assert "does it want https://?" in torc("--url", url, "workflows", "list", code=1).err


def test_an_address_without_its_scheme_is_completed(torc: Torc) -> None:
    assert "did you mean http://127.0.0.1:80?" in torc("--url", "127.0.0.1:80", "ping", code=2).err
    assert "is not http://HOST:PORT" in torc("--url", "http://127.0.0.1:99999", "ping", code=2).err


@pytest.mark.parametrize("verb", ["start", "stop", "status", "log"])
def test_commands_of_ones_own_server_refuse_another(torc: Torc, verb: str) -> None:
    shown = torc("--url", "http://127.0.0.1:9", "server", verb, code=2)
    assert "your own server on this host, not one that --url names" in shown.err


def test_a_server_named_by_a_setting_is_said_not_to_be_meant(torc: Torc, shared_server: ServerProcess) -> None:
    shown = torc("server", "status", code=1)
    assert f"your commands go to {shared_server.url}" in shown.err
    assert "not running" in shown.out


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (["--prot", "3"], "unrecognized arguments: --prot 3"),
        (["--port", "abc"], "'abc' is no port"),
        (["--port", "70000"], "'70000' is no port: they go from 1 to 65535"),
    ],
)
def test_wrong_use_of_the_server_is_one_line(tmp_path: Path, option: list[str], said: str) -> None:
    command = [sys.executable, "-m", "torc_server", "run", *option]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert ended.returncode == 2
    assert ended.stderr.startswith("torc-server: ")
    assert said in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_server_on_a_full_disk_is_said(own_torc: Torc, monkeypatch: pytest.MonkeyPatch) -> None:
    local_server.home().mkdir(parents=True)
    (local_server.home() / "torc.db").write_text("so the server does not start" * 500)
    monkeypatch.setattr(local_server, "LEAST_ROOM", 1 << 62)
    shown = own_torc("workflows", "list", code=1)
    assert f"the server did not start: the disk of {local_server.home()} is full; make room there" in shown.err


@pytest.mark.usefixtures("torc")
def test_output_that_cannot_be_written_is_one_line() -> None:
    command = f"{sys.executable} -m torc_core.cli.main workflows list > /dev/full"
    ended = subprocess.run(["bash", "-c", command], stderr=subprocess.PIPE, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (1, "torc: stdout: No space left on device\n")

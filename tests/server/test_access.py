"""Who may come in and who may use what: htpasswd files, owners and groups."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bcrypt
import httpx
import pytest

from tests.server_process import ServerProcess
from torc_core.errors import TorcError
from torc_server import auth
from torc_server.auth import Registered, read_htpasswd

USERS = ("alice", "bob", "root")


def hashed(password: str) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


def write_users(file: Path, **passwords: str) -> None:
    file.write_text("# users\n\n" + "".join(f"{name}:{hashed(password)}\n" for name, password in passwords.items()))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server where workflows are their owners'."""
    folder = tmp_path_factory.mktemp("access")
    write_users(folder / "users", **{name: f"{name}-pass" for name in USERS})
    arguments = ["--auth-file", "users", "--enforce-access-control", "--admin-user", "root"]
    with ServerProcess(folder, arguments) as running:
        yield running


@pytest.fixture
def alice(server: ServerProcess) -> Iterator[httpx.Client]:
    with server.client(auth=("alice", "alice-pass")) as client:
        yield client


@pytest.fixture
def bob(server: ServerProcess) -> Iterator[httpx.Client]:
    with server.client(auth=("bob", "bob-pass")) as client:
        yield client


def everything_of(http: httpx.Client) -> dict[str, int]:
    """One of each thing in a new workflow: first part of its path -> id."""
    workflow: int = http.post("/workflows", json={"name": "w", "user": "alice"}).json()["id"]
    bodies: dict[str, dict[str, Any]] = {
        "jobs": {"name": "j", "command": "true"},
        "files": {"name": "f", "path": "f"},
        "user_data": {"name": "d", "data": 1},
        "resource_requirements": {"name": "r"},
        "failure_handlers": {"name": "h", "rules": "[]"},
        "events": {"data": 1},
        "slurm_schedulers": {"name": "s", "account": "a", "nodes": 1, "walltime": "1:00"},
        "local_schedulers": {"memory": "1g", "num_cpus": 1},
        "scheduled_compute_nodes": {
            "scheduler_id": 1, "scheduler_config_id": 1, "scheduler_type": "slurm", "status": "pending",
        },
        "compute_nodes": {
            "hostname": "h", "pid": 1, "start_time": "2024-01-01T00:00:00Z", "num_cpus": 1, "memory_gb": 1,
            "num_gpus": 0, "num_nodes": 1, "compute_node_type": "local",
        },
    }  # fmt: skip
    ids = {"workflows": workflow}
    for kind, body in bodies.items():
        ids[kind] = http.post(f"/{kind}", json={"workflow_id": workflow, **body}).json()["id"]
    result = {
        "job_id": ids["jobs"], "run_id": 0, "compute_node_id": ids["compute_nodes"], "return_code": 0,
        "exec_time_minutes": 1, "completion_time": "2024-01-01T00:00:00Z", "status": "completed",
    }  # fmt: skip
    ids["results"] = http.post("/results", json={"workflow_id": workflow, **result}).json()["id"]
    return ids


OPEN = re.compile(r"/(ping|version|server|openapi\.json|access_check|access_groups|users)\b")
LISTS = {
    ("get", "/workflows"),
    ("get", "/console/workflows"),
    ("get", "/console/failures"),
    ("get", "/console/failures/jobs"),
    ("get", "/console/nodes"),
    ("post", "/console/retry"),
    ("post", "/workflows"),
    ("post", "/workflows/from_plan"),
}
"""What limits itself, or makes something new."""


def test_strangers_are_refused_whatever_they_ask_for(alice: httpx.Client, bob: httpx.Client) -> None:
    ids = everything_of(alice)
    asked = 0
    for path, methods in alice.get("/openapi.json").json()["paths"].items():
        path = path.partition("/torc-service/v1")[2]
        kind = path.removeprefix("/console").split("/")[1]
        if OPEN.match(path):
            continue
        filled = re.sub(r"\{id\}", lambda _: str(ids[kind]), path)  # noqa: B023
        filled = re.sub(r"\{group_id\}", "1", re.sub(r"\{\w*status\}", "ready", filled))
        filled = re.sub(r"\{\w+\}", "1", filled)
        for method in methods:
            if (method, path) in LISTS or (method == "post" and filled.count("/") == 1):
                continue
            answer = bob.request(method, f"{filled}?workflow_id={ids['workflows']}", json={})
            assert answer.status_code == 403, f"{method} {filled}: {answer.status_code} {answer.text}"
            asked += 1
    assert asked > 90
    assert alice.get(f"/workflows/{ids['workflows']}/job_ids").json()["count"] == 1


def test_strangers_create_nothing_in_a_workflow(alice: httpx.Client, bob: httpx.Client) -> None:
    workflow = everything_of(alice)["workflows"]
    job = {"workflow_id": workflow, "name": "evil", "command": "true"}
    assert bob.post("/jobs", json=job).status_code == 403
    assert bob.post("/bulk_jobs", json={"jobs": [job]}).status_code == 403
    assert bob.post("/files", json={"workflow_id": workflow, "name": "f", "path": "f"}).status_code == 403
    own: int = bob.post("/workflows", json={"name": "own", "user": "bob"}).json()["id"]
    assert bob.post("/bulk_jobs", json={"jobs": [{**job, "workflow_id": own}, job]}).status_code == 403
    assert bob.post("/jobs", json={**job, "workflow_id": own}).status_code == 200


def test_strangers_neither_see_nor_retry_failures(alice: httpx.Client, bob: httpx.Client) -> None:
    ids = everything_of(alice)
    new = {"workflow_id": ids["workflows"], "name": "failing", "command": "exit 7"}
    job = alice.post("/jobs", json=new).json()["id"]
    result = {
        "job_id": job, "workflow_id": ids["workflows"], "run_id": 0, "return_code": 7,
        "compute_node_id": ids["compute_nodes"],
        "exec_time_minutes": 0.1, "completion_time": "2026-01-01T00:00:00Z", "status": "failed",
    }  # fmt: skip
    alice.post(f"/jobs/{job}/complete_job/failed/0", json=result).raise_for_status()
    assert alice.get("/console/failures").json()["jobs"] >= 1
    assert bob.get("/console/failures").json()["jobs"] == 0
    assert bob.get("/console/failures/jobs").json()["total"] == 0
    assert bob.post("/console/retry", json={"ids": [job]}).json()["jobs"] == 0
    assert alice.get(f"/jobs/{job}").json()["status"] == "failed"


def test_runners_at_work_are_seen_by_whom_their_workflow_is_for(alice: httpx.Client, bob: httpx.Client) -> None:
    node = {
        "workflow_id": everything_of(alice)["workflows"], "hostname": "h", "pid": 1, "num_cpus": 1, "memory_gb": 1,
        "start_time": "2024-01-01T00:00:00Z", "num_gpus": 0, "num_nodes": 1, "compute_node_type": "local",
        "uuid": str(uuid.uuid4()),
    }  # fmt: skip
    alice.post("/compute_nodes", json=node).raise_for_status()
    assert alice.get("/console/nodes").json()["total"] == 1
    assert bob.get("/console/nodes").json()["total"] == 0


def test_nobody_without_a_name_creates_workflows(server: ServerProcess) -> None:
    with server.client() as http:
        assert http.post("/workflows", json={"name": "w", "user": "alice"}).status_code == 403
        assert http.post("/workflows/from_plan", content=b"{}").status_code == 403
        assert http.get("/ping").status_code == 200


def test_lists_show_what_one_may_use(alice: httpx.Client, bob: httpx.Client) -> None:
    workflow = everything_of(alice)["workflows"]

    def shown(http: httpx.Client) -> tuple[bool, bool]:
        listed = http.get("/workflows").json()["items"]
        table = http.get("/console/workflows").json()["items"]
        return tuple(workflow in [item["id"] for item in items] for items in (listed, table))  # type: ignore[return-value]

    assert (shown(alice), shown(bob)) == ((True, True), (False, False))
    with httpx.Client(base_url=alice.base_url, auth=("root", "root-pass"), timeout=20) as root:
        group: int = root.post("/access_groups", json={"name": f"team {workflow}"}).json()["id"]
        root.post(f"/access_groups/{group}/members", json={"user_name": "bob"})
    assert bob.get(f"/workflows/{workflow}").status_code == 403
    alice.post(f"/workflows/{workflow}/access_groups/{group}")
    assert (shown(bob), bob.get(f"/workflows/{workflow}").status_code) == ((True, True), 200)
    alice.delete(f"/workflows/{workflow}/access_groups/{group}")
    assert (shown(bob), bob.get(f"/workflows/{workflow}").status_code) == ((False, False), 403)


def test_changes_of_others_are_not_streamed(alice: httpx.Client, bob: httpx.Client) -> None:
    theirs = everything_of(alice)["workflows"]
    own: int = bob.post("/workflows", json={"name": "own", "user": "bob"}).json()["id"]
    with bob.stream("GET", "/changes?after=0") as stream:
        for line in stream.iter_lines():
            if line.startswith("data: ") and line != "data: {}":
                assert f'"workflow_id":{theirs},' not in line
                if f'"workflow_id":{own},' in line:
                    break


def test_a_new_owner_has_the_workflow(alice: httpx.Client, bob: httpx.Client) -> None:
    workflow = everything_of(alice)["workflows"]
    alice.put(f"/workflows/{workflow}", json={"name": "w", "user": "bob"})
    assert (alice.get(f"/workflows/{workflow}").status_code, bob.get(f"/workflows/{workflow}").status_code) == (
        403,
        200,
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("alice", "line 1: expected USER:BCRYPT-HASH"),
        ("# c\nalice:plain", "line 2: expected USER:BCRYPT-HASH"),
        (":$2b$04$x", "line 1"),
        ("# nobody\n", "names no users"),
    ],
)
def test_a_file_that_is_wrong_says_where(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "users").write_text(text)
    with pytest.raises(TorcError, match=says):
        read_htpasswd(tmp_path / "users")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TorcError, match="No such file"):
        read_htpasswd(tmp_path / "users")


def basic(user: str, password: str) -> list[tuple[bytes, bytes]]:
    header = httpx.BasicAuth(user, password)._auth_header
    return [(b"authorization", header.encode())]


def names(known: Registered, *credentials: tuple[str, str]) -> list[str | None]:
    """Who these callers are."""

    async def ask() -> list[str | None]:
        return [await known.user(basic(*each)) for each in credentials]

    return asyncio.run(ask())


def test_credentials_that_were_good_are_not_checked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_users(tmp_path / "users", ann="secret")
    checked: list[bytes] = []
    real = auth.matches

    def matches(password: bytes, stored: bytes) -> bool:
        checked.append(password)
        return real(password, stored)

    monkeypatch.setattr(auth, "matches", matches)
    known = Registered(tmp_path / "users", required=True, cache_ttl_s=60)
    answers = names(known, *(("ann", word) for word in ("secret", "secret", "wrong", "wrong")))
    assert answers == ["ann", "ann", None, None]
    assert checked == [b"secret", b"wrong", b"wrong"]


def test_a_changed_file_counts_the_next_time_it_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "LOOK_S", 0.0)
    write_users(tmp_path / "users", ann="old", bea="too")
    known = Registered(tmp_path / "users", required=True, cache_ttl_s=60)
    assert names(known, ("ann", "old")) == ["ann"]
    write_users(tmp_path / "users", ann="new", bea="too", cid="three")
    assert names(known, ("ann", "old"), ("ann", "new"), ("cid", "three")) == [None, "ann", "cid"]
    (tmp_path / "users").write_text("broken")
    assert names(known, ("bea", "too")) == ["bea"]


def test_a_file_system_that_does_not_answer_holds_up_one_caller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_users(tmp_path / "users", ann="secret")
    known = Registered(tmp_path / "users", required=True, cache_ttl_s=60)
    answers, real = threading.Event(), auth._stamp

    def slow(file: Path) -> tuple[int, int] | None:
        assert answers.wait(10)
        return real(file)

    async def ask() -> list[str | None]:
        held = asyncio.ensure_future(known.user(basic("ann", "secret")))
        await asyncio.sleep(0)
        others = [await known.user(basic("ann", "secret")) for _ in range(3)]
        assert not held.done()
        answers.set()
        return [*others, await held]

    monkeypatch.setattr(auth, "_stamp", slow)
    assert asyncio.run(ask()) == ["ann"] * 4


def test_a_password_may_be_longer_than_bcrypt_looks_at(tmp_path: Path) -> None:
    (tmp_path / "users").write_text("ann:" + hashed("x" * 72) + "\n")
    assert names(Registered(tmp_path / "users", required=True, cache_ttl_s=0), ("ann", "x" * 100)) == ["ann"]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--require-auth"], 1, "needs --auth-file"),
        (["--auth-file", "none"], 1, "cannot read htpasswd file"),
        (["--auth-file", "none", "--no-auth"], 2, "leave out one"),
    ],
)
def test_a_server_that_cannot_know_who_calls_does_not_start(
    tmp_path: Path, arguments: list[str], code: int, says: str
) -> None:
    command = [sys.executable, "-m", "torc_server", "--port", "0", "--database", str(tmp_path / "t.db"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=30)
    assert (done.returncode, len(done.stderr.strip().splitlines())) == (code, 1), done.stderr
    assert says in done.stderr

"""`torc compute-nodes`: who runs a workflow, and when they were last heard of."""

from __future__ import annotations

import uuid

from tests.cli.torc_command import Torc
from tests.server_process import ServerProcess

FLOW = "name: flow\njobs: [{name: a, command: 'true'}]\n"


def register(server: ServerProcess, workflow: int, host: str, **fields: object) -> int:
    """A runner of this name; with a `uuid` it has a lease."""
    node = {
        "workflow_id": workflow, "hostname": host, "pid": 42, "start_time": "2026-01-01T00:00:00Z", "num_cpus": 4,
        "memory_gb": 7.5, "num_gpus": 2, "num_nodes": 1, "compute_node_type": "local", "is_active": True, **fields,
    }  # fmt: skip
    with server.client() as http:
        return int(http.post("/compute_nodes", json=node).raise_for_status().json()["id"])


def test_list_shows_how_old_leases_are(torc: Torc, shared_server: ServerProcess) -> None:
    number = torc.create(FLOW)
    runner = register(shared_server, number, "here", uuid=str(uuid.uuid4()))
    other = register(shared_server, number, "torcs", is_active=False)
    lines = torc("compute-nodes", "list", number).out.splitlines()
    assert lines[0] == f"Compute nodes for workflow ID {number}:"
    for name in ("Hostname", "Memory (GB)", "Lease Age"):
        assert name in lines[1]
    assert lines[2].split()[:7] == [str(runner), "here", "42", "4", "7.5", "2", "yes"]
    assert lines[2].split()[8:10] == ["of", "1m"]
    assert lines[3].split()[:8] == [str(other), "torcs", "42", "4", "7.5", "2", "no", "-"]
    assert lines[-1] == "Total: 2 compute nodes"


def test_list_is_json_filtered_and_sorted(torc: Torc, shared_server: ServerProcess) -> None:
    number = torc.create(FLOW)
    names = ["b", "a", "c"]
    ids = {name: register(shared_server, number, name, uuid=str(uuid.uuid4())) for name in names}
    register(shared_server, number, "gone", is_active=False)
    found = torc("compute-nodes", "list", number, "--active", "-s", "hostname", "-f", "json").json["compute_nodes"]
    assert [(node["hostname"], node["id"]) for node in found] == sorted(ids.items())
    assert all(0 <= node["lease_age_s"] < 30 and node["lease_s"] == 60 for node in found)
    assert (
        torc("compute-nodes", "list", number, "-l", "1", "-o", "1", "-f", "json").json["compute_nodes"][0]["id"]
        == ids["a"]
    )


def test_a_call_makes_a_lease_young_and_a_farewell_ends_it(torc: Torc, shared_server: ServerProcess) -> None:
    number = torc.create(FLOW)
    node = register(shared_server, number, "here", uuid=str(uuid.uuid4()))
    before = torc("compute-nodes", "get", node, "-f", "json").json["lease_age_s"]
    call = {"sequence": 1, "free": {"num_cpus": 1, "memory_bytes": 1}}
    with shared_server.client() as http:
        http.post(f"/workflows/{number}/compute_nodes/{node}/exchange", json=call).raise_for_status()
        assert http.get(f"/compute_nodes/{node}").json()["lease_age_s"] <= before + 1
        assert "Lease age:" in torc("compute-nodes", "get", node).out
        http.post(f"/workflows/{number}/compute_nodes/{node}/exchange", json={**call, "sequence": 2, "leaving": True})
    shown = torc("compute-nodes", "get", node).out
    assert "Lease age" not in shown
    assert "Active:       no" in shown


def test_a_workflow_without_runners_says_so(torc: Torc) -> None:
    number = torc.create(FLOW)
    assert torc("compute-nodes", "list", number).out == f"No compute nodes found for workflow ID: {number}\n"
    assert "no workflow 987654" in torc("compute-nodes", "list", 987654, code=2).err


def test_a_lease_cannot_be_told_to_the_server(torc: Torc, shared_server: ServerProcess) -> None:
    number = torc.create(FLOW)
    node = register(shared_server, number, "here", lease_age_s=1e9, lease_s=5, uuid=str(uuid.uuid4()))
    assert torc("compute-nodes", "get", node, "-f", "json").json["lease_s"] == 60

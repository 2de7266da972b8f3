"""Where this server answers otherwise than torc 0.12.3 did, why, and what it answers.

Most are defects of torc that the recording itself names; the others follow from one of those.
"""

from __future__ import annotations

from typing import Any

Differences = dict[str, tuple[str, dict[str, Any]]]
"""Step -> the reason, and what the answer shows; fields of a recorded object that are not named stay as recorded."""


def canceled(*names: str) -> dict[str, Any]:
    """These jobs are canceled."""
    return {"states": dict.fromkeys(names, "canceled")}


STRANGERS = "nobody creates anything in a workflow of others", {"auth": "alice:alice-pass"}
HANDLER_UPDATED = "failure_handler_id is updated"
FILTERED = "filters of schedulers are heeded"
PRIORITY = "jobs have a priority here", {"headers": {"warning": None}}
FAILED_PARENT = "a parent that did not complete is never a success"
ANY_DEPTH = "a failure goes down to any depth"

DIFFERENCES: dict[str, Differences] = {
    "jobs": {
        "create: unknown field": PRIORITY,
        "update: unknown field": PRIORITY,
        "update: failure_handler_id and attempt_id are ignored": (HANDLER_UPDATED, {"pick": {"failure_handler_id": 1}}),
        "change: same status, run_id not checked": (HANDLER_UPDATED, {"json": {"failure_handler_id": 1}}),
    },
    "files": {
        "list: is_output=false": ("only files that no job produces", {"ids": [1, 4], "pick": {"total_count": 3}}),
    },
    "user_data": {
        "number: deleted or not": ("numbers can be deleted", {"json": {"items": [], "count": 0, "total_count": 0}}),
        "number: delete all": (
            "one was deleted before",
            {"json": {"deleted_count": 1, "message": "Deleted 1 user data records for workflow 2"}},
        ),
        "create: the row of the failed request was stored": (
            "a refused request stores nothing",
            {"json": {"items": [], "count": 0, "total_count": 0}},
        ),
    },
    "resource_requirements": {
        "delete: the job is gone too": (
            "requirements in use are not deleted, nor their jobs",
            {"states": {"a": "uninitialized"}},
        ),
    },
    "claims": {
        "resources: 2 cpus, limit 2: limit counts before fitting": (
            "the limit counts jobs that fit, so the node is filled",
            {"claimed": ["g1", "n1"]},
        ),
    },
    "initialize": {
        "ephemeral data is still kept": (
            "clear_ephemeral_user_data clears",
            {"json": {"data": "(absent)"}},
        ),
        "missing_user_data: given": ("the ephemeral one was cleared", {"json": {"user_data": [3]}}),
        "missing_user_data: output of a completed job": (
            "the ephemeral one was cleared",
            {"json": {"user_data": [2, 3]}},
        ),
        "two: statuses after": (
            "only uninitialized jobs are put to work, as the caller asked",
            {
                "states": {
                    "pending": "pending",
                    "running": "running",
                    "terminated": "terminated",
                    "pending_failed": "pending_failed",
                }
            },
        ),
        "two: also a completed job becomes blocked": (
            "jobs that run or are completed are left alone",
            {"states": {"running": "running", "dependent": "completed"}},
        ),
        "three: blocked by itself": (
            "a job that reads what it writes does not wait for itself",
            {"json": {"status": "ready", "depends_on_job_ids": "(absent)"}},
        ),
    },
    "results_events": {
        "delete: all runs after that": ("deleting a node keeps its results", {"pick": {"count": 3, "total_count": 3}}),
        "delete all": ("deleting a node keeps its results", {"json": {"count": 3}}),
        "event: category is ignored": ("category filters", {"pick": {"count": 2, "total_count": 2}}),
    },
    "lifecycle": {
        "retry: the node is still recorded": ("nothing runs there", {"states": None}),
        "dependants: f stays canceled": ("a retry puts them back", {"states": {"f": "blocked"}}),
        "pending_failed: retry": (
            "a job that waits for a decision can be retried",
            {"status": 200, "json": {"status": "ready", "attempt_id": 2}},
        ),
        "cancel: event": ("the retry above has an event too", {"json": {"items": [{"id": 6, "workflow_id": 5}]}}),
        "cancel: states": ("waiting jobs are canceled too", canceled("ready", "blocked")),
        "canceled: reset failed jobs": ("the waiting ones were canceled too", {"json": {"updated_count": 4}}),
        "reversal: only the direct dependant is reset": (
            "all that depend on it are, at any depth",
            {"states": {"r3": "uninitialized", "r4": "uninitialized"}},
        ),
        "stale: the refused request stored its result": (
            "a refused request stores nothing",
            {"json": {"items": [], "count": 0, "total_count": 0}},
        ),
        "stale: but cleared the active node": ("a refused request changes nothing", {"states": {"s": "running"}}),
    },
    "unblocking": {
        "failed with return code 0: states (19)": (FAILED_PARENT, canceled("b")),
        "disabled: states (22)": (FAILED_PARENT, canceled("b")),
        "disabled: not complete": (FAILED_PARENT, {"json": {"is_complete": True}}),
        "diamond: states (24)": (FAILED_PARENT, canceled("d")),
        "diamond: never complete": (FAILED_PARENT, {"json": {"is_complete": True}}),
        "diamond: states (25)": (FAILED_PARENT, canceled("d")),
        "canceled dependency: states (29)": (FAILED_PARENT, canceled("d")),
        "failure of an earlier run: states (33)": (FAILED_PARENT, canceled("c")),
        "restart: states (37)": (FAILED_PARENT, canceled("c")),
        "reset_status forgets: states (41)": (FAILED_PARENT, canceled("c")),
        "canceled workflow: states (44)": ("waiting jobs are canceled too", canceled("b")),
        "initialize with finished dependencies: states (49)": (FAILED_PARENT, canceled("b")),
        "chain: canceled": (ANY_DEPTH, {"pick": {"total_count": 149}}),
        "chain: still blocked": (ANY_DEPTH, {"pick": {"total_count": 0}}),
        "chain: reset failed": (ANY_DEPTH, {"json": {"updated_count": 150}}),
        "chain: uninitialized again": (ANY_DEPTH, {"pick": {"total_count": 150}}),
        "b stays blocked": ("no tick is waited for", {"states": {"b": "ready"}}),
        "two: d is not ready at once": ("no tick is waited for", {"states": {"d": "ready"}}),
    },
    "nodes_schedulers": {
        "node: list, hostname": ("filtered nodes are counted", {"pick": {"total_count": 1}}),
        "node: list, is_active true": ("filtered nodes are counted", {"pick": {"total_count": 1}}),
        "node: list, is_active false": (
            "a node that never said that it is active is not",
            {"pick": {"count": 4, "total_count": 4}},
        ),
        "local: get, the name is lost": ("it is kept", {"json": {"name": "mine"}}),
        "local: memory filter is ignored": (FILTERED, {"pick": {"count": 1, "total_count": 1}}),
        "local: num_cpus filter is ignored": (FILTERED, {"pick": {"count": 1, "total_count": 1}}),
        "slurm: account filter is ignored": (FILTERED, {"pick": {"count": 0, "total_count": 0}}),
        "slurm: nodes filter is ignored": (FILTERED, {"pick": {"count": 0, "total_count": 0}}),
        "slurm: walltime filter is ignored": (FILTERED, {"pick": {"count": 0, "total_count": 0}}),
        **{
            f"slurm: {name} filter is ignored": (FILTERED, {"pick": {"count": 1, "total_count": 1}})
            for name in ("name", "gres", "mem", "partition", "qos", "tmp")
        },
    },
    "actions": {
        "two: the last job was canceled in the background": (
            "whatever ends the last job completes the workflow",
            {"pick_items": [{"id": i, "trigger_count": n} for i, n in enumerate((1, 1, 2, 1, 2, 1, 1), 12)]},
        ),
    },
    "auth": {
        "users of the events": (
            "wrong credentials were refused above",
            {
                "json": {
                    "items": [{"id": 1, "data": {"user": "anonymous"}}, {"id": 2, "data": {"user": "alice"}}],
                    "count": 2,
                    "total_count": 2,
                }
            },
        ),
    },
    "access": {
        "members of admin": (
            "commas separate users",
            {"json": {"items": [{"user_name": "amy"}, {"user_name": "bob"}], "total_count": 2}},
        ),
        "job": STRANGERS,
        "user data": STRANGERS,
        "workflow: wrong password": (
            "wrong credentials are never taken for none",
            {"status": 401, "type": None, "text": "Unauthorized"},
        ),
        "list workflows: stranger with user=": ("access is not a matter of filters", {"pick": {"total_count": 0}}),
    },
}

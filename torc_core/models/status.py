"""Job statuses and the moves that are allowed between them (server.md 3.1, 3.2)."""

from __future__ import annotations

from enum import IntEnum


class JobStatus(IntEnum):
    """Status of a job: the integer is stored, the lower-case name is the wire form."""

    UNINITIALIZED = 0
    BLOCKED = 1
    READY = 2
    PENDING = 3
    RUNNING = 4
    COMPLETED = 5
    FAILED = 6
    CANCELED = 7
    TERMINATED = 8
    DISABLED = 9
    PENDING_FAILED = 10

    @property
    def label(self) -> str:
        """The name on the wire and on screen, e.g. `pending_failed`."""
        return self.name.lower()

    @classmethod
    def from_label(cls, label: str) -> JobStatus:
        """The status with this wire name; ValueError names the choices."""
        found = _BY_LABEL.get(label)
        if found is None:
            raise ValueError(f"unknown job status {label!r}; one of {', '.join(_BY_LABEL)}")
        return found


_BY_LABEL = {status.label: status for status in JobStatus}

S = JobStatus

COMPLETE = frozenset({S.COMPLETED, S.FAILED, S.CANCELED, S.TERMINATED})
"""Counts as finished for the progress of a workflow; `complete_job` refuses to end it again."""

ENDED = COMPLETE | {S.DISABLED}
"""A parent in one of these no longer holds its dependents back; only COMPLETED is success."""

TERMINAL = COMPLETE | {S.PENDING_FAILED}
"""May be the target of `complete_job`."""

ACTIVE = frozenset({S.PENDING, S.RUNNING})
"""Held by a runner."""

WAITING = frozenset({S.UNINITIALIZED, S.BLOCKED, S.READY})
"""Not yet handed to anybody."""

INITIALIZED = frozenset({S.BLOCKED, S.READY})
"""As initializing leaves a job, until somebody takes it."""

ALLOWED: dict[JobStatus, frozenset[JobStatus]] = {
    S.UNINITIALIZED: frozenset({S.BLOCKED, S.READY, S.DISABLED, S.CANCELED}),
    S.BLOCKED: frozenset({S.READY, S.CANCELED, S.UNINITIALIZED, S.DISABLED}),
    S.READY: frozenset({S.PENDING, S.BLOCKED, S.CANCELED, S.UNINITIALIZED, S.DISABLED}),
    S.PENDING: frozenset({S.RUNNING, S.READY, S.COMPLETED, S.FAILED, S.CANCELED, S.TERMINATED, S.PENDING_FAILED}),
    S.RUNNING: frozenset({S.READY, S.COMPLETED, S.FAILED, S.CANCELED, S.TERMINATED, S.PENDING_FAILED}),
    S.COMPLETED: frozenset({S.UNINITIALIZED, S.READY}),
    S.FAILED: frozenset({S.UNINITIALIZED, S.READY, S.BLOCKED}),
    S.CANCELED: frozenset({S.UNINITIALIZED, S.READY, S.BLOCKED}),
    S.TERMINATED: frozenset({S.UNINITIALIZED, S.READY, S.BLOCKED}),
    S.DISABLED: frozenset({S.UNINITIALIZED, S.READY, S.BLOCKED}),
    S.PENDING_FAILED: frozenset({S.UNINITIALIZED, S.READY, S.FAILED, S.CANCELED}),
}
"""The transition table. Every writer of a status in the engine goes through it, except `force_status`."""

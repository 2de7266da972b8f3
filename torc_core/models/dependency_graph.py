"""Which job of a stored workflow waits for which, small enough to be asked for whole."""

from __future__ import annotations

from msgspec import Struct, field

Packed = list[int | tuple[int, int]]
"""Ascending ids; [first, last] stands for a run of them."""


class StoredBarrier(Struct, array_like=True):
    """All of its parents come before all of its children."""

    parents: Packed
    children: Packed


class DependencyGraph(Struct, kw_only=True):
    """The jobs with their dependencies, those included that files and user data imply."""

    workflow_id: int
    name: str
    description: str | None = None
    jobs: list[tuple[int, str]] = field(default_factory=list)
    """(id, name) in the order of ids."""
    edges: list[tuple[int, int]] = field(default_factory=list)
    """(job, one that it waits for)"""
    barriers: list[StoredBarrier] = field(default_factory=list)

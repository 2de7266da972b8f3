"""Changing many jobs of a workflow in one request: what is asked and what is told of it."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field


class JobEdit(Struct, kw_only=True, omit_defaults=True):
    """What jobs are to have: `memory` such as 8g, `runtime` such as PT2H; None: as it is."""

    num_cpus: int | None = None
    num_gpus: int | None = None
    memory: str | None = None
    runtime: str | None = None
    priority: int | None = None


class ChangeAsked(Struct, kw_only=True, omit_defaults=True):
    """What is to be done (`cancel`, `disable`, `enable`, `edit`), and to which jobs of the workflow.

    They are named by `ids`, or are all that `filter` leaves in of its table of jobs; an empty filter means all.
    """

    change: str
    ids: list[int] | None = None
    filter: str | None = None
    edit: JobEdit | None = None
    dry_run: bool = False


class Requirement(Struct, kw_only=True):
    """A requirement of jobs that are to be edited, as it is and as it becomes."""

    id: int
    name: str
    built_in: bool
    now: dict[str, Any]
    """`num_cpus`, `num_gpus`, `memory`, `runtime`."""
    jobs: int
    """Jobs meant that have it."""
    others: int
    """Jobs that have it and are not meant."""
    becomes: str | None = None
    """The name of what the jobs have then; None: nothing changes."""
    is_new: bool = False
    """It is made for them: the others keep theirs."""


class ChangeTold(Struct, kw_only=True):
    """What a change of many jobs does or did."""

    jobs: int
    """Jobs that it is done to."""
    by_status: dict[str, int]
    """Those by the status they had."""
    names: list[str]
    """Of the first of them."""
    left_out: dict[str, int]
    """Jobs that are meant and are in a status in which it cannot be done."""
    below: int
    """Further jobs: canceled with what is above them, or, when that is enabled, waiting again."""
    requirements: list[Requirement] = field(default_factory=list)
    """Of the jobs, for an edit: those of most jobs first."""
    priorities: list[int] = field(default_factory=list)
    """Of the jobs, for an edit: the least and the greatest; one when they are the same."""

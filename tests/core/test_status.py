"""The statuses of jobs, as torc numbers and names them (server.md 3.1)."""

from __future__ import annotations

import pytest

from torc_core.models.status import COMPLETE, TERMINAL, JobStatus

TORC = [
    (0, "uninitialized"),
    (1, "blocked"),
    (2, "ready"),
    (3, "pending"),
    (4, "running"),
    (5, "completed"),
    (6, "failed"),
    (7, "canceled"),
    (8, "terminated"),
    (9, "disabled"),
    (10, "pending_failed"),
]


def test_numbers_names_and_their_order_are_those_of_torc() -> None:
    assert [(int(status), status.label) for status in JobStatus] == TORC


@pytest.mark.parametrize(("number", "label"), TORC)
def test_a_status_is_found_by_its_name(number: int, label: str) -> None:
    assert JobStatus.from_label(label) == number


@pytest.mark.parametrize("label", ["done", "Completed", "COMPLETED", "5", ""])
def test_another_name_is_refused_with_the_choices(label: str) -> None:
    with pytest.raises(ValueError, match=f"unknown job status '{label}'; one of uninitialized, .*, pending_failed"):
        JobStatus.from_label(label)


def test_a_complete_job_is_one_of_four_and_pending_failed_only_ends_a_runners_work() -> None:
    assert {status.label for status in COMPLETE} == {"completed", "failed", "canceled", "terminated"}
    assert {status.label for status in TERMINAL} == {"completed", "failed", "canceled", "terminated", "pending_failed"}

"""Reading server-sent events."""

from __future__ import annotations

from torc_core.client.stream import Change, names_any, parse_changes


def test_frames_become_changes_and_comments_are_passed_over() -> None:
    lines = [
        ": torc",
        "",
        "id: 7",
        "event: jobs",
        'data: {"status":"ready",',
        'data: "ids":[1]}',
        "",
        ": keep-alive",
        "",
    ]
    assert list(parse_changes(lines)) == [Change(7, "jobs", {"status": "ready", "ids": [1]})]


def test_a_frame_without_id_keeps_none() -> None:
    assert list(parse_changes(["event: reset", "data: {}", ""])) == [Change(None, "reset", {})]


def test_a_frame_cut_off_by_the_end_is_not_given() -> None:
    assert list(parse_changes(["id: 7", "event: jobs", 'data: {"status":"ready"}'])) == []


def test_jobs_are_found_in_packed_ids() -> None:
    change = Change(1, "jobs", {"status": "ready", "ids": [3, [5, 7], [9, 9]]})
    assert [job for job in range(12) if names_any(change, (job,))] == [3, 5, 6, 7, 9]
    assert names_any(change, {1, 6})
    assert not names_any(change, {4, 8})

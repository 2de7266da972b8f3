"""Reading server-sent events."""

from __future__ import annotations

from torc_core.client.stream import Change, job_ids, parse_changes


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


def test_packed_ids_are_unpacked() -> None:
    assert list(job_ids([3, [5, 7], [9, 9]])) == [3, 5, 6, 7, 9]

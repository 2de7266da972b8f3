"""What regular expressions find: Rust's spellings, which torc reads, and Python's beside them (spec.md 8)."""

import json

import pytest

from torc_core.spec import load_text

NAMES = ["work_1", "work_10", "Work_x", "été", "a{e}", "pre work", "aab", "<b>"]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("work_1", ["work_1", "work_10"]),
        ("^work_1$", ["work_1"]),
        (r"\Awork_1\z", ["work_1"]),
        (r"k_\pL", ["Work_x"]),
        (r"^\p{Ll}+$", ["été", "aab"]),
        (r"\P{ASCII}", ["été"]),
        (r"(?<letter>a){2}", ["aab"]),
        (r"(?P<letter>a)(?P=letter)", ["aab"]),
        ("^[[:lower:]]+$", ["été", "aab"]),
        ("^[a-z&&[^w]]+$", ["aab"]),
        ("^(?i)w", ["work_1", "work_10", "Work_x"]),
        ("W(?i)ORK", ["Work_x"]),
        ("(?i:W)ork_(?-i:X|1)", ["work_1", "work_10"]),
        ("(?x) ^ work  _1 $ # one", ["work_1"]),
        (r"^\x{77}\u{6f}", ["work_1", "work_10"]),
        (r"\<work\>", ["pre work"]),
        (r"\b{start}work\b{end}", ["pre work"]),
        (r"[<]b", ["<b>"]),
        ("a{e}", ["a{e}"]),
        (r"\{e}", ["a{e}"]),
        (r"\\{e}|_1{2}|_1{1,}0", ["work_10"]),
        ("(?<=_)1(?!0)", ["work_1"]),
        ("^(.{1,3}){2}_1{1,50}$|(z{250}){200}", ["work_1"]),
    ],
)
def test_a_regex_finds(pattern: str, found: list[str]) -> None:
    jobs = [{"name": name, "command": "true"} for name in NAMES]
    jobs.append({"name": "LAST!", "command": "true", "depends_on_regexes": [pattern]})  # type: ignore[dict-item]
    loaded = load_text(json.dumps({"name": "x", "jobs": jobs}), "json", "flow")
    assert loaded.errors == []
    assert loaded.spec is not None
    assert loaded.spec.jobs[-1].depends_on == found

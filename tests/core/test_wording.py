"""How counts and exit codes are said."""

from __future__ import annotations

import pytest

from torc_core.wording import count_of, exit_text


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (0, "exit code 0"),
        (3, "exit code 3"),
        (137, "killed by SIGKILL (137)"),
        (143, "killed by SIGTERM (143)"),
        (-9, "killed by SIGKILL (137)"),
        (128, "exit code 128"),
        (255, "exit code 255"),
    ],
)
def test_an_exit_code_that_means_a_signal_names_it(code: int, text: str) -> None:
    assert exit_text(code) == text


def test_one_thing_is_not_many() -> None:
    assert (count_of(1, "jobs"), count_of(0, "jobs"), count_of(2, "jobs")) == ("1 job", "0 jobs", "2 jobs")

"""How counts and exit codes are said."""

from __future__ import annotations

import pytest

from torc_core.wording import count_of, exit_text, size_text, with_note


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


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1.0 kB"),
        (512 << 20, "512 MB"),
        (8.1 * 2**30, "8.1 GB"),
        (1 << 40, "1.0 TB"),
        (1 << 62, "4096.0 PB"),
    ],
)
def test_a_size_has_at_most_three_digits_and_the_unit_that_fits(size: float, text: str) -> None:
    assert size_text(size) == text


@pytest.mark.parametrize(
    ("cause", "code", "text"),
    [
        (None, 3, "exit code 3: noted"),
        (None, 137, "killed by SIGKILL (137): noted"),
        ("over runtime: limit 60 s", 143, "over runtime: limit 60 s; noted"),
        (None, 0, "noted"),
    ],
)
def test_what_happened_comes_before_what_is_noted_of_it(cause: str | None, code: int, text: str) -> None:
    assert with_note(cause, code, "noted") == text

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torc_core.errors import InputError
from torc_core.units import (
    MAX_INTEGER,
    UnitError,
    format_duration,
    format_memory,
    format_walltime,
    parse_duration,
    parse_memory,
    parse_walltime,
)

SIZES = st.integers(min_value=0, max_value=MAX_INTEGER)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("512", 512),
        ("0", 0),
        ("1K", 1024),
        ("1k", 1024),
        (" 2M ", 2 * 1024**2),
        ("+3g", 3 * 1024**3),
        ("8G", 8 * 1024**3),
        ("4t", 4 * 1024**4),
        ("9223372036854775807", MAX_INTEGER),
    ],
)
def test_memory_is_read_in_binary_multiples(text: str, size: int) -> None:
    assert parse_memory(text) == size


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("4gb", "Invalid memory unit: b"),
        ("10GB", "Invalid memory unit: B"),
        ("x", "Invalid memory unit: x"),
        ("1p", "Invalid memory unit: p"),
        ("1.5g", "Invalid number in memory string: 1.5"),
        ("8 g", "Invalid number in memory string: 8 "),
        ("g", "Invalid number in memory string: "),
        ("1_000", "Invalid number in memory string: 1_000"),
        ("٣g", "Invalid number in memory string: ٣"),
        ("9" * 5000, "Invalid number in memory string: " + "9" * 5000),
        ("-1g", "Memory size cannot be negative"),
        ("", "Memory string cannot be empty"),
        ("  ", "Memory string cannot be empty"),
        ("9999999t", "Memory size too large, would cause overflow"),
    ],
)
def test_memory_errors_use_torcs_words(text: str, message: str) -> None:
    with pytest.raises(UnitError) as caught:
        parse_memory(text)
    assert str(caught.value) == message
    assert "8g" in caught.value.expected


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0"), (1023, "1023"), (1024, "1k"), (1536, "1536"), (8 * 1024**3, "8g"), (1024**5, "1024t")],
)
def test_memory_is_written_with_the_largest_exact_unit(size: int, text: str) -> None:
    assert format_memory(size) == text


@given(SIZES)
def test_memory_round_trips(size: int) -> None:
    assert parse_memory(format_memory(size)) == size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("PT1H", 3600),
        ("PT90S", 90),
        ("PT36H", 36 * 3600),
        ("P1DT2H", 93600),
        ("P2W", 14 * 86400),
        ("P1Y2M", 31_557_600 + 2 * 2_629_800),
        ("P1M", 2_629_800),
        ("PT1M", 60),
        (" PT1M ", 60),
        ("P0DT1M", 60),
        ("PT0S", 0),
        ("PT1.9S", 1),
        ("PT0,5S", 0),
    ],
)
def test_durations_are_read_in_seconds(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "1h",
        "P",
        "PT",
        "P1DT",
        "pt1h",
        "-PT1H",
        "PT-1H",
        "3600",
        "01:00:00",
        "P1.5D",
        "PT1.5H",
        "PT1.5M",
        "PT1H extra",
        "PT10M30",
        "PT1S1M",
        "PT٣S",
        "P9223372036854775807Y",
        "PT" + "9" * 5000 + "S",
    ],
)
def test_what_is_no_duration_is_refused_in_torcs_words(text: str) -> None:
    with pytest.raises(UnitError) as caught:
        parse_duration(text)
    assert str(caught.value) == f"Invalid ISO 8601 duration format: Failed to parse duration: {text}"
    assert "PT30M" in caught.value.expected


def test_an_empty_duration_is_named_as_such() -> None:
    with pytest.raises(UnitError, match=r"^Duration string cannot be empty$"):
        parse_duration(" ")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "PT0S"), (60, "PT1M"), (3600, "PT1H"), (86400, "P1D"), (93784, "P1DT2H3M4S"), (86401, "P1DT1S")],
)
def test_durations_are_written_in_days_and_smaller(seconds: int, text: str) -> None:
    assert format_duration(seconds) == text


@given(SIZES)
def test_durations_round_trip(seconds: int) -> None:
    assert parse_duration(format_duration(seconds)) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90 * 60),
        ("10:30", 630),
        ("04:00:00", 4 * 3600),
        ("1-0", 86400),
        ("1-12", 129600),
        ("1-12:30", 131400),
        ("2-00:00:01", 172801),
        ("0", 0),
        ("UNLIMITED", MAX_INTEGER),
        ("Infinite", MAX_INTEGER),
        ("-1", MAX_INTEGER),
    ],
)
def test_walltimes_are_read_as_sbatch_reads_them(text: str, seconds: int) -> None:
    assert parse_walltime(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "1h", "1:2:3:4", "1-", "-2", "1.5", "PT1H", "UNLIMITED 1", "1-2-3", "00:00:00x", ":30", "٣"]
)
def test_what_is_no_walltime_is_refused(text: str) -> None:
    with pytest.raises(UnitError) as caught:
        parse_walltime(text)
    assert str(caught.value) == f"Invalid walltime: {text}"
    assert "04:00:00" in caught.value.expected


@pytest.mark.parametrize(("seconds", "text"), [(0, "00:00:00"), (3661, "01:01:01"), (86400, "1-00:00:00")])
def test_walltimes_are_written_in_slurms_form(seconds: int, text: str) -> None:
    assert format_walltime(seconds) == text


@given(st.integers(min_value=0, max_value=999_999_999 * 86400))
def test_walltimes_round_trip(seconds: int) -> None:
    assert parse_walltime(format_walltime(seconds)) == seconds


@given(st.text(max_size=12) | st.from_regex(r"[0-9]{1,3}[kmgt]|PT?[0-9]{1,20}[DHMS]|[0-9]-[0-9]{1,10}"))
def test_any_text_is_read_or_refused_as_wrong_input(text: str) -> None:
    for parse in (parse_memory, parse_duration, parse_walltime):
        try:
            amount = parse(text)
        except UnitError:
            continue
        assert 0 <= amount <= MAX_INTEGER


def test_a_unit_error_is_wrong_input_and_a_value_error() -> None:
    assert issubclass(UnitError, InputError)
    assert issubclass(UnitError, ValueError)


def test_negative_amounts_cannot_be_written() -> None:
    for write in (format_memory, format_duration, format_walltime):
        with pytest.raises(ValueError, match="-1"):
            write(-1)

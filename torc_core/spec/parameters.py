"""The values of parameters: ranges, lists and single values, written as text or natively (spec.md 5)."""

from __future__ import annotations

import re
from decimal import ROUND_FLOOR, Decimal, localcontext

Value = int | float | str
"""What stands for a placeholder."""

MAX_VALUES = 10_000_000
"""So many values a parameter may have."""

_INTEGER = re.compile(r"[+-]?[0-9]{1,400}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_ITEM = re.compile(r"""\s*(?:'([^']*)'|"([^"]*)")\s*(?:,|$)|([^,]*)(?:,|$)""")


def parse_values(text: str) -> list[Value]:
    """The values of a parameter given as text: `1:10`, `0:1.5:0.5`, `[a, b]`, `7`.

    A range includes its end; a value of a list or a single one is an int, else a float, else the text. ValueError with
    the way out.
    """
    trimmed = text.strip()
    if trimmed.startswith("{") and trimmed.endswith("}") and "," not in trimmed:
        trimmed = trimmed[1:-1].strip()
    if trimmed.startswith("[") and trimmed.endswith("]"):
        return _list(trimmed.lstrip("[").rstrip("]"))
    if ":" in trimmed:
        return _range(trimmed)
    return [scalar(trimmed)]


def scalar(text: str) -> Value:
    """A number where the text is one, else the text."""
    if _INTEGER.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text):
        return float(text)
    return text


def _list(text: str) -> list[Value]:
    """The items between brackets; a comma inside quotes belongs to its item, and what is quoted is text."""
    if not text.strip():
        return []
    values: list[Value] = []
    position = 0
    while True:
        match = _ITEM.match(text, position)
        assert match is not None
        quoted = match[1] if match[1] is not None else match[2]
        if quoted is not None:
            values.append(quoted)
        else:
            value = scalar(match[3].strip())
            values.append(value.strip("'").strip('"') if isinstance(value, str) else value)
        position = match.end()
        if position >= len(text) and not match[0].endswith(","):
            return values


def _range(text: str) -> list[Value]:
    parts = [part.strip() for part in text.split(":")]
    if len(parts) > 3:
        raise ValueError(f"Invalid range format: '{text}'. Expected 'start:end' or 'start:end:step'; {_as_list(text)}")
    start, end = parts[:2]
    step = parts[2] if len(parts) == 3 and parts[2] else "1"
    if _INTEGER.fullmatch(start) and _INTEGER.fullmatch(end):
        if not _INTEGER.fullmatch(step):
            hint = f"; write {_decimal(start)}:{_decimal(end)}:{step}" if _NUMBER.fullmatch(step) else ""
            raise ValueError(f"Invalid integer step in range: '{step}'{hint}")
        count = _count(text, Decimal(start), Decimal(end), Decimal(step))
        return list(range(int(start), int(start) + count * int(step), int(step)))
    if not (_NUMBER.fullmatch(start) and _NUMBER.fullmatch(end)):
        raise ValueError(f"Invalid range values: '{text}'. Could not parse as integer or float range; {_as_list(text)}")
    if not _NUMBER.fullmatch(step):
        raise ValueError(f"Invalid float step in range: '{step}'")
    with localcontext() as context:
        context.prec = 60
        first, width = Decimal(start), Decimal(step)
        return [float(first + n * width) for n in range(_count(text, first, Decimal(end), width))]


def _count(text: str, start: Decimal, end: Decimal, step: Decimal) -> int:
    if step == 0:
        raise ValueError(f"Step cannot be zero: '{text}'")
    steps = ((end - start) / step).to_integral_value(ROUND_FLOOR)
    if steps < 0:
        way = "down, so it needs a negative step" if step > 0 else "up, so it needs a positive step"
        raise ValueError(f"the range '{text}' is empty: from {start} to {end} it counts {way}")
    if steps >= MAX_VALUES:
        raise ValueError(f"the range '{text}' has more than {MAX_VALUES:,} values")
    return int(steps) + 1


def _decimal(text: str) -> str:
    return f"{text}.0"


def _as_list(text: str) -> str:
    return f"a text with a colon goes into a list: ['{text}']"


def value_text(value: Value) -> str:
    """What stands for a placeholder without format: floats have neither exponent nor a fraction of zero."""
    if not isinstance(value, float):
        return str(value)
    text = format(Decimal(repr(value)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text

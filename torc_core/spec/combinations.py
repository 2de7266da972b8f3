"""Which values of several parameters stand together: all combinations, or the first of each, the second, and so on."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, product

from torc_core.spec.parameters import Value, value_text
from torc_core.spec.template import Field, Row, formatted

Column = tuple[Field, bool]
"""A placeholder, and whether its texts are escaped for a regular expression."""


class Combinations:
    """The combinations of the values of parameters; of a product, the first parameter varies slowest (spec.md 6.3)."""

    def __init__(self, values: Mapping[str, Sequence[Value]], *, zipped: bool) -> None:
        self._values = values
        self._zipped = zipped
        self._columns: dict[Column, list[str]] = {}
        self.misfits: dict[Field, str] = {}
        """What is wrong with the format of a placeholder."""
        lengths = [len(one) for one in values.values()]
        self.count = lengths[0] if zipped else math.prod(lengths)

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters."""
        return tuple(self._values)

    def add(self, field: Field, *, escaped: bool) -> list[str]:
        """Make a column of a placeholder and give its texts, a text for each value of its parameter.

        A value that its format does not fit keeps its plain text, as in torc (spec.md 5.1).
        """
        column = field, escaped
        if column not in self._columns:
            texts = []
            for value in self._values[field.name]:
                try:
                    text = formatted(value, field.spec)
                except ValueError as error:
                    text = value_text(value)
                    misfit = f"the format {field.spec} does not fit {value!r}, which stays plain: {error}"
                    self.misfits.setdefault(field, misfit)
                texts.append(re.escape(text) if escaped else text)
            self._columns[column] = texts
        return self._columns[column]

    def layout(self) -> dict[Column, int]:
        """Where each column stands in a row; no column may be added afterwards."""
        ordered = [column for name in self._values for column in self._columns if column[0].name == name]
        return {column: place for place, column in enumerate(ordered)}

    def rows(self) -> Iterator[Row]:
        """The texts of all columns, a row for each combination."""
        by_parameter = [
            [texts for (field, _), texts in self._columns.items() if field.name == name] for name in self._values
        ]
        if self._zipped:
            columns = list(chain.from_iterable(by_parameter))
            yield from zip(*columns, strict=True) if columns else iter([()] * self.count)
        elif all(len(columns) == 1 for columns in by_parameter):
            yield from product(*(columns[0] for columns in by_parameter))
        else:
            groups: list[list[Row]] = [
                list(zip(*columns, strict=True)) if columns else [()] * len(self._values[name])
                for name, columns in zip(self._values, by_parameter, strict=True)
            ]
            for combination in product(*groups):
                yield tuple(chain.from_iterable(combination))

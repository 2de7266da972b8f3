"""What the benchmarks print."""

from __future__ import annotations


def row(name: str, value: str, aim: str = "", beside: str = "") -> None:
    """One line of the table: what was measured, the figure, what is asked for, what to compare it with."""
    print(f"{name:<52} {value:>16}  {aim:<18} {beside}", flush=True)

"""What tables have in common: ids, the workflow that they belong to, pairs of ids."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, MetaData, Table
from sqlalchemy.schema import SchemaItem

metadata = MetaData()
"""All tables of the database."""


def id_column() -> Column[int]:
    """The row's own id."""
    return Column("id", Integer, primary_key=True)


def workflow_id_column() -> Column[int]:
    """The workflow that a row goes with."""
    return Column("workflow_id", Integer, ForeignKey("workflow.id", ondelete="CASCADE"), nullable=False)


def table(name: str, *items: SchemaItem) -> Table:
    """A table whose ids are never given twice."""
    return Table(name, metadata, *items, sqlite_autoincrement=True)


def relation(name: str, other: str, other_table: str) -> Table:
    """A relation of jobs to something else, found from both sides."""
    return Table(
        name,
        metadata,
        Column("job_id", Integer, ForeignKey("job.id", ondelete="CASCADE"), primary_key=True),
        Column(other, Integer, ForeignKey(f"{other_table}.id", ondelete="CASCADE"), primary_key=True),
        Index(f"ix_{name}_{other}", other, "job_id"),
        sqlite_with_rowid=False,
    )


def barrier_side(name: str) -> Table:
    """The jobs before or after barriers, found from both sides."""
    return Table(
        name,
        metadata,
        Column("barrier_id", Integer, ForeignKey("barrier.id", ondelete="CASCADE"), primary_key=True),
        Column("job_id", Integer, ForeignKey("job.id", ondelete="CASCADE"), primary_key=True),
        Index(f"ix_{name}_job", "job_id", "barrier_id"),
        sqlite_with_rowid=False,
    )

"""Which database an output folder belongs to: ids of another one would overwrite its files (design: section 4)."""

from __future__ import annotations

from pathlib import Path

from torc_core.errors import InputError

OWNER_FILE = ".torc-database"
"""Holds the UUID of the server's database."""


def make_output_folder(folder: Path) -> None:
    """Make the folder, with the one inside that jobs write to. InputError when that cannot be."""
    try:
        (folder / "job_stdio").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"output folder {folder} cannot be made: {error.strerror}; choose another with -o") from None


def refuse_foreign(folder: Path, database_uuid: str | None) -> None:
    """InputError when the folder holds the output of another database's workflows."""
    if database_uuid is None:
        return
    try:
        owner = (folder / OWNER_FILE).read_text().strip()
    except OSError:
        return
    if owner and owner != database_uuid:
        raise InputError(
            f"output folder {folder} holds the output of another torc database ({owner[:8]}…), whose files would be"
            " overwritten; choose another with -o, or move it away"
        )


def claim(folder: Path, database_uuid: str | None) -> None:
    """Mark the folder as this database's. InputError when it is another's or cannot be written."""
    refuse_foreign(folder, database_uuid)
    if database_uuid is None:
        return
    try:
        (folder / OWNER_FILE).write_text(database_uuid + "\n")
    except OSError as error:
        raise InputError(
            f"output folder {folder} cannot be written: {error.strerror}; choose another with -o"
        ) from None

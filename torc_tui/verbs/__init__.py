"""The actions, by family. This list is all there is: a new module of actions is added here."""

from __future__ import annotations

from torc_tui.actions import Action
from torc_tui.verbs import create, failures, files, job, log, navigation, plot, rows, runs, server, settings, workflow

ACTIONS: tuple[Action, ...] = (
    *rows.ACTIONS,
    *job.ACTIONS,
    *files.ACTIONS,
    *workflow.ACTIONS,
    *create.ACTIONS,
    *runs.ACTIONS,
    *server.ACTIONS,
    *log.ACTIONS,
    *plot.ACTIONS,
    *failures.ACTIONS,
    *settings.ACTIONS,
    *navigation.ACTIONS,
)
"""Every action of the console."""

"""Errors that a user can cause: one line that names the thing, the value and the way out."""

from __future__ import annotations


class TorcError(Exception):
    """Something did not work; the command line prints the message and exits with `exit_code`."""

    exit_code = 1


class InputError(TorcError):
    """Wrong use or wrong input: nothing was done."""

    exit_code = 2


class CannotFinishError(TorcError):
    """The workflow cannot reach its end: no runner fits what is left."""

    exit_code = 3

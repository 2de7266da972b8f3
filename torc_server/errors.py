"""Refusals: what a caller did wrong, as an HTTP status and a message that names the thing and the value."""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """A request that is not carried out; nothing of it is kept."""

    status = 422

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.details = details
        """Further fields of the error object, e.g. `field` and `value`."""


class NotFound(Refusal):
    status = 404


class Conflict(Refusal):
    status = 409


class Invalid(Refusal):
    status = 422


class Forbidden(Refusal):
    status = 403


class Busy(Refusal):
    """The writer's queue is full, or the server is stopping: try again."""

    status = 503

"""Answers as torc's clients know them: JSON, JSON errors, plain text for malformed requests (server.md 0, 0.1)."""

from __future__ import annotations

import logging
import uuid
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, MethodNotAllowedException, NotFoundException
from sqlalchemy.exc import OperationalError

from torc_server.errors import Busy, Refusal
from torc_server.store.database import is_defect

log = logging.getLogger("torc_server.api")

Headers = tuple[tuple[bytes, bytes], ...]

JSON: Headers = ((b"content-type", b"application/json"),)

RETRY: Headers = ((b"retry-after", b"1"),)

WARNING = "torc.warning"
"""Key of the scope under which the value of the `Warning` header is left by who read the body."""

WITHOUT_405 = (
    "is_uninitialized", "job_dependencies", "job_file_relationships", "job_user_data_relationships",
    "/actions", "/actions/pending", "/claim",
)  # fmt: skip
"""Ends of paths that answer a wrong method with 404 (server.md 0.1)."""

WITHOUT_HANDLER = ("latest_event_timestamp", "events_after_timestamp", "prepare_jobs_for_scheduling")
"""Paths below a workflow that exist for no method (server.md 1.2)."""


class Malformed(Exception):
    """The request cannot be understood: 400 with this text."""


class Answer(Response[bytes]):
    """A finished answer. `traced` ones, all that come from a handler, carry the caller's X-Span-ID or a new one."""

    def __init__(self, body: bytes = b"", status: int = 200, headers: Headers = (), *, traced: bool = True) -> None:
        self.body = body
        self.status_code = status
        self.fields = headers
        self.traced = traced

    def to_asgi_response(self, *_: Any, **__: Any) -> Any:
        """Litestar's hook: the answer sends itself."""
        return self

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG002
        """Send it."""
        headers = [*self.fields, (b"content-length", b"%d" % len(self.body))]
        if self.traced:
            headers.append((b"x-span-id", _span_id(scope)))
            if WARNING in scope:
                headers.append((b"warning", scope[WARNING]))
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": False})


def _span_id(scope: Any) -> bytes:
    for name, value in scope["headers"]:
        if name == b"x-span-id":
            return bytes(value)
    return str(uuid.uuid4()).encode()


def json_answer(value: Any, status: int = 200, headers: Headers = ()) -> Answer:
    """`value` as JSON."""
    return Answer(msgspec.json.encode(value), status, (*JSON, *headers))


def error_answer(status: int, message: str, headers: Headers = (), **details: Any) -> Answer:
    """torc's JSON error: `{"error": {"message": …}}`."""
    return json_answer({"error": {"message": message, **details}}, status, headers)


def refuse(_: Request[Any, Any, Any], refusal: Refusal) -> Answer:
    """The engine did not do it."""
    return error_answer(refusal.status, str(refusal), RETRY if isinstance(refusal, Busy) else (), **refusal.details)


def malformed(_: Request[Any, Any, Any], error: Malformed) -> Answer:
    """400, plain text, without Content-Type."""
    return Answer(str(error).encode(), 400, traced=False)


def not_found(request: Request[Any, Any, Any], _: NotFoundException) -> Answer:
    """No such route."""
    parts = request.scope["path"].split("/")
    known = len(parts) > 5 and parts[3] == "workflows" and parts[5] in WITHOUT_HANDLER
    return Answer(status=405 if known else 404, traced=False)


def method_not_allowed(request: Request[Any, Any, Any], _: MethodNotAllowedException) -> Answer:
    """The route exists for other methods."""
    without = request.scope["path"].rstrip("/").endswith(WITHOUT_405)
    return Answer(status=404 if without else 405, traced=False)


def http_error(_: Request[Any, Any, Any], error: HTTPException) -> Answer:
    """Anything else the framework refuses."""
    return error_answer(error.status_code, error.detail)


def broken(request: Request[Any, Any, Any], error: Exception) -> Answer:
    """A defect, or a store that does not take what is written: said to the caller, logged with its traceback."""
    log.error("%s %s failed", request.scope["method"], request.scope["path"], exc_info=error)
    if isinstance(error, OperationalError) and not is_defect(error):
        return error_answer(503, f"the database cannot do it now: {error.orig}; nothing was changed", RETRY)
    return error_answer(500, f"internal error: {type(error).__name__}: {error}")


HANDLERS: dict[Any, Any] = {
    Refusal: refuse,
    Malformed: malformed,
    NotFoundException: not_found,
    MethodNotAllowedException: method_not_allowed,
    HTTPException: http_error,
    Exception: broken,
}
"""Exception handlers of the application."""

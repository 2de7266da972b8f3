"""Answers and silences of a server, as errors that one line on a terminal explains."""

from __future__ import annotations

from typing import Any

import msgspec

from torc_core import VERSION
from torc_core.client.request import Request
from torc_core.errors import TorcError


class ServerUnreachableError(TorcError):
    """Nobody answers at the address."""


class ApiError(TorcError):
    """The server answered with an error."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status
        """The HTTP status."""
        if status in (400, 404):
            self.exit_code = 2


TLS_TROUBLES = {
    "wrong_version_number": "it does not speak TLS; write http:// in place of https://",
    "record layer failure": "it does not speak TLS; write http:// in place of https://",
    "certificate_verify_failed": "its certificate is not trusted here; SSL_CERT_FILE names those that are",
    "connection reset": "it broke off the connection; is it stopping, or does it want https://?",
    "server disconnected without": "it broke off the connection; is it stopping, or does it want https://?",
}
"""What stands in an error of the connection, and what it means to the user."""


def unreachable(url: str, request: Request[Any], reason: BaseException) -> ServerUnreachableError:
    """No connection, or none that lasted until the answer."""
    lowered = str(reason).lower()
    for sign, meaning in TLS_TROUBLES.items():
        if sign in lowered:
            return ServerUnreachableError(f"cannot talk to {url} while {request.doing}: {meaning}")
    return ServerUnreachableError(
        f"no server at {url}: {_why(reason)}, while {request.doing}; start it there, name another with --url, "
        "or leave out --url and TORC_API_URL to use your own"
    )


def refused(url: str, user: str, has_password: bool, request: Request[Any], status: int, content: bytes) -> ApiError:
    """The error that an answer of 400 or more means."""
    said = _said(content)
    if status == 401:
        if has_password:
            return ApiError(
                f"the server at {url} refuses the password of user {user!r}; give the right one with --password or "
                "TORC_PASSWORD (where it asks for a token, that is the password; its log says which file has it)",
                status,
            )
        return ApiError(
            f"the server at {url} asks for a password: give --password or set TORC_PASSWORD "
            "(to its token, where it has one: its log says which file has it)",
            status,
        )
    if status == 403:
        return ApiError(f"{request.doing} is not allowed for user {user!r}: {said or 'forbidden'}", status)
    if status == 404 and request.thing:
        if said and "not found" not in said.lower():
            return ApiError(f"{request.doing}: {said}", status)
        listing = "torc jobs list WORKFLOW" if request.thing.startswith("job ") else "torc workflows list"
        return ApiError(f"there is no {request.thing} at {url}; '{listing}' shows what there is", status)
    if status == 404:
        return ApiError(
            f"the server at {url} does not know {request.method} {request.path}; is it torc {VERSION}?", status
        )
    if status == 503 and "disk is full" in said:
        return ApiError(
            f"{request.doing} is not done: the disk with the database of {url} is full; make room there and try again",
            status,
        )
    if status == 503:
        return ApiError(f"the server at {url} is too busy or stopping ({said or 503}); try again", status)
    if status >= 500:
        return ApiError(f"the server failed while {request.doing} ({status}): {said}; see its log", status)
    return ApiError(f"{request.doing} is refused: {said or status}", status)


def unreadable(url: str, request: Request[Any], reason: Exception) -> ApiError:
    """An answer that is not what this endpoint answers."""
    return ApiError(f"the answer of {url} while {request.doing} makes no sense ({reason}); is it torc {VERSION}?", 200)


def _why(reason: BaseException) -> str:
    text = str(reason) or type(reason).__name__
    lowered = text.lower()
    for known in ("connection refused", "timed out", "name or service not known", "network is unreachable"):
        if known in lowered:
            return known
    return text.splitlines()[0]


def _said(content: bytes) -> str:
    """The message in an error body: torc's `{"error": {"message": …}}`, a plain string there, or text."""
    try:
        body = msgspec.json.decode(content)
    except msgspec.DecodeError:
        text = content.decode(errors="replace").strip()
        return "" if text.startswith("<") else text.partition("\n")[0][:500]
    error: Any = body.get("error", body) if isinstance(body, dict) else body
    for key in ("message", "detail"):
        if isinstance(error, dict) and key in error:
            return str(error[key])
        if isinstance(body, dict) and key in body:
            return str(body[key])
    return str(error)

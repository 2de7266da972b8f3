"""One keep-alive connection to the server.

The standard library's `http.client`, not httpx: importing httpx takes 100 ms and 15 MB, and a call through it a
millisecond of CPU, which a runner of short jobs does not have.
"""

from __future__ import annotations

import base64
import http.client
import ssl
from urllib.parse import urlsplit

import msgspec

from torc_core.client.http import base_url
from torc_core.client.request import API_PATH
from torc_core.errors import TorcError

CONNECT_S = 10.0


class Away(Exception):
    """The server cannot be reached or cannot answer now; to be tried again. `status` is the HTTP status, if any."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Refused(TorcError):
    """The server answered 4xx; `status` is the HTTP status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Connection:
    """Calls of one thread, one after the other; everything the runner sends may be repeated safely."""

    def __init__(self, url: str, user: str, password: str | None) -> None:
        self.url = base_url(url)
        parts = urlsplit(self.url)
        self._path = parts.path.rstrip("/") + API_PATH
        self._headers = {"Content-Type": "application/json"}
        if password is not None:
            token = base64.b64encode(f"{user}:{password}".encode()).decode()
            self._headers["Authorization"] = f"Basic {token}"
        self._http: http.client.HTTPConnection
        if parts.scheme == "https":
            context = ssl.create_default_context()
            self._http = http.client.HTTPSConnection(parts.netloc, timeout=CONNECT_S, context=context)
        else:
            self._http = http.client.HTTPConnection(parts.netloc, timeout=CONNECT_S)

    def call(self, method: str, path: str, body: bytes | None = None, patience: float = 30.0) -> bytes:
        """Send one request and return the body of the answer, waiting `patience` seconds for it at most.

        Raises Away when there is no answer or it is 408, 429 or 5xx; Refused for any other 4xx.
        """
        kept_alive = self._http.sock is not None
        try:
            try:
                status, content = self._send(method, path, body, patience)
            except (http.client.HTTPException, ConnectionError):
                if not kept_alive:
                    raise
                self._http.close()  # the server had closed the idle connection: once more on a new one
                status, content = self._send(method, path, body, patience)
        except (http.client.HTTPException, OSError) as error:
            self._http.close()
            raise Away(_reason(error)) from None
        if status < 400:
            return content
        said = said_by(content)
        if status >= 500 or status in (408, 429):
            raise Away(f"HTTP {status}: {said}" if said else f"HTTP {status}", status)
        raise Refused(said or f"HTTP {status}", status)

    def close(self) -> None:
        """Close it; a later call opens it again."""
        self._http.close()

    def _send(self, method: str, path: str, body: bytes | None, patience: float) -> tuple[int, bytes]:
        if self._http.sock is None:
            self._http.timeout = CONNECT_S
            self._http.connect()
        self._http.sock.settimeout(patience)
        self._http.request(method, self._path + path, body, self._headers)
        response = self._http.getresponse()
        return response.status, response.read()


def said_by(content: bytes) -> str:
    """The message in an error body: torc's `{"error": {"message": …}}`, or the first line of the text."""
    try:
        body = msgspec.json.decode(content)
    except msgspec.DecodeError:
        return content.decode(errors="replace").strip().partition("\n")[0][:300]
    error = body.get("error", body) if isinstance(body, dict) else body
    message = error.get("message") or error.get("detail") if isinstance(error, dict) else error
    return str(message)


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, http.client.RemoteDisconnected):
        return "connection closed"
    return str(getattr(error, "strerror", None) or error or type(error).__name__)

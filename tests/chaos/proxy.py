"""Stands between runners and the server, and does to their calls what networks do."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress


class Proxy:
    """Forwards HTTP on a port of its own to another port; a counter each for what happens to the next calls."""

    def __init__(self, upstream: Callable[[], int]) -> None:
        """`upstream` says the server's port."""
        self._upstream = upstream
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self.lose_requests = 0
        self.lose_answers = 0
        self.repeat = 0
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """Where runners find the server."""
        return f"http://127.0.0.1:{self.port}"

    def cut(self) -> None:
        """Break every connection."""
        with self._lock:
            broken = list(self._open)
        for each in broken:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def calm(self) -> None:
        """From now on everything arrives."""
        self.lose_requests = self.lose_answers = self.repeat = 0

    def close(self) -> None:
        """Stop listening."""
        self._listening.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with self._lock:
            self._open.add(client)
        try:
            with client:
                while request := _message(client):
                    answer = self._pass_on(request)
                    if not answer:
                        return
                    client.sendall(answer)
        except OSError:
            return
        finally:
            with self._lock:
                self._open.discard(client)

    def _pass_on(self, request: bytes) -> bytes:
        """The answer to a request; empty when it is lost."""
        if self._one_of("lose_requests"):
            return b""
        if self._one_of("repeat"):
            self._ask(request)
        answer = self._ask(request)
        return b"" if self._one_of("lose_answers") else answer

    def _ask(self, request: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self._upstream())) as server:
            with self._lock:
                self._open.add(server)
            try:
                server.sendall(request)
                return _message(server)
            finally:
                with self._lock:
                    self._open.discard(server)

    def _one_of(self, counter: str) -> bool:
        with self._lock:
            left: int = getattr(self, counter)
            setattr(self, counter, max(left - 1, 0))
        return left > 0


def _message(sock: socket.socket) -> bytes:
    """One HTTP message with a Content-Length, whole; empty when the other side has gone."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(65536)
        if not more:
            return b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    while len(body) < length:
        more = sock.recv(65536)
        if not more:
            return b""
        body += more
    return head + b"\r\n\r\n" + body

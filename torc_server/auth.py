"""Who calls: HTTP Basic (server.md 7.7), with the server's token as everybody's password."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterable

ANONYMOUS = "anonymous"


class Authenticator:
    """Knows whether a caller may come in, and under which name."""

    def __init__(self, token: str | None) -> None:
        self._token = None if token is None else token.encode()

    def user(self, headers: Iterable[tuple[bytes, bytes]]) -> str | None:
        """The caller's name by the `Authorization` header; None: not let in.

        Without a token everybody is let in and credentials are ignored, as in torc.
        """
        if self._token is None:
            return ANONYMOUS
        for name, value in headers:
            if name == b"authorization":
                return self._check(value, self._token)
        return None

    @staticmethod
    def _check(value: bytes, token: bytes) -> str | None:
        scheme, _, credentials = value.partition(b" ")
        if scheme.lower() != b"basic":
            return None
        try:
            user, _, password = base64.b64decode(credentials.strip(), validate=True).partition(b":")
        except binascii.Error:
            return None
        return user.decode(errors="replace") if hmac.compare_digest(password, token) else None

"""Who calls: HTTP Basic (server.md 7.7), with the server's token as everybody's password, or an htpasswd file."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import logging
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from torc_core.errors import TorcError

ANONYMOUS = "anonymous"

BCRYPT_BYTES = 72
"""More of a password does not count, as in every bcrypt."""

MOST_CACHED = 1_000

LOOK_S = 1.0
"""So often at most it is looked whether the file has changed."""

log = logging.getLogger("torc_server.auth")

Headers = Iterable[tuple[bytes, bytes]]


class Authenticator(Protocol):
    """Knows whether a caller may come in, and under which name."""

    async def user(self, headers: Headers) -> str | None:
        """The caller's name by the `Authorization` header; None: not let in."""


class Everybody:
    """Lets everybody in and ignores credentials, as torc does without a file."""

    async def user(self, headers: Headers) -> str | None:  # noqa: ARG002
        return ANONYMOUS


class TokenHolders:
    """Lets in who gives the server's token as the password, under any name."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()

    async def user(self, headers: Headers) -> str | None:
        header = authorization(headers)
        found = None if header is None else basic(header)
        return found[0] if found is not None and hmac.compare_digest(found[1], self._token) else None


class Registered:
    """Lets in who is in an htpasswd file; without `required` also who gives no credentials, as anonymous.

    Wrong credentials are never taken for none. The file is read again within a second after it has changed, by threads:
    it may lie on a file system that does not answer, and only one caller a second waits for that.
    """

    def __init__(self, file: Path, required: bool, cache_ttl_s: float) -> None:
        """TorcError when the file cannot be read or a line of it is wrong."""
        self._file = file
        self._required = required
        self._ttl_s = cache_ttl_s
        self._hashes = read_htpasswd(file)
        self._stamp = _stamp(file)
        self._look_at = 0.0
        self._cache: dict[bytes, float] = {}
        """Digest of good credentials -> monotonic time until which they are not checked again."""

    async def user(self, headers: Headers) -> str | None:
        header = authorization(headers)
        if header is None:
            return None if self._required else ANONYMOUS
        found = basic(header)
        if found is None:
            return None
        name, password = found
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + LOOK_S
            await self._read_again()
        key = hashlib.sha256(name.encode() + b":" + password).digest()
        if self._cache.get(key, 0.0) > time.monotonic():
            return name
        return name if await self._check(name, password, key) else None

    async def _check(self, name: str, password: bytes, key: bytes) -> bool:
        stored = self._hashes.get(name)
        if stored is None or not await asyncio.to_thread(matches, password, stored):
            return False
        if self._ttl_s > 0 and self._hashes.get(name) == stored:  # the file may have been read again meanwhile
            now = time.monotonic()
            if len(self._cache) >= MOST_CACHED:
                self._cache = {each: until for each, until in self._cache.items() if until > now}
            self._cache[key] = now + self._ttl_s
        return True

    async def _read_again(self) -> None:
        stamp = await asyncio.to_thread(_stamp, self._file)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._hashes = await asyncio.to_thread(read_htpasswd, self._file)
        except TorcError as error:
            log.warning("%s; the users known so far stay", error)
            return
        self._cache.clear()


def authorization(headers: Headers) -> bytes | None:
    """The value of the `Authorization` header."""
    return next((value for name, value in headers if name == b"authorization"), None)


def basic(header: bytes) -> tuple[str, bytes] | None:
    """(user, password) of a Basic header; None when it is another kind or malformed."""
    scheme, _, credentials = header.partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        user, _, password = base64.b64decode(credentials.strip(), validate=True).partition(b":")
    except binascii.Error:
        return None
    return user.decode(errors="replace"), password


def read_htpasswd(file: Path) -> dict[str, bytes]:
    """User -> bcrypt hash. TorcError names the line that is wrong."""
    try:
        lines = file.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise TorcError(f"cannot read htpasswd file {file}: {getattr(error, 'strerror', None) or error}") from None
    users: dict[str, bytes] = {}
    for number, line in enumerate(map(str.strip, lines), 1):
        if not line or line.startswith("#"):
            continue
        name, colon, stored = line.partition(":")
        if not colon or not name or not stored.startswith("$2"):
            raise TorcError(f"htpasswd file {file}, line {number}: expected USER:BCRYPT-HASH")
        users[name] = stored.encode()
    if not users:
        raise TorcError(f"htpasswd file {file} names no users; add one with `torc-htpasswd add --file {file} USER`")
    return users


def matches(password: bytes, stored: bytes) -> bool:
    """Whether a password has this bcrypt hash; slow on purpose."""
    import bcrypt

    try:
        return bcrypt.checkpw(password[:BCRYPT_BYTES], stored)
    except ValueError:
        return False


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size

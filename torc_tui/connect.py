"""How the console finds its server: the one that is named, or the user's own, which is started when it is not there."""

from __future__ import annotations

from urllib.parse import urlsplit

from torc_core import local_server
from torc_core.client.http import Address, base_url


class NamedServer:
    """A server given by its address."""

    def __init__(self, url: str, password: str | None) -> None:
        self.url = base_url(url)
        self._password = password
        self.label = urlsplit(self.url).netloc

    def address(self) -> Address:
        """Its address; the token is at hand when it is the user's own."""
        record = local_server.read_record() if self._password is None else None
        if record and record.url == self.url:
            return record.address
        return Address(self.url, self._password)


class OwnServer:
    """The user's own server."""

    label = "local"

    def address(self) -> Address:
        """Where it is; started when it is not there."""
        return local_server.ensure()

"""How the console finds its server: the one that is named, or the user's own, which is started when it is not there."""

from __future__ import annotations

from urllib.parse import urlsplit

from torc_core import local_server
from torc_core.client.http import Address, base_url
from torc_tui.store import StoppedError

WITHOUT_IT = "Meanwhile 'b' shows the local runs, 'n' checks a workflow file; 'q' leaves."


class NamedServer:
    """A server given by its address."""

    way_out = WITHOUT_IT

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
    way_out = f"':server' shows its log and starts it. {WITHOUT_IT}"

    def __init__(self) -> None:
        self.stopped = False
        """Somebody has stopped it: it is not started again until somebody says so."""
        self._begun = False

    def address(self) -> Address:
        """Where it is; started when it is not there. StoppedError when it was stopped while this console was open."""
        if self._begun and local_server.stopped():
            found = local_server.find()
            self.stopped = found is None
            if found is None:
                raise StoppedError("the server was stopped; 's' on ':server' starts it")
            return found[0].address
        address = local_server.ensure()
        self._begun, self.stopped = True, False
        return address

    def start(self) -> None:
        """Start it, unless it runs."""
        local_server.ensure()

    def stop(self) -> bool:
        """Stop it and leave it so; False when it did not run."""
        return local_server.stop() is not None

    def restart(self) -> None:
        """Stop it and start it, with the same address and database."""
        self.stop()
        self.start()

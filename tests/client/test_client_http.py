"""The client against a server that says what the test wants."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from torc_core.client import endpoints
from torc_core.client.errors import ApiError, ServerUnreachableError
from torc_core.client.http import Address, Client, base_url
from torc_core.errors import InputError, TorcError

Handler = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def serving(handler: Handler) -> Iterator[str]:
    """A server whose every request goes to `handler`."""

    class Request(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            handler(self)

        do_POST = do_PUT = do_DELETE = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Request)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def answer(request: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), value)
    request.send_header("content-length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)


@pytest.mark.parametrize(
    ("status", "body", "expected", "exit_code"),
    [
        (404, b'{"error":{"message":"Job not found with ID: 9"}}', "there is no job 9 at", 2),
        (422, b'{"error":{"message":"status is Ready"}}', "cancelling job 9 is refused: status is Ready", 1),
        (409, b'{"error":{"message":"3 jobs run"}}', "cancelling job 9 is refused: 3 jobs run", 1),
        (400, b"Couldn't parse", "cancelling job 9 is refused: Couldn't parse", 2),
        (401, b"Unauthorized", "asks for a password: give --password or set TORC_PASSWORD", 1),
        (403, b'{"error":{"error":"Forbidden","message":"not yours"}}', "not allowed for user 'me': not yours", 1),
        (500, b"An internal error occurred", "the server failed while cancelling job 9 (500): An internal", 1),
        (503, b'{"error":{"message":"stopping"}}', "too busy or stopping (stopping); try again", 1),
        (503, b'{"error":{"message":"database or disk is full"}}', "is full; make room there and try again", 1),
        (200, b"<html>", "makes no sense", 1),
    ],
)
def test_refusals_become_one_line(status: int, body: bytes, expected: str, exit_code: int) -> None:
    with (
        serving(lambda request: answer(request, status, body)) as url,
        Client(Address(url), user="me") as client,
        pytest.raises(ApiError) as caught,
    ):
        client.send(endpoints.cancel_job(9))
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == exit_code


def test_a_refused_password_is_said_with_the_user() -> None:
    with (
        serving(lambda request: answer(request, 401, b"")) as url,
        Client(Address(url, "wrong"), user="me") as client,
        pytest.raises(TorcError, match="refuses the password of user 'me'"),
    ):
        client.send(endpoints.ping())


def test_name_and_password_are_sent() -> None:
    seen: list[str | None] = []

    def handle(request: BaseHTTPRequestHandler) -> None:
        seen.append(request.headers["authorization"])
        answer(request, 200, b'{"status":"ok"}')

    with serving(handle) as url, Client(Address(url, "secret"), user="me") as client:
        client.send(endpoints.ping())
    assert seen == ["Basic bWU6c2VjcmV0"]


def test_a_busy_server_is_asked_again() -> None:
    answers = [503, 200]

    def handle(request: BaseHTTPRequestHandler) -> None:
        answer(request, answers.pop(0), b'{"status":"ok"}', retry_after="0")

    with serving(handle) as url, Client(Address(url)) as client:
        assert client.send(endpoints.ping()).status == "ok"
    assert answers == []


def test_nobody_at_the_address_is_one_line_with_the_way_out() -> None:
    with Client(Address("http://127.0.0.1:9")) as client, pytest.raises(ServerUnreachableError) as caught:
        client.send(endpoints.list_workflows())
    assert "no server at http://127.0.0.1:9: connection refused, while listing workflows" in str(caught.value)


def test_an_own_server_that_ended_is_started_anew_and_asked_again() -> None:
    with (
        serving(lambda request: answer(request, 200, b'{"status":"ok"}')) as url,
        Client(Address("http://127.0.0.1:9"), revive=lambda: Address(url)) as client,
    ):
        assert client.send(endpoints.ping()).status == "ok"
        assert client.address.url == url


def test_a_broken_connection_is_repeated_only_where_that_does_no_harm() -> None:
    calls: list[str] = []

    def hang_up(request: BaseHTTPRequestHandler) -> None:
        calls.append(request.command)
        request.connection.close()
        request.close_connection = True

    with serving(hang_up) as url, Client(Address(url)) as client:
        with pytest.raises(ServerUnreachableError):
            client.send(endpoints.restart(1, dry_run=False))
        assert calls == ["POST"]
        with pytest.raises(ServerUnreachableError):
            client.send(endpoints.summary(1))
        assert calls == ["POST", "GET", "GET"]


def test_pages_are_asked_for_until_the_limit() -> None:
    asked: list[str] = []

    def handle(request: BaseHTTPRequestHandler) -> None:
        asked.append(request.path.partition("?")[2])
        first = len(asked) == 1
        ids = [1, 2] if first else [3]
        items = ",".join(f'{{"id":{i},"name":"w","user":"u"}}' for i in ids)
        more = "true" if first else "false"
        body = (
            f'{{"items":[{items}],"offset":0,"max_limit":10000,"count":{len(ids)},"total_count":3,"has_more":{more}}}'
        )
        answer(request, 200, body.encode())

    with serving(handle) as url, Client(Address(url)) as client:
        found = client.pages(lambda offset, limit: endpoints.list_workflows(offset=offset, limit=limit), 3)
        assert [workflow.id for workflow in found] == [1, 2, 3]
    assert asked == ["offset=0&limit=3", "offset=2&limit=1"]


def test_a_change_stream_that_breaks_is_resumed_after_the_last_change() -> None:
    resumed: list[str | None] = []

    def handle(request: BaseHTTPRequestHandler) -> None:
        resumed.append(request.headers["last-event-id"])
        number = len(resumed)
        body = f': torc\n\nid: {number}\nevent: workflow\ndata: {{"n":{number}}}\n\n'.encode()
        request.send_response(200)
        request.end_headers()
        request.wfile.write(body)
        request.close_connection = True

    with serving(handle) as url, Client(Address(url)) as client:
        events = list(itertools.islice(client.changes(workflow_id=5), 4))
    assert [change.event for change in events] == ["open", "workflow", "open", "workflow"]
    assert resumed[:2] == [None, "1"]


def test_a_change_stream_that_never_began_is_an_error() -> None:
    with Client(Address("http://127.0.0.1:9")) as client, pytest.raises(ServerUnreachableError):
        next(client.changes())


@pytest.mark.parametrize(
    "url", ["http://h:1", "http://h:1/", "http://h:1/torc-service/v1", "http://h:1/torc-service/v1/"]
)
def test_addresses_may_have_the_api_path(url: str) -> None:
    assert base_url(url) == "http://h:1"


def test_what_is_no_address_is_wrong_input() -> None:
    with pytest.raises(InputError, match="localhost:8080"):
        base_url("localhost:8080")

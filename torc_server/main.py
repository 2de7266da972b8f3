"""`torc-server`: reads its options, takes the database, serves until it is told to stop (server.md 8)."""

from __future__ import annotations

import argparse
import gc
import logging
import os
import secrets
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from torc_core import VERSION
from torc_core.errors import InputError, TorcError
from torc_server.settings import DEFAULT_PORT, Settings

log = logging.getLogger("torc_server")

LOG_LEVELS = ("trace", "debug", "info", "warn", "warning", "error")


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen; port 0 lets the system choose."""

    host: str
    port: int


def main(argv: Sequence[str] | None = None) -> None:
    """Run the server; exits with 0 after a stop, 1 or 2 with one line when it cannot start."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        if arguments[:1] in (["check"], ["backup"]):
            from torc_server.maintenance import run

            sys.exit(run(arguments[0], arguments[1:], _named_database))
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # until the server listens to signals, there is nothing to finish
        options = parse(arguments)
        _log_to_stderr(options.log_level)
        gc.disable()  # what the start makes stays: to look for garbage in it takes a fifth of the start
        from torc_server.serve import serve

        with _bound(Address(options.host, options.port)) as listening:
            serve(settings_of(options), listening)
    except TorcError as error:
        print(f"torc-server: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    finally:
        gc.enable()


class _Parser(argparse.ArgumentParser):
    """Wrong use is one line, as every other error."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message}; 'torc-server --help' shows the options")


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: they go from 1 to 65535, and 0 lets the system choose")
    return int(text)


def parse(arguments: list[str]) -> argparse.Namespace:
    """The options; `run` may be left out."""
    if arguments[:1] == ["run"]:
        arguments = arguments[1:]
    elif arguments[:1] == ["service"]:
        raise InputError("service: not supported; let systemd or cron start `torc-server run`")
    parser = _Parser(
        prog="torc-server",
        description="Serve torc workflows. `torc-server run` is the same as `torc-server`;"
        " `torc-server check` and `torc-server backup` look after its database.",
    )
    add = parser.add_argument
    add("--version", action="version", version=f"torc-server {VERSION}")
    add("-H", "--host", "--url", "-u", default="127.0.0.1", help="address to listen on (this host only)")
    add("-p", "--port", type=_port, default=DEFAULT_PORT, help="port to listen on, 0 for any free one (%(default)s)")
    add("-d", "--database", help="SQLite file (DATABASE_URL, else torc.db in this folder)")
    add("--no-auth", action="store_true", help="let everybody in: whoever can reach the port can run commands")
    add("--token-file", type=Path, help="file with the password of all callers; made when it does not exist")
    env = os.environ
    add("--auth-file", type=Path, default=env.get("TORC_AUTH_FILE"), help="htpasswd file of who may come in")
    add("--require-auth", action="store_true", help="with --auth-file: let nobody in without credentials")
    ttl = env.get("TORC_CREDENTIAL_CACHE_TTL_SECS", "60")
    add("--credential-cache-ttl-secs", type=float, default=ttl, help="so long good credentials are not checked again")
    add("--enforce-access-control", action="store_true", help="workflows are for their owners and their groups")
    add("--admin-user", action="append", default=[], help="a member of the system group `admin`; repeatable")
    add("-l", "--log-level", default=_log_level(), choices=LOG_LEVELS, type=str.lower, help="what to log (%(default)s)")
    add("-c", "--completion-check-interval-secs", type=float, help="accepted and not needed: nothing polls")
    add("-t", "--threads", type=int, help="accepted and not needed")
    add("--idle-exit-s", type=float, default=0.0, help="exit when unused for so many seconds, 0 never (%(default)s)")
    add("--lease-s", type=float, default=60.0, help="a runner silent for so long has lost its jobs (%(default)s)")
    add("--starvation-s", type=float, default=60.0, help="so long others may overtake a ready job (%(default)s)")
    return parser.parse_args(arguments)


def _log_level() -> str:
    """RUST_LOG where it is a plain level, as torc's server reads it."""
    level = os.environ.get("RUST_LOG", "info").lower()
    return level if level in LOG_LEVELS else "info"


def settings_of(options: argparse.Namespace) -> Settings:
    """The options as settings. InputError for what cannot be."""
    if options.require_auth and options.auth_file is None:
        raise TorcError("--require-auth needs --auth-file, which says who may come in")
    if options.auth_file is not None and (options.no_auth or options.token_file is not None):
        raise InputError("--auth-file goes with neither --no-auth nor --token-file; leave out one of them")
    if options.completion_check_interval_secs is not None:
        log.info("--completion-check-interval-secs is not needed: dependent jobs become ready at once")
    database = _named_database(options.database)
    return Settings(
        database=database,
        token=None if options.no_auth or options.auth_file else _token(options.token_file, database),
        auth_file=options.auth_file,
        require_auth=options.require_auth,
        credential_cache_ttl_s=options.credential_cache_ttl_secs,
        enforce_access_control=options.enforce_access_control,
        admin_users=tuple(_admins(options.admin_user)),
        idle_exit_s=options.idle_exit_s,
        lease_s=options.lease_s,
        starvation_s=options.starvation_s,
    )


def _admins(named: list[str]) -> Iterator[str]:
    """Those of --admin-user and of TORC_ADMIN_USERS, which separates them by commas."""
    for user in [*named, *os.environ.get("TORC_ADMIN_USERS", "").split(",")]:
        if user.strip():
            yield user.strip()


def _named_database(option: str | None) -> Path:
    """The file that the option, DATABASE_URL or nobody names."""
    named = option or os.environ.get("DATABASE_URL") or "torc.db"
    scheme, colon, rest = named.partition(":")
    if colon and scheme == "sqlite":
        named = rest.removeprefix("//").partition("?")[0]
    elif colon and "/" not in scheme and rest.startswith("//"):
        raise InputError(f"database {named}: only SQLite files are supported, e.g. sqlite:torc.db")
    if not named or named == ":memory:":
        raise InputError("the database must be a file, e.g. --database torc.db")
    return Path(named).expanduser().absolute()


def _token(file: Path | None, database: Path) -> str:
    """The callers' password: from the file, TORC_SERVER_TOKEN, or made now and kept beside the database."""
    if file is None and (token := os.environ.get("TORC_SERVER_TOKEN")):
        return token
    file = file or database.with_name(database.name + ".token")
    try:
        token = file.read_text().strip()
        if not token:
            raise InputError(f"token file {file} is empty; write a token into it or delete it")
        return token
    except FileNotFoundError:
        pass
    except OSError as error:
        raise InputError(f"cannot read token file {file}: {error.strerror}") from None
    token = secrets.token_urlsafe(24)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(token + "\n")
    except OSError as error:
        raise TorcError(f"cannot write token file {file}: {error.strerror}; choose another with --token-file") from None
    log.info("callers need the token in %s as their password", file)
    return token


def _bound(address: Address) -> socket.socket:
    """A socket bound to the address. TorcError when it is in use or not this host's."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((address.host, address.port))
        sock.listen(1024)
    except (OSError, OverflowError) as error:
        sock.close()
        reason = getattr(error, "strerror", None) or error
        raise TorcError(
            f"cannot listen on {address.host}:{address.port}: {reason}; choose another with --host and --port"
        ) from None
    return sock


def _log_to_stderr(level: str) -> None:
    names = {"trace": "DEBUG", "warn": "WARNING"}
    logging.Formatter.default_msec_format = "%s.%03d"
    logging.basicConfig(
        level=names.get(level, level.upper()),
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    logging.getLogger("httptools").setLevel(logging.WARNING)

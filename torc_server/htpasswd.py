"""`torc-htpasswd`: who may call a server that was started with --auth-file (server.md 7.7)."""

from __future__ import annotations

import argparse
import contextlib
import getpass
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from torc_core.errors import InputError, TorcError
from torc_server.auth import BCRYPT_BYTES, matches, read_htpasswd

COST = 12
"""2 ** 12 rounds: about a quarter of a second for each check."""


def main(argv: Sequence[str] | None = None) -> None:
    """Run the tool; exits with 0, or with 1 or 2 and one line when it cannot do it."""
    options = _parser().parse_args(argv)
    try:
        options.run(options)
    except TorcError as error:
        print(f"torc-htpasswd: {error}", file=sys.stderr)
        sys.exit(error.exit_code)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="torc-htpasswd", description="Keep the htpasswd file of a torc server.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: object, about: str) -> argparse.ArgumentParser:
        found = commands.add_parser(name, help=about, description=about)
        found.set_defaults(run=run)
        return found

    add = command("add", _add, "Add a user, or give one another password.")
    remove = command("remove", _remove, "Remove a user.")
    listing = command("list", _list, "List the users.")
    verify = command("verify", _verify, "Say whether a password is right; exits with 1 when it is not.")
    for each in (add, remove, listing, verify):
        each.add_argument("-f", "--file", type=Path, required=True, help="htpasswd file")
    for each in (add, remove, verify):
        each.add_argument("username")
    hashing = command("hash", _hash, "Print a line for an htpasswd file.")
    hashing.add_argument("username", nargs="?", default="user")
    for each in (add, hashing, verify):
        each.add_argument("-p", "--password", help="asked for, or read from stdin, when not given")
    for each in (add, hashing):
        each.add_argument("-c", "--cost", type=int, default=COST, help="4 to 31, each doubles the time (%(default)s)")
    return parser


def _add(options: argparse.Namespace) -> None:
    line = entry(options.username, _password(options), options.cost)
    kept, known = _others(options.file, options.username) if options.file.exists() else ([], False)
    _write(options.file, [*kept, line])
    print(f"{'changed' if known else 'added'} user {options.username} in {options.file}")


def _remove(options: argparse.Namespace) -> None:
    kept, known = _others(options.file, options.username)
    if not known:
        raise TorcError(f"{options.file} has no user {options.username!r}")
    _write(options.file, kept)
    print(f"removed user {options.username} from {options.file}")


def _list(options: argparse.Namespace) -> None:
    for name in read_htpasswd(options.file):
        print(name)


def _verify(options: argparse.Namespace) -> None:
    stored = read_htpasswd(options.file).get(options.username)
    if stored is None:
        raise TorcError(f"{options.file} has no user {options.username!r}")
    if not matches(_password(options).encode(), stored):
        raise TorcError(f"this is not the password of {options.username}")
    print(f"this is the password of {options.username}")


def _hash(options: argparse.Namespace) -> None:
    print(entry(options.username, _password(options), options.cost))


def entry(user: str, password: str, cost: int = COST) -> str:
    """A line `user:hash`. InputError for a name or a cost that cannot be."""
    import bcrypt

    if not user or ":" in user or user.startswith("#") or user != user.strip():
        raise InputError(f"user name {user!r}: it must not be empty, contain ':', or begin with '#' or a blank")
    if not 4 <= cost <= 31:
        raise InputError(f"cost {cost} must be between 4 and 31")
    return f"{user}:{bcrypt.hashpw(password.encode()[:BCRYPT_BYTES], bcrypt.gensalt(cost)).decode()}"


def _password(options: argparse.Namespace) -> str:
    if options.password is not None:
        password = str(options.password)
    elif sys.stdin.isatty():
        password = getpass.getpass("Password: ")
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise InputError("the password is empty; give one with --password or on stdin")
    return password


def _others(file: Path, user: str) -> tuple[list[str], bool]:
    """The lines of a file that are not this user's, comments included, and whether there were others."""
    try:
        lines = file.read_text().splitlines()
    except OSError as error:
        raise TorcError(f"cannot read {file}: {error.strerror}") from None
    kept = [line for line in lines if line.strip().partition(":")[0] != user]
    return kept, len(kept) < len(lines)


def _write(file: Path, lines: list[str]) -> None:
    """Replace the file in one step, readable for its owner only: a server that reads it finds the old or the new."""
    try:
        fd, name = tempfile.mkstemp(dir=file.absolute().parent, prefix=file.name)
        with os.fdopen(fd, "w") as out:
            out.writelines(line + "\n" for line in lines)
        os.replace(name, file)
    except OSError as error:
        with contextlib.suppress(NameError, OSError):
            os.unlink(name)
        raise TorcError(f"cannot write {file}: {error.strerror}") from None


if __name__ == "__main__":
    main()

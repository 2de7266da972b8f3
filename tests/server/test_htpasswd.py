"""The tool that keeps htpasswd files."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from torc_server.auth import matches, read_htpasswd
from torc_server.htpasswd import main


def run(*arguments: object) -> None:
    main([str(each) for each in arguments])


def test_users_are_added_changed_listed_and_removed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "users"
    run("add", "--file", file, "ann", "--password", "one", "--cost", 4)
    file.write_text("# kept\n" + file.read_text())
    run("add", "--file", file, "bea", "--password", "two", "--cost", 4)
    run("add", "--file", file, "ann", "--password", "three", "--cost", 4)
    users = read_htpasswd(file)
    assert matches(b"three", users["ann"])
    assert matches(b"two", users["bea"])
    assert file.stat().st_mode & 0o077 == 0
    capsys.readouterr()
    run("list", "--file", file)
    assert sorted(capsys.readouterr().out.split()) == ["ann", "bea"]
    run("remove", "--file", file, "ann")
    assert list(read_htpasswd(file)) == ["bea"]
    assert file.read_text().startswith("# kept\n")


def test_a_password_is_read_from_stdin(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("secret\n"))
    run("hash", "ann", "--cost", 4)
    name, _, stored = capsys.readouterr().out.strip().partition(":")
    assert name == "ann"
    assert matches(b"secret", stored.encode())


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["verify", "ann", "--password", "wrong"], 1, "not the password of ann"),
        (["verify", "zoe", "--password", "x"], 1, "has no user 'zoe'"),
        (["remove", "zoe"], 1, "has no user 'zoe'"),
        (["add", "a:b", "--password", "x"], 2, "must not be empty, contain ':'"),
        (["add", "ann", "--password", "x", "--cost", "99"], 2, "between 4 and 31"),
        (["add", "ann", "--password", ""], 2, "the password is empty"),
    ],
)
def test_what_cannot_be_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, says: str
) -> None:
    file = tmp_path / "users"
    run("add", "--file", file, "ann", "--password", "one", "--cost", 4)
    before = file.read_text()
    with pytest.raises(SystemExit) as ended:
        run(arguments[0], "--file", file, *arguments[1:])
    told = capsys.readouterr().err
    assert (ended.value.code, told.count("\n")) == (code, 1)
    assert says in told
    assert file.read_text() == before


def test_the_right_password_is_said_to_be_right(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("add", "--file", tmp_path / "users", "ann", "--password", "one", "--cost", 4)
    run("verify", "--file", tmp_path / "users", "ann", "--password", "one")
    assert "this is the password of ann" in capsys.readouterr().out

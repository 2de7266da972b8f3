"""Options, errors and exit codes that all commands share."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.torc_command import Torc
from torc_core import VERSION
from torc_core.cli.main import COMMANDS

CHAIN = """
name: NAME
jobs:
  - {name: first, command: "true"}
  - {name: second, command: "true", depends_on: [first]}
"""


def test_version_imports_nothing_that_takes_long() -> None:
    code = "import sys; from torc_core.cli.main import main; main(['--version']); print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    version, loaded = out.splitlines()
    assert version == f"torc {VERSION}"
    slow = {"httpx", "rich", "yaml", "textual", "litestar", "msgspec", "asyncio", "platformdirs"}
    assert not slow & set(loaded.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(torc: Torc, name: str) -> None:
    shown = torc(name, "--help")
    assert shown.out.startswith(f"Usage: torc {name}")
    assert "--format" in shown.out


def test_a_misspelt_command_is_wrong_use_and_the_nearest_is_named(torc: Torc) -> None:
    shown = torc("worklfows", code=2)
    assert shown.err == "torc: no such command 'worklfows'; nearest: 'workflows' ('torc --help' shows how)\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["logs", "5"], "no such command 'logs'; nearest: 'torc jobs logs'"),
        (["cancel"], "nearest: 'torc workflows cancel' or 'torc jobs cancel'"),
        (["run", "x", "--num-cpus", "two"], "'two' is not a whole number"),
        (["run", "x", "--num-cpus", "0"], "0 is too small: at least 1"),
        (["run", "x", "--memory-gb", "0"], "0.0 is too small: more than 0"),
        (["wait", "1", "--timeout", "soon"], "'soon' is not a number"),
    ],
)
def test_wrong_use_is_said_in_plain_words(torc: Torc, words: list[str], said: str) -> None:
    assert said in torc(*words, code=2).err


def test_help_is_a_word_too(torc: Torc) -> None:
    assert torc("help", "jobs", "logs").out == torc("jobs", "logs", "--help").out


@pytest.mark.parametrize(
    "arguments",
    [["run"], ["jobs", "get"], ["jobs", "list", "1", "--status", "done"], ["-f", "xml", "ping"], ["jobs", "nope"]],
)
def test_wrong_use_is_one_line_and_exit_code_2(torc: Torc, arguments: list[str]) -> None:
    shown = torc(*arguments, code=2)
    assert shown.err.startswith("torc: ")
    assert shown.err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [["-f", "json", "workflows", "list"], ["workflows", "-f", "json", "list"], ["workflows", "list", "-f", "json"]],
)
def test_global_options_stand_anywhere(torc: Torc, arguments: list[str]) -> None:
    assert isinstance(torc(*arguments).json["workflows"], list)


def test_the_last_of_several_global_options_counts(torc: Torc) -> None:
    assert torc("-f", "json", "ping", "-f", "table").out == "Server is running\n"


def test_the_format_of_the_configuration_gives_way_to_the_option(torc: Torc) -> None:
    (torc.folder / "torc.toml").write_text('[client]\nformat = "json"\n')
    assert torc("ping").json == {"status": "Server is running"}
    assert torc("ping", "-f", "table").out == "Server is running\n"


def test_a_wrong_configuration_names_file_and_key(torc: Torc) -> None:
    (torc.folder / "torc.toml").write_text('[client.run]\nnum_cpus = "many"\n')
    shown = torc("workflows", "list", code=2)
    assert shown.err == "torc: torc.toml: client.run.num_cpus must be a whole number, not text\n"


def test_errors_are_json_too_when_asked_for(torc: Torc) -> None:
    shown = torc("-f", "json", "workflows", "get", "987654", code=2)
    assert "no workflow 987654" in shown.json["error"]
    assert shown.err == f"torc: {shown.json['error']}\n"


def test_an_unreachable_server_is_named_with_the_way_out(torc: Torc) -> None:
    shown = torc("--url", "http://127.0.0.1:9", "workflows", "list", code=1)
    assert "no server at http://127.0.0.1:9: connection refused" in shown.err
    assert "use your own" in shown.err


def test_an_address_that_is_none_is_wrong_use(torc: Torc) -> None:
    assert "'nowhere' is not http://HOST:PORT" in torc("--url", "nowhere", "ping", code=2).err


def test_names_stand_for_ids(torc: Torc) -> None:
    number = torc.create(CHAIN.replace("NAME", "once"))
    assert torc("workflows", "get", "once", "-f", "json").json["id"] == number


def test_an_unknown_name_is_wrong_input(torc: Torc) -> None:
    assert "no workflow is called 'nobody'" in torc("jobs", "list", "nobody", code=2).err


def test_without_a_terminal_a_workflow_must_be_named(torc: Torc) -> None:
    first, second = (torc.create(CHAIN.replace("NAME", name)) for name in ("older", "newer"))
    offered = f"which workflow? Give its id or name: {second} 'newer', {first} 'older'"
    for command in (["jobs", "list"], ["wait"], ["reports", "summary"], ["workflows", "cancel"]):
        assert offered in torc(*command, code=2).err


def test_the_reader_of_the_output_may_leave(torc: Torc, tmp_path: Path) -> None:
    number = torc.create(CHAIN.replace("NAME", "piped"))
    command = f"{sys.executable} -m torc_core.cli.main jobs list {number} | true; exit ${{PIPESTATUS[0]}}"
    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=os.environ, cwd=tmp_path)
    assert ended.stderr == ""


@pytest.mark.parametrize("words", [(), ("jobs",)])
def test_a_command_without_its_verb_shows_what_there_is(torc: Torc, words: tuple[str, ...]) -> None:
    shown = torc(*words, code=2)
    assert shown.err.startswith("Usage: " + " ".join(("torc", *words)))
    assert shown.err.count("-h, --help") == 1


def test_an_empty_name_is_answered_with_what_to_give(torc: Torc) -> None:
    assert "give a workflow file, or the id or name of a workflow" in torc("run", "", code=2).err

"""What `[tui]` of the configuration says, in a real terminal."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest
from msgspec.structs import asdict

from tests.server_process import ServerProcess
from tests.tui.driver import Workshop, console, driven
from tests.tui.terminal import CONSOLE, Terminal
from torc_core.config import load_config
from torc_core.errors import InputError
from torc_tui import settings
from torc_tui.rendering.palette import PALETTES


def configured(text: str) -> Path:
    """A configuration file of the user."""
    path = Path(os.environ["XDG_CONFIG_HOME"]) / "torc" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


def test_an_action_has_the_key_that_the_configuration_gives_it(
    tui_server: ServerProcess, workshop: Workshop, tmp_path: Path
) -> None:
    workflow_id, _ = workshop.workflow("other keys", {"name": "a"})
    configured('[tui.keys]\n"workflow.cancel" = "K"\n"workflow.run" = "none"\n')
    view = 'workflows name="other keys"'
    with Terminal([*CONSOLE, "--url", tui_server.url, "--view", view], folder=tmp_path) as terminal:
        terminal.sees("1 of", "K cancel")
        terminal.press("x", "r", "K")
        terminal.sees(f"Cancel workflow other keys ({workflow_id})?")


def test_keys_of_no_action_are_refused_before_the_console_begins(tui_server: ServerProcess, tmp_path: Path) -> None:
    configured('[tui.keys]\n"job.cancle" = "K"\n')
    with Terminal([*CONSOLE, "--url", tui_server.url], folder=tmp_path) as terminal:
        assert terminal.process.wait(10) == 2
        terminal.sees("torc: tui.keys: there is no action 'job.cancle'; nearest: 'job.cancel'")
        assert "Traceback" not in terminal.text


@pytest.mark.parametrize("how", ["the file", "the environment"])
def test_the_light_theme_is_light(tui_server: ServerProcess, tmp_path: Path, how: str) -> None:
    if how == "the file":
        configured('[tui]\ntheme = "light"\n')
    environment = {"TORC_TUI__THEME": "light"} if how == "the environment" else {}
    with Terminal([*CONSOLE, "--url", tui_server.url], folder=tmp_path, environment=environment) as terminal:
        terminal.sees("LIVE")
        background = PALETTES["torc-light"].background.removeprefix("#").lower()
        grounds = [cell[2] for line in terminal.grid for cell in line]
        assert grounds.count(background) > len(grounds) / 2


def test_a_theme_that_does_not_exist_is_named_with_those_that_do() -> None:
    configured('[tui]\ntheme = "solar"\n')
    with pytest.raises(InputError, match=r"tui\.theme is 'solar'; one of dark, light, ansi, mono"):
        settings.load()


def test_a_setting_that_does_not_exist_is_named_with_its_file() -> None:
    path = configured("[tui]\ncolour = 3\n")
    with pytest.raises(InputError, match=f"configuration {path}: tui: .*colour"):
        settings.load()


def wanting(folder: Path, *texts: str) -> str:
    """An editor that writes these texts into the file that it is given, one at each start."""
    for number, text in enumerate(texts):
        (folder / f"wanted.{number}").write_text(text)
    editor = folder / "editor.sh"
    editor.write_text(f'cd {folder} && next=$(ls wanted.* | sort | head -1) && mv "$next" "$1"\n')
    return f"sh {editor}"


def test_settings_are_changed_in_the_editor_and_count_at_once(
    tui_server: ServerProcess, workshop: Workshop, tmp_path: Path
) -> None:
    workshop.workflow("settled", {"name": "a"})
    editor = wanting(
        tmp_path,
        '[tui]\ntheme = "light"\n[tui.keys]\n"workflow.cancel" = "K"\n',
        '[tui]\ntheme = "solar"\n',
        '[tui.keys]\n"workflow.cancle" = "K"\n',
        "",
    )
    command = [*CONSOLE, "--url", tui_server.url, "--view", 'workflows name="settled"']
    with Terminal(command, folder=tmp_path, environment={"VISUAL": editor}) as terminal:

        def ground() -> str:
            return terminal.grid[-3][-3][2]

        terminal.sees("settled", "x cancel")
        dark, light = (PALETTES[name].background.removeprefix("#") for name in ("torc-dark", "torc-light"))
        assert ground() == dark
        terminal.press(",")
        terminal.sees("e makes it", "all are the default ones")
        terminal.press("e")
        terminal.sees("config.toml is changed", "by default x")
        assert "K" in terminal.line("workflow.cancel ")
        assert ground() == light
        terminal.press("e")
        terminal.sees("✖ tui.theme is 'solar'; one of dark, light, ansi, mono")
        terminal.press("e")
        terminal.sees("there is no action 'workflow.cancle'; nearest: 'workflow.cancel'", "by default x")
        terminal.press("escape")
        terminal.sees("K cancel")
        assert ground() == light
        terminal.press(",", "e")
        terminal.sees("all are the default ones")
        terminal.until(lambda: ground() == dark)


@driven
async def test_a_new_file_begins_with_all_that_can_be_set_and_sets_nothing(
    tui_server: ServerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = settings.user_file()
    async with console(tui_server.url, view="settings") as driver:
        monkeypatch.setenv("VISUAL", f"sh -c 'cp \"$1\" {tmp_path}/offered' sh")
        await driver.press("e")
        assert driver.said == "✔ config.toml was not made"
        assert not path.exists()
        assert tomllib.loads((tmp_path / "offered").read_text()) == {}
        monkeypatch.setenv("VISUAL", r"sed -i 's/^#\([^ ]\)/\1/'")
        await driver.press("e")
        assert driver.said == "✔ config.toml is changed"
        assert "light" in driver.line("THEME")
        assert "K" in driver.line("workflow.cancel ")
    assert set(tomllib.loads(path.read_text())["tui"]) == set(settings.Settings.__struct_fields__)
    client = load_config().client
    assert client.format == "json"
    assert all(value is not None for value in asdict(client.run).values())


@driven
async def test_a_file_that_cannot_be_made_is_said_and_no_editor_opens(
    tui_server: ServerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = settings.user_file().parent
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_text("a file where a folder should be")
    monkeypatch.setenv("VISUAL", f"touch {tmp_path}/opened")
    async with console(tui_server.url, view="settings") as driver:
        await driver.press("e")
        assert driver.said == f"✖ {folder / 'config.toml'} cannot be made: File exists"
    assert not (tmp_path / "opened").exists()

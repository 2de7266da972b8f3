"""Layers of configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from torc_core.config import load_config
from torc_core.errors import InputError


@pytest.fixture
def user_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the user's configuration goes; the current folder is another one."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    file = tmp_path / "config" / "torc" / "config.toml"
    file.parent.mkdir(parents=True)
    return file


def test_later_layers_win_key_by_key(user_file: Path) -> None:
    user_file.write_text('[client]\napi_url = "http://a:1"\n[client.run]\noutput_dir = "user"\nnum_cpus = 2\n')
    Path("torc.toml").write_text('[client.run]\noutput_dir = "local"\n[server]\nport = 1\n')
    run = load_config({"TORC_CLIENT__RUN__NUM_CPUS": "3"}).client.run
    assert (run.output_dir, run.num_cpus) == ("local", 3)
    assert load_config({}).client.api_url == "http://a:1"
    assert load_config({"TORC_API_URL": "http://b:2"}).client.api_url == "http://b:2"


def test_without_files_there_are_defaults(user_file: Path) -> None:
    assert not user_file.exists()
    client = load_config({}).client
    assert (client.api_url, client.format) == (None, "table")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[client\n", "is not TOML"),
        ("[client]\napi_url = 3\n", "client.api_url"),
        ("[client.run]\nmemory_gb = 'x'\n", "client.run.memory_gb"),
        ("[client]\nformat = 'csv'\n", "client.format is 'csv'"),
    ],
)
def test_mistakes_name_the_file_and_the_key(user_file: Path, text: str, expected: str) -> None:
    user_file.write_text(text)
    with pytest.raises(InputError) as caught:
        load_config({})
    assert str(user_file) in str(caught.value)
    assert expected in str(caught.value)


@pytest.mark.usefixtures("user_file")
def test_mistakes_in_variables_name_the_variable() -> None:
    with pytest.raises(InputError, match="TORC_CLIENT__RUN__NUM_GPUS"):
        load_config({"TORC_CLIENT__RUN__NUM_GPUS": "two"})

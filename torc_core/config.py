"""Settings from layered TOML files and the environment, and where torc keeps its files (cli.md 0.7).

Later ones win: built-in defaults, /etc/torc/config.toml, the user's torc/config.toml, ./torc.toml, the environment
(`TORC_CLIENT__RUN__OUTPUT_DIR`, and the short `TORC_API_URL`), the command line.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, field

from torc_core.errors import InputError

SYSTEM_FILE = Path("/etc/torc/config.toml")


class RunConfig(Struct):
    """Defaults of `torc run`."""

    output_dir: str | None = None
    max_parallel_jobs: int | None = None
    num_cpus: int | None = None
    memory_gb: float | None = None
    num_gpus: int | None = None


class ClientConfig(Struct):
    """`[client]`: which server (None: the user's own), and how to show things."""

    api_url: str | None = None
    password: str | None = None
    format: str = "table"
    log_level: str | None = None
    run: RunConfig = field(default_factory=RunConfig)


class Config(Struct):
    """What this package reads; other tables of the files belong to others."""

    client: ClientConfig = field(default_factory=ClientConfig)


def load_config(environment: Mapping[str, str] | None = None) -> Config:
    """All layers but the command line; InputError names the file or variable and the key that is wrong."""
    environment = os.environ if environment is None else environment
    merged: dict[str, Any] = {}
    for path in config_files():
        try:
            text = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise InputError(f"configuration {path} cannot be read: {error.strerror}") from None
        _merge(merged, _checked(_parse(path, text), str(path)))
    for variable, layer in _environment_layers(environment):
        _merge(merged, _checked(layer, f"environment variable {variable}", strict=False))
    return msgspec.convert(merged, Config, strict=False)


def config_files() -> list[Path]:
    """The files that count, whether they exist or not, the weakest first."""
    import platformdirs

    return [SYSTEM_FILE, Path(platformdirs.user_config_dir("torc")) / "config.toml", Path("torc.toml")]


def state_dir() -> Path:
    """Where the user's own state lives: $XDG_STATE_HOME/torc."""
    import platformdirs

    return Path(platformdirs.user_state_dir("torc"))


def _parse(path: Path, text: bytes) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(text.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"configuration {path} is not TOML: {error}") from None


def _checked(layer: dict[str, Any], source: str, *, strict: bool = True) -> dict[str, Any]:
    """The layer as it came, when its values have the right types."""
    try:
        config = msgspec.convert(layer, Config, strict=strict)
    except msgspec.ValidationError as error:
        raise InputError(f"{source}: {_plain(str(error))}") from None
    if config.client.format not in ("table", "json"):
        raise InputError(f"{source}: client.format is {config.client.format!r}; one of table, json")
    return layer


_KINDS = {
    **{"int": "a whole number", "float": "a number", "str": "text", "bool": "true or false"},
    **{"object": "a table", "array": "a list"},
}


def _plain(message: str) -> str:
    """`client.run.num_cpus must be a whole number, not text`, of what msgspec says."""
    match = re.fullmatch(r"Expected `(\w+)[^`]*`, got `(\w+)[^`]*` - at `\$\.([^`]*)`", message)
    if match is None:
        return message.replace("`$.", "`")
    wanted, got, key = match.groups()
    return f"{key} must be {_KINDS.get(wanted, wanted)}, not {_KINDS.get(got, got)}"


def _environment_layers(environment: Mapping[str, str]) -> Iterator[tuple[str, dict[str, Any]]]:
    for variable, value in environment.items():
        if variable.startswith("TORC_CLIENT__") and value:
            layer: Any = value
            for key in reversed(variable.removeprefix("TORC_").lower().split("__")):
                layer = {key: layer}
            yield variable, layer
    for variable, key in (("TORC_API_URL", "api_url"), ("TORC_PASSWORD", "password")):
        if environment.get(variable):
            yield variable, {"client": {key: environment[variable]}}


def _merge(into: dict[str, Any], layer: dict[str, Any]) -> None:
    for key, value in layer.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value

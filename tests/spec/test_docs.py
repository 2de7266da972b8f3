"""docs/workflow-files.md: every key is there, and every example is what it says."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from torc_core.spec import load_text
from torc_core.spec.actions import ACTION_KEYS
from torc_core.spec.build import FILE_KEYS, JOB_KEYS, MONITOR_KEYS, REQUIREMENTS_KEYS, STDIO_KEYS, USER_DATA_KEYS
from torc_core.spec.build import WORKFLOW_KEYS as KEYS
from torc_core.spec.handlers import HANDLER_KEYS, RULE_KEYS
from torc_core.spec.schedulers import SCHEDULER_KEYS

TEXT = (Path(__file__).parents[2] / "docs" / "workflow-files.md").read_text()
SECTIONS: dict[str, Any] = {
    "The workflow": KEYS,
    "Jobs": JOB_KEYS,
    "Files": FILE_KEYS,
    "User data": USER_DATA_KEYS,
    "Resource requirements": REQUIREMENTS_KEYS,
    "Failure handlers": HANDLER_KEYS,
    "Rules": RULE_KEYS,
    "Slurm schedulers": SCHEDULER_KEYS,
    "Actions": ACTION_KEYS,
    "Resource monitor": MONITOR_KEYS,
    "Stdio": STDIO_KEYS,
}


def rows_of(section: str) -> dict[str, dict[str, Any]]:
    """Key -> what its example says."""
    part = re.split(r"^#+ ", TEXT.split(f"# {section}\n")[1], flags=re.MULTILINE)[0]
    cells = [line.strip("|").split(" | ") for line in part.splitlines() if line.startswith("| `")]
    return {row[0].strip(" `"): yaml.safe_load(row[3].strip(" |").strip("`")) for row in cells}


ROWS = [(section, key, example) for section in SECTIONS for key, example in rows_of(section).items()]


@pytest.mark.parametrize("section", SECTIONS)
def test_every_key_has_a_row(section: str) -> None:
    assert set(rows_of(section)) == set(SECTIONS[section])


def placed(section: str, example: dict[str, Any]) -> dict[str, Any]:
    """A workflow in which the example stands where its section says."""
    data: dict[str, Any] = {
        "name": "x",
        "parameters": {"size": "1:2"},
        "jobs": [{"name": "prepare", "command": "c"}, {"name": "split_1", "command": "c"}],
        "files": [{"name": name, "path": name} for name in ("raw", "model", "part_1")],
        "user_data": [{"name": "config", "data": 1}, {"name": "outcome"}],
        "resource_requirements": [{"name": "small", "num_cpus": 1, "memory": "1g"}],
        "failure_handlers": [{"name": "retry", "rules": []}],
        "slurm_schedulers": [{"name": "short", "account": "a"}],
    }
    if {"parameters_file", "use_parameters_file"} & set(example):
        data |= {"parameters": None, "parameters_file": "runs.csv"}
    objects: dict[str, tuple[str, dict[str, Any]]] = {
        "Jobs": ("jobs", {"name": "j{size}{seed}", "command": "c"}),
        "Files": ("files", {"name": "f{size}{seed}", "path": "{size}{seed}"}),
        "User data": ("user_data", {"name": "u{size}{seed}"}),
        "Resource requirements": ("resource_requirements", {"name": "r", "num_cpus": 1, "memory": "1g"}),
        "Failure handlers": ("failure_handlers", {"name": "h", "rules": []}),
        "Slurm schedulers": ("slurm_schedulers", {"name": "s", "account": "a"}),
    }
    if section == "The workflow":
        return data | example
    if section == "Rules":
        return data | {"failure_handlers": [{"name": "h", "rules": [{"exit_codes": [1]} | example]}]}
    if section == "Resource monitor":
        return data | {"resource_monitor": {"enabled": True} | example}
    if section == "Stdio":
        return data | {"stdio": example}
    if section == "Actions":
        action = {"trigger_type": "on_jobs_complete", "action_type": "schedule_nodes", "scheduler": "short"}
        action |= {"scheduler_type": "slurm", "jobs": ["prepare"], "commands": ["date"]}
        return data | {"actions": [action | example]}
    key, base = objects[section]
    taken = [one for one in data[key] if one.get("name") != example.get("name")]
    return data | {key: [*taken, base | example]}


@pytest.mark.parametrize(("section", "key", "example"), ROWS, ids=[f"{row[0]}-{row[1]}" for row in ROWS])
def test_an_example_of_a_key_is_valid(tmp_path: Path, section: str, key: str, example: dict[str, Any]) -> None:
    assert list(example) == [key]
    (tmp_path / "runs.csv").write_text("seed,size\n1,2\n3,4\n")
    text = yaml.safe_dump(placed(section, example))
    loaded = load_text(text, "yaml", "flow", strict=True, folder=str(tmp_path))
    assert loaded.errors == []


@pytest.mark.parametrize(("format", "text"), re.findall(r"```(\w+)\n(.*?)```", TEXT, re.DOTALL))
def test_whole_examples_are_valid(format: str, text: str) -> None:
    loaded = load_text(text, format, "flow", strict=True)
    assert loaded.errors == []
    assert loaded.warnings == []

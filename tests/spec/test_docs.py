"""docs/workflow-files.md: every key is there, and every example is what it says."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from tests.spec.good_workflow import ALL
from torc_core.models.resources import FailureRule
from torc_core.models.stdio import Stdio
from torc_core.spec import WorkflowSpec, build_plan, load_text
from torc_core.spec.actions import ACTION_KEYS
from torc_core.spec.build import FILE_KEYS, JOB_KEYS, MONITOR_KEYS, REQUIREMENTS_KEYS, STDIO_KEYS, USER_DATA_KEYS
from torc_core.spec.build import WORKFLOW_KEYS as KEYS
from torc_core.spec.convert import convert
from torc_core.spec.handlers import HANDLER_KEYS, RULE_KEYS
from torc_core.spec.model import (
    ActionSpec,
    FileSpec,
    HandlerSpec,
    JobSpec,
    RequirementsSpec,
    ResourceMonitorSpec,
    SchedulerSpec,
    UserDataSpec,
)
from torc_core.spec.reading import read_document
from torc_core.spec.schedulers import SCHEDULER_KEYS
from torc_core.spec.sweep import Sweep
from torc_server.engine.leases import LOST_LIMIT
from torc_server.engine.workflow import DEFAULTS

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


def cells_of(section: str) -> dict[str, list[str]]:
    """Key -> its row: key, meaning, default, example."""
    part = re.split(r"^#+ ", TEXT.split(f"# {section}\n")[1], flags=re.MULTILINE)[0]
    rows = [line.strip("|").split(" | ") for line in part.splitlines() if line.startswith("| `")]
    return {row[0].strip(" `"): [cell.strip(" |") for cell in row] for row in rows}


def rows_of(section: str) -> dict[str, dict[str, Any]]:
    """Key -> what its example says."""
    return {key: yaml.safe_load(row[3].strip("`")) for key, row in cells_of(section).items()}


ROWS = [(section, key, example) for section in SECTIONS for key, example in rows_of(section).items()]


@pytest.mark.parametrize("section", SECTIONS)
def test_every_key_has_a_row(section: str) -> None:
    assert set(rows_of(section)) == set(SECTIONS[section])


def test_the_keys_of_a_workflow_are_explained_in_the_order_in_which_they_are_written() -> None:
    assert list(rows_of("The workflow")) == list(KEYS)


STRUCTS: dict[str, Any] = {
    "The workflow": WorkflowSpec,
    "Jobs": JobSpec,
    "Files": FileSpec,
    "User data": UserDataSpec,
    "Resource requirements": RequirementsSpec,
    "Failure handlers": HandlerSpec,
    "Rules": FailureRule,
    "Slurm schedulers": SchedulerSpec,
    "Actions": ActionSpec,
    "Resource monitor": ResourceMonitorSpec,
    "Stdio": Stdio,
}
AT_THE_SERVER = {**DEFAULTS, "max_worker_losses": LOST_LIMIT, "limit_resources": True}


@pytest.mark.parametrize("section", SECTIONS)
def test_a_default_is_what_counts_when_a_key_is_left_out(section: str) -> None:
    """Each default is a value, or says in words what happens."""
    sent = json.loads(next(build_plan(WorkflowSpec(), user="me", origin=Path("/")).lines(initialize=False)))
    unsaid = [
        msgspec.structs.asdict(STRUCTS[section]()),
        msgspec.structs.asdict(Sweep()),
        sent["workflow"],
        AT_THE_SERVER,
    ]
    for key, (_, _, default, _) in cells_of(section).items():
        assert default
        if default.startswith("`"):
            value = next(each[key] for each in unsaid if each.get(key) is not None)
            assert (key, value) == (key, yaml.safe_load(default.split("`")[1]))


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
        action: dict[str, Any] = {
            "trigger_type": "on_jobs_complete",
            "action_type": "schedule_nodes",
            "scheduler": "short",
        }
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
    for other in ALL:
        twin = convert(read_document(text, "yaml", "flow"), other)
        assert load_text(twin, other, "flow", strict=True, folder=str(tmp_path)).spec == loaded.spec


@pytest.mark.parametrize(("format", "text"), re.findall(r"```(\w+)\n(.*?)```", TEXT, re.DOTALL))
def test_whole_examples_are_valid(format: str, text: str) -> None:
    loaded = load_text(text, format, "flow", strict=True)
    assert loaded.errors == []
    assert loaded.warnings == []


UNKNOWN = [
    ("a key (", "comand: x", "zzzz: x"),
    ("a placeholder (", "command: 'echo {sise}'", "command: 'echo {zzzz}'"),
    ("a name in `use_parameters`", "use_parameters: [size, sise]", "use_parameters: [size, zzzz]"),
    ("a name in `use_parameters`", "parameter_mode: zipp", "parameter_mode: qqqq"),
    ("`${files.input.dta}`", "command: '${files.input.dta}'", "command: '${files.input.zzzz}'"),
    ("`${files.input.dta}`", "command: '${user_data.input.confi}'", "command: '${user_data.input.zzzz}'"),
    ("a name of a job", "depends_on: [frist]", "depends_on: [zzzz]"),
    ("a name of a job", "on_worker_lost: retyr", "on_worker_lost: zzzz"),
]
"""A row of the table of unknown words, what is near a known one, and what is not."""


@pytest.mark.parametrize(("row", "near", "far"), UNKNOWN)
def test_an_unknown_word_is_the_warning_or_the_error_that_the_table_says(row: str, near: str, far: str) -> None:
    (line,) = [line for line in TEXT.splitlines() if line.startswith(f"| {row}")]
    for key, cell in zip((near, far), line.strip("| ").split(" | ")[1:], strict=True):
        job = {"name": "a_{size}", "command": "c", "use_parameters": ["size"], **yaml.safe_load(key)}
        flow = {
            "name": "x",
            "parameters": {"size": "1:2"},
            "files": [{"name": "data", "path": "p"}],
            "user_data": [{"name": "config", "data": 1}],
            "jobs": [{"name": "first", "command": "c"}, job],
        }
        for strict in (False, True):
            loaded = load_text(json.dumps(flow), "json", "flow", strict=strict)
            said = "error" if loaded.errors else "warning" if loaded.warnings else "nothing"
            stays = "--strict" in cell or cell == "nothing"
            assert (key, said) == (key, "error" if strict and not stays else cell.split(",")[0])

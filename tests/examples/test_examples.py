"""The examples: valid, explained, the same in every format, and they run to their end in seconds."""

import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.torc_command import Torc
from torc_core.spec import build_plan, load_workflow
from torc_core.spec.convert import convert
from torc_core.spec.reading import read_document

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.yaml"))
FORMATS = ["yaml", "json", "json5", "kdl"]
SECONDS = 20

JOBS = {
    "diamond": 4,
    "hundred_jobs": 101,
    "hyperparameter_sweep": 20,
    "multi_stage_barrier": 86,
    "parameters_from_file": 6,
    "recovery": 3,
    "three_jobs": 3,
    "user_data": 4,
    "zip": 6,
}


def plan_of(path: Path) -> list[Any]:
    loaded = load_workflow(path, strict=True)
    assert loaded.errors == []
    assert loaded.warnings == []
    assert loaded.spec is not None
    lines = [json.loads(line) for line in build_plan(loaded.spec, user="me", origin=Path("/")).lines(initialize=True)]
    del lines[0]["uuid"]
    return lines


def test_there_is_one_of_each_kind() -> None:
    assert set(NAMES) == set(JOBS)


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_explained_and_means_the_same_in_every_format(tmp_path: Path, name: str) -> None:
    text = (EXAMPLES / f"{name}.yaml").read_text()
    assert text.startswith("# ")
    plan = plan_of(EXAMPLES / f"{name}.yaml")
    assert plan[0]["jobs"] == JOBS[name]
    for format in ("json5", "kdl"):
        twin = EXAMPLES / f"{name}.{format}"
        assert twin.read_text() == convert(read_document(text, "yaml", name), format, f"{name}.yaml")
        assert plan_of(twin) == plan
    assert plan_of(as_json(name, tmp_path)) == plan


def as_json(name: str, folder: Path) -> Path:
    """The example in JSON, which has no twin of its own, beside the files that it reads."""
    for path in EXAMPLES.glob(f"{name}.*"):
        shutil.copy(path, folder)
    text = (EXAMPLES / f"{name}.yaml").read_text()
    written = folder / f"{name}.json"
    written.write_text(convert(read_document(text, "yaml", name), "json"))
    return written


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("name", NAMES)
def test_an_example_runs_to_its_end(torc: Torc, tmp_path: Path, name: str, format: str) -> None:
    folder = tmp_path / "copied"
    folder.mkdir()
    as_json(name, folder)
    started = time.monotonic()
    shown = torc("run", folder / f"{name}.{format}")
    assert f": {JOBS[name]} completed" in shown.out.splitlines()[-1]
    assert "torc:" not in shown.err
    assert time.monotonic() - started < SECONDS


def test_the_sweep_finds_the_best(torc: Torc) -> None:
    torc("run", EXAMPLES / "hyperparameter_sweep.yaml")
    assert Path("sweep_output/best.txt").read_text().split()[1:] == ["lr=0.0001", "batch=16", "optimizer=sgd"]
    assert len(list(Path("sweep_output").glob("0*.txt"))) == 18


def test_the_failure_handler_mends_and_the_actions_are_executed(torc: Torc) -> None:
    torc("run", EXAMPLES / "recovery.yaml")
    assert Path("recovery_output/log.txt").read_text().splitlines() == [
        "prepared",
        "store had exit code 75",
        "stored in attempt 2",
    ]
    assert Path("output/began.txt").exists()
    assert Path("output/ended.txt").exists()


def test_the_table_gives_each_run_its_row(torc: Torc) -> None:
    torc("run", EXAMPLES / "parameters_from_file.kdl")
    assert Path("table_output/result_03.txt").read_text() == "site hills, wind 6.0 m/s, 48 h\n"

"""Workflows for property tests: data whose types are right, and whose names often are."""

from typing import Any

from hypothesis import strategies as st

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=15) | st.text(
    "ab \n\t\\\"'#{};:=/-[],&*!|>%@`\u2028\x7f\x85\ufeff", max_size=20
)
NAMES = st.sampled_from(
    ["a", "b", "c", "d e", "yes", "1", "1e3", "0o17", "true", "#x", "ü", '"', "{i}", "null", "~", "-"]
)
COMMANDS = st.sampled_from(
    ["true", "echo {i}", "cat ${files.input.a}", "a\nb\n", "x: y", "'q' \"r\"", "  in\n   dent\n"]
)
COUNTS = st.integers(0, 2**40)
NUMBERS = st.integers(-(2**60), 2**60) | st.floats(-1e9, 1e9).filter(lambda x: x == 0 or abs(x) > 1e-5)
LISTS = st.lists(NAMES, max_size=3)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
ENVIRONMENTS = st.dictionaries(st.sampled_from(["A", "B_1", "c"]), TEXTS | st.integers() | st.booleans(), max_size=3)
VALUES = st.sampled_from(["1:3", "[a, b]", "x", 5, 0.5]) | st.lists(NUMBERS | NAMES, min_size=1, max_size=3)
PARAMETERS = st.dictionaries(st.sampled_from(["i", "j", "k-1"]), VALUES, max_size=2)
STDIO = st.sampled_from(["none", "combined", {"mode": "separate", "delete_on_success": True}, {}])


GENERATED: dict[str, set[str]] = {}
"""The keys that objects may get."""


def _some(what: str, required: dict[str, Any], **optional: Any) -> st.SearchStrategy[dict[str, Any]]:
    GENERATED[what] = {*required, *optional}
    return st.fixed_dictionaries(required, optional=optional)


_SWEEP: dict[str, Any] = {
    "parameters": PARAMETERS,
    "parameter_mode": st.sampled_from(["product", "zip"]),
    "use_parameters": LISTS,
    "parameters_file": st.just("t.csv"),
    "use_parameters_file": st.booleans(),
}
JOBS = _some(
    "job",
    {"name": NAMES, "command": COMMANDS | TEXTS},
    invocation_script=TEXTS,
    cancel_on_blocking_job_failure=st.booleans(),
    supports_termination=st.booleans(),
    keep_background=st.booleans(),
    on_worker_lost=st.sampled_from(["retry", "fail"]),
    max_worker_losses=COUNTS,
    priority=st.integers(-5, 5),
    resource_requirements=NAMES,
    failure_handler=NAMES,
    scheduler=NAMES,
    env=ENVIRONMENTS,
    cwd=TEXTS,
    stdio=STDIO,
    depends_on=LISTS,
    depends_on_regexes=LISTS,
    input_files=LISTS,
    output_files=LISTS,
    input_user_data=LISTS,
    output_user_data=LISTS,
    input_file_regexes=LISTS,
    output_file_regexes=LISTS,
    input_user_data_regexes=LISTS,
    output_user_data_regexes=LISTS,
    **_SWEEP,
)
FILES = _some("file", {"name": NAMES, "path": TEXTS}, **_SWEEP)
USER_DATA = _some(
    "user_data", {}, name=NAMES, data=JSON.filter(lambda value: value is not None), is_ephemeral=st.booleans(), **_SWEEP
)
REQUIREMENTS = _some(
    "resource_requirements",
    {"name": NAMES, "num_cpus": COUNTS, "memory": st.sampled_from(["1g", "100m"])},
    num_gpus=COUNTS,
    num_nodes=COUNTS,
    runtime=st.sampled_from(["PT1H", "P1D"]),
)
RULES = _some(
    "rule",
    {},
    exit_codes=st.lists(st.integers(-5, 255), max_size=3),
    match_all_exit_codes=st.booleans(),
    recovery_script=TEXTS,
    max_retries=st.integers(0, 9),
)
HANDLERS = _some("failure_handler", {"name": NAMES, "rules": st.lists(RULES, max_size=2)})
SCHEDULERS = _some(
    "slurm_scheduler",
    {"account": TEXTS},
    name=NAMES,
    nodes=COUNTS,
    walltime=st.just("04:00:00"),
    ntasks_per_node=COUNTS,
    **dict.fromkeys(["gres", "mem", "partition", "qos", "tmp", "extra"], TEXTS),
)
ACTIONS = _some(
    "action",
    {"trigger_type": st.just("on_jobs_ready"), "action_type": st.sampled_from(["run_commands", "schedule_nodes"])},
    jobs=LISTS,
    job_name_regexes=LISTS,
    commands=st.lists(COMMANDS, max_size=2),
    scheduler=NAMES,
    scheduler_type=st.just("slurm"),
    num_allocations=COUNTS,
    start_one_worker_per_node=st.booleans(),
    max_parallel_jobs=COUNTS,
    persistent=st.booleans(),
)
MONITORS = _some(
    "resource_monitor",
    {},
    enabled=st.booleans(),
    granularity=st.sampled_from(["summary", "time_series"]),
    sample_interval_seconds=COUNTS,
    generate_plots=st.booleans(),
)
WORKFLOWS = _some(
    "workflow",
    {"name": TEXTS, "jobs": st.lists(JOBS, max_size=3)},
    user=TEXTS,
    description=TEXTS,
    project=TEXTS,
    metadata=TEXTS,
    env=ENVIRONMENTS,
    variables=st.dictionaries(st.sampled_from(["v", "w"]), TEXTS | st.integers(), max_size=2),
    cwd=TEXTS,
    limit_resources=st.booleans(),
    use_pending_failed=st.booleans(),
    compute_node_expiration_buffer_seconds=COUNTS,
    compute_node_wait_for_new_jobs_seconds=COUNTS,
    compute_node_ignore_workflow_completion=st.booleans(),
    compute_node_wait_for_healthy_database_minutes=COUNTS,
    jobs_sort_method=st.sampled_from(["none", "gpus_runtime_memory"]),
    resource_monitor=MONITORS,
    slurm_defaults=st.dictionaries(TEXTS, JSON, max_size=2),
    stdio=STDIO,
    execution_config=_some("execution_config", {}, stdio=STDIO, limit_resources=st.booleans()),
    parameters=PARAMETERS,
    parameters_file=st.just("t.csv"),
    files=st.lists(FILES, min_size=1, max_size=2),
    user_data=st.lists(USER_DATA, min_size=1, max_size=2),
    resource_requirements=st.lists(REQUIREMENTS, min_size=1, max_size=2),
    failure_handlers=st.lists(HANDLERS, min_size=1, max_size=2),
    slurm_schedulers=st.lists(SCHEDULERS, min_size=1, max_size=2),
    actions=st.lists(ACTIONS, min_size=1, max_size=2),
)
"""Empty lists of objects are left out: KDL has no way to tell them from none, and they mean the same."""

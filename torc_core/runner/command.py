"""The command line of `torc-runner`: asks for the workflow, registers this machine, runs, says how it went."""

from __future__ import annotations

import argparse
import datetime
import os
import selectors
import socket
import sys
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from torc_core.client.request import API_PATH
from torc_core.crash import crash_point
from torc_core.errors import CannotFinishError, InputError, TorcError
from torc_core.host import process_space
from torc_core.models.late import LateAnswer, LateResults
from torc_core.models.resources import ComputeNode, Workflow, WorkflowAction
from torc_core.output_owner import claim
from torc_core.runner.actions import Actions
from torc_core.runner.connection import Away, Connection, Refused
from torc_core.runner.errands import Errands
from torc_core.runner.exchange import Conversation
from torc_core.runner.jobs import Grace, Jobs
from torc_core.runner.journal import Head, Journal, deliver
from torc_core.runner.launch import Launcher, Place
from torc_core.runner.limits import Watch
from torc_core.runner.log import LEVELS, Log
from torc_core.runner.recovery import Recovery
from torc_core.runner.resources import GIB, Offer, Pool, measure
from torc_core.runner.runner import Outcome, Runner, Settings
from torc_core.runner.scripts import Scripts
from torc_core.runner.sessions import ProcessTable
from torc_core.runner.wakeup import Wakeup

T = TypeVar("T")

REACH_S = 60.0
"""How long a start waits for a server that does not answer."""

INTERRUPTED = 130


class MonitorConfig(msgspec.Struct):
    """What the runner reads of a workflow's resource_monitor_config (spec.md 3.9)."""

    enabled: bool = False
    granularity: str = "summary"
    sample_interval_seconds: float = 1.0


class Server(msgspec.Struct):
    """Whose output the folder will hold."""

    database_uuid: str | None = None


class Summary(msgspec.Struct):
    """Where a workflow stands, as far as the name of the log and the exit code need it."""

    run_id: int
    total: int
    counts: dict[str, int]


def run(arguments: Sequence[str], guard_pipe: int | None = None) -> int:
    """Run the command line; returns the exit code: 0 all done, 1 some jobs not completed, 3 stuck, 130 interrupted."""
    try:
        return _work(_parser().parse_args(arguments), guard_pipe)
    except TorcError as error:
        print(f"torc-runner: {error}", file=sys.stderr)
        return error.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="torc-runner", description="Run the jobs of a workflow on this machine.")
    add = parser.add_argument
    add("--url", required=True, help="the server, http://HOST:PORT")
    add("--workflow", required=True, type=int, metavar="ID")
    add("--output-dir", default="output", metavar="DIR", help="where logs and output of jobs go [output]")
    add("--max-parallel-jobs", type=_positive, metavar="N", help="run N jobs at once, whatever they ask for")
    add("--num-cpus", type=_positive, metavar="N", help="offer N CPUs [what this machine lets us use]")
    add("--memory-gb", type=float, metavar="X", help="offer so many GiB")
    add("--num-gpus", type=int, metavar="N", help="offer N GPUs")
    add("--time-left-s", type=float, metavar="S", help="stop all jobs after so many seconds")
    add("--idle-s", type=float, metavar="S", help="leave after so long without work [what the workflow says]")
    add("--grace-s", type=float, default=10.0, metavar="S", help="time between TERM and KILL for a job [10]")
    add(
        "--termination-grace-s",
        type=float,
        default=60.0,
        metavar="S",
        help="the same for a job with supports_termination [60]",
    )
    add("--cwd", metavar="DIR", help="where jobs work [where the workflow was created]")
    add("--log-level", choices=sorted(LEVELS), default="info")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return number


def _work(options: argparse.Namespace, guard_pipe: int | None) -> int:
    user = os.environ.get("TORC_USERNAME") or os.environ.get("USER") or "torc"
    password = os.environ.get("TORC_PASSWORD")

    def connect() -> Connection:
        return Connection(options.url, user, password)

    connection = connect()
    workflow = _ask(connection, "GET", f"/workflows/{options.workflow}", None, Workflow, f"workflow {options.workflow}")
    offer = _offer(options)
    place = _place(options, workflow, connection.url)
    database_uuid = _ask(connection, "GET", "/server", None, Server, "asking who it is").database_uuid
    claim(place.output_dir, database_uuid)
    summary = _ask(
        connection, "GET", f"/workflows/{options.workflow}/summary", None, Summary, f"workflow {options.workflow}"
    )
    log = Log(options.log_level)
    host = socket.gethostname()
    log.open(place.output_dir / f"job_runner_{host}_wf{options.workflow}_r{summary.run_id}.log")
    _deliver_for_the_dead(connection, options.workflow, place.output_dir, database_uuid, log)
    by_resources = options.max_parallel_jobs is None or bool(
        options.num_cpus or options.memory_gb or options.num_gpus is not None
    )
    node = _register(connection, options.workflow, offer, place, by_resources)
    crash_point("runner.registered")
    selector = selectors.DefaultSelector()
    wakeup = Wakeup(selector, guard_pipe)
    wakeup.handle_signals()
    pool = Pool(offer, options.max_parallel_jobs, by_resources)
    launcher = Launcher(place)
    grace = Grace(options.grace_s, options.termination_grace_s)
    jobs = Jobs(launcher, pool, ProcessTable(place.runner_uuid), selector, log, grace)
    scripts = Scripts(jobs, wakeup.wake, options.grace_s)
    actions = Actions(options.workflow, node.id or 0, Errands(connect, wakeup.wake), scripts, launcher, log)
    path = f"/workflows/{options.workflow}/actions"
    actions.begin(_ask(connection, "GET", path, None, list[WorkflowAction], f"workflow {options.workflow}"))
    journal = Journal(place.output_dir, Head(database_uuid, options.workflow, node.id or 0, place.runner_uuid), log)
    runner = Runner(
        jobs,
        Conversation(
            connect, f"/workflows/{options.workflow}/compute_nodes/{node.id}/exchange", wakeup.wake, log, journal
        ),
        pool,
        _watch(jobs, workflow, place, log),
        scripts,
        Recovery(scripts, launcher, log, undecided=bool(workflow.use_pending_failed)),
        actions,
        wakeup,
        selector,
        log,
        _settings(options, workflow),
    )
    log.info(
        f"Starting job runner workflow_id={options.workflow} compute_node_id={node.id} num_cpus={offer.num_cpus} "
        f"memory_gb={offer.memory_bytes / GIB:.1f} num_gpus={len(offer.gpus)}"
    )
    outcome = runner.run()
    if outcome is Outcome.GONE and journal.undelivered:
        _deliver_for_the_dead(connection, options.workflow, place.output_dir, database_uuid, log, wanted=False)
        log.flush()
    return _exit_code(runner, outcome, connection, options.workflow)


def _offer(options: argparse.Namespace) -> Offer:
    found = measure()
    gpus = found.gpus
    if options.num_gpus is not None:
        gpus = gpus[: options.num_gpus]
        if len(gpus) < options.num_gpus:
            gpus = tuple(str(index) for index in range(options.num_gpus))
    memory = found.memory_bytes if options.memory_gb is None else int(options.memory_gb * GIB)
    return Offer(options.num_cpus or found.num_cpus, memory, gpus)


def _place(options: argparse.Namespace, workflow: Workflow, url: str) -> Place:
    base = Path(options.cwd or workflow.origin or ".").absolute()
    if not base.is_dir():
        told = "--cwd" if options.cwd else f"workflow {options.workflow} was created in"
        raise InputError(f"{told} {base}, which is no directory on this host; give --cwd DIR")
    output_dir = Path(options.output_dir).absolute()
    try:
        (output_dir / "job_stdio").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"output directory {output_dir} cannot be made: {error.strerror}") from None
    return Place(
        options.workflow, url + API_PATH, output_dir, base, workflow.cwd, workflow.env or {}, str(uuid.uuid4())
    )


def _register(connection: Connection, workflow_id: int, offer: Offer, place: Place, by_resources: bool) -> ComputeNode:
    """Tell the server of this machine, where the jobs' output is (`torc jobs logs` reads it there), and its mode.

    The pid is the guard's: it ends when nothing of the runner is left.
    """
    node = ComputeNode(
        workflow_id=workflow_id,
        hostname=socket.gethostname(),
        pid=os.getppid(),
        start_time=datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        num_cpus=offer.num_cpus,
        memory_gb=offer.memory_bytes / GIB,
        num_gpus=len(offer.gpus),
        num_nodes=1,
        compute_node_type="local",
        is_active=True,
        uuid=place.runner_uuid,
        scheduler={"output_dir": str(place.output_dir), "by_resources": by_resources},
        boot_id=process_space() or None,  # whether its death can be seen by the server (torc_server/deaths.py)
    )
    return _ask(connection, "POST", "/compute_nodes", msgspec.json.encode(node), ComputeNode, "registering")


def _path(workflow_id: int, node_id: int | None) -> str:
    return f"/workflows/{workflow_id}/compute_nodes/{node_id}"


def _deliver_for_the_dead(
    connection: Connection, workflow_id: int, output_dir: Path, database_uuid: str | None, log: Log, wanted: bool = True
) -> None:
    """Results that runners which are gone left in this folder; before anything is claimed, so that none runs again.

    Where they are not `wanted`, as those of a runner that is gone itself, it is no error that they are refused.
    """

    def send(node_id: int, late: LateResults) -> LateAnswer:
        path = f"{_path(workflow_id, node_id)}/late_results"
        return _ask(connection, "POST", path, msgspec.json.encode(late), LateAnswer, "results of an earlier runner")

    try:
        delivered, refused = deliver(output_dir, workflow_id, database_uuid, send)
    except TorcError as error:  # the work goes on all the same
        tell = log.error if wanted else log.info
        tell(f"results of an earlier runner are not delivered, their jobs run again: {error}")
        return
    if delivered or refused:
        log.info(f"Delivered results of earlier runners delivered={delivered} refused={refused}")


def _watch(jobs: Jobs, workflow: Workflow, place: Place, log: Log) -> Watch:
    config = MonitorConfig(enabled=True)
    if workflow.resource_monitor_config:
        try:
            config = msgspec.json.decode(workflow.resource_monitor_config, type=MonitorConfig)
        except msgspec.DecodeError as error:
            raise InputError(f"resource_monitor_config of workflow {workflow.id}: {error}") from None
    interval = max(config.sample_interval_seconds, 0.1)
    series = None
    if config.enabled and config.granularity == "time_series":
        from torc_core.runner.series import Series

        series = Series(place.output_dir, socket.gethostname(), place.workflow_id, log)
    enforce = workflow.limit_resources is not False
    return Watch(jobs, enforce=enforce, measure=config.enabled, interval_s=interval, series=series)


def _settings(options: argparse.Namespace, workflow: Workflow) -> Settings:
    idle = options.idle_s if options.idle_s is not None else workflow.compute_node_wait_for_new_jobs_seconds
    return Settings(float(idle or 0), options.time_left_s)


def _exit_code(runner: Runner, outcome: Outcome, connection: Connection, workflow_id: int) -> int:
    if outcome is Outcome.INTERRUPTED:
        return INTERRUPTED
    if outcome is Outcome.STUCK:
        raise CannotFinishError(f"workflow {workflow_id} cannot go on: {runner.message}")
    if outcome is Outcome.GONE:
        raise TorcError(f"stopped: {runner.message}")
    if outcome is not Outcome.COMPLETE:
        return 1
    try:
        content = connection.call("GET", f"/workflows/{workflow_id}/summary", patience=10.0)
        summary = msgspec.json.decode(content, type=Summary)
    except (Away, Refused, msgspec.DecodeError):
        return int(runner.had_failures or runner.had_terminations)
    done = summary.counts.get("completed", 0) + summary.counts.get("disabled", 0)
    return int(done < summary.total)


def _ask(connection: Connection, method: str, path: str, body: bytes | None, answer: type[T], thing: str) -> T:
    """One call at the start, repeated for REACH_S while the server does not answer."""
    deadline = time.monotonic() + REACH_S
    pause = 0.05
    while True:
        try:
            return msgspec.json.decode(connection.call(method, path, body), type=answer)
        except Refused as error:
            raise _refusal(connection, error, thing) from None
        except msgspec.DecodeError as error:
            raise TorcError(f"the answer of {connection.url} makes no sense ({error}); is it torc?") from None
        except Away as error:
            if time.monotonic() + pause > deadline:
                raise TorcError(f"no server at {connection.url}: {error}; is --url right?") from None
        time.sleep(pause)
        pause = min(pause * 2, 2.0)


def _refusal(connection: Connection, error: Refused, thing: str) -> TorcError:
    if error.status == 401:
        return TorcError(f"the server at {connection.url} refuses the password; set TORC_PASSWORD")
    if error.status == 404:
        return InputError(f"there is no {thing} at {connection.url}; 'torc workflows list' shows what there is")
    return TorcError(f"the server at {connection.url} refuses {thing}: {error}")

"""Examples for the help of each command, by its words: (what is typed after `torc`, what it does)."""

from __future__ import annotations

EXAMPLES: dict[str, list[tuple[str, str]]] = {
    "": [
        ("run hello.yaml", "make a workflow of a file and run it here"),
        ("jobs list hello", "how its jobs stand"),
        ("jobs logs count", "what the job 'count' printed"),
        ("explain count", "why it does not run, or how it ended"),
        ("run hello", "run again what did not complete"),
        ("tui", "all of it on a full screen"),
    ],
    "run": [
        ("run hello.yaml", "make a new workflow and run it"),
        ("run hello.yaml --max-parallel-jobs 4", "four jobs at a time, whatever they need"),
        ("run 12", "run what is not completed of workflow 12"),
        ("run hello", "the same for the newest workflow of that name"),
        ("-f json run hello.yaml", "how it went, for a script"),
    ],
    "wait": [("wait hello", "until it has ended"), ("wait 12 --timeout 600", "ten minutes at most")],
    "convert": [
        ("convert hello.yaml --to kdl", "print it as KDL"),
        ("convert a.yaml --to json -o a.json", "into a file"),
    ],
    "explain": [("explain count", "a job of your newest workflow"), ("explain count -w 12", "a job of workflow 12")],
    "events": [
        ("events hello", "cancels, retries, resets and notes of users"),
        ("events hello --follow", "all that changes from now on"),
        ("events hello --follow --after 0", "all that changed, and goes on changing"),
    ],
    "ping": [("ping", "your own server"), ("ping --url http://host:8080", "another one")],
    "tui": [
        ("tui", "the workflows"),
        ("tui --view 'jobs 12 status=failed'", "begin with the failed jobs of workflow 12"),
    ],
    "workflows": [
        ("workflows list", "yours, and how they stand"),
        ("workflows create hello.yaml --dry-run", "check a file"),
        ("workflows status hello", "how many of its jobs are where"),
        ("workflows delete hello", "with its jobs and results; asks first"),
    ],
    "workflows create": [
        ("workflows create hello.yaml", "make it; 'torc run' starts it"),
        ("workflows create hello.yaml --dry-run", "only check the file and tell what it makes"),
    ],
    "workflows list": [
        ("workflows list", "your workflows"),
        ("workflows list --all-users --limit 20 --reverse-sort", "the newest 20 of everybody"),
    ],
    "workflows get": [("workflows get hello", "by its name"), ("workflows get 12 -f json", "for a script")],
    "workflows status": [
        ("workflows status hello", "jobs by status, runners"),
        ("workflows status 12 -f json", "for a script"),
    ],
    "workflows run": [("workflows run 12", "the same as 'torc run 12'")],
    "workflows initialize": [
        ("workflows initialize 12 --dry-run", "which input files are missing"),
        ("workflows initialize 12", "all jobs run again; asks before results are lost"),
    ],
    "workflows reinitialize": [
        ("workflows reinitialize 12 --dry-run", "what changed since, and what would run again"),
        ("workflows reinitialize 12", "make those jobs ready"),
    ],
    "workflows reset-status": [
        ("workflows reset-status 12", "all jobs, as if nothing had run"),
        ("workflows reset-status 12 --failed-only -r", "what failed and all below it, ready at once"),
    ],
    "workflows cancel": [("workflows cancel hello", "stop its jobs"), ("run hello", "go on later")],
    "workflows delete": [("workflows delete 12 13", "asks first"), ("workflows delete 12 --yes", "without asking")],
    "workflows execution-plan": [("workflows execution-plan hello.yaml", "which jobs follow which")],
    "jobs": [
        ("jobs list hello --status failed", "the failed jobs of a workflow"),
        ("jobs logs count --follow", "what a job prints, while it prints it"),
        ("jobs retry count", "make a failed job ready again"),
    ],
    "jobs list": [
        ("jobs list hello", "the jobs of a workflow"),
        ("jobs list 12 --status failed", "the failed ones"),
        ("jobs list 12 --upstream-job-id count", "those that depend on the job 'count'"),
    ],
    "jobs get": [("jobs get count", "a job of your newest workflow"), ("jobs get 4711", "by its id")],
    "jobs retry": [
        ("jobs retry count", "one job of your newest workflow"),
        ("jobs retry 17 18 -w hello", "several jobs"),
    ],
    "jobs cancel": [("jobs cancel count", "one job of your newest workflow"), ("jobs cancel 17 18", "several by id")],
    "jobs logs": [
        ("jobs logs count", "what it wrote"),
        ("jobs logs count --stderr", "only errors"),
        ("jobs logs count --follow", "go on until the job has ended"),
        ("jobs logs count --attempt 1", "its first try"),
    ],
    "results": [("results list hello --failed", "what failed, with exit codes")],
    "results list": [
        ("results list hello", "the latest result of each job"),
        ("results list hello --failed", "what did not succeed"),
        ("results list hello -j count --all-runs", "all tries of one job"),
        ("results list 12 --sort-by peak_memory_bytes --reverse-sort", "the largest first"),
    ],
    "compute-nodes": [("compute-nodes list hello", "who runs its jobs")],
    "compute-nodes list": [("compute-nodes list hello --active", "those at work now")],
    "compute-nodes get": [("compute-nodes get 3", "one of them")],
    "reports": [("reports summary hello", "how a workflow went"), ("reports results hello", "job by job")],
    "reports summary": [("reports summary hello", "counts, times, verdict")],
    "reports results": [
        ("reports results hello", "how each job ended, and where its output is"),
        ("reports results hello -j count -f json", "one job, for a script"),
    ],
    "server": [("server status", "whether it runs, and where its files are"), ("server log --follow", "what it does")],
    "server start": [("server start", "commands that need it start it, too")],
    "server stop": [("server stop", "workflows are kept; the next command starts it again")],
    "server status": [("server status", "address, database, log"), ("server status -f json", "for a script")],
    "server log": [("server log -n 20", "the last 20 lines"), ("server log --follow", "until Ctrl-C")],
}

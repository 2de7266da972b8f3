"""What happens when a job fails: the rules of its failure handler, and their recovery scripts (runner.md 2).

The first rule that lists the exit code counts, else the first that takes all of them. It grants `max_retries` attempts
in all; before another one the recovery script runs, and only then is the failure reported, so that no runner starts the
job while its script is at work. What becomes of the script changes nothing but what is told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torc_core.models.exchange import Assignment, Attempt, AttemptResult
from torc_core.models.resources import FailureRule
from torc_core.runner.jobs import Ended
from torc_core.runner.launch import Launcher
from torc_core.runner.log import Log
from torc_core.runner.scripts import Script, Scripts
from torc_core.wording import exit_text, with_note

Report = Callable[[Ended], None]


def rule_for(rules: Sequence[FailureRule], code: int) -> FailureRule | None:
    """The rule that fits an exit code; one that names it comes before those that take all."""
    named = next((rule for rule in rules if code in rule.exit_codes), None)
    return named or next((rule for rule in rules if rule.match_all_exit_codes), None)


class Recovery:
    """Decides about failures, and holds back those whose recovery script is at work."""

    def __init__(self, scripts: Scripts, launcher: Launcher, log: Log, *, undecided: bool) -> None:
        """`undecided`: failures that no rule fits wait for a verdict (`use_pending_failed`)."""
        self._scripts = scripts
        self._launcher = launcher
        self._log = log
        self._undecided = undecided
        self.held: dict[Attempt, tuple[Ended, Script]] = {}
        """Attempts that failed and are not reported yet."""

    def failed(self, ended: Ended, result: AttemptResult, report: Report) -> None:
        """Decide what the failure means, and report it, after the recovery script if one is to run."""
        job = ended.job
        rule = rule_for(job.failure_rules, result.return_code)
        if rule is None:
            if self._undecided:
                result.status = "pending_failed"
        elif job.retries + 1 >= rule.max_retries:
            if rule.max_retries > 1:
                _note(result, f"after all {rule.max_retries} attempts of its failure handler")
        else:
            result.retry_up_to = rule.max_retries
            self._log.info(
                f"Job is tried again job_id={job.job_id} run_id={job.run_id} attempt_id={job.attempt_id} "
                f"return_code={result.return_code} attempts={job.retries + 1}/{rule.max_retries}"
            )
            if rule.recovery_script:
                self._recover(ended, result, rule.recovery_script, report)
                return
        report(ended)

    def _recover(self, ended: Ended, result: AttemptResult, command: str, report: Report) -> None:
        job = ended.job

        def then(code: int) -> None:
            if self.held.pop(ended.attempt, None) is None:
                return  # the attempt was taken from this runner
            if code:
                _note(result, f"the recovery script failed: {script.cause or exit_text(code)}")
                self._log.warn(f"Recovery script failed {_names(job)} return_code={code}")
            else:
                self._log.info(f"Recovery script completed {_names(job)}")
            report(ended)

        script = Script(lambda: self._launcher.start_recovery(job, command, result.return_code), then)
        self.held[ended.attempt] = ended, script
        self._scripts.run(script)

    def stop(self, now: float, attempts: Sequence[Attempt] | None = None, *, kill: bool = False) -> None:
        """End the scripts of these attempts, or all; then the failures are reported."""
        for attempt in list(self.held) if attempts is None else attempts:
            if attempt in self.held:
                self._scripts.stop(self.held[attempt][1], now, kill=kill)

    def give_up(self, attempts: Sequence[Attempt], now: float) -> None:
        """These attempts are canceled: they end as they are, and are not tried again."""
        for attempt in attempts:
            if attempt in self.held:
                result = self.held[attempt][0].result
                if result is not None:
                    result.retry_up_to = 0
        self.stop(now, attempts)

    def drop(self, attempts: Sequence[Attempt], now: float) -> None:
        """These attempts are not ours any more: nothing is reported."""
        for attempt in attempts:
            if attempt in self.held:
                self._scripts.stop(self.held.pop(attempt)[1], now, kill=True)


def _note(result: AttemptResult, text: str) -> None:
    result.cause = with_note(result.cause, result.return_code, text)


def _names(job: Assignment) -> str:
    return f"job_id={job.job_id} run_id={job.run_id} attempt_id={job.attempt_id}"

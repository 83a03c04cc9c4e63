"""What any executor must do, as suites of tests to inherit.

::

    class TestMyExecutor(ExecutorContract):
        def make_executor(self) -> Executor:
            return MyExecutor()

`BorderContract` is what the scheduler's loop relies on, whatever a trial is; `ExecutorContract`
adds what train functions rely on, for executors that run them. `Driver` runs trials on an
executor as a scheduler's loop does, and keeps what comes in.
"""

# ruff: noqa: D102 -- the names of the tests are sentences

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from agcore.errors import EarlyStop
from agcore.executor.base import TrialTask
from agcore.jobs import Exited, Outcome, Resume, Start
from agcore.records import Action, Decision
from agcore.reporter import ReportRules
from agcore.space import Bool, Categorical, Real
from agcore.testing.policy import check
from agcore.train_fn import ArgsBuilder, TrainFunction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from agcore.executor.base import Executor
    from agcore.jobs import ExecutorNews, Job, Metrics, ReportReceived

    Judge = Callable[[int, Metrics], Decision | str]
    """What to answer to a trial's report: a decision, or the message of a rejection."""

    Steps = Callable[[], Iterator[Metrics]]
    """What a trial is to report."""

GO_ON = Decision(Action.CONTINUE, "the test lets it go on")
STOP = Decision(Action.STOP, "the test stops it")
PAUSE = Decision(Action.PAUSE, "the test pauses it")


def task_of(
    function: Callable[..., Any], rules: ReportRules | None = None, **arguments: Any
) -> TrialTask:
    """The task of running ``function(args, reporter)``, with ``arguments`` in its args."""
    train_fn = TrainFunction(function, None, arguments)
    return TrialTask(train_fn, ArgsBuilder(train_fn.args, train_fn.cs), rules or ReportRules())


class Driver:
    """A scheduler's loop reduced to starting trials, answering them and taking notes.

    Args:
        executor: Not open yet.
        task: What its trials run.
        judge: Answers reports; by default every trial goes on.
        patience_s: After this many seconds without any news, waiting is an error.

    Attributes:
        reports: Metrics by trial, in the order in which they came.
        exits: How trials have ended, by trial.
    """

    def __init__(
        self,
        executor: Executor,
        task: TrialTask,
        judge: Judge | None = None,
        patience_s: float = 60.0,
    ) -> None:
        self.executor = executor
        self.reports: defaultdict[int, list[Metrics]] = defaultdict(list)
        self.exits: dict[int, Exited] = {}
        self._judge = judge or (lambda _, __: GO_ON)
        self._patience_s = patience_s
        self._last_news_s = time.monotonic()
        executor.open(task)

    def __enter__(self) -> Driver:
        return self

    def __exit__(self, *_: object) -> None:
        self.executor.close()

    def start(self, trial_id: int, seed: int | None = None, **config: Any) -> None:
        """Start a trial in a free slot; by default its id is its seed."""
        self.submit(Start(trial_id, config, trial_id if seed is None else seed))

    def submit(self, job: Job) -> None:
        """Start a job in a free slot, waiting for one if need be."""
        while self.executor.free_slots <= 0:
            self.wait()
        self.executor.submit(job)
        self._last_news_s = time.monotonic()

    def run(self, trial_id: int, seed: int | None = None, **config: Any) -> Exited:
        """How a trial ends that is started now."""
        self.start(trial_id, seed, **config)
        return self.exit_of(trial_id)

    def exit_of(self, trial_id: int) -> Exited:
        """How a trial ends."""
        while trial_id not in self.exits:
            self.wait()
        return self.exits[trial_id]

    def first_report_of(self, trial_id: int) -> Metrics:
        """The first thing that a trial reports."""
        while not self.reports[trial_id]:
            check(trial_id not in self.exits, f"trial {trial_id} ended without a report")
            self.wait()
        return self.reports[trial_id][0]

    def wait(self) -> None:
        """Wait for any news and take it in.

        Raises:
            AssertionError: There has been none for too long.
        """
        silent_s = time.monotonic() - self._last_news_s
        check(silent_s < self._patience_s, f"no news for {silent_s:.0f} seconds")
        self.executor.wait(self._patience_s - silent_s, self._take)

    def _take(self, news: Sequence[ExecutorNews]) -> None:
        self._last_news_s = time.monotonic()
        for item in news:
            check(item.trial_id not in self.exits, f"{item} came after the trial had ended")
            if isinstance(item, Exited):
                self.exits[item.trial_id] = item
            else:
                self._answer(item)

    def _answer(self, report: ReportReceived) -> None:
        self.reports[report.trial_id].append(report.metrics)
        answer = self._judge(report.trial_id, report.metrics)
        if isinstance(answer, str):
            self.executor.reject(report.trial_id, answer)
        else:
            self.executor.reply(report.trial_id, answer)


class BorderContract:
    """Tests of the border between the loop and any executor.

    A subclass says how to make an executor whose trials report what a generator yields.
    """

    def playing(self, steps: Steps) -> tuple[Executor, TrialTask]:
        """A new executor with at least one slot, not open, and what to open it with.

        Args:
            steps: Yields the metrics that each trial is to report; what it raises, the trial
                raises.
        """
        raise NotImplementedError

    @contextlib.contextmanager
    def driving_steps(self, steps: Steps, judge: Judge | None = None) -> Iterator[Driver]:
        """An open executor whose trials report ``steps()``; closed at the end."""
        executor, task = self.playing(steps)
        with Driver(executor, task, judge) as driver:
            yield driver

    def test_reports_come_in_order_and_the_end_comes_last(self) -> None:
        def counts() -> Iterator[Metrics]:
            for epoch in (1, 2, 3):
                yield {"epoch": epoch, "accuracy": epoch / 10, "note": "a"}

        with self.driving_steps(counts) as driver:
            end = driver.run(0)
        expected = [{"epoch": e, "accuracy": e / 10, "note": "a"} for e in (1, 2, 3)]
        check(driver.reports[0] == expected, f"came in: {driver.reports[0]}")
        check(end.outcome is Outcome.RETURNED, f"{end}")
        check(not (end.error or end.traceback_text or end.evidence), f"{end}")

    def test_nothing_is_heard_of_a_trial_that_was_told_to_stop_or_pause(self) -> None:
        def endless() -> Iterator[Metrics]:
            while True:
                yield {"accuracy": 1}

        for decision in (STOP, PAUSE):
            answers = iter([GO_ON, GO_ON, decision])

            def judge(_: int, __: Metrics, answers: Iterator[Decision] = answers) -> Decision:
                return next(answers)

            with self.driving_steps(endless, judge) as driver:
                end = driver.run(0)
            check(len(driver.reports[0]) == 3, f"{len(driver.reports[0])} reports came in")
            check(end.outcome is Outcome.STOPPED, f"{end}")

    def test_a_rejected_report_fails_the_trial(self) -> None:
        with self.driving_steps(_one_report, lambda _, __: "it is wrong") as driver:
            end = driver.run(0)
        check(end.outcome is Outcome.RAISED, f"{end}")
        check(end.error == "ReportError: it is wrong", end.error)
        check(end.error in end.traceback_text, end.traceback_text)

    def test_an_exception_fails_the_trial_with_its_traceback(self) -> None:
        def raises() -> Iterator[Metrics]:
            yield {"accuracy": 1}
            raise KeyError("the culprit")

        def runs_out() -> Iterator[Metrics]:
            yield {"accuracy": 1}
            raise MemoryError

        with self.driving_steps(raises) as driver:
            end = driver.run(0)
        check(len(driver.reports[0]) == 1, f"{len(driver.reports[0])} reports came in")
        check(end.outcome is Outcome.RAISED, f"{end}")
        check(end.error == "KeyError: 'the culprit'", end.error)
        check("in raises" in end.traceback_text, end.traceback_text)
        check(end.traceback_text.splitlines()[-1] == end.error, end.traceback_text)
        with self.driving_steps(runs_out) as driver:
            end = driver.run(0)
        check(end.outcome is Outcome.OUT_OF_MEMORY and end.evidence != "", f"{end}")

    def test_a_slot_is_taken_while_a_trial_runs_and_free_after_it(self) -> None:
        executor, task = self.playing(_one_report)
        during = []

        def judge(_: int, __: Metrics) -> Decision:
            during.append(executor.free_slots)
            return GO_ON

        check(executor.slots >= 1, f"{executor.slots} slots")
        with Driver(executor, task, judge) as driver:
            check(executor.free_slots == executor.slots, "not all slots are free at first")
            driver.run(0)
            driver.run(1)
            check(during == [executor.slots - 1] * 2, f"free while a trial ran: {during}")
            check(executor.free_slots == executor.slots, "a slot was not given back")

    def test_a_killed_trial_ends_as_stopped(self) -> None:
        def endless() -> Iterator[Metrics]:
            while True:
                yield {"accuracy": 1}

        executor, task = self.playing(endless)
        killed: list[int] = []

        def judge(trial_id: int, _: Metrics) -> Decision:
            if not killed:
                executor.kill(trial_id)
            killed.append(trial_id)
            return GO_ON

        with Driver(executor, task, judge) as driver:
            end = driver.run(0)
            executor.kill(0)  # too late, and without effect
            executor.reply(0, STOP)
        check(end.outcome is Outcome.STOPPED, f"{end}")

    def test_it_can_be_opened_again_and_closed_twice(self) -> None:
        executor, task = self.playing(_one_report)
        executor.close()
        for trial_id in range(2):
            with Driver(executor, task) as driver:
                end = driver.run(trial_id)
            executor.close()
            check(end.outcome is Outcome.RETURNED, f"{end}")
            check(executor.free_slots == executor.slots, "a slot was not given back")

    def test_wake_ends_a_wait_without_news(self) -> None:
        executor, task = self.playing(_one_report)
        executor.wake()
        executor, task = self.playing(_one_report)
        with Driver(executor, task) as driver:
            executor.wake()
            executor.wait(None, lambda news: check(not news, f"{news}"))
            check(driver.run(0).outcome is Outcome.RETURNED, "the trial did not run")
        executor.wake()

    def test_wait_without_trials_returns_when_its_time_is_over(self) -> None:
        with self.driving_steps(_one_report) as driver:
            for timeout_s in (0, -1, 0.01):
                driver.executor.wait(timeout_s, lambda news: check(not news, f"{news}"))

    def test_an_error_while_news_is_delivered_is_raised_by_wait(self) -> None:
        def judge(_: int, __: Metrics) -> Decision:
            raise ZeroDivisionError

        raised = False
        with self.driving_steps(_one_report, judge) as driver:
            driver.start(0)
            try:
                while 0 not in driver.exits:
                    driver.wait()
            except ZeroDivisionError:
                raised = True
        check(raised and not driver.exits, f"{driver.exits}")


def _one_report() -> Iterator[Metrics]:
    yield {"accuracy": 1}


class ExecutorContract(BorderContract):
    """Tests of executors that run train functions; a subclass says how to make the executor."""

    def make_executor(self) -> Executor:
        """A new executor with at least one slot, not open."""
        raise NotImplementedError

    def playing(self, steps: Steps) -> tuple[Executor, TrialTask]:
        """An executor, and the task of reporting ``steps()``."""

        def plays(args: Any, reporter: Any) -> None:
            for metrics in steps():
                reporter(**metrics)

        return self.make_executor(), task_of(plays)

    @contextlib.contextmanager
    def driving(
        self,
        function: Callable[..., Any],
        judge: Judge | None = None,
        rules: ReportRules | None = None,
        **arguments: Any,
    ) -> Iterator[Driver]:
        """An open executor that runs ``function``; closed at the end."""
        with Driver(self.make_executor(), task_of(function, rules, **arguments), judge) as driver:
            yield driver

    def test_a_trial_gets_its_config_its_id_and_where_to_resume(self) -> None:
        def tells(args: Any, reporter: Any) -> None:
            resume_from = args.scheduler.resume_from
            reporter(accuracy=args.x, id=args.task_id, constant=args.c, resume_from=resume_from)

        with self.driving(tells, c=[1, {"d": 2}], x=Real(0, 1)) as driver:
            driver.submit(Start(7, {"x": 0.25}, 0))
            driver.exit_of(7)
            driver.submit(Resume(8, {"x": 0.75}, 0, 1, 3, 9))
            driver.exit_of(8)
        fresh = {"accuracy": 0.25, "id": 7, "constant": [1, {"d": 2}], "resume_from": 0}
        check(driver.reports[7] == [fresh], f"came in: {driver.reports[7]}")
        resumed = {**fresh, "accuracy": 0.75, "id": 8, "resume_from": 3}
        check(driver.reports[8] == [resumed], f"came in: {driver.reports[8]}")

    def test_a_returned_number_or_dict_is_the_report_of_a_function_that_sent_none(self) -> None:
        values = (0.5, {"accuracy": 0.75, "loss": 1}, "a string", 0.5)

        def returns(args: Any, reporter: Any) -> Any:
            if args.task_id == 3:
                reporter(accuracy=0.1)
            return values[args.task_id]

        with self.driving(returns, rules=ReportRules(final_resource=9)) as driver:
            for trial_id in range(4):
                driver.run(trial_id)
        check(driver.reports[0] == [{"accuracy": 0.5, "epoch": 9}], f"{driver.reports[0]}")
        complete = {"accuracy": 0.75, "loss": 1, "epoch": 9}
        check(driver.reports[1] == [complete], f"{driver.reports[1]}")
        check(driver.reports[2] == [], f"{driver.reports[2]}")
        check(driver.reports[3] == [{"accuracy": 0.1}], f"{driver.reports[3]}")

    def test_stop_and_pause_end_a_trial_with_its_cleaning_up_done(self) -> None:
        def endless(args: Any, reporter: Any) -> None:
            try:
                while True:
                    reporter(accuracy=1)
            finally:
                print("cleaned up")  # noqa: T201  what it prints is looked at

        for decision in (STOP, PAUSE):
            answers = iter([GO_ON, GO_ON, decision])

            def judge(_: int, __: Metrics, answers: Iterator[Decision] = answers) -> Decision:
                return next(answers)

            with self.driving(endless, judge) as driver:
                end = driver.run(0)
                check(driver.executor.log(0) == ["cleaned up"], f"{driver.executor.log(0)}")
            check(len(driver.reports[0]) == 3, f"{len(driver.reports[0])} reports came in")
            check(end.outcome is Outcome.STOPPED, f"{end}")

    def test_who_swallows_the_stop_signal_is_stopped_all_the_same(self) -> None:
        def swallows(args: Any, reporter: Any) -> None:
            for _ in range(5):
                with contextlib.suppress(EarlyStop):
                    reporter(accuracy=1)

        with self.driving(swallows, lambda _, __: STOP) as driver:
            end = driver.run(0)
        check(len(driver.reports[0]) == 1, f"{len(driver.reports[0])} reports came in")
        check(end.outcome is Outcome.STOPPED, f"{end}")

    def test_a_rejected_report_raises_at_the_line_that_sent_it(self) -> None:
        def reports(args: Any, reporter: Any) -> None:
            reporter(accuracy=1)  # this line

        with self.driving(reports, lambda _, __: "it is wrong") as driver:
            end = driver.run(0)
        check(end.outcome is Outcome.RAISED, f"{end}")
        check(end.error == "ReportError: it is wrong", end.error)
        check("# this line" in end.traceback_text, end.traceback_text)

    def test_an_exception_comes_with_its_message_and_the_traceback_from_the_users_line(
        self,
    ) -> None:
        def raises(args: Any, reporter: Any) -> None:
            raise KeyError("the culprit")

        def runs_out(args: Any, reporter: Any) -> None:
            raise MemoryError

        with self.driving(raises) as driver:
            end = driver.run(0)
        check(end.outcome is Outcome.RAISED, f"{end}")
        check(end.error == "KeyError: 'the culprit'", end.error)
        lines = end.traceback_text.splitlines()
        check(lines[0].startswith("Traceback"), end.traceback_text)
        check("in raises" in lines[1], end.traceback_text)
        check(lines[-1] == end.error, end.traceback_text)
        with self.driving(runs_out) as driver:
            end = driver.run(0)
        check(end.outcome is Outcome.OUT_OF_MEMORY and end.evidence != "", f"{end}")

    def test_a_trial_is_unharmed_by_the_failure_of_the_one_before(self) -> None:
        def fails_if_told(args: Any, reporter: Any) -> float:
            if args.fails:
                raise ValueError
            return 1.0

        with self.driving(fails_if_told, fails=Bool()) as driver:
            ends = [driver.run(i, fails=fails).outcome for i, fails in enumerate((True, False))]
        check(ends == [Outcome.RAISED, Outcome.RETURNED], f"{ends}")

    def test_the_seed_alone_fixes_the_random_numbers_of_a_trial(self) -> None:
        def draws(args: Any, reporter: Any) -> None:
            import random

            import numpy as np

            # The generators without a seed of their own are those that the executor seeds.
            reporter(accuracy=random.random(), numpy=np.random.random())  # noqa: NPY002

        with self.driving(draws) as driver:
            for trial_id, seed in enumerate((5, 6, 7, 8, 5)):
                driver.run(trial_id, seed)
        drawn = [driver.reports[trial_id][0] for trial_id in range(5)]
        check(drawn[0] == drawn[4], f"the same seed gave {drawn[0]} and {drawn[4]}")
        different = {tuple(numbers.values()) for numbers in drawn}
        check(len(different) == 4, f"different seeds gave {drawn}")

    def test_each_trial_has_its_own_log(self) -> None:
        def prints(args: Any, reporter: Any) -> None:
            print(args.text)  # noqa: T201  what it prints is looked at

        texts = "one", "two\nlines", "déjà vu"
        with self.driving(prints, text=Categorical(*texts)) as driver:
            for trial_id, text in enumerate(texts):
                driver.run(trial_id, text=text)
            logs = [driver.executor.log(trial_id) for trial_id in range(4)]
        check(logs == [["one"], ["two", "lines"], ["déjà vu"], []], f"{logs}")
        check(driver.executor.log(0) == ["one"], "the log is gone after close")

    def test_an_error_of_the_scheduler_is_not_taken_for_the_trials(self) -> None:
        def reports(args: Any, reporter: Any) -> None:
            with contextlib.suppress(BaseException):
                reporter(accuracy=1)

        def judge(_: int, __: Metrics) -> Decision:
            raise ZeroDivisionError

        with self.driving(reports, judge) as driver:
            driver.start(0)
            with contextlib.suppress(ZeroDivisionError):
                while True:
                    driver.wait()
        check(not driver.exits, f"{driver.exits}")

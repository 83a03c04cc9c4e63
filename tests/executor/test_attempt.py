from __future__ import annotations

import contextlib
import os
import signal

import pytest

from agcore.errors import EarlyStop
from agcore.executor.attempt import AttemptRunner
from agcore.jobs import Outcome, Start
from agcore.reporter import END_NOW, GO_ON
from agcore.testing.executor import task_of

# Python 3.12 and later warn of a fork beside threads, which numeric libraries have.
pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")


def ending_of(function, exchange=lambda _: GO_ON, **options):
    """How an attempt ends in this process."""
    return AttemptRunner(task_of(function), lambda _: None, **options).run(
        Start(0, {}, 0), exchange
    )


def raising(error):
    def raises(args, reporter):
        raise error

    return ending_of(raises)


class SilentError(Exception):
    def __str__(self):
        raise ValueError("not telling")


class RudeError(Exception):
    def __str__(self):
        raise SystemExit


class UnpicklableError(Exception):
    def __init__(self, one, two):
        super().__init__("cannot be pickled")
        self.lock = (i for i in range(3))


class OutOfMemoryError(Exception):
    """As torch names its own."""


class FromTheBase(BaseException):
    pass


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("one"), "ValueError: one"),
        (ValueError("one\ntwo\nthree"), "ValueError: one"),
        (ValueError("\n\n  \n two"), "ValueError:  two"),
        (ValueError(), "ValueError"),
        (ValueError("x" * 100_000), f"ValueError: {'x' * 488}"),
        (SilentError(), "SilentError: (its message cannot be shown: ValueError in __str__)"),
        (RudeError(), "RudeError: (its message cannot be shown: SystemExit in __str__)"),
        (UnpicklableError(1, 2), "UnpicklableError: cannot be pickled"),
        (SystemExit(3), "SystemExit: 3"),
        (SystemExit(0), "SystemExit: 0"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (GeneratorExit(), "GeneratorExit"),
        (FromTheBase("b"), "FromTheBase: b"),
        (ValueError("\ud800"), "ValueError: \ud800"),
    ],
)
def test_whatever_is_raised_becomes_one_line_and_a_traceback(error, line):
    end = raising(error)
    assert end.outcome == Outcome.RAISED.value
    assert end.error == line
    assert "in raises" in end.traceback_text
    assert type(error).__name__ in end.traceback_text
    assert not end.evidence


@pytest.mark.parametrize(
    ("error", "evidence"),
    [
        (MemoryError(), "MemoryError was raised"),
        (
            RuntimeError("CUDA out of memory. Tried to"),
            "it raised RuntimeError: CUDA out of memory",
        ),
        (OutOfMemoryError(), "it raised OutOfMemoryError"),
        (OSError(12, "Cannot allocate memory"), "it raised OSError: [Errno 12]"),
        (RuntimeError("first line\nOOM when allocating tensor"), "it raised RuntimeError: first"),
    ],
)
def test_running_out_of_memory_is_told_from_other_errors(error, evidence):
    end = raising(error)
    assert end.outcome == Outcome.OUT_OF_MEMORY.value
    assert end.evidence.startswith(evidence)
    assert type(error).__name__ in end.traceback_text


def test_endless_recursion_is_an_error_like_any_other():
    def recurses(args, reporter):
        return recurses(args, reporter)

    end = ending_of(recurses)
    assert end.error.startswith("RecursionError: maximum recursion depth exceeded")
    assert len(end.traceback_text) < 60_000


def test_a_huge_traceback_is_shortened_in_the_middle():
    end = raising(ValueError("x" * 1_000_000))
    assert len(end.traceback_text) < 60_000
    assert end.traceback_text.startswith("Traceback")
    assert "characters left out" in end.traceback_text


def test_the_traceback_names_causes_and_leaves_out_our_own_frames():
    def raises(args, reporter):
        try:
            raise KeyError("the cause")
        except KeyError as error:
            raise ValueError("the effect") from error

    text = ending_of(raises).traceback_text
    assert "KeyError: 'the cause'" in text
    assert "direct cause" in text
    assert "agcore/executor" not in text
    assert "train_fn.py" not in text


def test_files_of_the_user_are_shown_also_when_their_path_resembles_ours():
    source = "def raises(args, reporter):\n    raise ValueError\n"
    names = {}
    exec(compile(source, "/home/me/agcore/executor/mine.py", "exec"), names)
    assert "/home/me/agcore/executor/mine.py" in ending_of(names["raises"]).traceback_text


def test_an_error_in_building_the_arguments_is_the_trials():
    class Stubborn:
        def __deepcopy__(self, memo):
            raise TypeError("no copies")

    task = task_of(lambda args, reporter: None, thing=Stubborn())
    end = AttemptRunner(task, lambda _: None).run(Start(0, {}, 0), lambda _: GO_ON)
    assert end.outcome == Outcome.RAISED.value
    assert "args.thing cannot be copied" in end.error


def test_some_exceptions_can_be_passed_on():
    def interrupted(args, reporter):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ending_of(interrupted, pass_on=(KeyboardInterrupt,))


def test_stopping_is_no_error():
    def reports(args, reporter):
        reporter(accuracy=1)

    def swallows(args, reporter):
        for _ in range(3):
            with contextlib.suppress(EarlyStop):
                reporter(accuracy=1)
        return 5

    sent = []

    def exchange(metrics):
        sent.append(metrics)
        return END_NOW

    assert ending_of(reports, exchange) == (Outcome.STOPPED.value, "", "", "")
    assert ending_of(swallows, exchange).outcome == Outcome.STOPPED.value
    assert len(sent) == 2


def test_the_users_own_parameters_win_over_ours():
    seen = []

    def looks(args, reporter):
        seen.append((args.task_id, args.scheduler))

    task = task_of(looks, task_id="mine", scheduler="cosine")
    AttemptRunner(task, lambda _: None).run(Start(4, {}, 0), lambda _: GO_ON)
    assert seen == [("mine", "cosine")]


def exit_with(code):
    raise SystemExit(code)


def divides_by_zero():
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("ends_with", "code"),
    [
        (lambda: None, 0),
        (lambda: exit_with(None), 0),
        (lambda: exit_with(5), 5),
        (lambda: exit_with("a message"), 1),
        (divides_by_zero, 1),
    ],
)
def test_a_forked_child_that_comes_back_ends_there_and_not_in_our_loop(ends_with, code, capfd):
    test_process = os.getpid()

    def forks(args, reporter):
        child = os.fork()
        if child == 0:
            ends_with()
            return 1.0
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status)

    sent = []
    end = ending_of(forks, lambda report: sent.append(report.metrics) or GO_ON)
    assert os.getpid() == test_process
    assert end.outcome == Outcome.RETURNED.value
    assert sent == [{"accuracy": code}]
    assert ("ZeroDivisionError" in capfd.readouterr().err) == (ends_with is divides_by_zero)


def test_reporting_from_a_forked_child_is_an_error_there():
    def forks(args, reporter):
        child = os.fork()
        if child == 0:
            try:
                reporter(accuracy=1)
            except ValueError as error:
                os._exit(7 if "child process" in str(error) else 8)
            os._exit(9)
        _, status = os.waitpid(child, 0)
        reporter(accuracy=os.waitstatus_to_exitcode(status))

    sent = []
    ending_of(forks, lambda report: sent.append(report.metrics) or GO_ON)
    assert sent == [{"accuracy": 7}]


def test_a_child_that_is_killed_does_not_disturb_the_trial():
    def forks(args, reporter):
        child = os.fork()
        if child == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        os.waitpid(child, 0)
        reporter(accuracy=1)

    assert ending_of(forks).outcome == Outcome.RETURNED.value

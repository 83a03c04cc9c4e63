from __future__ import annotations

import enum
import json
import math
import os
import signal
import sys
import threading
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, strategies as st

from agcore.errors import EarlyStop, ReportError
from agcore.reporter import END_NOW, GO_ON, Answer, Reporter, ReportRules, plain_metrics

HYPERBAND = ReportRules("accuracy", "epoch", resource_required=True, final_resource=9)


def sent_by(rules=None, **metrics):
    """What a report sends."""
    sent = []
    Reporter(rules or ReportRules(), lambda report: sent.append(report.metrics) or GO_ON)(**metrics)
    return sent[0]


def message_for(rules=None, **metrics):
    with pytest.raises(ReportError) as caught:
        sent_by(rules, **metrics)
    return str(caught.value)


# -- values --------------------------------------------------------------------------------


class Colour(str, enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


class FakeTensor:
    """Like a tensor of torch or an NDArray of MXNet."""

    def __init__(self, value, shape=(), name="item"):
        self.shape = shape
        setattr(self, name, lambda: value)


class FakeVariable:
    """Like a scalar of TensorFlow, which has neither ``item`` nor ``asscalar``."""

    shape = ()

    def __float__(self):
        return 0.5


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (0.5, 0.5),
        (3, 3),
        (True, True),
        (None, None),
        ("text", "text"),
        (np.float32(0.5), 0.5),
        (np.float64(0.5), 0.5),
        (np.float16(0.5), 0.5),
        (np.int64(3), 3),
        (np.uint8(3), 3),
        (np.bool_(True), True),
        (np.str_("text"), "text"),
        (np.array(0.5), 0.5),
        (np.array([[7]]), 7),
        (FakeTensor(0.5), 0.5),
        (FakeTensor(np.float32(0.5), (1,), "asscalar"), 0.5),
        (FakeVariable(), 0.5),
        (Decimal("0.5"), 0.5),
        (Colour.RED, "red"),
        (Level.HIGH, 3),
        ([1, (2.5, np.int32(3))], [1, [2.5, 3]]),
        ({"a": {1: np.float32(0.5)}, Colour.RED: None}, {"a": {"1": 0.5}, "red": None}),
        ("\ud800", "\ud800"),
    ],
)
def test_values_become_plain_json(value, plain):
    found = sent_by(accuracy=1.0, value=value)["value"]
    assert found == plain
    assert type(found) is type(plain)
    assert json.loads(json.dumps(found)) == plain


@pytest.mark.parametrize(
    "value", [float("inf"), float("-inf"), np.float32("nan"), np.array(np.nan)]
)
def test_rewards_that_are_not_finite_are_sent_as_they_are(value):
    reward = sent_by(accuracy=value)["accuracy"]
    assert type(reward) is float
    assert reward == float(value) or math.isnan(reward)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.zeros(3), "got a ndarray: it has the shape (3,); reduce it to one number"),
        (np.zeros((2, 0)), "it has the shape (2, 0)"),
        (FakeTensor(0, (2, 2)), "got a FakeTensor: it has the shape (2, 2)"),
        ([np.zeros(2)], "got a list: it has the shape (2,)"),
        (object(), "got a object: it has no JSON form"),
        (b"bytes", "got a bytes: it has no JSON form"),
        ({1, 2}, "got a set: it has no JSON form"),
        (1 + 2j, "got a complex: it has no JSON form"),
        (np.complex64(1), "got a complex64: it has no JSON form"),
        (np.datetime64("2020-01-01"), "got a datetime64: it has no JSON form"),
        (float, "got a type: it has no JSON form"),
    ],
)
def test_what_has_no_json_form_is_named_with_its_key(value, words):
    message = message_for(accuracy=1.0, picture=value)
    assert message.startswith("reporter(picture=...) ")
    assert words in message


def test_things_nested_too_deeply_are_an_error_and_not_a_crash():
    endless = []
    endless.append(endless)
    assert "nested too deeply" in message_for(accuracy=1.0, value=endless)


def test_an_error_that_shows_only_when_a_number_is_asked_for_is_the_trials_own():
    class Asynchronous:
        shape = ()

        def item(self):
            raise RuntimeError("CUDA out of memory")

    with pytest.raises(RuntimeError, match="CUDA out of memory"):
        sent_by(accuracy=Asynchronous())


def test_torch_tensors_are_read():
    torch = pytest.importorskip("torch")
    assert sent_by(accuracy=torch.tensor(0.5, requires_grad=True)) == {"accuracy": 0.5}
    assert "it has the shape (2,)" in message_for(accuracy=torch.zeros(2))


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(metrics=st.dictionaries(st.text(), values, max_size=6))
def test_plain_values_survive_json_unchanged(metrics):
    plain = plain_metrics(metrics)
    assert plain == metrics
    assert json.loads(json.dumps(plain)) == plain


@given(metrics=st.dictionaries(st.text(), values, max_size=6))
def test_making_plain_twice_changes_nothing(metrics):
    wrapped = {key: np.array(v) if type(v) in (int, float) else (v,) for key, v in metrics.items()}
    once = plain_metrics(wrapped)
    assert plain_metrics(once) == once == json.loads(json.dumps(once))


# -- rules ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metrics", "words"),
    [
        ({"acuracy": 1.0}, "no 'accuracy' (reward_attr); it has: acuracy; did you mean 'acuracy'?"),
        ({}, "the report has no 'accuracy' (reward_attr); it has: nothing"),
        ({"accuracy": True}, "accuracy=True must be a number"),
        ({"accuracy": "0.5"}, "accuracy='0.5' must be a number"),
        ({"accuracy": None}, "accuracy=None must be a number"),
        ({"accuracy": [0.5]}, "accuracy=[0.5] must be a number"),
        ({"accuracy": {"a": 1}}, "accuracy={'a': 1} must be a number"),
        ({"accuracy": "x" * 1000}, "x... must be a number"),
        ({"accuracy": 10**400}, "accuracy is an integer too large for a float"),
        ({"accuracy": 10**5000}, "accuracy is an integer too large for a float"),
        ({"accuracy": 1, "bracket": 2}, "reporter(bracket=...) uses a key that the scheduler"),
        ({"accuracy": 1, "terminated": 2}, "reporter(terminated=...) uses a key"),
    ],
)
def test_a_report_without_a_usable_reward_is_an_error(metrics, words):
    assert words in message_for(**metrics)


@pytest.mark.parametrize("resource", [3, 3.0, np.float32(3), np.int64(3), np.array(3)])
def test_resources_become_integers(resource):
    for rules in (ReportRules(), HYPERBAND):
        sent = sent_by(rules, accuracy=0.5, epoch=resource)
        assert sent == {"accuracy": 0.5, "epoch": 3}
        assert type(sent["epoch"]) is int


@pytest.mark.parametrize(
    "resource", [0, -1, 1.5, float("nan"), float("inf"), True, "3", None, [1], 0.0]
)
def test_a_resource_is_a_positive_integer(resource):
    shown = 0 if resource == 0 else resource
    for rules in (ReportRules(), HYPERBAND):
        message = message_for(rules, accuracy=0.5, epoch=resource)
        assert f"epoch={shown!r} must be a positive integer" in message
        assert "epoch=epoch + 1" in message


def test_a_missing_resource_is_an_error_where_one_is_needed():
    message = message_for(HYPERBAND, accuracy=0.5, epochs=1)
    assert "no 'epoch' (time_attr); it has: accuracy, epochs; did you mean 'epochs'?" in message
    assert "pass time_attr= to the scheduler" in message
    assert sent_by(accuracy=0.5) == {"accuracy": 0.5}


@pytest.mark.parametrize(
    ("value", "metrics"),
    [
        (0.5, {"accuracy": 0.5, "epoch": 9}),
        (3, {"accuracy": 3, "epoch": 9}),
        (np.float32(0.5), {"accuracy": 0.5, "epoch": 9}),
        (np.array([0.5]), {"accuracy": 0.5, "epoch": 9}),
        (FakeTensor(0.5), {"accuracy": 0.5, "epoch": 9}),
        ({"accuracy": 0.5, "epoch": 2, "x": 1}, {"accuracy": 0.5, "epoch": 2, "x": 1}),
        ({"accuracy": 0.5, 1: 2}, {"accuracy": 0.5, "1": 2, "epoch": 9}),
        ({"loss": 0.5}, None),
        (True, None),
        (np.bool_(True), None),
        ("0.5", None),
        ([0.5], None),
        (np.zeros(3), None),
        (object(), None),
        (float("nan"), {"accuracy": pytest.approx(float("nan"), nan_ok=True), "epoch": 9}),
    ],
)
def test_a_returned_number_or_dict_stands_for_a_report(value, metrics):
    assert HYPERBAND.final_report(value) == metrics


def test_a_returned_number_has_no_resource_where_none_is_known():
    assert ReportRules("objective").final_report(1) == {"objective": 1}


# -- calls ---------------------------------------------------------------------------------


def test_a_call_returns_when_the_trial_may_go_on():
    reporter = Reporter(ReportRules(), lambda _: GO_ON, resume_from=4)
    assert reporter(accuracy=1) is None
    assert reporter(accuracy=2) is None
    assert (reporter.count, reporter.resume_from, reporter.was_stopped) == (2, 4, False)


def test_a_call_raises_for_good_once_the_trial_is_to_end():
    sent = []
    reporter = Reporter(ReportRules(), lambda report: sent.append(report.metrics) or END_NOW)
    for _ in range(3):
        with pytest.raises(EarlyStop):
            reporter(accuracy=1)
    assert len(sent) == reporter.count == 1
    assert reporter.was_stopped
    assert not issubclass(EarlyStop, Exception)


def test_a_rejected_report_raises_and_the_trial_may_go_on():
    answers = iter([Answer(True, "it is wrong"), GO_ON])
    reporter = Reporter(ReportRules(), lambda _: next(answers))
    with pytest.raises(ReportError, match="it is wrong"):
        reporter(accuracy=1)
    reporter(accuracy=1)


def test_the_closing_message_of_old_scripts_is_ignored():
    sent = []
    reporter = Reporter(ReportRules(), lambda report: sent.append(report.metrics) or GO_ON)
    reporter(done=True)
    reporter(accuracy=1, done=True)
    assert sent == [{"accuracy": 1}]


def test_any_name_may_be_reported():
    assert sent_by(accuracy=1, self=2, metrics=3) == {"accuracy": 1, "self": 2, "metrics": 3}


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # of a fork beside threads
def test_a_forked_child_may_not_report():
    sent = []
    reporter = Reporter(ReportRules(), lambda report: sent.append(report.metrics) or GO_ON)
    child = os.fork()
    if child == 0:
        try:
            reporter(accuracy=1)
        except ReportError as error:
            os._exit(7 if "child process of the trial" in str(error) else 8)
        os._exit(9)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert not sent


@pytest.fixture
def _hurried_threads():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_hurried_threads")
def test_threads_take_turns():
    inside, most = [], []

    def exchange(_):
        inside.append(1)
        most.extend(len(inside) for _ in range(50))
        inside.pop()
        return GO_ON

    reporter = Reporter(ReportRules(), exchange)

    def reports():
        for _ in range(50):
            reporter(accuracy=1)

    threads = [threading.Thread(target=reports) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1
    assert reporter.count == 200


def test_a_signal_handler_that_reports_in_the_middle_of_a_report_gets_an_error():
    caught = []

    def handle(number, frame):
        with pytest.raises(ReportError, match="by a signal handler") as error:
            reporter(accuracy=2)
        caught.append(error)

    def exchange(plain):
        signal.raise_signal(signal.SIGUSR1)
        return GO_ON

    before = signal.signal(signal.SIGUSR1, handle)
    reporter = Reporter(ReportRules(), exchange)
    reporter(accuracy=1)
    signal.signal(signal.SIGUSR1, before)
    assert len(caught) == 1
    assert reporter.count == 1


def test_a_report_that_is_interrupted_counts_and_the_next_one_is_sent():
    answers = iter([KeyboardInterrupt, GO_ON])

    def exchange(_):
        answer = next(answers)
        if answer is KeyboardInterrupt:
            raise answer
        return answer

    reporter = Reporter(ReportRules(), exchange)
    with pytest.raises(KeyboardInterrupt):
        reporter(accuracy=1)
    reporter(accuracy=1)
    assert reporter.count == 2


# -- several objectives --------------------------------------------------------------------

OBJECTIVES = ReportRules("_SCALARIZATION", objectives=("accuracy", "latency"), final_resource=9)


def test_every_objective_must_be_a_number():
    OBJECTIVES.check({"accuracy": 0.5, "latency": 3})
    with pytest.raises(ReportError, match="no 'latency'"):
        OBJECTIVES.check({"accuracy": 0.5})
    with pytest.raises(ReportError, match="accuracy='high' must be a number"):
        OBJECTIVES.check({"accuracy": "high", "latency": 3})


def test_a_returned_dict_with_an_objective_is_a_report_and_a_number_is_not():
    assert OBJECTIVES.final_report({"latency": 3}) == {"latency": 3, "epoch": 9}
    assert OBJECTIVES.final_report({"loss": 3}) is None
    assert OBJECTIVES.final_report(0.5) is None

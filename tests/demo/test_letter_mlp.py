"""The demo's network, really trained on the real data, one or two epochs at a time."""

import math
import subprocess
import sys
import warnings
from types import SimpleNamespace

import numpy as np
import pytest

import agcore as ag
from agcore.demo import letter_mlp
from agcore.errors import MissingExtraError, SpecError

DECENT = {
    "n_units_1": 64,
    "n_units_2": 64,
    "dropout_1": 0.1,
    "dropout_2": 0.1,
    "learning_rate": 0.01,
    "batch_size": 64,
    "scale_1": 0.1,
    "scale_2": 0.1,
}


class Reports(list):
    """A reporter that keeps what it is told."""

    def __call__(self, **metrics):
        self.append(metrics)


def train(epochs=2, seed=0, framework="sklearn", **changed):
    np.random.seed(seed)  # noqa: NPY002 - a worker does the same before a trial
    reports = Reports()
    args = SimpleNamespace(**(DECENT | changed), epochs=epochs)
    letter_mlp.train_letter_mlp(args, reports, framework)
    return reports


def objectives(reports):
    return [report["objective"] for report in reports]


def test_decent_config_learns_and_reports_what_the_tutorial_reports():
    reports = train(epochs=2)
    assert [report["epoch"] for report in reports] == [1, 2]
    assert 0.5 < objectives(reports)[0] < objectives(reports)[1] < 1.0
    for report in reports:
        wanted = {"epoch", "objective", "eval_time", "time_step", "elapsed_time"}
        assert wanted <= set(report)
        assert {type(value) for value in report.values()} == {int, float}
        assert 0.0 < report["eval_time"] <= report["elapsed_time"]
    assert reports[1]["elapsed_time"] > reports[0]["elapsed_time"]
    assert reports[1]["time_step"] > reports[0]["time_step"]


def test_same_seed_gives_the_same_accuracies_and_another_seed_others():
    first, again, other = (objectives(train(seed=seed, epochs=1)) for seed in (5, 5, 6))
    assert first == again
    assert first != other


def test_rows_come_in_a_new_order_each_epoch(monkeypatch):
    from sklearn.neural_network import MLPClassifier

    orders = []
    backprop = MLPClassifier._backprop

    def noting(self, X, *rest):
        orders.append(X[0].copy())
        return backprop(self, X, *rest)

    monkeypatch.setattr(MLPClassifier, "_backprop", noting)
    train(epochs=2, batch_size=10**4)
    assert len(orders) == 4  # two steps an epoch
    assert (orders[0] != orders[2]).any()


def test_learning_rate_at_its_upper_end_ends_in_a_report_not_in_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(train(epochs=1, learning_rate=1.0, batch_size=128, n_units_1=16)) == 1


def test_weights_that_overflow_are_reported_as_nan():
    reports = train(epochs=2, learning_rate=1e38)
    assert all(math.isnan(value) for value in objectives(reports))


def test_dropout_and_scale_are_accepted_and_have_no_effect_in_sklearn():
    plain = objectives(train(epochs=1))
    assert objectives(train(epochs=1, dropout_1=0.7, scale_2=9.0)) == plain


def test_data_are_loaded_once_per_process():
    assert letter_mlp.letter_data() is letter_mlp.letter_data()


def test_data_of_another_task_are_those_of_openml(monkeypatch):
    asked = []

    def load(task_id, ratio, download_from_openml):
        asked.append((task_id, ratio, download_from_openml))
        rng = np.random.default_rng(0)
        X = rng.normal(size=(60, 3))
        y = (X[:, 0] > 0).astype(np.int64)
        return X[:40], X[40:], y[:40], y[40:], 2

    monkeypatch.setattr(letter_mlp, "load_and_split_openml_data", load)
    letter_mlp.task_data.cache_clear()
    try:
        reports = Reports()
        function = letter_mlp.make_train_function(epochs=2, openml_task_id=31)
        function(function.args, DECENT | {"batch_size": 8}, reporter=reports)
    finally:
        letter_mlp.task_data.cache_clear()
    assert asked == [(31, 0.33, True)]
    assert [report["epoch"] for report in reports] == [1, 2]
    assert reports[1]["objective"] > 0.5


def test_unknown_framework_is_named_with_the_known_ones():
    known = r"\['mxnet', 'sklearn', 'torch'\]"
    with pytest.raises(SpecError, match=rf"framework='sklern'.*{known}.*did you mean 'sklearn'"):
        letter_mlp.make_train_function("sklern")


@pytest.mark.parametrize("framework", ["mxnet", "torch"])
def test_framework_that_is_not_installed_is_named_with_its_extra(monkeypatch, framework):
    monkeypatch.setitem(sys.modules, framework, None)
    with pytest.raises(MissingExtraError, match=rf"framework='{framework}'.*agcore\[{framework}\]"):
        letter_mlp.make_train_function(framework)


def test_framework_of_ones_own_is_used(monkeypatch):
    class Constant:
        def __init__(self, hyperparameters, data, seed):
            assert (hyperparameters.n_units_1, data.n_classes) == (64, 26)
            assert isinstance(seed, int)

        def partial_fit_epoch(self):
            pass

        def accuracy(self):
            return 0.75, 0.5

    monkeypatch.setitem(letter_mlp.FRAMEWORKS, "constant", Constant)
    assert objectives(train(epochs=3, framework="constant")) == [0.5, 0.5, 0.5]


def test_train_functions_carry_space_and_epochs():
    assert letter_mlp.run_mlp_openml.args.epochs == 9
    assert letter_mlp.make_train_function(epochs=3).args.epochs == 3
    for function in (letter_mlp.run_mlp_openml, letter_mlp.make_train_function()):
        assert {parameter.name for parameter in function.cs.get_hyperparameters()} == set(DECENT)


def test_decorated_function_trains_the_config_it_is_given():
    reports = Reports()
    function = letter_mlp.make_train_function(epochs=1)
    function(function.args, DECENT, reporter=reports)
    assert reports[0]["objective"] > 0.5


@pytest.mark.parametrize("framework", ["mxnet", "sklearn", "torch"])
def test_worker_process_trains_the_letters_with_each_framework(framework, monkeypatch):
    pytest.importorskip(framework)
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")  # other work on the machine costs less then
    result = ag.tune(
        letter_mlp.make_train_function(framework, epochs=1),
        num_trials=1,
        reward_attr="objective",
        progress=False,
    )
    assert result.best.trial_id == 0
    assert result.best_reward > 0.5  # of the default config; guessing has 0.04


def test_importing_the_demo_imports_no_framework():
    code = (
        "import sys, agcore.demo.letter_mlp\n"
        "print(sorted({'mxnet', 'sklearn', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")

"""The surrogate of LCBench: what surrounds the model, with a model that is made up.

With the environment variable AGCORE_YAHPO, the folder ``lcbench`` of the YAHPO data, the model
itself is asked as well.
"""

import json
import os
import sys
import types
from pathlib import Path

import numpy as np
import pytest

import agcore as ag
from agcore.curves.yahpo import MAX_EPOCH, METRICS, YahpoCurves
from agcore.errors import MissingExtraError, SpecError
from agcore.executor.simulated import SimulatedExecutor
from agcore.space import SearchSpace

CONFIG = {
    "batch_size": 64,
    "learning_rate": 0.01,
    "max_dropout": 0.25,
    "max_units": 128,
    "momentum": 0.5,
    "num_layers": 2,
    "weight_decay": 0.05,
}
LOWEST = 0.00010000000000000009
PARAMETERS = [
    {"name": "OpenML_task_id", "type": "categorical", "choices": ["3945", "7593"]},
    {"name": "batch_size", "type": "uniform_int", "log": True, "lower": 16, "upper": 512},
    {"name": "epoch", "type": "uniform_int", "log": False, "lower": 1, "upper": 52},
    {"name": "learning_rate", "type": "uniform_float", "log": True, "lower": LOWEST, "upper": 0.1},
    {"name": "max_dropout", "type": "uniform_float", "log": False, "lower": 0.0, "upper": 1.0},
    {"name": "max_units", "type": "uniform_int", "log": True, "lower": 64, "upper": 1024},
    {"name": "momentum", "type": "uniform_float", "log": False, "lower": 0.1, "upper": 0.99},
    {"name": "num_layers", "type": "uniform_int", "log": False, "lower": 1, "upper": 5},
    {"name": "weight_decay", "type": "uniform_float", "log": False, "lower": 1e-5, "upper": 0.1},
]


class MadeUpSession:
    """A model: seconds fall back once, each metric is its column's number plus epoch / 100."""

    calls: list

    def __init__(self, path, options, providers):
        assert Path(path).read_bytes() == b"model"
        assert options.intra_op_num_threads == 1
        assert providers == ["CPUExecutionProvider"]
        self.calls = []

    def run(self, names, inputs):
        self.calls.append(inputs)
        epochs = inputs["x_cont"][:, 0]
        table = np.tile(np.arange(6.0), (len(epochs), 1)) + epochs[:, None] / 100
        table[:, 0] = 5 + 2 * epochs
        table[9, 0] = table[8, 0] - 1
        return [table.astype(np.float32)]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder as that of the YAHPO data, and an onnxruntime that needs no model."""
    space = {"hyperparameters": PARAMETERS}
    (tmp_path / "config_space.json").write_text(json.dumps(space))
    codes = {"OpenML_task_id": {"#na#": 0, "3945": 34, "7593": 35}}
    (tmp_path / "encoding.json").write_text(json.dumps(codes))
    (tmp_path / "model.onnx").write_bytes(b"model")
    module = types.ModuleType("onnxruntime")
    module.InferenceSession = MadeUpSession
    module.SessionOptions = types.SimpleNamespace
    monkeypatch.setitem(sys.modules, "onnxruntime", module)
    return tmp_path


def calls_of(curves):
    return curves._session.calls


def test_the_model_gets_its_inputs_in_its_own_order_and_all_epochs_at_once(folder):
    curves = YahpoCurves(folder, 3945)
    steps = list(curves.curve(CONFIG))
    [inputs] = calls_of(curves)
    assert inputs["x_cat"].dtype == np.int32
    assert inputs["x_cat"].tolist() == [[34]] * MAX_EPOCH
    assert inputs["x_cont"].dtype == np.float32
    expected = [3, 64, 0.01, 0.5, 0.05, 2, 128, 0.25]
    assert inputs["x_cont"][2] == pytest.approx(expected)
    assert [metrics["epoch"] for metrics, _ in steps] == list(range(1, 53))


def test_an_epoch_costs_the_difference_of_the_times_and_never_nothing(folder):
    steps = list(YahpoCurves(folder, "7593").curve(CONFIG))
    seconds = [cost for _, cost in steps]
    assert seconds[:9] == pytest.approx([7.0] + [2.0] * 8)
    assert seconds[9] == pytest.approx(1e-3)
    assert min(seconds) > 0
    assert all(type(cost) is float for cost in seconds)


@pytest.mark.parametrize(("metric", "column"), [(m, i + 1) for i, m in enumerate(METRICS)])
def test_the_metric_is_that_of_its_column(folder, metric, column):
    metrics, _ = next(YahpoCurves(folder, 3945, metric).curve(CONFIG))
    assert metrics == {"epoch": 1, metric: pytest.approx(column + 0.01)}
    assert type(metrics[metric]) is float


def test_curves_are_kept_up_to_the_size_of_the_cache(folder):
    curves = YahpoCurves(folder, 3945, cache_size=1)
    other = {**CONFIG, "num_layers": 3}
    for config, number in [(CONFIG, 1), (dict(CONFIG), 1), (other, 2), (CONFIG, 3)]:
        first = list(curves.curve(config, seed=number))
        assert len(calls_of(curves)) == number
    first[0][0]["epoch"] = "changed by its reader"
    assert next(curves.curve(CONFIG))[0]["epoch"] == 1


def test_without_a_cache_the_model_is_asked_each_time(folder):
    curves = YahpoCurves(folder, 3945, cache_size=0)
    assert list(curves.curve(CONFIG)) == list(curves.curve(CONFIG))
    assert len(calls_of(curves)) == 2


def test_the_search_space_is_that_of_the_folder(folder):
    space = YahpoCurves(folder, 3945).search_space()
    assert len(space) == 7
    assert space["batch_size"] == ag.Int(16, 512, log=True)
    assert space["learning_rate"].lower == 1e-4
    assert space["momentum"] == ag.Real(0.1, 0.99)
    assert "epoch" not in space


def test_tasks_are_listed_without_the_model(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert YahpoCurves.tasks(folder) == ["3945", "7593"]


def test_schedulers_play_the_curves(folder):
    curves = YahpoCurves(folder, 3945)
    train = ag.args(**curves.search_space(), epochs=52)(lambda args, reporter: None)
    result = ag.tune(
        train,
        scheduler="hbs",
        num_trials=5,
        reward_attr="val_accuracy",
        executor=SimulatedExecutor(curves, 2),
    )
    assert result.best_reward == pytest.approx(1.52)


def test_other_parameters_of_a_config_are_not_looked_at(folder):
    curves = YahpoCurves(folder, 3945)
    assert list(curves.curve({**CONFIG, "name": "x"})) == list(curves.curve(CONFIG))
    assert len(calls_of(curves)) == 1


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({**CONFIG, "num_layers": 9}, "num_layers"),
        ({"batch_size": 16}, r"lacks learning_rate, momentum.*@ag.args\(\*\*curves.search_space"),
    ],
)
def test_configs_outside_the_space_are_refused(folder, config, message):
    with pytest.raises(SpecError, match=message):
        list(YahpoCurves(folder, 3945).curve(config))


def test_wrong_arguments_are_answered_with_value_and_rule(folder):
    with pytest.raises(SpecError, match="task=3954 is not one of 3945, 7593; did you mean '3945'"):
        YahpoCurves(folder, 3954)
    with pytest.raises(SpecError, match="metric='accuracy' must be one of 'val_accuracy'"):
        YahpoCurves(folder, 3945, "accuracy")
    with pytest.raises(SpecError, match="cache_size=-1"):
        YahpoCurves(folder, 3945, cache_size=-1)


@pytest.mark.parametrize("name", ["config_space.json", "encoding.json", "model.onnx"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(SpecError, match=rf"{name}.*pass the folder lcbench"):
        YahpoCurves(folder, 3945)


def test_the_folder_of_another_benchmark_is_refused(folder):
    (folder / "config_space.json").write_text('{"hyperparameters": []}')
    with pytest.raises(SpecError, match="describes nothing; that of LCBench has OpenML_task_id"):
        YahpoCurves(folder, 3945)


def test_a_missing_library_is_told_with_its_extra(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingExtraError, match=r"YahpoCurves needs.*'agcore\[yahpo\]'") as caught:
        YahpoCurves(folder, 3945)
    assert len(str(caught.value).splitlines()) == 1


# -- the model itself ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def directory():
    """The folder of the real data."""
    given = os.environ.get("AGCORE_YAHPO")
    if not given:
        pytest.skip("AGCORE_YAHPO names no folder of the YAHPO data")
    pytest.importorskip("onnxruntime")
    return given


def test_there_are_34_tasks(directory):
    assert len(YahpoCurves.tasks(directory)) == 34


@pytest.mark.parametrize("task", [3945, 126026, 168908, 189906])
def test_real_curves_rise_and_early_ranks_tell_of_late_ones(directory, task):
    from scipy.stats import spearmanr

    curves = YahpoCurves(directory, task)
    space, rng = SearchSpace(curves.search_space()), np.random.default_rng(0)
    played = [list(curves.curve(space.sample_configuration(rng))) for _ in range(100)]
    accuracy = np.array([[metrics["val_accuracy"] for metrics, _ in steps] for steps in played])
    seconds = np.array([[cost for _, cost in steps] for steps in played])
    assert accuracy.shape == seconds.shape == (100, MAX_EPOCH)
    assert 0 < accuracy.min() < accuracy.max() < 101
    assert seconds.min() > 0
    assert (accuracy[:, -1] >= accuracy[:, 0]).mean() > 0.8
    ranks = [spearmanr(accuracy[:, epoch - 1], accuracy[:, 49])[0] for epoch in (4, 12, 25)]
    assert 0.5 < ranks[0] < ranks[1] < ranks[2]


def test_the_order_of_inputs_is_the_models(directory):
    """A learning rate that is too small learns slowly, and wide networks take longer."""
    curves = YahpoCurves(directory, 3945, "val_balanced_accuracy")

    def end(**changed):
        steps = list(curves.curve({**CONFIG, **changed}))
        return steps[-1][0]["val_balanced_accuracy"], sum(cost for _, cost in steps)

    assert end(batch_size=16)[1] > end(batch_size=512)[1]
    assert end(learning_rate=1e-4, batch_size=512)[0] < end()[0]

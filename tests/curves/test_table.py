import gzip
import json
import math

import pytest

import agcore as ag
from agcore.curves import CurveTable, RecordedCurve
from agcore.datasets import load_letter_curves
from agcore.demo.letter_mlp import run_mlp_openml, search_space
from agcore.errors import JournalError, SpecError
from agcore.executor.simulated import SimulatedExecutor


@ag.args(x=ag.Real(0, 1), epochs=4)
def train(args, reporter):
    for epoch in range(1, args.epochs + 1):
        reporter(epoch=epoch, accuracy=args.x * epoch, note="a")


def curve(x, *values, cut=""):
    reports = tuple({"epoch": e, "accuracy": v} for e, v in enumerate(values, 1))
    return RecordedCurve({"x": x}, reports, tuple(float(e) for e in range(1, len(values) + 1)), cut)


def rewards(steps):
    return [metrics["accuracy"] for metrics, _ in steps]


FOUR = [curve(0.0, 1, 2), curve(0.2, 3, 4), curve(0.6, 5, 6), curve(1.0, 7, 8)]


# -- looking up ----------------------------------------------------------------------------


def test_a_recorded_config_is_played_as_it_was():
    table = CurveTable(FOUR)
    steps = [({"epoch": 1, "accuracy": 3}, 1.0), ({"epoch": 2, "accuracy": 4}, 2.0)]
    assert list(table.curve({"x": 0.2})) == steps
    assert len(table) == 4
    assert table.configs == [{"x": x} for x in (0.0, 0.2, 0.6, 1.0)]
    assert (table.metrics, table.max_resource) == (("accuracy",), 2)


def test_a_config_that_was_not_recorded_is_an_error_with_a_remedy():
    with pytest.raises(SpecError, match=r"not among the 4 configs .* between='nearest'"):
        list(CurveTable(FOUR).curve({"x": 0.3}))


def test_or_the_nearest_stands_for_it():
    table = CurveTable(FOUR, train, between="nearest")
    assert rewards(table.curve({"x": 0.3})) == [3, 4]
    assert rewards(table.curve({"x": 0.9})) == [7, 8]


def test_or_the_weighted_mean_of_the_nearest():
    table = CurveTable(FOUR, {"x": ag.Real(0, 1)}, between="interpolate", neighbours=2)
    assert rewards(table.curve({"x": 0.5})) == pytest.approx([4.5, 5.5])
    assert rewards(table.curve({"x": 0.6})) == [5, 6]  # it was recorded
    assert [seconds for _, seconds in table.curve({"x": 0.5})] == pytest.approx([1.0, 2.0])


def test_the_rule_is_stated():
    assert repr(CurveTable(FOUR)) == (
        "CurveTable(4 configs, epoch up to 2, accuracy; other configs: none)"
    )
    nearest = CurveTable(FOUR, train, between="nearest")
    assert "that of the nearest in the encoded unit cube" in nearest.description
    mean = CurveTable([*FOUR, FOUR[0], curve(0.3, 1, cut="stopped")], train, between="interpolate")
    assert repr(mean) == (
        "CurveTable(5 configs, 1 repeats, 1 cut off, epoch up to 2, accuracy; other configs: mean "
        "of the 5 nearest in the encoded unit cube, weighted by the inverse distance)"
    )


def test_configs_are_compared_in_canonical_form_if_the_space_is_known():
    space = {"x": ag.Real(0, 1), "n": ag.Int(1, 9)}
    recorded = RecordedCurve({"n": 2, "x": 1}, ({"epoch": 1, "accuracy": 1},), (1.0,))
    assert rewards(CurveTable([recorded], space).curve({"x": 1.0, "n": 2})) == [1]
    assert rewards(CurveTable([recorded], space).curve({"n": 2, "x": 1})) == [1]
    with pytest.raises(SpecError, match="not among"):
        list(CurveTable([recorded]).curve({"x": 1.0, "n": 2}))


def test_the_seed_chooses_among_repeats():
    table = CurveTable([curve(0.5, 1), curve(0.5, 2), curve(0.5, 3, cut="stopped")])
    chosen = [rewards(table.curve({"x": 0.5}, seed)) for seed in range(4)]
    assert chosen == [[1], [2], [1], [2]]


def test_a_curve_that_was_cut_off_is_not_taken_for_a_whole_one():
    table = CurveTable([curve(0.5, 1, cut="trial 3 was stopped there"), *FOUR], train)
    steps = table.curve({"x": 0.5})
    assert next(steps)[0]["accuracy"] == 1
    with pytest.raises(SpecError, match=r"cut off after 1 reports \(trial 3 was stopped there\)"):
        next(steps)
    near = CurveTable(table.curves, train, between="nearest")
    assert rewards(near.curve({"x": 0.45})) == [5, 6]
    assert rewards(table.up_to(1).curve({"x": 0.5})) == [1]


def test_wrong_tables_are_refused():
    for arguments, words in [
        (([], None), "at least one curve"),
        ((FOUR, 3), "space=3 must be"),
        (([curve(2.0, 1)], train), "curve 0 is not in the search space"),
        (([RecordedCurve({}, ({"accuracy": 1},), (1.0,))], None), "epoch=None after 0"),
        (([RecordedCurve({}, ({"epoch": 2}, {"epoch": 2}), (1.0,) * 2)], None), "epoch=2 after 2"),
    ]:
        with pytest.raises(SpecError, match=words):
            CurveTable(*arguments)
    with pytest.raises(SpecError, match="did you mean 'nearest'"):
        CurveTable(FOUR, train, between="neares")
    with pytest.raises(SpecError, match="needs the search space"):
        CurveTable(FOUR, between="nearest")
    with pytest.raises(SpecError, match="needs curves that were not cut off"):
        CurveTable([curve(0.5, 1, cut="x")], train, between="interpolate")


# -- files ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["table.jsonl", "table.jsonl.gz"])
def test_a_file_brings_a_table_back(tmp_path, name):
    table = CurveTable([*FOUR, curve(0.7, math.inf, cut="it was stopped")])
    table.to_jsonl(tmp_path / name)
    assert CurveTable.from_jsonl(tmp_path / name).curves == table.curves
    only = CurveTable.from_jsonl(tmp_path / name, metrics=["loss"])
    assert (only.metrics, only.max_resource) == ((), 2)
    with pytest.raises(SpecError, match="must be a list of names"):
        CurveTable.from_jsonl(tmp_path / name, metrics="loss")


def test_a_damaged_line_is_named(tmp_path):
    path = tmp_path / "table.jsonl"
    path.write_text('{"config": {}, "seconds": []}\n{"config"\n')
    with pytest.raises(SpecError, match=r"line 2 of .* is no JSON"):
        CurveTable.from_jsonl(path)
    path.write_text("[1]\n")
    with pytest.raises(SpecError, match=r"line 1 of .* no JSON object"):
        CurveTable.from_jsonl(path)


def test_the_packaged_curves_make_a_table(tmp_path):
    rows = load_letter_curves()
    table = CurveTable.from_rows(rows, run_mlp_openml, between="interpolate")
    assert (len(table), table.max_resource) == (500, 27)
    assert table.metrics == ("val_acc", "train_loss")
    steps = list(table.curve(rows[3]["config"]))
    assert [metrics["val_acc"] for metrics, _ in steps] == rows[3]["val_acc"]
    assert math.fsum(seconds for _, seconds in steps) == pytest.approx(rows[3]["elapsed"][-1])
    between = table.curve(run_mlp_openml.cs.get_default_configuration())
    assert all(0 < metrics["val_acc"] < 1 and seconds > 0 for metrics, seconds in between)
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode()))
    assert CurveTable.from_jsonl(path, search_space()).curves == table.curves


# -- runs ----------------------------------------------------------------------------------


def real_run(**options):
    scheduler = ag.scheduler.FIFOScheduler(
        train, num_trials=5, executor="inline", progress=False, **options
    )
    scheduler.run()
    return scheduler


def test_a_finished_run_can_be_played_again(tmp_path):
    real = real_run(checkpoint=tmp_path / "run")
    table = CurveTable.from_run(real)
    assert CurveTable.from_run(str(tmp_path / "run")).curves == table.curves
    assert table.configs == [dict(trial.config) for trial in real.trials.values()]
    again = ag.scheduler.FIFOScheduler(train, num_trials=5, executor=SimulatedExecutor(table, 1))
    again.run()
    assert again.training_history == real.training_history
    for trial_id, trial in again.trials.items():
        before = real.trials[trial_id]
        assert trial.reports[-1].time_s - trial.started_s == pytest.approx(
            before.reports[-1].time_s - before.started_s, abs=1e-4
        )


def test_metrics_can_be_left_out():
    table = CurveTable.from_run(real_run(), metrics=["accuracy"])
    assert table.metrics == ("accuracy",)


def test_a_searcher_can_be_kept_to_the_recorded_configs():
    table = CurveTable.from_run(real_run())
    scheduler = ag.scheduler.FIFOScheduler(
        train,
        search_options={"candidates": table.configs},
        num_trials=9,
        executor=SimulatedExecutor(table),
    )
    scheduler.run()
    assert {trial.state.value for trial in scheduler.trials.values()} == {"completed"}
    assert len(scheduler.trials) == 5


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(SpecError, match="must be a scheduler"):
        CurveTable.from_run(3)
    with pytest.raises(JournalError, match="cannot be read"):
        CurveTable.from_run(tmp_path)
    with pytest.raises(SpecError, match="has no events"):
        CurveTable.from_run(ag.scheduler.FIFOScheduler(train, num_trials=1))

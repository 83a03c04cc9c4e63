import pytest
from hypothesis import given, settings, strategies as st

import agcore as ag
from agcore.budget import Plan, plan
from agcore.errors import SpecError
from agcore.journal import event_from_json
from agcore.journal.encode import event_to_json
from agcore.records import PlanChanged

few = settings(deadline=None, max_examples=40)
SPACE = {"lr": ag.Real(1e-4, 1, log=True), "units": ag.Int(8, 512)}
workloads = st.fixed_dictionaries(
    {
        "epochs": st.integers(1, 60),
        "workers": st.integers(1, 8),
        "scheduler": st.sampled_from(["fifo", "hbs", "hbp"]),
        "dataset_size": st.sampled_from([None, 0, 400, 2000, 50_000]),
        "non_pure_train_ratio": st.floats(0, 1),
        "reduction_factor": st.sampled_from([None, 2, 3, 4]),
    }
)
budgets = st.floats(0.1, 1e3)


def spread_free(budget, workload, **more):
    return plan(budget, SPACE, seconds_per_epoch=1.0, spread=0.0, **workload, **more)


@few
@given(budgets, workloads)
def test_a_plan_costs_no_more_than_its_budget_wherever_anything_fits(budget, workload):
    found = spread_free(budget, workload)
    least = spread_free(1e-6, workload)
    assert found.fits == (least.cost_epochs <= found.budget_epochs)
    if found.fits:
        assert found.cost_epochs <= budget
        assert found.finish_p95_s <= budget * (1 + 1e-9)
    assert found.num_trials >= 1
    assert 1 <= found.epochs <= workload["epochs"]
    assert 0 < found.subset_ratio <= 1
    assert all(level >= 1 for level, _ in found.rungs)
    assert found.rungs[0][1] == found.num_trials
    size = workload["dataset_size"]
    assert not size or found.subset_ratio * size >= min(500, size) - 1e-6


@few
@given(budgets, st.floats(1, 4), workloads)
def test_more_time_is_never_planned_to_do_less(budget, factor, workload):
    less, more = spread_free(budget, workload), spread_free(budget * factor, workload)
    assert more.cost_epochs >= less.cost_epochs
    assert more.epochs >= less.epochs
    assert more.subset_ratio >= less.subset_ratio
    if (more.epochs, more.subset_ratio) == (less.epochs, less.subset_ratio):
        assert more.num_trials >= less.num_trials


@few
@given(
    budgets,
    workloads,
    st.sets(st.sampled_from(["num_trials", "max_t", "subset_ratio"]), min_size=1),
    st.data(),
)
def test_what_the_user_fixed_never_moves(budget, workload, names, data):
    values = {
        "num_trials": data.draw(st.integers(1, 500)),
        "max_t": data.draw(st.integers(1, workload["epochs"])),
        "subset_ratio": data.draw(st.floats(0.01, 1)),
    }
    fixed = {name: values[name] for name in names}
    found = spread_free(budget, workload, **fixed)
    shown = {"num_trials": found.num_trials, "max_t": found.epochs}
    shown["subset_ratio"] = found.subset_ratio
    assert {name: shown[name] for name in names} == fixed
    called = {"max_t": "epochs"}
    assert {called.get(name, name) for name in names} == set(found.fixed) - {"rungs"}


def test_fixed_rungs_stay_and_are_called_fixed():
    found = plan(500, SPACE, 20, 2, seconds_per_epoch=1, rung_levels=[2, 5, 20])
    assert [level for level, _ in found.rungs] == [2, 5, 20]
    assert "rungs" in found.fixed
    short = plan(30, SPACE, 20, 2, seconds_per_epoch=1, rung_levels=[2, 5, 20])
    assert [level for level, _ in short.rungs] == [2, 5][: len(short.rungs)]


def test_a_budget_of_trainings_needs_no_seconds():
    relative = plan("4x", SPACE, 20, scheduler="fifo", dataset_size=10_000)
    absolute = plan(80, SPACE, 20, scheduler="fifo", dataset_size=10_000, seconds_per_epoch=1)
    chosen = ("num_trials", "epochs", "subset_ratio", "cost_epochs", "budget_epochs")
    assert [getattr(relative, n) for n in chosen] == [getattr(absolute, n) for n in chosen]
    assert relative.budget_s is None
    assert plan("4x", SPACE, 20, seconds_per_epoch=3).budget_s == 240


def test_without_any_measure_the_plan_is_one_trial_for_each_worker():
    found = plan("2h", SPACE, 27, 4)
    assert (found.num_trials, found.epochs, found.finish_p50_s) == (4, 27, None)
    assert "not measured yet" in str(found)


@few
@given(budgets, workloads)
def test_a_plan_comes_back_from_a_journal_as_it_was(budget, workload):
    found = spread_free(budget, workload)
    event = PlanChanged(1.0, "a test", found.described())
    back = event_from_json(event_to_json(event))
    assert Plan.of(back.plan) == found


@few
@given(budgets, workloads)
def test_the_table_fits_eighty_columns(budget, workload):
    lines = str(spread_free(budget, workload)).splitlines()
    assert max(map(len, lines)) <= 80


def test_the_table_says_what_is_planned_and_what_is_fixed():
    table = str(plan("2h", SPACE, 27, 4, seconds_per_epoch=38, num_trials=50))
    assert "Time budget 2 h 00 min on 4 workers; 38 s per epoch (spread 0.50)" in table
    assert "  trials                  50  fixed\n" in table
    assert "\n       1        50\n       3        16\n" in table
    assert "; ended at 2 h 00 min" in table
    assert "Not even this fits" in str(plan(60, SPACE, 27, seconds_per_epoch=38, num_trials=50))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"budget": "fastx"}, "budget='fastx' must be a positive number of full trainings"),
        ({"budget": "-1x"}, "budget='-1x' must be a positive number"),
        ({"budget": "later"}, "budget='later' is no duration"),
        ({"budget": 1, "scheduler": "hb"}, "scheduler='hb' must be one of"),
        ({"budget": 1, "epochs": 0}, "epochs=0"),
        ({"budget": 1, "spread": -1}, "spread=-1 must be at least 0"),
        ({"budget": 1, "num_trials": 0}, "num_trials=0"),
        ({"budget": 1, "space": 7}, "space=7 must be a train function"),
        ({"budget": 1, "subset_ratio": 2}, "subset_ratio=2 must be"),
    ],
)
def test_arguments_that_break_their_rule_are_refused(arguments, said):
    with pytest.raises(SpecError) as caught:
        plan(**arguments)
    assert said in str(caught.value)

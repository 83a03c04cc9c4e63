import pytest

import agcore as ag
from agcore.budget import TimeBudget
from agcore.errors import JournalError, SpecError
from agcore.executor.simulated import SimulatedExecutor
from agcore.scheduler.budgets import planned_max_t
from agcore.scheduler.full_resource import constant_epochs
from tests.budget.workloads import overshoot_and_unused

FIFO, HYPERBAND = ag.scheduler.FIFOScheduler, ag.scheduler.HyperbandScheduler


@ag.args(x=ag.Real(0, 1), epochs=27, subset_ratio=1.0)
def train(args, reporter):
    """Played."""


@ag.args(x=ag.Real(0, 1), epochs=27)
def whole(args, reporter):
    """Played."""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"time_out": 5}, "time_out=5 are two limits of the same time; pass one of them"),
        ({"deterministic": True}, "which deterministic=True rules out"),
        ({"stop_jobs_after_time_out": False}, "stop_jobs_after_time_out=False forbids"),
    ],
)
def test_what_does_not_go_together_with_a_budget_is_refused(arguments, said):
    with pytest.raises(SpecError) as caught:
        FIFO(train, time_budget="1h", **arguments)
    assert str(caught.value).startswith("time_budget='1h'")
    assert said in str(caught.value)


def test_a_budget_of_another_scheduler_names_those_that_take_one():
    with pytest.raises(SpecError, match="time_budget= has no effect with scheduler='median'"):
        ag.tune(train, scheduler="median", time_budget="1h")


def test_two_lengths_of_a_trial_are_one_too_many():
    with pytest.raises(SpecError, match="max_t=9 and epochs=27 of the time budget"):
        HYPERBAND(whole, max_t=9, time_budget=TimeBudget("1h", epochs=27))


def test_known_seconds_choose_the_highest_rung():
    rungs = {"grace_period": 1, "reduction_factor": 3, "rung_levels": None}
    known = TimeBudget(60, seconds_per_epoch=2)
    assert planned_max_t(known, whole, None, None, **rungs) == 9
    assert planned_max_t(TimeBudget(600, seconds_per_epoch=2), whole, None, None, **rungs) == 27
    assert planned_max_t(TimeBudget(1, seconds_per_epoch=2), whole, None, None, **rungs) == 3
    assert planned_max_t(known, whole, None, 20, **rungs) == 20
    assert planned_max_t("60s", whole, None, None, **rungs) is None
    assert planned_max_t(None, whole, None, None, **rungs) is None


def test_only_epochs_that_are_not_searched_can_be_planned():
    @ag.args(x=ag.Real(0, 1), epochs=ag.Int(1, 9))
    def searched(args, reporter):
        """Never called."""

    assert constant_epochs(whole, None) == 27
    assert constant_epochs(whole, {"epochs": 5}) == 5
    assert constant_epochs(searched, None) is None


def test_trials_hear_of_the_share_of_the_data(scripted):
    built = []

    class Looks(scripted):
        """Builds the arguments of a trial as a worker does."""

        def open(self, task):
            super().open(task)
            built.append(task.builder.build({"x": 0.5}).subset_ratio)

    def script(job):
        return [(1.0, {"epoch": 1, "accuracy": 0.5})]

    budget = TimeBudget(100, seconds_per_epoch=5, dataset_size=2000)
    planned = FIFO(train, time_budget=budget, executor=Looks(script), num_trials=20)
    planned.run()
    fixed = TimeBudget(100, subset_ratio=0.5)
    FIFO(train, time_budget=fixed, executor=Looks(script), num_trials=1).run()
    FIFO(train, time_budget=100, executor=Looks(script), num_trials=1).run()
    assert built[0] == 0.25  # 500 samples: 20 trials of two such epochs cost 16 whole ones
    assert planned.plan.subset_ratio == built[0]
    assert built[1:] == [0.5, 1.0]


def test_a_share_that_nobody_would_hear_of_is_refused():
    with pytest.raises(SpecError, match=r"write @ag.args\(..., subset_ratio=1.0\)"):
        FIFO(whole, time_budget=TimeBudget("1h", subset_ratio=0.5))


def test_the_budget_may_grow_when_a_run_goes_on_but_not_vanish(scripted, tmp_path):
    def script(job):
        return [(1.0, {"epoch": epoch, "accuracy": 0.5}) for epoch in range(1, 28)]

    def make(**arguments):
        return FIFO(whole, executor=scripted(script), checkpoint=tmp_path, **arguments)

    make(time_budget=100).run()
    make(time_budget=200, resume=True)
    with pytest.raises(JournalError, match=r"time_budget was .* and is gone"):
        make(time_out=60, resume=True)


@pytest.mark.parametrize("type", ["stopping", "promotion"])
@pytest.mark.parametrize("is_one_number", [True, False])
def test_runs_with_several_objectives_keep_a_budget_too(type, is_one_number):
    def curve(config):
        for epoch in range(1, 28):
            yield {"epoch": epoch, "gain": config["x"] * epoch, "loss": config["x"] ** 2}, 0.7

    objectives = {"objectives": {"gain": "MAX", "loss": "MIN"}}
    if not is_one_number:
        objectives = {"reward_attr": ["gain", "loss"], "mode": ["max", "min"]}
    scheduler = (ag.scheduler.MOHyperbandScheduler if is_one_number else HYPERBAND)(
        whole,
        type=type,
        time_budget=60,
        executor=SimulatedExecutor(curve, num_workers=3),
        search_options={"random_seed": 1},
        progress=False,
        **objectives,
    )
    scheduler.run()
    overshoot, unused = overshoot_and_unused(scheduler, 60)
    assert overshoot <= 0.02
    assert unused <= 0.15
    assert scheduler.plan.seconds_per_epoch == pytest.approx(0.7, rel=1e-3)
    assert len(scheduler.get_pareto_front()) >= 1

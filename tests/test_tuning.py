"""``ag.tune``: one call, and a result that answers what people ask."""

import pytest

import agcore as ag
from agcore.errors import AgcoreError, SpecError, TrialFailed
from agcore.scheduler import FIFOScheduler, HyperbandScheduler
from agcore.tuning import make_scheduler

INLINE = {"executor": "inline", "progress": False}


@ag.args(x=ag.Real(0, 1), epochs=3)
def decorated(args, reporter):
    for epoch in range(1, args.epochs + 1):
        reporter(epoch=epoch, accuracy=args.x * epoch, loss=1 - args.x)


def plain(args, reporter):
    reporter(accuracy=args.x + args.offset)


def broken(args, reporter):
    raise RuntimeError("out of luck")


def tune(*arguments, **keywords):
    return ag.tune(*arguments, **INLINE, **keywords)


# -- what can be tuned ---------------------------------------------------------------------


@pytest.mark.parametrize("scheduler", ["fifo", "hbs", "hbp", "median", "sync", "pasha", "pbt"])
def test_a_decorated_function_is_tuned_by_each_scheduler(scheduler):
    result = tune(decorated, scheduler=scheduler, num_trials=6)
    assert len(result.trials) == 6
    assert result.best.resource == 3
    assert result.best_reward == pytest.approx(3 * result.best_config["x"])
    assert repr(result) == f"TuneResult(6 trials, best {result.best_reward:g} in trial " + (
        f"{result.best.trial_id})"
    )


def test_a_population_is_tuned_without_limits():
    result = tune(decorated, scheduler="pbt", population_size=3)
    assert len([t for t in result.trials.values() if t.parent is None]) == 3
    assert result.best.resource == 3


def test_a_plain_function_is_tuned_over_a_space():
    result = tune(plain, {"x": ag.Int(1, 5), "offset": 10}, searcher="grid", num_trials=99)
    assert len(result.trials) == 5
    assert (result.best_config, result.best_reward) == ({"x": 5}, 15.0)


def test_a_lambda_that_returns_its_reward_is_tuned():
    result = tune(lambda args: args.x**2, {"x": ag.Real(-1, 1)}, num_trials=8, mode="min")
    rewards = [trial.reports[0].metrics["accuracy"] for trial in result.trials.values()]
    assert result.best_reward == min(rewards)


def test_worker_processes_are_the_default():
    result = ag.tune(plain, {"x": ag.Real(0, 1), "offset": 0}, num_trials=4, progress=False)
    assert len(result.trials) == 4


# -- what cannot ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"scheduler": "hb"}, r"scheduler='hb' is unknown; did you mean 'hb[sp]'\?"),
        ({"scheduler": "sgd"}, "there are: fifo, hbs, hbp"),
        ({"scheduler": None}, "scheduler=None must be a name, as 'fifo'"),
        ({"searcher": "randon"}, "did you mean 'random'"),
        ({"brackets": 2}, "brackets= has no effect with scheduler='fifo'; pass scheduler='hbs' or"),
        ({"scheduler": "pasha", "min_samples": 2}, "'pasha'; pass scheduler='median'$"),
        ({"scheduler": "hbs", "bracket": 2}, "no argument 'bracket'; did you mean 'brackets'"),
        ({"num_worker": 2}, "did you mean 'num_workers'"),
        ({"type": "stopping"}, "type= is chosen by scheduler="),
        ({"mode": "maximise"}, "mode='maximise'"),
    ],
)
def test_a_wrong_argument_is_answered_with_the_right_one(keywords, message):
    with pytest.raises(SpecError, match=message):
        tune(decorated, num_trials=1, **keywords)


def test_a_run_without_an_end_is_refused():
    with pytest.raises(SpecError, match="neither num_trials nor time_out"):
        tune(decorated)


def test_a_function_without_a_space_is_refused():
    with pytest.raises(SpecError, match="has no search space"):
        tune(plain, num_trials=1)


def test_a_function_that_always_fails_says_why():
    with pytest.raises(TrialFailed, match="out of luck") as caught:
        tune(broken, {"x": ag.Real(0, 1)}, num_trials=50)
    assert "RuntimeError" in caught.value.traceback_text


def test_a_result_without_a_reward_says_where_to_look():
    result = tune(broken, {"x": ag.Real(0, 1)}, num_trials=3, max_failures=None)
    assert repr(result) == "TuneResult(3 trials, no best trial)"
    with pytest.raises(AgcoreError, match=r"see \.trials"):
        _ = result.best
    assert {trial.error for trial in result.trials.values()} == {"RuntimeError: out of luck"}


# -- what the result says ------------------------------------------------------------------


@pytest.fixture(scope="module")
def result():
    return tune(decorated, num_trials=4)


def test_incumbents_end_with_the_best(result):
    assert result.incumbents[-1].reward == result.best_reward


def test_time_adds_up(result):
    spent = result.time_spent
    assert spent.slots == 1
    assert sum(spent.by_state.values()) + spent.idle_s == pytest.approx(spent.run_s)


def test_the_table_has_all_reports(result):
    table = result.to_pandas()
    assert len(table) == 12
    assert table.groupby("trial_id")["accuracy"].max().max() == result.best_reward


def test_settings_are_those_of_the_run(result):
    assert (result.settings["scheduler"], result.settings["mode"]) == ("FIFOScheduler", "max")


def test_the_picture_is_saved(result, tmp_path):
    figure = result.plot(tmp_path / "best.png")
    assert (tmp_path / "best.png").stat().st_size > 5000
    assert figure.axes[0].get_ylabel() == "accuracy"


def test_the_picture_knows_which_rewards_are_better():
    result = tune(decorated, num_trials=4, reward_attr="loss", mode="min")
    steps = next(line for line in result.plot().axes[0].lines if line.get_label() == "best so far")
    assert list(steps.get_ydata()) == sorted(steps.get_ydata(), reverse=True)


def test_a_result_can_be_run_further():
    result = tune(decorated, num_trials=2)
    result.scheduler.run(num_trials=5)
    assert len(result.trials) == 5
    assert result.time_spent.run_s > 0


def test_a_scheduler_is_made_by_its_short_name():
    assert type(make_scheduler(decorated, "fifo", num_trials=1)) is FIFOScheduler
    promotion = make_scheduler(decorated, "hbp", num_trials=1, reduction_factor=2)
    assert type(promotion) is HyperbandScheduler
    assert promotion.max_t == 3


def test_a_space_of_constants_is_refused_with_the_remedy():
    with pytest.raises(ag.SpecError, match=r"nothing to search.*ag.Real"):
        ag.tune(lambda args: 1.0, {"x": (0, 1)}, num_trials=20)

"""Replays tell what a scheduler would have done, and never more than the record holds."""

import logging
import math

import pytest

import agcore as ag
from agcore.errors import JournalError, SpecError
from agcore.executor.simulated import SimulatedExecutor
from agcore.records import TrialState
from agcore.whatif import LateBloomer, replay

EPOCHS = 9
SCHEDULERS = ["fifo", "hbs", "hbp", "median", "sync", "pasha"]


@ag.args(x=ag.Real(0, 1), epochs=EPOCHS)
def train(args, reporter):
    """Never called: its curves are played."""


def rising(config):
    """Curves that cross: what is slow at first may be best at last."""
    x = config["x"]
    for epoch in range(1, EPOCHS + 1):
        reward = x * epoch / EPOCHS + (1 - x) * 0.4 * (epoch < 4)
        yield {"epoch": epoch, "accuracy": reward}, 10 + 5 * x


def recorded(curve=rising, scheduler="fifo", workers=3, num_trials=30, **arguments):
    arguments = {"num_trials": num_trials, "searcher": "random"} | arguments
    return ag.tune(
        train, scheduler=scheduler, executor=SimulatedExecutor(curve, workers), **arguments
    )


def listed(curves, seconds=1.0):
    """A curve function of the points 0, 1, 2 ... of a list of curves, and the points."""

    def curve(config):
        for epoch, reward in enumerate(curves[round(100 * config["x"])], start=1):
            if reward is None:
                raise RuntimeError("it broke")
            yield {"epoch": epoch, "accuracy": reward}, seconds

    points = [{"x": i / 100} for i in range(len(curves))]
    arguments = {
        "search_options": {"points_to_evaluate": points, "first_is_default": False},
        "num_trials": len(curves),
        "workers": 1,
        "max_failures": None,
    }
    return curve, arguments


def essence(figures):
    return (
        figures.best_reward,
        figures.best_trial,
        figures.found_s,
        figures.total_s,
        figures.resource,
        figures.started,
        figures.stopped,
    )


# -- it is what the scheduler would have done ----------------------------------------------


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_a_replayed_scheduler_does_what_it_does_on_the_curves_themselves(scheduler):
    """Random configs depend on their number only, so that both runs try the same ones."""
    real = recorded(scheduler=scheduler, workers=4)
    [simulated] = replay(recorded(), scheduler=scheduler, num_workers=4).simulated
    own = replay(real, scheduler="fifo").recorded
    assert essence(simulated) == essence(own)
    assert simulated.unknown == ()


@pytest.mark.parametrize("scheduler", ["fifo", "hbs", "hbp", "median"])
def test_the_scheduler_of_the_record_repeats_it_and_asks_for_nothing_unknown(scheduler):
    result = replay(recorded(scheduler=scheduler), scheduler=scheduler)
    assert result.num_workers == 3
    assert essence(result.simulated[0]) == essence(result.recorded)
    assert result.simulated[0].unknown == ()


def test_a_directory_tells_the_same_as_the_scheduler_that_wrote_it(tmp_path):
    result = recorded(checkpoint=tmp_path / "run")
    of_directory = replay(tmp_path / "run", scheduler=SCHEDULERS)
    assert of_directory == replay(result, scheduler=SCHEDULERS)
    assert of_directory == replay(result.scheduler, scheduler=SCHEDULERS)


def test_arguments_go_to_the_schedulers_that_have_them():
    run = recorded()
    both = replay(run, scheduler=["fifo", "hbs"], reduction_factor=2, grace_period=2)
    alone = replay(run, scheduler="hbs", reduction_factor=2, grace_period=2)
    assert both.simulated[1] == alone.simulated[0]
    assert both.simulated[0].stopped == 0
    assert alone.simulated[0] != replay(run, scheduler="hbs").simulated[0]


def test_delayed_promotion_is_for_promotion_only():
    run = recorded()
    both = replay(run, scheduler=["hbs", "hbp"], delay_promotion=True)
    plain = replay(run, scheduler=["hbs", "hbp"])
    assert both.simulated[0] == plain.simulated[0]
    assert both.simulated[1].resource < plain.simulated[1].resource


def test_promoted_trials_that_begin_anew_cost_more_and_find_the_same():
    run = recorded()
    [goes_on] = replay(run, scheduler="hbp", num_workers=1).simulated
    [anew] = replay(run, scheduler="hbp", num_workers=1, keeps_progress=False).simulated
    assert anew.total_s > goes_on.total_s
    assert anew.resource > goes_on.resource
    assert anew.best_reward == goes_on.best_reward


def test_limits_are_those_of_the_simulation():
    run = recorded()
    assert replay(run, scheduler="fifo", num_trials=7).simulated[0].started == 7
    [short] = replay(run, scheduler="fifo", time_out=100).simulated
    assert short.total_s == 100
    assert short.stopped == 0  # cut off by the end of the run, not stopped by the scheduler


def test_nothing_behind_max_t_is_looked_at():
    result = replay(recorded(), scheduler=["fifo", "hbs"], max_t=4)
    assert result.max_t == 4
    assert result.simulated[0].resource == 4 * 30
    assert all(late.final_reward <= 4 / 9 for late in result.simulated[1].late_bloomers)


def test_trials_that_report_only_behind_max_t_are_played_without_a_report():
    def curve(config):
        yield {"epoch": 5, "accuracy": config["x"]}, 10.0

    result = replay(recorded(curve, num_trials=4), scheduler="fifo", max_t=4)
    assert result.num_known == 0
    assert result.simulated[0].best_reward is None


# -- what is not known ---------------------------------------------------------------------


def test_a_trial_that_is_asked_beyond_its_record_ends_there_and_is_counted():
    run = recorded(scheduler="hbs")
    cut = [i for i, t in run.trials.items() if t.state is TrialState.STOPPED]
    [everything] = replay(run, scheduler="fifo").simulated
    assert list(everything.unknown) == cut
    assert everything.resource == sum(trial.resource for trial in run.trials.values())
    [promoted] = replay(run, scheduler="hbp", num_workers=1).simulated
    assert set(promoted.unknown) <= set(cut)


def test_stopped_trials_without_a_known_end_are_not_judged():
    run = recorded(scheduler="hbs")
    result = replay(run, scheduler="hbs")
    [figures] = result.simulated
    assert figures.not_judged == figures.stopped > 0
    assert figures.late_bloomers == ()
    assert result.num_known == 30 - figures.stopped


def test_trials_that_have_failed_fail_again_and_never_count_as_best(caplog):
    curve, arguments = listed([[0.1, 0.2, 0.3], [0.8, None], [0.2, 0.3, 0.4]])
    run = recorded(curve, **arguments)
    caplog.clear()
    with caplog.at_level(logging.DEBUG, logger="agcore"):
        [figures] = replay(run, scheduler="fifo").simulated
    assert (figures.best_trial, figures.best_reward) == (2, 0.4)
    assert figures.unknown == ()
    assert caplog.records == []


def test_a_trial_that_failed_behind_its_last_epoch_fails_if_it_is_let_go_on():
    curve, arguments = listed([[0.1, 0.2, 0.3], [0.8, 0.9, 0.9, None], [0.2, 0.3, 0.4]])
    fifo, hbs = replay(recorded(curve, **arguments), scheduler=["fifo", "hbs"]).simulated
    assert fifo.best_trial == 2
    assert hbs.best_trial == 1  # max_t is used: it is told to end before it can fail


def test_logging_is_as_before_after_a_replay():
    logger = logging.getLogger("agcore")
    before = list(logger.filters)
    replay(recorded(num_trials=4), scheduler="fifo")
    assert logger.filters == before


def test_diverged_trials_diverge_again_and_have_no_final_rank():
    curve, arguments = listed([[0.9, math.nan], [0.1, 0.2, 0.2], [0.2, 0.3, 0.3]])
    result = replay(recorded(curve, **arguments), scheduler=["fifo", "hbs"])
    assert [figures.best_trial for figures in result.figures] == [2, 2, 2]
    assert result.num_known == 2


def test_trials_without_a_report_are_left_out_and_counted():
    curve, arguments = listed([[0.1, 0.2], [], [0.2, 0.3]])
    result = replay(recorded(curve, **arguments), scheduler="fifo")
    assert result.num_left_out == 1
    assert result.simulated[0].started == 2
    assert result.simulated[0].best_trial == 2  # by its number in the record


def test_a_run_without_an_end_is_replayed_and_says_so(tmp_path):
    recorded(num_trials=5, workers=2, checkpoint=tmp_path)
    journal = tmp_path / "events.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    assert replay(tmp_path, scheduler="fifo").has_ended
    journal.write_text("".join(lines[: len(lines) // 2]))
    result = replay(tmp_path, scheduler="fifo")
    assert not result.has_ended
    assert len(result.simulated[0].unknown) > 0


# -- late bloomers -------------------------------------------------------------------------


def crossing():
    """Ten curves of three epochs: trial 7 is the second worst at first, and the best at last."""
    curves = [[0.50 - 0.01 * i, 0.55 - 0.01 * i, 0.60 - 0.01 * i] for i in range(10)]
    curves[7] = [0.415, 0.6, 0.9]
    return listed(curves)


def test_a_stopped_trial_that_would_have_been_best_is_a_late_bloomer():
    curve, arguments = crossing()
    result = replay(recorded(curve, **arguments), scheduler="hbs", num_workers=1)
    [figures] = result.simulated
    assert figures.best_reward == 0.6
    assert figures.late_bloomers == (LateBloomer(7, 1, 8, 8, 1, 0.9),)
    assert result.top == 1


def test_paused_trials_are_ranked_among_all_of_their_rung_at_the_end():
    curve, arguments = crossing()
    [figures] = replay(recorded(curve, **arguments), scheduler="hbp", num_workers=1).simulated
    assert figures.late_bloomers == (LateBloomer(7, 1, 9, 10, 1, 0.9),)


def test_top_share_says_how_many_are_the_best():
    curve, arguments = crossing()
    run = recorded(curve, **arguments)
    result = replay(run, scheduler="hbs", num_workers=1, top_share=0.5)
    assert result.top == 5
    ranks = [late.final_rank for late in result.simulated[0].late_bloomers]
    assert ranks == sorted(ranks)
    assert max(ranks) <= 5
    assert len(ranks) > 1


def test_losses_have_their_own_sign():
    curves = [[-reward for reward in curve] for curve in ([0.5, 0.6, 0.7], [0.4, 0.6, 0.9])]
    curve, arguments = listed(curves)
    run = recorded(curve, **arguments)  # maximised: -0.5 is best
    assert replay(run, scheduler="fifo").simulated[0].best_reward == -0.4

    def losses(config):
        for metrics, seconds in curve(config):
            yield {**metrics, "accuracy": -metrics["accuracy"]}, seconds

    run = recorded(losses, mode="min", **arguments)
    result = replay(run, scheduler=["fifo", "hbs"])
    assert [figures.best_reward for figures in result.figures] == [0.4, 0.4, 0.4]


def test_the_last_report_stands_for_a_trial_where_it_did_then(tmp_path):
    curve, arguments = listed([[0.9, 0.1], [0.2, 0.3]])
    recorded(curve, trial_value="last", checkpoint=tmp_path, **arguments)
    result = replay(tmp_path, scheduler="fifo")
    assert [figures.best_trial for figures in result.figures] == [1, 1]


# -- who proposes --------------------------------------------------------------------------


def test_a_random_order_is_a_permutation_that_the_seed_fixes(tmp_path):
    recorded(checkpoint=tmp_path)
    first, again, other = (
        replay(tmp_path, scheduler="hbs", searcher="random", seed=seed) for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other
    whole = replay(tmp_path, scheduler="fifo", searcher="random", seed=1).simulated[0]
    assert whole.resource == first.recorded.resource


def test_a_searcher_proposes_recorded_configs_once_each():
    run = recorded()
    [figures] = replay(run, scheduler="fifo", searcher="grid").simulated
    assert (figures.started, figures.resource) == (30, 30 * EPOCHS)
    [modelled] = replay(run, scheduler="hbs", searcher="bayesopt", num_trials=8).simulated
    assert modelled.started == 8


def test_the_nearest_recorded_trial_stands_for_a_config_between():
    run = recorded()
    [figures] = replay(
        run, scheduler="fifo", searcher="random", between="nearest", seed=3, num_trials=12
    ).simulated
    assert figures.started == 12
    rewards = {i: trial.best.reward for i, trial in run.trials.items()}
    assert figures.best_reward == rewards[figures.best_trial]


def test_a_config_recorded_twice_is_played_whole_if_one_of_them_is():
    def curve(config, seed):
        for epoch in (1, 2, 3):
            yield {"epoch": epoch, "accuracy": config["x"]}, 1.0

    scheduler = ag.scheduler.FIFOScheduler(
        train, executor=SimulatedExecutor(curve, 1), num_trials=3, time_out=8
    )
    for x in (0.5, 0.25, 0.5):
        scheduler.enqueue({"x": x})
    scheduler.run()
    [in_order] = replay(scheduler, scheduler="fifo").simulated
    assert (in_order.started, in_order.unknown) == (3, (2,))
    [searched] = replay(scheduler, scheduler="fifo", searcher="grid").simulated
    assert (searched.started, searched.unknown) == (2, ())


# -- results and errors --------------------------------------------------------------------


def test_the_table_has_a_row_for_each_run():
    result = ag.replay(recorded(scheduler="hbs"), scheduler=["fifo", "hbp"])
    assert isinstance(result, ag.ReplayResult)
    table = result.to_pandas()
    assert list(table["scheduler"]) == ["recorded", "fifo", "hbp"]
    assert list(table["unknown"]) == [len(figures.unknown) for figures in result.figures]
    assert table["started"].sum() == 90


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scheduler": "hsb"}, "scheduler='hsb' is unknown; did you mean 'hbs'"),
        ({"scheduler": []}, "names none"),
        ({"scheduler": "fifo", "brackets": 2}, "brackets= has no effect with scheduler=fifo"),
        ({"mode": "min"}, "mode= follows from the recorded run"),
        ({"random_seed": 3}, "random_seed= is called seed= here"),
        ({"top_share": 0}, "top_share=0 must be a number above 0 and at most 1"),
        ({"num_workers": 0}, "num_workers=0 must be a whole number"),
        ({"searcher": object()}, "must be a name"),
        ({"searcher": "rndom", "num_trials": 3}, "did you mean 'random'"),
        ({"between": "interpolate"}, "make up curves that no trial has: .* between='nearest', or"),
        ({"between": "mean"}, "between='mean' must be one of 'nearest'"),
        ({"scheduler": "pbt"}, "changes configs while it trains, and their curves are not"),
        ({"scheduler": "hbs", "delay_promotion": True}, "delay_promotion= has no effect with sch"),
        ({"between": "nearest"}, "has no effect with searcher='recorded'"),
        ({"grace_period": 99}, "grace_period=99 must be below max_t=9"),
    ],
)
def test_wrong_arguments_are_answered_with_value_and_rule(arguments, message):
    run = recorded(num_trials=3)
    with pytest.raises(SpecError, match=message.replace("(", r"\(")):
        replay(run, **arguments)


def test_a_directory_holds_no_search_space(tmp_path):
    recorded(num_trials=3, checkpoint=tmp_path)
    with pytest.raises(SpecError, match="pass space=, as space=train_function"):
        replay(tmp_path, searcher="bayesopt")
    assert replay(tmp_path, scheduler="fifo", searcher="bayesopt", space=train).simulated


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(JournalError, match="there is no run in"):
        replay(tmp_path)
    with pytest.raises(SpecError, match="run=3 must be the directory of a run"):
        replay(3)
    with pytest.raises(SpecError, match="no events"):
        replay(ag.scheduler.FIFOScheduler(train, num_trials=1))


def test_a_run_without_reports_is_refused():
    curve, arguments = listed([[], []])
    with pytest.raises(SpecError, match="no trial of the run has reported 'accuracy'"):
        replay(recorded(curve, **arguments))


def test_nearest_needs_trials_recorded_to_their_end():
    run = recorded(num_trials=3, time_out=20)
    with pytest.raises(SpecError, match="recorded to their end, and there are none"):
        replay(run, scheduler="fifo", searcher="random", between="nearest")


def test_reports_that_jump_over_a_rung_are_explained():
    def curve(config):
        for epoch in (2, 4, 6):
            yield {"epoch": epoch, "accuracy": config["x"]}, 1.0

    run = recorded(curve)
    with pytest.raises(SpecError, match=r"do not fit scheduler='hbs'.*grace_period=, rung_levels="):
        replay(run, scheduler="hbs")
    assert replay(run, scheduler="hbs", rung_levels=[2, 4]).simulated[0].stopped > 0

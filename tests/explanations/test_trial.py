"""A whole explanation: its form, its comparison, and real runs of every scheduler."""

import pytest

import agcore as ag
from agcore.errors import SpecError
from agcore.explanations import explain_trials
from agcore.records import TrialState


def test_an_explanation_in_full(story):
    run = story().trial(0.8).propose("random", config={"lr": 0.25, "units": 64, "kind": "a"})
    run.start().report(0.5, 0.6).end()
    assert (
        run.explain()
        == """\
Trial 1: completed at epoch 2, accuracy 0.6
  lr=0.25, units=64, kind='a'

Why it was proposed
  Drawn at random from the search space. The best of the run was then trial 0,
  accuracy 0.8 at epoch 1.

What happened
  6.0 s  started
  8.0 s  reported 2 times, from epoch 1 to 2: accuracy 0.6
  9.0 s  completed: its function returned

How it compares
  It ranks 2 of 2 trials. The best is trial 0, accuracy 0.8 at epoch 1. It took
  3.0 s."""
    )


def test_the_headline_says_where_the_value_was_found(story):
    assert (
        story()
        .trial(0.5, 0.8, 0.6)
        .explain()
        .startswith("Trial 0: completed at epoch 3, accuracy 0.8 at epoch 2\n")
    )
    assert story().propose().explain().startswith("Trial 0: not started yet\n")


@pytest.mark.parametrize(
    ("trials", "sentence"),
    [
        ([([0.5], "completed")], "It is the best of the run, the only trial."),
        (
            [([0.5], "completed"), ([0.6], "completed")],
            "It is the best of the run. The next best is trial 0, accuracy 0.5.",
        ),
        ([([], "failed")], "It has no accuracy that counts. Nor has any other trial."),
        (
            [([0.4, 0.9], "completed"), ([0.5], "stopped")],
            "It ranks 2 of 2 trials. The best is trial 0, accuracy 0.9 at epoch 2. At epoch 1 "
            "that one had 0.4.",
        ),
        (
            [([0.5], "completed"), ([0.9], "failed")],
            "It failed, so its accuracy of 0.9 does not count. The best is trial 0, accuracy 0.5",
        ),
        (
            [([0.9], "diverged")],
            "It diverged, so its accuracy of 0.9 does not count. No other trial has one that does.",
        ),
    ],
)
def test_a_trial_is_compared_with_the_best(story, trials, sentence):
    run = story()
    for rewards, state in trials:
        run.trial(*rewards, state=state)
    assert run.comparison.startswith(sentence)


def test_the_last_report_stands_where_the_run_says_so(story):
    run = story(trial_value="last").trial(0.9, 0.1).trial(0.5)
    assert "It ranks 2 of 2 trials. The best is trial 1" in run.section("How it compares", 0)


@pytest.mark.parametrize(
    ("count", "known"),
    [(0, "has no trials yet"), (1, "has trial 0 only"), (3, "has trials 0 to 2")],
)
@pytest.mark.parametrize("asked", [7, -1, "seven", "7"])
def test_an_unknown_trial_is_answered_with_those_there_are(story, count, known, asked):
    run = story()
    for _ in range(count):
        run.trial(0.5)
    with pytest.raises(SpecError, match=f"there is no trial {asked!r}: the run {known}"):
        run.explain(asked)


def test_a_trial_may_be_named_as_the_training_history_names_it(story):
    run = story().trial(0.5)
    assert run.explain("0") == run.explain(0)


def test_a_narrow_text_breaks_between_words_and_long_values_stay_whole(story):
    run = story().trial(0.5, config={"path": "x" * 50, "lr": 0.1})
    lines = run.explain(width=40).splitlines()
    assert [line for line in lines if len(line) > 40] == [f"  path='{'x' * 50}',"]


# -- real runs -----------------------------------------------------------------------------


def train_function(name):
    @ag.args(x=ag.Real(0, 1), y=ag.Real(1e-3, 1, log=True, prior=0.01), epochs=9)
    def train(args, reporter):
        if args.x > 0.95:
            raise ValueError("x is too large")
        for epoch in range(1, args.epochs + 1):
            value = (1 - (args.x - 0.6) ** 2) * (1 - 0.5**epoch) - 0.1 * args.y
            if args.x < 0.02:
                value = float("nan")
            result = {name: 1 - value if name == "loss" else value}
            reporter(epoch=epoch, excess=args.x - 0.7, **result)

    return train


def check(result):
    """Everything can be explained, in 80 columns, and what is said of the states is there."""
    listed = explain_trials(result.scheduler.history).splitlines()
    assert len(listed) == 1 + len(result.trials)
    texts = {trial_id: result.explain(trial_id) for trial_id in result.trials}
    for trial_id, trial in result.trials.items():
        text = texts[trial_id]
        assert max(map(len, [*text.splitlines(), *listed])) <= 80
        assert text.isascii()
        assert "reward" not in text
        assert ("promoted" in text) == (trial.attempts > 1)
        if trial.state is TrialState.FAILED:
            assert "failed: ValueError: x is too large" in text
        if trial.origin == "model":
            assert "Proposed by the model" in text
            assert "reasons" not in text
    best = result.best.trial_id
    assert "It is the best of the run" in texts[best]
    assert "the best: " in listed[1 + best]
    return texts


@pytest.mark.parametrize("mode", ["max", "min"])
@pytest.mark.parametrize("scheduler", ["fifo", "hbs", "hbp", "median", "sync", "pasha"])
def test_every_scheduler_can_be_explained(scheduler, mode):
    name = "accuracy" if mode == "max" else "loss"
    arguments = {"min_samples": 3} if scheduler == "median" else {}
    result = ag.tune(
        train_function(name),
        scheduler=scheduler,
        num_trials=16,
        mode=mode,
        reward_attr=name,
        executor="inline",
        **arguments,
    )
    texts = " ".join(" ".join(check(result).values()).split())
    expected = {
        "fifo": "completed: its function returned",
        "hbs": "(best 1/3): stopped",
        "hbp": "may go on to 3: paused",
        "median": f"is {'below' if mode == 'max' else 'above'} the median",
        "sync": "where all of its bracket have arrived",
        "pasha": "none may yet go on to 9",
    }
    assert expected[scheduler] in texts


@pytest.mark.parametrize(
    ("scheduler", "searcher", "options", "sentence"),
    [
        ("fifo", "bayesopt", {}, "log expected improvement"),
        ("fifo", "bayesopt", {"acquisition": "ucb"}, "and 2.576 standard deviations"),
        ("hbs", "bayesopt", {"map_reward": "minus_x"}, "with standard deviation"),
        ("fifo", "bayesopt", {"profile": "classic"}, "(expected improvement, standardised"),
        (
            "fifo",
            "bayesopt",
            {"map_reward": ag.searcher.MapReward(lambda r: 2 - 2 * r, lambda c: 1 - c / 2)},
            "one standard deviation from",
        ),
        (
            "fifo",
            "constrained_bayesopt",
            {"constraint_attr": "excess"},
            "probability of keeping the constraint",
        ),
    ],
)
def test_every_model_can_be_explained(scheduler, searcher, options, sentence):
    result = ag.tune(
        train_function("accuracy"),
        scheduler=scheduler,
        searcher=searcher,
        num_trials=8,
        executor="inline",
        search_options={"num_init_random": 4, **options},
    )
    texts = check(result)
    found = [" ".join(text.split()) for text in texts.values() if "Proposed by the model" in text]
    assert found
    assert all(sentence in text for text in found)
    assert all("prior to the power" in text for text in found)


def test_what_a_model_expected_is_near_what_came_out():
    """The way back from criterion to reward is the right one, for either sign."""
    for mode, options in (("max", {}), ("min", {"map_reward": "minus_x"}), ("min", {})):
        name = "accuracy" if mode == "max" else "loss"
        result = ag.tune(
            train_function(name),
            searcher="bayesopt",
            num_trials=14,
            mode=mode,
            reward_attr=name,
            executor="inline",
            search_options={"num_init_random": 10, **options},
        )
        text = " ".join(result.explain(13).split())
        expected = float(text.split(f"It expected {name} ")[1].split(" ")[0])
        assert expected == pytest.approx(result.scheduler.best().reward, abs=0.2)


def test_a_grid_can_be_explained():
    @ag.args(x=ag.Int(1, 3))
    def train(args, reporter):
        reporter(accuracy=args.x)

    result = ag.tune(train, searcher="grid", num_trials=3, executor="inline")
    assert "The next config of the grid." in result.explain(2)

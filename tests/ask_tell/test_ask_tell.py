import copy
import json
import logging
import math
import pickle

import numpy as np
import pytest

import agcore as ag
from agcore.ask_tell.making import SHORT_NAMES
from agcore.errors import JournalError, ReportError, SpecError, TrialFailed
from agcore.policy import HyperbandPolicy
from agcore.records import Action, Reported, TrialState
from agcore.scheduler import seeds
from agcore.scheduler.factory import SCHEDULERS as LONG_NAMES
from agcore.searcher import SEARCHERS, RandomSearcher
from agcore.space import SearchSpace
from agcore.tuning import SCHEDULERS

KINDS = ("fifo", "hbs", "hbp", "median", "sync", "pasha", "pbt", "fronts")
NEEDS_MORE = {"hypertune", "constrained_bayesopt", "skopt"}
SPACE = {"x": ag.Real(0, 1), "epochs": 9}


def test_a_short_dialogue_ends_with_the_best_config():
    run = ag.AskTell(SPACE, num_trials=4)
    for _ in range(4):
        trial = run.ask()
        assert run.tell(trial, trial.config["x"]) is TrialState.COMPLETED
    assert run.ask() is None
    assert run.is_over
    best = max(trial.config["x"] for trial in run.trials.values())
    assert run.best().reward == run.get_best_config()["x"] == best
    assert "completed" in run.explain(run.get_best_task_id())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("searcher", [*sorted(set(SEARCHERS) - NEEDS_MORE), "auto"])
def test_every_searcher_and_every_policy_can_be_asked(kind, searcher, stage):
    run = stage.make(kind, searcher)
    stage.converse([run], slots=3)
    assert len(run.trials) == 9 or kind == "pbt"  # which ends by itself
    assert run.is_over
    assert run.trials[3].state in (TrialState.FAILED, TrialState.PAUSED, TrialState.STOPPED)
    assert all(trial.state is not TrialState.RUNNING for trial in run.trials.values())


def test_hypertune_can_be_asked(stage):
    run = stage.make("hbp", "hypertune", brackets=2)
    stage.converse([run], slots=2)
    assert len(run.trials) == 9


@pytest.mark.parametrize("name", [*LONG_NAMES, *SCHEDULERS])
def test_every_name_of_a_scheduler_is_understood(name):
    trial = ag.AskTell(SPACE, name).ask()
    assert (trial.trial_id, trial.config) == (0, {"x": 0.5})
    assert set(SHORT_NAMES) | set(SCHEDULERS) >= set(LONG_NAMES)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("searcher", ["random", "bayesopt", "grid"])
def test_a_dialogue_equals_the_run_of_a_scheduler(kind, searcher, stage):
    run = stage.make(kind, searcher)
    stage.converse([run])
    space = {"grid": {"x": ag.Ordinal(*[i / 16 for i in range(16)]), "y": ag.Bool()}}.get(
        searcher, {"x": ag.Real(0, 1), "y": ag.Real(0, 1)}
    )

    @ag.args(**space, epochs=9)
    def train(args, reporter):
        config = {"x": args.x, "y": args.y}
        for epoch in range(reporter.resume_from + 1, args.epochs + 1):
            if args.task_id == 3 and epoch == 2:
                raise RuntimeError("the fourth always fails")
            (reporter.checkpoint_dir / "epoch").write_text(str(epoch))
            reporter(**stage.metrics_of(config, args.task_id, epoch))

    name = {"fronts": "hbp"}.get(kind, kind)
    result = ag.tune(
        train,
        scheduler=name,
        searcher=searcher,
        search_options=stage.options.get(searcher),
        num_trials=9,
        executor="inline",
        progress=False,
        **stage.arguments[kind],
    )
    assert stage.what_happened(run) == stage.what_happened(result.scheduler)


def test_what_is_asked_says_where_to_begin_and_how_far_it_is_to_the_next_decision():
    run = ag.AskTell(SPACE, "hyperband_promotion", num_trials=2, random_seed=3)
    trial = run.ask()
    assert (trial.attempt, trial.resume_from, trial.known) == (0, 0, 0)
    assert (trial.milestone, trial.max_resource) == (1, 9)
    assert trial.seed == seeds.trial_seed(3, 0)
    second = run.ask()
    assert run.report(trial, 1, accuracy=1.0).action is Action.PAUSE
    for other in (second,):
        run.report(other, 1, accuracy=0.5)
    assert run.trials[0].state is TrialState.PAUSED


def test_a_promoted_trial_is_asked_for_again_with_its_resource():
    run = ag.AskTell(SPACE, "hbp", num_trials=3)
    trials = [run.ask() for _ in range(3)]
    assert [run.report(t, 1, accuracy=-t.trial_id).stops for t in trials] == [True] * 3
    again = run.ask()
    assert (again.trial_id, again.attempt, again.resume_from, again.known) == (0, 1, 1, 1)
    assert again.milestone == 3
    assert run.report(again, 1, accuracy=0.0).reason == "this report is recorded already"
    assert not run.report(again, 2, accuracy=5.0).stops
    assert run.ask() is None
    assert not run.is_over  # trial 0 may still be promoted


def test_a_copy_says_whose_training_it_goes_on_with(stage):
    run = stage.make("pbt")
    copies = []
    while (trial := run.ask()) is not None:
        copies += [trial] if trial.parent is not None else []
        epoch = trial.resume_from + 1
        while stage.step(run, trial, epoch):
            epoch += 1
    assert copies
    for copied in copies:
        assert copied.resume_from == run.trials[copied.trial_id].begin > 0


def test_the_dict_of_a_trial_is_as_good_as_the_trial():
    run = ag.AskTell(SPACE, "hbs", num_trials=2)
    sent = json.loads(json.dumps(run.ask().to_dict()))
    assert sent["config"] == {"x": 0.5}
    assert not run.report(sent, epoch=1, accuracy=0.5).stops
    assert not run.report(0, 2, accuracy=0.6).stops
    assert run.tell(sent) is TrialState.COMPLETED


def test_a_report_that_is_repeated_is_recorded_once():
    run = ag.AskTell(SPACE, "hbp", num_trials=3)
    trial = run.ask()
    first = run.report(trial, 1, accuracy=0.5)
    assert first.stops
    assert run.report(trial, 1, accuracy=0.5) == first
    other = run.ask()
    going = run.report(other, 1, accuracy=0.7)
    assert run.report(other, 1, accuracy=0.7) == going
    assert [len(trial.reports) for trial in run.trials.values()] == [1, 1]


def test_reports_out_of_order_are_refused_and_change_nothing(stage):
    for kind in KINDS:
        run = stage.make(kind)
        trial = run.ask()
        assert not run.report(trial, 1, accuracy=0.5, latency=1).stops or kind in (
            "hbp",
            "sync",
            "pasha",
            "fronts",
        )
        if run.trials[0].state is TrialState.RUNNING:
            with pytest.raises(ReportError, match="epoch must grow with every report"):
                run.report(trial, 1, accuracy=0.7, latency=1)
            assert len(run.trials[0].reports) == 1
    jumping = ag.AskTell(SPACE, "hbs").ask()
    with pytest.raises(SpecError, match="there is no trial 0; 0 were asked for"):
        ag.AskTell(SPACE, "hbs").report(jumping, 1, accuracy=0)


def test_a_report_that_jumps_over_a_rung_is_refused_and_can_be_mended():
    run = ag.AskTell(SPACE, "hbs")
    trial = run.ask()
    with pytest.raises(ReportError, match="jumped over the rung at 1"):
        run.report(trial, 2, accuracy=0.5)
    assert run.trials[0].reports == []
    assert not run.report(trial, 1, accuracy=0.5).stops


def test_a_report_without_its_reward_or_resource_is_refused():
    run = ag.AskTell(SPACE, "hbs")
    trial = run.ask()
    with pytest.raises(ReportError, match="the report has no 'accuracy'"):
        run.report(trial, 1, loss=0.5)
    with pytest.raises(ReportError, match="the report has no 'epoch'"):
        run.report(trial, accuracy=0.5)
    with pytest.raises(ReportError, match="resource=1 and epoch=2"):
        run.report(trial, 1, epoch=2, accuracy=0.5)
    with pytest.raises(ReportError, match="must be a number"):
        run.tell(trial, {"accuracy": "good"})
    with pytest.raises(ReportError, match="pass the reward or a dict: accuracy"):
        run.tell(trial, "good")
    assert run.trials[0].state is TrialState.RUNNING


def test_under_fifo_reports_are_counted():
    run = ag.AskTell({"x": ag.Real(0, 1)}, num_trials=1)
    trial = run.ask()
    for reward in (0.1, 0.1, 0.3):
        assert run.report(trial, accuracy=reward).action is Action.CONTINUE
    run.tell(trial, 0.2)
    assert [report.resource for report in run.trials[0].reports] == [1, 2, 3, 4]
    assert (run.best().reward, run.best().resource) == (0.3, 3)


def test_numbers_of_numpy_are_numbers():
    run = ag.AskTell(SPACE, "hbs")
    run.ask()
    assert not run.report(np.int64(0), np.int64(1), accuracy=np.float32(0.5)).stops
    assert run.trials[0].reports[0].metrics == {"accuracy": 0.5, "epoch": 1}


def test_a_trial_that_has_ended_is_told_to_stop():
    run = ag.AskTell({"x": ag.Real(0, 1)})
    trial = run.ask()
    run.tell(trial, 0.5)
    decision = run.report(trial, accuracy=0.7)
    assert (decision.action, decision.reason) == (
        Action.STOP,
        "trial 0 is completed and runs no more",
    )
    assert len(run.trials[0].reports) == 1


def test_an_end_is_told_once(caplog):
    run = ag.AskTell({"x": ag.Real(0, 1)})
    trial = run.ask()
    assert run.tell(trial, 0.5) is TrialState.COMPLETED
    assert run.tell(trial, 0.9) is TrialState.COMPLETED
    with caplog.at_level(logging.WARNING, logger="agcore"):
        assert run.tell(trial, error="too late") is TrialState.COMPLETED
    assert "told as failed, which changes nothing: trial 0 is completed" in caplog.text
    assert run.best().reward == 0.5


def test_nobody_can_speak_of_a_trial_that_was_not_asked_for():
    run = ag.AskTell(SPACE)
    for unknown in (0, 7, -1, {"trial_id": 3}):
        with pytest.raises(SpecError, match="there is no trial"):
            run.report(unknown, 1, accuracy=1)
    for nonsense in ("0", None, {"id": 1}, 1.0, True, {"trial_id": "0"}):
        with pytest.raises(SpecError, match="is no trial; pass what ask"):
            run.tell(nonsense, 1.0)
    assert run.ask().trial_id == 0  # and nothing is spoilt


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ({"error": ValueError("bad")}, TrialState.FAILED),
        ({"error": "bad"}, TrialState.FAILED),
        ({"error": MemoryError("bad")}, TrialState.OUT_OF_MEMORY),
        ({"state": "out_of_memory", "error": "bad"}, TrialState.OUT_OF_MEMORY),
        ({"state": "failed"}, TrialState.FAILED),
        ({"state": "stopped"}, TrialState.STOPPED),
        ({"state": "timed_out"}, TrialState.TIMED_OUT),
        ({"state": "lost"}, TrialState.LOST),
        ({}, TrialState.COMPLETED),
    ],
)
def test_how_a_trial_ended_is_told(told, state):
    run = ag.AskTell(SPACE)
    trial = run.ask()
    run.report(trial, 1, accuracy=0.5)
    assert run.tell(trial, **told) is state
    error = told.get("error")
    assert ("bad" in run.trials[0].error) == (error is not None)
    assert (run.best() is None) == state.is_failure


def test_an_exception_comes_with_its_traceback():
    run = ag.AskTell(SPACE)
    trial = run.ask()
    try:
        {}["missing"]
    except KeyError as error:
        run.tell(trial, error=error)
    assert run.trials[0].error == "KeyError: 'missing'"
    assert "in test_an_exception_comes" in run.trials[0].traceback_text


def test_a_contradiction_is_no_end():
    run = ag.AskTell(SPACE)
    trial = run.ask()
    with pytest.raises(SpecError, match="leave out one of the two"):
        run.tell(trial, 0.5, error="bad")
    with pytest.raises(SpecError, match="leave out one of the two"):
        run.tell(trial, state="completed", error="bad")
    with pytest.raises(SpecError, match="state='paused' must be one of"):
        run.tell(trial, state="paused")
    assert run.trials[0].state is TrialState.RUNNING


def test_a_reward_that_is_no_number_ends_the_trial_as_diverged():
    for bad in (math.nan, math.inf):
        run = ag.AskTell(SPACE, "hbs")
        trial = run.ask()
        assert run.report(trial, 1, accuracy=bad).stops
        assert run.tell(trial) is TrialState.DIVERGED
        assert run.best() is None


def test_losses_are_minimised():
    run = ag.AskTell(SPACE, "hbs", mode="min", reward_attr="loss", num_trials=9)
    while (trial := run.ask()) is not None:
        for epoch in range(1, 10):
            if run.report(trial, epoch, loss=trial.config["x"]).stops:
                break
    assert run.best().reward == min(trial.config["x"] for trial in run.trials.values())
    assert run.trials[0].reports[0].reward == -0.5


def test_several_objectives_have_a_front(stage):
    run = stage.make("fronts")
    stage.converse([run], slots=2)
    points = run.get_pareto_front()
    assert points
    with pytest.raises(SpecError, match="no trial is the best"):
        run.best()
    one = ag.AskTell({"x": ag.Real(0, 1)}, reward_attr=["a", "b"], num_trials=2)
    assert one.tell(one.ask(), {"a": 1.0, "b": 2.0}) is TrialState.COMPLETED
    with pytest.raises(ReportError, match="a, b"):
        one.tell(one.ask(), 3.0)


def test_a_space_that_is_used_up_has_nothing_left_to_ask():
    run = ag.AskTell({"x": ag.Categorical(1, 2, 3)}, searcher="grid")
    asked = [run.ask() for _ in range(4)]
    assert [trial and trial.config["x"] for trial in asked] == [1, 2, 3, None]
    assert not run.is_over
    for trial in asked[:3]:
        run.tell(trial, 1.0)
    assert run.is_over


def test_no_more_trials_than_wanted_are_given_away():
    run = ag.AskTell(SPACE, num_trials=2)
    assert [run.ask() is None for _ in range(4)] == [False, False, True, True]


def test_once_the_reward_is_reached_all_end():
    run = ag.AskTell(SPACE, "hbs", max_reward=0.9)
    first, second = run.ask(), run.ask()
    assert run.report(first, 1, accuracy=0.95).stops
    assert run.report(second, 1, accuracy=0.97).reason == "the run ends: max_reward"
    assert run.ask() is None
    assert run.is_over


def test_enqueued_configs_are_asked_for_first():
    run = ag.AskTell(SPACE, num_trials=3)
    assert run.enqueue({"x": 0.125}) == {"x": 0.125}
    assert [run.ask().config["x"] for _ in range(2)] == [0.125, 0.5]
    with pytest.raises(SpecError):
        run.enqueue({"x": 2.0})


def test_too_many_failures_are_an_error_unless_they_are_wanted():
    run = ag.AskTell(SPACE)
    for _ in range(5):
        run.tell(run.ask(), error="always")
    with pytest.raises(TrialFailed, match=r"5 of 5 trials failed; the last, trial 4: always"):
        run.ask()
    run = ag.AskTell(SPACE, max_failures=None)
    for _ in range(30):
        run.tell(run.ask(), error="always")
    assert run.ask() is not None


# -- trials whose process is gone ----------------------------------------------------------


def test_a_trial_that_is_taken_back_is_given_out_again_before_any_other():
    run = ag.AskTell(SPACE, "hbs", num_trials=3)
    gone, kept = run.ask(), run.ask()
    run.report(gone, 1, accuracy=0.5)
    assert [trial.trial_id for trial in run.running] == [0, 1]
    assert run.tell(gone, state="interrupted") is TrialState.INTERRUPTED
    assert [trial.trial_id for trial in run.running] == [1]
    again = run.ask()
    assert (again.trial_id, again.attempt, again.known) == (0, 1, 1)
    assert again.config == gone.config
    assert again.milestone == 3
    late = run.report(gone, 2, accuracy=0.9)
    assert late.stops
    assert "was given out again as attempt 1" in late.reason
    assert run.tell(gone) is TrialState.RUNNING
    assert not run.report(again, 1, accuracy=0.5).stops  # known already
    assert not run.report(again, 2, accuracy=0.6).stops
    assert run.report(kept, 1, accuracy=0.4).stops
    assert [report.resource for report in run.trials[0].reports] == [1, 2]


def test_trials_that_are_silent_are_given_out_again():
    run = ag.AskTell(SPACE, num_trials=2)
    first, second = run.ask(), run.ask()
    assert run.ask(again_after_s=3600) is None
    assert run.ask(again_after_s=0).trial_id == first.trial_id
    reason = run.history.events[-1].reason
    assert reason == "nothing was heard of it for 0 seconds"
    assert {trial.attempt for trial in run.running} == {1}
    assert run.tell(second, 1.0) is TrialState.INTERRUPTED  # the silent one was alive
    for wrong in (-1, "soon", math.nan):
        with pytest.raises(SpecError, match="a number of seconds"):
            run.ask(again_after_s=wrong)


def test_a_repeated_report_that_differs_is_said_once_and_the_record_is_kept(caplog):
    run = ag.AskTell(SPACE, num_trials=1)
    trial = run.ask()
    run.report(trial, 1, accuracy=0.5)
    run.tell(trial, state="interrupted")
    again = run.ask()
    with caplog.at_level(logging.WARNING, logger="agcore"):
        run.report(again, 1, accuracy=0.75)
        run.report(again, 1, accuracy=0.8)
    assert caplog.text.count("reports accuracy=0.75 at epoch=1, but 0.5 is recorded") == 1
    assert run.best().reward == 0.5


def test_a_lost_trial_has_its_retries():
    run = ag.AskTell(SPACE, num_trials=1, max_retries=1)
    assert run.tell(run.ask(), state="lost") is TrialState.LOST
    again = run.ask()
    assert (again.trial_id, again.attempt) == (0, 1)
    assert run.history.events[-1].reason == "its process vanished; retry 1 of 1"
    run.tell(again, state="lost")
    assert run.ask() is None
    assert run.is_over


# -- what it is made with ------------------------------------------------------------------


def test_a_space_comes_in_three_forms():
    @ag.args(x=ag.Real(0, 1), epochs=9)
    def train(args, reporter):
        """Never called."""

    forms = [train, SearchSpace({"x": ag.Real(0, 1)}), {"x": ag.Real(0, 1)}]
    configs = [[ag.AskTell(form).ask().config for _ in range(3)] for form in forms]
    assert configs[0] == configs[1] == configs[2]
    with pytest.raises(SpecError, match="has nothing to search"):
        ag.AskTell({"x": 3})
    with pytest.raises(SpecError, match="must be a dict of spaces"):
        ag.AskTell(print)


def test_policies_and_searchers_may_be_objects():
    space = SearchSpace({"x": ag.Real(0, 1)})
    run = ag.AskTell(
        space, HyperbandPolicy(9, type="promotion"), searcher=RandomSearcher(space), num_trials=2
    )
    assert run.ask().milestone == 1
    assert run.report(0, 1, accuracy=1).action is Action.PAUSE
    with pytest.raises(SpecError, match="max_t= is no argument beside a policy"):
        ag.AskTell(space, HyperbandPolicy(9), max_t=9)
    with pytest.raises(SpecError, match="must be a name, as 'fifo'"):
        ag.AskTell(space, 3)


def test_one_seed_fixes_proposals_and_brackets(stage):
    def asked(seed):
        run = stage.make("hbs", random_seed=seed, num_trials=12)
        trials = [run.ask() for _ in range(12)]
        return [(trial.config["x"], trial.milestone) for trial in trials]

    assert asked(1) == asked(1) != asked(2)
    with pytest.raises(SpecError, match="leave out one of the two"):
        ag.AskTell(SPACE, random_seed=1, search_options={"random_seed": 2})


def test_arguments_that_say_how_trials_run_are_refused():
    for name in ("num_workers", "executor", "time_out", "time_budget", "progress", "resource"):
        with pytest.raises(SpecError, match=f"{name}= has no meaning for an AskTell"):
            ag.AskTell(SPACE, **{name: 1})
    with pytest.raises(SpecError, match="scheduler='fivo' is unknown; did you mean 'fifo'"):
        ag.AskTell(SPACE, "fivo")
    with pytest.raises(SpecError, match="grace_period= has no effect with scheduler='fifo'"):
        ag.AskTell(SPACE, grace_period=3)
    with pytest.raises(SpecError, match="lock_timeout_s=-1 must be"):
        ag.AskTell(SPACE, lock_timeout_s=-1)
    with pytest.raises(SpecError, match="resume=True needs checkpoint="):
        ag.AskTell(SPACE, resume=True)


def test_in_memory_it_stays_where_it_was_made():
    run = ag.AskTell(SPACE)
    with pytest.raises(SpecError, match="cannot be sent to another process; pass checkpoint="):
        pickle.dumps(run)
    assert repr(run) == "AskTell(0 trials, in memory)"


def test_a_constraint_may_read_the_run_and_not_change_it():
    def reads(config):
        seen.append(len(run.trials))
        return True

    def changes(config):
        run.ask()

    seen = []
    run = ag.AskTell(SPACE, search_options={"constraint": reads})
    run.ask(), run.ask()
    assert seen[-1] == 1
    run = ag.AskTell(SPACE, search_options={"constraint": changes})
    with pytest.raises(SpecError, match="may read the run, not change it"):
        run.ask(), run.ask()


class BreaksOff(RandomSearcher):
    """Interrupted at its third proposal, the first time."""

    breaks = True

    def suggest(self, request):
        if request.draw == 2 and type(self).breaks:
            type(self).breaks = False
            raise KeyboardInterrupt
        return super().suggest(request)


def test_ctrl_c_leaves_no_trace(monkeypatch, stage):
    undisturbed = stage.make("hbs", num_trials=6)
    stage.converse([undisturbed])
    run = stage.make("hbs", num_trials=6)
    searcher = type(run._setup.parts.searcher)
    suggest, calls = searcher.suggest, []

    def breaks_off(self, request):
        calls.append(request.draw)
        suggestion = suggest(self, request)
        if calls.count(2) == 1 and request.draw == 2:
            raise KeyboardInterrupt
        return suggestion

    monkeypatch.setattr(searcher, "suggest", breaks_off)
    with pytest.raises(KeyboardInterrupt):
        stage.converse([run])
    stage.converse([run])
    assert stage.what_happened(run) == stage.what_happened(undisturbed)


def test_an_object_that_was_left_half_told_is_not_asked_again():
    space = SearchSpace({"x": ag.Real(0, 1)})
    run = ag.AskTell(space, searcher=BreaksOff(space))
    run.ask(), run.ask()
    with pytest.raises(KeyboardInterrupt):
        run.ask()
    with pytest.raises(JournalError, match="half told, and an object cannot be made anew"):
        run.ask()


def test_the_record_of_a_trial_is_the_callers_own():
    run = ag.AskTell(SPACE)
    trial = run.ask()
    before = copy.deepcopy(trial)
    trial.config["x"] = 17
    run.tell(trial, 1.0)
    assert run.trials[0].config == before.config
    assert sum(isinstance(event, Reported) for event in run.history.events) == 1

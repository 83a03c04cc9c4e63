import argparse
import json
import math

import pytest

import agcore as ag
from agcore.errors import SpecError
from agcore.records import Suggestion, TrialState

SCRIPTED = {"progress": False}


@pytest.fixture
def finished(train_fn, scripted, one_second_epochs):
    scheduler = ag.scheduler.HyperbandScheduler(
        train_fn, executor=scripted(one_second_epochs, slots=2), num_trials=9, progress=False
    )
    scheduler.run()
    return scheduler


def test_best_config_reward_and_task_agree(finished):
    task_id = finished.get_best_task_id()
    assert finished.config_history[task_id] == finished.get_best_config()
    rewards = [r["accuracy"] for rows in finished.training_history.values() for r in rows]
    assert finished.get_best_reward() == max(rewards)
    best = finished.best()
    assert (str(best.trial_id), best.reward) == (task_id, max(rewards))


@pytest.mark.parametrize("at", ["first", 0, -1, True, 1.5j])
def test_best_at_nonsense_is_refused(finished, at):
    with pytest.raises((SpecError, TypeError)):
        finished.best(at=at)


def test_best_at_a_rung_looks_at_that_rung_only(finished):
    at_one = finished.best(at=1)
    assert at_one.resource == 1
    rewards = [rows[0]["accuracy"] for rows in finished.training_history.values()]
    assert at_one.reward == max(rewards)
    assert finished.best(at=4) is None or finished.best(at=4).resource == 4
    assert finished.best(at=1000) is None


def test_metadata_has_the_classic_keys(finished, train_fn):
    assert finished.metadata == {
        "search_space": train_fn.kwspaces,
        "search_strategy": "random",
        "stop_criterion": {"time_limits": None, "max_reward": None},
        "resources_per_trial": {"num_cpus": 1, "num_gpus": 0},
    }


def test_state_dict_is_json_and_holds_every_event(finished):
    state = json.loads(json.dumps(finished.state_dict(), allow_nan=False))
    assert state["schema"] == 1
    assert len(state["events"]) == len(finished.history.events)
    assert state["settings"]["scheduler"] == "HyperbandScheduler"


def test_the_history_is_a_fresh_copy_that_callers_may_change(finished):
    finished.training_history["0"][0]["accuracy"] = 99.0
    finished.training_history.clear()
    assert finished.training_history["0"][0]["accuracy"] != 99.0


def test_finished_tasks_are_listed(finished):
    assert finished.num_finished_tasks == len(finished.finished_tasks) == 9
    assert finished.finished_tasks[0].keys() == {"TASK_ID", "Config"}


def test_training_curves_are_drawn_to_a_file(finished, tmp_path):
    finished.get_training_curves(filename=str(tmp_path / "curves.png"))
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_training_curves_without_a_target_say_so(finished, caplog):
    finished.get_training_curves()
    assert "nothing without filename= or plot=True" in caplog.text


def test_before_the_run_everything_is_empty(train_fn, scripted, one_second_epochs):
    scheduler = ag.scheduler.FIFOScheduler(
        train_fn, executor=scripted(one_second_epochs), num_trials=1, mode="min", progress=False
    )
    assert scheduler.training_history == {}
    assert scheduler.get_best_config() == {}
    assert scheduler.get_best_reward() == math.inf
    assert scheduler._start_time is None
    assert "FIFOScheduler" in repr(scheduler)
    assert "random" in repr(scheduler)


def test_run_with_config_returns_what_the_function_returns(scripted):
    @ag.args(x=ag.Real(0, 1), y=2)
    def train(args, reporter):
        reporter(accuracy=args.x)
        return args.x * args.y

    scheduler = ag.scheduler.FIFOScheduler(train, num_trials=1)
    assert scheduler.run_with_config({"x": 0.25}) == 0.5
    assert scheduler.training_history == {}


def test_a_task_is_run_once(train_fn):
    @ag.args(x=ag.Real(0, 1), y=2)
    def other(args, reporter):
        return args.x + args.y

    scheduler = ag.scheduler.FIFOScheduler(train_fn, num_trials=1)
    task = ag.Task(other, {"x": 0.25}, {"num_cpus": 1})
    assert scheduler.run_job(task) == 2.25


def test_log_of_a_trial_comes_from_the_executor(finished):
    assert finished.log(3) == ["log of 3"]


def test_search_options_beside_a_searcher_object_have_no_effect_and_one_line_says_so(
    train_fn, caplog
):
    def make(**options):
        searcher = ag.searcher.RandomSearcher(train_fn.cs)
        ag.scheduler.FIFOScheduler(
            train_fn, searcher=searcher, num_trials=1, search_options=options
        )

    make(num_init_random=2, debug_log=True, random_seed=3)
    assert len(caplog.records) == 1
    assert "num_init_random have no effect with searcher='RandomSearcher'" in caplog.text
    with pytest.raises(SpecError, match="did you mean 'random_seed'"):
        make(randon_seed=2)


def test_what_a_users_searcher_suggests_is_checked(train_fn, scripted, one_second_epochs):
    class Wrong(ag.searcher.BaseSearcher):
        answer = None

        def propose(self, request):
            return self.answer

    def run(answer):
        searcher = Wrong(train_fn.cs, first_is_default=False)
        searcher.answer = answer
        scheduler = ag.scheduler.FIFOScheduler(
            train_fn,
            searcher=searcher,
            num_trials=1,
            executor=scripted(one_second_epochs),
            progress=False,
        )
        scheduler.run()
        return scheduler.trials[0].config

    with pytest.raises(SpecError, match="x"):
        run(Suggestion({"x": 99}, "mine"))
    assert run(Suggestion({}, "mine")) == {"x": 0.5}


def test_num_trials_asked_for_later_count_when_the_time_is_used_up(
    train_fn, scripted, one_second_epochs
):
    scheduler = ag.scheduler.FIFOScheduler(
        train_fn, executor=scripted(one_second_epochs), time_out=20, progress=False
    )
    scheduler.run()
    assert len(scheduler.trials) == 3
    scheduler.run(num_trials=5)
    assert len(scheduler.trials) == 5


def test_a_callback_that_raises_ends_the_run_but_no_trial_stays_running(
    train_fn, scripted, one_second_epochs
):
    ends = []

    class Raises(ag.callbacks.Callback):
        count = 0

        def on_event(self, event):
            self.count += 1
            if self.count >= 9:
                raise RuntimeError("in a callback")

        def on_end(self, reason):
            raise RuntimeError("at the end")

    class Hears(ag.callbacks.Callback):
        def on_end(self, reason):
            ends.append(reason)

    scheduler = ag.scheduler.FIFOScheduler(
        train_fn,
        executor=scripted(one_second_epochs, slots=3),
        num_trials=9,
        callbacks=[Raises(), Hears()],
        progress=False,
    )
    with pytest.raises(RuntimeError, match="in a callback"):
        scheduler.run()
    assert {t.state for t in scheduler.trials.values()} == {TrialState.INTERRUPTED}
    assert ends == ["an exception"]


def test_a_classic_searcher_stays_the_one_that_was_given(train_fn, scripted, one_second_epochs):
    class Classic:
        scheduler = None

        def configure_scheduler(self, scheduler):
            self.scheduler = scheduler

        def get_config(self):
            return {"x": 0.25}

        def update(self, config, **result):
            """Learns nothing."""

    mine = Classic()
    scheduler = ag.scheduler.FIFOScheduler(
        train_fn,
        searcher=mine,
        executor=scripted(one_second_epochs),
        num_trials=1,
        progress=False,
    )
    scheduler.run()
    assert scheduler.searcher is mine
    assert mine.scheduler is scheduler


@pytest.mark.parametrize("executor", ["local", "inline"])
def test_gpus_that_are_not_there_are_refused_wherever_trials_run(train_fn, executor):
    with pytest.raises(SpecError, match=r"can use \d GPUs"):
        ag.scheduler.FIFOScheduler(
            train_fn, num_trials=1, executor=executor, resource={"num_gpus": 64}
        )


def test_a_function_that_reads_what_a_scheduler_tells_it_runs_by_hand(train_fn):
    @ag.args(x=ag.Real(0, 1))
    def train(args, reporter):
        reporter(accuracy=1.0)
        return args.scheduler.resume_from, args.task_id, reporter.resume_from

    assert train(train.args, {"x": 0.5}) == (0, None, 0)
    scheduler = ag.scheduler.FIFOScheduler(train, num_trials=1)
    assert scheduler.run_with_config({"x": 0.5}) == (0, None, 0)
    assert scheduler.run_job(ag.Task(train, {"x": 0.5})) == (0, None, 0)
    plain = ag.Task(lambda args: args.a + args.b, argparse.Namespace(a=1, b=2))
    assert scheduler.run_job(plain) == 3


def test_a_searcher_object_is_used_as_it_is(train_fn, scripted, one_second_epochs):
    searcher = ag.searcher.RandomSearcher(train_fn.cs, points_to_evaluate=[{"x": 0.125}])
    scheduler = ag.scheduler.FIFOScheduler(
        train_fn,
        searcher=searcher,
        num_trials=1,
        executor=scripted(one_second_epochs),
        progress=False,
    )
    scheduler.run()
    assert scheduler.searcher is searcher
    assert scheduler.trials[0].config == {"x": 0.125}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"executor": "threads"}, "'local'.*'inline'"),
        ({"num_workers": 0}, "num_workers=0"),
        ({"isolation": "vm"}, "isolation='vm'"),
        ({"resource": {"cpus": 1}}, "unknown key 'cpus'"),
        ({"resource": {"num_cpus": 0.5}}, "num_cpus=0.5"),
        ({"resource": {"num_gpus": 1.5}}, "not whole"),
        ({"search_options": 3}, "must be a dict"),
        ({"resource": 5}, "resource=5 must be a dict"),
        ({"callbacks": [print]}, "ag.callbacks.Callback"),
        ({"time_out": True}, "time_out=True"),
        ({"searcher": 3}, "get_config"),
        ({"training_history_callback": 3}, "must be a function"),
    ],
)
def test_wrong_arguments_are_refused_at_construction(train_fn, arguments, message):
    with pytest.raises(SpecError, match=message):
        ag.scheduler.FIFOScheduler(train_fn, num_trials=1, **arguments)


def test_an_undecorated_function_is_refused_with_the_remedy():
    with pytest.raises(SpecError, match=r"@ag.args"):
        ag.scheduler.FIFOScheduler(lambda args, reporter: None, num_trials=1)


def test_the_rl_scheduler_says_that_it_is_not_rebuilt(train_fn):
    with pytest.raises(SpecError, match="not part of agcore"):
        ag.scheduler.RLScheduler(train_fn, num_trials=1)
    with pytest.raises(SpecError, match="'rl' is not part of agcore"):
        ag.scheduler.FIFOScheduler(train_fn, num_trials=1, searcher="rl")


def test_the_callback_gets_history_start_time_configs_and_state(
    train_fn, scripted, one_second_epochs
):
    calls = []

    def callback(training_history, start_time, config_history=None, state_dict=None):
        calls.append((sum(map(len, training_history.values())), len(config_history)))
        assert start_time == scheduler._start_time
        assert state_dict["events"]

    scheduler = ag.scheduler.FIFOScheduler(
        train_fn,
        executor=scripted(one_second_epochs),
        num_trials=3,
        training_history_callback=callback,
        training_history_callback_delta_secs=10,
        progress=False,
    )
    scheduler.run()
    # Reports come at seconds 1 to 27: the first of each block of ten, and what came last.
    assert calls == [(1, 1), (10, 2), (20, 3), (27, 3)]


def test_states_are_plain_strings_for_those_who_print_them():
    assert TrialState.OUT_OF_MEMORY == "out_of_memory"

import json
import math

import pytest

import agcore as ag
from agcore.errors import SpecError
from agcore.records import TrialState

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


def test_search_options_beside_a_searcher_object_are_refused(train_fn):
    searcher = ag.searcher.RandomSearcher(train_fn.cs)
    with pytest.raises(SpecError, match="points_to_evaluate"):
        ag.scheduler.FIFOScheduler(
            train_fn,
            searcher=searcher,
            num_trials=1,
            search_options={"points_to_evaluate": []},
        )


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

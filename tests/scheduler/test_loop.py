import logging
import math

import pytest

import agcore as ag
from agcore.errors import TrialFailed
from agcore.jobs import Outcome, Resume
from agcore.records import (
    Decided,
    Reported,
    RunEnded,
    RunResumed,
    RunStarted,
    TrialEnded,
    TrialProposed,
    TrialStarted,
    TrialState,
)


def run_fifo(train_fn, executor, **arguments):
    arguments.setdefault("num_trials", 4)
    scheduler = ag.scheduler.FIFOScheduler(train_fn, executor=executor, progress=False, **arguments)
    scheduler.run()
    return scheduler


def test_events_of_a_trial_come_in_order(train_fn, scripted, one_second_epochs):
    scheduler = run_fifo(train_fn, scripted(one_second_epochs), num_trials=1)
    kinds = [type(event) for event in scheduler.history.events]
    assert kinds == [RunStarted, TrialProposed, TrialStarted, *[Reported] * 9, TrialEnded, RunEnded]


def test_all_slots_are_used_and_never_more(train_fn, scripted, one_second_epochs):
    executor = scripted(one_second_epochs, slots=3)
    scheduler = run_fifo(train_fn, executor, num_trials=6)
    assert executor.clock.seconds - scheduler.history.start_s == pytest.approx(18.0)
    assert scheduler.num_finished_tasks == 6


def test_the_executor_is_closed_after_every_run(train_fn, scripted, one_second_epochs):
    executor = scripted(one_second_epochs)
    scheduler = run_fifo(train_fn, executor)
    scheduler.run(num_trials=6)
    assert (executor.open_count, executor.close_count) == (2, 2)
    assert len(scheduler.trials) == 6
    assert sum(isinstance(e, RunResumed) for e in scheduler.history.events) == 1


def test_run_again_without_more_trials_does_nothing(train_fn, scripted, one_second_epochs):
    executor = scripted(one_second_epochs)
    scheduler = run_fifo(train_fn, executor)
    scheduler.run()
    scheduler.join_jobs(timeout=1)
    assert len(executor.jobs) == 4


def test_time_out_ends_trials_that_never_report(train_fn, scripted):
    executor = scripted(lambda job: [(1e9, {"epoch": 1, "accuracy": 1.0})], slots=2)
    scheduler = run_fifo(train_fn, executor, num_trials=None, time_out=60)
    assert sorted(executor.killed) == [0, 1]
    assert executor.clock.seconds - scheduler.history.start_s == pytest.approx(60)
    assert {t.state for t in scheduler.trials.values()} == {TrialState.INTERRUPTED}
    assert scheduler.training_history == {}


def test_time_out_may_leave_running_trials_alone(train_fn, scripted, one_second_epochs):
    executor = scripted(one_second_epochs)
    scheduler = run_fifo(
        train_fn, executor, num_trials=None, time_out=10, stop_jobs_after_time_out=False
    )
    assert executor.killed == []
    assert [t.state for t in scheduler.trials.values()] == [TrialState.COMPLETED] * 2


def test_time_out_counts_all_runs_together(train_fn, scripted, one_second_epochs):
    executor = scripted(one_second_epochs)
    scheduler = run_fifo(train_fn, executor, num_trials=1, time_out=20)
    scheduler.run(num_trials=100)
    assert executor.clock.seconds - scheduler.history.start_s == pytest.approx(20)


@pytest.mark.parametrize("target", [0.0, 4.0])
def test_max_reward_starts_nothing_new_and_stops_the_others_at_their_next_report(
    train_fn, scripted, one_second_epochs, target
):
    # max_reward=0 counts too; the ancestor ignored it.
    executor = scripted(one_second_epochs, slots=2)
    scheduler = run_fifo(train_fn, executor, num_trials=50, max_reward=target)
    states = [t.state for t in scheduler.trials.values()]
    assert len(states) < 50
    assert TrialState.STOPPED in states
    assert scheduler.get_best_reward() >= target
    assert executor.killed == []


def test_a_trial_that_hangs_after_max_reward_still_ends_at_time_out(train_fn, scripted):
    def script(job):
        reward = 1.0 if job.trial_id == 0 else 0.0
        wait = 1.0 if job.trial_id == 0 else 1e9
        return [(wait, {"epoch": 1, "accuracy": reward})]

    executor = scripted(script, slots=2)
    scheduler = run_fifo(train_fn, executor, num_trials=9, max_reward=0.5, time_out=100)
    assert executor.killed == [1]
    assert scheduler.trials[1].state is TrialState.INTERRUPTED


def test_once_max_reward_was_reached_a_second_run_starts_nothing(
    train_fn, scripted, one_second_epochs
):
    executor = scripted(one_second_epochs)
    scheduler = run_fifo(train_fn, executor, max_reward=0.1)
    count = len(executor.jobs)
    scheduler.run(num_trials=50)
    assert len(executor.jobs) == count


def test_with_mode_min_rewards_are_losses_everywhere(train_fn, scripted):
    losses = {0: [3.0, 1.0, 2.0], 1: [5.0, 4.0, 0.5]}

    def script(job):
        return [(1.0, {"epoch": i + 1, "accuracy": v}) for i, v in enumerate(losses[job.trial_id])]

    scheduler = run_fifo(train_fn, scripted(script), num_trials=2, mode="min")
    assert scheduler.get_best_reward() == 0.5
    assert scheduler.get_best_task_id() == "1"
    assert scheduler.best(at="last").reward == 0.5
    assert scheduler.best(at=1).trial_id == 0
    assert scheduler.searcher.get_best_reward() == 0.5 or scheduler.searcher.dataset_size() == 2


def test_a_nan_reward_ends_the_trial_as_diverged_and_is_never_best(train_fn, scripted):
    def script(job):
        reward = math.nan if job.trial_id == 0 else 0.25
        return [(1.0, {"epoch": e + 1, "accuracy": reward}) for e in range(3)]

    scheduler = run_fifo(train_fn, scripted(script), num_trials=2)
    assert scheduler.trials[0].state is TrialState.DIVERGED
    assert len(scheduler.trials[0].reports) == 1
    assert scheduler.get_best_task_id() == "1"


def test_an_infinite_reward_diverges_too(train_fn, scripted):
    def script(job):
        return [(1.0, {"epoch": 1, "accuracy": math.inf})]

    scheduler = run_fifo(train_fn, scripted(script), num_trials=2)
    assert {t.state for t in scheduler.trials.values()} == {TrialState.DIVERGED}
    assert scheduler.get_best_config() == {}
    assert scheduler.get_best_reward() == -math.inf


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (Outcome.RAISED, TrialState.FAILED),
        (Outcome.OUT_OF_MEMORY, TrialState.OUT_OF_MEMORY),
        (Outcome.VANISHED, TrialState.LOST),
    ],
)
def test_failures_are_recorded_and_the_others_go_on(train_fn, scripted, outcome, state):
    def script(job):
        report = (1.0, {"epoch": 1, "accuracy": 0.5})
        return [report, (1.0, outcome)] if job.trial_id == 1 else [report]

    scheduler = run_fifo(train_fn, scripted(script))
    states = [t.state for t in scheduler.trials.values()]
    assert states == [TrialState.COMPLETED, state, TrialState.COMPLETED, TrialState.COMPLETED]
    assert scheduler.get_best_task_id() == "0"
    assert scheduler.trials[1].error == "boom"


def test_the_first_five_trials_all_failing_ends_the_run(train_fn, scripted, caplog):
    executor = scripted(lambda job: [(1.0, Outcome.RAISED)])
    scheduler = ag.scheduler.FIFOScheduler(
        train_fn, executor=executor, num_trials=50, progress=False
    )
    with pytest.raises(TrialFailed, match=r"5 of 5 trials failed.*boom"):
        scheduler.run()
    assert len(executor.jobs) == 5
    assert "log of 4" in caplog.text
    assert isinstance(scheduler.history.events[-1], RunEnded)


def test_half_of_twenty_failing_ends_the_run(train_fn, scripted):
    def script(job):
        if job.trial_id % 2:
            return [(1.0, Outcome.RAISED)]
        return [(1.0, {"epoch": 1, "accuracy": 0.5})]

    executor = scripted(script)
    scheduler = ag.scheduler.FIFOScheduler(
        train_fn, executor=executor, num_trials=50, progress=False
    )
    with pytest.raises(TrialFailed, match="10 of 20"):
        scheduler.run()
    assert scheduler.get_best_reward() == 0.5


def test_a_number_of_failures_or_none_may_be_asked_for(train_fn, scripted):
    executor = scripted(lambda job: [(1.0, Outcome.RAISED)])
    scheduler = ag.scheduler.FIFOScheduler(
        train_fn, executor=executor, num_trials=30, max_failures=2, progress=False
    )
    with pytest.raises(TrialFailed, match="2 of 2"):
        scheduler.run()
    never = run_fifo(train_fn, scripted(lambda job: [(1.0, Outcome.RAISED)]), max_failures=None)
    assert len(never.trials) == 4


def test_few_trials_that_all_failed_raise_as_well(train_fn, scripted):
    with pytest.raises(TrialFailed, match="2 of 2"):
        run_fifo(train_fn, scripted(lambda job: [(1.0, Outcome.RAISED)]), num_trials=2)


def test_too_many_failures_end_the_running_trials(train_fn, scripted):
    def script(job):
        if job.trial_id == 0:
            return [(1e6, {"epoch": 1, "accuracy": 1.0})]
        return [(1.0, Outcome.RAISED)]

    executor = scripted(script, slots=2)
    scheduler = ag.scheduler.FIFOScheduler(
        train_fn, executor=executor, num_trials=30, max_failures=3, progress=False
    )
    with pytest.raises(TrialFailed):
        scheduler.run()
    assert scheduler.trials[0].state is TrialState.INTERRUPTED


def test_a_trial_without_reports_is_absent_from_the_history(train_fn, scripted, caplog):
    def script(job):
        return [] if job.trial_id < 2 else [(1.0, {"epoch": 1, "accuracy": 0.5})]

    with caplog.at_level(logging.WARNING, "agcore"):
        scheduler = run_fifo(train_fn, scripted(script), num_trials=3)
    assert list(scheduler.training_history) == ["2"]
    assert list(scheduler.config_history) == ["2"]
    assert caplog.text.count("without a report") == 1


def test_the_searcher_gets_the_best_report_of_a_trial_once(train_fn, scripted):
    def script(job):
        return [(1.0, {"epoch": i + 1, "accuracy": v}) for i, v in enumerate([0.2, 0.9, 0.9, 0.1])]

    learnt = []

    class Spy:
        def get_config(self):
            return {"x": len(learnt) / 10}

        def update(self, config, **result):
            learnt.append(result)

    run_fifo(train_fn, scripted(script), num_trials=2, searcher=Spy())
    assert learnt == [{"epoch": 2, "accuracy": 0.9}] * 2


def test_the_classic_trial_value_is_the_last_report(train_fn, scripted):
    def script(job):
        values = [0.9, 0.1] if job.trial_id == 0 else [0.2, 0.3]
        return [(1.0, {"epoch": i + 1, "accuracy": v}) for i, v in enumerate(values)]

    executor = scripted(script)
    scheduler = run_fifo(train_fn, executor, num_trials=2, trial_value="last")
    assert (scheduler.get_best_task_id(), scheduler.get_best_reward()) == ("1", 0.3)
    assert scheduler.best(at="any").trial_id == 0


def test_a_searcher_that_is_exhausted_ends_the_run_normally(scripted):
    @ag.args(kind=ag.Categorical("a", "b", "c"))
    def train(args, reporter):
        """Scripted."""

    executor = scripted(lambda job: [(1.0, {"epoch": 1, "accuracy": 0.5})], slots=2)
    scheduler = run_fifo(train, executor, num_trials=100)
    assert len(scheduler.trials) == 3


def test_enqueued_configs_come_first_and_are_not_proposed_again(scripted):
    @ag.args(kind=ag.Categorical("a", "b", "c"))
    def train(args, reporter):
        """Scripted."""

    executor = scripted(lambda job: [(1.0, {"epoch": 1, "accuracy": 0.5})])
    scheduler = ag.scheduler.FIFOScheduler(train, executor=executor, num_trials=10, progress=False)
    assert scheduler.enqueue({"kind": "c"}) == {"kind": "c"}
    scheduler.run()
    kinds = [trial.config["kind"] for trial in scheduler.trials.values()]
    assert kinds[0] == "c"
    assert sorted(kinds) == ["a", "b", "c"]
    assert scheduler.trials[0].origin == "queue"
    scheduler.enqueue({"kind": "a"})
    scheduler.run(num_trials=11)
    assert len(scheduler.trials) == 4


@pytest.mark.parametrize("ahead", [False, True])
def test_asking_the_searcher_ahead_of_time_gives_the_same_run(
    train_fn, scripted, one_second_epochs, ahead
):
    asked_at = []

    class Spy:
        def get_config(self):
            asked_at.append(executor.clock.seconds)
            return {"x": len(asked_at) / 10}

        def update(self, config, **result):
            pass

    executor = scripted(one_second_epochs)
    scheduler = run_fifo(
        train_fn, executor, num_trials=3, searcher=Spy(), delay_get_config=not ahead
    )
    start = scheduler.history.start_s
    assert [t - start for t in asked_at] == ([0, 0, 9] if ahead else [0, 9, 18])
    assert [t.config["x"] for t in scheduler.trials.values()] == [0.1, 0.2, 0.3]


def test_a_config_found_ahead_of_time_is_kept_for_the_next_run(
    train_fn, scripted, one_second_epochs
):
    executor = scripted(one_second_epochs)
    scheduler = run_fifo(train_fn, executor, time_out=10, delay_get_config=False, num_trials=None)
    before = len(scheduler.trials)
    scheduler.run(time_out=30)
    xs = [t.config["x"] for t in scheduler.trials.values()]
    again = run_fifo(train_fn, scripted(one_second_epochs), num_trials=len(xs))
    assert before == 2
    assert xs == [t.config["x"] for t in again.trials.values()]


def test_an_error_in_the_searcher_ends_the_run_and_the_trials_that_run(
    train_fn, scripted, one_second_epochs
):
    class Breaks:
        count = 0

        def get_config(self):
            self.count += 1
            if self.count > 2:
                raise RuntimeError("no more")
            return {"x": self.count / 10}

        def update(self, config, **result):
            pass

    executor = scripted(one_second_epochs, slots=3)
    scheduler = ag.scheduler.FIFOScheduler(
        train_fn, executor=executor, num_trials=9, searcher=Breaks(), progress=False
    )
    with pytest.raises(RuntimeError, match="no more"):
        scheduler.run()
    assert executor.close_count == 1
    assert [t.state for t in scheduler.trials.values()] == [TrialState.INTERRUPTED] * 2


def test_searcher_info_is_added_to_the_rows_on_request(train_fn, scripted, one_second_epochs):
    scheduler = run_fifo(
        train_fn,
        scripted(one_second_epochs),
        num_trials=2,
        training_history_searcher_info=True,
    )
    history = scheduler.training_history
    assert "searcher_data_size" not in history["0"][0]
    assert history["1"][0]["searcher_data_size"] == 1


def test_a_rejected_report_fails_its_trial_with_the_rule(train_fn, scripted):
    def script(job):
        jump = 2 if job.trial_id == 0 else 1
        return [(1.0, {"epoch": e, "accuracy": 0.5}) for e in range(jump, 10)]

    executor = scripted(script)
    scheduler = ag.scheduler.HyperbandScheduler(
        train_fn, executor=executor, num_trials=2, progress=False
    )
    scheduler.run()
    assert "jumped over the rung at 1" in executor.rejected[0]
    assert scheduler.trials[0].state is TrialState.FAILED
    assert scheduler.trials[1].state is TrialState.COMPLETED


def test_a_promoted_trial_keeps_its_id_and_known_reports_stay_out_of_the_history(
    train_fn, scripted
):
    def script(job):
        # It starts over, as a function without checkpoints does.
        x = job.config["x"]
        reports = [(1.0, {"epoch": e + 1, "accuracy": x * (e + 1)}) for e in range(9)]
        start = job.resume_from if isinstance(job, Resume) else 0
        return [(0.0, {})] * start + reports

    executor = scripted(script)
    scheduler = ag.scheduler.HyperbandScheduler(
        train_fn, executor=executor, num_trials=12, type="promotion", progress=False
    )
    scheduler.run()
    resumed = [job for job in executor.jobs if isinstance(job, Resume)]
    assert resumed, "nothing was promoted"
    assert len(scheduler.trials) == 12
    for rows in scheduler.training_history.values():
        epochs = [row["epoch"] for row in rows]
        assert epochs == list(range(1, len(epochs) + 1))
    job = resumed[0]
    assert scheduler.trials[job.trial_id].attempts == 2
    assert job.attempt == 1
    assert job.seed == next(j.seed for j in executor.jobs if j.trial_id == job.trial_id)


def test_hyperband_rows_name_bracket_and_termination(train_fn, scripted, one_second_epochs):
    scheduler = ag.scheduler.HyperbandScheduler(
        train_fn, executor=scripted(one_second_epochs), num_trials=9, progress=False
    )
    scheduler.run()
    for trial in scheduler.trials.values():
        rows = scheduler.training_history[str(trial.trial_id)]
        assert [row.get("terminated", False) for row in rows] == [False] * (len(rows) - 1) + [True]
        assert {row["bracket"] for row in rows} == {0}
    decided = [e for e in scheduler.history.events if isinstance(e, Decided)]
    assert all(event.decision.reason for event in decided)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("rungs", [1, 3, 9]),
        ("all", list(range(1, 10))),
        ("rungs_and_last", list(range(1, 10))),
    ],
)
def test_searcher_data_chooses_what_the_searcher_learns(
    train_fn, scripted, one_second_epochs, data, expected
):
    learnt, removed = [], []

    class Spy:
        def get_config(self):
            return {"x": 1.0}

        def update(self, config, **result):
            learnt.append(result["epoch"])

        def remove_case(self, config, **result):
            removed.append(result["epoch"])

    scheduler = ag.scheduler.HyperbandScheduler(
        train_fn,
        executor=scripted(one_second_epochs),
        num_trials=1,
        searcher=Spy(),
        searcher_data=data,
        progress=False,
    )
    scheduler.run()
    assert learnt == expected
    assert removed == ([2, 4, 5, 6, 7, 8] if data == "rungs_and_last" else [])


def test_the_same_seed_gives_the_same_configs_and_trial_seeds(
    train_fn, scripted, one_second_epochs
):
    runs = []
    for slots in (1, 3):
        executor = scripted(one_second_epochs, slots=slots)
        run_fifo(train_fn, executor, num_trials=6, search_options={"random_seed": 11})
        runs.append({job.trial_id: (job.config, job.seed) for job in executor.jobs})
    assert runs[0] == runs[1]
    assert len({seed for _, seed in runs[0].values()}) == 6


def test_callbacks_see_every_event_and_the_end(train_fn, scripted, one_second_epochs):
    seen = []

    class Spy(ag.callbacks.Callback):
        def on_start(self, view):
            seen.append(("start", view.slots, view.num_trials))

        def on_event(self, event):
            seen.append(type(event).__name__)

        def on_end(self, reason):
            seen.append(("end", reason))

    run_fifo(train_fn, scripted(one_second_epochs), num_trials=1, callbacks=[Spy()])
    assert seen[0] == ("start", 1, 1)
    assert seen[1:3] == ["TrialProposed", "TrialStarted"]
    assert seen[-1] == ("end", "nothing is left to run")

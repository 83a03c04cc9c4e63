import itertools
import json
import shutil
import zlib

import pytest

import agcore as ag
from agcore.errors import JournalError, SpecError
from agcore.journal import read_journal
from agcore.records import RunEnded, RunResumed, RunStarted, TrialStarted

KINDS = {
    "fifo": (ag.scheduler.FIFOScheduler, {}),
    "stopping": (ag.scheduler.HyperbandScheduler, {"type": "stopping", "brackets": 2}),
    "promotion": (ag.scheduler.HyperbandScheduler, {"type": "promotion"}),
    "shared": (
        ag.scheduler.HyperbandScheduler,
        {"type": "promotion", "brackets": 2, "rung_system_per_bracket": False},
    ),
    "median": (ag.scheduler.MedianStoppingScheduler, {"min_samples": 2}),
    "sync": (ag.scheduler.SynchronousHyperbandScheduler, {}),
    "pasha": (ag.scheduler.PASHAScheduler, {}),
    "pbt": (
        ag.scheduler.PopulationBasedTrainingScheduler,
        {"population_size": 4, "quantile_fraction": 0.25, "perturbation_interval": 2},
    ),
    "fronts": (
        ag.scheduler.HyperbandScheduler,
        {"type": "promotion", "reward_attr": ["accuracy", "latency"], "mode": ["max", "min"]},
    ),
    "scalarised": (
        ag.scheduler.MOHyperbandScheduler,
        {"objectives": {"accuracy": "MAX", "latency": "MIN"}},
    ),
}
LINE = {"x": ag.Real(0, 1)}
SPACES = {
    "random": LINE,
    "grid": {"x": ag.Categorical(*[(7 * i % 13) / 13 for i in range(13)])},
}
OPTIONS = {
    "sobol": {},
    "evolution": {"population_size": 3},
    "tpe": {"num_init_random": 3},
    "bohb": {"min_points": 2, "random_fraction": 0.2},
}
NUM_CUTS = 12
"""Of a run with one of the searchers above, evenly spread, beginning somewhere else in each."""


def play(job):
    """Nine epochs of a second that start over; trial 3 fails, trial 5 diverges."""
    reports = []
    for epoch in range(9):
        reward = job.config["x"] * (epoch + 1) + (job.trial_id % 3 == 1) * epoch
        if job.trial_id == 5 and epoch == 1:
            reward = float("nan")
        latency = 1 + 7 * job.config["x"] % 3
        reports.append((1.0, {"epoch": epoch + 1, "accuracy": reward, "latency": latency}))
        if job.trial_id == 3 and epoch == 0:
            return [*reports, (1.0, ag.jobs_outcome_raised)]
    return reports


@pytest.fixture(autouse=True)
def _outcome(monkeypatch):
    from agcore.jobs import Outcome

    monkeypatch.setattr(ag, "jobs_outcome_raised", Outcome.RAISED, raising=False)


def make(kind, searcher, scripted, path, **arguments):
    @ag.args(**SPACES.get(searcher, LINE), epochs=9)
    def train(args, reporter):
        """Scripted."""

    class StartsOver(scripted):
        """Resumed attempts play their script from the beginning."""

        def submit(self, job):
            self.jobs.append(job)
            self._running[job.trial_id] = iter(self.script(job))
            self._schedule(job.trial_id)

    scheduler, extra = KINDS[kind]
    return scheduler(
        train,
        searcher=searcher,
        search_options=arguments.pop("search_options", OPTIONS.get(searcher)),
        executor=StartsOver(play),
        num_trials=11,
        checkpoint=path,
        progress=False,
        **extra,
        **arguments,
    )


def what_happened(scheduler):
    """All that must not depend on a crash: configs, decisions, states and rows."""
    trials = {
        trial_id: (
            trial.config,
            trial.state,
            trial.bracket,
            [(d.resource, d.decision) for d in trial.decisions],
            [repr(row) for row in scheduler.history.rows(trial)],
        )
        for trial_id, trial in scheduler.trials.items()
    }
    best = scheduler.history.best()
    return trials, best and best.trial_id


def assert_same(scheduler, expected, where):
    trials, best = what_happened(scheduler)
    for trial_id, fate in expected[0].items():
        assert trials[trial_id] == fate, f"trial {trial_id}, {where}"
    assert (len(trials), best) == (len(expected[0]), expected[1]), where


@pytest.mark.parametrize("searcher", SPACES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_journal_cut_after_any_event_is_continued_to_the_same_end(
    kind, searcher, scripted, tmp_path
):
    check_cuts(kind, searcher, scripted, tmp_path, lambda num_lines: range(1, num_lines))


@pytest.mark.parametrize("searcher", OPTIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_whoever_proposes_a_journal_cut_off_is_continued_to_the_same_end(
    kind, searcher, scripted, tmp_path
):
    def spread(num_lines):
        step = num_lines // NUM_CUTS
        return range(1 + zlib.crc32(f"{kind} {searcher}".encode()) % step, num_lines, step)

    check_cuts(kind, searcher, scripted, tmp_path, spread)


def check_cuts(kind, searcher, scripted, tmp_path, cuts):
    """Continue a run that was cut off behind each of ``cuts(number of lines)`` and in the next."""
    whole = tmp_path / "whole"
    scheduler = make(kind, searcher, scripted, whole)
    scheduler.run()
    expected = what_happened(scheduler)
    lines = (whole / "events.jsonl").read_bytes().splitlines(keepends=True)
    for count in cuts(len(lines)):
        cut = tmp_path / f"cut{count}"
        shutil.copytree(whole, cut)
        torn = lines[count][: count % len(lines[count])]
        (cut / "events.jsonl").write_bytes(b"".join(lines[:count]) + torn)
        resumed = make(kind, searcher, scripted, cut, resume=True)
        resumed.run()
        assert_same(resumed, expected, f"cut after {lines[count - 1]!r}")
        again = make(kind, searcher, scripted, cut, resume="auto")
        assert what_happened(again) == expected
        shutil.rmtree(cut)


def test_a_run_cut_off_twice_is_continued_to_the_same_end(scripted, tmp_path):
    whole = tmp_path / "whole"
    scheduler = make("promotion", "random", scripted, whole)
    scheduler.run()
    expected = what_happened(scheduler)
    lines = (whole / "events.jsonl").read_bytes().splitlines(keepends=True)
    for count in range(1, len(lines), 7):
        cut = tmp_path / f"cut{count}"
        shutil.copytree(whole, cut)
        (cut / "events.jsonl").write_bytes(b"".join(lines[:count]))
        make("promotion", "random", scripted, cut, resume=True).run()
        after = (cut / "events.jsonl").read_bytes().splitlines(keepends=True)
        for second in range(count + 1, len(after), 11):
            (cut / "events.jsonl").write_bytes(b"".join(after[:second]))
            resumed = make("promotion", "random", scripted, cut, resume=True)
            resumed.run()
            assert what_happened(resumed) == expected


def test_more_trials_may_be_asked_for_when_continuing(scripted, tmp_path):
    make("fifo", "random", scripted, tmp_path / "run").run()
    longer = make("fifo", "random", scripted, tmp_path / "run", resume=True)
    longer.run(num_trials=15)
    assert len(longer.trials) == 15
    whole = make("fifo", "random", scripted, tmp_path / "other")
    whole.run(num_trials=15)
    assert what_happened(longer) == what_happened(whole)


def test_the_journal_tells_the_sessions_apart(scripted, tmp_path):
    make("fifo", "random", scripted, tmp_path).run()
    make("fifo", "random", scripted, tmp_path, resume=True).run(num_trials=12)
    events = list(read_journal(tmp_path / "events.jsonl"))
    kinds = [type(e) for e in events if isinstance(e, (RunStarted, RunResumed, RunEnded))]
    assert kinds == [RunStarted, RunEnded, RunResumed, RunEnded]
    assert events[0].pid > 0
    assert events[0].host


def test_a_trial_started_again_keeps_its_seed_and_counts_its_attempts(scripted, tmp_path):
    first = make("fifo", "random", scripted, tmp_path)
    first.run()
    seeds = {job.trial_id: job.seed for job in first._executor.jobs}
    lines = (tmp_path / "events.jsonl").read_bytes().splitlines(keepends=True)
    started = next(i for i, line in enumerate(lines) if b'"TrialStarted","trial_id":4' in line)
    (tmp_path / "events.jsonl").write_bytes(b"".join(lines[: started + 3]))
    resumed = make("fifo", "random", scripted, tmp_path, resume=True)
    resumed.run()
    job = resumed._executor.jobs[0]
    assert (job.trial_id, job.attempt, job.seed) == (4, 1, seeds[4])
    starts = [e for e in resumed.history.events if isinstance(e, TrialStarted) and e.trial_id == 4]
    assert [e.attempt for e in starts] == [0, 1]


def test_a_repeated_report_that_differs_gives_one_warning(scripted, tmp_path, caplog):
    make("fifo", "random", scripted, tmp_path).run()
    lines = (tmp_path / "events.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "events.jsonl").write_bytes(b"".join(lines[:8]))
    resumed = make("fifo", "random", scripted, tmp_path, resume=True)
    resumed._executor.script = lambda job: [
        (seconds, {**report, "accuracy": 77.0}) for seconds, report in play(job)
    ]
    resumed.run(num_trials=2)
    assert caplog.text.count("the record is kept") == 1
    assert resumed.training_history["0"][0]["accuracy"] == 0.5


def test_a_state_dict_goes_through_json_and_is_continued(scripted, tmp_path):
    first = make("promotion", "random", scripted, None)
    first.run(num_trials=6)
    first.save(tmp_path / "state.json")
    state = json.loads((tmp_path / "state.json").read_text())
    second = make("promotion", "random", scripted, None)
    second.load_state_dict(state)
    second.run()
    whole = make("promotion", "random", scripted, None)
    whole.run(num_trials=6)
    whole.run()
    assert what_happened(second) == what_happened(whole)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({}, "no state_dict"),
        ({"schema": 99, "events": []}, "later agcore"),
        ({"schema": 1, "events": [{"event": "Nothing"}]}, "event 1"),
        ({"schema": 1, "events": [3]}, "event 1"),
    ],
)
def test_a_state_that_is_none_is_refused(scripted, state, message):
    with pytest.raises(JournalError, match=message):
        make("fifo", "random", scripted, None).load_state_dict(state)


def test_a_state_is_loaded_before_the_first_run_only(scripted):
    scheduler = make("fifo", "random", scripted, None)
    scheduler.run()
    with pytest.raises(SpecError, match="has not run"):
        scheduler.load_state_dict(scheduler.state_dict())


# -- what is refused -----------------------------------------------------------------------


def test_a_directory_that_holds_a_run_is_refused_with_both_remedies(scripted, tmp_path):
    make("fifo", "random", scripted, tmp_path).run()
    with pytest.raises(JournalError, match=r"already holds a run.*resume=True.*resume='auto'"):
        make("fifo", "random", scripted, tmp_path)


def test_resume_true_without_a_run_and_without_a_directory_is_refused(scripted, tmp_path):
    with pytest.raises(JournalError, match=r"holds no run.*resume='auto'"):
        make("fifo", "random", scripted, tmp_path, resume=True)
    with pytest.raises(SpecError, match="needs checkpoint="):
        make("fifo", "random", scripted, None, resume=True)
    with pytest.raises(SpecError, match="resume='yes'"):
        make("fifo", "random", scripted, tmp_path, resume="yes")
    make("fifo", "random", scripted, tmp_path, resume="auto").run()


def test_a_file_in_the_place_of_the_directory_is_refused(scripted, tmp_path):
    (tmp_path / "exp.ag").touch()
    with pytest.raises(JournalError, match="is a directory now"):
        make("fifo", "random", scripted, tmp_path / "exp.ag")


def test_changed_settings_are_refused_field_by_field(scripted, tmp_path):
    make("stopping", "random", scripted, tmp_path).run()
    with pytest.raises(JournalError) as caught:
        make(
            "stopping",
            "random",
            scripted,
            tmp_path,
            resume=True,
            reduction_factor=2,
            mode="min",
            search_options={"random_seed": 3},
        )
    message = str(caught.value)
    assert "reduction_factor was 3 and is 2" in message
    assert "mode was 'max' and is 'min'" in message
    assert "seed was 31415927 and is 3" in message


def test_a_changed_space_is_refused_unless_it_is_widened_under_auto(scripted, tmp_path):
    make("fifo", "random", scripted, tmp_path).run()
    before = SPACES["random"]
    try:
        SPACES["random"] = {"x": ag.Real(0, 2), "y": ag.Categorical("new", "newer")}
        with pytest.raises(JournalError, match=r"x was 'Real.*upper=1.0.*is 'Real.*upper=2.0"):
            make("fifo", "random", scripted, tmp_path, resume=True)
        wider = make("fifo", "random", scripted, tmp_path, resume="auto")
        assert wider.trials[0].config == {"x": 0.5, "y": "new"}
        wider.run(num_trials=13)
        assert {"x", "y"} == wider.trials[12].config.keys()
        SPACES["random"] = {"x": ag.Real(0.4, 0.6)}
        with pytest.raises(JournalError, match="does not fit the search space"):
            make("fifo", "random", scripted, tmp_path, resume="auto")
    finally:
        SPACES["random"] = before


def test_another_train_function_is_a_warning(scripted, tmp_path, caplog):
    make("fifo", "random", scripted, tmp_path).run()
    description = json.loads((tmp_path / "run.json").read_text())
    description["train_function"]["source"] = "0" * 16
    (tmp_path / "run.json").write_text(json.dumps(description))
    make("fifo", "random", scripted, tmp_path, resume=True)
    assert "train function: source was" in caplog.text


def test_two_schedulers_cannot_write_one_directory(scripted, tmp_path):
    make("fifo", "random", scripted, tmp_path).run()
    first = make("fifo", "random", scripted, tmp_path, resume=True)
    second = make("fifo", "random", scripted, tmp_path, resume=True)
    first.run(num_trials=12)
    with pytest.raises(JournalError, match="written by another process"):
        second.run(num_trials=12)


def test_a_directory_in_use_names_the_process(scripted, tmp_path):
    from agcore.run_directory import RunDirectory

    make("fifo", "random", scripted, tmp_path).run()
    resumed = make("fifo", "random", scripted, tmp_path, resume=True)
    with (
        RunDirectory(tmp_path).locked(),
        pytest.raises(JournalError, match=r"in use by process \d+ on "),
    ):
        resumed.run(num_trials=12)


def test_a_classic_searcher_is_asked_again_and_the_record_wins(scripted, tmp_path, caplog):
    class Counts:
        def __init__(self, step):
            self.step, self.numbers = step, itertools.count()

        def get_config(self):
            return {"x": next(self.numbers) * self.step}

        def update(self, config, **result):
            pass

    @ag.args(**SPACES["random"], epochs=9)
    def train(args, reporter):
        """Scripted."""

    def scheduler(step, **arguments):
        return ag.scheduler.FIFOScheduler(
            train,
            searcher=Counts(step),
            executor=scripted(play),
            num_trials=3,
            checkpoint=tmp_path,
            progress=False,
            **arguments,
        )

    scheduler(0.1).run()
    same = scheduler(0.1, resume=True)
    same.run(num_trials=4)
    assert same.trials[3].config["x"] == pytest.approx(0.3)
    assert "other configs" not in caplog.text
    other = scheduler(0.01, resume=True)
    assert caplog.text.count("other configs") == 1
    assert other.trials[1].config["x"] == pytest.approx(0.1)

"""Searches in a workspace; trials are real processes."""

import json

import pytest

from agcore.errors import JournalError, SpecError
from agcore_contrib.otx import HyperBand, Smbo
from agcore_contrib.otx.search import Places, Search, best_file, can_go_on, is_distributed
from agcore_contrib.otx.search_time import SearchTime

RATE = "learning_parameters.learning_rate"
SIZE = "learning_parameters.batch_size"
SIZES = {SIZE: ["quniform", 8, 64, 8]}
BOTH = {RATE: ["quniform", 0.01, 0.1, 0.01], **SIZES}


def trains(settings, report):
    """Scores are the better the larger the learning rate and the longer the training."""
    for epoch in range(settings.first_epoch, settings.epochs + 1):
        (settings.save_to / "weights").write_text(f"{settings[RATE]} {epoch}")
        report(settings[RATE] * epoch, epoch)


def needs_memory(settings, report):
    """A batch of more than 40 samples does not fit."""
    if settings[SIZE] > 40:
        raise MemoryError
    for epoch in range(settings.first_epoch, settings.epochs + 1):
        report(settings[SIZE], epoch)


class SecondsOfReports:
    """A clock that only reports turn: an epoch of the first trial is short, one of others long."""

    def __init__(self, first_s, others_s):
        self.now_s = 0.0
        self.scores = {}
        self._epoch_s = first_s, others_s

    def __call__(self):
        return self.now_s

    def tick(self, trial):
        self.scores[trial.id] = trial.score
        self.now_s += self._epoch_s[trial.id != "0"]


def search_in(workspace, function=trains, *, places=None, **options):
    """A search in which no time passes, unless there is a clock: these trainings are too short."""
    return Search(
        workspace,
        workspace.read_template(),
        workspace.read_data(),
        function,
        places or Places("cpu"),
        **{"clock": lambda: 0.0, **options},
    )


def found_in(workspace, function=trains, **options):
    """The best of a whole search, and its algorithm."""
    search = search_in(workspace, function, **options)
    algorithm = search.prepare()
    search.run(algorithm, lambda percent: None)
    return search.best(algorithm), algorithm


def trials_of(algorithm):
    trials = [trial for bracket in algorithm.brackets.values() for trial in bracket.trials]
    return sorted(trials, key=lambda trial: int(trial.id))


def test_a_search_begins_with_the_present_values_and_leaves_the_best(workspace):
    made = workspace(maximum_resource=3, minimum_resource=3)
    best, algorithm = found_in(made)
    trials = trials_of(algorithm)
    assert trials[0].configuration == {RATE: 0.01}
    rates = [trial.configuration[RATE] for trial in trials]
    assert len(rates) == 4  # the ratio is 4
    assert best.configuration == {RATE: max(rates)}
    assert best.score == pytest.approx(3 * max(rates))
    assert (best.weights / "weights").read_text() == f"{max(rates)} 3"
    record = json.loads(best_file(made).read_text())
    assert record["configuration"] == best.configuration
    assert (record["id"], record["metric"]) == (best.trial_id, "accuracy")
    kept = [path for path in made.search.glob("weight/*/checkpoint/*") if path.is_dir()]
    assert kept == [best.weights]
    assert (made.search / "0" / "rung_status.json").exists()


def test_all_trials_start_from_the_weights_given(workspace, tmp_path):
    def needs_weights(settings, report):
        assert settings.load_from == tmp_path / "initial"
        report(1.0, 1)

    made = workspace(epochs=1, maximum_resource=1, minimum_resource=1)
    _, algorithm = found_in(made, needs_weights, load_from=tmp_path / "initial", time_ratio=2)
    assert [trial.score for trial in trials_of(algorithm)] == [{1: 1.0}] * 2


@pytest.mark.parametrize(
    ("algorithm", "places", "kind", "flags"),
    [
        ("asha", 1, HyperBand, (False, True)),
        ("asha", 2, HyperBand, (True, True)),
        ("hyperband", 2, HyperBand, (False, False)),
        ("smbo", 2, Smbo, None),
    ],
)
def test_the_algorithm_is_the_one_named(workspace, algorithm, places, kind, flags):
    made = workspace(search_algorithm=algorithm, mode="min")
    search = search_in(made, places=Places("cpu", places))
    prepared = search.prepare()
    assert type(prepared) is kind
    assert prepared.mode == "min"
    if flags is not None:
        settings = json.loads((made.search / "history.jsonl").read_text().splitlines()[0])
        assert (settings["asynchronous_sha"], settings["asynchronous_bracket"]) == flags
        assert settings["num_workers"] == places
        assert settings["num_full_iterations"] == 3


@pytest.mark.parametrize("algorithm", ["asha", "smbo"])
def test_a_search_takes_so_many_times_the_seconds_of_the_first_training(
    workspace, monkeypatch, algorithm
):
    made = workspace(search_algorithm=algorithm, epochs=6, maximum_resource=6, minimum_resource=6)
    clock = SecondsOfReports(1.0, 3.0)
    hear = SearchTime.hear
    monkeypatch.setattr(SearchTime, "hear", lambda *given: (clock.tick(given[1]), hear(*given)))
    best, algorithm = found_in(made, time_ratio=3, clock=clock)
    # Six seconds of the first trial, then trials of three seconds an epoch: 18 in all, not 36.
    assert clock.now_s == pytest.approx(18)
    assert sum(len(scores) for scores in clock.scores.values()) == 6 + 4
    assert best.score == max(s for scores in clock.scores.values() for s in scores.values())
    assert json.loads((made.search / "time.json").read_text())["used_s"] == clock.now_s
    assert (best.weights / "weights").exists()


def test_smbo_and_hyperband_run_in_a_workspace(workspace):
    made = workspace(search_algorithm="smbo")
    best, _ = found_in(made, time_ratio=2)
    assert (best.weights / "weights").exists()
    made.hpo_config.write_text(made.hpo_config.read_text().replace("smbo", "hyperband"))
    best, algorithm = found_in(made, time_ratio=3)
    assert best.score > 0
    assert algorithm.spent_epochs <= 9


def test_without_a_file_learning_rate_and_batch_size_are_searched(workspace):
    made = workspace()
    made.hpo_config.unlink()
    search = search_in(made)
    assert search.names == (RATE, SIZE)
    assert search.config.hp_space[SIZE].max == 128
    search.prepare()


@pytest.mark.parametrize("ratio", [0, 0.5, "4", float("nan")])
def test_a_search_takes_at_least_the_time_of_a_training(workspace, ratio):
    with pytest.raises(SpecError, match=r"hpo_time_ratio=.* must be a number of at least 1"):
        search_in(workspace(), time_ratio=ratio)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("learning_parameters.num_iters", "cannot be tuned"),
        ("learning_parameters.batch", "did you mean 'batch_size'.*add it to template.yaml"),
    ],
)
def test_what_cannot_be_searched_is_refused_before_anything_runs(workspace, name, message):
    with pytest.raises(SpecError, match=message) as caught:
        search_in(workspace({name: ["quniform", 1, 9, 1]}))
    assert "hpo_config.yaml: " in str(caught.value)


# -- batch sizes ---------------------------------------------------------------------------


def test_a_batch_has_no_more_samples_than_there_are(workspace):
    search = search_in(workspace(BOTH, num_samples=20, maximum_resource=3, minimum_resource=3))
    algorithm = search.prepare()
    trials = trials_of(algorithm)
    assert trials[0].configuration == {RATE: 0.01, SIZE: 20}  # 64 in the template
    assert max(trial.configuration[SIZE] for trial in trials) <= 20


def test_a_batch_size_without_a_range_left_is_fixed_and_is_in_the_best_config(workspace):
    made = workspace(BOTH, num_samples=9, epochs=1, maximum_resource=1, minimum_resource=1)
    best, algorithm = found_in(made, time_ratio=3)
    assert {trial.configuration[SIZE] for trial in trials_of(algorithm)} == {9}
    assert best.configuration.keys() == {RATE, SIZE}


def test_a_batch_size_that_is_no_number_is_told(workspace):
    made = workspace(SIZES)
    made.template.write_text(made.changed_template({SIZE: "many"}))
    with pytest.raises(SpecError, match="batch_size='many' must be a finite number"):
        search_in(made).prepare()


def test_if_only_a_fixed_batch_size_is_left_there_is_no_search(workspace, caplog):
    assert search_in(workspace(SIZES, num_samples=8)).prepare() is None
    assert "nothing is left to be tuned" in caplog.text


def test_out_of_memory_in_a_trial_lowers_its_batch_size(workspace):
    made = workspace(SIZES, epochs=1, maximum_resource=1, minimum_resource=1)
    best, _ = found_in(made, needs_memory, time_ratio=2)
    assert best.weights is None  # the function saves nothing
    assert best.configuration[SIZE] <= 40


@pytest.mark.parametrize(
    ("wish", "memory_for", "largest"), [("Safe", needs_memory, 40), ("Full", trains, 96)]
)
def test_memory_is_tried_first_and_leaves_the_other_spaces(workspace, wish, memory_for, largest):
    made = workspace(BOTH, num_samples=100, adapt_bs_search_space_max_val=wish)
    search = search_in(made, memory_for)
    search.prepare()
    settings = json.loads((made.search / "history.jsonl").read_text().splitlines()[0])
    space, given = settings["search_space"], search.config.hp_space.description()
    assert space[SIZE] == {**given[SIZE], "max": largest}
    assert space[RATE] == given[RATE]
    assert settings["prior_hyper_parameters"][0][SIZE] == min(64, largest)


def test_a_probe_is_told_that_it_is_one(workspace):
    def knows(settings, report):
        assert settings.is_probe
        assert settings.epochs == 1
        report(0.0, 1)

    made = workspace(SIZES, adapt_bs_search_space_max_val="Safe")
    assert search_in(made, knows).prepare() is not None


def test_a_model_that_fits_at_no_batch_size_is_told_at_once(workspace):
    made = workspace({SIZE: ["quniform", 48, 64, 16]}, adapt_bs_search_space_max_val="Safe")
    with pytest.raises(SpecError, match="memory does not hold 48, the smallest batch size"):
        search_in(made, needs_memory).prepare()


def test_the_word_for_probing_is_checked(workspace):
    with pytest.raises(SpecError, match="did you mean 'Safe'"):
        search_in(workspace(adapt_bs_search_space_max_val="Save"))


# -- going on ------------------------------------------------------------------------------


def cut_off(made):
    """A search that ends after the first report of its second trial."""

    def ends(percent):
        nonlocal algorithm
        if algorithm.spent_epochs >= 4:
            raise KeyboardInterrupt

    search = search_in(made)
    algorithm = search.prepare()
    with pytest.raises(KeyboardInterrupt):
        for _ in range(2):
            trial = algorithm.get_next_sample()
            for epoch in range(1, 4):
                algorithm.report_score(trial.configuration[RATE] * epoch, epoch, trial.id)
                ends(0)
            algorithm.report_score(0, 0, trial.id, done=True)
    return algorithm


def test_a_search_that_was_cut_off_is_not_thrown_away_and_goes_on(workspace):
    made = workspace(maximum_resource=3, minimum_resource=3)
    before = trials_of(cut_off(made))[0].score
    with pytest.raises(SpecError, match="was cut off; pass --resume"):
        search_in(made)
    best, algorithm = found_in(made, resume=True)
    assert trials_of(algorithm)[0].score == before
    trained = [trial for trial in trials_of(algorithm) if len(trial.score) == 3]
    assert len(trained) == 3  # what the lost attempt has cost is missing for the fourth
    assert algorithm.spent_epochs <= 12
    assert best.configuration[RATE] == max(trial.configuration[RATE] for trial in trained)


def test_it_begins_with_the_values_of_its_start_also_when_they_were_replaced(workspace):
    made = workspace(maximum_resource=3, minimum_resource=3)
    best, _ = found_in(made)
    made.template.write_text(made.changed_template(best.configuration))
    again, algorithm = found_in(made, resume=True)
    assert again == best
    assert trials_of(algorithm)[0].configuration == {RATE: 0.01}
    search_in(made)  # it has come to its end, so another one may begin


def test_another_search_does_not_go_on_with_it(workspace):
    made = workspace(maximum_resource=3, minimum_resource=3)
    cut_off(made)
    made.hpo_config.write_text(made.hpo_config.read_text().replace("0.1", "0.2"))
    with pytest.raises(SpecError, match="another search space"):
        search_in(made, resume=True).prepare()


def test_nothing_to_go_on_with_is_told(workspace):
    made = workspace()
    with pytest.raises(SpecError, match="holds no search to go on with"):
        search_in(made, resume=True)
    made.search.mkdir(parents=True)
    (made.search / "search.json").write_text("{")
    with pytest.raises(JournalError, match=r"search.json cannot be read"):
        search_in(made, resume=True).prepare()


def test_who_was_cut_off_is_told_what_can_go_on(workspace):
    made = workspace(maximum_resource=3, minimum_resource=3)
    assert not can_go_on(made)
    cut_off(made)
    assert can_go_on(made)


def test_torchrun_is_noticed(monkeypatch):
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    assert not is_distributed()
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "1")
    assert is_distributed()


def test_places_are_counted():
    assert Places("cpu").count == 1
    assert Places("cpu", 3).count == 3

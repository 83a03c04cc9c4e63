import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agcore.errors import JournalError, SpecError
from agcore.history import RunHistory
from agcore.journal import read_journal
from agcore_contrib import hpopt
from tests.contrib.hpopt.trainings import play, train


def test_a_search_that_is_resumed_gives_the_trials_that_are_left(create):
    options = {"num_trials": 7, "num_init_trials": 5}
    hpo = create(**options)
    configs = hpo.get_next_samples()
    train(configs[0])
    hpo = create(**options, resume=True)
    again = hpo.get_next_samples()
    assert [config["params"] for config in again] == [config["params"] for config in configs[1:]]
    for config in again:
        train(config)
    for _ in range(2):
        (config,) = hpo.get_next_samples()
        train(config)
    assert hpo.get_next_samples() is None


@pytest.mark.parametrize("algorithm", ["baye_opt", "asha"])
def test_a_resumed_search_goes_on_as_if_it_had_not_been_cut_off(create, algorithm):
    options = {"num_trials": 8, "num_init_trials": 3, "search_alg": algorithm}
    whole = [(c["trial_id"], c["params"]) for c in play(create(**options))]
    hpo = create(**options)
    parts = []
    for _ in whole:
        config = hpo.get_next_sample()
        parts.append((config["trial_id"], config["params"]))
        train(config)
        hpo = create(**options, resume=True)
    assert parts == whole
    assert hpo.get_next_sample() is None


def test_without_resume_the_search_begins_anew_and_other_files_stay(create, tmp_path):
    train(create().get_next_sample())
    mine = tmp_path / "hpo" / "notes.txt"
    mine.write_text("mine")
    hpo = create()
    assert hpo._history.trials == {}
    assert mine.read_text() == "mine"
    assert not (tmp_path / "hpo" / "hpopt_trial_0.json").exists()


def test_with_nothing_to_resume_the_search_begins(create):
    assert len(play(create(resume=True))) == 6


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"search_space": {"lr": hpopt.SearchSpace("uniform", [0, 1])}}, "search_space was"),
        ({"metric": "accuracy"}, "metric was 'mAP' and is 'accuracy'"),
        ({"mode": "min"}, "mode was 'max' and is 'min'"),
        ({"subset_ratio": 0.7}, "subset_ratio was 0.5 and is 0.7"),
        ({"image_resize": [8, 8]}, "image_resize was"),
        ({"full_dataset_size": 900}, "full_dataset_size was 1000"),
        ({"early_stop": "median_stop"}, "early_stop was None and is 'median_stop'"),
        ({"max_iterations": 5}, "max_iterations was 4 and is 5"),
        ({"search_alg": "asha"}, "search_alg was 'smbo' and is 'asha'"),
        ({"kappa": 1.0}, "kappa was"),
    ],
)
def test_another_search_is_refused_in_words(create, change, said):
    train(create().get_next_sample())
    with pytest.raises(SpecError, match=f"resume=True, but this is another search: .*{said}"):
        create(**{**change, "resume": True})
    assert len(play(create(resume=True))) == 5


def test_so_is_another_reduction_factor(create):
    create(search_alg="asha").get_next_sample()
    with pytest.raises(SpecError, match="reduction_factor was 2 and is 3"):
        create(search_alg="asha", reduction_factor=3, num_brackets=3, resume=True)


def test_more_trials_may_be_asked_for(create, tmp_path):
    play(create(num_trials=3, num_init_trials=2))
    assert hpopt.get_previous_status(tmp_path / "hpo") is hpopt.Status.COMPLETERESULT
    hpo = create(num_trials=5, num_init_trials=2, resume=True)
    assert [config["trial_id"] for config in play(hpo)] == [3, 4]


def test_results_of_another_program_are_not_taken_for_ours(create, tmp_path):
    folder = tmp_path / "hpo"
    folder.mkdir()
    (folder / "hpopt_status.json").write_text("{}")
    with pytest.raises(JournalError, match="holds results of another program"):
        create(resume=True)
    assert len(play(create())) == 6


def test_a_folder_that_cannot_be_made_is_said(create, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="cannot be made"):
        create(save_path=tmp_path / "file" / "hpo")


PROGRAM = """
import sys, time
from agcore_contrib import hpopt
from tests.contrib.hpopt.trainings import make_space, quality

hpo = hpopt.create(
    1000, 10, make_space(), sys.argv[1], num_init_trials=3, num_trials=9, max_iterations=4,
    subset_ratio=0.5, resume=True, batch_size_name="bs",
)
while (config := hpo.get_next_sample()) is not None:
    print(config["trial_id"], flush=True)
    if config["params"]["bs"] > 40:
        hpopt.reportOOM(config)
        continue
    for epoch in range(1, 5):
        time.sleep(0.01)
        hpopt.report(config, quality(config["params"]) - 1 / epoch)
"""


def test_a_search_that_is_killed_loses_no_finished_trial(create, tmp_path):
    folder = tmp_path / "killed"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    finished = {}
    for num_lines in (2, 1, 3):
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(folder)],
            stdout=subprocess.PIPE,
            env=environment,
            cwd=Path(__file__).parents[3],
        )
        for _ in range(num_lines):
            assert process.stdout.readline()
        time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        now = scores_of_the_finished(folder)
        assert now.items() >= finished.items()
        finished = now
    same = {"save_path": folder, "num_trials": 9, "num_init_trials": 3, "batch_size_name": "bs"}
    hpo = create(**same, resume=True)
    play(hpo, lambda config: train(config, limit=40))
    end = scores_of_the_finished(folder)
    assert end.items() >= finished.items()
    assert len(end) == 9
    undisturbed = create(**{**same, "save_path": tmp_path / "whole"})
    play(undisturbed, lambda config: train(config, limit=40))
    assert end == scores_of_the_finished(tmp_path / "whole")


def scores_of_the_finished(folder):
    """By what the journal says, whatever became of the mirrors."""
    history = RunHistory()
    for event in read_journal(folder / "run" / "events.jsonl"):
        history.apply(event)
    return {
        trial.trial_id: [report.metrics["score"] for report in trial.reports]
        for trial in history.trials.values()
        if trial.state.value == "completed"
    }

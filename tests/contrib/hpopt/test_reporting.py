import contextlib
import json
import math
import os
import subprocess
import sys
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

import numpy as np
import pytest

from agcore.errors import SpecError
from agcore_contrib import hpopt
from tests.contrib.hpopt.trainings import play, quality, train


def test_a_trial_is_told_to_stop_after_its_last_epoch_and_ever_after(create):
    config = create().get_next_sample()
    answers = [hpopt.report(config, score) for score in (0.1, 0.3, 0.2, 0.1, 0.9)]
    assert answers == [hpopt.Status.RUNNING] * 3 + [hpopt.Status.STOP] * 2
    record = hpopt.load_json(config["file_path"])
    assert record["scores"] == [0.1, 0.3, 0.2, 0.1]
    assert record["median"] == pytest.approx([0.1, 0.2, 0.2, 0.175])
    assert record["status"] == hpopt.Status.STOP


def test_the_dictionary_of_a_trial_is_all_that_another_process_needs(create):
    hpo = create(num_init_trials=3)
    configs = hpo.get_next_samples()
    program = (
        "import json, sys; from tests.contrib.hpopt.trainings import train; "
        "print(train(json.load(sys.stdin)))"
    )
    trainings = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        for _ in configs
    ]
    for training, config in zip(trainings, configs, strict=True):
        training.stdin.write(json.dumps(config))
        training.stdin.close()
    with contextlib.ExitStack() as stack:
        ended = [stack.enter_context(training) for training in trainings]
        assert [training.stdout.read() for training in ended] == ["4\n"] * 3
    best = max((config["params"] for config in configs), key=quality)
    assert hpo.get_best_config() == best
    assert hpo.get_next_sample()["trial_id"] == 3
    assert hpo._history.trials[3].origin == "model"


def test_the_files_of_a_trial_can_be_asked(create, tmp_path):
    folder = tmp_path / "hpo"
    assert hpopt.get_previous_status(folder) is hpopt.Status.NORESULT
    assert hpopt.get_current_status(folder, 0) is hpopt.Status.UNKNOWN
    assert hpopt.get_best_score(folder, 0) is None
    config = create().get_next_sample()
    assert hpopt.get_previous_status(folder) is hpopt.Status.PARTIALRESULT
    assert hpopt.get_current_status(folder, 0) is hpopt.Status.RUNNING
    for score in (0.1, 0.3, math.nan):
        hpopt.report(config, score)
    assert hpopt.get_current_status(folder, 0) is hpopt.Status.STOP
    assert hpopt.get_best_score(folder, 0) == 0.3
    assert hpopt.get_best_score(folder, 0, "min") == 0.1
    assert hpopt.load_json(config["file_path"])["scores"][2] == "NaN"
    assert not list(folder.glob(".*"))  # nothing half written


def test_nothing_is_decided_by_the_mirrors(create, tmp_path):
    hpo = create(num_trials=3)
    train(hpo.get_next_sample())
    for path in (tmp_path / "hpo").glob("hpopt_trial_*.json"):
        path.write_text("{")
    (tmp_path / "hpo" / "hpopt_status.json").unlink()
    configs = play(hpo)
    assert [config["trial_id"] for config in configs] == [1, 2]
    assert hpopt.get_previous_status(tmp_path / "hpo") is hpopt.Status.COMPLETERESULT


def test_a_training_may_end_by_itself(create):
    for mode, scores in (("max", [1, 5, 4, 4, 3, 2, 1]), ("min", [9, 1, 2, 2, 3, 4, 5])):
        hpo = create(max_iterations=9, mode=mode)
        config = hpo.get_next_sample()
        for score in scores:
            assert hpopt.report(config, score) is hpopt.Status.RUNNING
        hpopt.finalize_trial(config)
        record = hpopt.load_json(config["file_path"])
        assert (record["status"], record["early_stopped"]) == (hpopt.Status.STOP, 1)
        assert hpopt.report(config, 9) is hpopt.Status.STOP
        config = hpo.get_next_sample()
        for score in [*scores[:-1], 6 if mode == "max" else 0]:
            hpopt.report(config, score)
        hpopt.finalize_trial(config)
        assert "early_stopped" not in hpopt.load_json(config["file_path"])


def test_a_finished_trial_stays_finished(create):
    hpo = create()
    config = hpo.get_next_sample()
    train(config)
    hpopt.finalize_trial(config)
    hpopt.reportOOM(config)
    assert hpopt.load_json(config["file_path"])["status"] == hpopt.Status.STOP


def test_numbers_of_numpy_are_scores_and_texts_are_not(create):
    config = create().get_next_sample()
    hpopt.report(config, np.float32(0.5))
    hpopt.report(config, 1)
    assert hpopt.load_json(config["file_path"])["scores"] == [0.5, 1.0]
    for score in ("0.5", None, True):
        with pytest.raises(TypeError, match="score="):
            hpopt.report(config, score)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"trial_id": 7}, "there is no trial 7"),
        ({"run_id": "another"}, "belongs to a search that .* no longer holds"),
    ],
)
def test_a_dictionary_that_means_no_trial_is_refused(create, change, message):
    config = create().get_next_sample()
    for call in (lambda c: hpopt.report(c, 0.5), hpopt.reportOOM, hpopt.finalize_trial):
        with pytest.raises(SpecError, match=message):
            call({**config, **change})
    with pytest.raises(SpecError, match="config lacks 'attempt'"):
        hpopt.report({"trial_id": 0}, 0.5)
    with pytest.raises(TypeError, match="must be what get_next_sample"):
        hpopt.report(0, 0.5)


def test_a_trial_of_a_search_that_was_replaced_changes_nothing_in_the_new_one(create):
    old = create().get_next_sample()
    hpopt.report(old, 0.5)
    new = create()
    new.get_next_sample()
    with pytest.raises(SpecError, match="no longer holds"):
        hpopt.report(old, 0.5)
    assert new._history.trials[0].reports == []


def test_a_training_that_begins_anew_may_repeat_what_it_has_reported(create):
    hpo = create()
    config = hpo.get_next_sample()
    for score in (0.1, 0.2):
        hpopt.report(config, score)
    hpo = create(resume=True)
    again = hpo.get_next_sample()
    assert (again["trial_id"], again["params"]) == (0, config["params"])
    assert hpopt.report(config, 0.9) is hpopt.Status.STOP  # the former attempt
    answers = [hpopt.report(again, score) for score in (0.1, 0.25, 0.3, 0.4)]
    assert answers == [hpopt.Status.RUNNING] * 3 + [hpopt.Status.STOP]
    assert hpopt.load_json(config["file_path"])["scores"] == [0.1, 0.2, 0.3, 0.4]
    assert hpo._search.budget.spent(hpo._history) == 6


def test_an_epoch_that_is_named_counts_as_such(create):
    config = create().get_next_sample()
    assert hpopt.report(config, 0.1, epoch=3) is hpopt.Status.RUNNING
    with pytest.raises(SpecError, match="epoch must grow"):
        hpopt.report(config, 0.1, epoch=2)
    with pytest.raises(TypeError, match=r"epoch=2\.5"):
        hpopt.report(config, 0.1, epoch=2.5)
    assert hpopt.report(config, 0.1, epoch=4) is hpopt.Status.STOP


def test_a_late_word_of_a_former_attempt_does_not_reach_the_file(create):
    hpo = create()
    hpopt.report(hpo.get_next_sample(), 0.1)
    hpo = create(resume=True)
    config = hpo.get_next_sample()
    assert config["attempt"] == 1
    record = hpopt.load_json(config["file_path"])
    hpo._files.write_trial(0, {**record, "attempt": 0})
    assert hpopt.load_json(config["file_path"]) == record
    for attempt in (1, 2):
        hpo._files.write_trial(0, {**record, "scores": [attempt], "attempt": attempt})
        assert hpopt.load_json(config["file_path"])["scores"] == [attempt]


@pytest.mark.parametrize("algorithm", ["baye_opt", "asha"])
def test_threads_may_train_side_by_side(create, algorithm):
    hpo = create(search_alg=algorithm, num_trials=12, num_brackets=1, early_stop="median_stop")
    with ThreadPoolExecutor(3) as pool:
        running = set()
        while True:
            while len(running) < 3 and (config := hpo.get_next_sample()) is not None:
                running.add(pool.submit(train, config))
            if not running:
                break
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                future.result()
    history = hpo._history
    assert len(history.trials) == 12
    assert not any(trial.state.value == "running" for trial in history.trials.values())
    assert max(trial.resource for trial in history.trials.values()) == 4

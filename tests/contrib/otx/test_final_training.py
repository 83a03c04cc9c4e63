import json
import math

import pytest

from agcore.errors import JournalError, TrialFailed
from agcore_contrib.otx import TrialStatus, run_hpo_loop
from agcore_contrib.otx.final_training import FinalTraining


def training(tmp_path, epochs=3, mode="max"):
    return FinalTraining({"lr": 0.1}, epochs, mode, tmp_path / "train")


def saves(scores):
    """A train function with these scores, which saves each epoch's number."""

    def train(hp_config, report_func):
        for epoch in range(report_func.resume_from + 1, len(scores) + 1):
            (report_func.checkpoint_dir / "epoch").write_text(str(epoch))
            report_func(scores[epoch - 1], epoch)

    return train


@pytest.mark.parametrize(("mode", "best"), [("max", 2), ("min", 1)])
def test_the_best_epochs_weights_stay_and_all_scores_are_written(tmp_path, mode, best):
    one = training(tmp_path, mode=mode)
    run_hpo_loop(one, saves([0.1, 0.9, 0.5]), "cpu")
    one.check()
    assert one.best_epoch == best
    assert one.best_trial is one.trial
    assert (one.keep_weights() / "epoch").read_text() == str(best)
    record = json.loads(one.result_file.read_text())
    assert record["score"] == {"1": 0.1, "2": 0.9, "3": 0.5}
    assert (record["best_epoch"], record["configuration"]) == (best, {"lr": 0.1})
    assert not list((tmp_path / "train").glob("weight/*/checkpoint"))


def test_a_new_training_replaces_the_weights_of_an_old_one(tmp_path):
    for scores in ([0.9], [0.1]):
        one = training(tmp_path, epochs=1)
        one.forget_earlier_attempts()
        run_hpo_loop(one, saves(scores), "cpu")
        kept = one.keep_weights()
    assert kept == tmp_path / "train" / "models"
    assert [path.name for path in kept.iterdir()] == ["epoch"]
    assert json.loads(one.result_file.read_text())["score"] == {"1": 0.1}


def test_who_saves_nothing_has_no_weights(tmp_path):
    one = training(tmp_path, epochs=1)
    run_hpo_loop(one, lambda hp_config, report_func: report_func(1.0, 1), "cpu")
    assert one.keep_weights() is None


def test_it_is_told_to_stop_after_its_epochs(tmp_path):
    one = training(tmp_path)
    trial = one.get_next_sample()
    assert one.get_next_sample() is None
    assert one.report_score(0.5, 2, trial.id) is TrialStatus.RUNNING
    assert one.get_progress() == pytest.approx(2 / 3)
    assert one.report_score(0.5, 3, trial.id) is TrialStatus.STOP
    assert not one.is_done()
    one.report_score(0, 0, trial.id, done=True)
    assert one.is_done()
    assert one.get_progress() == 1


def test_a_lost_process_goes_on_a_few_times(tmp_path):
    one = training(tmp_path)
    for _ in range(3):
        one.report_trial_exit_abnormally(one.get_next_sample().id)
    assert one.get_next_sample() is None
    with pytest.raises(TrialFailed, match=r"failed after 0 epochs; its output is in .*log\.txt"):
        one.check()


def test_a_function_that_raises_later_has_failed(tmp_path):
    def raises(hp_config, report_func):
        report_func(1.0, 1)
        raise LookupError("no more data")

    one = training(tmp_path)
    run_hpo_loop(one, raises, "cpu")
    with pytest.raises(TrialFailed, match="failed after 1 epochs"):
        one.check()


def test_too_little_memory_says_what_to_lower(tmp_path):
    one = training(tmp_path)
    one.report_out_of_memory(one.get_next_sample().id)
    with pytest.raises(TrialFailed, match=r"ran out of memory with .*lower the batch size"):
        one.check()


def test_scores_that_are_no_numbers_are_never_best(tmp_path):
    one = training(tmp_path, epochs=1)
    one.report_score(math.nan, 1, one.get_next_sample().id)
    assert one.best_epoch is None
    assert one.best_trial is None


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "train").touch()
    with pytest.raises(JournalError, match="cannot be made"):
        training(tmp_path).save_results()

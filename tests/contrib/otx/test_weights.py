import pytest

from agcore.checkpoints import TrialCheckpoints, complete_checkpoints
from agcore.jobs import Resume, Start
from agcore_contrib.otx import Trial, best_weight
from agcore_contrib.otx.weights import Weights


@pytest.fixture
def weights(tmp_path):
    return Weights(tmp_path, "max")


def trial_with(scores):
    trial = Trial("4", {"lr": 0.1})
    trial.aim_at(9)
    for epoch, score in scores.items():
        trial.register_score(score, epoch)
    return trial


def save(weights, *epochs):
    checkpoints = TrialCheckpoints(weights.folders.checkpoints(4))
    for epoch in epochs:
        (checkpoints.open_folder / "w").write_text(str(epoch))
        checkpoints.commit(epoch)


def saved(weights):
    return complete_checkpoints(weights.folders.checkpoints(4))


def test_a_trial_goes_on_from_its_last_checkpoint(weights):
    trial = trial_with({})
    assert weights.job(trial) == Start(4, trial.told(), 0, 0)
    trial = trial_with({9: 0.1, 10: 0.2})
    save(weights, 9, 10)
    job = weights.job(trial)
    assert isinstance(job, Resume)
    assert (job.resume_from, job.attempt) == (10, 1)  # by number: 10 is later than 9
    assert job.checkpoint.endswith("weight/0004/checkpoint/10")


def test_a_trial_with_another_config_forgets_what_it_saved(weights):
    save(weights, 3)
    assert isinstance(weights.job(trial_with({})), Start)
    assert saved(weights) == set()


@pytest.mark.parametrize(("mode", "best"), [("max", 2), ("min", 3)])
def test_the_best_and_the_last_checkpoint_are_kept(tmp_path, mode, best):
    weights = Weights(tmp_path, mode)
    trial = trial_with({1: 0.5, 2: 0.9, 3: 0.1, 4: 0.4, 5: float("nan")})
    assert best_weight(tmp_path, trial, mode) is None
    save(weights, 1, 2, 3, 4, 5)
    weights.keep_best_and_last(trial)
    assert saved(weights) == {best, 5}
    assert (best_weight(tmp_path, trial, mode) / "w").read_text() == str(best)


def test_checkpoints_of_inferior_trials_go(weights):
    save(weights, 1, 2)
    weights.drop(["4", "7"])
    assert saved(weights) == set()
    weights.drop(["4"])


def test_without_a_folder_they_are_gone_at_the_end():
    weights = Weights(None, "max")
    save(weights, 1)
    root = weights.folders.root
    assert root.exists()
    weights.close()
    assert not root.exists()

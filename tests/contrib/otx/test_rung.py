import pytest

from agcore.errors import SpecError
from agcore_contrib.otx import Rung, Trial, TrialStatus


def rung_with(scores, mode="max", asynchronous=True):
    """A rung of trials that have finished with these scores; None for one that waits."""
    rung = Rung(2, len(scores), 3, 0, mode, asynchronous)
    for number, score in enumerate(scores):
        trial = Trial(str(number), {})
        rung.add(trial)
        if score is not None:
            finish(trial, score)
    return rung


def finish(trial, score):
    trial.hand_out()
    trial.register_score(score, trial.iteration)
    trial.finalize()


@pytest.mark.parametrize(
    "arguments",
    [(0, 3, 3, 0), (-1, 3, 3, 0), (1, 0, 3, 0), (1, 3, 1, 0), (1, 3, 3, -1), (1, 3, 2.5, 0)],
)
def test_arguments_are_checked(arguments):
    with pytest.raises(SpecError):
        Rung(*arguments)


def test_a_trial_that_comes_gets_rung_iteration_and_status():
    rung = Rung(7, 2, 3, 1)
    trial = Trial("0", {})
    rung.add(trial)
    assert (trial.rung, trial.iteration, trial.status) == (1, 7, TrialStatus.READY)


def test_a_full_rung_takes_no_more():
    rung = rung_with([None, None])
    with pytest.raises(RuntimeError, match="rung 0 is full: it has got its 2 trials"):
        rung.add(Trial("9", {}))


def test_the_best_trial_may_be_unfinished():
    rung = rung_with([0.5, None])
    rung.trials[1].hand_out()
    rung.trials[1].register_score(0.9, 1)
    assert rung.best_trial().id == "1"
    assert rung_with([None]).best_trial() is None


def test_asynchronous_promotion_lets_one_in_eta_of_the_finished_go_on():
    rung = rung_with([0.1, 0.9, None, None, None, None])
    assert rung.next_to_promote() is None
    finish(rung.trials[2], 0.5)
    assert rung.next_to_promote().id == "1"
    assert rung.promote().id == "1"
    assert rung.next_to_promote() is None
    for trial in rung.trials[2:]:
        finish(trial, 0.7)
    assert rung.next_to_promote().id == "3"
    assert rung_with([0.1, 0.9, 0.5], "min").next_to_promote().id == "0"


def test_synchronous_promotion_waits_for_all():
    rung = rung_with([0.1, 0.9, 0.5, 0.6, 0.2, None], asynchronous=False)
    assert rung.next_to_promote() is None
    finish(rung.trials[5], 0.3)
    order = []
    while rung.next_to_promote() is not None:
        order.append(rung.promote().id)
    assert order == ["1", "3"]
    assert rung.is_done


def test_a_running_trial_is_never_promoted():
    rung = rung_with([0.1, 0.9, 0.5, 0.2])
    rung.trials[1].status = TrialStatus.RUNNING
    assert rung.next_to_promote().id == "2"
    assert not rung.is_done


def test_what_is_unfinished_is_offered_again():
    rung = rung_with([0.1, None, None])
    trial = rung.next_waiting()
    trial.hand_out()
    assert rung.next_waiting().id == "2"
    trial.give_back()
    assert rung.next_waiting() is trial


def test_failed_trials_have_finished_but_never_go_on():
    rung = rung_with([0.5, None, None])
    for trial in rung.trials[1:]:
        trial.register_score(0.9, 1)
        trial.fail()
    assert rung.is_done
    assert rung.next_to_promote().id == "0"


def test_who_can_find_no_place_any_more_is_known_before_the_rung_is_done():
    rung = rung_with([0.5, 0.9, 0.1, None, None, None])
    assert [trial.id for trial in rung.never_promoted()] == ["2"]
    rung = rung_with([0.5, 0.9, 0.1, None, None, None], "min")
    assert [trial.id for trial in rung.never_promoted()] == ["1"]

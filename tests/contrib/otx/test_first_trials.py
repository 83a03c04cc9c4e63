import pytest

from agcore_contrib.otx import Trial
from agcore_contrib.otx.first_trials import FirstTrials


@pytest.fixture
def first_trials(settings_of):
    def make(supply=99, **options):
        made = []

        def new_trials(count):
            new = [Trial(str(len(made) + i), {}) for i in range(min(count, supply - len(made)))]
            made.extend(new)
            return new

        return FirstTrials(settings_of(**options), new_trials)

    return make


def started(first):
    trial = first.next_trial()
    trial.hand_out()
    return trial


def train(first, trial, epochs):
    for epoch in epochs:
        trial.register_score(epoch, epoch)
        first.hear(trial)
    trial.finalize()
    first.hear(trial)


@pytest.mark.parametrize(
    ("options", "epochs", "expected"),
    [
        ({}, range(1, 21), (1, 20)),
        ({}, range(1, 13), (1, 12)),
        ({}, range(5, 21, 5), (5, 20)),  # it reports every fifth epoch
        ({"minimum_resource": 4}, range(1, 21), (4, 20)),
        ({"minimum_resource": 15}, range(1, 13), (12, 12)),
        ({"maximum_resource": 30}, range(1, 21), (1, 30)),
    ],
)
def test_resources_are_those_given_or_those_of_the_first_trial(
    first_trials, options, epochs, expected
):
    first = first_trials(**options)
    trial = started(first)
    assert first.resources is None
    train(first, trial, epochs)
    assert first.resources == expected


def test_the_others_are_trained_as_long_as_the_first_report_took(first_trials):
    first = first_trials()
    full = started(first)
    assert started(first).iteration == 1
    full.register_score(0.1, 5)
    first.hear(full)
    assert started(first).iteration == 5


def test_another_trial_takes_the_place_of_one_that_failed(first_trials):
    first = first_trials()
    for number in range(3):
        assert not first.is_over
        trial = started(first)
        assert (trial.id, trial.iteration) == (str(number), 20)
        trial.fail()
        first.lose(trial)
    assert first.is_over
    assert first.next_trial() is None


def test_without_any_config_it_is_over(first_trials):
    first = first_trials(supply=0)
    assert not first.is_over
    assert first.next_trial() is None
    assert first.is_over


def test_who_has_failed_is_not_among_the_others(first_trials):
    first = first_trials()
    started(first)
    others = [started(first) for _ in range(3)]
    others[1].fail()
    assert first.others() == [others[0], others[2]]

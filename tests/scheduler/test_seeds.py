from hypothesis import given, strategies as st

from agcore.scheduler.seeds import trial_seed


@given(experiment=st.integers(0, 2**64), trial_id=st.integers(0, 10**9))
def test_a_seed_fits_every_generator_and_repeats(experiment, trial_id):
    seed = trial_seed(experiment, trial_id)
    assert 0 <= seed < 2**32
    assert seed == trial_seed(experiment, trial_id)


def test_seeds_of_ten_thousand_trials_hardly_ever_meet():
    seeds = {trial_seed(experiment, trial) for experiment in (0, 1) for trial in range(5000)}
    assert len(seeds) >= 9_990


def test_experiment_and_trial_are_not_mixed_up():
    assert trial_seed(1, 11) != trial_seed(11, 1) != trial_seed(111, 0)

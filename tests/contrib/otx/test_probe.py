import pytest
from hypothesis import given, strategies as st

from agcore.errors import SpecError, TrialFailed
from agcore_contrib.otx import TrialStatus, run_hpo_loop
from agcore_contrib.otx.probe import BatchSizeProbe, growth_limit


def tried(probe, memory):
    """The batch sizes that are tried when those up to ``memory`` fit."""
    sizes = []
    while not probe.is_done():
        trial = probe.get_next_sample()
        assert probe.get_next_sample() is None
        sizes.append(trial.configuration["bs"])
        if sizes[-1] > memory:
            probe.report_out_of_memory(trial.id)
        else:
            assert probe.report_score(0.5, 1, trial.id) is TrialStatus.STOP
            probe.report_score(0, 0, trial.id, done=True)
    assert probe.get_next_sample() is None
    return sizes


def test_a_maximum_that_fits_costs_one_trial():
    probe = BatchSizeProbe("bs", 32, 128, 2, {})
    assert tried(probe, 1000) == [128]
    assert probe.largest_that_fits == 128


def test_a_maximum_that_does_not_fit_is_halved_towards_what_does():
    probe = BatchSizeProbe("bs", 32, 128, 2, {})
    assert tried(probe, 100) == [128, 78, 102, 90, 96, 98, 100]
    assert probe.largest_that_fits == 100


def test_a_maximum_that_may_grow_is_doubled():
    probe = BatchSizeProbe("bs", 32, 128, 32, {}, limit=1000)
    assert tried(probe, 700) == [128, 256, 512, 992, 736, 608, 672, 704]
    assert probe.largest_that_fits == 672


@given(
    smallest=st.integers(1, 9),
    count=st.integers(1, 40),
    step=st.integers(1, 7),
    growth=st.none() | st.integers(0, 500),
    memory=st.integers(0, 600),
)
def test_the_largest_value_of_the_grid_that_fits_is_found(smallest, count, step, growth, memory):
    largest = smallest + count * step
    limit = None if growth is None else largest + growth
    probe = BatchSizeProbe("bs", smallest, largest, step, {}, limit)
    sizes = tried(probe, memory)
    grid = range(smallest, (limit or largest) + 1, step)
    fitting = [value for value in grid if value <= memory]
    assert probe.largest_that_fits == (max(fitting) if fitting else None)
    assert len(set(sizes)) == len(sizes)
    assert set(sizes) <= set(grid)


def test_the_other_values_stay_as_they_are():
    trial = BatchSizeProbe("bs", 2, 4, 2, {"lr": 0.1, "bs": 9}).get_next_sample()
    assert trial.told()["configuration"] == {"lr": 0.1, "bs": 4, "iterations": 1}


def test_growth_ends_at_the_number_of_samples():
    assert growth_limit(128, 1000) == 1000
    assert growth_limit(128, 100) == 128
    assert growth_limit(128, None) == 2048


def test_a_lost_process_is_tried_again_and_a_failure_counts_as_unfit():
    probe = BatchSizeProbe("bs", 2, 4, 2, {})
    for _ in range(3):
        trial = probe.get_next_sample()
        assert trial.configuration["bs"] == 4
        probe.report_trial_exit_abnormally(trial.id)
    trial = probe.get_next_sample()
    assert trial.configuration["bs"] == 2
    probe.report_failure(trial.id)
    assert probe.is_done()
    assert probe.largest_that_fits is None
    with pytest.raises(SpecError, match="no batch size is being tried"):
        probe.report_score(1, 1, "3")


def test_the_loop_runs_it():
    def needs_memory(hp_config, report_func):
        if hp_config["configuration"]["bs"] > 5:
            raise MemoryError
        report_func(1.0, 1)

    probe = BatchSizeProbe("bs", 2, 8, 1, {})
    run_hpo_loop(probe, needs_memory, "cpu")
    assert probe.largest_that_fits == 5


def test_a_function_that_fails_otherwise_ends_it():
    def raises(hp_config, report_func):
        raise LookupError("no such layer")

    with pytest.raises(TrialFailed, match="no such layer"):
        run_hpo_loop(BatchSizeProbe("bs", 2, 64, 2, {}), raises, "cpu")

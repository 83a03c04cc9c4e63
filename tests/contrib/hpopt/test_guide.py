"""The two loops of hpopt's guide as they are written there, ``hp_config`` bound to the trial."""

import pytest

from agcore_contrib import hpopt
from tests.contrib.hpopt.trainings import make_space

SEARCHES = [("baye_opt", {}), ("baye_opt", {"early_stop": "median_stop"}), ("asha", {})]


@pytest.mark.parametrize(("search_alg", "options"), SEARCHES)
def test_the_first_loop_runs_as_written(tmp_path, capsys, search_alg, options):
    shares = []

    def run_hpo_trainer(train_config):
        hp_config = train_config
        total_epoch = train_config["iterations"]
        lr = train_config["param"]["lr"]
        bs = train_config["param"]["bs"]
        subset_ratio = train_config["subset_ratio"]
        shares.append(subset_ratio)
        for epoch in range(total_epoch):
            score = -abs(lr - 0.01) - bs / 1e4 - 1 / (epoch + 1)
            if hpopt.report(config=hp_config, score=score) == hpopt.Status.STOP:
                break

    hpo = hpopt.create(
        search_alg=search_alg,
        full_dataset_size=2000,
        num_full_iterations=10,
        search_space=make_space(),
        save_path=tmp_path,
        expected_time_ratio=3,
        **options,
    )

    while True:
        train_config = hpo.get_next_sample()
        if train_config is None:
            break
        run_hpo_trainer(train_config)

    best_config = hpo.get_best_config()
    hpo.print_results()
    assert abs(best_config["lr"] - 0.01) < 0.05
    assert set(shares) == {hpo.subset_ratio}
    assert 0.25 <= hpo.subset_ratio <= 1
    printed = capsys.readouterr().out
    assert "|         lr         |         bs         |        score        |" in printed
    assert hpopt.get_previous_status(tmp_path) is hpopt.Status.COMPLETERESULT


@pytest.mark.parametrize("search_alg", ["baye_opt", "asha"])
def test_the_second_loop_lowers_the_batch_size_when_memory_runs_out(tmp_path, search_alg):
    sizes = []

    def run_hpo_trainer(train_config):
        sizes.append(train_config["param"]["bs"])
        if train_config["param"]["bs"] > 24:
            raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB")
        for epoch in range(train_config["iterations"]):
            score = train_config["param"]["bs"] - 1 / (epoch + 1)
            if hpopt.report(config=train_config, score=score) == hpopt.Status.STOP:
                break

    hpo = hpopt.create(
        search_alg=search_alg,
        batch_size_name="bs",
        full_dataset_size=2000,
        num_full_iterations=10,
        search_space=make_space(),
        save_path=tmp_path,
        num_trials=8,
        max_iterations=3,
        subset_ratio=0.5,
    )

    while True:
        train_config = hpo.get_next_sample()
        if train_config is None:
            break

        try:
            run_hpo_trainer(train_config)
        # It can be different depending on your training framework.
        except RuntimeError as err:
            if str(err).startswith("CUDA out of memory"):
                hpopt.reportOOM(train_config)

    too_large = [size for size in sizes if size > 24]
    assert too_large
    assert too_large == sorted(set(too_large), reverse=True)  # each below the one before
    status = hpopt.load_json(hpopt.get_status_path(tmp_path))
    states = [entry["status"] for entry in status["config_list"]]
    assert states.count(hpopt.Status.CUDAOOM) == len(too_large)
    assert states.count(hpopt.Status.STOP) == 8
    assert hpo.get_best_config()["bs"] <= 24

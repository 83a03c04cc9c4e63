"""Real processes throughout."""

import json
import logging
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from agcore.errors import SpecError, TrialFailed
from agcore_contrib.otx import (
    HyperBand,
    TrialStatus,
    best_weight,
    loop,
    read_hpo_config,
    run_hpo_loop,
)

LR = {"lr": {"param_type": "uniform", "range": [0.0, 1.0]}}
BATCH = {"bs": {"param_type": "quniform", "range": [8, 64, 8]}}


def search(space=LR, *, trials=3, epochs=1, **options):
    """A search of so many trials of so many epochs."""
    return HyperBand(
        space,
        maximum_resource=epochs,
        minimum_resource=epochs,
        num_full_iterations=epochs,
        expected_time_ratio=trials + 0.5,
        **options,
    )


def run(algorithm, train, **options):
    run_hpo_loop(algorithm, train, "cpu", **options)


def trains(hp_config, report_func):
    for epoch in range(report_func.resume_from + 1, hp_config["configuration"]["iterations"] + 1):
        (report_func.checkpoint_dir / "epoch").write_text(str(epoch))
        if report_func(1 - hp_config["configuration"].get("lr", 0) / epoch, epoch) == 2:
            break
    report_func(0, 0, done=True)


def test_a_search_trains_what_was_planned_and_saves_it(tmp_path):
    algorithm = HyperBand(
        LR,
        maximum_resource=3,
        minimum_resource=1,
        num_full_iterations=3,
        save_path=tmp_path,
        expected_time_ratio=3,
    )
    percents = []
    run(algorithm, trains, num_parallel_trial=2, progress_callback=percents.append)
    assert algorithm.is_done()
    assert algorithm.spent_epochs <= 9
    best = algorithm.get_best_config()
    assert percents[-1] == 100
    assert percents == sorted(percents)
    record = json.loads(next(tmp_path.glob(f"*/{best['id']}.json")).read_text())
    assert record["score"].keys() == {"1", "2", "3"}  # promoted, and went on from its checkpoint
    weight = best_weight(tmp_path, algorithm.best_trial, "max")
    assert (weight / "epoch").read_text() == "3"
    inferior = algorithm.get_inferior_trials()
    assert inferior
    assert not [p for i in inferior for p in tmp_path.glob(f"weight/{int(i):04d}/checkpoint/*")]


def test_unknown_resources_are_learnt_from_the_first_trial():
    algorithm = HyperBand(LR, num_full_iterations=3, expected_time_ratio=2)
    run(algorithm, trains)
    assert algorithm.maximum_resource == 3
    assert algorithm.is_done()


@pytest.mark.parametrize("change", [False, True])
def test_the_files_of_the_guide_run(tmp_path, change):
    first = "qloguniform\n    range: [0.0007, 0.07, 0.0001]"
    text = (
        "metric: accuracy\nsearch_algorithm: asha\nhp_space:\n"
        f"  learning_parameters.learning_rate:\n    param_type: {first}\n"
        "  learning_parameters.batch_size:\n    param_type: qloguniform\n    range: [32, 128, 2]\n"
    )
    if change:
        text = text.replace(first, "quniform\n    range: [0.001, 0.01, 0.001]")
    (tmp_path / "hpo_config.yaml").write_text(text)
    config = read_hpo_config(tmp_path / "hpo_config.yaml")
    algorithm = HyperBand(
        config.hp_space,
        metric=config.metric,
        mode=config.mode,
        maximum_resource=config.maximum_resource,
        minimum_resource=config.minimum_resource,
        num_full_iterations=2,
        expected_time_ratio=2,
        prior_hyper_parameters={
            "learning_parameters.learning_rate": 0.0058,
            "learning_parameters.batch_size": 64,
        },
    )
    run(algorithm, trains)
    best = algorithm.get_best_config()["config"]
    assert best.keys() == config.hp_space.keys()


def test_as_many_trials_run_at_once_as_there_are_places(tmp_path):
    def meets_the_others(hp_config, report_func):
        (tmp_path / hp_config["id"]).touch()
        deadline = time.monotonic() + 60
        while len(list(tmp_path.iterdir())) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        report_func(len(list(tmp_path.iterdir())), 1)

    algorithm = search()
    run(algorithm, meets_the_others, num_parallel_trial=3)
    assert algorithm.get_best_config() is not None
    records = [trial.score for trial in algorithm.brackets[0].trials]
    assert records == [{1: 3.0}] * 3


def test_trials_on_gpus_run_at_once_and_each_sees_its_own(tmp_path):
    def writes_its_gpus(hp_config, report_func):
        (tmp_path / hp_config["id"]).write_text(os.environ["CUDA_VISIBLE_DEVICES"])
        deadline = time.monotonic() + 60
        while len(list(tmp_path.iterdir())) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        report_func(1, 1)

    algorithm = search(trials=2)
    run_hpo_loop(
        algorithm, writes_its_gpus, "gpu", num_gpu_for_single_trial=2, available_gpu="0,1,5,7"
    )
    seen = sorted(path.read_text() for path in tmp_path.iterdir())
    assert len(seen) == 2
    assert sorted(",".join(seen).split(",")) == ["0", "1", "5", "7"]


def test_a_process_that_vanishes_hangs_nothing_and_its_trial_is_tried_again(tmp_path, caplog):
    def crashes_once(hp_config, report_func):
        marker = tmp_path / "crashed"
        if hp_config["id"] == "1" and not marker.exists():
            marker.touch()
            os._exit(3)
        report_func(float(hp_config["id"]), 1)

    algorithm = search()
    with caplog.at_level(logging.WARNING, "agcore_contrib"):
        run(algorithm, crashes_once)
    assert algorithm.get_best_config()["id"] == "2"
    assert all(trial.score for trial in algorithm.brackets[0].trials)
    assert "trial 1: the worker process vanished (exit code 3)" in caplog.text


def test_a_first_trial_that_dies_each_time_ends_with_its_cause():
    def dies(hp_config, report_func):
        os.kill(os.getpid(), signal.SIGKILL)

    algorithm = HyperBand(LR, num_full_iterations=3, expected_time_ratio=4)
    with pytest.raises(TrialFailed, match=r"3 attempts to train have failed.*SIGKILL"):
        run(algorithm, dies)


def test_functions_that_always_raise_end_the_search_with_their_traceback():
    def raises(hp_config, report_func):
        raise LookupError("no such model")

    with pytest.raises(TrialFailed, match="LookupError: no such model") as caught:
        run(search(trials=9), raises)
    assert "raise LookupError" in caught.value.traceback_text


def test_slow_trials_are_waited_for_when_quick_ones_have_failed(tmp_path):
    def fails_quickly_or_works_slowly(hp_config, report_func):
        if hp_config["id"] != "0":
            (tmp_path / hp_config["id"]).touch()
            raise LookupError("bad luck")
        deadline = time.monotonic() + 60
        while len(list(tmp_path.iterdir())) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.3)
        report_func(1.0, 1)

    algorithm = search(trials=5)
    run(algorithm, fails_quickly_or_works_slowly, num_parallel_trial=2)
    assert algorithm.get_best_config()["id"] == "0"
    assert algorithm.is_done()


def test_one_that_raises_is_out_and_the_others_go_on(caplog):
    def raises_sometimes(hp_config, report_func):
        if hp_config["id"] == "1":
            raise LookupError("bad luck")
        report_func(float(hp_config["id"]), 1)

    algorithm = search()
    with caplog.at_level(logging.WARNING, "agcore_contrib"):
        run(algorithm, raises_sometimes)
    assert algorithm.brackets[0].trials[1].has_failed
    assert algorithm.get_best_config()["id"] == "2"
    assert "trial 1 has failed: LookupError: bad luck" in caplog.text


def test_a_function_that_reports_nothing_has_failed():
    with pytest.raises(TrialFailed, match="it returned without calling report_func"):
        run(search(), lambda hp_config, report_func: None)


def test_out_of_memory_lowers_the_batch_size_and_draws_again():
    def needs_memory(hp_config, report_func):
        if hp_config["configuration"]["bs"] > 24:
            raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB")
        report_func(hp_config["configuration"]["bs"], 1)

    algorithm = search(BATCH, trials=2, batch_size_name="bs", prior_hyper_parameters={"bs": 32})
    run(algorithm, needs_memory)
    assert algorithm.get_best_config()["config"]["bs"] <= 24


def test_a_model_that_never_fits_is_an_error():
    def never_fits(hp_config, report_func):
        raise MemoryError

    space = {"bs": {"param_type": "quniform", "range": [2, 4, 2]}}
    with pytest.raises(SpecError, match="no smaller value is left"):
        run(search(space, trials=1, batch_size_name="bs"), never_fits)


def test_who_does_not_stop_when_told_to_is_ended():
    def goes_on(hp_config, report_func):
        epoch = 0
        while True:
            epoch += 1
            if report_func(0.5, epoch) is TrialStatus.STOP:
                time.sleep(600)

    algorithm = search(trials=1, epochs=2)
    run(algorithm, goes_on, stop_grace_s=0.2)
    assert algorithm.is_done()
    assert algorithm.spent_epochs == 2


def test_the_time_limit_ends_trials_and_keeps_what_is_best(monkeypatch):
    def takes_long(hp_config, report_func):
        report_func(0.5, 1)
        time.sleep(600)

    algorithm = search(trials=2, epochs=9)
    clock = SimpleNamespace(monotonic=lambda: 1000.0 if algorithm.spent_epochs else 0.0)
    monkeypatch.setattr(loop, "time", clock)
    run(algorithm, takes_long, time_limit_s=999)
    assert not algorithm.is_done()
    assert algorithm.get_best_config()["id"] == "0"


def test_a_space_without_candidates_ends_at_once():
    algorithm = search({})
    run(algorithm, trains)
    assert algorithm.get_best_config() is None


def test_what_is_no_function_is_refused():
    with pytest.raises(SpecError, match="train_func=3 must be a function"):
        run(search(), 3)


SCRIPT = """
    import os, sys, time
    from agcore_contrib.otx import HyperBand, run_hpo_loop

    def train(hp_config, report_func):
        report_func(0.5, 1)
        with open(os.path.join(sys.argv[1], hp_config["id"]), "w") as file:
            file.write(str(os.getpid()))
        time.sleep(600)

    if __name__ == "__main__":
        space = {"lr": {"param_type": "uniform", "range": [0, 1]}}
        search = HyperBand(space, maximum_resource=9, minimum_resource=9, num_full_iterations=9)
        run_hpo_loop(search, train, "cpu", num_parallel_trial=1)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_signals_end_all_processes(tmp_path, number):
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT))
    folder = tmp_path / "pids"
    folder.mkdir()
    program = subprocess.Popen(
        [sys.executable, script, folder],
        env={**os.environ, "PYTHONPATH": ":".join(sys.path)},
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while not any(path.read_text() for path in folder.iterdir()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    child = int(next(Path(folder).iterdir()).read_text())
    program.send_signal(number)
    assert program.wait(60) != 0
    while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.05)

"""The tutorial's program with its imports changed: a plain script, run as a user would.

The API is used as the tutorial uses it, argument by argument; only the network is another
(scikit-learn's), the rows are fewer and the time is shorter.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

PROGRAM = """
import json
import multiprocessing
import time

import numpy as np
import pandas as pd
from sklearn.neural_network import MLPClassifier

import agcore as ag
from agcore.mxnet.utils import load_and_split_openml_data

print("version", ag.version.__version__)

OPENML_TASK_ID = 6
RATIO_TRAIN_VALID = 0.33
RESOURCE_ATTR_NAME = 'epoch'
REWARD_ATTR_NAME = 'objective'

NUM_CPUS = multiprocessing.cpu_count()

X_train, X_valid, y_train, y_valid, n_classes = load_and_split_openml_data(
    OPENML_TASK_ID, RATIO_TRAIN_VALID, download_from_openml=False)
assert n_classes == 26
X_train, y_train = X_train[:500], y_train[:500]
X_valid, y_valid = X_valid[:500], y_valid[:500]


@ag.args(n_units_1=ag.space.Int(lower=16, upper=128),
         n_units_2=ag.space.Int(lower=16, upper=128),
         dropout_1=ag.space.Real(lower=0, upper=.75),
         dropout_2=ag.space.Real(lower=0, upper=.75),
         learning_rate=ag.space.Real(lower=1e-6, upper=1, log=True),
         batch_size=ag.space.Int(lower=8, upper=128),
         scale_1=ag.space.Real(lower=0.001, upper=10, log=True),
         scale_2=ag.space.Real(lower=0.001, upper=10, log=True),
         epochs=9)
def run_mlp_openml(args, reporter, **kwargs):
    ts_start = time.time()
    network = MLPClassifier(hidden_layer_sizes=(args.n_units_1, args.n_units_2),
                            learning_rate_init=args.learning_rate,
                            batch_size=args.batch_size)
    for epoch in range(args.epochs):
        ts_epoch = time.time()
        with np.errstate(all='ignore'):
            network.partial_fit(X_train, y_train, classes=np.arange(n_classes))
        val_acc = network.score(X_valid, y_valid)
        print('Epoch %d ; Time: %f ; Validation: %f' % (
            epoch + 1, time.time() - ts_start, val_acc))
        ts_now = time.time()
        reporter(
            epoch=epoch + 1,
            objective=float(val_acc),
            eval_time=ts_now - ts_epoch,
            time_step=ts_now,
            elapsed_time=ts_now - ts_start)


SCHEDULER = "@SCHEDULER@"
SEARCHER = "@SEARCHER@"


def compute_error(df):
    return 1.0 - df["objective"]

def compute_runtime(df, start_timestamp):
    return df["time_step"] - start_timestamp

def process_training_history(task_dicts, start_timestamp,
                             runtime_fn=compute_runtime,
                             error_fn=compute_error):
    frames = []
    for task_id in task_dicts:
        frame = pd.DataFrame(task_dicts[task_id])
        frame = frame.assign(task_id=task_id,
                             runtime=runtime_fn(frame, start_timestamp),
                             error=error_fn(frame),
                             target_epoch=frame["epoch"].iloc[-1])
        frames.append(frame)
    result = pd.concat(frames, axis="index", ignore_index=True, sort=True)
    result = result.sort_values(by="runtime")
    return result.assign(best=result["error"].cummin())

resources = dict(num_cpus=NUM_CPUS, num_gpus=0)

search_options = {
    'num_init_random': 2,
    'debug_log': True}
if SCHEDULER == 'fifo':
    myscheduler = ag.scheduler.FIFOScheduler(
        run_mlp_openml,
        resource=resources,
        searcher=SEARCHER,
        search_options=search_options,
        time_out=@TIME_OUT@,
        time_attr=RESOURCE_ATTR_NAME,
        reward_attr=REWARD_ATTR_NAME)

else:
    sch_type = 'stopping' if SCHEDULER == 'hbs' else 'promotion'
    myscheduler = ag.scheduler.HyperbandScheduler(
        run_mlp_openml,
        resource=resources,
        searcher=SEARCHER,
        search_options=search_options,
        time_out=@TIME_OUT@,
        time_attr=RESOURCE_ATTR_NAME,
        reward_attr=REWARD_ATTR_NAME,
        type=sch_type,
        grace_period=1,
        reduction_factor=3,
        brackets=1)

myscheduler.run()
myscheduler.join_jobs()

results_df = process_training_history(
    myscheduler.training_history.copy(),
    start_timestamp=myscheduler._start_time)
print(results_df.head())

import matplotlib.pyplot as plt

plt.figure(figsize=(12, 8))

runtime = results_df['runtime'].values
objective = results_df['best'].values

plt.plot(runtime, objective, lw=2)
plt.xticks(fontsize=12)
plt.xlim(0, 120)
plt.ylim(0, 0.5)
plt.yticks(fontsize=12)
plt.xlabel("Runtime [s]", fontsize=14)
plt.ylabel("Objective", fontsize=14)
plt.savefig("tutorial.png")
"""

FOR_THE_TEST = """
results_df.to_json("results.json", orient="records")
states = {str(t.trial_id): t.state.value for t in myscheduler.trials.values()}
with open("states.json", "w") as file:
    json.dump(states, file)
"""

COLUMNS = {
    "best",
    "elapsed_time",
    "epoch",
    "error",
    "eval_time",
    "objective",
    "runtime",
    "target_epoch",
    "task_id",
    "time_step",
}
TIME_OUT_S = 15


class Outcome:
    """What one run of the program left behind."""

    def __init__(self, scheduler, searcher, folder):
        program = PROGRAM.replace("@SCHEDULER@", scheduler).replace("@SEARCHER@", searcher)
        program = program.replace("@TIME_OUT@", str(TIME_OUT_S))
        (folder / "tutorial.py").write_text(program + FOR_THE_TEST)
        done = subprocess.run(
            [sys.executable, "tutorial.py"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg"},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        self.scheduler = scheduler
        self.printed = done.stdout
        self.logged = done.stderr
        self.searcher = searcher
        self.rows = json.loads((folder / "results.json").read_text())
        self.states = json.loads((folder / "states.json").read_text())
        self.picture = folder / "tutorial.png"

    def epochs_of(self, task_id):
        return sorted(row["epoch"] for row in self.rows if row["task_id"] == task_id)

    def ended_by_itself(self):
        """Trials that were not cut off by the end of the run."""
        return [t for t, state in self.states.items() if state not in ("interrupted", "paused")]


@pytest.fixture(
    scope="module",
    params=[("hbs", "random"), ("hbs", "bayesopt"), ("hbp", "random"), ("fifo", "bayesopt")],
    ids="-".join,
)
def outcome(request, tmp_path_factory):
    return Outcome(*request.param, tmp_path_factory.mktemp("-".join(request.param)))


def test_the_table_has_the_columns_of_the_tutorial(outcome):
    added = set() if outcome.scheduler == "fifo" else {"bracket", "terminated"}
    assert set(outcome.rows[0]) == COLUMNS | added
    assert len(outcome.states) >= 2


def test_runtimes_count_from_the_start_of_the_run(outcome):
    runtimes = [row["runtime"] for row in outcome.rows]
    assert runtimes == sorted(runtimes)
    assert runtimes[0] >= 0
    assert runtimes[-1] <= TIME_OUT_S + 1


def test_the_best_error_never_rises(outcome):
    best = [row["best"] for row in outcome.rows]
    assert best == sorted(best, reverse=True)
    assert best[-1] == min(row["error"] for row in outcome.rows)
    assert best[-1] < 1 - 1 / 26  # better than guessing


def test_every_trial_reports_its_epochs_one_by_one(outcome):
    for task_id in {row["task_id"] for row in outcome.rows}:
        epochs = outcome.epochs_of(task_id)
        assert epochs == list(range(1, len(epochs) + 1))
        targets = {row["target_epoch"] for row in outcome.rows if row["task_id"] == task_id}
        assert targets == {epochs[-1]}


def test_trials_end_where_their_scheduler_ends_them(outcome):
    rungs = {"fifo": {9}, "hbs": {1, 3, 9}, "hbp": {9}}[outcome.scheduler]
    ended = outcome.ended_by_itself()
    assert {outcome.epochs_of(task_id)[-1] for task_id in ended} <= rungs
    if outcome.scheduler == "hbp":
        paused = [t for t, state in outcome.states.items() if state == "paused"]
        assert paused
        assert {outcome.epochs_of(task_id)[-1] for task_id in paused} <= {1, 3}
    else:
        assert ended


def test_rows_at_which_a_trial_was_ended_are_marked(outcome):
    marked = {row["epoch"] for row in outcome.rows if row.get("terminated")}
    assert marked <= ({1, 3, 9} if outcome.scheduler != "fifo" else set())
    assert bool(marked) == (outcome.scheduler != "fifo")
    assert {row.get("bracket") for row in outcome.rows} == (
        {None} if outcome.scheduler == "fifo" else {0}
    )


def test_the_debug_log_reaches_the_screen(outcome):
    assert re.search(r"trial 0 starts.*\(default\): .*learning_rate=", outcome.logged)
    has_no_effect = "num_init_random have no effect" in outcome.logged
    assert has_no_effect == (outcome.searcher == "random")
    decided = re.search(r"trial \d+ at epoch=1, objective=0\.\d+: \w+: .+", outcome.logged)
    assert bool(decided) == (outcome.scheduler != "fifo")
    by_model = "by the model\n" in outcome.logged
    assert by_model == (outcome.searcher == "bayesopt")


def test_the_screen_shows_version_and_table_and_the_picture_is_saved(outcome):
    assert "version 0." in outcome.printed
    assert "[5 rows x" in outcome.printed
    assert outcome.picture.stat().st_size > 5000

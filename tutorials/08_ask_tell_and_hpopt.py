"""Ask and tell: the trials run where you run them, in as many processes as you like.

    python 08_ask_tell_and_hpopt.py

Three processes share one run through its directory; one of them dies in the middle of a trial. Then
the same with the interface of hpopt, which plans the search by time. Writes ``asked.png``. Takes
about half a minute.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import train_test_split

import agcore as ag

X, X_valid, y, y_valid = train_test_split(*load_digits(return_X_y=True), random_state=0)
SPACE = {"alpha": ag.Real(1e-7, 10, log=True), "loss": ag.Categorical("hinge", "log_loss")}
MAX_T = 9


def the_run():
    """The run as each process opens it: the first one begins it, the others join."""
    return ag.AskTell(
        SPACE, "hbp", searcher="bayesopt", max_t=MAX_T, num_trials=24, checkpoint="asked"
    )


def work(name, dies_after=None):
    """Ask, train, report, until nothing is left."""
    run, done = the_run(), 0
    # Trials of a worker that has been silent for five seconds are given out again.
    while not run.is_over:
        trial = run.ask(again_after_s=5)
        if trial is None:  # the others are busy, and one of theirs may be promoted
            continue
        model = SGDClassifier(**trial.config, random_state=trial.seed)
        for epoch in range(1, MAX_T + 1):  # a promoted trial trains again what it had trained
            model.partial_fit(X, y, classes=range(10))
            if epoch <= trial.resume_from:
                continue
            done += 1
            if done == dies_after:
                os._exit(1)  # nobody is told
            if run.report(trial, epoch, accuracy=model.score(X_valid, y_valid)).stops:
                break
    print(f"{name}: {done} epochs")


def in_three_processes():
    """Start them and look at what they have found."""
    shutil.rmtree("asked", ignore_errors=True)
    arguments = (["first"], ["second"], ["third", "7"])
    workers = [subprocess.Popen([sys.executable, __file__, *each]) for each in arguments]
    print("exit codes:", [worker.wait() for worker in workers])
    run = the_run()
    best = run.best()
    print(f"{len(run.trials)} trials, best accuracy {best.reward:.4f} with {best.config}")
    again = [trial.trial_id for trial in run.trials.values() if trial.attempts > 1]
    print("attempted more than once (promoted, or left by the dead worker):", again)
    return run


def with_hpopt():
    """The same training with hpopt's interface, which is planned by time."""
    from agcore_contrib import hpopt

    hpo = hpopt.create(
        full_dataset_size=len(X),
        num_full_iterations=20,
        search_space={
            "alpha": hpopt.SearchSpace("loguniform", [1e-7, 10]),
            "loss": hpopt.SearchSpace("choice", ["hinge", "log_loss"]),
            "batch": hpopt.SearchSpace("quniform", [64, 1024, 64]),
        },
        save_path="hpo",
        search_alg="baye_opt",
        batch_size_name="batch",
        early_stop="median_stop",
        expected_time_ratio=3,  # search for as long as two trainings take
        metric="accuracy",
    )
    print(f"\n{hpo.num_trials} trials of {hpo.max_iterations} epochs on {hpo.subset_ratio:.0%}")
    while (config := hpo.get_next_sample()) is not None:
        values = config["params"]
        if values["batch"] > 512:  # let us say the memory holds no more
            hpopt.reportOOM(config)
            continue
        train = hpopt.createHpoDataset(list(zip(X, y, strict=True)), config)
        rows, classes = zip(*train, strict=True)
        model = SGDClassifier(alpha=values["alpha"], loss=values["loss"], random_state=0)
        for _ in range(config["iterations"]):
            for start in range(0, len(rows), values["batch"]):
                part = slice(start, start + values["batch"])
                model.partial_fit(rows[part], classes[part], classes=range(10))
            score = model.score(X_valid, y_valid)
            if hpopt.report(config, score) == hpopt.Status.STOP:
                break
    hpo.print_results()
    print("best:", hpo.get_best_config())


def draw(run):
    """Learning curves, by what became of the trial."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(figsize=(6, 3.8))
    for trial in run.trials.values():
        colour = {"completed": "tab:blue", "paused": "tab:grey"}.get(trial.state.value, "tab:red")
        epochs = [report.resource for report in trial.reports]
        axes.plot(epochs, [r.reward for r in trial.reports], "o-", color=colour, alpha=0.7)
    axes.set_xlabel("epoch")
    axes.set_ylabel("accuracy")
    axes.set_title("blue: went all the way; grey: paused", fontsize=10)
    fig.tight_layout()
    fig.savefig("asked.png", dpi=120)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        name, *rest = sys.argv[1:]
        work(name, *map(int, rest))
        sys.exit()
    draw(in_three_processes())
    print("see asked.png; `agcore why asked` lists the trials of", Path("asked").resolve())
    with_hpopt()

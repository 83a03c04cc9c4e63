"""A dialogue with three trials at a time, the same whoever it is had with."""

import math

import pytest

import agcore as ag

OBJECTIVES = {"reward_attr": ["accuracy", "latency"], "mode": ["max", "min"]}
KINDS = {
    "fifo": {},
    "hbs": {"brackets": 2},
    "hbp": {},
    "median": {"min_samples": 2},
    "sync": {},
    "pasha": {},
    "pbt": {"population_size": 4, "quantile_fraction": 0.25, "perturbation_interval": 2},
    "fronts": OBJECTIVES,
}
NAMES = {"fronts": "hbp"}
LINE = {"x": ag.Real(0, 1), "y": ag.Real(0, 1), "epochs": 9}
SPACES = {"grid": {"x": ag.Ordinal(*[i / 16 for i in range(16)]), "y": ag.Bool(), "epochs": 9}}
MODEL = {"num_init_random": 3, "opt_skip_init_length": 6, "opt_skip_period": 3}
OPTIONS = {
    "bayesopt": MODEL,
    "hypertune": {**MODEL, "min_points": 3},
    "evolution": {"population_size": 3},
    "tpe": {"num_init_random": 3},
    "bohb": {"min_points": 2, "random_fraction": 0.2},
}


def make(kind="fifo", searcher="random", **arguments):
    options = arguments.pop("search_options", OPTIONS.get(searcher))
    given = {"num_trials": 9, "searcher": searcher, "search_options": options}
    space = arguments.pop("space", SPACES.get(searcher, LINE))
    return ag.AskTell(space, NAMES.get(kind, kind), **{**given, **KINDS[kind], **arguments})


def metrics_of(config, trial_id, epoch):
    """What the trial reports; trial 4 diverges."""
    reward = math.sin(37 * config["x"]) + epoch * config["x"]
    if trial_id == 4 and epoch == 2:
        reward = math.nan
    return {"epoch": epoch, "accuracy": reward, "latency": 1 + 7 * config["x"] % 3}


def step(run, trial, epoch):
    """One epoch of a trial; whether it goes on. Trial 3 fails after its first."""
    if trial.trial_id == 3 and epoch == 2:
        run.tell(trial, error="the fourth always fails")
        return False
    if run.report(trial, **metrics_of(trial.config, trial.trial_id, epoch)).stops:
        return False
    if epoch == 9:
        run.tell(trial)
    return epoch < 9


def converse(runs, slots=1):
    """Play until nothing is left, the next run in line speaking each time."""
    going, turn = {}, 0
    while True:
        run = runs[turn % len(runs)]
        turn += 1
        if len(going) < slots:
            trial = run.ask()
            if trial is not None:
                going[trial.trial_id] = (trial, trial.resume_from + 1)
                continue
        if not going:
            return
        trial_id = list(going)[turn % len(going)]
        trial, epoch = going.pop(trial_id)
        if step(run, trial, epoch):
            going[trial_id] = (trial, epoch + 1)


def what_happened(run):
    """All that must not depend on who spoke: configs, decisions, states and rows."""
    trials = {
        trial_id: (
            trial.config,
            trial.state,
            trial.bracket,
            [(d.resource, d.decision) for d in trial.decisions],
            [repr(sorted(row.items())) for row in run.history.rows(trial)],
        )
        for trial_id, trial in run.trials.items()
    }
    best = run.history.best()
    return trials, best and best.trial_id


class Stage:
    """What the tests of this folder share."""

    kinds = tuple(KINDS)
    make = staticmethod(make)
    converse = staticmethod(converse)
    step = staticmethod(step)
    metrics_of = staticmethod(metrics_of)
    what_happened = staticmethod(what_happened)
    arguments = KINDS
    options = OPTIONS
    space = LINE


@pytest.fixture(scope="session")
def stage():
    return Stage

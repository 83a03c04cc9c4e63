"""The proof: a run that is killed anywhere and resumed ends as if it had not been killed.

The scheduler's process gets SIGKILL when its journal has reached a drawn size: once for each of
forty pairs of scheduler and searcher in an ordinary run of the tests, a thousand times with
``-m slow``. Trials save their state every other epoch and go on from it; one kind of run has two
workers, in deterministic mode.
"""

import json
import random
import signal
import subprocess
import sys
import textwrap

import pytest

from agcore.journal import read_journal

SCRIPT = textwrap.dedent(
    """
    import json, math, sys
    import agcore as ag

    kind, searcher, path = sys.argv[1:4]
    space = {"x": ag.Real(0, 1), "net": ag.Categorical("a", ag.Dict(depth=ag.Int(1, 9)))}
    if searcher == "hypertune":
        space = {"x": ag.Real(0, 1), "y": ag.Real(0, 1)}
    elif searcher == "grid":
        space = {"x": ag.Ordinal(*[i / 16 for i in range(16)]), "net": ag.Bool()}

    @ag.args(**space, epochs=9)
    def train(args, reporter):
        reward = 0.0
        if reporter.latest_checkpoint is not None:
            reward = float((reporter.latest_checkpoint / "reward").read_text())
        for epoch in range(reporter.resume_from, args.epochs):
            if args.task_id == 4 and epoch == 1:
                raise RuntimeError("the fifth always fails")
            reward += math.sin(37 * args.x) + epoch * args.x
            if epoch % 2:
                (reporter.checkpoint_dir / "reward").write_text(repr(reward))
            reporter(epoch=epoch + 1, accuracy=math.nan if args.task_id == 6 else reward)

    schedulers = {
        "fifo": lambda **a: ag.scheduler.FIFOScheduler(train, **a),
        "stopping": lambda **a: ag.scheduler.HyperbandScheduler(train, brackets=2, **a),
        "promotion": lambda **a: ag.scheduler.HyperbandScheduler(train, type="promotion", **a),
        "delayed": lambda **a: ag.scheduler.HyperbandScheduler(
            train, type="promotion", brackets=3, delay_promotion=True, **a),
        "deterministic": lambda **a: ag.scheduler.HyperbandScheduler(
            train, type="promotion", deterministic=True, logical_workers=3, **a),
        "population": lambda **a: ag.scheduler.PopulationBasedTrainingScheduler(
            train, population_size=5, perturbation_interval=2, quantile_fraction=0.4, **a),
        "median": lambda **a: ag.scheduler.MedianStoppingScheduler(train, min_samples=2, **a),
        "sync_hyperband": lambda **a: ag.scheduler.SynchronousHyperbandScheduler(train, **a),
        "pasha": lambda **a: ag.scheduler.PASHAScheduler(train, **a),
    }
    model = {"num_init_random": 3, "opt_skip_init_length": 6, "opt_skip_period": 3}
    options = {
        "bayesopt": model,
        "hypertune": {**model, "min_points": 3},
        "evolution": {"population_size": 4},
        "tpe": {"num_init_random": 4},
        "bohb": {"min_points": 3, "random_fraction": 0.2},
    }
    scheduler = schedulers[kind](
        searcher=searcher, search_options=options.get(searcher),
        num_trials=14, num_workers=2 if kind == "deterministic" else 1,
        checkpoint=path, resume="auto", progress=False,
    )
    scheduler.run()
    print(json.dumps({
        trial_id: [
            trial.config,
            trial.state.value,
            [(d.resource, d.decision.action.value, d.decision.reason) for d in trial.decisions],
            [repr(row) for row in scheduler.history.rows(trial)],
        ]
        for trial_id, trial in scheduler.trials.items()
    }))
    """
)
KINDS = (
    "fifo",
    "stopping",
    "promotion",
    "deterministic",
    "population",
    "median",
    "sync_hyperband",
    "pasha",
)
SEARCHERS = ("random", "grid", "bayesopt", "sobol", "evolution", "tpe", "bohb")
PAIRS = [
    (kind, searcher)
    for i, kind in enumerate(KINDS)
    for j, searcher in enumerate(SEARCHERS)
    if searcher in ("random", "grid", "bayesopt") or (i + j) % 2
]
"""Half of those of the later searchers: scheduler/test_resume.py cuts runs of all of them."""


def start(folder, kind, searcher, path):
    script = folder / "run.py"
    script.write_text(SCRIPT)
    return subprocess.Popen(
        [sys.executable, str(script), kind, searcher, str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def finish(folder, kind, searcher, path):
    with start(folder, kind, searcher, path) as process:
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return json.loads(out)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """What each kind of run comes to, and how long its journal gets, undisturbed."""
    known = {}

    def of(kind, searcher):
        if (kind, searcher) not in known:
            folder = tmp_path_factory.mktemp(f"{kind}-{searcher}")
            result = finish(folder, kind, searcher, folder / "run")
            size = (folder / "run" / "events.jsonl").stat().st_size
            known[kind, searcher] = (result, size)
        return known[kind, searcher]

    return of


def kill_when_the_journal_has(process, journal, size):
    while process.poll() is None:
        if journal.exists() and journal.stat().st_size >= size:
            process.send_signal(signal.SIGKILL)
            break
    process.communicate()


def draws(count, seed):
    rng = random.Random(seed)
    return [(rng.choice(KINDS), rng.choice(SEARCHERS), rng.random()) for _ in range(count)]


def check(tmp_path, undisturbed, kind, searcher, share):
    expected, size = undisturbed(kind, searcher)
    path = tmp_path / "run"
    with start(tmp_path, kind, searcher, path) as process:
        kill_when_the_journal_has(process, path / "events.jsonl", max(1, int(share * size)))
    assert finish(tmp_path, kind, searcher, path) == expected
    assert list(read_journal(path / "events.jsonl"))


@pytest.mark.parametrize(("kind", "searcher"), PAIRS)
def test_a_killed_run_comes_to_the_same_end(tmp_path, undisturbed, kind, searcher):
    share = random.Random(f"{kind} {searcher}").random()
    check(tmp_path, undisturbed, kind, searcher, share)


@pytest.mark.parametrize("kind", ["delayed", "stopping", "deterministic"])
@pytest.mark.parametrize("share", [0.5, 0.85])
def test_a_killed_run_with_learnt_brackets_comes_to_the_same_end(
    tmp_path, undisturbed, kind, share
):
    check(tmp_path, undisturbed, kind, "hypertune", share)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "searcher", "share"), draws(1000, seed=21))
def test_a_run_killed_anywhere_comes_to_the_same_end(tmp_path, undisturbed, kind, searcher, share):
    check(tmp_path, undisturbed, kind, searcher, share)

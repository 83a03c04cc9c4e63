"""A run that survives: killed in the middle, it goes on as if nothing had happened.

    python 06_durable_runs.py

A run with ``checkpoint=`` writes everything down before it acts on it. Here a second process runs
the same program and is killed without warning; then the run is continued, and compared with one
that was never interrupted. Writes ``durable.png``. Takes about twenty seconds.
"""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

import agcore as ag


@ag.args(lr=ag.Real(1e-3, 1, log=True), momentum=ag.Real(0, 0.9), epochs=9)
def train(args, reporter):
    """Gradient descent on a narrow valley; what it has reached is saved after each epoch."""
    position, velocity = np.array([2.0, 2.0]), np.zeros(2)
    if reporter.latest_checkpoint is not None:
        state = json.loads((reporter.latest_checkpoint / "state.json").read_text())
        position, velocity = np.array(state["position"]), np.array(state["velocity"])
    for epoch in range(reporter.resume_from + 1, args.epochs + 1):
        for _ in range(5):
            slope = np.array([0.3, 1.9]) * position
            velocity = args.momentum * velocity - args.lr * slope
            position = np.clip(position + velocity, -1e3, 1e3)
        time.sleep(0.03)
        state = {"position": position.tolist(), "velocity": velocity.tolist()}
        (reporter.checkpoint_dir / "state.json").write_text(json.dumps(state))
        reporter(epoch=epoch, loss=float(0.15 * position[0] ** 2 + 0.95 * position[1] ** 2))


def run(directory):
    """The run, or what is left of it; the same call for both."""
    return ag.tune(
        train,
        scheduler="hbp",
        reward_attr="loss",
        mode="min",
        num_trials=20,
        search_options={"random_seed": 3},
        deterministic=True,  # the same decisions, however fast the workers are
        logical_workers=2,
        checkpoint=directory,
        resume="auto",
        progress=False,
    )


def signature(result):
    """What happened to each trial: config, state, and all losses."""
    return [
        (trial.config, trial.state.value, [report.reward for report in trial.reports])
        for trial in result.trials.values()
    ]


def num_events(directory):
    """Lines of the journal so far."""
    journal = Path(directory, "events.jsonl")
    return len(journal.read_bytes().splitlines()) if journal.exists() else 0


if __name__ == "__main__":
    if len(sys.argv) > 1:  # this is the second process
        run(sys.argv[1])
        sys.exit()

    for name in ("undisturbed", "killed"):
        shutil.rmtree(name, ignore_errors=True)
    undisturbed = run("undisturbed")
    total = num_events("undisturbed")
    print(f"undisturbed: {len(undisturbed.trials)} trials, {total} events")

    for share in (0.3, 0.6):
        process = subprocess.Popen([sys.executable, __file__, "killed"])
        while num_events("killed") < share * total and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        print(f"killed after {num_events('killed')} events")

    continued = run("killed")
    print(f"continued:   {len(continued.trials)} trials, {num_events('killed')} events")
    print("the same trials, losses and decisions:", signature(continued) == signature(undisturbed))
    print(continued.explain(continued.best.trial_id))
    continued.plot("durable.png")
    print("see durable.png")

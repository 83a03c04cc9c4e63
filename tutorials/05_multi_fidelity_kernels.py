"""How a Gaussian process sees learning curves: the five resource kernels of ``bayesopt``.

    python 05_multi_fidelity_kernels.py

Under Hyperband the surrogate models the reward as a function of config and epoch. The kernel says
how epochs hang together: ``matern52`` only that near ones are alike; the ``exp-decay`` ones that
a curve decays towards an end, so that they foretell it. Curves of the letter data are played on a
simulated clock. Writes ``kernels.png``. Takes about half a minute.
"""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import agcore as ag
from agcore.curves import CurveTable
from agcore.demo.letter_mlp import search_space
from agcore.executor.simulated import SimulatedExecutor

KERNELS = (
    "matern52",
    "matern52-res-warp",
    "exp-decay-sum",
    "exp-decay-combined",
    "exp-decay-delta1",
)
table = CurveTable.from_rows(ag.datasets.load_letter_curves(), metrics=["val_acc"])
best_possible = max(r["val_acc"] for c in table.curves for r in c.reports)


@ag.args(**search_space(), epochs=27)
def train(args, reporter):
    """Never called: its curves are played."""


def tuned(kernel, seed):
    """A run of five full-length evaluations' worth of time."""
    return ag.tune(
        train,
        scheduler="hbp",
        searcher="bayesopt",
        search_options={
            "gp_resource_kernel": kernel,
            "random_seed": seed,
            "candidates": table.configs,
        },
        reward_attr="val_acc",
        executor=SimulatedExecutor(table, num_workers=4),
        time_out=3.0,
        progress=False,
    )


rows, misses = [], {}
for kernel in KERNELS:
    runs = [tuned(kernel, seed) for seed in range(4)]
    regrets = [100 * (best_possible - run.best_reward) for run in runs]
    # What the model said of each config before it was tried, and what came out at that epoch.
    # It models what is to be minimised, here 1 - accuracy.
    errors = []
    for run in runs:
        for trial in run.trials.values():
            if (why := trial.why) and "mean" in why:
                report = trial.report_for(why["resource"])
                if report is not None:
                    errors.append(100 * (report.reward - (1 - why["mean"])))
    misses[kernel] = errors
    rows.append(
        {
            "kernel": kernel,
            "regret": np.mean(regrets),
            "trials": np.mean([len(run.trials) for run in runs]),
            "forecast error": np.median(np.abs(errors)) if errors else float("nan"),
        }
    )
print("means over seeds, in percentage points")
print(pd.DataFrame(rows).to_string(index=False, float_format="%.2f"))

fig, axes = plt.subplots(figsize=(7, 3.8))
axes.boxplot(list(misses.values()), showfliers=False)
axes.set_xticklabels(list(misses), rotation=15)
axes.axhline(0, color="grey", linewidth=0.8)
axes.set_ylabel("outcome minus forecast\n[percentage points]")
fig.tight_layout()
fig.savefig("kernels.png", dpi=120)
print("see kernels.png: what came out, beside what the model had expected of the configs it chose")

"""Schedulers and searchers compared, on learning curves that were recorded once.

    python 03_schedulers_and_searchers.py

A run of minutes takes a moment if its trials play recorded curves, on a simulated clock. So we can
afford several seeds of each combination. Writes ``compared.png``. Takes about half a minute.
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

# 500 networks on the letter data, 27 epochs each, with the seconds that they took.
table = CurveTable.from_rows(ag.datasets.load_letter_curves(), metrics=["val_acc"])
print(table.description)
best_possible = max(r["val_acc"] for c in table.curves for r in c.reports)


@ag.args(**search_space(), epochs=27)
def train(args, reporter):
    """Never called: its curves are played."""


def regret_over_time(scheduler, searcher, seed, times):
    """Percentage points behind the best of the table, at each of some times."""
    options = {"random_seed": seed, "candidates": table.configs, "first_is_default": False}
    result = ag.tune(
        train,
        scheduler=scheduler,
        searcher=searcher,
        search_options=options,
        reward_attr="val_acc",
        executor=SimulatedExecutor(table, num_workers=4),
        time_out=float(times[-1]),
        progress=False,
    )
    found = [(point.elapsed_s, point.reward) for point in result.incumbents]
    seconds, rewards = np.array(found).T
    latest = np.searchsorted(seconds, times, side="right") - 1
    return np.where(latest >= 0, 100 * (best_possible - rewards[latest]), np.nan)


combinations = [
    ("fifo", "random"),
    ("hbs", "random"),
    ("hbp", "random"),
    ("hbp", "bohb"),
    ("hbp", "bayesopt"),
]
times = np.linspace(0.1, 12, 60)
fig, axes = plt.subplots(figsize=(6.5, 4))
rows = []
for scheduler, searcher in combinations:
    seeds = range(3 if searcher == "bayesopt" else 6)
    regrets = np.array([regret_over_time(scheduler, searcher, seed, times) for seed in seeds])
    axes.semilogy(times, np.nanmean(regrets, axis=0), label=f"{scheduler}, {searcher}")
    at = {f"{t:.0f} s": np.nanmean(regrets[:, np.searchsorted(times, t) - 1]) for t in (3, 6, 12)}
    rows.append({"scheduler": scheduler, "searcher": searcher, **at})

print("regret in percentage points, mean over seeds, after seconds of simulated time")
print(pd.DataFrame(rows).to_string(index=False, float_format="%.2f"))
axes.set_xlabel("simulated seconds, 4 workers")
axes.set_ylabel("regret [percentage points]")
axes.legend(frameon=False)
axes.grid(alpha=0.3)
fig.tight_layout()
fig.savefig("compared.png", dpi=120)
print("see compared.png")

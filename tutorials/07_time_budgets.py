"""Time budgets: say how long, and the plan follows; measured on the way, kept at the end.

    python 07_time_budgets.py

Writes ``budget.png``. Takes about half a minute.
"""

import time

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

import agcore as ag
from agcore.records import PlanChanged

X, X_valid, y, y_valid = train_test_split(*load_digits(return_X_y=True), random_state=0)


@ag.args(
    learning_rate=ag.Real(1e-5, 1e-1, log=True),
    units=ag.Int(8, 256, log=True),
    batch_size=ag.Categorical(16, 64, 256),
    epochs=27,
)
def train(args, reporter):
    """A perceptron; an epoch of a large one takes twenty times that of a small one."""
    model = MLPClassifier(
        args.units, learning_rate_init=args.learning_rate, batch_size=args.batch_size
    )
    for epoch in range(1, args.epochs + 1):
        model.partial_fit(X, y, classes=range(10))
        reporter(epoch=epoch, accuracy=model.score(X_valid, y_valid))


# A plan can be made before anything runs, if somebody knows what an epoch takes.
print(ag.budget.plan("1h", train, epochs=27, workers=4, seconds_per_epoch=8))
print()

# Or it is found out: epochs are measured, and the plan is made anew as often as that changes it.
began = time.monotonic()
result = ag.tune(train, scheduler="hbs", time_budget="20s")
print(f"budget 20 s, took {time.monotonic() - began:.1f} s with its start")
print(f"best accuracy {result.best_reward:.4f} with {result.best_config}")
plans = [event for event in result.scheduler.history.events if isinstance(event, PlanChanged)]
start_s = result.scheduler.history.start_s
print(f"{len(plans)} plans:")
for event in plans[:8]:
    print(
        f"  {event.time_s - start_s:5.1f} s  {event.plan['num_trials']:>4} trials: {event.reason}"
    )
print(result.scheduler.plan)

# How many trials each plan expected, and how many there were.
fig, axes = plt.subplots(figsize=(6.5, 3.5))
times = [event.time_s - start_s for event in plans]
axes.step([*times, 20], [*(e.plan["num_trials"] for e in plans), len(result.trials)], where="post")
axes.axhline(len(result.trials), color="grey", linestyle=":", label="trials that there were")
axes.set_xlabel("seconds")
axes.set_ylabel("trials that the plan expects")
axes.legend(frameon=False)
fig.tight_layout()
fig.savefig("budget.png", dpi=120)
print("see budget.png")

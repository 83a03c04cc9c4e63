"""First steps: a training function, its ranges, a run, and what it found.

    python 01_first_steps.py

Writes ``first_steps.png``. Takes about ten seconds.
"""

from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import train_test_split

import agcore as ag

X, X_valid, y, y_valid = train_test_split(*load_digits(return_X_y=True), random_state=0)


# What can be chosen is written into the decorator: a space is searched, anything else is a
# constant. `args` holds the values of one trial; `reporter` takes what the trial has to say.
@ag.args(
    alpha=ag.Real(1e-7, 10, log=True),
    loss=ag.Categorical("hinge", "log_loss", "modified_huber"),
    epochs=9,
)
def train(args, reporter):
    """A linear classifier of handwritten digits, one pass over the data an epoch."""
    model = SGDClassifier(alpha=args.alpha, loss=args.loss)
    for epoch in range(1, args.epochs + 1):
        model.partial_fit(X, y, classes=range(10))
        reporter(epoch=epoch, accuracy=model.score(X_valid, y_valid))


# Thirty configs, all drawn at random, each trained to its end. The trials run in processes of
# their own, as many at once as the machine has CPUs.
full = ag.tune(train, scheduler="fifo", num_trials=30)
print(f"every trial to its end:   {full.best_reward:.4f} with {full.best_config}")

# The same configs, but bad ones are stopped after 1 or 3 of 9 epochs: asynchronous successive
# halving. The best is nearly always kept, for a third of the epochs.
halved = ag.tune(train, scheduler="hbs", num_trials=30)
print(f"bad trials stopped early: {halved.best_reward:.4f} with {halved.best_config}")

for name, result in (("to the end", full), ("halved", halved)):
    epochs = sum(trial.resource for trial in result.trials.values())
    print(f"{name:<12}{epochs:>5} epochs, {result.time_spent.total_s:.1f} s")

# All that was reported, one row each, as a DataFrame.
table = halved.to_pandas()
print(table[["trial_id", "state", "epoch", "accuracy", "config.alpha", "config.loss"]].tail())

# Why was a trial stopped? It says itself.
stopped = next(t for t in halved.trials.values() if t.state.value == "stopped")
print(halved.explain(stopped.trial_id))

halved.plot("first_steps.png")
print("see first_steps.png: each dot is a report, the line is the best so far")

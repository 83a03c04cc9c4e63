"""Search spaces: numbers, choices, conditions, and objects with spaces inside.

    python 02_spaces_and_objects.py

Writes ``spaces.png``. Takes about ten seconds.
"""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import agcore as ag

X, y = load_breast_cancer(return_X_y=True)


# An object with spaces for its arguments. It is made anew in each trial, from the values that
# were chosen; parameters of an option exist only in configs that choose this option.
@ag.obj(C=ag.Real(1e-4, 1e3, log=True))
class Linear:
    """Logistic regression on standardised columns."""

    def __init__(self, C):
        self.model = make_pipeline(StandardScaler(), LogisticRegression(C=C, max_iter=500))


@ag.obj(
    max_depth=ag.Int(1, 12),
    num_trees=ag.Int(5, 80, log=True),
    # One in ten to all of them, in steps; 0.5 is what somebody believes in.
    share=ag.Real(0.1, 1.0, step=0.1, prior=0.5, prior_confidence="low"),
)
class Forest:
    """A random forest."""

    def __init__(self, max_depth, num_trees, share):
        self.model = RandomForestClassifier(
            num_trees, max_depth=max_depth, max_features=share, random_state=0
        )


@ag.args(model=ag.Categorical(Linear(), Forest()), num_folds=3)
def train(args, reporter):
    """Cross-validated accuracy."""
    scores = cross_val_score(args.model.model, X, y, cv=args.num_folds)
    reporter(accuracy=scores.mean(), spread=scores.std())


# What a config looks like: flat, plain values, only what is active.
print("the default:", train.cs.get_default_configuration())
rng = np.random.default_rng(1)
for _ in range(3):
    print("at random:  ", train.cs.sample_configuration(rng))


# What may not be tried at all is a function of the config: here no forest of many deep trees.
def is_small(config):
    """Whether a config is worth its time."""
    trees = config.get("model.Forest.num_trees", 0)
    return trees * config.get("model.Forest.max_depth", 0) <= 300


result = ag.tune(train, num_trials=30, search_options={"constraint": is_small})
print(f"best: {result.best_config}, accuracy {result.best_reward:.4f}")

# Parameters of the option that was not chosen are empty in the table.
table = result.to_pandas()
fig, axes = plt.subplots(1, 2, figsize=(9, 3.5), sharey=True)
axes[0].semilogx(table["config.model.Linear.C"], table["accuracy"], "o", alpha=0.6)
axes[0].set_xlabel("C of the linear model")
axes[0].set_ylabel("accuracy, cross-validated")
dots = axes[1].scatter(
    table["config.model.Forest.num_trees"],
    table["accuracy"],
    c=table["config.model.Forest.max_depth"],
)
axes[1].set_xscale("log")
axes[1].set_xticks([5, 10, 20, 40, 80], ["5", "10", "20", "40", "80"])
axes[1].minorticks_off()
axes[1].set_xlabel("trees of the forest")
fig.colorbar(dots, label="depth")
fig.tight_layout()
fig.savefig("spaces.png", dpi=120)
print("see spaces.png")

"""A workspace as OTX has it: `agcore build`, a YAML file, `agcore train --enable-hpo`.

    python 11_otx_workspace.py

Time is the only control: the search takes twice as long as a training. Needs the extra
``agcore[otx]``. Writes ``workspace.png``. Takes about forty seconds.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

TRAIN = '''
"""Trains a perceptron on the digits; for each trial, and for the final training."""
import pickle

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from agcore_contrib.otx import TrialStatus


def train(settings, report):
    """What the user writes: settings in, a score after each epoch out."""
    data = np.load(settings.data_root / "digits.npz")
    X, X_valid, y, y_valid = train_test_split(data["X"], data["y"], random_state=0)
    learning = settings.learning_parameters
    model = MLPClassifier(
        32,
        learning_rate_init=learning.learning_rate,
        batch_size=learning.batch_size,
        random_state=0,
    )
    if settings.load_from is not None:  # a promoted trial goes on
        model = pickle.loads((settings.load_from / "model.pkl").read_bytes())
    for epoch in range(settings.first_epoch, settings.epochs + 1):
        model.partial_fit(X, y, classes=range(10))
        (settings.save_to / "model.pkl").write_bytes(pickle.dumps(model))
        if report(model.score(X_valid, y_valid), epoch) is TrialStatus.STOP:
            return
'''

CONFIG = """\
metric: accuracy
search_algorithm: asha
minimum_resource: 1
maximum_resource: 9
hp_space:
  learning_parameters.learning_rate:
    param_type: qloguniform
    range:
      - 0.0005
      - 0.05
      - 0.0005
  learning_parameters.batch_size:
    param_type: qloguniform
    range:
      - 16
      - 128
      - 2
"""


def agcore(*arguments, cwd="."):
    """Run a command, and show it with what it says."""
    print("$ agcore", " ".join(arguments))
    subprocess.run([sys.executable, "-m", "agcore", *arguments], cwd=cwd, check=True)


workspace = Path("otx-workspace-CLASSIFICATION-digits")
shutil.rmtree(workspace, ignore_errors=True)
Path("data").mkdir(exist_ok=True)
X, y = load_digits(return_X_y=True)
np.savez("data/digits.npz", X=X, y=y)
Path("train.py").write_text(TRAIN, encoding="utf-8")
sys.stdout.reconfigure(line_buffering=True)  # in order with what the commands print

agcore("build", "--train-data-roots", "data", "--model", "digits", "--task", "train.py:train")
print(sorted(path.name for path in workspace.iterdir()))

# The file that is meant to be edited: what to search, and where.
(workspace / "hpo_config.yaml").write_text(CONFIG, encoding="utf-8")
agcore("train", "--enable-hpo", "--hpo-time-ratio", "2", cwd=workspace)

# Every trial is a JSON file; so what was tried can be drawn.
trials = [
    json.loads(path.read_text())
    for path in workspace.glob("outputs/**/hpo/*/*.json")
    if path.stem.isdigit()
]
fig, axes = plt.subplots(figsize=(6.5, 4))
for trial in trials:
    epochs = sorted(map(int, trial["score"]))
    values = trial["configuration"]
    axes.plot(
        epochs,
        [trial["score"][str(epoch)] for epoch in epochs],
        "o-",
        label=f"{values['learning_parameters.learning_rate']:.4g}, "
        f"{values['learning_parameters.batch_size']}",
    )
axes.set_xlabel("epoch")
axes.set_ylabel("accuracy")
axes.legend(title="learning rate, batch size", fontsize=7, ncols=2, frameon=False)
fig.tight_layout()
fig.savefig("workspace.png", dpi=120)
print("see workspace.png")

"""Images: `ImagePredictor` tunes what is trained on a folder of pictures.

    python 09_images.py

A folder with one folder of pictures for each class is enough. Needs the extra ``agcore[vision]``;
no network access. Writes ``images.png``. Takes about half a minute.
"""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

import agcore as ag
from agcore_contrib.vision import ImagePredictor, load_fashion4

# 800 pictures of four kinds of clothes to train on, 200 to test; they come with agcore. Your own
# are read with ImagePredictor.Dataset.from_folders("folder, archive or address").
train, test = load_fashion4()
print(train.groupby("label").size().rename(dict(enumerate(train.classes))).to_string())

# The last layer of EfficientNet-Lite0, trained on ImageNet, is replaced and trained anew; what the
# others make of a picture is computed once, so a trial takes a second. Any setting may be a space.
predictor = ImagePredictor().fit(
    train,
    hyperparameters={
        "lr": ag.Real(3e-4, 1e-2, log=True),
        "wd": ag.Real(0.05, 5, log=True),
        "dropout": ag.Real(0.2, 0.8),
    },
    search_strategy="bayesopt_hyperband",
    num_trials=12,
    epochs=8,
    random_state=0,
)
summary = predictor.fit_summary()
print(f"{summary['fit_history']['num_trials']} trials in {summary['total_time']:.0f} s")
print(f"validation accuracy {summary['valid_acc']:.3f} with")
for name in ("lr", "wd", "dropout"):
    print(f"  {name:<10}{summary['best_config'][name]:.4g}")

top1, _ = predictor.evaluate(test)
print(f"test accuracy {top1:.3f}")

# What it says of single pictures: those that it was least sure of.
shares = predictor.predict_proba(test).to_numpy()
least = np.argsort(shares.max(axis=1))[:12]
fig, axes = plt.subplots(2, 6, figsize=(9, 3.6))
for axis, row in zip(axes.flat, least, strict=True):
    said, is_ = shares[row].argmax(), test["label"].iloc[row]
    axis.imshow(Image.open(test["image"].iloc[row]), cmap="gray_r")
    axis.set_title(
        f"{test.classes[said]}, {shares[row].max():.0%}",
        fontsize=8,
        color="black" if said == is_ else "tab:red",
    )
    axis.axis("off")
fig.suptitle("What the network was least sure of; mistakes are red", fontsize=10)
fig.tight_layout()
fig.savefig("images.png", dpi=120)
print("see images.png")

"""The task interface of 2019: networks, optimisers and schedules as spaces.

    python 10_images_classic.py

For scripts that are written for `ImageClassification`; the training behind it is that of
`ImagePredictor`. Needs the extra ``agcore[vision]``; no network access. Writes
``images_classic.png``. Takes about half a minute.
"""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from PIL import Image

import agcore_contrib.vision.classic as ag
from agcore_contrib.vision import ImageClassification as task  # noqa: N813  as scripts have it

# The clothes that come with agcore; your own: task.Dataset(train_path="...", test_path="...").
# A tenth of the training images is held out to validate on.
dataset = task.Dataset(name="fashion4")

# In 2019 ag.List was a choice, and an optimiser had spaces as its arguments.
sgd = ag.optimizer.SGD(
    learning_rate=ag.LogLinear(1e-4, 1e-1),
    momentum=ag.Linear(0.85, 0.95),
    wd=ag.LogLinear(1e-6, 1e-2),
)
adam = ag.optimizer.Adam(learning_rate=ag.LogLinear(1e-4, 1e-1), wd=ag.LogLinear(1e-6, 1e-2))
results = task.fit(
    dataset,
    "efficientnet_lite0",  # or ag.Nets([...]); names of GluonCV stand for what is nearest
    ag.Optimizers([sgd, adam]),
    lr_scheduler=ag.List("poly", "cosine"),
    search_strategy="hyperband",
    num_trials=12,
    epochs=4,
    random_state=0,
)

print("what was searched")
for name, space in results.metadata.items():
    print(f"  {name}: {space}")
print("what was best")
for name, value in results.config.items():
    if name.startswith(("optimizer", "lr_scheduler")):
        print(f"  {name}: {value if isinstance(value, str) else format(value, '.3g')}")
print(f"validation accuracy {results.reward:.3f}, test accuracy {task.evaluate(dataset):.3f}")

# The reports of all trials, as the scheduler has kept them: an optimiser each, a line each.
history = results.model.fit_summary()["fit_history"]
fig, (curves, picture) = plt.subplots(1, 2, figsize=(8, 3.6), width_ratios=(3, 2))
for trial, reports in history["training_history"].items():
    kind = history["config_history"][trial]["optimizer"]
    colour = {"SGD": "tab:blue", "Adam": "tab:orange"}[kind]
    epochs = [report["epoch"] for report in reports]
    scores = [report["valid_acc"] for report in reports]
    curves.plot(epochs, scores, "o-", color=colour, label=kind, alpha=0.7)
labels = dict(zip(*reversed(curves.get_legend_handles_labels()), strict=True))
curves.legend(labels.values(), labels.keys(), frameon=False)
curves.set_xticks(range(1, 5))
curves.set_xlabel("epoch")
curves.set_ylabel("validation accuracy")

image = dataset.test["image"].iloc[0]
ind, prob = task.predict(image)
name = dataset.init().synsets[ind.asscalar()]
picture.imshow(Image.open(image), cmap="gray_r")
picture.set_title(f"{name}, probability {prob.asscalar():.2f}", fontsize=10)
picture.axis("off")
fig.tight_layout()
fig.savefig("images_classic.png", dpi=120)
print("see images_classic.png")

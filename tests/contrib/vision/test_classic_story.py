# ruff: noqa: UP031  formatted as the tutorial does it
"""The tutorial of 2019 on options of image classification, line by line, on the shipped images."""

import itertools
import logging
import shutil

import pytest

import agcore_contrib.vision.classic as ag
from agcore_contrib.vision import ImageClassification as task, load_fashion4  # noqa: N813  as it has it


@pytest.fixture
def shop(tmp_path):
    """A folder with some of the shipped images, divided as the tutorial has them."""
    for part, dataset, count in zip(("train", "test"), load_fashion4(), (12, 8), strict=True):
        for number, name in enumerate(dataset.classes):
            folder = tmp_path / part / name
            folder.mkdir(parents=True)
            images = dataset["image"][dataset["label"] == number]
            for image in itertools.islice(images, count):
                shutil.copy(image, folder)
    return tmp_path


def test_every_line_of_the_tutorial_runs(shop, capsys, caplog):
    caplog.set_level(logging.INFO)
    dataset = task.Dataset(name="shopeeiet", train_path=f"{shop}/train")

    time_limits = 1 * 60
    epochs = 2

    results = task.fit(dataset, time_limits=time_limits, epochs=epochs)
    print("Top-1 val acc: %.3f" % results.reward)
    test_dataset = task.Dataset(name="shopeeiet", test_path=f"{shop}/test")
    test_acc = task.evaluate(test_dataset)
    print("Top-1 test acc: %.3f" % test_acc)
    assert test_acc > 0.5

    print("Default models:")
    print(results.metadata["net"])
    print("Default optimizers:")
    print(results.metadata["optimizer"])
    print("Default search_strategy:")
    print(results.metadata["search_strategy"])
    print("Stop criterion:")
    print(results.metadata["stop_criterion"])
    print("Resources used for each trial:")
    print(results.metadata["resources_per_trial"])

    net_list = ["resnet18_v1", "resnet34_v1", "resnet50_v1"]
    nets = ag.Nets(net_list)
    print(nets)

    results = task.fit(dataset, nets, time_limits=time_limits, epochs=epochs)
    print("Top-1 val acc: %.3f" % results.reward)
    test_acc = task.evaluate(test_dataset)
    print("Top-1 test acc: %.3f" % test_acc)
    assert results.config["model"] in net_list
    assert "takes its place" in caplog.text or "is used" in caplog.text

    optimizers_default = ag.Optimizers(["sgd", "adam"])
    assert len(optimizers_default) == 2

    sgd_opt = ag.optimizer.SGD(
        learning_rate=ag.LogLinear(1e-4, 1e-1),
        momentum=ag.Linear(0.85, 0.95),
        wd=ag.LogLinear(1e-6, 1e-2),
    )
    adam_opt = ag.optimizer.Adam(
        learning_rate=ag.LogLinear(1e-4, 1e-1), wd=ag.LogLinear(1e-6, 1e-2)
    )
    optimizers = ag.Optimizers([sgd_opt, adam_opt])
    print(optimizers)

    results = task.fit(
        dataset,
        nets,
        optimizer=optimizers,
        lr_scheduler=ag.List("poly", "cosine"),
        time_limits=time_limits,
        epochs=epochs,
    )
    print("Top-1 val acc: %.3f" % results.reward)
    test_acc = task.evaluate(test_dataset)
    print("Top-1 test acc: %.3f" % test_acc)
    assert results.config["lr_scheduler"] in ("poly", "cosine")
    assert any(name.startswith("optimizer.") for name in results.config)

    search_strategy = "hyperband"

    results = task.fit(
        dataset,
        nets,
        optimizers,
        lr_scheduler=ag.List("poly", "cosine"),
        search_strategy=search_strategy,
        time_limits=time_limits,
        epochs=4,
    )
    print("Top-1 val acc: %.3f" % results.reward)
    test_acc = task.evaluate(test_dataset)
    print("Top-1 test acc: %.3f" % test_acc)
    assert test_acc > 0.5

    image = str(next((shop / "test" / "sneaker").iterdir()))
    ind, prob = task.predict(image)
    print(
        "The input picture is classified as [%s], with probability %.2f."
        % (dataset.init().synsets[ind.asscalar()], prob.asscalar())
    )

    printed = capsys.readouterr().out
    assert printed.count("Top-1 test acc: ") == 4
    assert "is classified as [sneaker], with probability 0." in printed or "1.00." in printed
    assert "Default search_strategy:\nrandom\nStop criterion:\n{'time_limits': 60," in printed

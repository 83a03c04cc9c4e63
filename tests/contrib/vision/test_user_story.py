"""The tutorial on tuning image classifiers, line by line, with the archive on a server."""

import agcore as ag
from agcore_contrib.vision import ImagePredictor


def test_every_line_of_the_tutorial_runs(archive, serve, capsys):
    address = f"{serve(archive.parent)}/{archive.name}"
    train_data, _, test_data = ImagePredictor.Dataset.from_folders(address)

    model = ag.Categorical("resnet18_v1b", "mobilenetv3_small")
    model_list = ImagePredictor.list_models()
    assert "efficientnet_lite0" in model_list

    batch_size = 8
    lr = ag.Categorical(1e-2, 1e-3)

    hyperparameters = {"model": model, "batch_size": batch_size, "lr": lr}
    predictor = ImagePredictor()
    predictor.fit(
        train_data,
        search_strategy="bayesopt",
        num_trials=2,
        time_limit=60 * 10,
        epochs=2,
        hyperparameters=hyperparameters,
    )
    print("Top-1 val acc: %.3f" % predictor.fit_summary()["valid_acc"])  # noqa: UP031  its line

    top1, _top5 = predictor.evaluate(test_data)
    print("Test acc on hold-out data:", top1)
    history = predictor.fit_summary()["fit_history"]
    assert history["num_trials"] == 2
    assert history["search_strategy"]["search_strategy"] == "bayesopt"
    assert top1 >= 0.5

    hyperparameters.update({"search_strategy": "hyperband", "grace_period": 1})
    predictor.fit(train_data, num_trials=2, epochs=2, hyperparameters=hyperparameters)
    assert predictor.fit_summary()["fit_history"]["search_strategy"]["search_strategy"] == "random"

    hyperparameters.update({"search_strategy": "bayesopt_hyperband", "grace_period": 1})
    predictor.fit(train_data, num_trials=3, epochs=2, hyperparameters=hyperparameters)
    top1, _top5 = predictor.evaluate(test_data)
    assert top1 >= 0.5
    assert "Test acc on hold-out data:" in capsys.readouterr().out

"""The names of 2019: what they mean, and what is said to those who mistake them."""

import numpy as np
import pytest
import torch

import agcore as agcore_now
import agcore_contrib.vision.classic as ag
from agcore.errors import SpecError
from agcore_contrib.vision.classic.arrays import classic_array
from agcore_contrib.vision.classic.dataset import TaskDataset
from agcore_contrib.vision.classic.task import ImageClassificationTask


def parameters():
    return [torch.nn.Parameter(torch.zeros(3))]


def test_every_name_is_there():
    for name in ag.__all__:
        assert getattr(ag, name) is not None


def test_a_list_is_a_choice():
    schedule = ag.List("poly", "cosine")
    assert isinstance(schedule, agcore_now.Categorical)
    assert schedule.labels == ("poly", "cosine")
    assert not isinstance(schedule, agcore_now.List)
    assert ag.Choice(1, 2).labels == (1, 2)


def test_linear_and_log_linear_are_ranges():
    assert (ag.Linear(0.85, 0.95).lower, ag.Linear(0.85, 0.95).log) == (0.85, False)
    assert ag.LogLinear(1e-4, 1e-1).log


@pytest.mark.parametrize("make", [ag.Nets, ag.Optimizers, ag.Losses])
def test_a_single_name_instead_of_a_list_is_answered(make):
    with pytest.raises(SpecError, match=rf"{make.__name__}\('sgd'\) takes a list"):
        make("sgd")


def test_cross_entropy_has_the_name_that_it_had():
    assert ag.Losses(["SoftmaxCrossEntropyLoss"]).labels == (None,)
    loss = torch.nn.functional.multi_margin_loss
    assert list(ag.Losses(["SoftmaxCrossEntropyLoss", loss])) == [None, loss]


def test_named_optimisers_come_with_ranges():
    found = ag.Optimizers(["sgd", "adam", "adamw"])
    assert [*found.kwspaces] == [
        "choice",
        "choice.SGD.learning_rate",
        "choice.SGD.momentum",
        "choice.SGD.wd",
        "choice.Adam.learning_rate",
        "choice.Adam.wd",
    ]
    assert found.labels[2] == "adamw"


@pytest.mark.parametrize(
    ("lazy", "kind", "expected"),
    [
        (ag.optimizer.SGD(), torch.optim.SGD, {"lr": 0.01, "momentum": 0, "nesterov": False}),
        (ag.optimizer.NAG(momentum=0.9), torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
        (ag.optimizer.NAG(), torch.optim.SGD, {"nesterov": False}),
        (
            ag.optimizer.Adam(wd=0.1, beta1=0.8),
            torch.optim.Adam,
            {"lr": 0.001, "weight_decay": 0.1, "betas": (0.8, 0.999), "eps": 1e-8},
        ),
    ],
)
def test_an_optimiser_is_that_of_torch_with_mxnets_defaults(lazy, kind, expected):
    made = lazy.init()(parameters())
    assert isinstance(made, kind)
    assert {name: made.defaults[name] for name in expected} == expected


def test_spaces_of_an_optimiser_may_be_positional():
    lazy = ag.optimizer.SGD(ag.LogLinear(1e-4, 1e-1), ag.Linear(0.85, 0.95))
    assert list(lazy.kwspaces) == ["learning_rate", "momentum"]
    made = lazy.sample(learning_rate=0.02, momentum=0.9)(parameters())
    assert (made.defaults["lr"], made.defaults["momentum"]) == (0.02, 0.9)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"learning_rate": 0}, "learning_rate=0 must be above 0"),
        ({"momentum": -0.1}, "momentum=-0.1 must be at least 0"),
        ({"wd": "much"}, "wd='much'"),
    ],
)
def test_a_number_that_breaks_its_rule_is_answered_at_once(arguments, message):
    with pytest.raises(SpecError, match=message):
        ag.optimizer.SGD(**arguments)


def test_arrays_answer_as_those_of_mxnet():
    array = classic_array(np.array([0.25]))
    assert array.asscalar() == 0.25
    assert type(array.asnumpy()) is np.ndarray
    with pytest.raises(ValueError, match="size 1"):
        classic_array([1, 2]).asscalar()


def test_a_dataset_is_looked_through_when_it_is_needed(colours, tmp_path):
    later = TaskDataset(name="colours", train_path=tmp_path / "later")
    with pytest.raises(SpecError, match="later is neither a folder nor an archive"):
        later.init()
    dataset = TaskDataset(name="colours", train_path=colours / "train", test_path=colours / "test")
    assert dataset.init().synsets == ["blue", "green", "red"]
    assert dataset.num_classes == 3
    assert (len(dataset.train), len(dataset.test)) == (36, 12)
    assert set(dataset.test["label"]) == {"blue", "green", "red"}
    assert repr(later).startswith("Dataset(name='colours', train_path=")


def test_without_a_test_path_the_other_images_are_meant(colours):
    assert len(TaskDataset(train_path=colours / "train").test) == 36
    with pytest.raises(SpecError, match="no images to train on; pass train_path="):
        _ = TaskDataset(test_path=colours / "test").train


def test_only_the_shipped_images_have_a_name_alone():
    assert len(TaskDataset(name="fashion4").train) == 800
    with pytest.raises(SpecError, match="name='mnist' comes with no images; pass train_path="):
        TaskDataset(name="mnist")


def refused(colours, **options):
    task = ImageClassificationTask()
    with pytest.raises(SpecError) as error:
        task.fit(task.Dataset(train_path=colours / "train"), **options)
    return str(error.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"net": "small_cnn", "nets": ag.Nets(["small_cnn"])}, "net and nets are the same"),
        ({"optimizer": "sgd", "optimizers": "adam"}, "optimizer and optimizers are the same"),
        ({"nets": ag.Nets(["small_cnn", torch.nn.Identity])}, "Nets of the one or of the other"),
        ({"nets": ag.Nets(["resnet18_v1", "resnett34_v1"])}, "'resnett34_v1' is no network"),
        ({"optimizer": "sdg"}, "optimizer='sdg' must be one of"),
        ({"lr_scheduler": "cosin"}, "lr_scheduler='cosin'"),
        ({"metric": "f1"}, "metric='f1'"),
        ({"split_ratio": 1}, "split_ratio=1 must be a share between 0 and 1"),
        ({"search_strategy": "hyperbrand"}, "did you mean 'hyperband'"),
        ({"grace_period": 1}, "grace_period= has no effect with the scheduler 'fifo'"),
    ],
)
def test_what_is_wrong_with_a_fit_is_told(colours, options, message):
    assert message in refused(colours, **options)


def test_a_table_is_for_the_other_interface():
    task = ImageClassificationTask()
    with pytest.raises(SpecError, match=r"a list; pass task\.Dataset"):
        task.fit([1])
    with pytest.raises(SpecError, match="nothing has been trained; call fit first"):
        task.predict("a.png")
    with pytest.raises(TypeError, match="learning_rat"):
        task.fit(TaskDataset(name="fashion4"), learning_rat=0.1)


def test_a_net_an_optimiser_and_a_loss_of_ones_own_are_trained(colours):
    def net(num_classes):
        pool = torch.nn.AdaptiveAvgPool2d(1)
        return torch.nn.Sequential(pool, torch.nn.Flatten(), torch.nn.Linear(3, num_classes))

    def loss(logits, labels):
        return torch.nn.functional.multi_margin_loss(logits, labels)

    task = ImageClassificationTask()
    dataset = task.Dataset(train_path=colours / "train", test_path=colours / "test")
    results = task.fit(
        dataset,
        net,
        ag.optimizer.NAG(learning_rate=ag.LogLinear(0.5, 5.0), momentum=0.9),
        "poly",
        loss,
        batch_size=8,
        epochs=12,
        input_size=16,
        num_trials=1,
        search_strategy="bayesopt",
        max_reward=1.0,
        random_state=0,
    )
    assert results.reward > 0.6
    assert task.evaluate(dataset) > 0.6
    assert results.config["optimizer.learning_rate"] == pytest.approx(2.5**0.5)
    assert results.metadata["learning_rate"].log
    assert results.metadata["stop_criterion"] == {"time_limits": None, "max_reward": 1.0}
    numbers, shares = task.predict(list(dataset.test["image"]))
    assert numbers.shape == shares.shape == (12,)
    names = [dataset.synsets[number] for number in numbers]
    assert np.mean(np.equal(names, dataset.test["label"])) == task.evaluate(dataset)

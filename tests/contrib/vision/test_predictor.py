"""`ImagePredictor`, with real trials in processes of their own."""

import logging
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import agcore as ag
from agcore.errors import AgcoreError, SpecError
from agcore_contrib.vision import ImageDataset, ImageError, ImagePredictor

SMALL = {"input_size": 32, "epochs": 4, "batch_size": 8}


@pytest.fixture(scope="module")
def train(colours):
    return ImageDataset.from_folder(colours / "train")


@pytest.fixture(scope="module")
def test(colours):
    return ImageDataset.from_folder(colours / "test")


def fitted(data, **options):
    hyperparameters = {**SMALL, **options.pop("hyperparameters", {})}
    return ImagePredictor(path=options.pop("path", None)).fit(
        data,
        hyperparameters=hyperparameters,
        holdout_frac=0.25,
        nthreads_per_trial=1,
        random_state=1,
        **options,
    )


@pytest.fixture(scope="module")
def predictor(train):
    return fitted(train)


def test_colours_are_told_apart(predictor, test):
    top1, top5 = predictor.evaluate(test)
    assert top1 >= 0.9
    assert top5 == 1.0
    assert predictor.evaluate(test)["top1"] == top1


def test_classes_that_are_numbered_otherwise_are_known_by_name(predictor, colours, tmp_path):
    for name in ("green", "red"):
        shutil.copytree(colours / "test" / name, tmp_path / name)
    found = ImageDataset.from_folder(tmp_path)
    assert set(found["label"]) == {0, 1}
    assert predictor.evaluate(found).top1 >= 0.8


def test_the_summary_says_what_was_found(predictor):
    summary = predictor.fit_summary()
    assert summary["valid_acc"] >= 0.8
    assert 0 <= summary["train_acc"] <= 1
    assert summary["total_time"] > 0
    assert summary["best_config"]["epochs"] == 4
    history = summary["fit_history"]
    assert history["num_trials"] == len(history["config_history"]) == 1
    summary["fit_history"].clear()
    assert predictor.fit_summary()["fit_history"]


def test_predictions_are_labels_with_the_index_of_the_table(predictor, test):
    part = test[test["label"] == 2]
    found = predictor.predict(part)
    assert found.index.equals(part.index)
    assert (found == 2).mean() >= 0.75
    probabilities = predictor.predict_proba(part)
    assert list(probabilities.columns) == [0, 1, 2]
    assert np.allclose(probabilities.sum(axis=1), 1)
    assert (probabilities.idxmax(axis=1) == found).all()


def test_one_image_may_be_a_path_an_array_or_an_image(predictor, test):
    path = test["image"].iloc[0]
    with Image.open(path) as image:
        pixels = np.asarray(image)
        found = [predictor.predict(given, as_pandas=False) for given in (path, pixels, image)]
    assert found[0] == found[1] == found[2]
    assert predictor.predict([path, pixels]).tolist() == found[0] * 2


def test_features_are_rows_of_numbers(predictor, test):
    found = predictor.predict_feature(test.head(2))
    assert list(found.columns) == ["image_feature"]
    assert found["image_feature"].iloc[0].shape == (1728,)


def test_an_image_that_cannot_be_read_is_named_by_predict_and_left_out_by_evaluate(
    predictor, test, tmp_path, caplog
):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    with pytest.raises(ImageError, match=r"broken\.png"):
        predictor.predict([str(broken)])
    table = pd.concat(
        [pd.DataFrame(test), pd.DataFrame({"image": [str(broken)], "label": [0]})],
        ignore_index=True,
    )
    assert predictor.evaluate(table) == predictor.evaluate(test)
    assert "1 of 13 images are left out" in caplog.text


def test_a_saved_predictor_says_the_same_wherever_it_is_loaded(predictor, test, tmp_path):
    path = predictor.save(tmp_path)
    assert path.name == "image_predictor.ag"
    loaded = ImagePredictor.load(tmp_path)
    pd.testing.assert_frame_equal(loaded.predict_proba(test), predictor.predict_proba(test))
    ag.save([1], tmp_path / "other")
    with pytest.raises(SpecError, match="holds a list"):
        ImagePredictor.load(tmp_path / "other")


def test_a_new_predictor_asks_for_fit(test):
    for method in ("evaluate", "predict", "predict_proba", "predict_feature"):
        with pytest.raises(SpecError, match="call fit first"):
            getattr(ImagePredictor(), method)(test)


def test_hyperband_stops_trials_after_one_and_two_epochs(train, test):
    found = fitted(
        train,
        hyperparameters={
            "search_strategy": "hyperband",
            "grace_period": 1,
            "lr": ag.Real(1e-5, 1e-2, log=True),
            "lr_scheduler": ag.Categorical("cosine", "poly", "step"),
        },
        num_trials=6,
    )
    history = found.fit_summary()["fit_history"]
    lengths = {len(reports) for reports in history["training_history"].values()}
    assert history["num_trials"] == 6
    assert lengths <= {1, 2, 4}
    assert len(lengths) > 1
    assert history["search_strategy"]["search_strategy"] == "random"
    assert found.evaluate(test).top1 >= 0.6


def test_promoted_trials_go_on_from_their_checkpoints(train, tmp_path):
    found = fitted(
        train,
        hyperparameters={"lr": ag.Real(1e-4, 1e-2, log=True)},
        search_strategy="bayesopt_hyperband_promotion",
        num_trials=4,
        path=tmp_path,
    )
    history = found.fit_summary()["fit_history"]["training_history"]
    longest = max(history.values(), key=len)
    assert [report["epoch"] for report in longest] == list(range(1, len(longest) + 1))
    assert len(longest) > 1
    assert (tmp_path / "fit-001" / "run" / "events.jsonl").exists()
    assert len(list((tmp_path / "fit-001" / "images").glob("features-*.npy"))) == 1


def test_classes_may_be_words_in_a_column_of_any_name(train, test):
    words = pd.DataFrame(
        {"image": train["image"], "colour": [train.classes[k] for k in train["label"]]}
    )
    found = ImagePredictor(label="colour").fit(
        words, tuning_data=words.iloc[::5], hyperparameters=SMALL, nthreads_per_trial=1
    )
    assert set(found.predict(test)) <= {"blue", "green", "red"}
    assert found.classes == ["blue", "green", "red"]


def test_damaged_images_are_left_out_with_a_count(train, tmp_path, caplog):
    for name, content in {"a.png": b"", "b.png": b"text", "c.png": b"\x89PNG\r\n\x1a\n"}.items():
        (tmp_path / name).write_bytes(content)
    damaged = pd.DataFrame(
        {"image": [str(path) for path in sorted(tmp_path.glob("*.png"))], "label": [0, 1, 2]}
    )
    data = pd.concat([pd.DataFrame(train), damaged], ignore_index=True)
    found = fitted(data, hyperparameters={"model": "small_cnn", "epochs": 1})
    assert "3 of 39 images are left out" in caplog.text
    assert found.fit_summary()["valid_acc"] >= 0


def test_a_class_that_is_missing_in_validation_is_said(train, caplog):
    fitted(
        train,
        tuning_data=train[train["label"] != 1],
        hyperparameters={"model": "small_cnn", "epochs": 1},
    )
    assert "no images to validate on of 1" in caplog.text


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"hyperparameters": {"model": "small_cmn"}}, "did you mean 'small_cnn'"),
        ({"holdout_frac": 1.5}, "holdout_frac=1.5"),
        ({"ngpus_per_trial": 99}, "num_gpus=99"),
        ({"tuning_data": 0.2}, "tuning_data is a float"),
    ],
)
def test_what_breaks_a_rule_is_an_error(train, given, why):
    with pytest.raises(SpecError, match=why):
        ImagePredictor().fit(train, **given)


def test_an_unknown_keyword_is_an_error(train):
    with pytest.raises(TypeError, match="nun_trials"):
        ImagePredictor().fit(train, nun_trials=3)


def test_three_classes_are_not_binary(train):
    with pytest.raises(SpecError, match="has two classes, and train_data has 3"):
        ImagePredictor(problem_type="binary").fit(train)


def test_one_class_only_is_an_error(train):
    with pytest.raises(SpecError, match="at least two classes"):
        ImagePredictor().fit(train[train["label"] == 1])


def test_one_class_that_can_be_read_is_an_error(train, tmp_path):
    missing = pd.DataFrame({"image": [str(tmp_path / "none.png")] * 3, "label": [9, 9, 9]})
    data = pd.concat([pd.DataFrame(train[train["label"] == 1]), missing], ignore_index=True)
    with pytest.raises(SpecError, match="of 1 class"):
        ImagePredictor().fit(data)


def test_a_time_limit_that_is_too_short_says_so(train, caplog):
    with caplog.at_level(logging.ERROR), pytest.raises(AgcoreError, match=r"time_limit=0\.5"):
        ImagePredictor().fit(train, time_limit=0.5)


def test_the_user_s_own_network_is_trained(train, test):
    found = fitted(train, hyperparameters={"net": mean_colour_net, "lr": 0.1, "wd": 0.0})
    assert found.fit_summary()["valid_acc"] >= 0.3
    assert len(found.predict(test)) == len(test)


def mean_colour_net(num_classes):
    from torch import nn

    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, num_classes))

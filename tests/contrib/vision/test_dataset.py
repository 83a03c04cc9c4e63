"""Tables of images."""

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from agcore.errors import SpecError
from agcore_contrib.vision import ImageDataset, load_fashion4

COLOURS = ["blue", "green", "red"]


def test_folders_become_three_datasets(colours):
    train, val, test = ImageDataset.from_folders(colours)
    assert (len(train), len(val), len(test)) == (36, 0, 12)
    assert train.classes == COLOURS
    assert set(train["label"]) == {0, 1, 2}
    assert all(
        f"/{train.classes[label]}/" in image
        for image, label in zip(train["image"], train["label"], strict=True)
    )
    assert val.classes == train.classes


def test_a_url_and_an_archive_give_the_same_as_the_folder(colours, archive, serve):
    expected, _, _ = ImageDataset.from_folders(colours)
    for source in (archive, f"{serve(archive.parent)}/{archive.name}"):
        train, _, test = ImageDataset.from_folders(source)
        assert train["label"].tolist() == expected["label"].tolist()
        assert len(test) == 12


def test_a_missing_training_folder_is_an_error(tmp_path):
    (tmp_path / "learn").mkdir()
    with pytest.raises(SpecError, match="has no folder 'train'"):
        ImageDataset.from_folders(tmp_path)
    with pytest.raises(SpecError, match="neither a folder nor an archive"):
        ImageDataset.from_folders(tmp_path / "nowhere")


def test_a_folder_without_images_is_an_error(tmp_path):
    (tmp_path / "cats").mkdir()
    (tmp_path / "cats" / "notes.txt").write_text("no image")
    with pytest.raises(SpecError, match="holds no images"):
        ImageDataset.from_folder(tmp_path)


def test_a_folder_that_cannot_be_read_is_an_error(colours, monkeypatch):
    from pathlib import Path

    def refuse(self):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(SpecError, match="cannot be read: Permission denied"):
        ImageDataset.from_folder(colours / "train")


def test_a_class_keeps_its_number_where_another_is_missing(tmp_path, colours, caplog):
    import shutil

    shutil.copytree(colours, tmp_path / "all")
    (tmp_path / "all" / "test" / "blue").rename(tmp_path / "all" / "test" / "azure")
    train, _, test = ImageDataset.from_folders(tmp_path / "all")
    assert test.classes == [*train.classes, "azure"]
    assert test["label"].tolist() == [3] * 4 + [1] * 4 + [2] * 4
    assert "are not those in" in caplog.text


def test_a_table_with_relative_paths(tmp_path):
    table = pd.DataFrame({"image": ["b.png", "a.png"], "label": ["cat", "ant"]})
    table.to_csv(tmp_path / "images.csv", index=False)
    data = ImageDataset.from_csv(tmp_path / "images.csv")
    assert data["image"].tolist() == [str(tmp_path / "b.png"), str(tmp_path / "a.png")]
    assert data.classes == ["ant", "cat"]
    assert data["label"].tolist() == [1, 0]


def test_a_table_without_labels_is_an_error(tmp_path):
    (tmp_path / "images.csv").write_text("image,class\na.png,1\n")
    with pytest.raises(SpecError, match="no column 'label'"):
        ImageDataset.from_csv(tmp_path / "images.csv")


@pytest.mark.parametrize(("row", "column"), [("b.png,", "label"), (",cat", "image")])
def test_a_row_that_lacks_something_is_an_error(tmp_path, row, column):
    (tmp_path / "images.csv").write_text(f"image,label\na.png,cat\n{row}\n")
    with pytest.raises(SpecError, match=f"1 rows without '{column}', the first is row 1"):
        ImageDataset.from_csv(tmp_path / "images.csv")


def test_classes_can_be_read_from_names():
    data = ImageDataset.from_name_func(["cat.1.jpg", "dog.2.jpg"], lambda n: n.split(".")[-3][-3:])
    assert data.classes == ["cat", "dog"]


def test_a_split_keeps_the_shares_and_the_classes(colours):
    data = ImageDataset.from_folder(colours / "train")
    train, val, test = data.random_split(test_size=0.25, val_size=0.25, random_state=3)
    assert (len(train), len(val), len(test)) == (18, 9, 9)
    assert test.classes == data.classes
    assert sorted([*train["image"], *val["image"], *test["image"]]) == sorted(data["image"])
    assert np.bincount(test["label"]).tolist() == [3, 3, 3]
    again = data.random_split(test_size=0.25, val_size=0.25, random_state=3)
    assert again[2]["image"].tolist() == test["image"].tolist()


def test_a_split_that_leaves_nothing_is_an_error(colours):
    data = ImageDataset.from_folder(colours / "train")
    with pytest.raises(SpecError, match="leave something to train on"):
        data.random_split(test_size=0.6, val_size=0.4)


def test_a_part_of_a_dataset_still_knows_its_classes(colours):
    data = ImageDataset.from_folder(colours / "train")
    assert data[data["label"] == 1].classes == data.classes
    assert isinstance(data.head(), ImageDataset)


@pytest.fixture
def off_screen():
    """Figures that nobody sees, and that are closed."""
    matplotlib.use("Agg")
    yield
    plt.close("all")


def test_images_are_shown_with_their_classes(colours, off_screen):
    data = ImageDataset.from_folder(colours / "train")
    figure = data.show_images(nsample=5, ncol=3, show=False)
    titles = [axis.get_title() for axis in figure.axes if axis.get_title()]
    assert len(titles) == 5
    assert set(titles) <= set(COLOURS)


def test_joined_tables_are_shown_with_numbers(colours, off_screen):
    data = ImageDataset.from_folder(colours / "train")
    figure = pd.concat([data, data]).show_images(nsample=2, show=False)
    assert {axis.get_title() for axis in figure.axes if axis.get_title()} <= {"0", "1", "2"}


def test_the_pictures_of_clothes_come_with_the_package():
    train, test = load_fashion4()
    assert (len(train), len(test)) == (800, 200)
    assert train.classes == ["shirt", "sneaker", "trouser", "tshirt_top"]

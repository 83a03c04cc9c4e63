import copy
import pickle

import numpy as np
import pytest

from agcore.errors import SpecError
from agcore_contrib.hpopt import createHpoDataset


class Samples:
    classes = ("cat", "dog")

    def __init__(self, size=100, image=None):
        self.size, self.image = size, image

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        return (index if self.image is None else self.image, index % 2)


def shown(config, dataset=None):
    return createHpoDataset(dataset or Samples(), config)


def test_a_trial_sees_its_share_and_every_trial_the_same():
    part = shown({"subset_ratio": 0.255})
    numbers = [part[i][0] for i in range(len(part))]
    assert len(part) == 25
    assert numbers == sorted(set(numbers))
    again = shown({"subset_ratio": 0.255, "trial_id": 9})
    assert again.indices == part.indices
    with pytest.raises(IndexError):
        part[25]
    assert len(list(part)) == 25


@pytest.mark.parametrize("ratio", [1, 1.5, 0, -1])
def test_other_ratios_are_the_whole_dataset(ratio):
    assert [shown({"subset_ratio": ratio})[i][0] for i in range(100)] == list(range(100))


def test_other_attributes_are_those_of_the_dataset():
    part = shown({"subset_ratio": 0.5})
    assert part.classes == ("cat", "dog")
    with pytest.raises(AttributeError):
        _ = part.transform
    for twin in (copy.copy(part), pickle.loads(pickle.dumps(part))):
        assert (len(twin), twin.classes) == (50, ("cat", "dog"))


def test_a_list_will_do_and_something_without_numbers_will_not():
    assert len(shown({"subset_ratio": 0.5}, [1, 2, 3, 4])) == 2
    with pytest.raises(SpecError, match="dataset=generator must have __len__ and __getitem__"):
        shown({"subset_ratio": 0.5}, (x for x in ()))


def test_arrays_and_images_are_resized_to_width_and_height():
    config = {"subset_ratio": 1, "resize_width": 4, "resize_height": 2}
    image = np.arange(48).reshape(4, 4, 3)
    small, label = shown(config, Samples(3, image))[1]
    assert small.shape == (2, 4, 3)
    assert label == 1
    np.testing.assert_array_equal(small, image[[0, 2]])
    assert shown(config, [np.zeros((8, 8))])[0].shape == (2, 4)

    class Image:
        thumbnail = None

        def resize(self, size):
            return size

    assert shown(config, [Image()])[0] == (4, 2)
    with pytest.raises(SpecError, match="a sample begins with a int"):
        shown(config)[0]


def test_images_stay_as_they_are_unless_both_lengths_are_given():
    assert shown({"subset_ratio": 1, "resize_width": 4, "resize_height": 0})[0] == (0, 0)

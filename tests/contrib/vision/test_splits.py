"""Rows divided at random."""

import hypothesis.strategies as st
import numpy as np
from hypothesis import given

from agcore_contrib.vision.splits import stratified_split


@given(
    labels=st.lists(st.integers(0, 4), min_size=2, max_size=60),
    share=st.floats(0.01, 0.9),
    seed=st.integers(0, 9),
)
def test_every_row_is_on_one_side_and_every_class_is_left_to_train_on(labels, share, seed):
    labels = np.asarray(labels)
    kept, held_out = stratified_split(labels, share, seed)
    assert sorted([*kept, *held_out]) == list(range(len(labels)))
    assert set(labels[kept]) == set(labels)
    wanted = max(1, round(share * len(labels)))
    assert len(held_out) == min(wanted, len(labels) - len(set(labels)))


@given(count=st.integers(10, 40), classes=st.integers(2, 5))
def test_classes_of_the_same_size_lose_the_same_share(count, classes):
    labels = np.repeat(np.arange(classes), count)
    _, held_out = stratified_split(labels, 0.2, 1)
    lost = np.bincount(labels[held_out], minlength=classes)
    assert lost.max() - lost.min() <= 1


def test_the_same_seed_divides_the_same_way():
    labels = np.arange(50) % 3
    assert (
        stratified_split(labels, 0.2, 7)[1].tolist() == stratified_split(labels, 0.2, 7)[1].tolist()
    )
    assert (
        stratified_split(labels, 0.2, 7)[1].tolist() != stratified_split(labels, 0.2, 8)[1].tolist()
    )

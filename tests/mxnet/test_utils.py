"""The import path of tutorials written for MXNet."""

import sys

import agcore.datasets


def test_loader_is_found_where_tutorials_import_it_and_needs_no_mxnet(monkeypatch):
    monkeypatch.setitem(sys.modules, "mxnet", None)
    from agcore.mxnet.utils import load_and_split_openml_data

    assert load_and_split_openml_data is agcore.datasets.load_and_split_openml_data
    X_train, _, _, _, n_classes = load_and_split_openml_data(6, 0.33, download_from_openml=False)
    assert (X_train.shape, n_classes) == ((12060, 16), 26)

"""The data loader under the name that tutorials import; see ``agcore.datasets``."""

from agcore.datasets import load_and_split_openml_data

__all__ = ["load_and_split_openml_data"]

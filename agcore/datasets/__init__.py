"""Data for examples, benchmarks and the demo; nothing here is needed to tune.

Leaves of the package: they import errors and nothing else of agcore, and scikit-learn, pandas
and openml only inside the functions that use them. Examples and users' code import them.
"""

from agcore.datasets.letter import load_letter
from agcore.datasets.letter_curves import load_letter_curves
from agcore.datasets.openml_tasks import load_and_split_openml_data

__all__ = ["load_and_split_openml_data", "load_letter", "load_letter_curves"]

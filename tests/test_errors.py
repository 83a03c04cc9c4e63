import copy
import pickle

import pytest

from agcore import errors
from agcore.errors import (
    AgcoreError,
    EarlyStop,
    MissingExtraError,
    ReportError,
    SpaceExhausted,
    SpecError,
    TrialFailed,
    WorkerLost,
    did_you_mean,
)

ALL = [
    SpecError("a"),
    ReportError("b"),
    SpaceExhausted("c"),
    TrialFailed("d", 3, "Traceback ..."),
    WorkerLost("e", -9),
    MissingExtraError("reading OpenML tasks", "openml"),
]


@pytest.mark.parametrize("error", ALL, ids=lambda e: type(e).__name__)
def test_one_except_clause_catches_everything_raised_on_purpose(error):
    assert isinstance(error, AgcoreError)


@pytest.mark.parametrize("error", ALL, ids=lambda e: type(e).__name__)
def test_errors_survive_pickling_with_what_they_carry(error):
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(twin) is type(error)
        assert str(twin) == str(error)
        assert vars(twin) == vars(error)


def test_wrong_arguments_are_value_errors_and_missing_extras_import_errors():
    assert issubclass(SpecError, ValueError)
    assert issubclass(MissingExtraError, ImportError)


def test_a_missing_extra_is_named_with_the_command_that_brings_it():
    assert "pip install 'agcore[openml]'" in str(ALL[-1])


def test_except_exception_does_not_catch_the_early_stop():
    assert not issubclass(EarlyStop, Exception)


def test_a_close_name_is_suggested_and_a_far_one_is_not():
    assert did_you_mean("serach", ["search", "other"]) == "; did you mean 'search'?"
    assert did_you_mean("zzz", ["search"]) == ""


def test_the_tree_in_the_module_names_every_class():
    defined = {n for n, c in vars(errors).items() if isinstance(c, type)} - {"Iterable"}
    assert all(name in errors.__doc__ for name in defined)

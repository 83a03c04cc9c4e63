import inspect
import pickle
import warnings

import pytest

from agcore.deprecation import deprecated, deprecated_argument
from agcore.errors import SpecError


@deprecated(since="0.2", instead="newer", gone_in="1.0")
def older(x, *, y=1):
    """The sum."""
    return x + y


@deprecated(since="0.2", instead="Newer", gone_in="0.10")
class Older:
    """A number."""

    def __init__(self, x=1):
        self.x = x

    @deprecated(since="0.3", instead="Newer.twice", gone_in="0.4")
    def double(self):
        return 2 * self.x


class Heir(Older):
    pass


@deprecated_argument("seconds", since="0.2", gone_in="1.0", renamed_to="time_out")
def run(trials, time_out=None):
    return trials, time_out


@deprecated_argument("verbose", since="0.2", gone_in="1.0", instead="set the level of the logger")
def show(x, verbose=False, *, deep=False):
    return x, verbose, deep


class Box:
    @deprecated_argument("height", since="0.2", gone_in="1.0", renamed_to="size")
    def __init__(self, size):
        self.size = size


def caught(function):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        function()
    return seen


def messages(function):
    return [str(warning.message) for warning in caught(function)]


def line_of(function, offset=1):
    return inspect.getsourcelines(function)[1] + offset


def test_the_message_says_since_when_until_when_and_what_to_use():
    assert messages(lambda: older(1)) == [
        "older is deprecated since 0.2 and goes in 1.0; use newer instead"
    ]


def test_the_call_works_as_before():
    with pytest.warns(DeprecationWarning):
        assert older(1, y=2) == 3
    with pytest.warns(DeprecationWarning):
        assert Older(5).x == 5


def test_the_warning_stands_at_the_callers_line():
    def call():
        older(1)

    (warning,) = caught(call)
    assert warning.category is DeprecationWarning
    assert warning.filename == __file__
    assert warning.lineno == line_of(call)


def test_a_line_is_told_once_however_often_it_calls():
    def loop():
        for _ in range(5):
            older(1)

    assert len(caught(loop)) == 1
    assert caught(loop) == []


def test_two_lines_are_told_each():
    def twice():
        older(1)
        older(1)

    assert [warning.lineno for warning in caught(twice)] == [line_of(twice), line_of(twice, 2)]


def test_where_warnings_are_errors_each_call_is_one():
    def call():
        older(1)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(2):
            with pytest.raises(DeprecationWarning, match="use newer"):
                call()


def test_a_class_warns_when_an_object_is_made_and_stays_the_same_class():
    made = []
    (warning,) = caught(lambda: made.append(Older(3)))
    assert "Older is deprecated since 0.2 and goes in 0.10" in str(warning.message)
    assert warning.filename == __file__
    assert type(made[0]) is Older
    assert pickle.loads(pickle.dumps(made[0])).x == 3


def test_a_subclass_without_an_init_warns_whoever_makes_it():
    (warning,) = caught(lambda: Heir(3))
    assert warning.filename == __file__


def test_a_method_warns_by_its_full_name():
    with pytest.warns(DeprecationWarning):
        made = Older(2)
    assert messages(made.double) == [
        "Older.double is deprecated since 0.3 and goes in 0.4; use Newer.twice instead"
    ]


def test_name_docstring_and_signature_stay_and_the_docstring_says_it():
    assert older.__name__ == "older"
    assert str(inspect.signature(older)) == "(x, *, y=1)"
    assert older.__doc__ == ("The sum.\n\nDeprecated since 0.2, goes in 1.0: use newer instead.")
    assert Older.__doc__.startswith("A number.\n\nDeprecated since 0.2")
    assert (
        older.__deprecated__ == "older is deprecated since 0.2 and goes in 1.0; use newer instead"
    )


def test_what_is_given_under_the_old_name_arrives_under_the_new_one():
    with pytest.warns(
        DeprecationWarning, match=r"argument seconds= of run .*; pass time_out= inst"
    ):
        assert run(3, seconds=60) == (3, 60)
    with pytest.warns(DeprecationWarning, match=r"height= of Box.__init__"):
        assert Box(height=2).size == 2


def test_an_argument_that_is_not_given_is_not_spoken_of():
    assert messages(lambda: (run(3, time_out=60), run(3, 60), Box(1), show(1, deep=True))) == []


def test_an_argument_that_stays_warns_by_keyword_and_by_position():
    assert len(caught(lambda: show(1, verbose=True))) == 1
    assert len(caught(lambda: show(1, True))) == 1
    with pytest.warns(DeprecationWarning, match="set the level of the logger instead"):
        assert show(1, verbose=True, deep=True) == (1, True, True)


def test_the_warning_of_an_argument_stands_at_the_callers_line():
    def call():
        run(3, seconds=60)

    (warning,) = caught(call)
    assert (warning.filename, warning.lineno) == (__file__, line_of(call))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_both_names_at_once_are_refused():
    with pytest.raises(SpecError, match="seconds=60 and time_out= are two names of one argument"):
        run(3, time_out=50, seconds=60)
    with pytest.raises(SpecError, match="two names"):
        run(3, 50, seconds=60)


@pytest.mark.parametrize(
    ("since", "gone_in", "message"),
    [
        ("0.2", "0.2", "must be a later release"),
        ("0.10", "0.9", "must be a later release"),
        ("soon", "1.0", "since='soon' must be a release"),
        ("0.2", "1.x", "gone_in='1.x' must be a release"),
    ],
)
def test_releases_out_of_order_are_refused(since, gone_in, message):
    with pytest.raises(SpecError, match=message):
        deprecated(since=since, instead="x", gone_in=gone_in)


def test_a_deprecation_of_an_argument_says_what_to_do_and_names_a_parameter():
    for remedies in ({}, {"renamed_to": "b", "instead": "b"}):
        with pytest.raises(SpecError, match="needs renamed_to= or instead="):
            deprecated_argument("a", since="0.2", gone_in="1.0", **remedies)
    with pytest.raises(SpecError, match="has no parameter 'b', only: a"):
        deprecated_argument("old", since="0.2", gone_in="1.0", renamed_to="b")(lambda a: a)

"""``FILE.py:FN`` and ``module:FN`` are found, or the message says what is there instead."""

import sys

import pytest

from agcore.cli.target import load_function, load_train_function
from agcore.errors import SpecError
from agcore.train_fn import TrainFunction

TRAIN = """
import agcore as ag
CONSTANT = 3

@ag.args(x=ag.Real(0, 1))
def train(args, reporter):
    reporter(accuracy=args.x)

@ag.args(x=ag.Real(0, 1))
def finetune(args, reporter):
    reporter(accuracy=args.x)

def plain(args, reporter):
    reporter(accuracy=1)

class Models:
    small = train
"""


@pytest.fixture
def folder(tmp_path, monkeypatch, forgetful_imports):
    """A folder to work in."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "agcore_test_train.py").write_text(TRAIN)
    return tmp_path


def refused(target):
    with pytest.raises(SpecError) as caught:
        load_train_function(target)
    return str(caught.value)


def test_a_function_of_a_file_is_found(folder):
    function = load_train_function("agcore_test_train.py:train")
    assert isinstance(function, TrainFunction)
    assert function.f.__module__ == "agcore_test_train"
    assert sys.path[0] == str(folder)


def test_a_file_elsewhere_is_imported_from_its_folder(folder):
    (folder / "sub").mkdir()
    (folder / "sub" / "agcore_test_neighbour.py").write_text("WIDTH = 7")
    (folder / "sub" / "agcore_test_inner.py").write_text(
        f"from agcore_test_neighbour import WIDTH\n{TRAIN}"
    )
    assert load_train_function("sub/agcore_test_inner.py:train").__name__ == "train"
    assert sys.path[0] == str(folder / "sub")


def test_a_function_of_a_module_is_found(folder):
    (folder / "agcore_test_package").mkdir()
    (folder / "agcore_test_package" / "__init__.py").touch()
    (folder / "agcore_test_package" / "models.py").write_text(TRAIN)
    function = load_train_function("agcore_test_package.models:train")
    assert function.f.__module__ == "agcore_test_package.models"


def test_a_function_inside_a_class_is_found(folder):
    assert load_train_function("agcore_test_train.py:Models.small").__name__ == "train"


def test_the_demo_is_a_target_too():
    assert load_train_function("agcore.demo.letter_mlp:run_mlp_openml").args.epochs == 9


@pytest.mark.parametrize("target", ["train.py", "train", ":train", "train.py:", ""])
def test_a_target_has_two_parts(folder, target):
    assert "must be FILE.py:FN or MODULE:FN, as train.py:train" in refused(target)


def test_a_misspelt_file_is_answered_with_the_right_one(folder):
    message = refused("agcore_test_trian.py:train")
    assert message == (
        "there is no file 'agcore_test_trian.py'; did you mean 'agcore_test_train.py'?"
    )


def test_a_file_in_no_folder_says_so(folder):
    assert refused("nowhere/train.py:train").endswith(": there is no folder 'nowhere'")


def test_a_file_without_its_ending_is_answered_with_it(folder):
    assert "did you mean 'agcore_test_train.py'" in refused("./agcore_test_train:train")


def test_a_misspelt_module_is_answered_with_the_right_one(folder):
    assert "did you mean 'agcore_test_train'" in refused("agcore_test_trian:train")
    assert "did you mean 'agcore.demo'" in refused("agcore.demos:train")
    assert "did you mean 'agcore.demo.letter_mlp'" in refused("agcore.demo.leter_mlp:train")


def test_a_misspelt_function_is_answered_with_the_right_one(folder):
    message = refused("agcore_test_train.py:trian")
    assert message == "agcore_test_train.py has no 'trian'; did you mean 'train'?"
    message = refused("agcore_test_train.py:xyz")
    assert message == "agcore_test_train.py has no 'xyz'; its train functions: finetune, train"


def test_an_undecorated_function_is_to_be_decorated(folder):
    message = refused("agcore_test_train.py:plain")
    assert "decorate it with @ag.args(...)" in message


def test_something_else_is_no_function(folder):
    assert "CONSTANT in agcore_test_train.py is 3" in refused("agcore_test_train.py:CONSTANT")


def test_an_error_while_importing_shows_the_users_lines_only(folder):
    (folder / "agcore_test_broken.py").write_text("import math\n\nmath.sqrt(-1)\n")
    message = refused("agcore_test_broken.py:train")
    assert message.startswith("agcore_test_broken.py cannot be imported:\nTraceback")
    assert "line 3" in message
    assert "ValueError" in message
    assert "importlib" not in message


def test_a_syntax_error_shows_its_line(folder):
    (folder / "agcore_test_typo.py").write_text("def train(:\n")
    message = refused("agcore_test_typo.py:train")
    assert "line 1" in message
    assert "SyntaxError" in message


def test_a_missing_import_of_the_file_is_the_files_error(folder):
    (folder / "agcore_test_needy.py").write_text("import agcore_test_not_there\n")
    for target in ("agcore_test_needy.py:train", "agcore_test_needy:train"):
        message = refused(target)
        assert "cannot be imported:\nTraceback" in message
        assert "No module named 'agcore_test_not_there'" in message


def test_a_script_that_exits_is_to_be_guarded(folder):
    (folder / "agcore_test_script.py").write_text("import sys\nsys.exit(3)\n")
    message = refused("agcore_test_script.py:train")
    assert "exit code 3" in message
    assert "__main__" in message


def test_a_file_whose_name_is_taken_is_to_be_renamed(folder):
    (folder / "json.py").write_text(TRAIN)
    assert "already belongs to" in refused("json.py:train")
    (folder / "sys.py").write_text(TRAIN)
    assert "belongs to a built-in module" in refused("sys.py:train")


@pytest.mark.parametrize("name", ["train.v2.py", "train.txt"])
def test_a_file_that_python_cannot_import_is_to_be_renamed(folder, name):
    (folder / name).write_text(TRAIN)
    assert "must end in .py and have no other dot" in refused(f"./{name}:train")


def test_a_plain_function_is_found_too(folder):
    assert load_function("agcore_test_train.py:plain").__name__ == "plain"
    assert isinstance(load_function("agcore_test_train.py:Models.small"), TrainFunction)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("plian", "agcore_test_train.py has no 'plian'; did you mean 'plain'?"),
        ("CONSTANT", "CONSTANT in agcore_test_train.py is 3, not a function; name a function"),
    ],
)
def test_what_is_no_function_is_refused(folder, name, message):
    with pytest.raises(SpecError) as caught:
        load_function(f"agcore_test_train.py:{name}")
    assert str(caught.value) == message

"""``agcore demo --task images``."""

import re

import pytest
from click.testing import CliRunner

from agcore.cli.app import agcore
from agcore.errors import SpecError
from agcore_contrib.vision import demo, load_fashion4
from agcore_contrib.vision.demo import demo_images


def a_tenth_of(data):
    return data.iloc[::10].reset_index(drop=True)


def test_the_demo_tunes_and_compares(capsys, monkeypatch):
    tenths = [a_tenth_of(data) for data in load_fashion4()]
    monkeypatch.setattr(demo, "load_fashion4", lambda: tenths)
    assert demo_images({"num_trials": 2, "num_cpus": 1, "seed": 3}) == 0
    said = capsys.readouterr().out
    assert "80 pictures of shirt, sneaker, trouser, tshirt_top" in said
    assert "2 trials in" in said
    network = float(re.search(r"the tuned network +(0\.\d+)", said)[1])
    pixels = float(re.search(r"logistic regression on the pixels +(0\.\d+)", said)[1])
    assert network >= 0.7
    assert pixels >= 0.7


def test_an_option_without_effect_is_an_error():
    with pytest.raises(SpecError, match="--framework has no effect"):
        demo_images({"framework": "torch"})


def test_an_unknown_task_is_answered_with_the_known_ones():
    done = CliRunner().invoke(agcore, ["demo", "--task", "leters"])
    assert isinstance(done.exception, SpecError)
    assert "did you mean 'letters'" in str(done.exception)


def test_the_command_passes_on_the_options_that_were_given(monkeypatch):
    from importlib import metadata

    given = []

    class Point:
        name = "images"

        def load(self):
            return lambda options: given.append(options) or 7

    monkeypatch.setattr(metadata, "entry_points", lambda group: [Point()])
    done = CliRunner().invoke(agcore, ["demo", "--task", "images", "--num-trials", "2", "--quiet"])
    assert done.exit_code == 7
    assert given == [{"num_trials": 2, "quiet": True}]

"""``agcore build`` and ``agcore train`` as users run them: commands in processes of their own."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from agcore_contrib.otx import commands, read_hpo_config
from agcore_contrib.otx.marked_yaml import read_marked_yaml

RATE = "learning_parameters.learning_rate"
SIZE = "learning_parameters.batch_size"
MODEL = "MobileNet-V3-large-1x"
WORK = f"otx-workspace-CLASSIFICATION-{MODEL}"

DEFAULT = """\
metric: accuracy
search_algorithm: asha
hp_space:
  learning_parameters.learning_rate:
    param_type: qloguniform
    range:
      - 0.0007
      - 0.07
      - 0.0001
  learning_parameters.batch_size:
    param_type: qloguniform
    range:
      - 32
      - 128
      - 2
"""
"""The file that the guide shows first."""
UPDATED = DEFAULT.replace(
    "qloguniform\n    range:\n      - 0.0007\n      - 0.07\n      - 0.0001",
    "quniform\n    range: \n      - 0.001\n      - 0.01\n      - 0.001",
)
"""The same with the change that the guide makes."""

DIGITS = """
import pickle
import numpy as np
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier
from agcore_contrib.otx import TrialStatus

def train(settings, report):
    X, y = load_digits(return_X_y=True)
    X, y, X_valid, y_valid = X[:900] / 16, y[:900], X[900:] / 16, y[900:]
    parameters = settings.learning_parameters
    model = MLPClassifier(
        (20,),
        learning_rate_init=parameters.learning_rate,
        batch_size=parameters.batch_size,
        random_state=0,
    )
    if settings.load_from is not None:
        model = pickle.loads((settings.load_from / "model.pkl").read_bytes())
    for epoch in range(settings.first_epoch, settings.epochs + 1):
        for rows in np.array_split(np.arange(900), 900 // parameters.batch_size):
            model.partial_fit(X[rows], y[rows], classes=range(10))
        (settings.save_to / "model.pkl").write_bytes(pickle.dumps(model))
        if report(model.score(X_valid, y_valid), epoch) is TrialStatus.STOP:
            return
"""
SLOW = """
import time

def train(settings, report):
    for epoch in range(settings.first_epoch, settings.epochs + 1):
        (settings.save_to / "epoch").write_text(str(epoch))
        report(0.1 * epoch, epoch)
        if settings.first_epoch == 1 and epoch == 2:
            time.sleep(600)

def quick(settings, report):
    for epoch in range(settings.first_epoch, settings.epochs + 1):
        report(0.1 * epoch, epoch)

def fails(settings, report):
    raise LookupError("no such layer")

CONSTANT = 3
"""


@pytest.fixture
def folder(tmp_path):
    """A folder with data and train functions."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "digits.csv").write_text("0\n")
    (tmp_path / "train.py").write_text(DIGITS)
    (tmp_path / "slow.py").write_text(SLOW)
    return tmp_path


@pytest.fixture
def built(folder, monkeypatch):
    """Builds a workspace, in this process; its epochs are few."""

    def build(*options, model=MODEL, epochs=3):
        monkeypatch.chdir(folder)
        arguments = ["--train-data-roots", "data", "--model", model, *options]
        commands.build.main(arguments, standalone_mode=False)
        work = next(folder.glob("otx-workspace-*"))
        template = work / "template.yaml"
        text = re.sub(r"num_iters: \d+", f"num_iters: {epochs}  # few", template.read_text())
        template.write_text(text)
        return work

    return build


def parameters_in(work):
    fields = read_marked_yaml(work / "template.yaml").value["hyper_parameters"]
    return fields["learning_parameters"]


# -- build ---------------------------------------------------------------------------------


def test_build_prints_the_lines_of_the_guide_and_writes_a_workspace(folder, agcore):
    arguments = ["build", "--train-data-roots", "data", "--model", MODEL]
    assert agcore(folder, *arguments).stdout.splitlines() == [
        "[*] Load Model Template ID: Custom_Image_Classification_MobileNet-V3-large-1x",
        "[*] Load Model Name: MobileNet-V3-large-1x",
        "[*] Saving data configuration file to: "
        "./otx-workspace-CLASSIFICATION-MobileNet-V3-large-1x/data.yaml",
    ]
    names = sorted(path.name for path in (folder / WORK).iterdir())
    assert names == ["data.yaml", "hpo_config.yaml", "template.yaml"]
    assert read_hpo_config(folder / WORK / "hpo_config.yaml").metric == "accuracy"
    assert parameters_in(folder / WORK) == {
        "learning_rate": 0.0058,
        "batch_size": 64,
        "num_iters": 90,
    }
    error = agcore(folder, *arguments, code=2).stderr
    assert error.startswith(f"Error: {WORK} is a workspace already")


def test_a_model_of_ones_own_needs_a_task_and_gets_the_generic_space(folder, agcore):
    arguments = ["build", "--train-data-roots", "data", "--model", "digits", "--workspace", "work/"]
    error = agcore(folder, *arguments, code=2).stderr
    assert "--model digits is not known" in error
    assert "--task FILE.py:FN" in error
    shown = agcore(folder, *arguments, "--task", "train.py:train").stdout
    assert shown.splitlines()[-1].endswith(": work/data.yaml")
    task = read_marked_yaml(folder / "work" / "template.yaml").value["task"]
    assert task == f"{folder / 'train.py'}:train"
    space = read_hpo_config(folder / "work" / "hpo_config.yaml").hp_space
    assert (space[RATE].min, space[RATE].max) == (0.001, 0.1)
    assert (space[SIZE].min, space[SIZE].max) == (32, 128)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"--train-data-roots": "dat"}, "there is no folder 'dat'"),
        ({"--model": "MobileNet-V3-large"}, "did you mean 'MobileNet-V3-large-1x'"),
        ({"--task": "trian.py:train"}, "there is no file 'trian.py'"),
        ({"--task": "train.py"}, "must be FILE.py:FN or MODULE:FN"),
    ],
)
def test_what_is_wrong_with_a_build_is_one_line(folder, agcore, change, message):
    given = {"--train-data-roots": "data", "--model": MODEL, **change}
    error = agcore(folder, "build", *[part for pair in given.items() for part in pair], code=2)
    assert message in error.stderr
    assert error.stderr.startswith("Error: ")
    assert not list(folder.glob("otx-workspace-*"))


# -- train ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "options", "epochs", "budget"),
    [(DEFAULT, (), 2, 8), (UPDATED, ("--hpo-time-ratio", "2"), 3, 6)],
    ids=["default", "updated"],
)
def test_the_files_of_the_guide_run(built, agcore, text, options, epochs, budget):
    work = built(epochs=epochs)
    (work / "hpo_config.yaml").write_text(text)
    done = agcore(work, "train", "--task", "../train.py:train", "--enable-hpo", *options)
    best = json.loads((work / "outputs/hpo/best_hp.json").read_text())
    trials = [json.loads(path.read_text()) for path in work.glob("outputs/hpo/*/[0-9]*.json")]
    first = next(trial for trial in trials if trial["id"] == "0")
    assert first["configuration"] == {RATE: 0.0058, SIZE: 64}
    # So short a training is mostly the start of its process, which is a part of the time.
    assert 0 < sum(len(trial["score"]) for trial in trials) <= budget
    assert best["score"] == max(s for trial in trials for s in trial["score"].values())

    values = {f"learning_parameters.{key}": v for key, v in parameters_in(work).items()}
    assert {name: values[name] for name in (RATE, SIZE)} == best["configuration"]
    assert f"num_iters: {epochs}  # few" in (work / "template.yaml").read_text()
    result = json.loads((work / "outputs/train/result.json").read_text())
    assert len(result["score"]) == epochs
    assert result["configuration"]["learning_parameters"] == parameters_in(work)
    assert (work / "outputs/train/models/model.pkl").exists()
    assert result["score"]["1"] > 0.1  # it began with the weights of the best trial

    printed = done.stdout
    assert printed.startswith(f"HPO starts: {RATE}, {SIZE}\nHPO is complete\nHPO result\n")
    assert f"  {RATE}: {best['configuration'][RATE]}" in printed
    assert f"accuracy {max(result['score'].values()):g} at epoch {result['best_epoch']}" in printed
    for name in ("template.yaml", "outputs/train/models", "outputs/hpo/best_hp.json"):
        assert re.search(rf"^  [a-z ]+ {name}$", printed, re.MULTILINE)
    started = [line for line in done.stderr.splitlines() if line.startswith("trial 0 starts: ")]
    assert len(started) == 1
    assert re.search(r"^HPO 100 %, best accuracy 0\.\d+ \(trial \d+\)$", done.stderr, re.MULTILINE)


def test_without_a_search_the_present_values_are_trained(built, folder, agcore):
    work = built("--task", "slow.py:quick", model="digits", epochs=2)
    done = agcore(folder, "train", "--workspace", str(work), "--quiet")
    assert done.stderr == ""
    assert done.stdout.startswith(
        "Training starts: 2 epochs\nTrained for 2 epochs: accuracy 0.2 at epoch 2\n"
    )
    assert "outputs/hpo" not in done.stdout
    assert not (work / "outputs" / "hpo").exists()


def test_under_torchrun_there_is_no_search(built, agcore):
    work = built("--task", "slow.py:quick", model="digits", epochs=1)
    done = agcore(work, "train", "--enable-hpo", TORCHELASTIC_RUN_ID="7")
    assert "Warning: torchrun has started this process, so there is no search" in done.stderr
    assert not (work / "outputs" / "hpo").exists()


def test_a_task_in_the_template_is_found_from_the_workspace(built, folder, agcore):
    work = built("--task", "slow.py:quick", model="digits", epochs=1)
    text = (work / "template.yaml").read_text()
    (work / "template.yaml").write_text(text.replace(f"{folder}/slow.py", "../slow.py"))
    assert "Trained for 1 epoch:" in agcore(folder, "train", "--workspace", str(work)).stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 2, "nothing says what trains the model; pass --task FILE.py:FN"),
        (("--task", "../slow.py:trian"), 2, "has no 'trian'; did you mean 'train'?"),
        (("--task", "../slow.py:CONSTANT"), 2, "is 3, not a function"),
        (("--hpo-time-ratio", "2"), 2, "--hpo-time-ratio has no effect without --enable-hpo"),
        (("--enable-hpo", "--hpo-time-ratio", "0.5"), 2, "0.5 is not in the range x>=1"),
        (("--workspace", ".."), 2, "template.yaml cannot be read: No such file or directory; go"),
        (("--task", "../slow.py:fails"), 1, "LookupError: no such layer"),
        (("--task", "../slow.py:fails", "--enable-hpo"), 1, "LookupError: no such layer"),
        (("--task", "../slow.py:train", "--enable-hpo", "--resume"), 2, "holds no search to go on"),
    ],
)
def test_what_is_wrong_with_a_training_is_told(built, folder, arguments, code, message):
    work = built()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", RUN, "train", *arguments],
        cwd=work,
        env={**environment, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert 'cli/app.py"' not in done.stderr  # the only traceback is that of the user's function


RUN = """
import sys
from agcore.cli import app
from agcore_contrib.otx import commands
app.agcore.add_command(commands.train)
app.main(sys.argv[1:])
"""


def test_a_function_that_saves_nothing_is_warned_of(built, agcore):
    work = built("--task", "slow.py:quick", model="digits", epochs=1)
    done = agcore(work, "train", "--enable-hpo", "--hpo-time-ratio", "1")
    assert "Warning: the best trial has saved nothing to start from" in done.stderr
    assert "  weights" not in done.stdout


def test_a_mistake_in_the_config_is_on_its_line(built, agcore):
    work = built("--task", "slow.py:quick", model="digits")
    (work / "hpo_config.yaml").write_text(DEFAULT.replace("metric:", "metrik:"))
    error = agcore(work, "train", "--enable-hpo", code=2).stderr
    assert error.startswith("Error: ")
    assert "hpo_config.yaml, line 1: unknown key 'metrik'; did you mean 'metric'?" in error


def test_ctrl_c_ends_all_trials_and_the_search_goes_on_later(built, environment, agcore):
    work = built("--task", "slow.py:train", model="digits", epochs=3)
    process = subprocess.Popen(
        [sys.executable, "-m", "agcore", "train", "--enable-hpo", "--num-parallel-trials", "2"],
        cwd=work,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    history = work / "outputs" / "hpo" / "history.jsonl"
    deadline = time.monotonic() + 60
    while not history.exists() or '"report_score", 0.2' not in history.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    children = psutil.Process(process.pid).children(recursive=True)
    assert children
    process.send_signal(signal.SIGINT)
    error = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert error.endswith("The search goes on with: agcore train --enable-hpo --resume\n")
    _, alive = psutil.wait_procs(children, timeout=30)
    assert not alive
    assert "cut off; pass --resume" in agcore(work, "train", "--enable-hpo", code=2).stderr

    slow = work.parent / "slow.py"
    slow.write_text(slow.read_text().replace("sleep(600)", "sleep(0)"))
    agcore(work, "train", "--enable-hpo", "--resume", "--num-parallel-trials", "2")
    first = json.loads((work / "outputs/hpo/0/0.json").read_text())
    assert list(first["score"]) == ["1", "2", "3"]


# -- help, and what the README says --------------------------------------------------------


@pytest.mark.parametrize("arguments", [["--help"], ["build", "--help"], ["train", "--help"]])
def test_help_fits_eighty_columns(folder, agcore, arguments):
    shown = agcore(folder, *arguments).stdout
    assert max(map(len, shown.splitlines())) <= 80
    assert "Examples:" in shown
    for name in ("build", "train"):
        assert name in shown


def test_help_loads_no_heavy_library(environment):
    code = (
        "import sys\n"
        "from agcore.cli.app import agcore\n"
        "for arguments in (['--help'], ['train', '--help']):\n"
        "    agcore.main(arguments, standalone_mode=False)\n"
        "assert 'agcore_contrib.otx.commands' in sys.modules\n"
        "assert not {'numpy', 'pandas', 'yaml', 'sklearn'} & set(sys.modules)\n"
    )
    subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, timeout=60, env=environment
    )


def test_the_commands_of_the_contrib_page_run(tmp_path, agcore):
    page = (Path(__file__).resolve().parents[3] / "contrib" / "README.md").read_text("utf-8")
    (block,) = re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "train.py").write_text(SLOW.replace("def quick", "def train"))
    (tmp_path / "data" / "flower_photos").mkdir(parents=True)
    (tmp_path / "data" / "flower_photos" / "readme.txt").touch()
    place = tmp_path
    for line in block.splitlines():
        command, *words = line.split()
        if command == "cd":
            place = place / words[0]
            assert place.is_dir()
        else:
            assert command == "agcore"
            done = agcore(place, *words)
    assert re.search(r"Trained for \d+ epochs: accuracy \d\.?\d* at epoch", done.stdout)


def test_both_commands_are_entry_points(agcore, folder):
    assert commands.build.name == "build"
    assert commands.train.name == "train"
    shown = agcore(folder, "--help").stdout
    assert "build   Make a workspace" in shown
    assert "train   Train the model of a workspace" in shown

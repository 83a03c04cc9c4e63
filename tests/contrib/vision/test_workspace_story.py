"""The guide to hyperparameter optimisation of OTX: its commands, on the shipped images."""

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agcore_contrib.vision import ImagePredictor, load_fashion4

pytest.importorskip("yaml", reason="needs the extra otx")

ROOT = Path(__file__).resolve().parents[3]
MODEL = "MobileNet-V3-large-1x"
RUN = """
import sys
from agcore.cli import app
from agcore_contrib.otx import commands
app.agcore.add_command(commands.build)
app.agcore.add_command(commands.train)
app.main(sys.argv[1:])
"""
RATES = """\
  learning_parameters.learning_rate:
    param_type: quniform
    range: 
      - 0.001
      - 0.01
      - 0.001
"""  # noqa: W291  as the guide has it


def agcore(folder, *arguments):
    """The command line as it is where agcore is installed."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


def test_the_commands_of_the_guide_tune_and_train_on_a_folder_of_images(tmp_path):
    train, test = load_fashion4()
    for number, name in enumerate(train.classes):
        folder = tmp_path / "data" / "flower_photos" / name
        folder.mkdir(parents=True)
        for image in itertools.islice(train["image"][train["label"] == number], 20):
            shutil.copy(image, folder)

    built = agcore(tmp_path, "build", "--train-data-roots", "data/flower_photos", "--model", MODEL)
    assert f"[*] Load Model Name: {MODEL}" in built.stdout
    assert "efficientnet_lite0" in built.stderr or "is used" in built.stderr
    work = tmp_path / f"otx-workspace-CLASSIFICATION-{MODEL}"

    config = (work / "hpo_config.yaml").read_text()
    space = re.compile(r"  learning_parameters\.learning_rate:\n(    .*\n)+")
    (work / "hpo_config.yaml").write_text(space.sub(RATES, config))
    template = (work / "template.yaml").read_text()
    (work / "template.yaml").write_text(template.replace("num_iters: 90", "num_iters: 3"))
    done = agcore(work, "train", "--enable-hpo", "--hpo-time-ratio", "2")

    trials = [json.loads(path.read_text()) for path in work.glob("outputs/hpo/0/[0-9]*.json")]
    assert len(trials) >= 2
    assert sum(len(trial["score"]) for trial in trials) <= 2 * 3
    for trial in trials:
        assert 0.001 <= trial["configuration"]["learning_parameters.learning_rate"] <= 0.01
        assert trial["configuration"]["learning_parameters.batch_size"] <= 80  # the images
    best = json.loads((work / "outputs/hpo/best_hp.json").read_text())
    values = best["configuration"]["learning_parameters.learning_rate"]
    assert f"learning_rate: {values}" in (work / "template.yaml").read_text()
    assert re.search(r"Trained for 3 epochs: accuracy [01]\.?\d* at epoch \d", done.stdout)

    models = work / "outputs" / "train" / "models"
    summary = json.loads((models / "summary.json").read_text())
    assert summary["classes"] == train.classes
    assert (summary["num_train"], summary["num_valid"]) == (64, 16)
    predictor = ImagePredictor.load(models)
    names = [test.classes[number] for number in test["label"]]
    found = predictor.predict(test, as_pandas=False)
    assert sum(map(str.__eq__, found, names)) / len(names) > 0.7

"""What the tests of OTX's search share."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from agcore_contrib.otx.models import generic_model
from agcore_contrib.otx.settings import HyperBandSettings
from agcore_contrib.otx.workspace import Workspace

DEFAULTS = {
    "mode": "max",
    "metric": "mAP",
    "num_trials": None,
    "num_workers": 1,
    "num_full_iterations": 20,
    "full_dataset_size": 0,
    "expected_time_ratio": None,
    "acceptable_additional_time_ratio": 1.0,
    "maximum_resource": None,
    "minimum_resource": None,
    "reduction_factor": 3,
    "asynchronous_sha": True,
    "asynchronous_bracket": False,
    "non_pure_train_ratio": 0.2,
    "subset_ratio": None,
    "min_subset_size": 500,
    "batch_size_name": None,
    "random_seed": 0,
}


@pytest.fixture
def settings_of():
    """Makes settings; 20 epochs of training and no budget unless said otherwise."""
    return lambda **options: HyperBandSettings(**{**DEFAULTS, **options})


ROOT = Path(__file__).resolve().parents[3]
ENTRY_POINTS = re.search(
    r'^\[project\.entry-points\."agcore\.commands"\]\n((?:\w+ = ".+"\n)+)',
    (ROOT / "pyproject.toml").read_text(encoding="utf-8"),
    re.MULTILINE,
)


@pytest.fixture
def environment(tmp_path_factory):
    """The environment of a command line in which agcore is installed, its entry points too."""
    installed = tmp_path_factory.mktemp("installed")
    folder = installed / "agcore-0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: agcore\nVersion: 0\n")
    text = ENTRY_POINTS[1].replace('"', "")
    (folder / "entry_points.txt").write_text(f"[agcore.commands]\n{text}")
    kept = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "CUDA_VISIBLE_DEVICES")}
    path = os.pathsep.join(map(str, (ROOT, ROOT / "contrib", installed)))
    return {**kept, "PYTHONPATH": path, "CUDA_VISIBLE_DEVICES": ""}


@pytest.fixture
def agcore(environment):
    """Runs ``agcore`` in a folder; its output, which must be without a traceback."""

    def run(folder, *arguments, code=0, **changed):
        done = subprocess.run(
            [sys.executable, "-m", "agcore", *arguments],
            cwd=folder,
            env={**environment, **changed},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert "Traceback" not in done.stderr
        assert done.returncode == code, done.stderr
        return done

    return run


@pytest.fixture
def workspace(tmp_path):
    """Makes a workspace of three epochs; all that is searched is a learning rate."""

    def make(space=None, *, num_samples=None, epochs=3, **config):
        data = tmp_path / "data"
        data.mkdir()
        (data / "digits.csv").write_text("0\n")
        made = Workspace(tmp_path / "work")
        made.make(generic_model("net"), data, None, None)
        made.template.write_text(
            made.template.read_text().replace("num_iters: 20", f"num_iters: {epochs}")
        )
        if num_samples is not None:
            text = made.data.read_text()
            made.data.write_text(text.replace("samples: null", f"samples: {num_samples}", 1))
        rates = {"learning_parameters.learning_rate": ["uniform", 0.001, 0.1]}
        spaces = {
            name: {"param_type": kind, "range": values}
            for name, (kind, *values) in (space or rates).items()
        }
        fields = {"metric": "accuracy", **config, "hp_space": spaces}
        made.hpo_config.write_text(json.dumps(fields, indent=1))
        return made

    return make

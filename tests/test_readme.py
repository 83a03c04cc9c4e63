"""The README keeps its promises: its Python runs as pasted, its commands and links are real."""

import os
import re
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = FENCED.findall(README)
IMAGES = README.partition("\n## Images\n")[2]
"""Needs an extra and pictures, so that it is tested by itself."""
PYTHON_OF_IMAGES = [code for language, code in FENCED.findall(IMAGES) if language == "python"]
PYTHON = [
    code for language, code in BLOCKS if language == "python" and code not in PYTHON_OF_IMAGES
]
SHELL = [code.strip() for language, code in BLOCKS if language == "sh"]
HANGS_AFTER_S = 100
PATH = os.pathsep.join([str(ROOT), str(ROOT / "contrib")])


def run(code, folder, timeout_s=HANGS_AFTER_S, warnings="error"):
    """What a program of its own prints."""
    (folder / "pasted.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "pasted.py"],
        cwd=folder,
        env={
            **os.environ,
            "AGCORE_CACHE": str(folder / "cache"),
            "PYTHONPATH": PATH,
            "PYTHONWARNINGS": warnings,
        },
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_two_commands_stand_there_word_by_word():
    assert "pip install -e . && agcore demo" in SHELL
    assert 'pip install -e ".[test]" && pytest' in SHELL


def test_the_first_example_has_fifteen_lines():
    assert len([line for line in PYTHON[0].splitlines() if line.strip()]) <= 15


def test_all_python_runs_from_top_to_bottom_as_pasted(tmp_path):
    assert len(PYTHON) >= 6
    printed = run("\n".join(PYTHON), tmp_path)
    assert re.match(r"\{'alpha': .*, 'loss': '\w+'\} 0\.9\d+\n", printed)
    assert "BestTrial(" in printed
    assert "\n\nWhy it was proposed\n  Proposed by the searcher Nearby as 'nearby'." in printed
    assert "is a multiple of five" in printed
    assert "{'epoch': 20, 'accuracy': " in printed
    assert (tmp_path / "incumbent.png").stat().st_size > 5000


@pytest.mark.timeout(400)
def test_the_python_about_images_runs_as_pasted_but_with_two_trials(tmp_path):
    """On pictures that come with the package, in an archive like the one that it speaks of."""
    pytest.importorskip("torch", reason="needs the extra vision")
    from agcore_contrib.vision import load_fashion4

    pictures, _ = load_fashion4(tmp_path / "clothes")
    with zipfile.ZipFile(tmp_path / "flowers.zip", "w") as archive:
        for number, (path, label) in enumerate(
            pictures[["image", "label"]].itertuples(index=False)
        ):
            part = "test" if number % 5 == 0 else "train"
            if number % 5 < 2:
                archive.write(path, f"{part}/kind {label}/{number}.png")
    (tmp_path / "new.jpg").write_bytes(Path(pictures["image"].iloc[0]).read_bytes())

    assert len(PYTHON_OF_IMAGES) == 3
    code = "import agcore as ag\n" + "\n".join(PYTHON_OF_IMAGES)
    printed = run(re.sub(r"(time_limit=\d+)", r"\1, num_trials=2", code), tmp_path, 390, "default")
    accuracy, config = printed.splitlines()[0].split(" ", 1)
    assert float(accuracy) > 0.5
    assert "'lr': " in config
    assert (tmp_path / "flowers.ag").exists()


def test_the_commands_of_the_command_line_exist():
    shown = subprocess.run(
        [sys.executable, "-m", "agcore", "tune", "--help"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=HANGS_AFTER_S,
        check=True,
    ).stdout
    own = [code for code in SHELL if "agcore build" not in code]
    for option in set(re.findall(r"--[a-z][a-z-]+", " ".join(own))):
        assert option in shown


TRAIN = """
import agcore as ag


@ag.args(rate=ag.Real(0.001, 1, log=True), epochs=9)
def train(args, reporter):
    loss = 1.0
    for epoch in range(1, args.epochs + 1):
        loss *= 1 - 0.3 * args.rate
        reporter(epoch=epoch, accuracy=1 - loss, loss=loss)
"""


def test_the_commands_of_the_command_line_run_one_after_the_other(tmp_path):
    """As they stand there, but for the hours, on a function that takes no time."""
    (tmp_path / "train.py").write_text(TRAIN)
    lines = [shlex.split(line, comments=True) for line in "\n".join(SHELL).splitlines()]
    ours = [
        line for line in lines if line[:1] == ["agcore"] and line[1] in ("tune", "replay", "why")
    ]
    assert len(ours) >= 6
    for line in ours:
        if "--time-out" in line:
            line[line.index("--time-out") + 1] = "2"
        done = subprocess.run(
            [sys.executable, "-m", *line],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"},
            capture_output=True,
            text=True,
            timeout=HANGS_AFTER_S,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    assert (tmp_path / "loss.svg").is_file()


def test_the_commands_of_a_workspace_run_as_they_stand(tmp_path):
    pytest.importorskip("yaml", reason="needs the extra otx")
    (train,) = [code for code in PYTHON if "import TrialStatus" in code]
    (commands,) = [code for code in SHELL if "agcore build" in code]
    (tmp_path / "train.py").write_text(train)
    agcore = f'agcore() {{ {shlex.quote(sys.executable)} -m agcore "$@"; }}'
    done = subprocess.run(
        ["bash", "-euc", f"{agcore}\n{commands}"],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": PATH + os.pathsep + os.environ.get("PYTHONPATH", ""),
            "PYTHONWARNINGS": "error",
        },
        capture_output=True,
        text=True,
        timeout=HANGS_AFTER_S,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    outputs = tmp_path / "otx-workspace-CLASSIFICATION-digits" / "outputs"
    assert re.search(r"Trained for 20 epochs: accuracy 0\.9\d+ at epoch", done.stdout)
    assert (outputs / "train" / "models" / "model.pkl").is_file()
    assert (outputs / "hpo").is_dir()


def test_nothing_is_promised_that_does_not_exist():
    import agcore

    public = set(re.findall(r"`(?:@)?ag\.(\w+)", README))
    assert public <= set(dir(agcore))


@pytest.mark.parametrize("path", ["LICENSE", "pyproject.toml", "agcore/datasets/letter.csv.gz"])
def test_what_the_readme_speaks_of_is_in_the_checkout(path):
    assert (ROOT / path).is_file()


def test_no_block_escapes_the_tests_and_screens_fit_eighty_columns():
    assert {language for language, _ in BLOCKS} == {"python", "sh", "text"}
    screens = [code for language, code in BLOCKS if language == "text"]
    assert screens
    assert all(len(line) <= 80 for screen in screens for line in screen.splitlines())

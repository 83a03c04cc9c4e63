"""``agcore why``: runs explained from their directory, while they go on and later."""

import json

import pytest


@pytest.fixture
def run_1(agcore):
    """A finished run in ``run-1``."""
    arguments = "--num-trials 9 --workers 1 --scheduler hbs --no-plot --quiet --checkpoint run-1"
    done = agcore("tune", "train.py:train", *arguments.split())
    assert done.returncode == 0, done.stderr


def test_a_finished_run_is_listed_and_explained(agcore, run_1):
    listed = agcore("why", "run-1")
    assert (listed.returncode, listed.stderr) == (0, "")
    lines = listed.stdout.splitlines()
    assert lines[0].split() == ["trial", "origin", "expected", "accuracy", "fate"]
    assert [line.split()[0] for line in lines[1:]] == [str(i) for i in range(9)]
    assert lines[1].split()[1] == "default"
    told = agcore("why", "run-1", "8")
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.startswith("Trial 8: ")
    for title in ("Why it was proposed", "What happened", "How it compares"):
        assert f"\n\n{title}\n  " in told.stdout
    assert "Drawn at random from the search space." in told.stdout
    assert max(map(len, [*lines, *told.stdout.splitlines()])) <= 80
    assert "\x1b" not in told.stdout


def test_losses_are_told_with_the_users_sign(agcore):
    arguments = "--reward-attr loss --mode min --num-trials 4 --no-plot --quiet --checkpoint run-2"
    assert agcore("tune", "train.py:train", *arguments.split()).returncode == 0
    told = agcore("why", "run-2", "0").stdout
    assert "loss 0.5" in told
    assert "loss -" not in told


def test_a_run_that_goes_on_is_read_up_to_its_last_whole_line(agcore, run_1, folder):
    journal = folder / "run-1" / "events.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    started = next(i for i, line in enumerate(lines) if b'"TrialStarted"' in line)
    journal.write_bytes(b"".join([*lines[: started + 2], lines[started + 2][:-9]]))
    told = agcore("why", "run-1", "0")
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.startswith("Trial 0: running at epoch 1")
    assert " s  is running\n" in told.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run-1", "9"], "Error: there is no trial '9': the run has trials 0 to 8; pass one of"),
        (["run-1", "best"], "Error: there is no trial 'best': the run has trials 0 to 8; pass"),
        (["run-9"], "Error: RUN 'run-9' is not a run directory: it has no events.jsonl; pass"),
        (["train.py"], "Error: RUN 'train.py' is not a run directory: it has no events.jsonl"),
    ],
)
def test_what_is_not_there_is_said_with_exit_code_2(agcore, run_1, arguments, message):
    done = agcore("why", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(message)


def test_a_run_of_a_later_agcore_is_refused(agcore, run_1, folder):
    journal = folder / "run-1" / "events.jsonl"
    first, *rest = journal.read_text().splitlines(keepends=True)
    later = json.dumps({**json.loads(first), "schema": 99}) + "\n"
    journal.write_text("".join([later, *rest]))
    done = agcore("why", "run-1", "0")
    assert done.returncode == 2
    assert "written by a later agcore (schema 99" in done.stderr


def test_a_run_that_has_not_begun_is_said_so(agcore, folder):
    (folder / "run-3").mkdir()
    (folder / "run-3" / "events.jsonl").write_text('{"torn')
    done = agcore("why", "run-3")
    assert done.returncode == 2
    assert "RUN 'run-3' holds no event yet" in done.stderr


def test_a_damaged_journal_names_its_line(agcore, run_1, folder):
    journal = folder / "run-1" / "events.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join([lines[0], "{}\n", *lines[1:]]))
    done = agcore("why", "run-1")
    assert done.returncode == 2
    assert "line 2 of " in done.stderr

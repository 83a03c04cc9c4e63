"""``agcore tune`` on a user's file: results, exit codes, messages, Ctrl-C."""

import re
import signal

import pytest

from agcore.cli import main


def best_of(text):
    return float(re.search(r"Best \w+: (\S+) in trial", text).group(1))


@pytest.mark.parametrize("scheduler", ["fifo", "hbs", "hbp", "median", "sync", "pasha", "pbt"])
def test_a_function_of_a_file_is_tuned(agcore, folder, scheduler):
    done = agcore("tune", "train.py:train", "--num-trials", "8", "--scheduler", scheduler)
    assert done.returncode == 0, done.stderr
    assert "8 trials in" in done.stdout
    assert best_of(done.stdout) > 0.5
    assert re.search(r"^  x     0\.\d+$", done.stdout, re.MULTILINE)
    assert re.search(r"^  kind  '[ab]'$", done.stdout, re.MULTILINE)
    assert "idle slots" in done.stdout
    assert done.stdout.endswith("Picture: agcore-incumbent.png\n")
    assert (folder / "agcore-incumbent.png").stat().st_size > 5000
    assert "\x1b" not in done.stdout + done.stderr
    assert "8 of 8 trials" in done.stderr  # the last line of the progress


def test_a_population_needs_no_limit_to_end(agcore):
    done = agcore(
        *("tune", "train.py:train", "--scheduler", "pbt", "--no-plot"),
        *("--population-size", "3", "--perturbation-interval", "2"),
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"^PopulationBasedTrainingScheduler, .*: \d+ trials in", done.stdout)


@pytest.mark.parametrize("scheduler", ["fifo", "hbs", "hbp"])
def test_a_time_budget_is_kept_and_its_plan_shown(agcore, scheduler):
    done = agcore(
        *("tune", "train.py:train", "--scheduler", scheduler, "--no-plot"),
        *("--time-budget", "3s", "--workers", "2"),
    )
    assert done.returncode == 0, done.stderr
    assert ", ends at " in done.stderr
    plan = done.stdout.split("The plan at the end\n")[1].splitlines()
    assert plan[0].startswith("Time budget 3 s on 2 workers; ")
    assert plan[-1].endswith("; ended at 3 s")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--time-budget", "soon"), "time_budget='soon' is no duration"),
        (("--time-budget", "2h", "--time-out", "5"), "limit the same time; pass one of them"),
        (("--time-budget", "2h", "--scheduler", "pbt"), "--time-budget has no effect with"),
    ],
)
def test_time_budgets_that_cannot_be_kept_are_refused(agcore, options, said):
    done = agcore("tune", "train.py:train", "--no-plot", *options)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.split())


def test_a_module_is_tuned_from_the_working_directory(agcore):
    done = agcore("tune", "train:train", "--num-trials", "2", "--no-plot", "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Picture" not in done.stdout


def test_losses_are_tuned_with_mode_min(agcore):
    done = agcore(
        *("tune", "train.py:train", "--num-trials", "6", "--no-plot"),
        *("--reward-attr", "loss", "--mode", "min"),
    )
    losses = [float(line.split()[3]) for line in done.stdout.split("\n\n")[1].splitlines()[2:]]
    assert losses == sorted(losses, reverse=True)
    assert best_of(done.stdout) == losses[-1]


def test_the_same_seed_finds_the_same(agcore):
    run = ("tune", "train.py:train", "--num-trials", "5", "--no-plot", "--workers", "2")
    first, second = (agcore(*run, "--seed", "2").stdout for _ in range(2))
    assert best_of(first) == best_of(second)
    assert "seed 2: 5 trials" in first


def test_a_grid_ends_when_it_is_exhausted(agcore):
    done = agcore(
        "tune", "train.py:sometimes", "--searcher", "grid", "--num-trials", "99", "--no-plot"
    )
    assert done.returncode == 0
    assert "20 trials in" in done.stdout
    assert "Failures: 4 of 20 trials\n  ValueError: n is a multiple of five" in done.stdout
    assert "trying 20" in done.stdout
    assert re.search(r"trial \d+ failed: ValueError", done.stderr)
    assert "Traceback" not in done.stderr


def test_hyperband_options_reach_the_scheduler(agcore):
    done = agcore(
        *("tune", "train.py:train", "--scheduler", "hbs", "--num-trials", "12", "--debug-log"),
        *("--max-t", "4", "--grace-period", "2", "--reduction-factor", "2", "--no-plot"),
    )
    assert done.returncode == 0
    assert re.search(r"trial \d+ at epoch=2", done.stderr)
    assert not re.search(r"trial \d+ at epoch=[13]", done.stderr)
    assert "epoch" in done.stdout
    assert max(int(line.split()[2]) for line in incumbent_lines(done.stdout)) == 4


def incumbent_lines(text):
    return [line for line in text.split("\n\n")[1].splitlines()[2:] if "..." not in line]


def test_the_picture_goes_where_it_is_wanted(agcore, folder):
    done = agcore("tune", "train.py:train", "--num-trials", "1", "--plot", "curve.svg", "--quiet")
    assert done.stdout.endswith("Picture: curve.svg\n")
    assert "<svg" in (folder / "curve.svg").read_text()
    assert not (folder / "agcore-incumbent.png").exists()


def test_too_many_failures_give_exit_code_1_and_the_reason(agcore):
    done = agcore("tune", "train.py:never", "--num-trials", "50")
    assert done.returncode == 1
    assert "RuntimeError: out of luck" in done.stdout
    assert re.search(r"^Error: \d of \d trials failed; the last, trial", done.stderr, re.MULTILINE)
    assert "Traceback" not in done.stderr
    assert "Picture" not in done.stdout


def test_a_function_that_reports_nothing_gives_exit_code_1(agcore):
    done = agcore("tune", "train.py:silent", "--num-trials", "3")
    assert done.returncode == 1
    assert "Error: no trial has reported 'accuracy'\n" in done.stderr


def test_a_misspelt_metric_is_answered_with_the_right_one(agcore):
    done = agcore("tune", "train.py:train", "--num-trials", "9", "--reward-attr", "acuracy")
    assert done.returncode == 1
    assert "did you mean 'accuracy'" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train.py:train"], "pass --num-trials N, --time-out S, or both"),
        (["train.py:trian", "--num-trials", "1"], "did you mean 'train'"),
        (["trian.py:train", "--num-trials", "1"], "did you mean 'train.py'"),
        (["train.py:plain", "--num-trials", "1"], "decorate it with @ag.args(...)"),
        (["train.py:train", "--num-trials", "1", "--searcher", "rando"], "did you mean 'random'"),
        (["train.py:train", "--num-trials", "1", "--searcher", "grid"], "needs a finite space"),
        (["train.py:train", "--num-trials", "1", "--max-t", "9"], "hbs, hbp, sync, pasha or pbt"),
        (
            ["train.py:train", "--num-trials", "1", "--scheduler", "pasha", "--brackets", "2"],
            "--brackets has no effect with --scheduler pasha; pass --scheduler hbs, hbp or sync",
        ),
        (
            ["train.py:train", "--num-trials", "1", "--population-size", "2"],
            "--population-size has no effect with --scheduler fifo; pass --scheduler pbt",
        ),
        (["train.py:silent", "--num-trials", "1", "--scheduler", "hbs"], "max_t is unknown"),
        (["train.py:train", "--num-trials", "1", "--plot", "no/where.png"], "does not exist"),
        (["train.py:train", "--num-trials", "1", "--num-gpus", "512"], "512"),
        (["train.py:train", "--time-out", "inf"], "time_out=inf"),
    ],
)
def test_a_wrong_call_gives_one_message_and_exit_code_2(
    folder, forgetful_imports, monkeypatch, capsys, arguments, message
):
    monkeypatch.chdir(folder)
    with pytest.raises(SystemExit) as ended:
        main(["tune", *arguments])
    shown = capsys.readouterr()
    assert ended.value.code == 2
    assert shown.out == ""
    assert message in shown.err
    assert shown.err.count("Error: ") == 1
    assert "Traceback" not in shown.err


def test_ctrl_c_shows_what_was_found_and_gives_exit_code_130(started):
    process = started(
        *("tune", "train.py:endless", "--time-out", "100", "--no-plot"),
        *("--scheduler", "hbs", "--debug-log"),
    )
    for line in process.stderr:
        if "at epoch=1," in line:
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Best accuracy" in out
    assert "interrupted" in out
    assert err.endswith("Interrupted by Ctrl-C; the above is what was found until then.\n")
    assert "Traceback" not in err


def test_nothing_in_time_is_answered_with_more_time(agcore):
    done = agcore("tune", "train.py:endless", "--time-out", "0.01", "--quiet")
    assert done.returncode == 1
    assert "no trial has reported 'accuracy' in time; pass a larger --time-out" in done.stderr


def test_a_run_in_a_directory_is_continued(agcore, folder):
    first = agcore("tune", "train.py:train", "--num-trials", "3", "--checkpoint", "run")
    assert first.returncode == 0, first.stderr
    again = agcore("tune", "train.py:train", "--num-trials", "3", "--checkpoint", "run")
    assert again.returncode == 2
    assert "already holds a run" in again.stderr
    more = agcore("tune", "train.py:train", "--num-trials", "5", "--checkpoint", "run", "--resume")
    assert more.returncode == 0, more.stderr
    assert "5 trials in" in more.stdout

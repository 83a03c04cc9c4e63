"""Several processes, one directory: whoever speaks, and is killed, it is one run."""

import fcntl
import json
import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import textwrap
import zlib

import pytest

import agcore as ag
from agcore.errors import JournalError, SpecError
from agcore.history import RunHistory
from agcore.journal import read_history, read_journal
from agcore.records import RunEnded, RunResumed, RunStarted, TrialProposed, TrialState

KINDS = ("fifo", "hbs", "hbp", "median", "sync", "pasha", "pbt", "fronts")
SEARCHERS = ("random", "grid", "bayesopt", "sobol", "evolution", "tpe", "bohb")
PAIRS = [
    (kind, searcher)
    for i, kind in enumerate(KINDS)
    for j, searcher in enumerate(SEARCHERS)
    if (i + j) % 3 == 0 or searcher == "random"
]
NUM_CUTS = 6
SPACE = {"x": ag.Real(0, 1), "epochs": 9}


@pytest.mark.parametrize(("kind", "searcher"), PAIRS)
def test_two_who_take_turns_are_as_one(kind, searcher, stage, tmp_path, caplog):
    alone = stage.make(kind, searcher)
    stage.converse([alone], slots=3)
    first = stage.make(kind, searcher, checkpoint=tmp_path / "run")
    second = stage.make(kind, searcher, checkpoint=tmp_path / "run")
    stage.converse([first, second], slots=3)
    assert stage.what_happened(first) == stage.what_happened(alone)
    assert stage.what_happened(second) == stage.what_happened(alone)
    assert not caplog.records  # nothing comes out differently in the other one
    events = list(read_journal(tmp_path / "run" / "events.jsonl"))
    assert [type(e) for e in events] == [type(e) for e in alone.history.events]


@pytest.mark.parametrize(("kind", "searcher"), PAIRS)
def test_a_journal_cut_anywhere_is_continued_to_the_same_end(kind, searcher, stage, tmp_path):
    whole = tmp_path / "whole"
    run = stage.make(kind, searcher, checkpoint=whole)
    stage.converse([run])
    expected = stage.what_happened(run)
    journal = (whole / "events.jsonl").read_bytes()
    drawn = random.Random(zlib.crc32(f"{kind} {searcher}".encode()))
    for size in sorted(drawn.sample(range(len(journal)), NUM_CUTS)):
        folder = tmp_path / str(size)
        folder.mkdir()
        (folder / "events.jsonl").write_bytes(journal[:size])
        (folder / "run.json").write_bytes((whole / "run.json").read_bytes())
        cut = stage.make(kind, searcher, checkpoint=folder)
        for trial in cut.running:
            cut.tell(trial, state="interrupted")
        stage.converse([cut])
        assert stage.what_happened(cut) == expected, f"cut at {size}"
        read_history(folder / "events.jsonl", RunHistory())


WORKER = textwrap.dedent(
    """
    import sys
    import agcore as ag

    path, kind, num_trials = sys.argv[1], sys.argv[2], int(sys.argv[3])
    space = {"x": ag.Real(0, 1), "epochs": 9}
    run = ag.AskTell(space, kind, num_trials=num_trials, checkpoint=path)
    while not run.is_over:
        trial = run.ask()
        if trial is None:
            continue
        print(trial.trial_id, trial.attempt, flush=True)
        for epoch in range(trial.resume_from + 1, 10):
            if run.report(trial, epoch, accuracy=epoch * trial.config["x"]).stops:
                break
        else:
            run.tell(trial)
    """
)


def start(folder, kind, num_trials, script=WORKER):
    file = folder / "worker.py"
    file.write_text(script)
    return subprocess.Popen(
        [sys.executable, str(file), str(folder / "run"), kind, str(num_trials)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def consistent(path, kind, num_trials):
    """The run in a directory, after a look at whether all of it fits together."""
    events = list(read_journal(path / "events.jsonl"))
    assert isinstance(events[0], RunStarted)
    proposed = [event.trial_id for event in events if isinstance(event, TrialProposed)]
    assert proposed == list(range(num_trials))
    alone = ag.AskTell(SPACE, kind, num_trials=num_trials)
    configs = [alone.ask().config for _ in range(num_trials)]
    run = ag.AskTell(SPACE, kind, num_trials=num_trials, checkpoint=path, resume=True)
    assert [trial.config for trial in run.trials.values()] == configs
    return run


@pytest.mark.parametrize("kind", ["fifo", "hbp"])
def test_four_processes_share_a_run(kind, tmp_path, caplog):
    workers = [start(tmp_path, kind, 40) for _ in range(4)]
    asked = []
    for worker in workers:
        out, err = worker.communicate(timeout=100)
        assert (worker.returncode, err) == (0, "")
        asked += out.splitlines()
    assert len(asked) == len(set(asked)) >= 40
    run = consistent(tmp_path / "run", kind, 40)
    assert run.running == []
    states = {trial.state for trial in run.trials.values()}
    assert states <= {TrialState.COMPLETED, TrialState.PAUSED}
    assert not caplog.records


def test_processes_may_be_killed_at_any_moment(tmp_path, caplog):
    drawn = random.Random(5)
    journal = tmp_path / "run" / "events.jsonl"
    size = 0
    for _ in range(4):
        size += drawn.randrange(500, 9000)
        workers = [start(tmp_path, "hbs", 40) for _ in range(2)]
        while workers[0].poll() is None:
            if journal.exists() and journal.stat().st_size >= size:
                workers[0].send_signal(signal.SIGKILL)
                workers[1].send_signal(signal.SIGKILL)
                break
        for worker in workers:
            worker.communicate(timeout=60)
    run = ag.AskTell(SPACE, "hbs", num_trials=40, checkpoint=tmp_path / "run")
    for trial in run.running:
        run.tell(trial, state="interrupted")
    last = start(tmp_path, "hbs", 40)
    _, err = last.communicate(timeout=100)
    assert (last.returncode, err) == (0, "")
    run = consistent(tmp_path / "run", "hbs", 40)
    assert run.running == []
    for trial in run.trials.values():
        resources = [report.resource for report in trial.reports]
        assert resources == list(range(1, len(resources) + 1))
        assert trial.state in (TrialState.COMPLETED, TrialState.STOPPED)
    assert not caplog.records


SPAWNING = """
import multiprocessing
import pickle

import agcore as ag


def ten_trials(run, answers):
    for _ in range(10):
        trial = run.ask()
        run.tell(trial, trial.config["x"])
        answers.put(trial.trial_id)


if __name__ == "__main__":
    import os

    run = ag.AskTell({"x": ag.Real(0, 1)}, checkpoint="run", num_trials=21)
    os.chdir("/")
    assert pickle.loads(pickle.dumps(run)).ask() is not None
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    workers = [context.Process(target=ten_trials, args=(run, answers)) for _ in range(2)]
    for worker in workers:
        worker.start()
    print(sorted(answers.get(timeout=60) for _ in range(20)))
    for worker in workers:
        worker.join(60)
    print([worker.exitcode for worker in workers])
    print(run.best().reward == max(run.trials[i].config["x"] for i in range(1, 21)))
"""


def test_a_run_can_be_sent_to_spawned_processes(tmp_path):
    """In a process of its own: ``multiprocessing`` leaves its caller a child for good."""
    script = tmp_path / "spawning.py"
    script.write_text(SPAWNING, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, script], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [str(list(range(1, 21))), "[0, 0]", "True"]


def test_a_forked_child_of_a_run_in_memory_is_refused():
    run = ag.AskTell(SPACE)
    pid = os.fork()
    if pid == 0:
        try:
            run.ask()
        except SpecError as error:
            os._exit(7 if "pass checkpoint=" in str(error) else 8)
        os._exit(9)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7


def test_threads_may_share_a_run(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    run = ag.AskTell(SPACE, checkpoint=tmp_path / "run", num_trials=30)

    def work(_):
        trial = run.ask()
        run.tell(trial, trial.config["x"])
        return trial.trial_id

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(work, range(30))) == list(range(30))
    assert run.ask() is None


# -- the lock ------------------------------------------------------------------------------


def test_whoever_holds_the_lock_for_too_long_is_named(tmp_path):
    run = ag.AskTell(SPACE, checkpoint=tmp_path / "run", lock_timeout_s=0.05)
    with (tmp_path / "run" / "events.jsonl").open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(JournalError, match=rf"process {os.getpid()} on .* after 0.05 seconds"):
            run.ask()
        assert run.trials == {}  # reading needs no lock
    assert run.ask().trial_id == 0


def test_a_dead_holder_holds_nothing(tmp_path):
    run = ag.AskTell(SPACE, checkpoint=tmp_path / "run", lock_timeout_s=30)
    script = (
        "import fcntl, sys\n"
        "file = open(sys.argv[1], 'r+')\n"
        "fcntl.flock(file, fcntl.LOCK_EX)\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "run" / "events.jsonl")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout.readline() == b"held\n"
        holder.kill()
        assert run.ask().trial_id == 0


# -- the directory -------------------------------------------------------------------------


def test_an_ordinary_run_directory_comes_of_it(stage, tmp_path):
    run = stage.make("hbp", checkpoint=tmp_path / "run")
    stage.converse([run], slots=2)
    command = [sys.executable, "-m", "agcore", "why", str(tmp_path / "run"), "0"]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert told.startswith("Trial 0:")
    result = ag.replay(tmp_path / "run", scheduler="hbs")
    assert result
    table = ag.curves.CurveTable.from_run(tmp_path / "run")
    assert table


def test_it_goes_on_where_it_was(tmp_path):
    run = ag.AskTell(SPACE, "hbs", checkpoint=tmp_path / "run", num_trials=3)
    trial = run.ask()
    run.report(trial, 1, accuracy=0.5)
    del run
    later = ag.AskTell(SPACE, "hbs", checkpoint=tmp_path / "run", num_trials=5, resume=True)
    assert [(t.trial_id, t.config) for t in later.running] == [(0, trial.config)]
    assert not later.report(trial.to_dict(), 2, accuracy=0.7).stops
    assert [later.ask().trial_id for _ in range(4)] == [1, 2, 3, 4]
    assert later.ask() is None


def test_another_run_is_not_joined(tmp_path):
    with pytest.raises(JournalError, match="holds no run"):
        ag.AskTell(SPACE, checkpoint=tmp_path / "run", resume=True)
    ag.AskTell(SPACE, checkpoint=tmp_path / "run")
    with pytest.raises(JournalError, match="already holds a run"):
        ag.AskTell(SPACE, checkpoint=tmp_path / "run", resume=False)
    with pytest.raises(JournalError, match="class was 'FIFOScheduler'"):
        ag.AskTell(SPACE, "hbp", checkpoint=tmp_path / "run")
    with pytest.raises(JournalError, match="holds another run"):
        ag.AskTell({"x": ag.Real(0, 2), "epochs": 9}, checkpoint=tmp_path / "run")
    with pytest.raises(JournalError, match="holds another run: searcher was"):
        ag.AskTell(SPACE, searcher="sobol", checkpoint=tmp_path / "run")


def test_the_automatic_searcher_stays_what_it_was(tmp_path):
    arguments = {"searcher": "auto", "checkpoint": tmp_path / "run"}
    ag.AskTell(SPACE, num_trials=3, **arguments)
    later = ag.AskTell(SPACE, num_trials=300, **arguments)
    assert later.history.events[0].settings["searcher"] == "sobol"
    assert later.ask() is not None


def test_a_scheduler_may_go_on_with_it_and_it_with_a_run_of_a_scheduler(tmp_path):
    @ag.args(x=ag.Real(0, 1), epochs=3)
    def train(args, reporter):
        for epoch in range(1, 4):
            reporter(epoch=epoch, accuracy=args.x * epoch)

    def scheduler(num_trials):
        return ag.scheduler.HyperbandScheduler(
            train,
            num_trials=num_trials,
            executor="inline",
            checkpoint=tmp_path / "run",
            resume="auto",
            progress=False,
        )

    scheduler(2).run()
    run = ag.AskTell(train, "hbs", num_trials=4, checkpoint=tmp_path / "run")
    assert isinstance(run.history.events[-1], RunResumed)
    trial = run.ask()
    assert trial.trial_id == 2
    run.report(trial, 1, accuracy=2.0)
    scheduler(4).run()
    kinds = [type(event) for event in run.history.events]
    assert kinds.count(RunEnded) == 2
    assert [trial.attempts for trial in run.trials.values()] == [1, 1, 2, 1]
    assert run.ask() is None
    assert run.is_over


def test_configs_that_all_processes_enqueue_are_tried_once(tmp_path):
    runs = [ag.AskTell(SPACE, checkpoint=tmp_path / "run") for _ in range(3)]
    for run in runs:
        run.enqueue({"x": 0.125})
    assert [run.ask().config["x"] for run in runs][:2] == [0.125, 0.5]


def test_a_journal_that_is_replaced_or_gone_is_noticed(tmp_path):
    run = ag.AskTell(SPACE, checkpoint=tmp_path / "run")
    run.ask()
    journal = tmp_path / "run" / "events.jsonl"
    journal.write_bytes(journal.read_bytes().splitlines(keepends=True)[0])
    with pytest.raises(JournalError, match="is shorter than it was"):
        run.ask()
    shutil.rmtree(tmp_path / "run")
    with pytest.raises(JournalError, match="cannot be opened: No such file"):
        run.ask()


def test_what_cannot_be_written_has_not_happened(tmp_path, monkeypatch, stage):
    run = stage.make("hbs", checkpoint=tmp_path / "run")
    run.ask()
    before = (tmp_path / "run" / "events.jsonl").read_bytes()
    write = os.write

    def full(file, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(JournalError, match="No space left"):
        run.ask()
    with pytest.raises(JournalError, match="No space left"):
        run.report(0, 1, accuracy=0.5, latency=1)
    monkeypatch.setattr(os, "write", write)
    assert (tmp_path / "run" / "events.jsonl").read_bytes() == before
    assert [trial.reports for trial in run.trials.values()] == [[]]
    assert run.ask().trial_id == 1


def test_a_trial_that_nobody_got_is_given_out_next(tmp_path):
    run = ag.AskTell(SPACE, "hbs", checkpoint=tmp_path / "run")
    run.report(run.ask(), 1, accuracy=0.5)
    run.ask()
    journal = tmp_path / "run" / "events.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    assert b"TrialStarted" in lines[-1]
    journal.write_bytes(b"".join(lines[:-1]) + lines[-1][:20])
    later = ag.AskTell(SPACE, "hbs", checkpoint=tmp_path / "run")
    # The promise holds whatever comes between: another report may not change its milestone.
    later.report(0, 2, accuracy=0.6)
    last = ag.AskTell(SPACE, "hbs", checkpoint=tmp_path / "run")
    trial = last.ask()
    assert (trial.trial_id, trial.attempt, trial.milestone) == (1, 1, 1)
    assert "cut off: ask() was cut off before it answered" in last.explain(1)


def test_a_verdict_that_was_cut_off_is_carried_out_by_whoever_comes_next(tmp_path):
    run = ag.AskTell(SPACE, "hbp", checkpoint=tmp_path / "run")
    decision = run.report(run.ask(), 1, accuracy=0.5)
    journal = tmp_path / "run" / "events.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    for count in (1, 2):
        journal.write_bytes(b"".join(lines[:-count]))
        later = ag.AskTell(SPACE, "hbp", checkpoint=tmp_path / "run")
        assert later.trials[0].state is TrialState.PAUSED
        assert later.report(0, 1, accuracy=0.5) == decision
        assert journal.read_bytes().splitlines(keepends=True) == lines


def test_every_line_is_one_event_of_its_own(tmp_path, stage, caplog):
    with caplog.at_level(logging.INFO, logger="agcore"):
        run = stage.make("hbs", checkpoint=tmp_path / "run", num_trials=2)
        stage.converse([run])
    assert "trial 0 starts up to 1 (default): x=0.5" in caplog.text
    lines = (tmp_path / "run" / "events.jsonl").read_text().splitlines()
    assert [json.loads(line)["event"] for line in lines] == [
        type(event).__name__ for event in run.history.events
    ]

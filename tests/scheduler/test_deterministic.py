"""Runs that are the same on any number of workers, with real processes."""

import pytest

import agcore as ag
from agcore.errors import JournalError, SpecError


@ag.args(x=ag.Real(0, 1), epochs=9)
def saturating(args, reporter):
    for epoch in range(1, args.epochs + 1):
        reporter(epoch=epoch, accuracy=args.x * (1 - 0.5**epoch))


def scheduler(num_workers, kind="promotion", **arguments):
    return ag.scheduler.HyperbandScheduler(
        saturating,
        num_trials=12,
        max_t=9,
        grace_period=1,
        reduction_factor=3,
        type=kind,
        num_workers=num_workers,
        deterministic=True,
        logical_workers=4,
        progress=False,
        **arguments,
    )


def story(scheduler):
    """All events but for what the clock says."""
    told = []
    for event in scheduler.history.events:
        name = type(event).__name__
        if not name.startswith("Run"):
            told.append((name, event.trial_id, getattr(event, "resource", None)))
            told.append(getattr(event, "config", None) or getattr(event, "decision", None))
    return told


def facts(scheduler):
    """What became of each trial."""
    return {
        trial.trial_id: (trial.config, [(r.resource, r.reward) for r in trial.reports], trial.state)
        for trial in scheduler.trials.values()
    }


@pytest.mark.parametrize("kind", ["stopping", "promotion"])
def test_one_two_and_eight_workers_do_the_same_run(kind, caplog):
    stories = []
    for num_workers in (1, 2, 8):
        run = scheduler(num_workers, kind)
        run.run()
        stories.append(story(run))
    assert stories[0] == stories[1] == stories[2]
    assert "workers waited" in caplog.text


def test_time_out_cuts_a_run_to_a_beginning_of_it_and_resume_goes_on(tmp_path):
    whole = scheduler(2)
    whole.run()
    part = scheduler(2, checkpoint=tmp_path, time_out=0.4)
    part.run()
    rest = scheduler(1, checkpoint=tmp_path, time_out=100, resume=True)
    rest.run()

    assert facts(rest) == facts(whole)


@pytest.mark.parametrize("kind", ["stopping", "promotion"])
def test_a_run_cut_off_anywhere_goes_on_as_if_nothing_had_been(kind, tmp_path):
    whole = scheduler(2, kind, checkpoint=tmp_path / "whole")
    whole.run()
    lines = (tmp_path / "whole" / "events.jsonl").read_bytes().splitlines(keepends=True)
    for number in range(5, len(lines), len(lines) // 6):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "events.jsonl").write_bytes(b"".join(lines[:number]))
        (folder / "run.json").write_bytes((tmp_path / "whole" / "run.json").read_bytes())
        rest = scheduler(1, kind, checkpoint=folder, resume=True)
        rest.run()
        assert facts(rest) == facts(whole), number


def test_another_number_of_logical_workers_is_another_run(tmp_path):
    scheduler(1, checkpoint=tmp_path).run()
    with pytest.raises(JournalError, match="logical_workers was 4"):
        ag.scheduler.HyperbandScheduler(
            saturating, num_trials=12, max_t=9, checkpoint=tmp_path, resume=True, deterministic=True
        )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"trial_time_out": 5.0}, "trial_time_out makes a run depend"),
        ({"delay_get_config": False}, "delay_get_config=False makes a run depend"),
        ({"executor": "inline"}, "logical_workers=4 trials are alive at once"),
    ],
)
def test_what_depends_on_a_clock_is_refused(arguments, words):
    with pytest.raises(SpecError, match=words):
        scheduler(1, **arguments)


def test_logical_workers_alone_say_nothing():
    with pytest.raises(SpecError, match="needs deterministic=True"):
        ag.scheduler.FIFOScheduler(saturating, num_trials=1, logical_workers=2)

"""``searcher='auto'`` in a run: said, recorded, and kept when the run goes on."""

import io
import json

import pytest
from rich.console import Console

import agcore as ag
from agcore.callbacks import Progress
from agcore.errors import JournalError
from agcore.records import RunStarted


@ag.args(x=ag.Real(0, 1), epochs=3)
def train(args, reporter):
    for epoch in range(1, args.epochs + 1):
        reporter(epoch=epoch, accuracy=args.x * epoch)


def fifo(**arguments):
    settings = {"searcher": "auto", "executor": "inline", "progress": False, **arguments}
    return ag.scheduler.FIFOScheduler(train, **settings)


def test_the_pick_is_told_and_recorded(tmp_path):
    stream = io.StringIO()
    progress = Progress(Console(file=stream, width=200))
    scheduler = fifo(num_trials=2, checkpoint=tmp_path, callbacks=[progress])
    scheduler.run()
    why = "num_trials=2 is too few for a model, and it spreads them evenly"
    assert stream.getvalue().startswith(f"searcher='auto': sobol, because {why}\n")
    assert "searcher='sobol'" in repr(scheduler)
    described = json.loads((tmp_path / "run.json").read_text())["scheduler"]
    assert described["searcher"] == "sobol"
    started = next(e for e in scheduler.history.events if isinstance(e, RunStarted))
    assert (started.settings["searcher"], started.settings["picked_because"]) == ("sobol", why)


def test_a_named_searcher_needs_no_words():
    stream = io.StringIO()
    scheduler = fifo(searcher="random", num_trials=2, callbacks=[Progress(Console(file=stream))])
    scheduler.run()
    assert "auto" not in stream.getvalue()
    assert "picked_because" not in scheduler.history.events[0].settings


@pytest.mark.parametrize("has_description", [True, False])
def test_a_run_that_goes_on_keeps_its_searcher(tmp_path, has_description):
    fifo(num_trials=3, checkpoint=tmp_path / "cut").run()
    if not has_description:
        (tmp_path / "cut" / "run.json").unlink()
    again = fifo(num_trials=8, checkpoint=tmp_path / "cut", resume=True)
    again.run()
    assert "searcher='sobol'" in repr(again)
    whole = fifo(searcher="sobol", num_trials=8)
    whole.run()
    assert [t.config for t in again.trials.values()] == [t.config for t in whole.trials.values()]


def test_a_run_of_a_searcher_object_is_not_taken_over(tmp_path):
    own = ag.searcher.RandomSearcher(train.cs)
    fifo(searcher=own, num_trials=2, checkpoint=tmp_path).run()
    with pytest.raises(JournalError, match="searcher was 'RandomSearcher' and is 'bayesopt'"):
        fifo(num_trials=20, checkpoint=tmp_path, resume=True)


def test_resume_auto_without_a_run_picks_anew(tmp_path):
    scheduler = fifo(num_trials=20, checkpoint=tmp_path / "new", resume="auto")
    assert "searcher='bayesopt'" in repr(scheduler)


def test_population_based_training_gets_evenly_spread_members():
    scheduler = ag.scheduler.PopulationBasedTrainingScheduler(
        train, population_size=4, searcher="auto", executor="inline", progress=False
    )
    assert "searcher='sobol'" in repr(scheduler)


@pytest.mark.parametrize(
    ("kind", "brackets", "picked"),
    [
        (ag.scheduler.HyperbandScheduler, 3, "hypertune"),
        (ag.scheduler.HyperbandScheduler, 1, "bayesopt"),
        # Its brackets take turns as published: nobody draws them.
        (ag.scheduler.SynchronousHyperbandScheduler, 2, "bayesopt"),
    ],
)
def test_brackets_that_are_drawn_are_learnt_about(kind, brackets, picked):
    scheduler = kind(
        train,
        num_trials=20,
        brackets=brackets,
        searcher="auto",
        executor="inline",
        progress=False,
    )
    assert f"searcher='{picked}'" in repr(scheduler)

import math
from pathlib import Path

import pytest

import agcore as ag
from agcore.errors import JournalError, SpecError
from agcore.searcher import GPFIFOSearcher, GPMultiFidelitySearcher, RandomSearcher
from agcore.searcher.earlier_runs import observations_of
from agcore.space import SearchSpace
from tests.searcher.dialogues import LINE, bowl, learn, origins


@ag.args(x=ag.Real(0, 1), epochs=3)
def curve(args, reporter):
    for epoch in range(args.epochs):
        reporter(epoch=epoch + 1, accuracy=args.x * (epoch + 1), extra=epoch)


def run(path=None, count=4, train_fn=curve, **more):
    scheduler = ag.scheduler.FIFOScheduler(
        train_fn, executor="inline", num_trials=count, checkpoint=path, progress=False, **more
    )
    scheduler.run()
    return scheduler


def test_a_directory_a_scheduler_and_a_history_tell_the_same(tmp_path):
    scheduler = run(tmp_path)
    expected = list(observations_of(scheduler, LINE, whole_curves=False))
    assert len(expected) == 4
    for source in (tmp_path, str(tmp_path), scheduler.history):
        assert list(observations_of(source, LINE, whole_curves=False)) == expected


def test_a_sequential_scheduler_is_one_as_well():
    sequential = ag.scheduler.LocalSequentialScheduler(curve, num_trials=3, progress=False)
    sequential.run()
    assert len(list(observations_of(sequential, LINE, whole_curves=False))) == 3


def test_each_trial_gives_its_value_or_its_whole_curve():
    scheduler = run(count=2)
    values = list(observations_of(scheduler, LINE, whole_curves=False))
    assert (values[0].resource, values[0].reward) == (None, 1.5)
    curves = list(observations_of(scheduler, LINE, whole_curves=True))
    assert [(o.resource, o.reward) for o in curves[:3]] == [(1, 0.5), (2, 1.0), (3, 1.5)]
    assert all(o.trial_id == -1 and not o.provisional for o in [*values, *curves])
    assert curves[1].metrics["extra"] == 1


def test_configs_are_completed_for_the_new_space_and_others_are_left_out(caplog):
    scheduler = run()
    wider = SearchSpace({"x": ag.Real(0, 1), "kind": ag.Categorical("new", "newer")})
    observations = list(observations_of(scheduler, wider, whole_curves=False))
    assert {o.config["kind"] for o in observations} == {"new"}
    assert not caplog.records
    narrow = SearchSpace({"x": ag.Real(0.45, 0.55)})
    assert [o.config for o in observations_of(scheduler, narrow, whole_curves=False)] == [
        {"x": 0.5}
    ]
    assert "3 of 4 trials of the earlier run are not in this search space" in caplog.text


@pytest.mark.parametrize("source", [3, "nothing here", Path("nothing here"), {"x": 1}, object()])
def test_what_is_no_run_is_refused(source):
    kind = JournalError if isinstance(source, (str, Path)) else SpecError
    with pytest.raises(kind, match="nothing here" if kind is JournalError else "warm_start_from="):
        GPFIFOSearcher(LINE, warm_start_from=source)


def test_none_is_no_earlier_run():
    assert GPFIFOSearcher(LINE, warm_start_from=None).dataset_size() == 0


def test_a_model_begins_with_what_is_known(tmp_path):
    run(tmp_path, count=6)
    searcher = GPFIFOSearcher(LINE, warm_start_from=tmp_path)
    assert searcher.dataset_size() == 6
    found = learn(searcher, bowl, 2)
    assert origins(found) == ["default", "model"]
    assert found[1].why["observations"] == 7


def test_configs_of_the_earlier_run_may_be_proposed_again():
    candidates = [{"x": 0.5}, {"x": 0.25}]
    searcher = GPFIFOSearcher(LINE, warm_start_from=run(), candidates=candidates)
    assert {s.config["x"] for s in learn(searcher, bowl, 2)} == {0.5, 0.25}


def test_several_fidelities_are_learnt_from_every_report():
    searcher = GPMultiFidelitySearcher(LINE, max_epochs=3, warm_start_from=run())
    assert len(searcher._data) == 12
    assert searcher._data.rows_at(2).tolist() == [1, 4, 7, 10]


def test_searchers_without_a_model_know_the_best_of_the_earlier_run():
    searcher = RandomSearcher(LINE, warm_start_from=run())
    assert searcher.dataset_size() == 4
    assert searcher.get_best_reward() > 1.4


def test_losses_of_an_earlier_run_are_losses_still(tmp_path):
    run(tmp_path, mode="min")
    searcher = GPFIFOSearcher(LINE, mode="min", warm_start_from=tmp_path)
    assert searcher.get_best_reward() == min(
        searcher.get_reward(config) for _, config in searcher._values.values()
    )
    assert searcher._data.y == pytest.approx(
        [1 + searcher.get_reward(config) for _, config in searcher._values.values()]
    )


def test_diverged_and_failed_trials_do_not_stop_it():
    @ag.args(x=ag.Real(0, 1))
    def troubled(args, reporter):
        if args.x < 0.4:
            raise ValueError("too small")
        reporter(accuracy=math.nan if args.x > 0.6 else args.x)

    earlier = run(count=8, train_fn=troubled, max_failures=None)
    for make in (
        lambda: GPFIFOSearcher(LINE, warm_start_from=earlier),
        lambda: GPMultiFidelitySearcher(LINE, max_epochs=3, warm_start_from=earlier),
    ):
        assert None not in learn(make(), bowl, 4)


def test_a_run_may_begin_with_another_by_option(tmp_path):
    earlier = run(tmp_path / "earlier", count=6)
    for source in (tmp_path / "earlier", str(tmp_path / "earlier"), earlier, earlier.history):
        later = run(searcher="bayesopt", search_options={"warm_start_from": source}, count=3)
        origins_found = [e.origin for e in later.history.events if hasattr(e, "origin")]
        assert origins_found == ["default", "model", "model"]


def test_a_run_that_began_with_another_is_resumed_to_the_same(tmp_path):
    run(tmp_path / "earlier", count=6)
    more = {
        "searcher": "bayesopt",
        "search_options": {"warm_start_from": str(tmp_path / "earlier")},
    }
    whole = run(tmp_path / "whole", count=8, **more)
    run(tmp_path / "part", count=4, **more)
    longer = run(tmp_path / "part", count=8, resume=True, **more)
    assert [t.config for t in longer.trials.values()] == [t.config for t in whole.trials.values()]

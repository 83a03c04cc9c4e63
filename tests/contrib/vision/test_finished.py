"""The network of the best trial by its last report is still there at the end."""

import agcore as ag
from agcore.run_directory import RunDirectory
from agcore_contrib.vision.finished import BestFinished

CURVES = {"steady": [0.5, 0.6, 0.7], "falls": [0.3, 0.9, 0.1], "low": [0.1, 0.1, 0.2]}


@ag.args(kind=ag.Categorical(*CURVES), curves=CURVES, epochs=3)
def follow(args, reporter):
    for epoch, reward in enumerate(args.curves[args.kind], start=1):
        (reporter.checkpoint_dir / "network.pt").write_text(f"{args.kind} {epoch}")
        reporter(epoch=epoch, accuracy=reward)


def run_all(tmp_path, **options):
    trials = RunDirectory(tmp_path / "run").trials
    finished = BestFinished(trials, tmp_path / "best", "network.pt")
    scheduler = ag.scheduler.FIFOScheduler(
        follow,
        searcher="grid",
        trial_value="last",
        checkpoint=tmp_path / "run",
        executor="inline",
        callbacks=[finished],
        **options,
    )
    scheduler.run()
    return scheduler, finished


def test_a_trial_that_was_overtaken_for_a_while_keeps_its_network(tmp_path):
    scheduler, finished = run_all(tmp_path, num_trials=3)
    assert finished.best == scheduler.best()
    assert finished.best.reward == 0.7
    assert (tmp_path / "best" / "network.pt").read_text() == "steady 3"


def test_a_trial_that_was_cut_short_comes_after_those_that_were_not(tmp_path):
    scheduler, finished = run_all(tmp_path, num_trials=3, max_reward=0.85)
    states = {trial.config["kind"]: trial.state.value for trial in scheduler.trials.values()}
    assert states == {"steady": "completed", "falls": "stopped"}
    assert scheduler.best().config["kind"] == "falls"
    assert finished.best.config["kind"] == "steady"

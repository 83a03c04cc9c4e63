"""The public API as a user types it; mypy reads this file, nothing runs it."""

from __future__ import annotations

from typing import Any

from typing_extensions import assert_type

import agcore as ag


@ag.args(lr=ag.Real(1e-4, 1, log=True), net=ag.space.Categorical("small", "large"), epochs=9)
def train(args: Any, reporter: Any) -> None:
    for epoch in range(args.epochs):
        reporter(epoch=epoch + 1, accuracy=args.lr)


scheduler = ag.scheduler.HyperbandScheduler(train, num_trials=9, type="promotion")
assert_type(scheduler.get_best_reward(), float)
assert_type(scheduler.get_best_config(), dict[str, Any])
assert_type(scheduler.run(), None)
assert_type(scheduler.explain(3), str)

both = ag.scheduler.FIFOScheduler(
    train,
    num_trials=9,
    reward_attr=["accuracy", "latency"],
    mode={"accuracy": "max", "latency": "min"},
)
assert_type(both.get_pareto_front()[0].objectives, dict[str, float])
assert_type(
    ag.scheduler.MOHyperbandScheduler(
        train, objectives={"accuracy": "MAX", "latency": "MIN"}, num_trials=9
    ).get_best_config(),
    dict[str, Any],
)
ag.tune(train, reward_attr=["accuracy", "latency"], mode=["max", "min"], num_trials=3)

result = ag.tune(train, num_trials=3, mode="min")
assert_type(result, ag.TuneResult)
assert_type(result.best_reward, float)
assert_type(result.explain("3"), str)

assert_type(ag.replay("run-1", scheduler=["hbs", "hbp"], brackets=2), ag.ReplayResult)

asking = ag.AskTell({"lr": ag.Real(0, 1)}, "hbs", num_trials=3, max_t=9)
assert_type(asking.ask(), ag.AskedTrial | None)
assert_type(asking.report(0, 1, accuracy=0.5).stops, bool)
assert_type(asking.get_best_config(), dict[str, Any])

searcher = ag.searcher.RandomSearcher(train.cs, "accuracy", points_to_evaluate=[{"lr": 0.1}])
assert_type(searcher.get_config(), dict[str, Any])

ag.scheduler.FIFOScheduler(train, num_trials="many")  # type: ignore[arg-type]
ag.scheduler.FIFOScheduler(train, nun_trials=3)  # type: ignore[call-arg]

"""A searcher and a scheduling policy of your own, and the suites that test them.

    python 12_own_searcher_and_policy.py

Nothing is registered anywhere: an object with the right methods will do. Writes ``own.png``. Takes
about twenty seconds.
"""

import math

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import agcore as ag
from agcore.executor.simulated import SimulatedExecutor
from agcore.records import Action, Decision, NewTrial, Suggestion
from agcore.testing import PolicyContract, SearcherContract

# -- a searcher: where to look next --------------------------------------------------------


class Climber(ag.searcher.RandomSearcher):
    """Changes one parameter of the best config so far; every third config is random.

    The one method to write is `propose`. What it draws follows from the seed and the number of
    the request, so that a run that is interrupted goes on with the same configs.
    """

    is_replayed_by_exclusion = True  # a proposal follows from what was observed, nothing else

    def propose(self, request):
        best = self.get_best_config()
        if best and request.draw % 3:
            rng = np.random.default_rng([self.random_seed, request.draw])
            for _ in range(20):
                other = self.configspace.sample_configuration(rng)
                names = sorted(best.keys() & other.keys())
                name = names[rng.integers(len(names))]
                changed = {**best, name: other[name]}
                if self.candidates is None and self.is_whole(changed) and self.may_propose(changed):
                    return Suggestion(changed, "climber", {"changed": name})
        return super().propose(request)

    def is_whole(self, config):
        """Whether a config has the parameters that its choices ask for, and no others."""
        try:
            return self.configspace.complete(config) == config
        except ag.SpecError:
            return False


# -- a policy: who goes on -----------------------------------------------------------------


class Patience:
    """Stops a trial once it is behind the best half at several reports in a row.

    A policy is asked what to start in a free slot and what is to happen at each report. It has no
    clock, no files and no threads, so the same calls give the same answers.
    """

    max_resource = None  # trials run to their own end
    milestones = ()  # a decision may fall at any report

    def __init__(self, patience=3):
        self.patience = patience
        self.at = {}  # rewards by resource, of all trials
        self.behind = {}  # reports in a row, by trial

    def next_job(self, now_s, *, allow_new=True):
        return NewTrial() if allow_new else None

    def on_start(self, trial_id, job):
        self.behind[trial_id] = 0

    def on_report(self, trial_id, resource, reward):
        if not math.isfinite(reward):
            return Decision(Action.STOP, f"its reward at {resource} is not finite")
        others = self.at.setdefault(resource, [])
        others.append(reward)
        median = float(np.median(others))
        self.behind[trial_id] = self.behind[trial_id] + 1 if reward < median else 0
        if self.behind[trial_id] >= self.patience:
            times = f"{self.patience} times in a row"
            return Decision(Action.STOP, f"below the median of all {times}, {median:.4g} now")
        return Decision(Action.CONTINUE, "in the better half, or was so lately")

    def on_exit(self, trial_id, state):
        self.behind.pop(trial_id, None)


# -- the published suites say whether they keep the rules ----------------------------------


class TestClimber(SearcherContract):
    """With pytest this file is a test file; below it is run without."""

    def make_searcher(self, space, **options):
        return Climber(space, **options)


class TestPatience(PolicyContract):
    """The same for the policy."""

    def make_policy(self):
        return Patience()


def passed(suite):
    """How many of a suite's tests there are; the first that fails raises."""
    names = [name for name in dir(suite) if name.startswith("test_")]
    for name in names:
        getattr(suite, name)()
    return len(names)


# -- and whether they are any good ---------------------------------------------------------


@ag.args(lr=ag.Real(1e-4, 1, log=True), momentum=ag.Real(0, 1), width=ag.Int(4, 512, log=True))
def train(args, reporter):
    """Never called: its curves are computed."""


def curve(config):
    """What a network might report in 20 epochs of a minute."""
    distance = math.log10(config["lr"] / 0.02) ** 2 + 2 * (config["momentum"] - 0.9) ** 2
    final = 0.95 * math.exp(-0.4 * distance) - 0.02 * abs(math.log2(config["width"] / 64))
    for epoch in range(1, 21):
        yield {"epoch": epoch, "accuracy": final * (1 - math.exp(-epoch / 5))}, 60.0


def tuned(searcher, scheduler, seed):
    """Two hours on four workers, in simulated time."""
    return ag.tune(
        train,
        searcher=searcher(train.cs, random_seed=seed),
        scheduler=scheduler,
        executor=SimulatedExecutor(curve, num_workers=4),
        search_options={"random_seed": seed},
        time_out=7200,
        progress=False,
    )


if __name__ == "__main__":
    print("Climber passes", passed(TestClimber()), "tests for searchers")
    print("Patience passes", passed(TestPatience()), "tests for policies")

    fig, axes = plt.subplots(figsize=(6.5, 4))
    rows = []
    for searcher in (ag.searcher.RandomSearcher, Climber):
        for policy in (None, Patience):
            name = f"{searcher.__name__}, {policy.__name__ if policy else 'to the end'}"
            runs = [tuned(searcher, policy() if policy else "fifo", seed) for seed in range(8)]
            times = np.linspace(1200, 7200, 50)
            best = []
            for run in runs:
                seconds, rewards = np.array([(i.elapsed_s, i.reward) for i in run.incumbents]).T
                best.append(rewards[np.searchsorted(seconds, times, side="right") - 1])
            axes.plot(times / 60, np.mean(best, axis=0), label=name)
            trials = np.mean([len(run.trials) for run in runs])
            rows.append({"who": name, "trials": trials, "best": np.mean([b[-1] for b in best])})
    print(pd.DataFrame(rows).to_string(index=False, float_format="%.4f"))
    axes.set_xlabel("simulated minutes")
    axes.set_ylabel("best accuracy, mean of 8 seeds")
    axes.legend(frameon=False)
    fig.tight_layout()
    fig.savefig("own.png", dpi=120)

    result = tuned(Climber, Patience(), 0)
    stopped = [t for t in result.trials.values() if t.state.value == "stopped"]
    print(result.explain(stopped[-1].trial_id))
    print("see own.png")

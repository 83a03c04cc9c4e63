"""How configs are said to be chosen that no model has predicted, by whatever searcher."""

import importlib.util
import json
import warnings

import pytest

import agcore as ag
from agcore.executor.simulated import SimulatedExecutor
from agcore.explanations import explain_trial
from agcore.history import RunHistory
from agcore.journal import read_journal
from agcore.scheduler import PopulationBasedTrainingScheduler
from agcore.searcher import TPESearcher

NO_BEST = " There was no best trial yet."
RATIO = " by the ratio of the densities of good and bad configs, "
DRAWN = "drawn like the good ones"
NEAR = "drawn near the good ones"
NEEDS_SKOPT = pytest.mark.skipif(
    importlib.util.find_spec("skopt") is None, reason="needs the extra skopt"
)


@pytest.fixture
def said(story):
    """What is said of a proposal in a run without results."""

    def say(searcher, origin, why, **settings):
        text = story(searcher=searcher, **settings).propose(origin, why).why
        assert text.endswith(NO_BEST)
        return text.removesuffix(NO_BEST)

    return say


@pytest.mark.parametrize(
    ("why", "sentences"),
    [
        (
            {"good": 5, "bad": 39, "log_density_ratio": 0.25, "resource": 9, "drawn": 24},
            f"It was the best of 24 configs {DRAWN}{RATIO}1.28. As good counted the 5 best "
            "trials, as bad the other 39. Trials that had come further were better; the furthest "
            "was at epoch 9.",
        ),
        (
            {"good": 1, "bad": 9, "failed": 1, "running": 3, "log_density_ratio": 12, "drawn": 1},
            f"It was the best of 1 config {DRAWN}{RATIO}e^12. As good counted the best trial, as "
            "bad the other 9, 1 that failed and 3 still without a value among them.",
        ),
        (
            {"good": 2, "bad": 18, "log_density_ratio": -1.0, "drawn": 8, "draws_each": 24},
            f"It was the best of 8 configs {DRAWN}, in each of which every parameter was the best "
            f"of 24 draws,{RATIO}0.368. As good counted the 2 best trials, as bad the other 18.",
        ),
        (
            {"good": 2, "bad": 3, "log_density_ratio": 0.0, "candidates": 51, "passed_over": 2},
            f"It was the best of 51 candidates{RATIO}1. Of those 2 were better, but not new, or "
            "not allowed. As good counted the 2 best trials, as bad the other 3.",
        ),
    ],
)
def test_tpe_says_from_which_configs_it_chose_and_what_was_good(said, why, sentences):
    assert said("tpe", "model", why) == sentences


@pytest.mark.parametrize(
    ("why", "sentences"),
    [
        (
            {"good": 3, "bad": 17, "failed": 2, "log_density_ratio": 2.0, "resource": 3}
            | {"drawn": 64, "passed_over": 1},
            f"It was the best of 64 configs {NEAR}{RATIO}7.39. Of those one was better, but not "
            "new, or not allowed. As good counted the 3 best trials at epoch 3, as bad the 17 "
            "worst, 2 that failed among them. No larger epoch had values enough.",
        ),
        (
            {"good": 3, "bad": 4, "log_density_ratio": 2.0, "drawn": 64},
            f"It was the best of 64 configs {NEAR}{RATIO}7.39. As good counted the 3 best trials, "
            "as bad the 4 worst.",
        ),
    ],
)
def test_bohb_says_at_which_resource_its_model_was_made(said, why, sentences):
    assert said("bohb", "model", why) == sentences


@pytest.mark.parametrize(
    ("searcher", "why", "sentence"),
    [
        (
            "tpe",
            {"trials": 3, "num_init_random": 10},
            "Drawn at random, as tpe does until it knows how 10 trials did: it knew of 3.",
        ),
        (
            "tpe",
            {"trials": 12, "num_init_random": 10},
            "Drawn at random: none of the 12 trials that tpe knew had a value.",
        ),
        (
            "tpe",
            {"in_vain": 24},
            "Drawn at random: of the 24 configs that tpe drew like the good ones, none was new "
            "and allowed.",
        ),
        (
            "bohb",
            {"random_fraction": 1 / 3},
            "Drawn at random, as 1/3 of the proposals of bohb are, whatever it knows.",
        ),
        (
            "bohb",
            {"random_fraction": 1.0},
            "Drawn at random, as all proposals of bohb are, whatever it knows.",
        ),
        (
            "bohb",
            {"observations": 4, "needed": 7, "resource": 1},
            "Drawn at random: bohb begins with 7 values at one epoch, and had 4 at most, at "
            "epoch 1.",
        ),
        (
            "bohb",
            {"observations": 0, "needed": 7},
            "Drawn at random: bohb begins with 7 values, and had 0.",
        ),
        (
            "bohb",
            {"in_vain": 64},
            "Drawn at random: of the 64 configs that bohb drew near the good ones, none was new "
            "and allowed.",
        ),
        (
            "evolution",
            {"members": 3, "population_size": 20},
            "Drawn at random, as evolution does until it has a population of 20 trials with a "
            "value: it had 3.",
        ),
        (
            "evolution",
            {"in_vain": 20},
            "Drawn at random: of the 20 children that evolution made, none was new and allowed.",
        ),
        (
            "sobol",
            {"in_vain": 4500},
            "Drawn at random: of the 4,500 points of the Sobol sequence that came next, none was "
            "new and allowed.",
        ),
        (
            "skopt",
            {"observations": 7, "in_vain": 1},
            "Drawn at random: what scikit-optimize proposed, given 7 observations, was not new, "
            "or not allowed.",
        ),
        (
            "skopt",
            {"observations": 7, "refused": "Input X\ncontains infinity."},
            "Drawn at random, for scikit-optimize, given 7 observations, refused: Input X contains "
            "infinity.",
        ),
    ],
)
def test_a_searcher_says_why_it_drew_at_random(said, searcher, why, sentence):
    assert said(searcher, "random", why) == sentence


@pytest.mark.parametrize(
    ("searcher", "origin", "why", "sentence"),
    [
        (
            "sobol",
            "sobol",
            {"point": 44, "passed_over": 3},
            "Point 44 of the Sobol sequence, whose points cover the space evenly. The 3 points "
            "before were passed over: not new, or not allowed.",
        ),
        (
            "sobol",
            "sobol",
            {"point": 5, "passed_over": 1},
            "Point 5 of the Sobol sequence, whose points cover the space evenly. The point "
            "before was passed over: not new, or not allowed.",
        ),
        (
            "sobol",
            "sobol",
            {"point": 0, "candidates": 12},
            "The nearest left of 12 candidates to point 0 of the Sobol sequence, whose points "
            "cover the space evenly.",
        ),
        (
            "skopt",
            "model",
            {"observations": 2, "without_model": True},
            "Proposed by scikit-optimize before it had a model, given 2 observations.",
        ),
        (
            "skopt",
            "model",
            {"observations": 2, "candidates": 12},
            "The nearest left of 12 candidates to what scikit-optimize proposed, given 2 "
            "observations.",
        ),
    ],
)
def test_the_other_searchers_have_their_sentences(said, searcher, origin, why, sentence):
    assert said(searcher, origin, why) == sentence


CHILD = {
    "parent_reward": 0.25,
    "changed": "lr",
    "sample_size": 10,
    "population_size": 20,
    "parent": 0,
    "resource": 3,
}


def evolved(story, config, why=None, **settings):
    """What is said of the second trial, a child of the first."""
    run = story(searcher="evolution", **settings).propose(config={"lr": 0.1, "net": "flat"})
    text = run.propose("evolution", CHILD if why is None else why, config).why
    return text.removesuffix(NO_BEST)


BEST_OF = "the best of a sample of 10 of the 20 youngest trials"


def test_evolution_says_the_parent_and_what_was_changed(story):
    assert evolved(story, {"lr": 0.12, "net": "flat"}) == (
        f"A child of trial 0, {BEST_OF}, with lr changed from 0.1 to 0.12. Trial 0 then had "
        "accuracy 0.25 at epoch 3."
    )
    assert evolved(story, {"lr": 0.1, "net": "deep", "net.depth": 3}).startswith(
        f"A child of trial 0, {BEST_OF}, with net changed from 'flat' to 'deep' and net.depth=3 "
        "added. Trial 0"
    )
    assert "with net taken away. Trial 0" in evolved(story, {"lr": 0.1})


def test_the_reward_of_a_parent_has_the_users_sign(story):
    text = evolved(story, {"lr": 0.1, "net": "deep"}, mode="min", reward_attr="loss")
    assert text.endswith("Trial 0 then had loss 0.25 at epoch 3.")


def test_a_parent_in_an_earlier_run_has_no_number(story):
    why = {name: value for name, value in CHILD.items() if name not in ("parent", "resource")}
    assert evolved(story, {"lr": 0.12}, why) == (
        f"A child of a trial of an earlier run, {BEST_OF}, with lr changed. The parent then had "
        "accuracy 0.25."
    )


def test_of_candidates_the_child_itself_is_none(story):
    assert evolved(story, {"lr": 0.5, "net": "deep"}, CHILD | {"candidates": 30}) == (
        f"The nearest left of 30 candidates to a child of trial 0, {BEST_OF}; the child had "
        "another lr. Trial 0 then had accuracy 0.25 at epoch 3."
    )


def test_of_several_objectives_a_parent_has_no_one_reward(story):
    objectives = [["accuracy", "max"], ["latency", "min"]]
    run = story(searcher="evolution", reward_attr="_SCALARIZATION", objectives=objectives)
    told = run.propose(config={"lr": 0.1}).propose("evolution", CHILD, {"lr": 0.2}).why
    assert told.startswith(f"A child of trial 0, {BEST_OF}, with lr changed from 0.1 to 0.2. The")
    assert "_SCALARIZATION" not in told
    assert "reasons" not in told


# -- facts that are missing, or are not what they should be --------------------------------


@pytest.mark.parametrize(
    ("searcher", "origin", "why", "sentences"),
    [
        (
            "tpe",
            "model",
            {"good": 5, "bad": 39, "log_density_ratio": 0.245853, "resource": 9},
            f"It was the best of those {DRAWN}{RATIO}1.28. As good counted the 5 best trials, as "
            "bad the other 39. Trials that had come further were better; the furthest was at "
            "epoch 9.",
        ),
        (
            "bohb",
            "model",
            {"good": 3, "bad": 17, "log_density_ratio": 2.0},
            f"It was the best of those {NEAR}{RATIO}7.39. As good counted the 3 best trials, as "
            "bad the 17 worst.",
        ),
        (
            "evolution",
            "evolution",
            {"parent": 24, "parent_reward": 0.5, "changed": "lr"},
            "A child of trial 24, with lr changed. Trial 24 then had accuracy 0.5.",
        ),
        (
            "sobol",
            "sobol",
            {"point": 44},
            "Point 44 of the Sobol sequence, whose points cover the space evenly.",
        ),
        (
            "skopt",
            "model",
            {"observations": 1},
            "Proposed by scikit-optimize, given 1 observation.",
        ),
        *(
            (searcher, "random", {}, "Drawn at random from the search space.")
            for searcher in ("tpe", "bohb", "evolution", "sobol", "skopt")
        ),
        ("evolution", "evolution", {}, "Proposed by the searcher evolution as 'evolution'."),
        ("tpe", "model", {}, "Proposed by the searcher tpe as 'model'."),
        ("sobol", "sobol", {}, "Proposed by the searcher sobol as 'sobol'."),
    ],
)
def test_a_record_of_an_earlier_version_is_explained_without_the_new_facts(
    said, searcher, origin, why, sentences
):
    assert said(searcher, origin, why) == sentences


def test_what_is_not_a_fact_of_ours_is_listed_not_lost(story):
    why = {"good": "many", "bad": 3, "log_density_ratio": 0.5, "drawn": True, "cost": 2}
    told = story(searcher="tpe").propose("model", why).why
    assert told.startswith(f"It was the best of those {DRAWN}{RATIO}1.65.{NO_BEST}")
    assert told.endswith("The searcher gave these reasons: good='many', bad=3, drawn=True, cost=2.")
    unread = story(searcher="tpe").propose("model", {"good": 5, "log_density_ratio": None}).why
    assert unread.startswith("Proposed by the searcher tpe as 'model'.")
    assert unread.endswith("The searcher gave these reasons: good=5, log_density_ratio=None.")


def test_a_searcher_of_the_users_own_is_not_taken_for_ours(said, story):
    why = {"good": 5, "bad": 39, "log_density_ratio": 0.25}
    told = story(searcher="Mine").propose("model", why).why
    assert told.startswith("Proposed by the searcher Mine as 'model'.")
    assert told.endswith("reasons: good=5, bad=39, log_density_ratio=0.25.")


def test_a_searcher_that_was_given_as_an_object_has_the_same_sentences(said):
    facts = {"trials": 3, "num_init_random": 10}
    assert said("TPESearcher", "random", facts) == said("tpe", "random", facts)
    assert said("GPFIFOSearcher", "random", {}) == said("bayesopt", "random", {})
    assert said("TPESearcher", "user", {}) == said("tpe", "user", {})


def test_a_copy_says_its_parent_and_what_was_changed(story):
    run = story(searcher="sobol").propose(config={"lr": 0.1, "k": "a"}).start().report(0.5, 0.6)
    copy = run.propose("explore", config={"lr": 0.12, "k": "a"}, parent=0)
    assert copy.why.startswith(
        "A copy of trial 0, with lr changed from 0.1 to 0.12. Trial 0 then had accuracy 0.6 at "
        "epoch 2. The best"
    )
    behind = copy.start(parent=0, resume_from=2).why
    assert behind.startswith("A copy of trial 0 that goes on behind epoch 2, with lr changed from")
    same = story(explore="step").propose().propose("explore", parent=0)
    assert same.why.startswith("A copy of trial 0, with nothing changed by step. There")
    orphan = story().propose("explore")
    assert orphan.why.startswith("A copy of another trial, with a changed config. There")


# -- real runs -----------------------------------------------------------------------------


@ag.args(
    x=ag.Real(0, 1),
    y=ag.Real(1e-3, 1, log=True),
    net=ag.Categorical("flat", ag.Dict(depth=ag.Int(1, 3))),
    epochs=9,
)
def train(args, reporter):
    raise AssertionError("a simulated trial runs nothing")


def curve(config):
    value = 1 - (config["x"] - 0.6) ** 2 - 0.1 * config["y"]
    for epoch in range(1, 10):
        failed = config["x"] < 0.05
        yield {"epoch": epoch, "accuracy": float("nan") if failed else value - 0.5**epoch}, 1.0


RAW = ("reasons", "Proposed by the searcher", "log_density_ratio", "None")


def proposals(run, trial_ids):
    """The section on the proposal of each trial, checked for its form."""
    told = []
    for trial_id in trial_ids:
        text = run.explain(trial_id)
        assert max(map(len, text.splitlines())) <= 80
        assert text.isascii()
        why = text.split("Why it was proposed\n")[1].split("\n\nWhat happened")[0]
        told.append(" ".join(why.split()))
        assert not any(raw in told[-1] for raw in RAW), told[-1]
    return told


@pytest.mark.parametrize(
    ("searcher", "options", "sentences"),
    [
        ("tpe", {}, ("as tpe does until it knows", "best of 24 configs", "As good counted")),
        ("tpe", {"multivariate": False}, ("best of 8 configs", "the best of 24 draws")),
        ("bohb", {}, ("bohb begins with", "as 1/3 of the proposals", "best of 64 configs")),
        (
            "evolution",
            {"population_size": 6},
            ("a population of 6 trials", "the best of a sample of 3 of the 6", "changed from"),
        ),
        ("sobol", {}, ("Point 7 of the Sobol sequence",)),
        pytest.param(
            "skopt",
            {"n_initial_points": 3},
            ("before it had a model", "Proposed by scikit-optimize, given 4"),
            marks=NEEDS_SKOPT,
        ),
    ],
)
def test_every_searcher_is_explained_in_sentences(searcher, options, sentences):
    is_skopt = searcher == "skopt"
    for scheduler in ("fifo",) if is_skopt else ("fifo", "hbs"):
        with warnings.catch_warnings():
            if is_skopt:
                warnings.simplefilter("ignore")  # what the library warns of is not ours to mend
            result = ag.tune(
                train,
                scheduler=scheduler,
                searcher=searcher,
                search_options=options,
                num_trials=9 if is_skopt else 26,
                executor=SimulatedExecutor(curve, 3),
            )
        told = " ".join(proposals(result, result.trials))
        for sentence in sentences:
            assert sentence in told


def test_what_a_proposal_says_of_a_parent_is_what_the_run_had():
    result = ag.tune(
        train,
        searcher="evolution",
        search_options={"population_size": 4, "sample_size": 2},
        num_trials=12,
        executor=SimulatedExecutor(curve, 1),
    )
    children = [t for t in result.trials.values() if t.origin == "evolution"]
    assert children
    for trial in children:
        parent = result.trials[trial.why["parent"]]
        (told,) = proposals(result, [trial.trial_id])
        assert f"child of trial {parent.trial_id}, the best of a sample of 2 of the 4" in told
        assert f"then had accuracy {parent.best.reward:.6g}." in told
        assert trial.config[trial.why["changed"]] != parent.config.get(trial.why["changed"])


def test_an_object_as_the_searcher_is_explained_as_its_name_is():
    for searcher in ("tpe", TPESearcher(train.cs, max_epochs=9)):
        result = ag.tune(
            train,
            scheduler="hbs",
            searcher=searcher,
            num_trials=14,
            executor=SimulatedExecutor(curve, 1),
        )
        told = proposals(result, result.trials)
        assert "It was the best of 24 configs drawn like the good ones" in told[13]


def population(checkpoint=None, **arguments):
    return PopulationBasedTrainingScheduler(
        train,
        population_size=4,
        perturbation_interval=3,
        quantile_fraction=0.25,
        populations=1,
        executor=SimulatedExecutor(curve, 2),
        checkpoint=checkpoint,
        progress=False,
        **arguments,
    )


def test_copies_of_a_population_are_explained_also_when_it_was_resumed(tmp_path):
    whole = population()
    whole.run()
    copies = [t for t in whole.trials.values() if t.parent is not None]
    assert copies
    for trial in copies:
        (told,) = proposals(whole, [trial.trial_id])
        assert told.startswith(f"A copy of trial {trial.parent} that goes on behind epoch ")
        assert "changed from" in told
    population(tmp_path / "run", time_out=copies[0].started_s - 1.0).run()
    resumed = population(tmp_path / "run", resume=True)
    resumed.run(time_out=None)
    later = [t.trial_id for t in resumed.trials.values() if t.parent is not None]
    assert later
    assert all(told.startswith("A copy of trial") for told in proposals(resumed, later))


def test_a_resumed_run_says_the_same_of_its_proposals(tmp_path):
    def scheduler(folder=None, num_trials=20, **arguments):
        return ag.scheduler.HyperbandScheduler(
            train,
            searcher="bohb",
            num_trials=num_trials,
            executor=SimulatedExecutor(curve, 1),
            checkpoint=folder,
            progress=False,
            **arguments,
        )

    whole = scheduler()
    whole.run()
    scheduler(tmp_path / "run", num_trials=11).run()
    resumed = scheduler(tmp_path / "run", resume=True)
    resumed.run()
    assert proposals(resumed, resumed.trials) == proposals(whole, whole.trials)


def test_a_journal_without_the_new_facts_is_read_and_explained(tmp_path):
    scheduler = ag.scheduler.FIFOScheduler(
        train,
        searcher="tpe",
        num_trials=14,
        executor=SimulatedExecutor(curve, 1),
        checkpoint=tmp_path / "run",
        progress=False,
    )
    scheduler.run()
    (journal,) = (tmp_path / "run").glob("*.jsonl")
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    old = ("good", "bad", "log_density_ratio", "resource")
    for line in lines:
        if "why" in line:
            line["why"] = {name: line["why"][name] for name in old if name in line["why"]}
    journal.write_text("".join(json.dumps(line) + "\n" for line in lines))
    history = RunHistory()
    for event in read_journal(journal):
        history.apply(event)
    told = [
        " ".join(explain_trial(history, trial_id).split("Why it was proposed")[1].split())
        for trial_id in history.trials
    ]
    assert told[1].startswith("Drawn at random from the search space.")
    assert told[13].startswith(f"It was the best of those {DRAWN}{RATIO}")
    assert not any(raw in text for text in told for raw in RAW)

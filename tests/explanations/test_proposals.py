"""Why a config was proposed: one sentence for each kind of origin, numbers only if they count."""

import pytest

from agcore.records import ConfigEnqueued

FITTED = "The hyperparameters of the model were fitted to 9 values for this proposal, in 12 "


@pytest.mark.parametrize(
    ("origin", "searcher", "sentence"),
    [
        ("default", "random", "The default config of the search space, which is tried before any"),
        ("random", "random", "Drawn at random from the search space."),
        ("random", "bayesopt", "Drawn at random, as the first configs of the searcher bayesopt"),
        ("grid", "grid", "The next config of the grid."),
        ("user", "random", "Given by the user, as one of the points to evaluate first."),
        ("user", "Mine", "Given by the user: a point to evaluate, or the choice of Mine."),
        ("queue", "random", "Enqueued by the user, so the searcher was not asked."),
        ("nearby", "Mine", "Proposed by the searcher Mine as 'nearby'."),
        ("model", "Mine", "Proposed by the searcher Mine as 'model'."),
    ],
)
def test_each_origin_has_its_sentence(story, origin, searcher, sentence):
    why = story(searcher=searcher).propose(origin).why
    assert why.startswith(sentence)
    assert why.endswith("There was no best trial yet.")


def test_an_enqueued_config_says_when(story):
    run = story().trial(0.5).apply(ConfigEnqueued, {"lr": 0.3}).propose("queue", config={"lr": 0.3})
    assert run.why.startswith("Enqueued by the user 5.0 s into the run, so the searcher was not")


def test_the_best_at_that_time_is_not_the_best_of_today(story):
    run = story().trial(0.5, 0.7).trial(0.6).trial(0.9)
    assert "The best of the run was then trial 0, accuracy 0.7 at epoch 2." in run.section(
        "Why it was proposed", 1
    )


def test_a_failed_trial_was_not_the_best_then(story):
    assert "no best trial yet" in story().trial(0.5, state="failed").trial(0.6).why


def test_a_proposal_by_the_model_is_told_in_rewards(story, model_why):
    run = story(searcher="bayesopt").trial(0.8).propose("model", model_why(), suggest_s=0.0312)
    assert run.start().report(0.876).end().why == (
        "Proposed by the model in 0.031 s, given 9 observations. It expected accuracy 0.85 with "
        "standard deviation 0.02. Of the configs it knew, it expected the best to have 0.8. So the "
        "expected improvement was 0.05. The search valued it at -1.25 (log expected "
        "improvement, standardised) after 7 evaluations. "
        f"{FITTED}evaluations. The best of the run was then trial 0, accuracy 0.8 at epoch 1. "
        "It came out 1.3 standard deviations better than expected: accuracy 0.876 at epoch 1."
    )


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "was 0.05."),
        (1, "was 0.05, taking for granted what it expected of 1 config unseen at epoch 3."),
        (26, "was 0.05, taking for granted what it expected of 26 configs unseen at epoch 3."),
    ],
)
def test_beliefs_are_told(story, model_why, count, said):
    run = story().propose("model", model_why(resource=3, believed=count))
    assert f"So the expected improvement {said}" in run.why
    assert "reasons" not in run.why


def test_a_loss_is_told_with_its_own_sign(story, model_why):
    why = model_why(mean=1.4, incumbent=1.5, sd=0.1, resource=3)
    run = story(mode="min", reward_attr="loss", searcher="bayesopt").propose("model", why)
    told = run.start().report(0.9, 0.8, 0.6).why
    assert "It expected loss 0.4 with standard deviation 0.1 at epoch 3." in told
    assert "it expected the best to have 0.5 at epoch 3." in told
    assert "It came out 2.0 standard deviations worse than expected: loss 0.6 at epoch 3." in told


def test_minus_the_reward_is_taken_back_as_such(story, model_why):
    why = model_why(mean=-0.85, incumbent=-0.8, map_reward="minus_x")
    assert "It expected accuracy 0.85 with standard" in story().propose("model", why).why


def test_a_map_of_the_users_own_is_told_by_the_rewards_that_it_gave(story, model_why):
    rewards = {"mean": 0.9, "low": 0.8, "high": 0.95, "incumbent": 0.85}
    run = story().propose("model", model_why(map_reward="own", rewards=rewards))
    assert "It expected accuracy 0.9, one standard deviation from 0.8 and 0.95." in run.why
    assert "expected improvement was" not in run.why
    within = run.start().report(0.94).why
    assert "So far it came out within one standard deviation of what was expected: acc" in within
    assert "more than one standard deviation better than expected" in run.report(0.96).why


def test_a_map_of_the_users_own_may_lack_rewards(story, model_why):
    run = story().propose("model", model_why(map_reward="own", rewards={"mean": 0.9, "low": 0.8}))
    assert "It expected accuracy 0.9, one standard deviation from 0.8." in run.why
    run = story().propose("model", model_why(map_reward="own", rewards={}))
    assert run.why.startswith(
        "Proposed by the model, given 9 observations. It predicted a criterion of 0.15 with "
        f"standard deviation 0.02, which map_reward takes back to no reward. {FITTED}"
    )


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (
            {"kappa": 2.5},
            "It looked for the best that could be hoped for: what is expected and 2.5 standard "
            "deviations. The search valued it at -1.25 (upper confidence bound, standardised)",
        ),
        (
            {"kappa": 2.5, "prior_power": 0.5},
            "(upper confidence bound, standardised, plus the log of the space's prior to the "
            "power 0.5)",
        ),
        ({"profile": "classic"}, "at -1.25 (expected improvement, standardised) after"),
        (
            {"prior_power": 0.5},
            "(log expected improvement, standardised, times the space's prior to the power 0.5)",
        ),
        (
            {"feasible": 3},
            "3 keep the constraint. The search valued it at -1.25 (log expected improvement, "
            "standardised, times probability of keeping the constraint)",
        ),
        ({"feasible": 1}, "Of the configs it knew, 1 keeps the constraint."),
        (
            {"feasible": 0, "incumbent": None},
            "No config it knew kept the constraint, so it looked for the config most likely to "
            "keep it. The search valued it at -1.25 (log probability of keeping the constraint)",
        ),
    ],
)
def test_what_was_maximised_is_named(story, model_why, changed, sentence):
    assert sentence in story().propose("model", model_why(**changed)).why


def test_hyperparameters_that_were_kept_name_the_fit_they_are_from(story, model_why):
    run = story().trial(0.5, origin="model", why=model_why()).propose("model", model_why(fit=None))
    assert "of the model were kept as they were fitted for trial 0." in run.why
    alone = story().propose("model", model_why(fit=None)).why
    assert "The hyperparameters of the model were kept. There" in alone


def test_the_resources_that_a_model_trusted_are_named_the_most_trusted_first(story, model_why):
    weights = {"1": 0.29, "3": 0.0, "9": 0.71}
    why = story(searcher="hypertune").propose("model", model_why(level_weights=weights)).why
    assert (
        "The model went by the results at epoch 9 (71%) and epoch 1 (29%), weighted by how well "
        "they rank the configs that reached epoch 9. The hyperparameters"
    ) in why
    assert "level_weights" not in why
    alone = story(time_attr="step").propose("model", model_why(level_weights={"1": 1.0})).why
    assert "Only results at step 1 were enough for a model." in alone
    vain = story(searcher="hypertune").propose(
        "random", {"model_found_nothing": True, "level_weights": weights}
    )
    assert "The model went by the results at epoch 9" in vain.why


def test_a_model_that_found_nothing_is_said_so(story):
    fit = {"rows": 4, "evaluations": 5}
    run = story(searcher="bayesopt").propose("random", {"model_found_nothing": True, "fit": fit})
    assert run.why.startswith(
        "Drawn at random: the model was asked, but found nothing new to propose. The "
        "hyperparameters of the model were fitted to 4 values for this proposal, in 5 evaluations."
    )


@pytest.mark.parametrize(
    ("rewards", "state", "sentence"),
    [
        ([0.85], "completed", "It came out as expected: accuracy 0.85"),
        ([0.81], "completed", "It came out 2.0 standard deviations worse than expected: accuracy"),
        ([], "failed", "It never reported accuracy, so it cannot be compared with that."),
        ([float("nan")], "diverged", "It diverged, so it cannot be compared with that."),
        ([0.87], "running", "So far it came out 1.0 standard deviations better than expected"),
        ([], "running", "It has not reported accuracy yet, so it cannot be compared."),
    ],
)
def test_the_outcome_is_compared_if_there_is_one(story, model_why, rewards, state, sentence):
    run = story().propose("model", model_why()).start().report(*rewards)
    if state != "running":
        run.end(state)
    assert sentence in run.why


@pytest.mark.parametrize(("state", "how"), [("paused", "not reported"), ("stopped", "never")])
def test_a_trial_below_the_resource_of_its_prediction(story, model_why, state, how):
    run = story().propose("model", model_why(resource=9)).start().report(0.5).end(state)
    assert how in run.why
    assert "at epoch 9" in run.why


def test_a_searcher_of_the_users_own_may_give_any_reasons(story):
    why = {"mean": "high", "fit": "loose", "at": [1, 2], "text": "x" * 99, "nothing": None}
    told = story(searcher="Mine").propose("model", why | {"share": 1 / 3}).why
    assert told.endswith(
        "The searcher gave these reasons: mean='high', fit='loose', at=[1, 2], "
        f"text='{'x' * 56}..., nothing=None, share=0.333333."
    )


def test_numbers_that_a_model_gives_besides_are_shown(story, model_why):
    told = story().propose("model", model_why(cost=3.5)).why
    assert told.endswith("The searcher gave these reasons: cost=3.5.")


def test_scikit_optimize_gives_the_number_of_observations(story):
    told = story(searcher="skopt").propose("model", {"observations": 1}).why
    assert told.startswith("Proposed by scikit-optimize, given 1 observation.")
    assert "reasons" not in told

"""Tests of asynchronous Hyperband, by stopping and by promotion."""

import collections
import math
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest

from agcore.errors import ReportError, SpecError
from agcore.policy import CONTINUE, HyperbandPolicy
from agcore.records import Action, NewTrial, ResumeTrial, TrialState
from agcore.testing.policy import PolicyContract, play

nan = math.nan

KINDS = {
    "stopping": {"type": "stopping", "max_t": 9},
    "stopping_off_the_grid": {"type": "stopping", "max_t": 10},
    "stopping_brackets": {"type": "stopping", "max_t": 27, "brackets": 4},
    "promotion": {"type": "promotion", "max_t": 9},
    "promotion_explicit": {"type": "promotion", "max_t": 12, "rung_levels": [2, 3, 7]},
    "promotion_brackets": {"type": "promotion", "max_t": 27, "brackets": 4},
    "promotion_shared": {
        "type": "promotion",
        "max_t": 16,
        "reduction_factor": 2,
        "brackets": 3,
        "rung_system_per_bracket": False,
    },
    "delayed": {"type": "promotion", "max_t": 27, "brackets": 2, "delay_promotion": True},
    "stopping_shared": {
        "type": "stopping",
        "max_t": 16,
        "reduction_factor": 2.5,
        "brackets": 3,
        "rung_system_per_bracket": False,
    },
}


def make(kind):
    return HyperbandPolicy(**KINDS[kind])


class TestStopping(PolicyContract):
    def make_policy(self):
        return make("stopping")


class TestStoppingOffTheGrid(PolicyContract):
    def make_policy(self):
        return make("stopping_off_the_grid")


class TestStoppingBrackets(PolicyContract):
    def make_policy(self):
        return make("stopping_brackets")


class TestStoppingShared(PolicyContract):
    def make_policy(self):
        return make("stopping_shared")


class TestPromotion(PolicyContract):
    def make_policy(self):
        return make("promotion")


class TestPromotionExplicit(PolicyContract):
    def make_policy(self):
        return make("promotion_explicit")


class TestPromotionBrackets(PolicyContract):
    def make_policy(self):
        return make("promotion_brackets")


class TestDelayedPromotion(PolicyContract):
    def make_policy(self):
        return make("delayed")


class TestWithLearntBrackets(PolicyContract):
    def make_policy(self):
        policy = make("promotion_brackets")
        policy.weigh_brackets([0.0, 3.0, 1.0])
        return policy


class TestPromotionShared(PolicyContract):
    def make_policy(self):
        return make("promotion_shared")


# -- random runs ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.startswith("promotion")])
def test_every_paused_trial_was_outside_the_best_of_its_rung(kind):
    paused = 0
    for seed in range(10):
        for _, _, _, decision in play(make(kind), seed).reports():
            if decision.action is Action.PAUSE:
                paused += 1
                standing = decision.standing
                share = Fraction(standing.quantile).limit_denominator(1000)
                candidates = math.floor(standing.size * share)
                assert standing.rank > candidates or standing.size < round(1 / share)
    assert paused > 100


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_finite_report_at_a_milestone_is_decided_at_its_rung(kind):
    policy = make(kind)
    record = play(policy, seed=1)
    brackets = {t: job.bracket for t, job in record.jobs() if isinstance(job, NewTrial)}
    firsts = policy.bracket_first_milestones
    for trial_id, resource, reward, decision in record.reports():
        at_rung = resource in policy.milestones and resource >= firsts[brackets[trial_id]]
        if resource >= policy.max_resource:
            assert decision.standing is None
        elif at_rung:
            assert decision.standing.level == resource
        elif not math.isnan(reward):
            assert decision is CONTINUE


@pytest.mark.parametrize("kind", ["promotion", "promotion_brackets", "promotion_shared"])
def test_at_the_end_nothing_that_could_be_promoted_is_left(kind):
    for seed in range(5):
        policy = make(kind)
        play(policy, seed)
        assert policy.next_job(0.0, allow_new=False) is None


# -- brackets ------------------------------------------------------------------------------


def test_brackets_are_drawn_with_the_probabilities_of_the_specification():
    policy = HyperbandPolicy(27, brackets=4)
    expected = (0.551, 0.245, 0.122, 0.082)
    assert policy.bracket_shares == pytest.approx(expected, abs=5e-4)
    counts = collections.Counter()
    num_trials = 4000
    for trial_id in range(num_trials):
        job = policy.next_job(0.0)
        counts[job.bracket] += 1
        policy.on_start(trial_id, job)
    observed = [counts[bracket] / num_trials for bracket in range(4)]
    assert observed == pytest.approx(expected, abs=0.025)


def test_the_bracket_of_a_draw_depends_on_seed_and_number_only():
    def brackets(**options):
        policy = HyperbandPolicy(27, brackets=4, **options)
        jobs = []
        for trial_id in range(50):
            jobs.append(policy.next_job(0.0))
            policy.on_start(trial_id, jobs[-1])
        return [job.bracket for job in jobs]

    assert brackets() == brackets()
    assert brackets() == brackets(type="promotion")
    assert brackets() != brackets(seed=1)


def drawn(policy, count=4000):
    brackets = []
    for trial_id in range(count):
        job = policy.next_job(0.0)
        brackets.append(job.bracket)
        policy.on_start(trial_id, job)
    return brackets


def test_learnt_weights_share_what_their_brackets_have_by_default():
    policy = HyperbandPolicy(27, brackets=4)
    default = policy.bracket_shares
    policy.weigh_brackets([0.0, 3.0, 1.0])
    head = sum(default[:3])
    expected = (0.0, 0.75 * head, 0.25 * head, default[3])
    assert policy.bracket_shares == pytest.approx(expected)
    counts = collections.Counter(drawn(policy))
    assert 0 not in counts
    assert [counts[s] / 4000 for s in range(4)] == pytest.approx(expected, abs=0.025)
    policy.weigh_brackets([])
    assert policy.bracket_shares == default


def test_brackets_without_weight_are_never_drawn():
    for weights in ([0.0, 1e-300, 0.0, 0.0], [0.0, 1e300, 0.0, 0.0]):
        policy = HyperbandPolicy(27, brackets=4)
        policy.weigh_brackets(weights)
        assert set(drawn(policy, 300)) == {1}
    policy = HyperbandPolicy(27, brackets=4)
    policy.weigh_brackets(policy.bracket_shares)
    assert drawn(policy, 300) == drawn(HyperbandPolicy(27, brackets=4), 300)


def test_a_bracket_that_was_drawn_for_the_next_trial_stays():
    policy = HyperbandPolicy(27, brackets=4)
    job = policy.next_job(0.0)
    weights = [0.0] * 4
    weights[(job.bracket + 1) % 4] = 1.0
    policy.weigh_brackets(weights)
    assert policy.next_job(1.0) == job
    policy.on_start(0, job)
    assert policy.next_job(2.0).bracket == (job.bracket + 1) % 4


@pytest.mark.parametrize(
    "weights", [[0.0, 0.0], [1.0, -0.1], [math.nan, 1.0], [math.inf, 1.0], [1.0] * 3]
)
def test_what_are_no_weights_of_brackets_is_refused(weights):
    policy = HyperbandPolicy(27, brackets=2)
    with pytest.raises(SpecError, match=r"weights=\[.*for at most 2 brackets"):
        policy.weigh_brackets(weights)
    assert sum(policy.bracket_shares) == pytest.approx(1.0)


def test_with_delay_no_more_trials_of_a_rung_go_on_than_its_share():
    gone, arrived = collections.Counter(), collections.Counter()
    for seed in range(5):
        policy = make("delayed")
        record = play(policy, seed)
        gone.clear()
        arrived.clear()
        brackets = {}
        for call in record.calls:
            if call.name == "on_start":
                trial_id, job = call.arguments
                brackets[trial_id] = job.bracket
                if isinstance(job, ResumeTrial):
                    gone[job.bracket, job.resume_from] += 1
            elif call.name == "on_report" and call.answer.standing is not None:
                rung = brackets[call.arguments[0]], call.arguments[1]
                arrived[rung] += 1
                gone[rung] += call.answer.action is Action.CONTINUE
            assert all(arrived[rung] >= 3 * count for rung, count in gone.items())
        assert sum(gone.values()) > 10


def test_brackets_are_capped_at_the_number_of_rungs():
    policy = HyperbandPolicy(9, brackets=10)
    assert policy.bracket_first_milestones == (1, 3, 9)
    assert HyperbandPolicy(10, brackets=10).bracket_first_milestones == (1, 3, 9)


def test_a_trial_of_a_higher_bracket_skips_the_lowest_rungs():
    for shared in (False, True):
        policy = HyperbandPolicy(9, brackets=2, rung_system_per_bracket=not shared)
        policy.on_start(0, NewTrial(1, 3))
        assert policy.on_report(0, 1, 0.5) is CONTINUE
        assert policy.on_report(0, 2, 0.5) is CONTINUE
        assert policy.on_report(0, 3, 0.5).standing.size == 1


@pytest.mark.parametrize(("own_rungs", "sizes"), [(True, (1, 1)), (False, (1, 2))])
def test_brackets_have_rungs_of_their_own_or_share_them(own_rungs, sizes):
    policy = HyperbandPolicy(9, brackets=2, rung_system_per_bracket=own_rungs)
    policy.on_start(0, NewTrial(0, 1))
    policy.on_start(1, NewTrial(1, 3))
    policy.on_report(0, 1, 0.5)
    observed = []
    for trial_id in (0, 1):
        if trial_id == 0:
            policy.on_report(0, 2, 0.5)
        observed.append(policy.on_report(trial_id, 3, 0.5).standing.size)
    assert tuple(observed) == sizes


def pause(policy, trial_id, bracket, rewards):
    policy.on_start(trial_id, NewTrial(bracket, policy.bracket_first_milestones[bracket]))
    for resource, reward in enumerate(rewards, start=1):
        decision = policy.on_report(trial_id, resource, reward)
    assert decision.action is Action.PAUSE
    policy.on_exit(trial_id, TrialState.PAUSED)


def test_a_promotion_is_offered_in_the_sampled_bracket_or_if_nothing_new_may_start():
    policy = HyperbandPolicy(9, brackets=2, type="promotion")
    for trial_id in range(3):
        pause(policy, trial_id, 1, [0.5, 0.5, -float(trial_id)])
    promotion = policy.next_job(0.0, allow_new=False)
    assert promotion == ResumeTrial(0, 3, 9, 1, promotion.reason)
    twin = HyperbandPolicy(9, brackets=2)  # draws the same brackets and never promotes
    for trial_id in range(40):
        sampled = twin.next_job(0.0)
        twin.on_start(trial_id, sampled)
        if trial_id >= 3:
            expected = promotion if sampled.bracket == 1 else sampled
            assert policy.next_job(0.0) == expected
            policy.on_start(trial_id, sampled)


def test_with_shared_rungs_a_promoted_trial_keeps_its_bracket():
    policy = HyperbandPolicy(9, brackets=2, type="promotion", rung_system_per_bracket=False)
    pause(policy, 0, 1, [0.9, 0.9, 0.9])
    for trial_id in (1, 2):
        pause(policy, trial_id, 1, [0.1, 0.1, -trial_id])
    job = policy.next_job(0.0, allow_new=False)
    assert (job.trial_id, job.resume_from, job.milestone, job.bracket) == (0, 3, 9, 1)


def test_one_bracket_needs_no_numpy():
    code = (
        "import sys; from agcore.policy.hyperband import HyperbandPolicy as H;"
        "p = H(9); p.on_start(0, p.next_job(0.0)); p.on_report(0, 1, 0.5);"
        "sys.exit('numpy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# -- promotion -----------------------------------------------------------------------------


def paused_three():
    """Trial 0 is the best of three that are paused at 1."""
    policy = HyperbandPolicy(9, type="promotion")
    for trial_id in range(3):
        policy.on_start(trial_id, NewTrial(0, 1))
        assert policy.on_report(trial_id, 1, 0.5 - trial_id).action is Action.PAUSE
    return policy


def test_a_trial_is_promoted_only_after_its_attempt_has_ended():
    policy = paused_three()
    assert policy.next_job(0.0) == NewTrial(0, 1)
    policy.on_exit(0, TrialState.PAUSED)
    job = policy.next_job(0.0)
    assert (job.trial_id, job.resume_from, job.milestone, job.bracket) == (0, 1, 3, 0)
    assert job.reason == "reward 0.5 now ranks 1 of 3 at epoch=1; the best 1 may go on to 3"


@pytest.mark.parametrize("state", [s for s in TrialState if s is not TrialState.PAUSED])
def test_what_did_not_pause_is_never_promoted_and_keeps_its_place(state):
    policy = paused_three()
    policy.on_exit(0, state)
    policy.on_exit(1, TrialState.PAUSED)
    assert policy.next_job(0.0, allow_new=False) is None  # trial 0 holds the one place
    for trial_id in (3, 4, 5):
        policy.on_start(trial_id, NewTrial(0, 1))
        assert policy.on_report(trial_id, 1, -9.0).action is Action.PAUSE
    assert policy.next_job(0.0, allow_new=False).trial_id == 1


def test_a_paused_trial_that_is_given_up_is_withdrawn():
    policy = paused_three()
    policy.on_exit(0, TrialState.PAUSED)
    policy.on_exit(0, TrialState.INTERRUPTED)
    assert policy.next_job(0.0, allow_new=False) is None


def test_promotions_do_not_count_as_new_trials():
    plain, promoting = (HyperbandPolicy(27, brackets=4, type="promotion") for _ in range(2))
    for trial_id in range(3):
        for policy in (plain, promoting):
            policy.on_start(trial_id, NewTrial(0, 1))
            policy.on_report(trial_id, 1, -float(trial_id))
            policy.on_exit(trial_id, TrialState.PAUSED)
    promoting.on_start(0, promoting.next_job(0.0, allow_new=False))
    plain.on_exit(0, TrialState.FAILED)
    assert plain.next_job(0.0) == promoting.next_job(0.0)


def test_a_promoted_trial_goes_on_to_its_next_milestone():
    policy = paused_three()
    policy.on_exit(0, TrialState.PAUSED)
    policy.on_start(0, policy.next_job(0.0))
    assert policy.next_job(0.0, allow_new=False) is None
    assert policy.on_report(0, 2, 0.5) is CONTINUE
    decision = policy.on_report(0, 3, 0.5)
    assert decision.action is Action.PAUSE
    assert decision.standing.level == 3


def test_an_arriving_candidate_just_goes_on():
    policy = paused_three()
    policy.on_start(3, NewTrial(0, 1))
    decision = policy.on_report(3, 1, 1.0)
    assert decision.action is Action.CONTINUE
    assert decision.next_milestone == 3
    assert policy.on_report(3, 2, 1.0) is CONTINUE


# -- reports -------------------------------------------------------------------------------


def started(**options):
    policy = HyperbandPolicy(9, **options)
    policy.on_start(3, NewTrial(0, 1))
    policy.on_report(3, 1, 0.5)
    return policy


def test_jumping_over_a_rung_is_an_error_that_names_the_rungs():
    policy = started()
    policy.on_report(3, 2, 0.5)
    with pytest.raises(ReportError) as caught:
        policy.on_report(3, 4, 0.5)
    assert str(caught.value) == (
        "trial 3 reported epoch=4 after epoch=2 and jumped over the rung at 3; "
        "report every rung level: 1, 3, 9"
    )
    with pytest.raises(ReportError, match="jumped over the rung at 3"):
        policy.on_report(3, 9, 0.5)


def test_a_single_report_at_full_resource_completes_a_trial_without_rungs():
    policy = HyperbandPolicy(9)
    policy.on_start(0, policy.next_job(0.0))
    decision = policy.on_report(0, 9, 0.5)
    assert (decision.action, decision.completed) == (Action.STOP, True)
    policy.on_start(1, policy.next_job(0.0))
    policy.on_report(1, 1, 0.5)
    with pytest.raises(ReportError, match="jumped over the rung at 3"):
        policy.on_report(1, 9, 0.5)


def test_jumping_between_rungs_is_allowed():
    policy = started()
    policy.on_report(3, 3, 0.5)
    assert policy.on_report(3, 7, 0.5) is CONTINUE
    assert policy.on_report(3, 9, 0.5).completed


@pytest.mark.parametrize("resource", [0, -3, 1, 1.0, "2", True, nan, None])
def test_a_resource_that_does_not_grow_is_an_error(resource):
    policy = started(time_attr="step")
    with pytest.raises(ReportError, match="trial 3 reported step="):
        policy.on_report(3, resource, 0.5)


def test_an_error_leaves_the_trial_where_it_was():
    policy = started()
    with pytest.raises(ReportError):
        policy.on_report(3, 4, 0.5)
    assert policy.on_report(3, 2, 0.5) is CONTINUE


def test_a_resumed_trial_may_not_report_what_it_has_reported():
    policy = paused_three()
    policy.on_exit(0, TrialState.PAUSED)
    policy.on_start(0, policy.next_job(0.0))
    with pytest.raises(ReportError, match="epoch=1 after epoch=1"):
        policy.on_report(0, 1, 0.5)


def test_an_unknown_trial_is_an_error():
    policy = HyperbandPolicy(9)
    with pytest.raises(SpecError, match="trial 7 is unknown"):
        policy.on_report(7, 1, 0.5)
    with pytest.raises(SpecError, match="trial 7 is unknown"):
        policy.on_exit(7, TrialState.FAILED)
    with pytest.raises(SpecError, match="trial 7 is unknown"):
        policy.on_start(7, ResumeTrial(7, 1, 3, 0, "because"))


@pytest.mark.parametrize("kind", ["stopping", "promotion"])
@pytest.mark.parametrize("last", [10, 12])
def test_max_t_ends_a_trial_without_a_rung_and_may_be_exceeded(kind, last):
    policy = HyperbandPolicy(10, type=kind, rung_levels=[4, 8])
    policy.on_start(0, NewTrial(0, 4))
    for resource, following in ((4, 8), (8, 10)):
        if policy.on_report(0, resource, 0.5).action is Action.PAUSE:
            policy.on_start(0, ResumeTrial(0, resource, following, 0, "because"))
    decision = policy.on_report(0, last, 0.5)
    assert (decision.action, decision.completed, decision.standing) == (Action.STOP, True, None)


def test_a_finished_trial_is_completed_and_stays_so():
    policy = HyperbandPolicy(9)
    policy.on_start(0, NewTrial(0, 1))
    for resource in range(1, 9):
        assert policy.on_report(0, resource, 0.5).action is Action.CONTINUE
    decision = policy.on_report(0, 9, 0.5)
    assert (decision.action, decision.completed, decision.standing) == (Action.STOP, True, None)
    assert decision.reason == "reward 0.5 at epoch=9: max_t=9 is used"
    assert policy.on_report(0, 10, 0.5) is decision


def test_a_stopped_trial_that_goes_on_reporting_gets_the_same_answer():
    policy = started()
    policy.on_start(4, NewTrial(0, 1))
    decision = policy.on_report(4, 1, 0.1)
    assert decision.action is Action.STOP
    assert policy.on_report(4, 2, 0.9) is decision


@pytest.mark.parametrize("kind", ["stopping", "promotion"])
@pytest.mark.parametrize("at", [1, 2, 9])
def test_a_trial_that_diverges_is_stopped_wherever_it_is(kind, at):
    policy = HyperbandPolicy(9, type=kind)
    policy.on_start(5, NewTrial(0, 1))
    for resource in range(1, at):
        if policy.on_report(5, resource, 9.0).action is Action.PAUSE:
            policy.on_start(5, ResumeTrial(5, resource, 3 * resource, 0, "because"))
    decision = policy.on_report(5, at, nan)
    assert decision.action is Action.STOP
    assert not decision.completed
    assert decision.reason == f"trial 5 diverged: its reward at epoch={at} is not finite"
    assert (decision.standing is not None) == (at == 1)


def test_a_lost_trial_that_starts_over_is_not_counted_twice():
    policy = started()
    policy.on_report(3, 2, 0.5)
    policy.on_exit(3, TrialState.LOST)
    policy.on_start(3, NewTrial(0, 1))
    assert policy.on_report(3, 1, 0.5) is CONTINUE  # the rung has it already
    assert policy.on_report(3, 2, 0.5) is CONTINUE
    assert policy.on_report(3, 3, 0.5).standing.size == 1
    policy.on_start(4, NewTrial(0, 1))
    assert policy.on_report(4, 1, 0.6).standing.size == 2


def test_a_trial_lost_after_its_verdict_gets_the_same_one_again():
    policy = paused_three()
    policy.on_exit(0, TrialState.LOST)
    policy.on_start(0, NewTrial(0, 1))
    again = policy.on_report(0, 1, 0.0)
    assert (again.action, again.standing.size) == (Action.PAUSE, 1)
    policy.on_exit(0, TrialState.PAUSED)
    assert policy.next_job(0.0).trial_id == 0


# -- arguments -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_t": 9, "type": "stoping"}, "type='stoping' must be.*did you mean 'stopping'"),
        ({"max_t": 9, "type": None}, "type=None must be"),
        ({"max_t": 1}, "grace_period=1 must be below max_t=1"),
        ({"max_t": 9, "brackets": 0}, "brackets=0 must be a whole number of at least 1"),
        ({"max_t": 9, "brackets": 1.5}, "brackets=1.5 must be a whole number"),
        ({"max_t": 9, "seed": -1}, "seed=-1 must be a whole number of at least 0"),
        ({"max_t": 9, "grace_period": 4}, "one rung level"),
        ({"max_t": 9, "rung_levels": [1, 10]}, "must not exceed max_t=9"),
        ({"max_t": 9, "delay_promotion": True}, "delay_promotion=True needs type='promotion'"),
        ({"max_t": 9, "delay_promotion": 1}, "delay_promotion=1 must be True or False"),
        ({"max_t": None}, "max_t=None must be a whole number"),
    ],
)
def test_bad_arguments_are_refused_with_value_and_rule(arguments, message):
    with pytest.raises(SpecError, match=message):
        HyperbandPolicy(**arguments)


@pytest.mark.parametrize("other", [{"grace_period": 2}, {"reduction_factor": 4}, {}])
def test_rung_levels_go_with_any_of_the_arguments_they_override(other):
    policy = HyperbandPolicy(20, rung_levels=[1, 5, 12], **other)
    assert policy.rung_levels == (1, 5, 12)
    assert policy.milestones == (1, 5, 12, 20)


def test_no_rung_is_lost_to_rounding():
    assert HyperbandPolicy(1000, reduction_factor=10).rung_levels == (1, 10, 100, 1000)


def test_numpy_numbers_are_numbers():
    policy = HyperbandPolicy(np.int64(9), brackets=np.int32(2), grace_period=np.int64(1))
    assert policy.max_resource == 9
    assert type(policy.max_resource) is int


def test_the_plan_has_one_line_per_bracket():
    plan = HyperbandPolicy(10, brackets=2, type="promotion", time_attr="step").explain_plan()
    assert plan.splitlines() == [
        "bracket 0 (66.7% of new trials): pause unless good enough at "
        "step 1 (best 1/3), 3 (best 1/3), 9 (best 1/3); end at step 10",
        "bracket 1 (33.3% of new trials): pause unless good enough at "
        "step 3 (best 1/3), 9 (best 1/3); end at step 10",
    ]
    assert HyperbandPolicy(9, brackets=3).explain_plan().endswith("of new trials): end at epoch 9")


def test_jobs_that_do_not_fit_are_passed_over_for_others():
    policy = HyperbandPolicy(9, type="promotion")
    for trial_id in range(3):
        policy.on_start(trial_id, policy.next_job(0.0))
        policy.on_report(trial_id, 1, -float(trial_id))
        policy.on_exit(trial_id, TrialState.PAUSED)
    promotion = policy.next_job(0.0)
    assert isinstance(promotion, ResumeTrial)
    assert policy.next_fitting_job(lambda job: True) == promotion
    new = policy.next_fitting_job(lambda job: not isinstance(job, ResumeTrial))
    assert isinstance(new, NewTrial)
    assert policy.next_fitting_job(lambda job: False) is None
    assert policy.next_fitting_job(lambda job: isinstance(job, NewTrial), allow_new=False) is None
    assert policy.next_job(0.0) == promotion

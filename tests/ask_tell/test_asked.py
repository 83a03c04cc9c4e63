import json

import pytest

from agcore.ask_tell.asked import AskedTrial, Reference, reference
from agcore.errors import SpecError

TRIAL = AskedTrial(3, {"x": 0.5, "net": "a"}, 17, attempt=1, resume_from=3, milestone=9)


def test_a_trial_its_dict_and_its_number_mean_the_same_trial():
    assert reference(TRIAL) == reference(TRIAL.to_dict()) == Reference(3, 1)
    assert reference(3) == reference({"trial_id": 3}) == Reference(3, None)


def test_the_dict_is_the_trial_in_json():
    assert AskedTrial(**json.loads(json.dumps(TRIAL.to_dict()))) == TRIAL


@pytest.mark.parametrize("nonsense", [None, True, 3.0, "3", {}, {"trial_id": 3, "attempt": "1"}])
def test_nothing_else_means_a_trial(nonsense):
    with pytest.raises(SpecError, match=r"is no trial; pass what ask\(\) gave"):
        reference(nonsense)

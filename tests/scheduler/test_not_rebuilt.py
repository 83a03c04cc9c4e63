import pytest

import agcore as ag
from agcore.errors import SpecError


def test_the_rl_scheduler_names_what_to_use_instead():
    with pytest.raises(SpecError, match="use HyperbandScheduler"):
        ag.scheduler.RLScheduler(None, resource={}, anything="else")

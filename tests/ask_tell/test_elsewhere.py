import pytest

from agcore.ask_tell.elsewhere import Elsewhere
from agcore.errors import SpecError
from agcore.jobs import Start
from agcore.scheduler.options import RunOptions
from agcore.train_fn import as_train_function


def test_it_says_that_trials_run_elsewhere():
    executor = Elsewhere()
    assert RunOptions(executor=executor).runs_elsewhere
    assert RunOptions(executor=executor).make_executor(as_train_function(print, {})) is executor
    assert not RunOptions(executor="inline").runs_elsewhere


def test_it_runs_no_trial():
    executor = Elsewhere()
    with pytest.raises(SpecError, match="it has no run"):
        executor.open(None)
    with pytest.raises(SpecError, match="trial 3 cannot be run here"):
        executor.submit(Start(3, {}, 0))
    assert executor.log(3) == []
